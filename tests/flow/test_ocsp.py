"""OCSP: what responders say about clients' certificates, and what happens while they say nothing."""
import datetime
import http.server
import os
import signal
import socket
import subprocess
import threading

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp

from pki import NOW, Authority, Pki, cert_pem, crl_pem, key_pem
from proxy import basic, free_port, wait_until

ALICE = "alice@example.com"
BOB = "bob@example.com"


class Responder:
    """Asks openssl ocsp, with the CA of pki, about each request; answers on 127.0.0.1 alone."""

    def __init__(self, pki, directory, revoked=(), signer="ca", canned=None, port=0):
        responder = self
        self.canned = canned
        self.directory = directory
        self.pki = pki
        self.open = threading.Event()  # answers wait for it
        self.open.set()
        self.index = directory / "index.txt"
        self.revoke(*revoked)
        self.command = ["openssl", "ocsp", "-index", str(self.index), "-CA", str(pki.dir / "ca.crt"),
                        "-rsigner", str(pki.dir / f"{signer}.crt"),
                        "-rkey", str(pki.dir / f"{signer}.key"), "-nmin", "5"]

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = responder.answer(body)
                self.send_response(200)
                self.send_header("Content-Type", "application/ocsp-response")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *unused):
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def revoke(self, *revoked):
        """From now on these are withdrawn, and no others."""
        lines = []
        for stem in ("alice", "bob"):
            serial = f"{self.pki.load(stem).serial_number:X}"
            serial = serial if len(serial) % 2 == 0 else "0" + serial
            state = "R\t350101000000Z\t260101000000Z" if stem in revoked else "V\t350101000000Z\t"
            lines.append(f"{state}\t{serial}\tunknown\t/CN={stem}\n")
        new = self.index.with_suffix(".new")
        new.write_text("".join(lines))
        new.rename(self.index)

    def answer(self, request):
        assert self.open.wait(60)
        if self.canned is not None:
            return self.canned
        question, answer = self.directory / "request.der", self.directory / "response.der"
        question.write_bytes(request)
        subprocess.run([*self.command, "-reqin", str(question), "-respout", str(answer)],
                       capture_output=True, check=True)
        return answer.read_bytes()

    def stop(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    made = Pki(tmp_path_factory.mktemp("ocsp"))
    made.write("ca.key", key_pem(made.ca.key))
    stranger = Authority("Stranger")
    made.write("stranger.crt", cert_pem(stranger.cert))
    made.write("stranger.key", key_pem(stranger.key))
    return made


@pytest.fixture
def responder(pki, tmp_path):
    made = []

    def make(**options):
        directory = tmp_path / f"responder{len(made)}"
        directory.mkdir()
        made.append(Responder(pki, directory, **options))
        return made[-1]

    yield make
    for r in made:
        r.stop()


def with_ocsp(make_proxy, pki, url, mode, workers=1, **more):
    proxy = make_proxy({"process": {"workers": workers}}, pki=pki)
    proxy.config["listeners"][0]["client"]["ocsp"] = {"mode": mode, "responder": url,
                                                      "keep_min": "1s", "timeout": "10s", **more}
    proxy.write_config()
    return proxy.start()


def verdict(proxy, pair="alice", user=ALICE):
    answer = proxy.get(pair, user)
    return None if answer.status == 200 else proxy.record(answer)["auth.reason"]


def test_good(make_proxy, pki, responder):
    """Hard: the first one is refused, as nobody waits; the next one is let in."""
    proxy = with_ocsp(make_proxy, pki, responder().url, "hard")
    first = verdict(proxy)
    assert first in ("ocsp_pending", None)
    wait_until(lambda: verdict(proxy) is None)
    assert proxy.events("ocsp_failed") == []


def test_answer_between_handshake_and_request(make_proxy, pki, responder):
    there = responder()
    there.open.clear()
    proxy = with_ocsp(make_proxy, pki, there.url, "hard", timeout="60s")
    with proxy.connect("alice") as client:
        assert verdict(proxy) == "ocsp_pending"
        there.open.set()
        wait_until(lambda: verdict(proxy) is None)
        assert client.get("/", ALICE, "wonder land").status == 200


def test_the_upstream_is_told_on_a_connection_from_before_the_answer(make_proxy, pki, responder,
                                                                     upstream):
    there = responder()
    there.open.clear()
    proxy = make_proxy({"headers": {"dialects": ["own", "rfc9440", "xfcc"]}}, pki=pki)
    proxy.config["listeners"][0]["client"]["ocsp"] = {
        "mode": "hard", "responder": there.url, "keep_min": "1s", "timeout": "60s"}
    proxy.write_config()
    proxy.start()

    def told(client):
        assert client.get("/", ALICE, "wonder land").status == 200
        return {n.lower(): v for n, v in upstream.requests[-1].fields
                if "client" in n.lower()}

    with proxy.connect("alice") as before:
        assert verdict(proxy) == "ocsp_pending"
        there.open.set()
        wait_until(lambda: verdict(proxy) is None)
        with proxy.connect("alice") as after:
            fields = told(after)
        assert told(before) == fields
    assert fields["client-cert"] and fields["x-forwarded-client-cert"]
    assert fields["x-client-verify"] == "SUCCESS"


def test_revoked_hard(make_proxy, pki, responder):
    proxy = with_ocsp(make_proxy, pki, responder(revoked=("bob",)).url, "hard")
    assert verdict(proxy, "bob", BOB) in ("ocsp_pending", "client_cert_withdrawn")
    wait_until(lambda: verdict(proxy, "bob", BOB) == "client_cert_revoked")
    wait_until(lambda: verdict(proxy) is None)


def test_revoked_soft(make_proxy, pki, responder):
    """A first connection is let in; what is told later holds for it, too."""
    there = responder(revoked=("bob",))
    there.open.clear()
    proxy = with_ocsp(make_proxy, pki, there.url, "soft", timeout="60s")
    with proxy.connect("bob") as client:
        assert client.get("/", BOB, "b:ob").status == 200
        there.open.set()
        wait_until(lambda: verdict(proxy, "bob", BOB) == "client_cert_revoked")
        try:
            answer = client.get("/", BOB, "b:ob")
        except OSError:
            answer = None  # the connection has been ended already
        if answer is not None:
            assert answer.status == 403
            assert proxy.record(answer)["auth.reason"] == "client_cert_withdrawn"
    assert verdict(proxy) is None


def idle(proxy, pair, user):
    client = proxy.connect(pair)
    assert client.get("/", user, proxy.passwords[user]).status == 200
    return client


def test_revoked_ends_what_is_open(make_proxy, pki, responder):
    """Idle connections on all workers, and nobody else's, without another request on them."""
    there = responder(revoked=("bob",))
    there.open.clear()
    proxy = with_ocsp(make_proxy, pki, there.url, "soft", workers=2, timeout="60s")
    gone = [idle(proxy, "bob", BOB) for _ in range(6)]
    stays = [idle(proxy, "alice", ALICE) for _ in range(6)]
    with proxy.connect("bob") as half:
        half.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n"
                  b"Authorization: " + basic(BOB, "b:ob").encode() + b"\r\n\r\n12345")
        wait_until(lambda: proxy.metric("countersign_http_requests_active") == 2)
        there.open.set()
        assert half.answer().status == 403 and half.at_end()
    assert all(client.at_end() for client in gone)
    events = wait_until(lambda: proxy.events("connection_withdrawn"))
    assert {e["reason"] for e in events} == {"client_cert_withdrawn"} and len(events) == 7
    for client in stays:
        assert client.get("/", ALICE, "wonder land").status == 200
    assert proxy.metric("countersign_connections_withdrawn_total") == 7


def test_an_idle_connection_is_asked_about(make_proxy, pki, responder):
    """Good when it came, withdrawn later: nobody but the proxy itself would ask again."""
    there = responder()
    proxy = with_ocsp(make_proxy, pki, there.url, "hard", keep_max="1s", timeout="60s")
    wait_until(lambda: verdict(proxy, "bob", BOB) is None)
    with idle(proxy, "bob", BOB) as client:
        there.revoke("bob")
        assert client.at_end()
    wait_until(lambda: proxy.events("connection_withdrawn"))


def test_requests_are_counted(make_proxy, pki, responder):
    def count(outcome):
        return proxy.metric(f'countersign_ocsp_requests_total{{outcome="{outcome}"}}')

    there = responder(revoked=("bob",))
    proxy = with_ocsp(make_proxy, pki, there.url, "soft", keep_max="1s", timeout="10s")
    assert [count(o) for o in ("good", "revoked", "unknown", "failed")] == [0, 0, 0, 0]
    for outcome, pair, user in (("good", "alice", ALICE), ("revoked", "bob", BOB),
                                ("unknown", "carol", "carol@example.com")):
        verdict(proxy, pair, user)
        wait_until(lambda o=outcome: count(o) >= 1)
    assert count("failed") == 0
    there.stop()
    wait_until(lambda: verdict(proxy) is None and count("failed") >= 1)


def test_responder_dead(make_proxy, pki):
    for mode, expected in (("soft", None), ("hard", "ocsp_pending")):
        proxy = with_ocsp(make_proxy, pki, f"http://127.0.0.1:{free_port()}/", mode, timeout="1s")
        assert verdict(proxy) == expected
        (event,) = wait_until(lambda: proxy.events("ocsp_failed"))[:1]
        assert event["level"] == "warning" and "no answer" in event["error"]
        assert verdict(proxy) == expected
        proxy.stop()


def test_responders_that_hang_hold_up_nobody_else(make_proxy, pki, responder):
    """More questions to them than there are threads, and no thread is free before a minute."""
    silent = []
    for _ in range(6):
        hole = socket.socket()
        hole.bind(("127.0.0.1", 0))
        hole.listen(64)  # connections are made, and nobody ever reads
        silent.append(hole)
    pki.client("served", pki.subject(ALICE), responder=responder().url,
               serial=pki.load("alice").serial_number)  # as the index has it
    for i in range(40):
        pki.client(f"unserved{i}", pki.subject(BOB),
                   responder="http://127.0.0.1:%d/%d" % (silent[i % 6].getsockname()[1], i))
    proxy = make_proxy({"process": {"workers": 2}}, pki=pki)
    proxy.config["listeners"][0]["client"]["ocsp"] = {"mode": "hard", "keep_min": "1s",
                                                      "keep_max": "1s", "timeout": "60s"}
    proxy.write_config()
    proxy.start()
    for i in range(40):
        assert verdict(proxy, f"unserved{i}", BOB) == "ocsp_pending"
    wait_until(lambda: verdict(proxy, "served") is None)
    for i in range(40):
        assert verdict(proxy, f"unserved{i}", BOB) == "ocsp_pending"
    asked = proxy.metric('countersign_ocsp_requests_total{outcome="good"}')
    wait_until(lambda: verdict(proxy, "served") is None and proxy.metric(
        'countersign_ocsp_requests_total{outcome="good"}') > asked)
    for hole in silent:
        hole.close()


def test_a_responder_that_comes_back(make_proxy, pki, responder):
    """It has a rest after each failure, and is asked again after that."""
    port = free_port()
    proxy = with_ocsp(make_proxy, pki, f"http://127.0.0.1:{port}/", "hard", timeout="3s")
    assert verdict(proxy) == "ocsp_pending"
    wait_until(lambda: proxy.events("ocsp_failed"))
    responder(port=port)
    wait_until(lambda: verdict(proxy) is None)


def test_no_responder_is_known(make_proxy, pki):
    """The certificate names none, and neither does the configuration."""
    proxy = make_proxy(pki=pki)
    proxy.config["listeners"][0]["client"]["ocsp"] = {"mode": "hard"}
    proxy.write_config()
    proxy.start()
    assert verdict(proxy) == "ocsp_pending"
    assert "names no http responder" in wait_until(lambda: proxy.events("ocsp_failed"))[0]["error"]


def test_wrong_signer(make_proxy, pki, responder):
    proxy = with_ocsp(make_proxy, pki, responder(signer="stranger").url, "hard")
    assert verdict(proxy) == "ocsp_pending"
    assert "not signed by" in wait_until(lambda: proxy.events("ocsp_failed"))[0]["error"]
    assert verdict(proxy) == "ocsp_pending"


def test_a_client_cannot_vouch_for_another(make_proxy, pki, responder):
    """Signed by a certificate of the CA, but none for OCSP signing."""
    proxy = with_ocsp(make_proxy, pki, responder(signer="alice", revoked=("alice",)).url, "soft")
    assert verdict(proxy) is None
    assert "not signed by" in wait_until(lambda: proxy.events("ocsp_failed"))[0]["error"]
    assert verdict(proxy) is None


def test_unknown_certificate(make_proxy, pki, responder):
    """Carol stands in no index."""
    url = responder().url
    for mode, expected in (("hard", "ocsp_unknown"), ("soft", None)):
        proxy = with_ocsp(make_proxy, pki, url, mode)
        wait_until(lambda p=proxy, e=expected: verdict(p, "carol", "carol@example.com") == e)
        proxy.stop()


def test_responder_that_goes_away(make_proxy, pki, responder):
    """What it has said holds until its next update."""
    there = responder()
    proxy = with_ocsp(make_proxy, pki, there.url, "hard", keep_max="1s", timeout="3s")
    wait_until(lambda: verdict(proxy) is None)
    there.stop()
    wait_until(lambda: verdict(proxy) is None and proxy.events("ocsp_failed"))
    assert verdict(proxy) is None


DAY = datetime.timedelta(days=1)


def signed(pki, this, following, status=ocsp.OCSPCertStatus.GOOD, algorithm=hashes.SHA1()):
    """A response about alice."""
    revoked = status == ocsp.OCSPCertStatus.REVOKED
    return ocsp.OCSPResponseBuilder().add_response(
        cert=pki.load("alice"), issuer=pki.ca.cert, algorithm=algorithm, cert_status=status,
        this_update=this, next_update=following, revocation_time=this if revoked else None,
        revocation_reason=None).responder_id(
            ocsp.OCSPResponderEncoding.HASH, pki.ca.cert).sign(
                pki.ca.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize("this, following", [(NOW - 7 * DAY, NOW - 6 * DAY),
                                             (NOW - 365 * DAY, None)],
                         ids=["of last week", "a year old, without a next update"])
def test_expired_answer(make_proxy, pki, responder, this, following):
    """Well signed, but old."""
    proxy = with_ocsp(make_proxy, pki, responder(canned=signed(pki, this, following)).url, "hard")
    assert verdict(proxy) == "ocsp_pending"
    assert "not current" in wait_until(lambda: proxy.events("ocsp_failed"))[0]["error"]
    assert verdict(proxy) == "ocsp_pending"


def test_an_older_answer_undoes_no_revocation(make_proxy, pki, responder):
    """Somebody on the way kept a good one, which is still current."""
    there = responder(canned=signed(pki, NOW, NOW + DAY, ocsp.OCSPCertStatus.REVOKED))
    proxy = with_ocsp(make_proxy, pki, there.url, "hard", keep_max="1s")
    wait_until(lambda: verdict(proxy) == "client_cert_revoked")
    there.canned = signed(pki, NOW - DAY, NOW + DAY)
    wait_until(lambda: verdict(proxy) != "client_cert_revoked" or proxy.events("ocsp_failed"))
    assert "would undo" in proxy.events("ocsp_failed")[0]["error"]
    assert verdict(proxy) == "client_cert_revoked"


def test_a_certificate_named_by_sha_256(make_proxy, pki, responder):
    canned = signed(pki, NOW, NOW + DAY, algorithm=hashes.SHA256())
    proxy = with_ocsp(make_proxy, pki, responder(canned=canned).url, "hard")
    wait_until(lambda: verdict(proxy) is None)
    assert proxy.events("ocsp_failed") == []


@pytest.mark.parametrize("canned", [b"", b"junk", b"\x30\x03\x0a\x01\x06", b"\x30\x84\x7f" * 999],
                         ids=["nothing", "junk", "unauthorized", "endless"])
def test_no_answer_worth_the_name(make_proxy, pki, responder, canned):
    proxy = with_ocsp(make_proxy, pki, responder(canned=canned).url, "hard")
    assert verdict(proxy) == "ocsp_pending"
    wait_until(lambda: proxy.events("ocsp_failed"))
    assert verdict(proxy) == "ocsp_pending" and proxy.events("ocsp_helper_died") == []


def children(proxy):
    return {e["ocsp_pid"] for e in proxy.events("ocsp_helper_started")}


def test_helper_killed(make_proxy, pki, responder):
    """What is known stays; a new helper asks on."""
    proxy = with_ocsp(make_proxy, pki, responder(revoked=("bob",)).url, "hard")
    wait_until(lambda: verdict(proxy) is None)
    (pid,) = children(proxy)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: proxy.events("ocsp_helper_died"))
    assert verdict(proxy) is None
    wait_until(lambda: len(children(proxy)) == 2)
    wait_until(lambda: verdict(proxy, "bob", BOB) == "client_cert_revoked")
    assert proxy.stop() == 0


def test_off_by_default_and_switched_by_a_reload(make_proxy, pki, responder):
    proxy = make_proxy(pki=pki).start()
    assert verdict(proxy, "bob", BOB) is None and proxy.events("ocsp_helper_started") == []
    proxy.config["listeners"][0]["client"]["ocsp"] = {"mode": "hard",
                                                      "responder": responder(revoked=("bob",)).url}
    proxy.write_config()
    assert proxy.reload().returncode == 0
    wait_until(lambda: verdict(proxy, "bob", BOB) == "client_cert_revoked")
    wait_until(lambda: verdict(proxy) is None)
    proxy.config["listeners"][0]["client"]["ocsp"] = {"mode": "off"}
    proxy.write_config()
    assert proxy.reload().returncode == 0
    assert verdict(proxy, "bob", BOB) is None


def explained(proxy, *more):
    result = proxy.run("explain", "-c", str(proxy.config_path), "--certificate",
                       str(proxy.pki.dir / "alice.crt"), "--user", ALICE, *more)
    return result.returncode, result.stdout


def test_explain(make_proxy, pki):
    """Nobody is asked; what each answer would mean can be tried."""
    url = f"http://127.0.0.1:{free_port()}/"
    proxy = make_proxy(pki=pki)
    client = proxy.config["listeners"][0]["client"]
    client["ocsp"] = {"mode": "off"}
    proxy.write_config()
    assert explained(proxy)[0] == 0 and "\nocsp" not in explained(proxy)[1]
    status, text = explained(proxy, "--ocsp", "revoked")
    assert status == 0 and "off" in text
    client["ocsp"] = {"mode": "soft", "responder": url}
    proxy.write_config()
    status, text = explained(proxy)
    assert status == 0 and f"soft, {url} would be asked" in text and "no answer yet" in text
    for answer, soft, hard in (("none", None, "ocsp_pending"), ("good", None, None),
                               ("unknown", None, "ocsp_unknown"),
                               ("revoked", "client_cert_revoked", "client_cert_revoked")):
        for mode, why in (("soft", soft), ("hard", hard)):
            client["ocsp"]["mode"] = mode
            proxy.write_config()
            status, text = explained(proxy, "--ocsp", answer)
            assert (status, f"refused: {why}" in text) == ((0, False) if why is None else (1, True))
    del client["ocsp"]["responder"]
    proxy.write_config()
    assert "names no http responder" in explained(proxy)[1]
    client["crl"] = str(pki.dir / "all.crl")
    pki.write("all.crl", crl_pem(pki.ca.crl(pki.load("alice"))))
    proxy.write_config()
    assert "not asked: the certificate is refused before" in explained(proxy)[1]
    assert explained(proxy, "--ocsp", "perhaps")[0] == 2
