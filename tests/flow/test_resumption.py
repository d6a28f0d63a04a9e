"""Resumption of TLS sessions: when it works, and all that must lead to a full handshake instead."""
import datetime
import os
import re
import signal
import socket
import ssl
import subprocess
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from pki import Authority, NOW, DAY, Pki, cert_pem, crl_pem
from proxy import LIMIT_S, Client, wait_until

ALICE, PASSWORD = "alice@example.com", "wonder land"
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
versions = pytest.mark.parametrize("version", VERSIONS, ids=["1.2", "1.3"])


@pytest.fixture
def own(tmp_path):
    """A CA of this test's own, whose files it may change."""
    directory = tmp_path / "pki"
    directory.mkdir()
    return Pki(directory)


class Visitor:
    """A client that keeps its sessions: one context, as a browser has it."""

    def __init__(self, pki, version, pair="alice"):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.load_verify_locations(str(pki.dir / "ca.crt"))
        self.context.check_hostname = False
        if pair:
            self.context.load_cert_chain(*pki.pair(pair))
        self.context.minimum_version = self.context.maximum_version = version
        self.session = None

    def visit(self, proxy, name="localhost", keep=True, session=None, port=None, user=ALICE,
              password=PASSWORD, host=None):
        """One request on a new connection; (answer, resumed). Keeps the newest session."""
        client = Client.__new__(Client)
        raw = socket.create_connection(("127.0.0.1", port or proxy.port), timeout=LIMIT_S)
        client.tls = self.context.wrap_socket(raw, server_hostname=name,
                                              session=session or self.session)
        client.buffer = b""
        with client:
            answer = client.get("/", user, password, host=host or name or "localhost")
            if keep:
                self.session = client.tls.session
            return answer, client.tls.session_reused


def make(make_proxy, pki, resumption=None, **changes):
    proxy = make_proxy({"resumption": {"enabled": True, **(resumption or {})}, **changes}, pki=pki)
    return proxy


def with_crl(proxy, pki, file="live.crl"):
    pki.write(file, crl_pem(pki.ca.crl()))
    proxy.config["listeners"][0]["client"]["crl"] = str(pki.dir / file)
    proxy.write_config()
    return proxy


def reloads(proxy):
    return proxy.metric("countersign_reloads_total")


def changed(proxy, change):
    """Do what changes a watched file, and wait until all workers have it."""
    before = reloads(proxy)
    change()
    wait_until(lambda: reloads(proxy) > before)


@versions
def test_resumes(make_proxy, own, upstream, version):
    proxy = make(make_proxy, own).start()
    visitor = Visitor(own, version)
    answer, resumed = visitor.visit(proxy)
    assert (answer.status, resumed) == (200, False)
    assert "tls.resumed" not in proxy.record(answer)
    for _ in range(5):
        answer, resumed = visitor.visit(proxy)
        assert (answer.status, resumed) == (200, True)
        assert proxy.record(answer)["tls.resumed"] is True
    assert proxy.metric("countersign_tls_handshakes_resumed_total") == 5
    assert proxy.metric("countersign_tls_handshakes_total") == 6


@versions
def test_identity_is_the_same(make_proxy, own, upstream, version):
    proxy = make(make_proxy, own, headers={"dialects": ["own", "rfc9440", "xfcc", "nginx"],
                                           "chain": False}).start()
    visitor = Visitor(own, version)
    seen, records = [], []
    for wanted in (False, True, True):
        answer, resumed = visitor.visit(proxy)
        assert resumed == wanted
        records.append({k: v for k, v in proxy.record(answer).items()
                        if k.startswith("tls.client") or k.startswith("auth") or k == "user"})
        seen.append([(n, v) for n, v in upstream.requests[-1].fields if n.lower() != "x-request-id"])
    names = {n.lower() for n, _ in seen[0]}
    assert {"x-client-user", "x-client-serial", "client-cert",
            "x-forwarded-client-cert"} <= names, names
    assert seen[0] == seen[1] == seen[2]
    assert "tls.client.serial" in records[0] and records[0] == records[1] == records[2]


@versions
def test_the_password_is_asked_for_every_time(make_proxy, own, upstream, version):
    proxy = make(make_proxy, own).start()
    visitor = Visitor(own, version)
    assert visitor.visit(proxy)[0].status == 200
    answer, resumed = visitor.visit(proxy, password="wrong")
    assert (answer.status, resumed) == (401, True)
    answer, resumed = visitor.visit(proxy, user="bob@example.com", password="b:ob")
    assert (answer.status, resumed) == (403, True)
    assert proxy.record(answer)["auth.reason"] == "pairing_mismatch"


@versions
def test_across_workers(make_proxy, own, version):
    proxy = make(make_proxy, own, process={"workers": 2}).start()
    wait_until(lambda: len(proxy.worker_pids()) == 2)
    for _ in range(4):
        visitor = Visitor(own, version)
        visitor.visit(proxy)
        first = visitor.session
        for _ in range(8):
            answer, resumed = visitor.visit(proxy, session=first, keep=False)
            assert (answer.status, resumed) == (200, True)


@versions
def test_a_worker_that_was_replaced_takes_the_tickets(make_proxy, own, version):
    import os
    import signal
    proxy = make(make_proxy, own).start()
    visitor = Visitor(own, version)
    visitor.visit(proxy)
    old = proxy.worker_pids()
    os.kill(old[0], signal.SIGKILL)
    wait_until(lambda: proxy.worker_pids() not in ([], old))
    answer, resumed = visitor.visit(proxy)
    assert (answer.status, resumed) == (200, True)


@versions
def test_a_reload_that_changes_nothing_of_it(make_proxy, own, version):
    proxy = make(make_proxy, own).start()
    visitor = Visitor(own, version)
    visitor.visit(proxy)
    proxy.write_config({"limits": {"body": "1MiB"}})
    assert proxy.reload().returncode == 0
    assert visitor.visit(proxy)[1] is True
    proxy.write_users()
    wait_until(lambda: reloads(proxy) >= 2)
    assert visitor.visit(proxy)[1] is True


@versions
def test_no_ticket_without_a_good_certificate(make_proxy, own, version):
    """Neither with none nor with a bad one, where the handshake is finished all the same."""
    other = Authority("Nobody's CA")
    own.client("stranger", own.subject(ALICE), authority=other)
    proxy = make(make_proxy, own)
    proxy.config["listeners"][0]["client"]["mode"] = "optional"
    proxy.config["routes"][0]["require"] = "none"
    proxy.write_config()
    proxy.start()
    for pair, status in ((None, 200), ("stranger", 400)):
        visitor = Visitor(own, version, pair)
        answer, _ = visitor.visit(proxy)
        assert answer.status == status
        assert visitor.session is None or not visitor.session.has_ticket
        again = Visitor(own, version)
        assert [again.visit(proxy)[1] for _ in range(2)] == [False, True]


def sites(proxy, pki):
    for stem, host in (("api", "api.example.com"), ("twin", "twin.test")):
        pki.server(stem, host)
    second = Authority("Second CA")
    pki.write("second.crt", cert_pem(second.cert))
    listener = proxy.config["listeners"][0]
    listener["names"] = [
        {"names": ["api.example.com"], "certificate": str(pki.dir / "api.crt"),
         "key": str(pki.dir / "api.key"),
         "client": {"ca": str(pki.dir / "second.crt"), "on_failure": "answer"}},
        {"names": ["twin.test", "*.twin.test"], "certificate": str(pki.dir / "twin.crt"),
         "key": str(pki.dir / "twin.key")}]
    proxy.write_config()
    return proxy


@versions
def test_other_name(make_proxy, own, version):
    """A ticket is for the name that it was given for, whatever the policies have in common."""
    proxy = sites(make(make_proxy, own), own).start()
    visitor = Visitor(own, version)
    visitor.visit(proxy)
    kept = visitor.session
    for name, status in (("api.example.com", 400), ("twin.test", 200), (None, 200),
                         ("other.test", 200)):
        answer, resumed = visitor.visit(proxy, name=name, session=kept, keep=False)
        assert (answer.status, resumed) == (status, False), name
    wild = Visitor(own, version)
    wild.visit(proxy, name="a.twin.test")
    assert wild.visit(proxy, name="b.twin.test", keep=False)[1] is False
    assert wild.visit(proxy, name="a.twin.test")[1] is True
    assert visitor.visit(proxy, session=kept)[1] is True


@versions
def test_other_listener(make_proxy, own, version):
    from proxy import free_port
    proxy = make(make_proxy, own)
    port = free_port()
    proxy.config["listeners"].append({**proxy.config["listeners"][0],
                                      "address": f"127.0.0.1:{port}"})
    proxy.write_config()
    proxy.start()
    visitor = Visitor(own, version)
    visitor.visit(proxy)
    answer, resumed = visitor.visit(proxy, port=port, keep=False)
    assert (answer.status, resumed) == (200, False)
    assert visitor.visit(proxy)[1] is True


@versions
def test_ca_replaced(make_proxy, own, version):
    proxy = make(make_proxy, own)
    own.write("clients.crt", cert_pem(own.ca.cert))
    proxy.config["listeners"][0]["client"]["ca"] = str(own.dir / "clients.crt")
    proxy.write_config()
    proxy.start()
    visitor = Visitor(own, version)
    visitor.visit(proxy)
    assert visitor.visit(proxy)[1] is True
    other = Authority("Its successor")
    changed(proxy, lambda: own.write("clients.crt", cert_pem(other.cert)))
    answer, resumed = visitor.visit(proxy, keep=False)
    assert (answer.status, resumed) == (400, False)
    assert proxy.record(answer)["auth.reason"] == "client_cert_unknown_ca"
    # and one more beside it is another policy too, but lets alice in
    changed(proxy, lambda: own.write("clients.crt", cert_pem(own.ca.cert, other.cert)))
    answer, resumed = visitor.visit(proxy)
    assert (answer.status, resumed) == (200, False)
    assert visitor.visit(proxy)[1] is True


@versions
@pytest.mark.parametrize("on_failure", ["answer", "refuse"])
def test_withdrawn_then_resumed(make_proxy, own, version, on_failure):
    proxy = with_crl(make(make_proxy, own), own)
    proxy.config["listeners"][0]["client"]["on_failure"] = on_failure
    proxy.write_config()
    proxy.start()
    alice, bob = Visitor(own, version), Visitor(own, version, "bob")
    alice.visit(proxy)
    bob.visit(proxy, user="bob@example.com", password="b:ob")
    assert alice.visit(proxy)[1] is True
    changed(proxy, lambda: own.write("new.crl", crl_pem(own.ca.crl(own.load("alice"))))
            .rename(own.dir / "live.crl"))
    for _ in range(2):
        if on_failure == "answer":
            answer, resumed = alice.visit(proxy, keep=False)
            assert (answer.status, resumed) == (400, False)
            assert proxy.record(answer)["auth.reason"] == "client_cert_revoked"
        else:
            with pytest.raises(OSError, match="(?i)revoked"):
                alice.visit(proxy, keep=False)
    user = {"user": "bob@example.com", "password": "b:ob"}
    assert [bob.visit(proxy, **user)[1] for _ in range(2)] == [False, True]


@versions
def test_withdrawn_while_a_resumed_connection_lives(make_proxy, own, version):
    proxy = with_crl(make(make_proxy, own), own).start()
    alice = Visitor(own, version)
    alice.visit(proxy)
    raw = socket.create_connection(("127.0.0.1", proxy.port), timeout=LIMIT_S)
    client = Client.__new__(Client)
    client.tls = alice.context.wrap_socket(raw, server_hostname="localhost", session=alice.session)
    client.buffer = b""
    with client:
        assert client.get("/", ALICE, PASSWORD).status == 200 and client.tls.session_reused
        changed(proxy, lambda: own.write("new.crl", crl_pem(own.ca.crl(own.load("alice"))))
                .rename(own.dir / "live.crl"))
        assert client.at_end(), "the connection is ended without waiting for a request"
        assert proxy.refusals("client_cert_withdrawn") == 1


def intermediate(pki):
    between = Authority("Between", issuer=pki.ca)
    pki.client("far", pki.subject(ALICE), authority=between, chain=[between.cert])
    return between


@versions
def test_certificate_behind_an_intermediate(make_proxy, own, version):
    """A resumed session has no chain: the verdict on it was kept with its term."""
    between = intermediate(own)
    proxy = make(make_proxy, own).start()
    far = Visitor(own, version, "far")
    assert [far.visit(proxy)[1] for _ in range(3)] == [False, True, True]
    proxy.stop()
    proxy = make(make_proxy, own)
    # a list by one who is not in the bundle is refused: so the bundle names both
    own.write("both.crt", cert_pem(own.ca.cert, between.cert))
    own.write("all.crl", crl_pem(own.ca.crl()) + crl_pem(between.crl()))
    proxy.config["listeners"][0]["client"].update(crl=str(own.dir / "all.crl"),
                                                  ca=str(own.dir / "both.crt"))
    proxy.write_config()
    proxy.start()
    far = Visitor(own, version, "far")
    assert [far.visit(proxy)[1] for _ in range(3)] == [False, True, True]
    changed(proxy, lambda: own.write("all.crl", crl_pem(own.ca.crl(between.cert)) +
                                     crl_pem(between.crl())))
    answer, resumed = far.visit(proxy)
    assert (answer.status, resumed) == (400, False)
    assert proxy.record(answer)["auth.reason"] == "client_cert_revoked"


@versions
def test_live_connection_without_its_chain_is_sent_away(make_proxy, own, version):
    """After a change of policy a resumed connection cannot be judged: 421, and a new one can."""
    intermediate(own)
    proxy = make(make_proxy, own)
    own.write("clients.crt", cert_pem(own.ca.cert))
    proxy.config["listeners"][0]["client"]["ca"] = str(own.dir / "clients.crt")
    proxy.write_config()
    proxy.start()
    far = Visitor(own, version, "far")
    far.visit(proxy)
    raw = socket.create_connection(("127.0.0.1", proxy.port), timeout=LIMIT_S)
    client = Client.__new__(Client)
    client.tls = far.context.wrap_socket(raw, server_hostname="localhost", session=far.session)
    client.buffer = b""
    with client:
        assert client.get("/", ALICE, PASSWORD).status == 200 and client.tls.session_reused
        other = Authority("Another")
        changed(proxy, lambda: own.write("clients.crt", cert_pem(own.ca.cert, other.cert)))
        assert client.get("/", ALICE, PASSWORD).status == 421
        assert client.at_end()
    answer, resumed = far.visit(proxy)
    assert (answer.status, resumed) == (200, False)


@versions
def test_certificate_expired_since(make_proxy, own, version):
    proxy = make(make_proxy, own).start()
    now = datetime.datetime.utcnow().replace(microsecond=0)
    own.client("short", own.subject(ALICE), not_before=NOW - DAY,
               not_after=now + datetime.timedelta(seconds=4))
    visitor = Visitor(own, version, "short")
    assert [visitor.visit(proxy)[1] for _ in range(2)] == [False, True]
    answer, resumed = wait_until(lambda: next(
        ((a, r) for a, r in [visitor.visit(proxy, keep=False)] if a.status != 200), None))
    if resumed:  # it expired between handshake and request
        answer, resumed = visitor.visit(proxy, keep=False)
    assert (answer.status, resumed) == (400, False)
    assert proxy.record(answer)["auth.reason"] == "client_cert_expired"


@versions
def test_crl_expired_since(make_proxy, own, version):
    proxy = make(make_proxy, own)
    now = datetime.datetime.utcnow().replace(microsecond=0)
    own.write("short.crl", crl_pem(own.ca.crl(following=now + datetime.timedelta(seconds=5))))
    proxy.config["listeners"][0]["client"]["crl"] = str(own.dir / "short.crl")
    proxy.write_config()
    proxy.start()
    visitor = Visitor(own, version)
    assert [visitor.visit(proxy)[1] for _ in range(2)] == [False, True]
    answer, resumed = wait_until(lambda: next(
        ((a, r) for a, r in [visitor.visit(proxy, keep=False)] if a.status != 200), None))
    if resumed:  # it expired between handshake and request
        answer, resumed = visitor.visit(proxy, keep=False)
    assert (answer.status, resumed) == (400, False)
    assert proxy.record(answer)["auth.reason"] == "crl_expired"


@versions
def test_total_life_is_counted_from_the_full_handshake(make_proxy, own, version):
    proxy = make(make_proxy, own, {"life": "3s", "life_total": "3s"}).start()
    visitor = Visitor(own, version)
    before = time.monotonic()
    assert visitor.visit(proxy)[1] is False
    after = began = time.monotonic()
    resumed = 0
    while visitor.visit(proxy)[1]:
        resumed += 1
        assert began - after < 4, "renewed tickets must not outlive the whole"
        time.sleep(0.1)
        began = time.monotonic()
    assert resumed > 0
    assert time.monotonic() - before > 2, "renewed tickets must not end before the whole"
    assert visitor.visit(proxy)[1] is True, "it is counted anew"


SHORT = [{"life": "1s"}, {"rotate": "1s"}]


@versions
@pytest.mark.parametrize("keep", [{}, {"keep_max": 0}], ids=["kept", "ticket"])
@pytest.mark.parametrize("short", SHORT, ids=["life", "rotate"])
def test_life_over_or_key_rotated(make_proxy, own, short, keep, version):
    proxy = make(make_proxy, own, {**short, **keep}).start()
    visitor = Visitor(own, version)
    visitor.visit(proxy)
    kept = visitor.session
    assert visitor.visit(proxy, session=kept, keep=False)[1] is True
    time.sleep(2.1)
    answer, resumed = visitor.visit(proxy, session=kept, keep=False)
    assert (answer.status, resumed) == (200, False)


@versions
def test_restarted(make_proxy, own, version):
    """The secret is the process's own, unless it is given by a file."""
    for secret in (None, "ticket.secret"):
        proxy = make(make_proxy, own)
        if secret:
            own.write(secret, bytes(range(48)))
            proxy.config["resumption"]["secret_file"] = str(own.dir / secret)
            proxy.write_config()
        proxy.start()
        visitor = Visitor(own, version)
        visitor.visit(proxy)
        kept = visitor.session
        proxy.stop()
        proxy.start()
        answer, resumed = visitor.visit(proxy, session=kept)
        assert (answer.status, resumed) == (200, secret is not None)
        assert visitor.visit(proxy)[1] is True
        if secret:
            changed(proxy, lambda: own.write(secret, bytes(range(1, 49))))
            assert visitor.visit(proxy)[1] is False
        proxy.stop()


@versions
def test_policy_changed(make_proxy, own, version):
    proxy = make(make_proxy, own).start()
    visitor = Visitor(own, version)
    visitor.visit(proxy)
    kept = visitor.session
    for change in ({"depth_max": 1}, {"mode": "optional"}):
        proxy.config["listeners"][0]["client"].update(change)
        proxy.write_config()
        assert proxy.reload().returncode == 0
        answer, resumed = visitor.visit(proxy, session=kept, keep=False)
        assert (answer.status, resumed) == (200, False), change
    proxy.write_config({"resumption": {"enabled": False}})
    assert proxy.reload().returncode == 0
    assert visitor.visit(proxy, session=kept, keep=False)[1] is False


@versions
def test_server_certificate_renewed(make_proxy, own, version):
    proxy = make(make_proxy, own).start()
    visitor = Visitor(own, version)
    visitor.visit(proxy)
    changed(proxy, lambda: own.server("server", "localhost", "127.0.0.1"))
    wait_until(lambda: visitor.visit(proxy)[1] is True)


@versions
def test_certificate_beside_it_renewed(make_proxy, own, version):
    """A session is bound to all of a site's certificates, not only to the one that it began with."""
    proxy = make(make_proxy, own)
    own.server("rsa", "localhost", key=rsa.generate_private_key(65537, 2048))
    certificate, key = own.pair("rsa")
    proxy.config["listeners"][0]["tls"]["also"] = [{"certificate": certificate, "key": key}]
    proxy.write_config()
    proxy.start()
    visitor = Visitor(own, version)
    assert [visitor.visit(proxy)[1] for _ in range(3)] == [False, True, True]
    renewed = rsa.generate_private_key(65537, 2048)
    changed(proxy, lambda: own.server("rsa", "localhost", key=renewed))
    wait_until(lambda: visitor.visit(proxy, keep=False)[1] is False)
    assert [visitor.visit(proxy)[1] for _ in range(2)] == [False, True]


def s_client(proxy, pki, version, *more, session_out=None, session_in=None):
    """openssl s_client with one request; its output."""
    certificate, key = pki.pair("alice")
    arguments = ["openssl", "s_client", "-connect", f"127.0.0.1:{proxy.port}", "-servername",
                 "localhost", "-cert", certificate, "-key", key, "-CAfile", str(pki.dir / "ca.crt"),
                 "-ign_eof", version, *more]
    if session_out:
        arguments += ["-sess_out", str(session_out)]
    if session_in:
        arguments += ["-sess_in", str(session_in)]
    from proxy import basic
    request = (f"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: {basic(ALICE, PASSWORD)}\r\n"
               "Connection: close\r\n\r\n")
    return subprocess.run(arguments, input=request, capture_output=True, text=True, timeout=LIMIT_S,
                          check=False).stdout


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_s_client(make_proxy, own, version, tmp_path):
    proxy = make(make_proxy, own, {"life": "45m"}).start()
    kept = tmp_path / "session.pem"
    first = s_client(proxy, own, version, session_out=kept)
    assert "New, TLS" in first and "HTTP/1.1 200" in first
    again = s_client(proxy, own, version, session_in=kept)
    assert "Reused, TLS" in again and "HTTP/1.1 200" in again
    if version == "-tls1_3":
        assert "TLS session ticket lifetime hint: 2700 (seconds)" in first
        assert "Max Early Data: 0" in first
    text = kept.read_text()
    lines = text.splitlines()
    for at in (len(lines) // 4, len(lines) // 2):
        damaged = list(lines)
        line = damaged[at]
        damaged[at] = line[:8] + ("A" if line[8] != "A" else "B") + line[9:]
        other = tmp_path / "damaged.pem"
        other.write_text("\n".join(damaged) + "\n")
        output = s_client(proxy, own, version, session_in=other)
        if "HTTP/1.1" in output:  # openssl itself may be unable to read what was damaged
            assert "HTTP/1.1 200" in output


def test_psk_without_key_exchange_is_not_taken(make_proxy, own, tmp_path):
    """psk_ke has no forward secrecy."""
    proxy = make(make_proxy, own).start()
    kept = tmp_path / "session.pem"
    s_client(proxy, own, "-tls1_3", session_out=kept)
    output = s_client(proxy, own, "-tls1_3", "-allow_no_dhe_kex", session_in=kept)
    assert "Reused, TLS" in output and re.search("(Server|Peer) Temp Key: X25519", output)


def test_early_data_is_not_taken(make_proxy, own, upstream, tmp_path):
    proxy = make(make_proxy, own).start()
    kept = tmp_path / "session.pem"
    s_client(proxy, own, "-tls1_3", session_out=kept)
    early = tmp_path / "early"
    early.write_bytes(b"GET /early HTTP/1.1\r\nHost: localhost\r\n\r\n")
    output = s_client(proxy, own, "-tls1_3", "-early_data", str(early), session_in=kept)
    assert "Early data was accepted" not in output
    assert all(r.target != "/early" for r in upstream.requests)


BAD_SETTINGS = [
    ({"life": "2h", "life_total": "1h"}, "shorter than resumption.life"),
    ({"secret_file": "short"}, "holds 31 octets, and 32 are needed"),
    ({"secret_file": "open"}, "is open to other users of this machine"),
    ({"secret_file": "absent"}, "absent"),
    ({"rotate": "0s"}, "resumption.rotate"),
]


@pytest.mark.parametrize("settings, words", BAD_SETTINGS, ids=[w for _, w in BAD_SETTINGS])
def test_settings_refused(make_proxy, own, settings, words):
    own.write("short", bytes(31))
    own.write("open", bytes(range(48)), 0o644)
    settings = {k: str(own.dir / v) if k == "secret_file" else v for k, v in settings.items()}
    proxy = make(make_proxy, own, settings)
    result = proxy.run("check", "-c", str(proxy.config_path))
    assert result.returncode != 0 and words in result.stdout + result.stderr


def test_kept_for_all_workers(make_proxy, own):
    """A session that one worker keeps is resumed by any."""
    proxy = make(make_proxy, own, process={"workers": 3}).start()
    visitor = Visitor(own, ssl.TLSVersion.TLSv1_3)
    assert visitor.visit(proxy)[1] is False
    for _ in range(40):
        answer, resumed = visitor.visit(proxy)
        assert (answer.status, resumed) == (200, True)
    assert proxy.metric("countersign_tls_handshakes_resumed_total") == 40


def test_kept_sessions_outlive_their_worker(make_proxy, own):
    proxy = make(make_proxy, own).start()
    visitor = Visitor(own, ssl.TLSVersion.TLSv1_3)
    assert visitor.visit(proxy)[1] is False
    old = proxy.worker_pids()
    os.kill(old[0], signal.SIGKILL)
    wait_until(lambda: len(set(proxy.worker_pids()) - set(old)) == 1)
    wait_until(proxy.is_ready)
    answer, resumed = visitor.visit(proxy)
    assert (answer.status, resumed) == (200, True)


@versions
@pytest.mark.parametrize("keep_max", [0, 3])
def test_how_many_are_kept(make_proxy, own, keep_max, version):
    """The oldest makes room; with none kept, all are in their tickets."""
    proxy = make(make_proxy, own, {"keep_max": keep_max}).start()
    visitors = [Visitor(own, version) for _ in range(6)]
    for visitor in visitors:
        assert visitor.visit(proxy)[1] is False
    came_back = [visitor.visit(proxy, keep=False)[1] for visitor in visitors[-1:] + visitors[:3]]
    assert came_back == ([True] * 4 if keep_max == 0 else [True] + [False] * 3)


@pytest.mark.parametrize("keep_max", [0, 100])
def test_tickets_are_numbers(make_proxy, own, keep_max):
    proxy = make(make_proxy, own, {"keep_max": keep_max}).start()
    cert, key = own.pair("alice")
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{proxy.port}", "-servername", "localhost",
         "-cert", str(cert), "-key", str(key), "-tls1_3", "-ign_eof"],
        input="GET / HTTP/1.0\r\n\r\n", capture_output=True, text=True, timeout=LIMIT_S,
        check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("    00")]
    assert (len(lines) == 2) == (keep_max > 0), done.stdout


@pytest.mark.parametrize("keep_max", [0, 100])
def test_ids_are_numbers(make_proxy, own, keep_max):
    """With TLS 1.2 what is kept has an id, and no ticket is sent; else it is the other way round."""
    proxy = make(make_proxy, own, {"keep_max": keep_max}).start()
    visitor = Visitor(own, ssl.TLSVersion.TLSv1_2)
    assert [visitor.visit(proxy)[1] for _ in range(3)] == [False, True, True]
    assert visitor.session.has_ticket == (keep_max == 0)
    assert proxy.metric("countersign_tls_sessions_kept") == (1 if keep_max > 0 else 0)
    visitor.context.options |= ssl.OP_NO_TICKET  # a client that knows ids only
    visitor.session = None
    assert [visitor.visit(proxy)[1] for _ in range(2)] == [False, keep_max > 0]


@versions
@pytest.mark.parametrize("heir", [False, True], ids=["its own", "of a worker that ended"])
def test_kept_ones_are_wiped(make_proxy, own, version, heir):
    """When their life is over, though nobody comes; also by the worker that comes after theirs."""
    proxy = make(make_proxy, own, {"life": "3s"}).start()
    Visitor(own, version).visit(proxy)
    wait_until(lambda: proxy.metric("countersign_tls_sessions_kept") == 1)
    if heir:
        old = proxy.worker_pids()
        os.kill(old[0], signal.SIGKILL)
        wait_until(lambda: proxy.worker_pids() not in ([], old))
    wait_until(lambda: proxy.metric("countersign_tls_sessions_kept") == 0)
    if not heir:
        Visitor(own, version).visit(proxy)  # and so anew
        wait_until(lambda: proxy.metric("countersign_tls_sessions_kept") == 1)
        wait_until(lambda: proxy.metric("countersign_tls_sessions_kept") == 0)
