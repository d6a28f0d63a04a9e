"""Octets into OpenSSL and out of it by countersign's own BIO or by OpenSSL's (tuning.own_bio): what
clients and upstreams see is the same, with each way of records behind it. Open connections of TLS 1.3
alone: test_records.py."""
import os
import socket
import ssl
import threading

import pytest

from pki import Pki
from proxy import LIMIT_S, Client, basic, wait_until
from upstream import Upstream

ALICE, PASSWORD = "alice@example.com", "wonder land"
BOB = "bob@example.com"
AUTH = f"Host: localhost\r\nAuthorization: {basic(ALICE, PASSWORD)}\r\n"
GET = f"GET / HTTP/1.1\r\n{AUTH}\r\n".encode()
OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
WAYS = {"openssl's": {"own_bio": False, "own_records": False}, "bios": {"own_bio": False},
        "records": {"own_records": False}, "own": {}}
version = pytest.mark.parametrize("version", VERSIONS.values(), ids=VERSIONS)
way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


def post(body, auth=AUTH):
    return f"POST / HTTP/1.1\r\n{auth}Content-Length: {len(body)}\r\n\r\n".encode() + body


class Wire(Client):
    """A client whose octets go out step by step, its handshake too; hold(): what it says goes with
    what it says next."""

    def __init__(self, proxy, pair, version, step):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(str(proxy.pki.dir / "ca.crt"))
        context.check_hostname = False
        context.minimum_version = context.maximum_version = version
        if pair:
            context.load_cert_chain(*proxy.pki.pair(pair))
        self.raw = socket.create_connection(("127.0.0.1", proxy.port), timeout=LIMIT_S)
        self.raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.come, self.go, self.step, self.buffer = ssl.MemoryBIO(), ssl.MemoryBIO(), step, b""
        self.tls = context.wrap_bio(self.come, self.go, server_hostname="localhost")

    def flush(self):
        octets = self.go.read()
        for at in range(0, len(octets), self.step or len(octets)):
            self.raw.sendall(octets[at:at + (self.step or len(octets))])

    def listen(self):
        octets = self.raw.recv(65536)
        self.come.write(octets) if octets else self.come.write_eof()

    def shake(self, and_say=b""):
        """The handshake, and what to say goes with its last flight."""
        while True:
            try:
                self.tls.do_handshake()
                self.send(and_say)
                return self
            except ssl.SSLWantReadError:
                self.flush()
                self.listen()

    def send(self, data, octetwise=False):
        for at in range(0, len(data), 16384):
            self.tls.write(data[at:at + 16384])
        self.flush()

    def more(self):
        while True:
            try:
                piece = self.tls.read(65536)
                self.buffer += piece
                return bool(piece)
            except ssl.SSLWantReadError:
                self.listen()
            except ssl.SSLZeroReturnError:
                return False

    def close(self):
        self.raw.close()


@pytest.fixture
def echo():
    """Answers with what it was sent."""
    u = Upstream(answer=lambda request, _: OK % (len(request.body), request.body))
    yield u
    u.close()


@way
@version
def test_who_is_let_in(make_proxy, pki, upstream, version, way):
    """In one piece, in pieces and octet by octet, with the request in the handshake's last flight."""
    proxy = make_proxy({"tuning": way, "lockout": {"enabled": False}}).start()
    for step in (1, 7, 0):
        for pair, user, password, status, reason in [
                ("alice", BOB, "b:ob", 403, "pairing_mismatch"),
                ("alice", ALICE, "wrong", 401, "password_wrong"),
                (None, ALICE, PASSWORD, 400, "client_cert_missing"),
                ("alice", ALICE, PASSWORD, 200, "ok")]:
            request = f"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: {basic(user, password)}"
            with Wire(proxy, pair, version, step) as client:
                answer = client.shake(f"{request}\r\n\r\n".encode()).answer()
            assert answer.status == status
            assert proxy.record(answer).get("auth.reason") == reason
    assert len(upstream.requests) == 3


@way
@version
def test_slow_and_much(make_proxy, echo, version, way):
    """Octet by octet, large both ways, many requests in a record and one in many."""
    proxy = make_proxy({"tuning": way}, address=echo.address).start()
    with Wire(proxy, "alice", version, 1) as slow:
        slow.shake()
        for body in (b"x", os.urandom(3000)):
            slow.send(post(body))
            assert slow.answer().body == body
    with proxy.connect(version=version) as client:
        body = os.urandom(5 << 20)
        for _ in range(2):
            client.send(post(body))
            assert client.answer().body == body
        client.send(b"".join(post(b"%05d" % i) for i in range(100)))
        assert [client.answer().body for _ in range(100)] == [b"%05d" % i for i in range(100)]
        for octet in post(b"12345"):
            client.send(bytes([octet]))
        assert client.answer().body == b"12345"


@way
@version
def test_who_does_not_read(make_proxy, version, way):
    """Much waits for a client that reads nothing for a time: no more than the buffers is taken from
    the upstream, and then all of it comes."""
    body = os.urandom(32 << 20)
    upstream = Upstream(answer=OK % (len(body), body))
    proxy = make_proxy({"tuning": way, "lockout": {"enabled": False}},
                       address=upstream.address).start()

    def size():
        with open(f"/proc/{proxy.worker_pids()[0]}/statm") as f:
            return int(f.read().split()[1]) * 4096

    with proxy.connect(version=version) as other, proxy.connect(version=version) as client:
        before = size()
        client.send(GET)
        wait_until(lambda: upstream.requests)
        for _ in range(20):
            assert other.get("/", ALICE, "wrong").status == 401
        assert size() - before < 24 << 20
        pieces = [client.tls.recv(65536)]
        while pieces[-1] and not pieces[-1].endswith(body[-16:]):
            pieces.append(client.tls.recv(65536))
        assert b"".join(pieces).endswith(b"\r\n\r\n" + body)
    upstream.close()


@way
@version
@pytest.mark.parametrize("closes", [True, False], ids=["close_notify", "cut"])
def test_the_end_in_the_middle(make_proxy, upstream, version, way, closes):
    proxy = make_proxy({"tuning": way}).start()
    with Wire(proxy, "alice", version, 0) as client:
        client.shake(post(bytes(100))[:-50])
        if closes:
            with pytest.raises(ssl.SSLWantReadError):
                client.tls.unwrap()
            client.flush()
        client.raw.shutdown(socket.SHUT_WR)
        while client.raw.recv(65536):
            pass
    record = wait_until(proxy.access)[0]
    assert record["auth.reason"] == "http_truncated"
    assert record["http.request.body.size"] == 50 and not upstream.requests
    assert proxy.get().status == 200


@way
@pytest.mark.parametrize("version, closes", [("1.2", True), ("1.2", False), ("1.3", False)])
def test_gone_before_the_answer(make_proxy, version, closes, way):
    """Nobody waits for an upstream then. With TLS 1.3, close_notify leaves it open who still reads."""
    release = threading.Event()
    upstream = Upstream(answer=lambda *_: release.wait(LIMIT_S) and b"")
    changes = {"tuning": way, "timeouts": {"linger": "1m"}}
    proxy = make_proxy(changes, address=upstream.address).start()
    with Wire(proxy, "alice", VERSIONS[version], 0) as client:
        client.shake(GET)
        wait_until(lambda: upstream.requests)
        if closes:
            with pytest.raises(ssl.SSLWantReadError):
                client.tls.unwrap()
            client.flush()
        client.raw.shutdown(socket.SHUT_WR)
        assert wait_until(proxy.access)[0]["auth.reason"] == "client_closed"
    release.set()
    upstream.close()


@way
@version
def test_broken_records(make_proxy, upstream, version, way):
    """In a handshake and behind it: an alert, and nothing of it is taken for a request."""
    proxy = make_proxy({"tuning": way}).start()
    with Wire(proxy, "alice", version, 0) as client:
        client.shake(GET)
        assert client.answer().status == 200
        client.tls.write(GET)
        octets = bytearray(client.go.read())
        octets[-1] ^= 1
        client.raw.sendall(octets)
        with pytest.raises(ssl.SSLError, match="(?i)bad.record.mac"):
            client.more()
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=LIMIT_S) as raw:
        raw.sendall(b"\x16\x03\x01\x00\x05hello")
        assert raw.recv(7)[0] == 21
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=LIMIT_S) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert raw.recv(65536).startswith(b"HTTP/1.1 400 ")
    wait_until(lambda: proxy.refusals("tls_protocol_error") == 2)
    assert proxy.refusals("plain_http_on_tls_port") == 1 and len(upstream.requests) == 1


@version
def test_changed_while_connections_are_open(make_proxy, tmp_path, upstream, version):
    """What began one way goes on that way, and what comes then takes the other."""
    directory = tmp_path / "pki"
    directory.mkdir()
    proxy = make_proxy(pki=Pki(directory)).start()
    clients = []
    for turn, tuning in enumerate([{"own_bio": False, "own_records": False}, {"own_bio": True}, {}]):
        clients += [proxy.connect(version=version) for _ in range(2)]
        for client in clients:
            assert client.get("/", ALICE, PASSWORD).status == 200
        proxy.config["tuning"] = tuning
        proxy.write_config()
        assert proxy.reload().returncode == 0
        wait_until(lambda: proxy.metric("countersign_reloads_total") > turn)
    for client in clients:
        assert client.get("/", ALICE, PASSWORD).status == 200
        client.close()
