"""Upstreams that refuse, hang, break off and talk nonsense: the client gets a clear answer, never
another client's, and a broken connection is not used again."""
import os
import socket
import struct
import time

import pytest

from proxy import basic, free_port, merge, wait_until
from upstream import OK, Upstream

ALICE = "alice@example.com"


def reset(request, connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    raise OSError("reset")


def with_head(*lines, body=b""):
    return b"\r\n".join([b"HTTP/1.1 200 OK", *lines, b"", b""]) + body


BAD = "upstream_bad_response"
# name, what the upstream does, status, reason
FAULTS = [
    ("closes at once", None, 502, "upstream_closed"),
    ("resets", reset, 502, "upstream_closed"),
    ("bare LF", b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", 502, BAD),
    ("folded field", with_head(b"X: a", b" b", b"Content-Length: 0"), 502, BAD),
    ("NUL in a value", with_head(b"X: a\0b", b"Content-Length: 0"), 502, BAD),
    ("space before the colon", with_head(b"X : a", b"Content-Length: 0"), 502, BAD),
    ("empty name", with_head(b": a", b"Content-Length: 0"), 502, BAD),
    ("two lengths", with_head(b"Content-Length: 2", b"Content-Length: 3", body=b"hi!"), 502, BAD),
    ("length list", with_head(b"Content-Length: 2, 2", body=b"hi"), 502, BAD),
    ("length and chunked", with_head(b"Content-Length: 2", b"Transfer-Encoding: chunked",
                                     body=b"0\r\n\r\n"), 502, BAD),
    ("unknown coding", with_head(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"), 502, BAD),
    ("chunked in 1.0", b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 502, BAD),
    ("negative length", with_head(b"Content-Length: -1"), 502, BAD),
    ("status 99", b"HTTP/1.1 99 X\r\nContent-Length: 0\r\n\r\n", 502, BAD),
    ("status of four digits", b"HTTP/1.1 2000 X\r\nContent-Length: 0\r\n\r\n", 502, BAD),
    ("HTTP/2.0", b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", 502, BAD),
    ("no HTTP at all", b"SSH-2.0-OpenSSH_9.2\r\n\r\n", 502, BAD),
    ("switches protocols", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", 502, BAD),
    ("huge head", with_head(b"X: " + b"a" * 200000), 502, "upstream_head_too_large"),
    ("bad first chunk in hand with the head",
     with_head(b"Transfer-Encoding: chunked", body=b"xyz\r\n"), 502, BAD),
    ("bad second chunk in hand with the head",
     with_head(b"Transfer-Encoding: chunked", body=b"2\r\nhi\r\nxyz\r\n"), 502, BAD),
    ("flood of interim answers", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, 502, BAD),
]


@pytest.mark.parametrize("row", FAULTS, ids=[r[0] for r in FAULTS])
def test_fault_before_the_answer(proxy, upstream, row):
    _, act, status, reason = row
    upstream.answer = act if act is not None else (lambda request, connection: None)
    with proxy.connect() as client:
        answer = client.get("/bad", ALICE, "wonder land")
        assert answer.status == status
        assert answer.problem()["status"] == status
        assert proxy.record(answer)["auth.reason"] == reason
        # the next request gets the answer that is its own, on another connection
        upstream.answer = OK
        assert client.get("/good", ALICE, "wonder land").body == b"ok\n"
    assert upstream.connections >= 2


# What breaks off in the body: the client must not take it for complete.
BROKEN_BODIES = [
    ("short", with_head(b"Content-Length: 10", body=b"hi")),
    ("bad chunk size", with_head(b"Transfer-Encoding: chunked", body=b"2\r\nhi\r\nxyz\r\n")),
    ("ends between chunks", with_head(b"Transfer-Encoding: chunked", body=b"2\r\nhi\r\n")),
    ("chunk longer than said", with_head(b"Transfer-Encoding: chunked", body=b"2\r\nhiho\r\n")),
]


@pytest.mark.parametrize("row", BROKEN_BODIES, ids=[r[0] for r in BROKEN_BODIES])
def test_fault_in_the_body(proxy, upstream, row):
    def act(request, connection):
        connection.sendall(row[1])
        return None
    upstream.answer = act
    with proxy.connect() as client:
        with pytest.raises((AssertionError, OSError)):
            answer = client.get("/", ALICE, "wonder land")
            assert answer is None or answer.status == 502
            raise OSError("the error was told before any of the body was passed on")
    upstream.answer = OK
    assert proxy.get().body == b"ok\n"


def test_octets_behind_an_answer_are_no_answer(proxy, upstream):
    """A second answer that nobody asked for must not reach the next request."""
    def act(request, connection):
        if request.target == "/first":
            return with_head(b"Content-Length: 2", body=b"hi") + with_head(b"Content-Length: 4",
                                                                           body=b"evil")
        return OK
    upstream.answer = act
    with proxy.connect() as client:
        assert client.get("/first", ALICE, "wonder land").body == b"hi"
        for _ in range(3):
            assert client.get("/next", ALICE, "wonder land").body == b"ok\n"


def test_refused_connection(make_proxy, upstream):
    upstream.close()
    proxy = make_proxy().start()
    answer = proxy.get()
    assert answer.status == 502
    assert proxy.record(answer)["auth.reason"] == "upstream_connect_failed"


def test_unix_socket(make_proxy, tmp_path):
    other = Upstream(unix_path=str(tmp_path / "up.sock"))
    proxy = make_proxy(address=other.address).start()
    answer = proxy.get()
    assert answer.body == b"ok\n"
    assert proxy.record(answer)["upstream.address"] == other.address
    other.close()


def test_name_is_resolved(make_proxy, upstream):
    proxy = make_proxy(address=upstream.address.replace("127.0.0.1", "localhost")).start()
    assert proxy.get().body == b"ok\n"


def test_response_timeout(make_proxy, upstream):
    proxy = make_proxy({"upstreams": {"api": {"response_timeout": "300ms"}}}).start()
    upstream.answer = lambda request, connection: connection.recv(1) and None
    answer = proxy.get()
    assert answer.status == 504
    assert proxy.record(answer)["auth.reason"] == "upstream_response_timeout"


def test_body_timeout_breaks_off(make_proxy, upstream):
    proxy = make_proxy({"upstreams": {"api": {"body_idle_timeout": "300ms"}}}).start()

    def act(request, connection):
        connection.sendall(with_head(b"Content-Length: 10", body=b"hi"))
        connection.recv(1)
        return None
    upstream.answer = act
    with pytest.raises((AssertionError, OSError)):
        proxy.get()
    wait_until(lambda: proxy.refusals("upstream_body_timeout") == 1)


def test_connect_timeout(make_proxy):
    """A listener whose queue is full never answers a connection."""
    full = socket.socket()
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    address = full.getsockname()
    fillers = []
    for _ in range(4):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(address)
        fillers.append(s)
    time.sleep(0.2)
    proxy = make_proxy({"upstreams": {"api": {"connect_timeout": "300ms"}}},
                       address="127.0.0.1:%d" % address[1]).start()
    answer = proxy.get()
    assert answer.status == 504
    assert proxy.record(answer)["auth.reason"] == "upstream_connect_timeout"
    for s in fillers + [full]:
        s.close()


def group(make_proxy, *upstreams, **more):
    return make_proxy({"upstreams": {"api": merge({"servers": [u.address for u in upstreams]},
                                                  more)}}).start()


def test_round_robin(make_proxy, upstream):
    other = Upstream()
    proxy = group(make_proxy, upstream, other)
    for _ in range(10):
        assert proxy.get().status == 200
    assert len(upstream.requests) == len(other.requests) == 5
    other.close()


def test_least_connections(make_proxy, upstream):
    busy = Upstream(answer=lambda request, connection: time.sleep(3) or OK)
    proxy = group(make_proxy, busy, upstream, balance="least_connections")
    slow = proxy.connect()
    slow.send(("GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: "
               f"{basic(ALICE, 'wonder land')}\r\n\r\n").encode())
    wait_until(lambda: busy.requests or upstream.requests)
    first_went_to_busy = bool(busy.requests)
    for _ in range(5):
        assert proxy.get().status == 200
    if first_went_to_busy:
        assert len(upstream.requests) == 5 and len(busy.requests) == 1
    slow.close()
    busy.close()


def test_a_dead_server_is_set_aside_and_the_request_sent_to_another(make_proxy, upstream):
    dead = Upstream()
    dead_address = dead.address
    dead.close()
    proxy = make_proxy({"upstreams": {"api": {"servers": [dead_address, upstream.address],
                                              "fail_max": 1, "fail_time": "1h"}}}).start()
    for _ in range(20):
        assert proxy.get().status == 200
    assert len(upstream.requests) == 20
    assert proxy.metric("countersign_upstream_set_aside_total") == 1
    assert proxy.metric("countersign_upstream_retries_total") == 1


def test_a_server_that_comes_back_is_used_again(make_proxy, upstream):
    port = free_port()
    proxy = make_proxy({"upstreams": {"api": {"servers": [f"127.0.0.1:{port}"], "fail_max": 1,
                                              "fail_time": "200ms"}}}).start()
    assert proxy.get().status == 502
    answer = proxy.get()
    assert answer.status == 503
    assert proxy.record(answer)["auth.reason"] == "upstream_none_available"
    back = socket.socket()
    back.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    back.bind(("127.0.0.1", port))
    back.listen(8)

    def served():
        client = proxy.connect()
        client.send(("GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: "
                     f"{basic(ALICE, 'wonder land')}\r\n\r\n").encode())
        back.settimeout(0.2)
        try:
            connection, _ = back.accept()
            return connection
        except OSError:
            return None
        finally:
            client.close()
    wait_until(served).close()
    back.close()


def test_a_request_that_may_have_been_acted_upon_is_not_sent_twice(proxy, upstream):
    upstream.answer = lambda request, connection: None
    with proxy.connect() as client:
        answer = client.get("/", ALICE, "wonder land", method="POST",
                            fields=[("Content-Length", "0")])
        assert answer.status == 502
    assert len(upstream.requests) == 1


def test_kept_connection_that_died_meanwhile(proxy, upstream):
    """The upstream closes its idle connection: the next request must not suffer."""
    assert proxy.get().status == 200
    for connection in list(upstream.open):
        connection.shutdown(socket.SHUT_RDWR)
    for _ in range(5):
        assert proxy.get().status == 200


def test_queue(make_proxy, upstream):
    proxy = make_proxy({"upstreams": {"api": {"connections_max": 1, "queue_max": 1,
                                              "queue_timeout": "400ms"}}}).start()
    upstream.answer = lambda request, connection: connection.recv(1) and None
    clients = []
    for i in range(3):
        client = proxy.connect()
        client.send(("GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: "
                     f"{basic(ALICE, 'wonder land')}\r\n\r\n").encode())
        clients.append(client)
        if i == 0:
            wait_until(lambda: upstream.requests)
        elif i == 1:
            wait_until(lambda: proxy.metric("countersign_upstream_requests_queued") == 1)
    assert clients[2].answer().status == 503
    assert clients[1].answer().status in (503, 504)
    reasons = [r["auth.reason"] for r in proxy.access()]
    assert "upstream_queue_full" in reasons
    for client in clients:
        client.close()


def test_upstream_stopped_and_continued(make_proxy, upstream):
    """A pause shorter than the time-outs loses nothing."""
    upstream.answer = lambda request, connection: time.sleep(0.5) or OK
    proxy = make_proxy().start()
    for _ in range(3):
        assert proxy.get().status == 200


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to read other processes' descriptors")
def test_no_descriptor_is_lost(proxy, upstream):
    worker = proxy.worker_pids()[0]
    proxy.get()
    before = len(os.listdir(f"/proc/{worker}/fd"))
    for act in (OK, b"HTTP/1.1 200 OK\nX\n\n", reset, lambda r, c: None):
        upstream.answer = act
        for _ in range(20):
            proxy.get()
    upstream.answer = OK
    wait_until(lambda: len(os.listdir(f"/proc/{worker}/fd")) <= before + 2)


def test_reset_in_a_body_that_only_the_end_delimits(proxy, upstream):
    """A reset is no end: what came before it must not pass for a complete answer."""
    def act(request, connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\npart of it")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        raise OSError("reset")
    upstream.answer = act
    for _ in range(10):
        with proxy.connect() as client:
            with pytest.raises((AssertionError, OSError)):
                answer = client.get("/", ALICE, "wonder land")
                assert answer is None or answer.status == 502
                raise OSError("told before any of it was passed on")
