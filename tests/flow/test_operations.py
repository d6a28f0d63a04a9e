"""Starting, reloading, draining, dying: nothing is lost and everything is said."""
import json
import os
import signal
import socket
import subprocess
import threading

import pytest

from pki import DAY, NOW, Authority, cert_pem
from proxy import PROGRAM, basic, crypt_sha256, free_port, merge, wait_until
from upstream import Upstream

ALICE = "alice@example.com"
ASAN = "asan" in PROGRAM


class Load(threading.Thread):
    """Requests without pause, on kept and on new connections, until stopped."""

    def __init__(self, proxy, fresh):
        super().__init__(daemon=True)
        self.proxy, self.fresh = proxy, fresh
        self.done, self.failures, self.stopping = 0, [], False
        self.start()

    def run(self):
        client = None
        while not self.stopping:
            try:
                if client is None:
                    client = self.proxy.connect()
                answer = client.get("/", ALICE, "wonder land")
                if answer is None:
                    self.failures.append("ended without an answer")
                    client = None
                elif answer.status != 200:
                    self.failures.append(answer.status)
                else:
                    self.done += 1
                    if self.fresh or answer.get("connection") == "close":
                        client.close()
                        client = None
            except OSError as error:
                self.failures.append(repr(error))
                client = None

    def stop(self):
        self.stopping = True
        self.join(30)
        return self.failures


def test_reload_changes_the_configuration_and_loses_nothing(make_proxy, upstream):
    proxy = make_proxy({"process": {"workers": 2}}).start()
    loads = [Load(proxy, fresh) for fresh in (False, True)]
    for i in range(5):
        done = sum(load.done for load in loads)
        proxy.write_config({"headers": {"via_name": f"generation{i}"}})
        result = proxy.reload()
        assert result.returncode == 0, result.stderr
        wait_until(lambda: sum(load.done for load in loads) > done + 20)
        assert proxy.get().status == 200
        assert upstream.requests[-1].get("Via") is not None
    assert [load.stop() for load in loads] == [[], []]
    wait_until(lambda: proxy.get().get("via") == "1.1 generation4")
    assert proxy.metric("countersign_reloads_total") == 5


def test_refused_reload_keeps_the_old_configuration(make_proxy):
    proxy = make_proxy().start()
    good = proxy.config_path.read_text()
    for i, bad in enumerate([good.replace("require: both", "require: bth"), "listeners: [",
                             good.replace("server.key", "no.key")]):
        proxy.config_path.write_text(bad)
        proxy.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(proxy.events("reload")) > i)
        assert "countersign.yaml:" in proxy.events("reload")[-1]["error"]
        result = proxy.reload()
        assert result.returncode == 1
        assert "countersign.yaml:" in result.stderr + result.stdout
        assert proxy.get().status == 200
    proxy.config_path.write_text(good)
    assert proxy.reload().returncode == 0


def test_hup_reloads(make_proxy):
    proxy = make_proxy().start()
    proxy.write_config({"headers": {"via_name": "after"}})
    proxy.process.send_signal(signal.SIGHUP)
    wait_until(lambda: proxy.get().get("via") == "1.1 after")


def test_reload_opens_and_closes_listeners(make_proxy):
    proxy = make_proxy().start()
    first, second = proxy.port, free_port()
    listener = dict(proxy.config["listeners"][0], address=f"127.0.0.1:{second}")
    proxy.write_config({"listeners": [*proxy.config["listeners"], listener]})
    assert proxy.reload().returncode == 0
    proxy.port = second
    assert proxy.get().status == 200
    kept = proxy.connect()
    assert kept.get("/", ALICE, "wonder land").status == 200
    proxy.port = first
    proxy.write_config({"listeners": [listener]})
    assert proxy.reload().returncode == 0
    with pytest.raises(OSError):
        proxy.get()
    assert kept.get("/", ALICE, "wonder land").status == 200
    kept.close()
    proxy.port = second
    assert proxy.get().status == 200


def test_reload_that_reorders_listeners_in_the_middle_of_a_head(make_proxy, pki):
    """Each connection stays with its listener; a head is judged by what is in force at its end."""
    other = Authority("Other CA")
    pki.write("other-ca.crt", cert_pem(other.cert))
    proxy = make_proxy()
    first = proxy.config["listeners"][0]
    second = merge(first, {"address": f"127.0.0.1:{free_port()}",
                           "client": {"ca": str(pki.dir / "other-ca.crt"), "mode": "optional"}})
    proxy.write_config({"listeners": [second, first]})
    proxy.start()
    with proxy.connect() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        proxy.write_config({"listeners": [first, second]})
        assert proxy.reload().returncode == 0
        client.send(f"Authorization: {basic(ALICE, 'wonder land')}\r\n\r\n".encode())
        assert client.answer().status == 200
        client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        proxy.write_users(["bob@example.com:" + crypt_sha256("b:ob")])
        assert proxy.reload().returncode == 0
        client.send(f"Authorization: {basic(ALICE, 'wonder land')}\r\n\r\n".encode())
        assert client.answer().status == 401


def test_reload_of_the_server_certificate(make_proxy, pki):
    def served():
        with proxy.connect() as client:
            return client.tls.getpeercert(True)
    pki.server("rotating", "localhost")
    proxy = make_proxy()
    proxy.config["listeners"][0]["tls"] = {"certificate": str(pki.dir / "rotating.crt"),
                                           "key": str(pki.dir / "rotating.key")}
    proxy.write_config()
    proxy.start()
    before = served()
    pki.server("rotating", "localhost")
    wait_until(lambda: served() != before)  # by itself: files are watched


def test_users_are_picked_up_when_the_file_changes(make_proxy):
    proxy = make_proxy().start()
    with proxy.connect() as client:
        assert client.get("/", ALICE, "wonder land").status == 200
        proxy.passwords[ALICE] = "new"
        proxy.write_users()
        wait_until(lambda: client.get("/", ALICE, "wonder land").status == 401)
        assert client.get("/", ALICE, "new").status == 200
        proxy.write_users([f"bob@example.com:{crypt_sha256('b:ob')}"])
        wait_until(lambda: client.get("/", ALICE, "new").status == 401)
    assert proxy.get("bob", "bob@example.com").status == 200


def test_a_user_file_that_is_wrong_is_not_adopted(make_proxy):
    proxy = make_proxy().start()
    proxy.write_users(["alice@example.com:plain"])
    refused = wait_until(lambda: [e for e in proxy.events("reload") if e["result"] == "refused"])
    assert "users.htpasswd:1" in json.dumps(refused)
    assert proxy.get().status == 200


def test_term_drains(make_proxy, upstream):
    release = threading.Event()
    upstream.answer = lambda request, connection: release.wait(20) and (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
    proxy = make_proxy().start()
    answers = []
    busy = threading.Thread(target=lambda: answers.append(proxy.get()))
    busy.start()
    idle = proxy.connect()
    wait_until(lambda: upstream.requests)
    proxy.process.send_signal(signal.SIGTERM)

    def refused():
        try:
            proxy.connect().close()
        except OSError:
            return True
        return False
    wait_until(refused)
    assert idle.at_end()
    assert proxy.process.poll() is None
    release.set()
    busy.join(20)
    assert answers[0].body == b"hi"
    assert proxy.stop(None) == 0


def test_term_is_forced_after_the_shutdown_timeout(make_proxy, upstream):
    upstream.answer = lambda request, connection: connection.recv(1) and None
    proxy = make_proxy({"process": {"shutdown_timeout": "300ms"}}).start()

    def hang():
        try:
            proxy.get()
        except (OSError, AttributeError):
            pass
    threading.Thread(target=hang, daemon=True).start()
    wait_until(lambda: upstream.requests)
    assert proxy.stop() == 1


def test_readyz_fails_before_accepting_ends(make_proxy):
    proxy = make_proxy({"process": {"drain_delay": "2s"}}).start()
    proxy.process.send_signal(signal.SIGTERM)
    wait_until(lambda: proxy.admin("/readyz")[0] == 503)
    assert proxy.get().status == 200
    assert proxy.stop(None) == 0


def test_a_killed_worker_is_replaced_and_the_others_never_notice(make_proxy):
    proxy = make_proxy({"process": {"workers": 2}}).start()
    pids = wait_until(lambda: len(proxy.worker_pids()) == 2 and proxy.worker_pids())
    connections = [proxy.connect() for _ in range(16)]
    for client in connections:
        assert client.get("/", ALICE, "wonder land").status == 200
    os.kill(pids[0], signal.SIGKILL)
    wait_until(lambda: len(set(proxy.worker_pids()) - set(pids)) == 1)
    survivors = 0
    for client in connections:
        try:
            answer = client.get("/", ALICE, "wonder land")
            survivors += answer is not None and answer.status == 200
        except OSError:
            pass
    assert 0 < survivors < 16 or survivors in (0, 16)
    for _ in range(20):
        assert proxy.get().status == 200
    assert proxy.metric("countersign_worker_restarts_total") == 1
    for client in connections:
        client.close()
    wait_until(lambda: proxy.metric("countersign_connections_active") <= 1)


def test_workers_do_not_outlive_a_killed_master(make_proxy):
    proxy = make_proxy({"process": {"workers": 2}}).start()
    pids = proxy.worker_pids()
    proxy.process.kill()
    proxy.process.wait()

    def gone():
        return not any(os.path.exists(f"/proc/{pid}/exe") for pid in pids)
    wait_until(gone)


STATUS_KEYS = {"version", "pid", "uptime_s", "workers"}


def test_status(make_proxy):
    proxy = make_proxy({"process": {"workers": 2}}).start()
    proxy.get()
    result = proxy.run("status", "-c", str(proxy.config_path), "-o", "json")
    assert result.returncode == 0, result.stderr
    status = json.loads(result.stdout)
    assert STATUS_KEYS <= set(status)
    assert status["pid"] == proxy.process.pid
    assert sorted(w["pid"] for w in status["workers"]) == sorted(proxy.worker_pids())
    assert proxy.run("status", "-c", str(proxy.config_path)).stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_control_socket_asks_who_asks(make_proxy, tmp_path):
    proxy = make_proxy().start()
    os.chmod(proxy.socket_path, 0o777)
    for directory in [proxy.dir, *proxy.dir.parents]:
        mode = os.stat(directory).st_mode
        if not mode & 0o001:
            os.chmod(directory, mode | 0o001)
    script = ("import socket\ns=socket.socket(socket.AF_UNIX)\n"
              f"s.connect({str(proxy.socket_path)!r})\ns.sendall(b'\"status\"\\n')\n"
              "print(s.recv(65536))\n")
    result = subprocess.run(["/usr/bin/python3", "-c", script], user=65534, group=65534,
                            capture_output=True, text=True, check=False)
    assert "workers" not in result.stdout
    assert proxy.get().status == 200


def test_healthcheck(make_proxy):
    proxy = make_proxy().start()
    assert proxy.run("healthcheck", "-c", str(proxy.config_path)).returncode == 0
    proxy.stop()
    assert proxy.run("healthcheck", "-c", str(proxy.config_path)).returncode == 1


def test_admin_listener(proxy):
    assert proxy.admin("/livez")[0] == 200
    assert proxy.admin("/readyz?verbose")[0] == 200
    assert proxy.admin("/nothing")[0] == 404
    text = proxy.admin("/metrics")[1]
    assert "# TYPE countersign_http_request_duration_seconds histogram" in text
    assert ALICE not in text


def test_usr1_reopens_the_logs(make_proxy):
    proxy = make_proxy({"process": {"workers": 2}}).start()
    proxy.get()
    old = proxy.access_path.rename(proxy.dir / "access.old")
    proxy.process.send_signal(signal.SIGUSR1)
    wait_until(lambda: proxy.get().status == 200 and proxy.access_path.exists() and proxy.access())
    assert len(old.read_text().splitlines()) >= 1


# file contents that make a start impossible: what stderr must say
def bad_start(proxy):
    proxy.start(expect_ready=False)
    status = proxy.process.wait(30)
    return status, proxy.output()


def test_port_in_use(make_proxy):
    proxy = make_proxy()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", proxy.port))
        taken.listen(1)
        status, said = bad_start(proxy)
    assert status == 1 and f"127.0.0.1:{proxy.port}" in said and "listens" in said


@pytest.mark.parametrize("case", ["missing key", "expired", "empty ca", "wrong key", "open key"])
def test_bad_files_stop_the_start(make_proxy, pki, case):
    proxy = make_proxy()
    listener = proxy.config["listeners"][0]
    words = {"missing key": "no.key", "expired": "expired", "empty ca": "certificate",
             "wrong key": "key", "open key": "open to other users"}[case]
    if case == "missing key":
        listener["tls"]["key"] = str(pki.dir / "no.key")
    elif case == "expired":
        pki.server("old", "localhost", not_before=NOW - 9 * DAY, not_after=NOW - DAY)
        listener["tls"] = {"certificate": str(pki.dir / "old.crt"), "key": str(pki.dir / "old.key")}
    elif case == "empty ca":
        pki.write("empty.pem", b"nothing here\n")
        listener["client"]["ca"] = str(pki.dir / "empty.pem")
    elif case == "wrong key":
        listener["tls"]["key"] = str(pki.dir / "alice.key")
    else:
        pki.write("open.key", (pki.dir / "server.key").read_bytes(), 0o644)
        listener["tls"]["key"] = str(pki.dir / "open.key")
    proxy.write_config()
    status, said = bad_start(proxy)
    assert status == 1
    assert f"{proxy.config_path}:" in said and "error:" in said and words in said, said
    checked = proxy.run("check", "-c", str(proxy.config_path))
    assert checked.returncode == 1 and words in checked.stderr


def test_full_disk_does_not_stop_the_proxy(make_proxy):
    proxy = make_proxy({"log": {"access": "/dev/full"}}).start()
    for _ in range(20):
        assert proxy.get().status == 200
    wait_until(lambda: proxy.metric("countersign_log_lines_lost_total") > 0)


def test_closed_log_pipe_does_not_stop_the_proxy(make_proxy):
    proxy = make_proxy({"log": {"access": "stdout", "error": "stderr"}})
    reader, writer = os.pipe()
    proxy.stderr = open(proxy.dir / "stderr.txt", "wb")
    proxy.process = subprocess.Popen([PROGRAM, "run", "-c", str(proxy.config_path)],
                                     stdout=writer, stderr=writer, stdin=subprocess.DEVNULL)
    os.close(writer)
    wait_until(proxy.is_ready)
    os.close(reader)
    for _ in range(20):
        assert proxy.get().status == 200


def test_no_free_descriptors(make_proxy):
    """With no descriptor left nothing dies, open connections go on, and it is said."""
    limit = "import resource,os,sys;resource.setrlimit(resource.RLIMIT_NOFILE,(60,60));" \
            "os.execv(sys.argv[1],sys.argv[1:])"
    proxy = make_proxy()
    proxy.start(prefix=["/usr/bin/python3", "-c", limit])
    first = proxy.connect()
    assert first.get("/", ALICE, "wonder land").status == 200
    held = []
    for _ in range(120):
        s = socket.socket()
        s.settimeout(0.2)
        try:
            s.connect(("127.0.0.1", proxy.port))
        except OSError:
            pass
        held.append(s)
    wait_until(lambda: "out_of_descriptors" in proxy.output())
    assert first.get("/", ALICE, "wonder land").status == 200
    for s in held:
        s.close()

    def again():
        try:
            return proxy.get().status == 200
        except OSError:
            return False
    wait_until(again)
    first.close()


def test_listening_everywhere(make_proxy, upstream, tmp_path):
    """IPv6, a Unix socket, and a descriptor handed over by systemd's protocol."""
    proxy = make_proxy()
    base = proxy.config["listeners"][0]
    unix_path = tmp_path / "front.sock"
    handed = socket.socket()
    handed.bind(("127.0.0.1", 0))
    handed.listen(64)
    handed_port = handed.getsockname()[1]
    v6 = socket.has_ipv6 and os.path.exists("/proc/net/if_inet6")
    listeners = [base, dict(base, address=f"unix:{unix_path}"), dict(base, address="systemd:front")]
    if v6:
        listeners.append(dict(base, address=f"[::1]:{proxy.port}"))
    proxy.write_config({"listeners": listeners})
    starter = ("import os,sys\nfd=int(sys.argv[1])\nif fd!=3: os.dup2(fd,3)\n"
               "os.set_inheritable(3,True)\n"
               "os.environ.update(LISTEN_FDS='1',LISTEN_FDNAMES='front',LISTEN_PID=str(os.getpid()))\n"
               "os.execv(sys.argv[2],sys.argv[2:])\n")
    proxy.start(prefix=["/usr/bin/python3", "-c", starter, str(handed.fileno())],
                pass_fds=[handed.fileno()])
    handed.close()
    assert proxy.get().status == 200
    own, proxy.port = proxy.port, handed_port
    assert proxy.get().status == 200
    proxy.port = own
    if v6:
        with proxy.connect(host="::1") as client:
            assert client.get("/", ALICE, "wonder land").status == 200
            assert upstream.requests[-1].get("X-Forwarded-For") == "::1"
    result = subprocess.run(
        ["curl", "-sS", "--unix-socket", str(unix_path), "--cacert", str(proxy.pki.dir / "ca.crt"),
         "--cert", str(proxy.pki.dir / "alice.crt"), "--key", str(proxy.pki.dir / "alice.key"),
         "--user", f"{ALICE}:wonder land", "https://localhost/"],
        capture_output=True, text=True, check=False)
    assert result.stdout == "ok\n", result.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give up its rights")
def test_workers_give_up_their_rights(make_proxy, pki):
    proxy = make_proxy({"process": {"user": "nobody"}}).start()
    assert proxy.get().status == 200
    for pid in proxy.worker_pids():
        uids = next(line.split()[1:] for line in open(f"/proc/{pid}/status", encoding="ascii")
                    if line.startswith("Uid:"))
        assert set(uids) == {"65534"}
    pki.server("server", "localhost", "127.0.0.1")  # only root can read the new key
    wait_until(lambda: proxy.metric("countersign_reloads_total") >= 1)
    assert proxy.get().status == 200


def test_no_secret_in_logs_or_arguments(make_proxy):
    proxy = make_proxy().start()
    proxy.get()
    proxy.get(user=ALICE, password="guessed-wrong")
    command = open(f"/proc/{proxy.process.pid}/cmdline", "rb").read()
    proxy.stop()
    text = proxy.output() + proxy.access_path.read_text()
    for secret in ("wonder land", "guessed-wrong", "d29uZGVyIGxhbmQ", "Basic ", "PRIVATE KEY"):
        assert secret not in text and secret.encode() not in command


@pytest.mark.skipif(ASAN, reason="the sanitizer's shadow memory says nothing of the program's")
def test_memory_of_idle_connections(make_proxy):
    """10,000 idle mutual-TLS connections must fit in 350 MiB: 500 are made and counted."""
    proxy = make_proxy().start()
    worker = proxy.worker_pids()[0]

    def rss_kib():
        with open(f"/proc/{worker}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    for _ in range(50):
        proxy.get()
    before = rss_kib()
    clients = []
    for _ in range(500):
        clients.append(proxy.connect())
        assert clients[-1].get("/", ALICE, "wonder land").status == 200
    wait_until(lambda: proxy.metric("countersign_http_requests_active") <= 1)
    each = (rss_kib() - before) / 500
    assert each < 35, f"{each:.1f} KiB a connection"
    for client in clients:
        client.close()


def test_two_upstream_groups_and_hosts(make_proxy, upstream):
    other = Upstream(answer=b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nother\n")
    proxy = make_proxy({"upstreams": {"other": {"servers": [other.address]}},
                        "routes": [{"path": "/", "upstream": "api"},
                                   {"path": "/o", "upstream": "other"},
                                   {"path": "/", "host": "*.test.example", "upstream": "other"}]}).start()
    assert proxy.get(path="/").body == b"ok\n"
    assert proxy.get(path="/o/x").body == b"other\n"
    assert proxy.get(path="/", host="a.test.example:443").body == b"other\n"
    other.close()


def test_check_prints_all_errors(make_proxy):
    proxy = make_proxy()
    text = proxy.config_path.read_text()
    proxy.config_path.write_text(text.replace("require: both", "require: bth")
                                 .replace("mode: require", "mod: require"))
    result = proxy.run("check", "-c", str(proxy.config_path))
    assert result.returncode == 1
    assert result.stderr.count("error:") == 2 and "^" in result.stderr
    assert "mode" in result.stderr and "both" in result.stderr
    proxy.config_path.write_text(text)
    assert proxy.run("check", "-c", str(proxy.config_path)).returncode == 0
    assert proxy.run("check", "--nonsense").returncode == 2
    assert proxy.run("config", "defaults").returncode == 0


def test_access_log_formats(make_proxy):
    for form in ("logfmt", "combined"):
        proxy = make_proxy({"log": {"access_format": form}}).start()
        proxy.get(path="/a?b", fields=[("User-Agent", 'evil"\x80 agent')])
        line = wait_until(lambda: proxy.access_path.read_text().splitlines())[0]
        assert "/a?b" in line and "\x80" not in line
        if form == "combined":
            assert line.startswith("127.0.0.1 - alice@example.com [")


def test_server_certificate_chain_is_sent(make_proxy, pki):
    from pki import Authority, Pki
    intermediate = Authority("Server intermediate", pki.ca)
    cert = pki.server("chained", "localhost", authority=intermediate)
    pki.write("chained.crt", cert_pem(cert, intermediate.cert))
    assert isinstance(pki, Pki)
    proxy = make_proxy()
    proxy.config["listeners"][0]["tls"] = {"certificate": str(pki.dir / "chained.crt"),
                                           "key": str(pki.dir / "chained.key")}
    proxy.write_config()
    assert proxy.start().get().status == 200
