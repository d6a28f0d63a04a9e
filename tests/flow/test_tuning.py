"""What is only about speed: with all of it, with none of it, and that what is remembered is never
wrong."""
import os
import re
import signal
import socket
import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from pki import Authority, Pki, cert_pem, crl_pem
from proxy import LIMIT_S, Client, basic, free_port, wait_until

ALICE, PASSWORD = "alice@example.com", "wonder land"
OFF = {"remember_chains": "0s", "narrow_crypto": False, "own_key_schedule": False,
       "fixed_chain": False, "aes_128_first": False, "release_buffers": False, "own_bio": False,
       "own_records": False, "own_handshake": False, "remember_certificates_max": 0,
       "own_lists": False, "keep_memory": False, "handshake_steps": 0, "groups": ["P-384", "P-256"]}


@pytest.fixture
def own(tmp_path):
    """A CA of this test's own, whose files it may change."""
    directory = tmp_path / "pki"
    directory.mkdir()
    return Pki(directory)


def visit(proxy, pki, pair="alice", user=ALICE, password=PASSWORD, **options):
    with Client(proxy.port, pki, pair, **options) as client:
        return client.get("/", user, password)


def verdict(proxy, pki, **options):
    answer = visit(proxy, pki, **options)
    return answer.status, proxy.record(answer).get("auth.reason")


def remembered(proxy):
    return proxy.metric("countersign_client_chains_remembered_total")


def changed(proxy, change):
    before = proxy.metric("countersign_reloads_total")
    change()
    wait_until(lambda: proxy.metric("countersign_reloads_total") > before)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3],
                         ids=["1.2", "1.3"])
@pytest.mark.parametrize("tuning", [{}, OFF], ids=["on", "off"])
def test_right_and_wrong(make_proxy, pki, upstream, tuning, version):
    proxy = make_proxy({"tuning": tuning}).start()
    for _ in range(3):
        assert visit(proxy, pki, version=version).status == 200
        answer = visit(proxy, pki, user="bob@example.com", password="b:ob", version=version)
        assert answer.status == 403
        assert proxy.record(answer)["auth.reason"] == "pairing_mismatch"
        assert visit(proxy, pki, pair=None, version=version).status == 400
        assert visit(proxy, pki, password="wrong", version=version).status == 401
    assert (remembered(proxy) > 0) == (not tuning)
    assert proxy.metric("countersign_client_chains_kept") == (0 if tuning else 1)


def test_suites_and_groups(make_proxy, pki, upstream):
    def only(groups):
        return lambda context: context.set_ecdh_curve(groups)

    proxy = make_proxy({"tuning": OFF}).start()
    with Client(proxy.port, pki, "alice", version=ssl.TLSVersion.TLSv1_3) as client:
        assert client.tls.cipher()[0] == "TLS_AES_256_GCM_SHA384"
    with Client(proxy.port, pki, "alice", context_changes=only("secp384r1")) as client:
        assert client.get("/", ALICE, PASSWORD).status == 200
    proxy.stop()
    proxy = make_proxy().start()
    with Client(proxy.port, pki, "alice", version=ssl.TLSVersion.TLSv1_3) as client:
        assert client.tls.cipher()[0] == "TLS_AES_128_GCM_SHA256"
    with pytest.raises(ssl.SSLError):
        Client(proxy.port, pki, "alice", context_changes=only("secp384r1"))


def test_memory_kept_or_not_while_connections_are_open(make_proxy, pki, upstream):
    """What one way has given out, the other takes back."""
    proxy = make_proxy().start()
    with Client(proxy.port, pki, "alice") as client:
        for keep in (False, True, False):
            for _ in range(3):
                assert client.get("/", ALICE, PASSWORD).status == 200
                assert visit(proxy, pki).status == 200
            proxy.config["tuning"] = {"keep_memory": keep}
            changed(proxy, lambda: (proxy.write_config(), proxy.reload()))
        assert client.get("/", ALICE, PASSWORD).status == 200


def test_revoked_after_it_was_remembered(make_proxy, own, upstream):
    own.write("live.crl", crl_pem(own.ca.crl()))
    proxy = make_proxy(pki=own)
    proxy.config["listeners"][0]["client"]["crl"] = str(own.dir / "live.crl")
    proxy.write_config()
    proxy.start()
    assert [verdict(proxy, own)[0] for _ in range(3)] == [200, 200, 200]
    assert remembered(proxy) == 2
    serial = own.load("alice")
    changed(proxy, lambda: own.write("live.crl", crl_pem(own.ca.crl(serial))))
    assert [verdict(proxy, own) for _ in range(2)] == [(400, "client_cert_revoked")] * 2
    changed(proxy, lambda: own.write("live.crl", crl_pem(own.ca.crl())))
    assert verdict(proxy, own)[0] == 200


def test_ca_replaced_after_it_was_remembered(make_proxy, own, upstream):
    proxy = make_proxy(pki=own)
    own.write("clients.crt", cert_pem(own.ca.cert))
    proxy.config["listeners"][0]["client"]["ca"] = str(own.dir / "clients.crt")
    proxy.write_config()
    proxy.start()
    assert [verdict(proxy, own)[0] for _ in range(3)] == [200, 200, 200]
    changed(proxy, lambda: own.write("clients.crt", cert_pem(Authority("Test CA").cert)))
    refused = [verdict(proxy, own) for _ in range(2)]
    assert {status for status, _ in refused} == {400} and refused[0] == refused[1]
    changed(proxy, lambda: own.write("clients.crt", cert_pem(own.ca.cert)))
    assert verdict(proxy, own)[0] == 200


def test_other_listener(make_proxy, own, upstream):
    """What one listener's CA has found good means nothing to another's."""
    proxy = make_proxy(pki=own)
    own.write("other.crt", cert_pem(Authority("Other CA").cert))
    port = free_port()
    other = dict(proxy.config["listeners"][0], address=f"127.0.0.1:{port}")
    other["client"] = dict(other["client"], ca=str(own.dir / "other.crt"))
    proxy.config["listeners"].append(other)
    proxy.write_config()
    proxy.start()
    for _ in range(3):
        assert verdict(proxy, own)[0] == 200
        with Client(port, own, "alice") as client:
            answer = client.get("/", ALICE, PASSWORD)
        assert answer.status == 400
        assert proxy.record(answer)["auth.reason"] == "client_cert_unknown_ca"
    assert remembered(proxy) == 2


CHAINS = [  # settings, how often a chain is known again, and how many are remembered
    ({}, (4, 2)), ({"remember_chains": "0s"}, (0, 0)), ({"remember_chains_max": 1}, (0, 1))]


def test_chains_as_the_settings_say(make_proxy, own, upstream):
    """Of two clients in turn, after a start and after a reload with other settings."""
    for first in range(len(CHAINS)):
        proxy = make_proxy({"tuning": CHAINS[first][0]}, pki=own).start()
        for tuning, expected in CHAINS[first:] + CHAINS[:first]:
            if proxy.config["tuning"] != tuning:
                proxy.config["tuning"] = tuning
                changed(proxy, lambda: (proxy.write_config(), proxy.reload()))
            before = remembered(proxy)
            for pair in ("alice", "bob") * 3:
                visit(proxy, own, pair)
            kept = proxy.metric("countersign_client_chains_kept")
            assert (remembered(proxy) - before, kept) == expected, tuning
        proxy.stop()


def reload(proxy, tuning):
    proxy.config["tuning"] = tuning
    changed(proxy, lambda: (proxy.write_config(), proxy.reload()))


def checked(proxy):
    done = proxy.run("check", "-c", str(proxy.config_path))
    assert done.returncode == 0, done.stderr
    return done.stdout


IN_VAIN = "listeners[0]: libssl does all handshakes"


def test_decoded_certificates_are_counted(make_proxy, own, upstream):
    """They stay over a reload; those that there is no more room for go, though not in one step."""
    many = [f"alice-{i}" for i in range(100)]
    for pair in many:
        own.client(pair, own.subject(ALICE))
    proxy = make_proxy(pki=own).start()
    ours = IN_VAIN not in checked(proxy)

    def counts():
        return tuple(proxy.metric(f"countersign_client_certificates_{what}") for what in
                     ("kept", "remembered_total", "decoded_total"))

    def all_come():
        assert {visit(proxy, own, pair).status for pair in many} == {200}

    def seen(*expected):
        return counts() == (expected if ours else (0, 0, 0))

    assert counts() == (0, 0, 0)
    all_come()
    assert seen(100, 0, 100), counts()
    reload(proxy, {"remember_chains": "0s"})
    all_come()
    assert seen(100, 100, 100), counts()
    reload(proxy, {"remember_certificates_max": 1})
    wait_until(lambda: seen(1, 100, 100))
    reload(proxy, {})
    assert visit(proxy, own, many[-1]).status == 200  # who came last has stayed
    assert seen(1, 101, 100), counts()
    all_come()
    assert seen(100, 102, 199), counts()
    reload(proxy, {"own_handshake": False})
    wait_until(lambda: seen(0, 102, 199))
    all_come()
    assert seen(0, 102, 199), counts()


@pytest.mark.parametrize("tuning, key, ours", [
    ({}, None, True), ({"groups": ["P-256"]}, rsa.generate_private_key(65537, 2048), True),
    ({"groups": ["X25519", "P-256", "P-384"]}, None, False),
    ({}, ec.generate_private_key(ec.SECP521R1()), False), ({"fixed_chain": False}, None, False),
    ({"own_handshake": False}, None, None)],
    ids=["default", "P-256 and RSA", "P-384 too", "P-521", "chain", "off"])
def test_where_handshakes_are_all_of_libssl(make_proxy, own, tuning, key, ours):
    """That is told, and no memory is reckoned with."""
    def memory():
        return int(re.search(r"remembered by each of 1 workers (\d+) MiB", checked(proxy))[1])

    if key:
        own.server("server", "localhost", key=key)
    proxy = make_proxy({"tuning": tuning}, pki=own)
    proxy.write_config()
    with_room, said = memory(), checked(proxy)
    proxy.config["tuning"] = {**tuning, "remember_certificates_max": 0}
    proxy.write_config()
    ours = ours and bool(re.search(r"OpenSSL 3\.[01]\.", proxy.run("--version").stdout))
    assert (IN_VAIN in said, with_room - memory()) == (ours is False, 16 if ours else 0)


class Slow:
    """A client whose octets go when the test says so, whole flights at a time."""

    def __init__(self, port, pki, pair):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(str(pki.dir / "ca.crt"))
        context.check_hostname = False
        if pair:
            context.load_cert_chain(*pki.pair(pair))
        self.raw = socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S)
        self.input, self.output = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.input, self.output, server_hostname="localhost")

    def hello(self):
        with pytest.raises(ssl.SSLWantReadError):
            self.tls.do_handshake()
        self.flush()

    def flush(self):
        self.raw.sendall(self.output.read())

    def shake(self):
        """All of the handshake, but the last flight does not go."""
        while True:
            self.input.write(self.raw.recv(65536))
            try:
                self.tls.do_handshake()
                return
            except ssl.SSLWantReadError:
                self.flush()

    def finish(self, request):
        """The last flight and a request in one piece."""
        self.tls.write(request)
        self.flush()

    def status(self):
        while True:
            try:
                return int(self.tls.read(65536).split(b" ")[1])
            except ssl.SSLWantReadError:
                octets = self.raw.recv(65536)
                if not octets:
                    return None
                self.input.write(octets)


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_handshakes_take_turns(make_proxy, pki, upstream, steps):
    """Many at once, each with its own verdict, and an open connection is served meanwhile."""
    proxy = make_proxy({"tuning": {"handshake_steps": steps},
                        "lockout": {"enabled": False}}).start()
    shown = [("alice", ALICE, PASSWORD, 200), ("alice", ALICE, "wrong", 401),
             ("alice", "bob@example.com", "b:ob", 403), (None, ALICE, PASSWORD, 400)]
    with Client(proxy.port, pki, "alice") as kept:
        assert kept.get("/", ALICE, PASSWORD).status == 200
        slow = [Slow(proxy.port, pki, shown[i % 4][0]) for i in range(60)]
        for client in slow:
            client.hello()
        assert kept.get("/", ALICE, PASSWORD).status == 200
        for client, (_, user, password, _) in zip(slow, shown * 15):
            client.shake()
            client.finish(f"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: "
                          f"{basic(user, password)}\r\n\r\n".encode())
        assert kept.get("/", ALICE, PASSWORD).status == 200
        assert [client.status() for client in slow] == [row[3] for row in shown] * 15
        for client in slow:
            client.raw.close()
    assert proxy.metric("countersign_tls_handshakes_total") == 61


@pytest.mark.parametrize("steps, last", [(0, True), (1, False), (100, False)])
def test_who_is_served_first(make_proxy, pki, upstream, steps, last):
    """A request on an open connection that comes behind many handshakes is served before them, with
    however many steps, but not if they are done as they come."""
    many = 40
    proxy = make_proxy({"tuning": {"handshake_steps": steps}}).start()
    worker, = proxy.worker_pids()
    with Client(proxy.port, pki, "alice") as kept:
        assert kept.get("/", ALICE, PASSWORD).status == 200
        slow = [Slow(proxy.port, pki, None) for _ in range(many)]
        for client in slow:
            client.hello()
            client.shake()
        os.kill(worker, signal.SIGSTOP)
        wait_until(lambda: "\nState:\tT" in Path(f"/proc/{worker}/status").read_text())
        for client in slow:
            client.finish(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
        kept.send(b"GET /kept HTTP/1.1\r\nHost: localhost\r\n\r\n")
        os.kill(worker, signal.SIGCONT)
        assert kept.answer().status == 401
        assert [client.status() for client in slow] == [400] * many
        for client in slow:
            client.raw.close()
    lines = wait_until(lambda: len(proxy.access()) == many + 2 and proxy.access())
    at = [line["url.path"] for line in lines].index("/kept") - 1
    assert at == (many if last else 0)


@pytest.mark.parametrize("steps", [0, 1])
def test_what_comes_before_the_end_is_read_first(make_proxy, pki, upstream, steps):
    """The end of a connection does not overtake what waits for its turn."""
    proxy = make_proxy({"tuning": {"handshake_steps": steps}}).start()
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=LIMIT_S) as raw:
            raw.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            raw.shutdown(socket.SHUT_WR)
            assert raw.recv(65536).startswith(b"HTTP/1.1 400 ")
    wait_until(lambda: proxy.refusals("plain_http_on_tls_port") == 5)
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=LIMIT_S) as raw:
        raw.sendall(b"\x16\x03\x01")
        raw.shutdown(socket.SHUT_WR)
        assert raw.recv(65536) == b""
    wait_until(lambda: proxy.refusals("tls_handshake_aborted") == 1)
    assert visit(proxy, pki).status == 200
