"""The load tool against servers of known behaviour: it must count what really happened."""
import collections
import json
import os
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest

import bench
from bench import load
from bench_server import (CLOSE, ENDLESS, HANG, RESET, TRUNCATE, UNTIL_END, KnownServer, ok, status)
from proxy import free_port, wait_until

CLIENTS = 8
COUNTED = ["--closed", "--warmup", "0s", "--duration", "50s"]  # ended by --operations


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    return bench.Pki(tmp_path_factory.mktemp("bench") / "pki", CLIENTS)


@pytest.fixture
def serve(pki):
    """serve(...) gives a KnownServer that knows the clients' CA."""
    made = []

    def make(**options):
        options.setdefault("ca", pki.path("ca.crt"))
        made.append(KnownServer(pki.path("server.crt"), pki.path("server.key"), **options))
        return made[-1]

    yield make
    for server in made:
        server.close()


def paired(request):
    """As a proxy should answer: 403 unless certificate and user are the same."""
    return ok() if request.user == request.certificate else status(403)


def test_each_client_sends_its_own_user(pki, serve):
    server = serve(answer=paired)
    r = load(server.url, *pki.options(), *COUNTED, "-c", 3, "--operations", 5 * CLIENTS)
    assert r.outcomes == {"ok": 5 * CLIENTS} and r["started"] == 5 * CLIENTS
    assert r["full"] == r["connections"] == server.handshakes == 5 * CLIENTS and r["resumed"] == 0
    assert collections.Counter(q.certificate for q in server.requests) == {
        name: 5 for name, _, _ in pki.users}
    assert all(q.user == q.certificate for q in server.requests)
    assert r.all["environment"]["identities"] == CLIENTS
    for part in "connect", "handshake", "first_byte", "total":
        assert r.service(part)["count"] == 5 * CLIENTS
    assert r.all["latency"]["corrected"] is None


def test_request_as_told(pki, serve):
    server = serve(ca=None, answer=lambda q: status(201))
    load(server.url + "a/b?c=d", "--ca", pki.path("ca.crt"), *COUNTED, "-c", 1, "--operations", 2,
         "--method", "PUT", "--header", "X-One: 1", "--header", "X-Two: 2", "--body-size", "100KiB",
         "--expect", 201)
    for q in server.requests:
        assert q.line == "PUT /a/b?c=d HTTP/1.1"
        assert q.fields["host"] == f"localhost:{server.port}"
        assert q.fields["x-one"] == "1" and q.fields["x-two"] == "2"
        assert q.fields["connection"] == "close"
        assert len(q.body) == 102400 and "authorization" not in q.fields


@pytest.mark.parametrize("answer", [
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
    b"HTTP/1.1 103 x\r\nLink: y\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde",
    b"HTTP/1.1 204 No Content\r\n\r\n",
    UNTIL_END])
def test_forms_of_answers(pki, serve, answer):
    server = serve(answer=lambda q: answer)
    r = load(server.url, *pki.options(), *COUNTED, "-c", 2, "--operations", 10)
    assert r.outcomes == {"ok": 10}


def test_keepalive_keeps_and_counts_connections(pki, serve):
    server = serve()
    r = load(server.url, *pki.options(), *COUNTED, "--mode", "keepalive", "-c", 4, "--operations", 200)
    assert r.outcomes == {"ok": 200}
    assert server.handshakes == r["connections"] == r["full"] == 4
    assert r.service("handshake")["count"] == 4 and r.service("total")["count"] == 200


def test_keepalive_with_so_many_requests_each(pki, serve):
    server = serve()
    r = load(server.url, *pki.options(), *COUNTED, "--mode", "keepalive", "-c", 1,
             "--operations", 50, "--per-connection", 10)
    assert r.outcomes == {"ok": 50} and server.handshakes == 5


def test_keepalive_takes_turns(pki, serve):
    """More connections than requests at once: each client is there, and they come one after the
    other. What is told once all are open can be measured from."""
    server = serve()
    done = bench.run("--output", "json", "--threads", 1, *pki.options(), *COUNTED, "--mode",
                     "keepalive", "-c", CLIENTS, "--in-flight", 1, "--operations", 4 * CLIENTS,
                     "--tell-opened", "--quiet", server.url)
    assert json.loads(done.stdout)["summary"]["ok"] == 4 * CLIENTS
    assert done.stderr == "opened\n" and server.handshakes == CLIENTS
    names = [q.certificate for q in server.requests]
    assert len(set(names)) == CLIENTS and names == 4 * names[:CLIENTS]


def test_not_all_opened_is_not_told(pki, serve):
    done = bench.run(*pki.options(), *COUNTED, "--mode", "keepalive", "-c", 5, "--operations", 4,
                     "--tell-opened", "--quiet", serve().url)
    assert "opened" not in done.stderr


def test_keepalive_follows_a_server_that_closes(pki, serve):
    server = serve(answer=lambda q: ok(fields=b"Connection: close\r\n" if q.number % 5 == 4 else b""))
    r = load(server.url, *pki.options(), *COUNTED, "--mode", "keepalive", "-c", 1,
             "--operations", 50)
    assert r.outcomes == {"ok": 50} and server.handshakes == 10


@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_handshakes(pki, serve, tls):
    server = serve()
    r = load(server.url, *pki.options(), *COUNTED, "--mode", "handshake", "--tls", tls,
             "-c", 2, "--operations", 30)
    assert r.outcomes == {"ok": 30} and r["full"] == 30
    wait_until(lambda: server.handshakes == 30)
    assert not server.requests
    assert r.all["environment"]["tls"] == f"TLSv{tls}"


@pytest.mark.parametrize("options, said", [
    (["--groups", "P-384"], {"group": "secp384r1"}),
    (["--groups", "ffdhe2048", "--tls", "1.3"], {"group": "ffdhe2048"}),
    (["--groups", "X448"], {"group": "X448"}),
    (["--ciphers", "TLS_CHACHA20_POLY1305_SHA256"], {"cipher": "TLS_CHACHA20_POLY1305_SHA256"}),
    (["--tls", "1.2", "--ciphers", "ECDHE-ECDSA-AES128-GCM-SHA256"],
     {"tls": "TLSv1.2", "cipher": "ECDHE-ECDSA-AES128-GCM-SHA256"}),
    (["--sigalgs", "ECDSA+SHA256", "--stock-library"], {"server_key": "EC 256 prime256v1"})])
def test_what_is_negotiated(pki, serve, options, said):
    r = load(serve().url, *pki.options(), *COUNTED, *options, "-c", 1, "--operations", 3)
    assert r.outcomes == {"ok": 3}
    assert {k: r.all["environment"][k] for k in said} == said


@pytest.mark.parametrize("tls", ["1.2", "1.3"])
@pytest.mark.parametrize("mode", [["--mode", "resume"], ["--mode", "handshake", "--resume-ratio", 1]])
def test_resumption_is_what_the_server_saw(pki, serve, tls, mode):
    server = serve(tickets=1)
    r = load(server.url, *pki.options(), *COUNTED, *mode, "--tls", tls, "-c", 1,
             "--operations", 10 * CLIENTS)
    # The first of each client has nothing to resume.
    assert r.outcomes == {"ok": 10 * CLIENTS}
    wait_until(lambda: server.handshakes == 10 * CLIENTS)
    assert r["resumed"] == server.reused == 9 * CLIENTS
    assert r["full"] == CLIENTS and r["resume_missing"] == CLIENTS
    assert r["resume_offered"] == 9 * CLIENTS
    assert r.service("resumed")["count"] == 9 * CLIENTS


def test_share_of_resumption(pki, serve):
    server = serve()
    r = load(server.url, *pki.options(), *COUNTED, "--resume-ratio", "50%", "-c", 2,
             "--operations", 400)
    assert r["resumed"] == server.reused and r["resumed"] + r["full"] == 400
    assert 140 <= r["resumed"] <= 240


def test_server_that_resumes_nothing(pki, serve):
    server = serve(tickets=0)
    r = load(server.url, *pki.options(), *COUNTED, "--mode", "resume", "--tls", "1.3", "-c", 1,
             "--operations", 20)
    assert r["resumed"] == server.reused == 0 and r["resume_missing"] == r["full"] == 20


def test_handshakes_with_a_server_that_sends_no_tickets(pki, serve):
    """There is nothing to wait for: each ends when the server closes, and is told as not resumable."""
    server = serve(tickets=0)
    begun = time.monotonic()
    done = bench.run(*pki.options(), *COUNTED, "--mode", "handshake", "--resume-ratio", "1", "--tls",
                     "1.3", "-c", 1, "--operations", 20, "--timeout", "5s", "--output", "text",
                     server.url)
    assert time.monotonic() - begun < 5
    assert "20 full, 0 resumed" in done.stdout
    assert "20   were to resume, but the server had given no unused ticket" in done.stdout


@pytest.mark.parametrize("name", ["none/x.json", "."])
def test_an_output_that_cannot_be_written_is_refused_at_once(pki, serve, tmp_path, name):
    server = serve()
    done = bench.run(*pki.options(), "--output", f"json:{tmp_path}/{name}", server.url, status=2)
    assert f"cannot write {tmp_path}/{name}" in done.stderr
    assert not server.handshakes


def test_offered_but_not_taken(pki, serve):
    """A server that forgets its ticket keys: what was offered is not counted as resumed."""
    first = serve()
    server = serve()

    def forward():  # every other connection goes to another server, with other keys
        listener = socket.create_server(("127.0.0.1", 0))
        ports = [first.port, server.port]

        def pump(a, b):
            try:
                while data := a.recv(65536):
                    b.sendall(data)
                b.shutdown(socket.SHUT_WR)
            except OSError:
                pass

        def loop():
            for i in range(20):
                a, _ = listener.accept()
                b = socket.create_connection(("127.0.0.1", ports[i % 2]))
                threading.Thread(target=pump, args=(a, b), daemon=True).start()
                threading.Thread(target=pump, args=(b, a), daemon=True).start()

        threading.Thread(target=loop, daemon=True).start()
        return listener.getsockname()[1]

    r = load(f"https://localhost:{forward()}/", "--ca", pki.path("ca.crt"), "--certs",
             pki.path(f"clients/{pki.users[0][0]}.pem"), *COUNTED, "--mode", "resume",
             "-c", 1, "--operations", 20)
    assert r["resume_offered"] == 19
    assert r["resumed"] == first.reused + server.reused < 19
    assert r["full"] == 20 - r["resumed"]


def test_a_client_that_does_not_get_to_run_is_to_blame(pki, serve):
    """Stopped over the end of its run: what it did not begin is its own fault, not the server's."""
    server = serve()
    process = subprocess.Popen(
        [bench.BENCH, "run", *map(str, pki.options()), "--rate", "50/s", "--duration", "3s",
         "--warmup", "0s", "--output", "json", server.url], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True)
    wait_until(lambda: len(server.requests) >= 5)
    process.send_signal(signal.SIGSTOP)
    time.sleep(3)
    process.send_signal(signal.SIGCONT)
    text, why = process.communicate(timeout=60)
    assert process.returncode == 0, why
    r = bench.Result(text)
    assert r["not_begun"] > 0 and "lag" in r.limited_by and "connections" not in r.limited_by


def test_delays_are_told_by_part(pki, serve):
    """Lower bounds hold however slow the computer is; a part without a delay has a faster one."""
    def slow(request):
        time.sleep(0.06)
        return ok()

    r = load(serve(answer=slow).url, *pki.options(), *COUNTED, "-c", 1, "--operations", 10)
    assert r.service("first_byte")["min_ns"] >= 60e6 and r.service("total")["min_ns"] >= 60e6
    assert r.service("handshake")["min_ns"] < 60e6 and r.service("connect")["min_ns"] < 60e6
    r = load(serve(accept_delay_s=0.06).url, *pki.options(), *COUNTED, "-c", 1, "--operations", 10)
    # The server may be at work before we know that we are connected.
    assert r.service("connect")["mean_ns"] + r.service("handshake")["mean_ns"] >= 60e6
    assert r.service("connect")["min_ns"] < 60e6 and r.service("first_byte")["min_ns"] < 60e6


def test_waiting_for_a_slow_server_is_not_left_out(pki, serve):
    """100 a second are due, one connection serves 20 at best: those that waited show it."""
    def slow(request):
        time.sleep(0.05)
        return ok()

    r = load(serve(answer=slow).url, *pki.options(), "--mode", "keepalive", "-c", 1,
             "--rate", "100/s", "--duration", "1s", "--warmup", "0s")
    assert r["started"] + r["not_begun"] == 100 and r["not_begun"] >= 79
    assert sum(r.outcomes.values()) == r["started"]
    assert r.service("total")["min_ns"] >= 50e6
    # The k-th is due after 10 k ms and begins after 50 k ms at best.
    last = r["started"] - 1
    assert r.corrected("total")["max_ns"] >= (last * 40 + 49) * 1e6
    assert r.all["client"]["lag"]["max_ns"] >= last * 40e6 - 1e6
    assert "connections" in r.limited_by


def test_who_waited_for_a_connection_is_not_put_down_to_the_client(pki, serve):
    """The only connection is busy a little longer than from one operation to the next, so each is
    due while it is, by less than a whole distance."""
    def slow(request):
        time.sleep(0.0515)
        return ok()

    server = serve(answer=slow)
    r = load(server.url, *pki.options(), "--mode", "keepalive", "-c", 1, "--rate", "20/s",
             "--duration", "2s", "--warmup", "0s")
    assert "connections" in r.limited_by and "lag" not in r.limited_by


def test_warm_up_leaves_no_queue_behind(pki, serve):
    """One connection serves 20 a second at best of the 200 that are due: what the warm-up left
    undone would take all of the measured part."""
    def slow(request):
        time.sleep(0.05)
        return ok()

    r = load(serve(answer=slow).url, *pki.options(), "--mode", "keepalive", "-c", 1,
             "--rate", "200/s", "--duration", "500ms", "--warmup", "500ms")
    assert r.outcomes == {"ok": r["started"]} and r["started"] + r["not_begun"] == 100
    assert r["started"] <= 11


def test_open_loop_begins_what_is_due(pki, serve):
    for arrivals in "uniform", "poisson":
        server = serve()
        r = load(server.url, *pki.options(), "--rate", "100/s", "--arrivals", arrivals,
                 "--duration", "1s", "--warmup", "300ms")
        assert r["started"] + r["not_begun"] in (range(99, 102) if arrivals == "uniform"
                                                else range(50, 160))
        assert r.outcomes == {"ok": r["started"]}
        assert r.corrected("total")["count"] == r["started"]
        assert sum(s["ok"] for s in r.all["seconds"]) == r["ok_in_window"]


def test_an_endless_answer_ends_with_its_time_out(pki, serve):
    """However fast it comes, it holds up neither its own end nor that of the run."""
    server = serve(answer=lambda q: ENDLESS)
    r = load(server.url, *pki.options(), "--warmup", "0s", "--rate", "10/s", "--duration", "500ms",
             "--timeout", "1s", status=1)
    assert r.outcomes == {"timeout": 5}
    wait_until(lambda: server.cut_off == 5)


def test_errors_by_class(pki, serve):
    mix = [status(500), RESET, TRUNCATE, b"HTTP/2 200\r\n\r\n", HANG, CLOSE, ok(), ok(), ok(), ok()]
    server = serve(answer=lambda q: mix[q.number % 10])
    r = load(server.url, *pki.options(), *COUNTED, "-c", 1, "--operations", 30, "--timeout", "1500ms",
             status=1)
    assert r.outcomes == {"ok": 12, "status": 3, "reset": 3, "truncated": 6, "protocol": 3,
                          "timeout": 3}
    assert r["statuses"] == {"200": 12, "500": 3}
    assert r.service("total")["count"] == 12


def test_nobody_listens(pki):
    r = load(f"https://localhost:{free_port()}/", *pki.options(), "--rate", "50/s", "--duration",
             "500ms", "--warmup", "0s", status=1)
    assert set(r.outcomes) == {"refused"} and r["connections"] == 0


@pytest.mark.parametrize("mode", ["handshake", "request"])
@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_alert_of_a_server_that_trusts_another_ca(pki, serve, tmp_path, mode, tls):
    bench.run("gen-pki", 1, tmp_path / "other")
    server = serve(ca=str(tmp_path / "other/ca.crt"))
    r = load(server.url, *pki.options(), *COUNTED, "--mode", mode, "--tls", tls, "-c", 2,
             "--operations", 20, status=1)
    assert r.outcomes == {"alert": 20}
    assert r["alerts"] == {"unknown_ca": 20}


def test_alert_of_a_server_with_another_version(pki, serve):
    server = serve(version=ssl.TLSVersion.TLSv1_3)
    r = load(server.url, *pki.options(), *COUNTED, "--tls", "1.2", "-c", 1, "--operations", 5,
             status=1)
    assert r.outcomes == {"alert": 5} and r["alerts"] == {"protocol_version": 5}


def test_the_server_is_verified(pki, serve, tmp_path):
    bench.run("gen-pki", 1, tmp_path / "other")
    server = serve()
    clients = ["--certs", pki.dir, "--users", pki.path("users")]
    for trust in ["--ca", tmp_path / "other/ca.crt"], []:
        r = load(server.url, *trust, *clients, *COUNTED, "-c", 1, "--operations", 5, status=1)
        assert r.outcomes == {"verify": 5}
    relay = socket.create_server(("127.0.0.2", 0))
    elsewhere = "https://127.0.0.2:%d/" % relay.getsockname()[1]  # not a name in the certificate
    for _ in range(3):
        threading.Thread(target=relay_one, args=(relay, server.port), daemon=True).start()
    r = load(elsewhere, *pki.options(), *COUNTED, "-c", 1, "--operations", 3, status=1)
    assert r.outcomes == {"verify": 3} and not server.requests
    r = load(server.url, "--insecure-no-verify", *clients, *COUNTED, "-c", 1, "--operations", 5)
    assert r.outcomes == {"ok": 5}
    relay.close()


def relay_one(listener, port):
    a, _ = listener.accept()
    b = socket.create_connection(("127.0.0.1", port))
    a.settimeout(5)
    b.settimeout(5)
    try:
        b.sendall(a.recv(65536))
        while data := b.recv(65536):
            a.sendall(data)
    except OSError:
        pass
    a.close()
    b.close()


def test_mismatched_credentials(pki, serve):
    server = serve(answer=paired)
    for mode in "keepalive", "request":
        r = load(server.url, *pki.options(), *COUNTED, "--mode", mode, "-c", 2,
                 "--operations", 200, "--mismatch", "25%")
        assert r.outcomes == {"ok": 200}
        assert 25 <= r["mismatched"] == r["mismatched_refused"] == r["statuses"]["403"] <= 80
    wrong = [q for q in server.requests if q.user != q.certificate]
    assert {q.user for q in wrong} <= {user for _, user, _ in pki.users}


def test_server_that_does_not_pair(pki, serve):
    r = load(serve().url, *pki.options(), *COUNTED, "-c", 1, "--operations", 100,
             "--mismatch", "25%", status=1)
    assert r["mismatched"] > 0 == r["mismatched_refused"]
    assert r.outcomes == {"ok": 100 - r["mismatched"], "pairing": r["mismatched"]}


def test_server_that_refuses_all(pki, serve):
    r = load(serve(answer=lambda q: status(403)).url, *pki.options(), *COUNTED, "-c", 1,
             "--operations", 100, "--mismatch", "25%", status=1)
    assert r.outcomes == {"ok": r["mismatched"], "status": 100 - r["mismatched"]}


def test_several_source_addresses(pki, serve):
    server = serve()
    load(server.url, *pki.options(), *COUNTED, "-c", 2, "--operations", 40, "--source",
         "127.0.0.2-127.0.0.4", "--source", "127.0.0.9")
    assert collections.Counter(server.peers) == {
        a: 10 for a in ("127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.9")}


def test_addresses_of_ipv6(pki, serve):
    try:
        server = serve(host="::1")
    except OSError:
        pytest.skip("no IPv6 here")
    r = load(server.url, *pki.options(), *COUNTED, "-c", 1, "--operations", 5, "--source", "::1")
    assert r.outcomes == {"ok": 5} and set(server.peers) == {"::1"}
    assert server.requests[0].fields["host"] == f"[::1]:{server.port}"


def test_progress_only_on_a_terminal(pki, serve):
    def error_output(*options):
        """What a terminal at standard error shows of a run that goes on for a second or more."""
        controller, terminal = os.openpty()
        done = subprocess.run(
            [bench.BENCH, *map(str, pki.options()), "--rate", "50/s", "--duration", "2s",
             "--warmup", "0s", "--output", "csv", *options, serve().url], stderr=terminal,
            stdout=subprocess.PIPE, text=True, timeout=bench.LIMIT_S)
        os.close(terminal)
        shown = b""
        try:
            while piece := os.read(controller, 65536):
                shown += piece
        except OSError:  # how Linux tells the end
            pass
        os.close(controller)
        assert done.returncode == 0 and done.stdout and "\r" not in done.stdout
        return shown.decode()

    shown = error_output()
    assert "/2s" in shown and "in flight" in shown and shown.endswith("\r\x1b[K")
    assert error_output("--quiet") == ""


def test_threads_share_the_work(pki, serve):
    server = serve()
    r = load(server.url, *pki.options(), *COUNTED, "--threads", 3, "-c", 3, "--operations", 100)
    assert r["started"] == 100 == len(server.requests) and r.outcomes == {"ok": 100}


@pytest.mark.parametrize("pick", ["random", "zipf"])
def test_picks(pki, serve, pick):
    server = serve()
    load(server.url, *pki.options(), *COUNTED, "-c", 1, "--operations", 200, "--pick", pick,
         "--zipf", "1.5")
    seen = collections.Counter(q.certificate for q in server.requests)
    if pick == "zipf":
        assert seen.most_common(1)[0][0] == pki.users[0][0] and seen[pki.users[0][0]] > 70
    else:
        assert len(seen) == CLIENTS and max(seen.values()) < 60


def test_interrupted_with_results_so_far(pki, serve):
    server = serve()
    process = subprocess.Popen(
        [bench.BENCH, *map(str, pki.options()), "--output", "json", "--closed", "-c", "2",
         "--warmup", "0s", "--duration", "1h", server.url], stdout=subprocess.PIPE, text=True)
    wait_until(lambda: len(server.requests) > 20)
    process.send_signal(signal.SIGINT)
    text, _ = process.communicate(timeout=30)
    r = bench.Result(text)
    assert process.returncode == 0 and r["interrupted"] and r.outcomes["ok"] > 15
    assert set(r.outcomes) == {"ok"}


def test_highest_rate(pki, serve):
    """A server that serves one at a time, 50 a second at best."""
    turn = threading.Lock()

    def one_at_a_time(request):
        with turn:
            time.sleep(0.02)
        return ok()

    server = serve(answer=one_at_a_time)
    r = load(server.url, *pki.options(), "--mode", "keepalive", "-c", 16, "--find-max",
             "--slo", "p90<150ms", "--rate", "20/s", "--duration", "1s", "--warmup", "300ms")
    search = r.all["search"]
    assert 0 < search["low"] <= 60
    assert any(not s["met"] for s in search["steps"])
    assert all(s["rate"] <= search["low"] for s in search["steps"] if s["met"])


def test_wrong_usage_tells_no_secret(pki, tmp_path, serve):
    bad = tmp_path / "users"
    bad.write_text("name user\n")
    done = bench.run("--users", bad, "https://localhost:1/", status=2)
    assert f"{bad}:1" in done.stderr
    bad.write_text("name us:er s3cr3t-password\n")
    done = bench.run("--users", bad, "https://localhost:1/", status=2)
    assert "s3cr3t" not in done.stderr + done.stdout
    bad.write_text("somebody user password\n")
    done = bench.run(*pki.options()[:-1], bad, "https://localhost:1/", status=2)
    assert pki.users[0][0] in done.stderr
    done = bench.run("--certs", tmp_path / "nothing*", "https://localhost:1/", status=2)
    assert "no file there" in done.stderr
    (tmp_path / "a.pem").write_bytes((pki.dir / "server.crt").read_bytes())
    done = bench.run("--certs", tmp_path, "https://localhost:1/", status=2)
    assert f"{tmp_path}/a.pem: the key of" in done.stderr
    assert "is missing: it is neither in it nor in" in done.stderr and "a.key" in done.stderr
    (tmp_path / "a.key").write_bytes((pki.dir / "ca.key").read_bytes())
    done = bench.run("--certs", tmp_path, "https://localhost:1/", status=2)
    assert "not that of the certificate" in done.stderr
    done = bench.run("--groups", "nonsense", "https://localhost:1/", status=2)
    assert "--groups nonsense" in done.stderr


def test_certificate_and_key_in_two_files(pki, serve, tmp_path):
    server = serve()
    pem = (pki.dir / "clients" / f"{pki.users[0][0]}.pem").read_text()
    cut = pem.index("-----BEGIN PRIVATE KEY")
    (tmp_path / "one.pem").write_text(pem[:cut])
    (tmp_path / "one.key").write_text(pem[cut:])
    load(server.url, "--ca", pki.path("ca.crt"), "--certs", tmp_path, *COUNTED, "-c", 1,
         "--operations", 3)
    assert {q.certificate for q in server.requests} == {pki.users[0][0]}


# The real proxy.

def start(make_proxy, pki, **changes):
    proxy = make_proxy({"users": {"htpasswd": pki.path("htpasswd")}, **changes})
    proxy.write_config({"listeners": [{
        "address": f"127.0.0.1:{proxy.port}",
        "tls": {"certificate": pki.path("server.crt"), "key": pki.path("server.key")},
        "client": {"ca": pki.path("ca.crt"), "crl": pki.path("ca.crl")}}]})
    return proxy.start(), f"https://localhost:{proxy.port}/"


@pytest.mark.parametrize("mode", ["request", "keepalive"])
def test_proxy_with_right_and_wrong_pairs(make_proxy, pki, mode):
    proxy, url = start(make_proxy, pki)
    r = load(url, *pki.options(), *COUNTED, "--mode", mode, "-c", 4, "--operations", 300,
             "--mismatch", "20%")
    assert r.outcomes == {"ok": 300}
    assert r["mismatched"] == r["mismatched_refused"] > 20
    wait_until(lambda: len(proxy.access()) == 300)
    assert proxy.refusals("pairing_mismatch") == r["mismatched"]


@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_proxy_that_resumes(make_proxy, pki, tls):
    proxy, url = start(make_proxy, pki, resumption={"enabled": True})
    r = load(url, *pki.options(), *COUNTED, "--mode", "resume", "--tls", tls, "-c", 1,
             "--operations", 10 * CLIENTS, "--mismatch", "20%")
    assert r.outcomes == {"ok": 10 * CLIENTS}
    assert r["resumed"] == 9 * CLIENTS and r["full"] == CLIENTS


def test_proxy_without_a_certificate_and_without_a_user(make_proxy, pki):
    proxy, url = start(make_proxy, pki)
    for tls in "1.2", "1.3":
        r = load(url, "--ca", pki.path("ca.crt"), "--users", pki.path("users"), "--tls", tls,
                 *COUNTED, "-c", 1, "--operations", 10, status=1)
        assert sum(r.outcomes.values()) == r.outcomes["alert"] == 10
    load(url, "--ca", pki.path("ca.crt"), "--certs", pki.dir, *COUNTED, "-c", 1,
         "--operations", 10, "--expect", 401)


def test_proxy_handshakes(make_proxy, pki):
    proxy, url = start(make_proxy, pki)
    r = load(url, *pki.options(), *COUNTED, "--mode", "handshake", "-c", 2, "--operations", 20)
    assert r.outcomes == {"ok": 20} and r["full"] == 20
