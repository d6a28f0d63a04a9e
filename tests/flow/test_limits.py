"""Limits and time-outs: each is reached once, answers as documented, and is counted."""
import select
import socket
import ssl
import time

import pytest

from proxy import LIMIT_S, basic, crypt_sha256, wait_until

ALICE = "alice@example.com"
AUTH = "Authorization: " + basic(ALICE, "wonder land")


def head(line, *fields):
    return "\r\n".join([line, "Host: localhost", AUTH, *fields, "", ""]).encode()


def reasons(proxy):
    return [r["auth.reason"] for r in proxy.access()]


def test_handshake_timeout(make_proxy):
    proxy = make_proxy({"timeouts": {"handshake": "300ms"}}).start()
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as s:
        assert s.recv(100) == b""
    wait_until(lambda: proxy.refusals("tls_handshake_timeout") == 1)


def test_head_timeout(make_proxy):
    proxy = make_proxy({"timeouts": {"head": "300ms"}}).start()
    with proxy.connect() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: lo")
        assert client.answer().status == 408
        assert client.at_end()
    assert proxy.refusals("head_timeout") == 1


def test_a_trickle_does_not_extend_the_head_timeout(make_proxy):
    proxy = make_proxy({"timeouts": {"head": "500ms"}}).start()
    with proxy.connect() as client:
        for octet in head("GET / HTTP/1.1", "X: " + "y" * 2000):
            client.send(bytes([octet]))
            if select.select([client.tls], [], [], 0.02)[0]:
                break
        assert client.answer().status == 408


def test_body_timeout(make_proxy):
    proxy = make_proxy({"timeouts": {"body_idle": "300ms"}}).start()
    with proxy.connect() as client:
        client.send(head("POST / HTTP/1.1", "Content-Length: 10") + b"hello")
        assert client.answer().status == 408
        assert client.at_end()
    assert proxy.refusals("body_timeout") == 1


def test_keepalive_timeout_is_silent(make_proxy):
    proxy = make_proxy({"timeouts": {"keepalive": "300ms"}}).start()
    with proxy.connect() as client:
        assert client.get("/", ALICE, "wonder land").status == 200
        assert client.at_end()
    wait_until(lambda: proxy.refusals("keepalive_timeout") == 1)


def test_client_that_takes_nothing(make_proxy, upstream):
    proxy = make_proxy({"timeouts": {"send_idle": "500ms"}}).start()
    big = 64 * 1024 * 1024

    def act(request, connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % big)
        for _ in range(64):
            connection.sendall(b"x" * (1 << 20))
        return None
    upstream.answer = act
    client = proxy.connect()
    client.send(head("GET / HTTP/1.1"))
    wait_until(lambda: proxy.refusals("send_timeout") == 1)
    client.close()


def test_answers_that_nobody_reads_hold_requests_back(make_proxy, pki):
    """Memory does not grow with the requests of a client that only sends; none of them is lost."""
    count = 20000
    proxy = make_proxy({"log": {"access": "off", "level": "error"}}).start()

    def answered():
        return proxy.metric('countersign_refusals_total{reason="credentials_missing"}')

    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.settimeout(LIMIT_S)
    raw.connect(("127.0.0.1", proxy.port))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(str(pki.dir / "ca.crt"))
    context.load_cert_chain(*pki.pair("alice"))
    with context.wrap_socket(raw, server_hostname="localhost") as tls:
        tls.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * count)
        before = -1
        while before != (now := answered()):
            before = now
            time.sleep(1)
        assert 0 < now < count * 3 / 4
        tail, seen = b"", 0
        while seen < count:
            piece = tls.recv(65536)
            assert piece, f"ends after {seen} answers"
            seen += (tail + piece).count(b"HTTP/1.1 401 ") - tail.count(b"HTTP/1.1 401 ")
            tail = piece[-12:]
    assert answered() == count


@pytest.mark.parametrize("field,body", [("Content-Length: 2000", b"x" * 2000),
                                        ("Transfer-Encoding: chunked",
                                         b"7d0\r\n" + b"x" * 2000 + b"\r\n0\r\n\r\n")])
def test_body_too_large(make_proxy, upstream, field, body):
    proxy = make_proxy({"limits": {"body": "1000B"}}).start()
    with proxy.connect() as client:
        client.send(head("POST / HTTP/1.1", field) + body)
        assert client.answer().status == 413
        assert client.at_end()
    assert proxy.refusals("http_body_too_large") == 1
    assert upstream.requests == []


def test_body_limit_of_a_route(make_proxy):
    proxy = make_proxy({"limits": {"body": "20B"},
                        "routes": [{"path": "/", "upstream": "api"},
                                   {"path": "/large", "upstream": "api", "body_max": "200B"},
                                   {"path": "/small", "upstream": "api", "body_max": "10B"}]}).start()
    with proxy.connect() as client:
        client.send(head("POST /large HTTP/1.1", "Content-Length: 22") + 2 * b"hello world")
        assert client.answer().status == 200
    for path, status in (("/", 200), ("/small", 413)):
        with proxy.connect() as client:
            client.send(head(f"POST {path} HTTP/1.1", "Content-Length: 11") + b"hello world")
            assert client.answer().status == status


def test_connections(make_proxy):
    proxy = make_proxy({"limits": {"connections": 2}, "process": {"workers": 2}}).start()
    held = [proxy.connect() for _ in range(2)]
    with pytest.raises(OSError):
        proxy.connect()
    wait_until(lambda: proxy.refusals("connections_max") >= 1)
    held[0].close()
    wait_until(lambda: proxy.metric("countersign_connections_active") == 2)  # with who asks
    with proxy.connect() as client:
        assert client.get("/", ALICE, "wonder land").status == 200
    held[1].close()


def test_connections_of_one_address(make_proxy):
    proxy = make_proxy({"limits": {"connections_per_address": 2}, "process": {"workers": 2}})
    proxy.config["listeners"][0]["address"] = f"0.0.0.0:{proxy.port}"
    proxy.write_config()
    proxy.start()
    held = [proxy.connect() for _ in range(2)]
    with pytest.raises(OSError):
        proxy.connect()
    wait_until(lambda: proxy.refusals("connections_per_address_max") >= 1)
    with socket.socket() as other:  # another address is not concerned
        other.bind(("127.0.0.2", 0))
        other.connect(("127.0.0.1", proxy.port))
        other.settimeout(0.5)
        with pytest.raises(TimeoutError):
            other.recv(1)
    for client in held:
        client.close()


def test_handshakes_in_flight(make_proxy):
    proxy = make_proxy({"limits": {"handshakes": 2}}).start()
    idle = [socket.create_connection(("127.0.0.1", proxy.port)) for _ in range(2)]
    wait_until(lambda: proxy.metric("countersign_tls_handshakes_active") == 2)
    with pytest.raises(OSError):
        proxy.connect()
    wait_until(lambda: proxy.refusals("handshakes_max") >= 1)
    for s in idle:
        s.close()
    wait_until(lambda: proxy.metric("countersign_tls_handshakes_active") == 0)
    assert proxy.get().status == 200


def test_handshakes_of_one_address(make_proxy):
    proxy = make_proxy({"limits": {"handshakes": 16}}).start()
    idle = [socket.create_connection(("127.0.0.1", proxy.port)) for _ in range(20)]
    wait_until(lambda: proxy.refusals("handshakes_max") == 12)
    assert proxy.metric("countersign_tls_handshakes_active") == 8
    with socket.socket() as raw:
        raw.settimeout(LIMIT_S)
        raw.bind(("127.0.0.2", 0))
        raw.connect(("127.0.0.1", proxy.port))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        assert context.wrap_socket(raw).version() == "TLSv1.3"
    for s in idle:
        s.close()


def test_requests_of_one_connection(make_proxy):
    proxy = make_proxy({"limits": {"requests_per_connection": 2}}).start()
    with proxy.connect() as client:
        assert client.get("/", ALICE, "wonder land").get("connection") is None
        assert client.get("/", ALICE, "wonder land").get("connection") == "close"
        assert client.at_end()


def test_no_route(make_proxy, upstream):
    proxy = make_proxy({"routes": [{"path": "/api", "upstream": "api"}]}).start()
    unfit = ("/", "/apix", "/api/../x", "/api/%2e%2e/x", "/a%70i%2fx", "/api/..%2fx",
             "/api/..;/x", "/api/..%3b/x", "/api/%252e%252e/x", "/api/..%252fx", "/api/..%c0%af/x",
             "/api/x%00", "/api/..%5cx", "/api/%ff", "/api%3fx", "/api/..%20/x", "/api//../x")
    for path in unfit:
        assert proxy.get(path=path).status == 404, path
    assert upstream.requests == []
    for path in ("/api", "/api/", "/api/x?y", "/a%70i/x", "/api/100%25", "/api/caf%c3%a9",
                 "/api/what%3f", "/api/x?%2f..%3b%252e%c0%af"):
        assert proxy.get(path=path).status == 200, path
    assert proxy.refusals("no_route") == len(unfit)


def test_password_queue(make_proxy):
    """More slow hashes than may wait: 503, and the loop goes on."""
    import subprocess
    proxy = make_proxy({"users": {"hash_queue_max": 1}})
    slow = subprocess.run(["htpasswd", "-nbBC", "12", ALICE, "wonder land"], capture_output=True,
                          text=True, check=True).stdout.strip()
    proxy.write_users([slow])
    proxy.start()
    clients = [proxy.connect() for _ in range(8)]
    for i, client in enumerate(clients):
        client.send(("GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: "
                     f"{basic(ALICE, f'wrong{i}')}\r\n\r\n").encode())
    statuses = sorted(client.answer().status for client in clients)
    assert set(statuses) == {401, 503}
    assert proxy.refusals("password_queue_full") >= 1
    for client in clients:
        client.close()


def test_who_guesses_does_not_keep_the_others_out(make_proxy):
    import subprocess
    proxy = make_proxy({"users": {"hash_queue_max": 8, "hash_threads": 1}})
    slow = [subprocess.run(["htpasswd", "-nbBC", "10", user, password], capture_output=True,
                           text=True, check=True).stdout.strip()
            for user, password in proxy.passwords.items()]
    proxy.write_users(slow)
    proxy.start()
    guessers = [proxy.connect() for _ in range(20)]
    with proxy.connect("bob") as bob:
        for i, client in enumerate(guessers):
            client.send(("GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: "
                         f"{basic(ALICE, f'wrong{i}')}\r\n\r\n").encode())
        assert bob.get("/", "bob@example.com", "b:ob").status == 200
    statuses = [client.answer().status for client in guessers]
    assert statuses.count(401) >= 2 and statuses.count(503) >= 10
    for client in guessers:
        client.close()


def test_a_certificate_that_has_not_failed_is_not_behind_guesses(make_proxy):
    import subprocess
    bob = "bob@example.com"
    proxy = make_proxy({"users": {"hash_queue_max": 1}, "routes": [
        {"path": "/password", "require": "password", "upstream": "api"},
        {"path": "/", "require": "both", "upstream": "api"}]})
    proxy.config["listeners"][0]["client"]["mode"] = "optional"
    proxy.write_config()
    slow = subprocess.run(["htpasswd", "-nbBC", "13", ALICE, "wonder land"], capture_output=True,
                          text=True, check=True).stdout.strip()
    proxy.write_users([slow, f"{bob}:{crypt_sha256('b:ob')}"])
    proxy.start()
    guessers = [proxy.connect(None), proxy.connect("alice")]  # one is hashed, one waits
    for client in guessers:
        client.send(("GET /password HTTP/1.1\r\nHost: localhost\r\nAuthorization: "
                     f"{basic(ALICE, 'guess')}\r\n\r\n").encode())
    assert proxy.get("bob", bob, "b:ob", "/password").status == 503
    assert proxy.get("bob", bob, "b:ob", "/").status == 200
    for client in guessers:
        assert client.answer().status == 401
        client.close()


def test_equal_checks_under_way_are_one(make_proxy):
    import subprocess
    proxy = make_proxy()
    slow = subprocess.run(["htpasswd", "-nbBC", "12", ALICE, "wonder land"], capture_output=True,
                          text=True, check=True).stdout.strip()
    proxy.write_users([slow])
    proxy.start()
    clients = [proxy.connect() for _ in range(8)]
    for client in clients:
        client.send(head("GET / HTTP/1.1"))
    assert [client.answer().status for client in clients] == [200] * 8
    assert proxy.metric("countersign_password_checks_total") == 1
    for client in clients:
        assert client.get("/", ALICE, "wonder land").status == 200
        client.close()
    assert proxy.metric("countersign_password_checks_total") == 1
    assert proxy.metric("countersign_password_remembered_total") >= 8


def test_passwords_that_are_remembered_end_with_their_hash(make_proxy):
    """Whoever else changes: their users are not all hashed anew at once."""
    proxy = make_proxy({"process": {"watch_files": "0s"}}).start()
    bob = "bob@example.com"
    before = {user: f"{user}:{crypt_sha256(proxy.passwords[user])}" for user in (ALICE, bob)}

    def adopt(*lines, **config):
        proxy.write_users(lines)
        proxy.write_config(config)
        assert proxy.reload().returncode == 0

    def hashes(pair, user, password, status):
        count = proxy.metric("countersign_password_checks_total")
        assert proxy.get(pair, user, password).status == status
        return proxy.metric("countersign_password_checks_total") - count

    adopt(*before.values())
    assert hashes("alice", ALICE, "wonder land", 200) == 1
    assert hashes("bob", bob, "b:ob", 200) == 1
    wait_until(lambda: proxy.metric("countersign_passwords_kept") == 2)
    adopt(before[ALICE], f"{bob}:{crypt_sha256('b:obby')}")
    assert hashes("bob", bob, "b:ob", 401) == 1, "the old one, at once"
    assert hashes("bob", bob, "b:obby", 200) == 1
    assert hashes("alice", ALICE, "wonder land", 200) == 0
    adopt(before[ALICE])
    assert hashes("bob", bob, "b:obby", 401) == 1, "he is gone"
    assert hashes("alice", ALICE, "wonder land", 200) == 0
    adopt(before[ALICE], users={"remember": "30s"})
    wait_until(lambda: proxy.metric("countersign_passwords_kept") == 0)
    assert hashes("alice", ALICE, "wonder land", 200) == 1
    adopt(before[ALICE], users={"remember": "3s"})
    assert hashes("alice", ALICE, "wonder land", 200) == 1
    wait_until(lambda: proxy.metric("countersign_passwords_kept") == 1)
    wait_until(lambda: proxy.metric("countersign_passwords_kept") == 0)  # nobody comes
