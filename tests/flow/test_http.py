"""HTTP/1.1 and 1.0 on both sides: keep-alive, bodies of any size, interim answers."""
import hashlib
import os
import threading
import time

import pytest

from proxy import basic, wait_until

ALICE = "alice@example.com"
AUTH = "Authorization: " + basic(ALICE, "wonder land")


def head(line, *fields):
    return "\r\n".join([line, "Host: localhost", AUTH, *fields, "", ""]).encode()


# what the upstream answers, what the client must get: status, body, still open
ANSWERS = [
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, b"hi", True),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", 200, b"hi", True),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nhi\r\n0\r\nT: 1\r\n\r\n", 200,
     b"hi", True),
    (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nhi", 200, b"hi", True),
    (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
    (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 50\r\nETag: x\r\n\r\n", 304, b"", True),
    (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, b"hi", True),
    (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
     200, b"hi", True),
    (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 404, b"", True),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\n", 200, b"", True),
]


@pytest.mark.parametrize("row", ANSWERS, ids=range(len(ANSWERS)))
def test_answers(proxy, upstream, row):
    octets, status, body, still_open = row
    upstream.answer = octets
    with proxy.connect() as client:
        answer = client.get("/", ALICE, "wonder land")
        assert (answer.status, answer.body) == (status, body)
        assert answer.get("x-hop") is None
        assert answer.get("via") == "1.1 countersign"
        if still_open:
            assert client.get("/", ALICE, "wonder land").status == status
    assert upstream.connections == 1, "the upstream's connection is kept"


def test_answer_ended_by_closing(proxy, upstream):
    def close_delimited(request, connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nall of it")
    upstream.answer = close_delimited
    with proxy.connect() as client:
        assert client.get("/", ALICE, "wonder land").body == b"all of it"
        assert client.get("/", ALICE, "wonder land").body == b"all of it"
    with proxy.connect() as client:
        client.send(head("GET / HTTP/1.0"))
        answer = client.answer()
        assert answer.body == b"all of it" and answer.get("transfer-encoding") is None
        assert client.at_end()


def test_http_1_0(proxy):
    with proxy.connect() as client:
        client.send(head("GET / HTTP/1.0"))
        assert client.answer().status == 200
        assert client.at_end()
    with proxy.connect() as client:
        for _ in range(2):
            client.send(head("GET / HTTP/1.0", "Connection: keep-alive"))
            answer = client.answer()
            assert answer.status == 200 and answer.get("connection") == "keep-alive"


def test_connection_close(proxy):
    with proxy.connect() as client:
        client.send(head("GET / HTTP/1.1", "Connection: close"))
        assert client.answer().get("connection") == "close"
        assert client.at_end()


def test_head_request(proxy, upstream):
    upstream.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n"
    with proxy.connect() as client:
        for _ in range(2):
            answer = client.get("/", ALICE, "wonder land", method="HEAD")
            assert answer.get("content-length") == "12345"


def test_expect_is_answered_only_after_the_request_is_let_through(proxy, upstream):
    with proxy.connect() as client:
        client.send(head("POST / HTTP/1.1", "Content-Length: 5", "Expect: 100-continue"))
        while b"\r\n\r\n" not in client.buffer:
            assert client.more()
        assert client.buffer.startswith(b"HTTP/1.1 100 ")
        assert upstream.requests == []
        client.send(b"hello")
        assert client.answer().status == 200
    assert upstream.requests[-1].body == b"hello"
    assert upstream.requests[-1].all("Expect") == []
    for auth in ("Authorization: Basic eDp5", "X: y"):
        with proxy.connect() as client:
            client.send(("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
                         f"Expect: 100-continue\r\n{auth}\r\n\r\n").encode())
            while b"\r\n\r\n" not in client.buffer:
                assert client.more()
            assert client.buffer.startswith(b"HTTP/1.1 401 ")
    assert len(upstream.requests) == 1


def test_refused_request_with_a_body_never_becomes_another_request(proxy, upstream):
    """The body of a refused request must not be read as a request."""
    smuggled = head("GET /smuggled HTTP/1.1")
    with proxy.connect() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
                    % len(smuggled) + smuggled + head("GET /next HTTP/1.1"))
        assert client.answer().status == 401
        answer = client.answer()
        assert answer is None or answer.status == 200
    assert all(r.target != "/smuggled" for r in upstream.requests)


SIZE = 24 * 1024 * 1024


def rss_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_large_bodies_stream_in_constant_memory(proxy, upstream, chunked):
    data = os.urandom(1 << 20)
    pieces = SIZE // len(data)
    received = hashlib.sha256()
    got = 0

    def slow_echo(request, connection):
        raise AssertionError("not used")

    def read_slowly(connection):
        nonlocal got
        buffered = b""
        while b"\r\n\r\n" not in buffered:
            buffered += connection.recv(65536)
        time.sleep(0.5)
        total = SIZE if not chunked else None
        body = buffered.split(b"\r\n\r\n", 1)[1]
        if total is not None:
            received.update(body)
            got += len(body)
            while got < total:
                piece = connection.recv(1 << 18)
                received.update(piece)
                got += len(piece)
        else:
            stream = body
            while True:
                while b"\r\n" not in stream:
                    stream += connection.recv(1 << 18)
                size, stream = stream.split(b"\r\n", 1)
                n = int(size, 16)
                while len(stream) < n + 2:
                    stream += connection.recv(1 << 18)
                if n == 0:
                    break
                received.update(stream[:n])
                got += n
                stream = stream[n + 2:]
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE)
        for _ in range(pieces):
            connection.sendall(data)

    upstream._loop = read_slowly
    worker = proxy.worker_pids()[0]
    before = rss_kib(worker)
    peak = 0
    with proxy.connect() as client:
        framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {SIZE}"
        client.send(head("POST / HTTP/1.1", framing))
        expected = hashlib.sha256()
        for _ in range(pieces):
            expected.update(data)
            client.send((b"%x\r\n" % len(data) + data + b"\r\n") if chunked else data)
            peak = max(peak, rss_kib(worker))
        if chunked:
            client.send(b"0\r\n\r\n")
        time.sleep(0.5)  # the answer piles up against a client that does not read
        peak = max(peak, rss_kib(worker))
        answer = client.answer()
        peak = max(peak, rss_kib(worker))
    assert got == SIZE and received.digest() == expected.digest()
    assert answer.status == 200 and len(answer.body) == SIZE
    assert hashlib.sha256(answer.body).digest() == expected.digest()
    if "asan" not in os.environ.get("COUNTERSIGN", ""):
        assert peak - before < 6 * 1024, f"grew by {peak - before} KiB"


def test_early_answer_ends_the_body(proxy, upstream):
    """An upstream that answers before the body is there: the client gets the answer."""
    def loop(connection):
        buffered = b""
        while b"\r\n\r\n" not in buffered:
            buffered += connection.recv(65536)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nno\n")
        time.sleep(1)
    upstream._loop = loop
    with proxy.connect() as client:
        client.send(head("POST / HTTP/1.1", "Content-Length: 10000000"))
        assert client.answer().status == 413


def test_half_closed_client_still_gets_its_answer(proxy, upstream):
    release = threading.Event()

    def slow(request, connection):
        release.wait(10)
        return b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
    upstream.answer = slow
    with proxy.connect() as client:
        client.send(head("GET / HTTP/1.1"))
        wait_until(lambda: upstream.requests)
        release.set()
        assert client.answer().body == b"hi"


def test_client_that_leaves_frees_the_upstream(proxy, upstream):
    gone = threading.Event()

    def wait_for_end(request, connection):
        connection.settimeout(20)
        if connection.recv(1) == b"":
            gone.set()
        return None
    upstream.answer = wait_for_end
    client = proxy.connect()
    client.send(head("GET / HTTP/1.1"))
    wait_until(lambda: upstream.requests)
    client.close()
    assert gone.wait(20), "the upstream's request goes on without a client"
    wait_until(lambda: any(r["auth.reason"] == "client_closed" for r in proxy.access()))


def test_one_hundred_keepalive_requests_use_one_upstream_connection(proxy, upstream):
    with proxy.connect() as client:
        for _ in range(100):
            assert client.get("/", ALICE, "wonder land").status == 200
    assert upstream.connections == 1
