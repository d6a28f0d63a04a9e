"""What becomes of the logs when something is wrong with where they go, and when lines are written.
"""
import os
import re
import shutil
import signal
import stat
import subprocess

import pytest

from proxy import PROGRAM, wait_until


def lost_events(proxy):
    return [e for e in proxy.events("log_lines_lost") if e.get("log") == "access"]


def test_a_full_disk_under_the_access_log_is_said_once_a_minute(make_proxy):
    proxy = make_proxy({"log": {"access": "/dev/full"}}).start()
    for _ in range(20):
        assert proxy.get().status == 200
    told = wait_until(lambda: lost_events(proxy))
    assert len(told) == 1 and told[0]["level"] == "error" and told[0]["lines"] >= 1
    assert told[0]["error"] == "No space left on device" and told[0]["role"] == "worker 0"


def test_a_closed_pipe_under_the_access_log_is_said(make_proxy):
    proxy = make_proxy({"log": {"access": "stdout"}})
    reader, writer = os.pipe()
    proxy.stderr = open(proxy.dir / "stderr.txt", "wb")
    proxy.process = subprocess.Popen([PROGRAM, "run", "-c", str(proxy.config_path)],
                                     stdout=writer, stderr=proxy.stderr, stdin=subprocess.DEVNULL)
    os.close(writer)
    wait_until(proxy.is_ready)
    os.close(reader)
    assert proxy.get().status == 200
    assert wait_until(lambda: lost_events(proxy))[0]["error"] == "Broken pipe"
    assert proxy.get().status == 200


def test_log_files_are_for_their_group_too(make_proxy):
    proxy = make_proxy().start()
    assert proxy.get().status == 200
    for path in (proxy.log_path, proxy.access_path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o640, path


def test_standard_descriptors_that_are_closed_stay_unused(make_proxy):
    """Nothing of ours gets number 0, 1 or 2, where log lines for stdout and stderr would go."""
    proxy = make_proxy({"log": {"access": "stdout", "error": "stderr"}})
    proxy.start(prefix=["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"])
    assert proxy.get().status == 200
    for pid in [proxy.process.pid, *proxy.worker_pids()]:
        for fd in range(3):
            assert os.readlink(f"/proc/{pid}/fd/{fd}") == "/dev/null"
    assert proxy.stop() == 0


def test_output_that_cannot_be_written_is_an_error(make_proxy):
    proxy = make_proxy()
    users = str(proxy.dir / "users.htpasswd")
    for words in (["check", "-c", str(proxy.config_path)], ["user", "ls", "-f", users],
                  ["config", "defaults"], ["help"], ["--version"],
                  ["config", "show", "-c", str(proxy.config_path)],
                  ["explain", "-c", str(proxy.config_path)]):
        with open("/dev/full", "wb") as full:
            result = subprocess.run([PROGRAM, *words], stdout=full, stderr=subprocess.PIPE,
                                    timeout=30, check=False)
        assert result.returncode == (2 if words[0] == "explain" else 1), words
        assert result.stderr.count(b"cannot write") == 1, (words, result.stderr)


def test_version_names_the_libraries(make_proxy):
    lines = make_proxy().run("--version").stdout.splitlines()
    assert [line.split()[0] for line in lines] == [
        "countersign", "OpenSSL", "libuv", "llhttp", "libyaml", "libxcrypt", "SQLite",
        "jansson", "libmicrohttpd", "libcurl"]
    assert all(line.split()[1][0].isdigit() for line in lines)


LINKED = {"ssl": "OpenSSL", "crypto": "OpenSSL", "uv": "libuv", "llhttp": "llhttp",
          "yaml-0": "libyaml", "crypt": "libxcrypt", "sqlite3": "SQLite", "jansson": "jansson",
          "microhttpd": "libmicrohttpd", "c": None, "m": None, "dl": None, "pthread": None}


def test_version_leaves_out_no_library(make_proxy):
    if not shutil.which("readelf"):
        pytest.skip("not installed: readelf")
    told = {line.split()[0] for line in make_proxy().run("--version").stdout.splitlines()}
    dynamic = subprocess.run(["readelf", "-d", PROGRAM], capture_output=True, text=True).stdout
    needed = re.findall(r"\(NEEDED\).*\[lib([\w-]+)\.so", dynamic)
    assert "crypto" in needed
    for library in needed:
        if library not in ("asan", "ubsan"):
            assert LINKED[library] is None or LINKED[library] in told, library


def served(proxy, n):
    for _ in range(n):
        assert proxy.get().status == 200


def test_lines_are_gathered_for_a_while(make_proxy):
    proxy = make_proxy({"log": {"access_delay": "10s"}}).start()
    served(proxy, 3)
    assert proxy.access() == []
    assert proxy.stop() == 0
    assert len(proxy.access()) == 3, "an orderly end loses none"


def test_many_lines_do_not_wait(make_proxy):
    proxy = make_proxy({"log": {"access_delay": "10s"}}).start()
    with proxy.connect() as client:
        for _ in range(200):
            assert client.get("/", "alice@example.com",
                              proxy.passwords["alice@example.com"]).status == 200
    assert 40 < len(proxy.access()) <= 200
    assert proxy.stop() == 0
    assert len(proxy.access()) == 200


@pytest.mark.parametrize("delay", ["0s", "100ms"])
def test_lines_come_by_themselves(make_proxy, delay):
    proxy = make_proxy({"log": {"access_delay": delay}}).start()
    served(proxy, 2)
    wait_until(lambda: len(proxy.access()) == 2)


def test_gathered_lines_go_to_the_file_that_was_there(make_proxy):
    proxy = make_proxy({"log": {"access_delay": "10s"}}).start()
    served(proxy, 2)
    old = proxy.access_path.with_suffix(".1")
    proxy.access_path.rename(old)
    proxy.process.send_signal(signal.SIGUSR1)
    wait_until(lambda: len(old.read_text().splitlines()) == 2)
    served(proxy, 1)
    assert proxy.stop() == 0
    assert len(proxy.access()) == 1


def test_a_crash_writes_what_was_gathered(make_proxy):
    """By the signal that a sanitizer leaves alone, too."""
    proxy = make_proxy({"log": {"access_delay": "10s"}}).start()
    served(proxy, 2)
    (worker,) = proxy.worker_pids()
    os.kill(worker, signal.SIGABRT)
    died = wait_until(lambda: proxy.events("worker_died"))
    assert died[0]["worker_pid"] == worker
    assert len(proxy.access()) == 2
    wait_until(lambda: proxy.worker_pids() not in ([], [worker]))
    wait_until(lambda: proxy.get().status == 200)


def test_a_reload_changes_the_delay(make_proxy):
    proxy = make_proxy({"log": {"access_delay": "10s"}}).start()
    served(proxy, 1)
    text = proxy.config_path.read_text()
    assert "10s" in text
    proxy.config_path.write_text(text.replace("10s", "0s"))
    assert proxy.run("reload", "-c", str(proxy.config_path)).returncode == 0
    served(proxy, 1)
    wait_until(lambda: len(proxy.access()) == 2)
