"""Records of open TLS 1.3 connections: framed by countersign (tuning.own_records) or by OpenSSL, what
clients see is the same."""
import hashlib
import os
import re
import socket
import ssl
import subprocess
import threading

import pytest

from pki import Authority, Pki, cert_pem, crl_pem
from proxy import LIMIT_S, Client, basic, wait_until
from raw_tls import ALERT, CHANGE, CLOSE_NOTIFY, DATA, HANDSHAKE, SUITES, RawClient, key_update
from test_resumption import Visitor
from upstream import Upstream

ALICE, PASSWORD = "alice@example.com", "wonder land"
AUTH = f"Host: localhost\r\nAuthorization: {basic(ALICE, PASSWORD)}\r\n"
GET = f"GET / HTTP/1.1\r\n{AUTH}\r\n".encode()
own_records = pytest.mark.parametrize("own_records", [True, False], ids=["own", "openssl"])


def post(size):
    return f"POST / HTTP/1.1\r\n{AUTH}Content-Length: {size}\r\n\r\n".encode()


def ok(body):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


@pytest.fixture
def own(tmp_path):
    """A CA of this test's own, whose files it may change."""
    directory = tmp_path / "pki"
    directory.mkdir()
    return Pki(directory)


@pytest.fixture
def echo():
    """Answers with what it was sent."""
    u = Upstream(answer=lambda request, _: ok(request.body))
    yield u
    u.close()


@pytest.fixture(params=[True, False], ids=["own bio", "openssl's bios"])
def make(make_proxy, request):
    """By whatever way octets come to OpenSSL and from it (tuning.own_bio)."""
    def made(own_records, changes=None, **options):
        tuning = {"own_records": own_records, "own_bio": request.param}
        changes = changes or {}
        return make_proxy({**changes, "tuning": {**tuning, **changes.get("tuning", {})}},
                          **options)
    return made


def raw(proxy, pair="alice"):
    return RawClient(proxy.port, proxy.pki, pair)


def turned(record, at=-1):
    record = bytearray(record)
    record[at] ^= 1
    return bytes(record)


# What is refused on an open connection, and with which alert: (octets, number), and OpenSSL's number
# where it reads the octets another way.
def unprotected(kind, octets):
    return lambda c: bytes([kind, 3, 3, 0, len(octets)]) + octets


def sealed(kind, octets, padding=0):
    return lambda c: c.out.seal(kind, octets, padding)


def several(*makers):
    return lambda c: b"".join(maker(c) for maker in makers)


REFUSED = {
    "a tag that is wrong": (lambda c: turned(c.out.seal(DATA, GET)), 20),
    "octets that were changed": (lambda c: turned(c.out.seal(DATA, GET), 5), 20),
    "a record again": (lambda c: c.out.seal(ALERT, b"\1\x5a") * 2, 20),
    "a record is missing": (lambda c: c.out.seal(DATA, b"x") and c.out.seal(DATA, GET), 20),
    "new keys without a word": (lambda c: c.out.next() or c.out.seal(DATA, GET), 20),
    "old keys after KeyUpdate": (several(sealed(HANDSHAKE, key_update()), sealed(DATA, GET)), 20),
    "too short": (lambda c: b"\x17\3\3\0\x10" + bytes(16), 20),
    "too long": (lambda c: b"\x17\3\3\x41\1" + bytes(16641), 22),
    "carries too much": (sealed(DATA, bytes(16385)), 22),
    "an alert in clear": (unprotected(ALERT, CLOSE_NOTIFY), 10),
    "data in TLS 1.2's clear": (unprotected(HANDSHAKE, key_update()), 10),
    "ChangeCipherSpec": (unprotected(CHANGE, b"\1"), 10),
    "ChangeCipherSpec inside": (sealed(CHANGE, b"\1"), 10),
    "a heartbeat": (sealed(24, b"\1\0\1x"), 10),
    "no type": (sealed(0, bytes(100)), 10),
    "an alert without octets": (sealed(ALERT, b""), 10),
    "an alert of three octets": (sealed(ALERT, b"\1\0\0"), 50, 10),
    "a ClientHello": (sealed(HANDSHAKE, b"\1\0\0\1\0"), 10),
    "a Finished": (sealed(HANDSHAKE, b"\x14\0\0\x20" + bytes(32)), 10),
    "a ticket": (sealed(HANDSHAKE, b"\4\0\0\1\0"), 10),
    "a Certificate": (sealed(HANDSHAKE, b"\x0b\0\0\4\0\0\0\0"), 10),
    "KeyUpdate of 2": (sealed(HANDSHAKE, key_update(2)), 47),
    "KeyUpdate of two octets": (sealed(HANDSHAKE, b"\x18\0\0\2\0\0"), 10, 47),
    "KeyUpdate and an octet": (sealed(HANDSHAKE, key_update() + b"\x18"), 10),
    "KeyUpdate broken off": (several(sealed(HANDSHAKE, b"\x18\0"), sealed(DATA, b"x")), 10),
    "much that says nothing": (several(*[sealed(DATA, b"")] * 33), 10),
}


@own_records
@pytest.mark.parametrize("what", REFUSED)
def test_refused(make, upstream, own_records, what):
    """In the middle of a kept-alive connection: the alert comes, the log says why, and what was
    served before and others are not touched."""
    proxy = make(own_records).start()
    octets, *numbers = REFUSED[what]
    number = numbers[0 if own_records else -1]
    with raw(proxy) as client, proxy.connect() as other:
        client.send(GET)
        assert client.answer() == (200, b"ok\n")
        client.raw.sendall(octets(client))
        assert client.drain() == bytes([2, number]) and client.data == b""
        assert other.get("/", ALICE, PASSWORD).status == 200
    wait_until(lambda: proxy.refusals("tls_protocol_error") == 1)
    assert len(upstream.requests) == 2


@own_records
def test_refused_in_the_middle_of_a_request(make, upstream, own_records):
    """The log says why it came to nothing."""
    proxy = make(own_records).start()
    with raw(proxy) as client:
        client.send(post(100) + b"x" * 50)
        client.raw.sendall(turned(client.out.seal(DATA, b"x" * 50)))
        assert client.drain() in (b"\2\x14", None) and client.data == b""
    record = wait_until(proxy.access)[0]
    assert record["auth.reason"] == "tls_protocol_error"
    assert record["http.request.body.size"] == 50 and not upstream.requests


@own_records
def test_an_alert_of_the_client(make, own_records):
    proxy = make(own_records).start()
    with raw(proxy) as client:
        client.send(GET)
        assert client.answer()[0] == 200
        client.say(ALERT, b"\2\x30")
        assert client.drain() is None
    wait_until(lambda: proxy.refusals("tls_client_alert") == 1)


@own_records
def test_octet_by_octet(make, echo, own_records):
    """Records and bodies in single octets, with new keys in between, on connections side by side."""
    proxy = make(own_records, address=echo.address).start()
    clients = [raw(proxy) for _ in range(3)]
    for round_ in range(3):
        for client in clients:
            octets = client.out.seal(DATA, post(20)[:30])
            octets += client.out.seal(HANDSHAKE, key_update(round_ % 2))
            client.out.next()
            octets += client.out.seal(DATA, post(20)[30:] + b"a" * 10, 100)
            octets += client.out.seal(DATA, b"b" * 10)
            for i in range(0, len(octets)):
                client.raw.sendall(octets[i:i + 1])
        for client in clients:
            assert client.answer() == (200, b"a" * 10 + b"b" * 10)
            assert client.updates == (round_ + 1) // 2
    for client in clients:
        client.close()


@own_records
@pytest.mark.parametrize("aes_128_first", [True, False], ids=["aes128", "aes256"])
def test_many_new_keys(make, echo, own_records, aes_128_first):
    """Keys change at both ends all the while that much goes both ways; every record is opened."""
    body = os.urandom(3 << 20)
    proxy = make(own_records, {"tuning": {"aes_128_first": aes_128_first}},
                 address=echo.address).start()
    with raw(proxy) as client:
        assert client.suite == list(SUITES)[0 if aes_128_first else 1]
        for turn in range(3):
            client.say(DATA, post(len(body)))
            sizes = [1, 16384, 100, 5000, 16383]
            at = 0
            while at < len(body):
                client.say(DATA, body[at:at + sizes[at % 5]], at % 7)
                at += sizes[at % 5]
                if at % 3 == 0:
                    client.update(wanted=at % 2)
            status, got = client.answer()
            assert status == 200 and got == body
            assert client.updates > turn


@own_records
def test_new_keys_while_an_answer_comes(make, make_proxy, own_records):
    """The client asks for new keys again and again while it reads."""
    body = os.urandom(8 << 20)
    upstream = Upstream(answer=ok(body))
    proxy = make(own_records, address=upstream.address).start()
    with raw(proxy) as client:
        client.send(GET)
        while len(client.data) < len(body):
            assert client.more()
            if client.come.count % 16 == 8:
                client.update(wanted=1)
        status, got = client.answer()
        assert status == 200 and got == body and client.updates >= 1
        client.send(GET)
        assert client.answer() == (200, body)
    upstream.close()


@own_records
def test_much_both_ways(make, echo, own_records):
    body = os.urandom(10 << 20)
    proxy = make(own_records, address=echo.address).start()
    with Client(proxy.port, proxy.pki, "alice") as client:
        for _ in range(2):
            client.send(post(len(body)) + body)
            answer = client.answer()
            assert answer.status == 200
            assert hashlib.sha256(answer.body).digest() == hashlib.sha256(body).digest()


@own_records
def test_pipelined(make, echo, own_records):
    """Requests in one record, one request in many, and several to a record's end."""
    proxy = make(own_records, address=echo.address).start()
    requests = b"".join(post(5) + b"%05d" % i for i in range(100))
    for size in (16384, 7, 300):
        with raw(proxy) as client:
            client.send(requests, size)
            for i in range(100):
                assert client.answer() == (200, b"%05d" % i)


@own_records
def test_half_closed(make, echo, own_records):
    """close_notify behind a request: its answer still comes, then ours."""
    proxy = make(own_records, address=echo.address).start()
    body = os.urandom(1 << 20)
    with raw(proxy) as client:
        client.send(post(len(body)) + body)
        client.say(ALERT, CLOSE_NOTIFY)
        assert client.answer() == (200, body)
        assert client.drain() == CLOSE_NOTIFY and client.data == b""


@own_records
def test_all_but_gone(make, own_records):
    """The connection's end behind close_notify: who still reads gets an answer that begins soon, all
    of it however long it takes. Without close_notify nobody is thought to read."""
    go_on, never = threading.Event(), threading.Event()

    def answer(request, connection):
        if request.target == "/silent":
            never.wait(LIMIT_S)
        else:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nfor")
            go_on.wait(LIMIT_S)
            connection.sendall(b"you")
        return b""

    upstream = Upstream(answer=answer)
    proxy = make(own_records, {"timeouts": {"linger": "3s"}}, address=upstream.address).start()
    with raw(proxy) as reads, raw(proxy) as waits:
        for client, path in ((reads, b"/"), (waits, b"/silent")):
            client.send(GET.replace(b"/", path, 1))
            client.say(ALERT, CLOSE_NOTIFY)
            client.raw.shutdown(socket.SHUT_WR)
        assert waits.drain() is None and waits.data == b""
        go_on.set()
        assert reads.answer() == (200, b"foryou") and reads.drain() == CLOSE_NOTIFY
    records = wait_until(lambda: len(proxy.access()) == 2 and proxy.access())
    assert sorted(r["auth.reason"] for r in records) == ["client_closed", "ok"]
    never.set()
    upstream.close()


@own_records
@pytest.mark.parametrize("closes", [True, False], ids=["close_notify", "cut"])
def test_half_a_request(make, upstream, own_records, closes):
    """The end in the middle of a body: nothing is taken for a whole request."""
    proxy = make(own_records).start()
    with raw(proxy) as client:
        client.send(post(100) + b"x" * 50)
        if closes:
            client.say(ALERT, CLOSE_NOTIFY)
        client.raw.shutdown(socket.SHUT_WR)
        assert client.answer() is None or client.data == b""
        client.drain()
    record = wait_until(proxy.access)[0]
    assert record["auth.reason"] == "http_truncated"
    assert record["http.request.body.size"] == 50 and not upstream.requests
    assert proxy.get().status == 200


@own_records
def test_what_follows_close_notify_is_not_read(make, upstream, own_records):
    proxy = make(own_records).start()
    with raw(proxy) as client:
        client.send(GET)
        client.say(ALERT, CLOSE_NOTIFY)
        client.send(GET)
        assert client.answer() == (200, b"ok\n")
        assert client.drain() in (CLOSE_NOTIFY, None) and client.data == b""
    assert len(upstream.requests) == 1


class Interactive:
    """openssl s_client, told what to do line by line."""

    def __init__(self, proxy, directory, *options):
        self.path = directory / "s_client.txt"
        certificate, key = proxy.pki.pair("alice")
        with open(self.path, "wb") as output:
            self.process = subprocess.Popen(
                ["openssl", "s_client", "-connect", f"127.0.0.1:{proxy.port}", "-servername",
                 "localhost", "-CAfile", str(proxy.pki.dir / "ca.crt"), "-cert", certificate,
                 "-key", key, "-tls1_3", *options],
                stdin=subprocess.PIPE, stdout=output, stderr=output)

    def text(self):
        return self.path.read_text(errors="replace")

    def say(self, octets):
        self.process.stdin.write(octets)
        self.process.stdin.flush()

    def wait(self, words, count):
        wait_until(lambda: self.text().count(words) >= count)

    def end(self):
        self.process.stdin.close()
        self.process.wait(LIMIT_S)


@own_records
@pytest.mark.parametrize("suite", SUITES)
def test_s_client_changes_keys(make, echo, tmp_path, own_records, suite):
    """K asks for our new keys too, k does not; before and after data, and in the middle of it."""
    proxy = make(own_records, address=echo.address).start()
    client = Interactive(proxy, tmp_path, "-ciphersuites", suite, "-msg")
    client.wait("Verify return code: 0", 1)
    assert f"Cipher is {suite}" in client.text()
    def press(letters):
        for letter in letters:
            told = client.text().count("KEYUPDATE")
            client.say(letter.encode() + b"\n")
            client.wait("KEYUPDATE", told + 1)

    wanted = 0
    for i, (before, inside) in enumerate([("", ""), ("K", "k"), ("k", "K"), ("kK", ""),
                                          ("KKk", "Kk")]):
        press(before)
        client.say(post(8) + b"a%03d" % i)
        client.wait(f"17 03 03 00 {len(post(8)) + 4 + 17:02x}\n", i + 1)  # it is on its way
        press(inside)
        client.say(b"b%03d" % i)
        client.wait(f"a{i:03}b{i:03}", 1)
        wanted += "K" in before + inside
    # OpenSSL answers each at once, countersign all of them with its next data.
    ours = len(re.findall(r"<<< .*KeyUpdate", client.text()))
    assert ours == wanted if own_records else ours >= wanted
    client.end()
    assert [r.body for r in echo.requests] == [b"a%03db%03d" % (i, i) for i in range(5)]


@own_records
@pytest.mark.parametrize("octets", [512, 4096])
def test_short_records(make, tmp_path, own_records, octets):
    """Who asks for short records (RFC 6066 4) gets short ones."""
    upstream = Upstream(answer=ok(b"x" * 20000))
    proxy = make(own_records, address=upstream.address).start()
    client = Interactive(proxy, tmp_path, "-maxfraglen", str(octets), "-msg")
    client.wait("Verify return code: 0", 1)
    before = len(client.text())
    client.say(GET)
    wait_until(lambda: client.text().count("x") >= 20000)
    lengths = [int(a + b, 16) for a, b in
               re.findall(r"<<< .*\n    17 03 03 (..) (..)", client.text()[before:])]
    assert len(lengths) > 20000 // octets and max(lengths) <= octets + 17
    client.end()
    upstream.close()


def ended(client):
    try:
        return client.at_end()
    except OSError:
        return True


def changed(proxy, change):
    before = proxy.metric("countersign_reloads_total")
    change()
    wait_until(lambda: proxy.metric("countersign_reloads_total") > before)


@own_records
def test_idle_connections_are_judged_anew(make, own, own_records):
    """The CA's file changes while connections idle, of which some sent a chain: who is still good
    goes on, again and again, and who is not is ended."""
    middle = Authority("Middle CA", own.ca)
    own.client("far", own.subject(ALICE), middle)
    own.write("far.crt", cert_pem(own.load("far"), middle.cert))
    own.write("clients.crt", cert_pem(own.ca.cert))
    proxy = make(own_records, pki=own)
    proxy.config["listeners"][0]["client"]["ca"] = str(own.dir / "clients.crt")
    proxy.write_config()
    proxy.start()
    with proxy.connect("alice") as alice, proxy.connect("far") as far, raw(proxy) as silent:
        for i in range(4):
            assert alice.get("/", ALICE, PASSWORD).status == 200
            assert far.get("/", ALICE, PASSWORD).status == 200
            certs = [own.ca.cert, Authority(f"Other {i}").cert]
            changed(proxy, lambda: own.write("clients.crt", cert_pem(*certs)))
        silent.send(GET)
        assert silent.answer() == (200, b"ok\n")
        changed(proxy, lambda: own.write("clients.crt", cert_pem(Authority("Another").cert)))
        for client in (alice, far):
            try:
                answer = client.get("/", ALICE, PASSWORD)
            except OSError:
                answer = None
            assert answer is None or answer.status in (400, 421)
        silent.send(GET)
        answer = silent.answer()
        assert answer is None or answer[0] in (400, 421)


@own_records
def test_idle_connections_are_withdrawn(make, own, own_records):
    """By a CRL that came in while they idled: the one that it names ends, with close_notify or
    without, and the other goes on."""
    own.write("live.crl", crl_pem(own.ca.crl()))
    proxy = make(own_records, pki=own)
    proxy.config["listeners"][0]["client"]["crl"] = str(own.dir / "live.crl")
    proxy.write_config()
    proxy.start()
    bob = "bob@example.com"
    idle = [proxy.connect("alice") for _ in range(5)]
    with proxy.connect("bob") as other, raw(proxy) as silent:
        for client in idle[:3]:
            assert client.get("/", ALICE, PASSWORD).status == 200
        assert other.get("/", bob, proxy.passwords[bob]).status == 200
        changed(proxy, lambda: own.write("live.crl", crl_pem(own.ca.crl(own.load("alice")))))
        assert all(ended(client) for client in idle)
        assert silent.drain() in (CLOSE_NOTIFY, None) and silent.data == b""
        assert other.get("/", bob, proxy.passwords[bob]).status == 200
    for client in idle:
        client.close()


@pytest.mark.parametrize("first", [True, False], ids=["own first", "openssl first"])
def test_sessions_resume_across(make, own, first):
    """A session that was made with records of the one kind resumes with the other, on every worker,
    as a ticket and as one that is kept. With libssl's handshake on both sides: sessions of our own
    are of a form that libssl does not take (test_own_resumption)."""
    for keep in (0, 1000):
        resumption = {"enabled": True, "keep_max": keep} if keep else {"enabled": True}
        proxy = make(first, {"resumption": resumption, "process": {"workers": 2},
                             "tuning": {"own_handshake": False}}, pki=own).start()
        visitor = Visitor(own, ssl.TLSVersion.TLSv1_3)
        assert visitor.visit(proxy)[1] is False
        for own_records in (first, not first, first):
            if own_records != proxy.config["tuning"]["own_records"]:
                proxy.config["tuning"]["own_records"] = own_records
                changed(proxy, lambda: (proxy.write_config(), proxy.reload()))
            for _ in range(6):
                answer, resumed = visitor.visit(proxy)
                assert (answer.status, resumed) == (200, True)
        proxy.stop()
