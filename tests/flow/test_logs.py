"""What becomes of the logs when something is wrong with where they go."""
import os
import stat
import subprocess

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
        "countersign", "OpenSSL", "libuv", "llhttp", "libyaml", "libxcrypt", "SQLite"]
    assert all(line.split()[1][0].isdigit() for line in lines)
