"""The units that are installed: systemd takes them, and the program does its work under what they
forbid, as far as that can be had without systemd."""
import os
import re
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from documents import ROOT
from proxy import PROGRAM, wait_until
from test_ca_api import ALICE, file
from test_ca_apart import CA, WORKERS, ca_pid, place, proxy, status_of  # noqa: F401

DEPLOY = ROOT / "deploy"
UNIT = DEPLOY / "systemd/countersign.service"
EXPOSURE_MAX = 2.5  # of 10; what is left is listening, other users, and reading what is theirs


def needs(*tools):
    missing = [tool for tool in tools if not shutil.which(tool)]
    if missing:
        pytest.skip(f"not installed: {' '.join(missing)}")


def values(key):
    """What the unit says for key: the words of all its lines."""
    return " ".join(re.findall(rf"^{key}=(.*)$", UNIT.read_text(), re.M)).split()


@pytest.fixture
def units(tmp_path):
    """Copies that name the program as it is here."""
    for unit in (DEPLOY / "systemd").iterdir():
        text = unit.read_text().replace("/usr/sbin/countersign", PROGRAM)
        (tmp_path / unit.name).write_text(text)
    return tmp_path


def test_systemd_takes_the_units(units):
    needs("systemd-analyze")
    for unit in ("countersign.service", "countersign-renew@.service", "countersign-renew@.timer"):
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", units / unit],
                              capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0 and done.stderr == "", done.stderr


def test_what_the_service_is_exposed_to(units):
    needs("systemd-analyze")
    done = subprocess.run(["systemd-analyze", "security", "--offline=yes",
                           units / "countersign.service"],
                          capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        pytest.skip(f"systemd-analyze cannot judge a file here: {done.stderr.strip()}")
    level = float(re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)[1])
    assert level <= EXPOSURE_MAX, done.stdout


def test_users_and_directories(tmp_path):
    """As docs/operations.md and docs/ca.md say they must be."""
    needs("systemd-sysusers", "systemd-tmpfiles")
    if os.geteuid() != 0:
        pytest.skip("only root can give files to other users")
    (tmp_path / "etc").mkdir()
    for tool, what in (["systemd-sysusers"], "sysusers.d"), (["systemd-tmpfiles", "--create"],
                                                             "tmpfiles.d"):
        subprocess.run([*tool, f"--root={tmp_path}", DEPLOY / what / "countersign.conf"],
                       check=True, capture_output=True, timeout=60)
    users = dict(re.findall(r"^([\w-]+):x:(\d+)", (tmp_path / "etc/passwd").read_text(), re.M))
    assert set(users) == {"countersign", "countersign-ca"} and len(set(users.values())) == 2
    writable = {path.removeprefix("-") for path in values("ReadWritePaths")}
    for path, mode, owner in [("/var/lib/countersign", 0o2750, None),
                              ("/var/lib/countersign-ca", 0o700, "countersign-ca"),
                              ("/var/lib/countersign-ca-public", 0o755, "countersign-ca"),
                              ("/run/countersign-ca", 0o755, "countersign-ca")]:
        found = (tmp_path / path[1:]).stat()
        assert found.st_mode & 0o7777 == mode, path
        assert found.st_uid == int(users[owner] if owner else 0), path
        assert path in writable
        writable.remove(path)
    assert not writable
    assert (tmp_path / "var/lib/countersign-ca-public/denied").read_bytes() == b""


# ---- The program under what the unit forbids ----

def low_port():
    """Free and below 1024."""
    for port in range(1023, 600, -1):
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass
    pytest.skip("no port below 1024 is free")


def confined(writable):
    """A prefix for a command: capabilities, limits, files as in the unit; writable is what its
    ReadWritePaths are."""
    needs("unshare", "setpriv", "prlimit", "mount")
    bounding = ",".join(["-all", *("+" + c.removeprefix("CAP_").lower()
                                   for c in values("CapabilityBoundingSet"))])
    script = ('mount --bind "$0" "$0" && mount -o remount,bind,ro / && umask 077 && exec "$@"')
    done = subprocess.run(["unshare", "-m", "sh", "-c", script, writable, "true"],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no mounts of one's own here: {done.stderr.strip()}")
    return ["unshare", "-m", "sh", "-c", script, writable, "prlimit", "--core=0", "setpriv",
            f"--bounding-set={bounding}", "--inh-caps=-all", "--no-new-privs"]


@pytest.fixture
def low(proxy):  # noqa: F811
    """With workers and CA of their own users, below port 1024."""
    proxy.port = low_port()
    proxy.write_config({"listeners": [dict(proxy.config["listeners"][0],
                                           address=f"127.0.0.1:{proxy.port}")]})
    return proxy


def capabilities(pid, which):
    return int(status_of(pid)[which][0], 16)


def test_it_works_under_them(low):
    """Serves, issues, reloads, ends; and has no right but those."""
    low.start(prefix=confined(low.dir))
    wait_until(lambda: low.events("ca_serves"))
    assert low.get().status == 200
    assert file(low, "auto", ALICE)["status"] == "EXECUTED"
    master, ca = low.process.pid, ca_pid(low)
    n = len(values("CapabilityBoundingSet"))
    assert bin(capabilities(master, "CapBnd")).count("1") == n
    assert capabilities(master, "CapEff") == capabilities(master, "CapBnd")
    workers = [pid for pid in low.worker_pids() if pid != ca]
    assert workers
    for pid in [*workers, ca]:
        assert capabilities(pid, "CapEff") == capabilities(pid, "CapPrm") == 0
        assert status_of(pid)["NoNewPrivs"] == ["1"]
    assert "ro" in [line.split()[5].split(",")[0] for line in
                    Path(f"/proc/{master}/mountinfo").read_text().splitlines()
                    if line.split()[4] == "/"]
    low.process.send_signal(signal.SIGHUP)
    wait_until(lambda: low.events("reload"))
    wait_until(lambda: low.get().status == 200)
    low.process.send_signal(signal.SIGTERM)
    assert low.process.wait(timeout=60) == 0, low.output()


@pytest.mark.parametrize("without, event", [
    ("CAP_NET_BIND_SERVICE", "need CAP_NET_BIND_SERVICE"), ("CAP_SETUID", "cannot change to user"),
    ("CAP_SETGID", "groups")])
def test_each_right_is_needed(low, without, event):
    prefix = [str(word).replace(",+" + without.removeprefix("CAP_").lower(), "")
              for word in confined(low.dir)]
    assert prefix != [str(word) for word in confined(low.dir)]
    low.start(prefix=prefix, expect_ready=False)
    wait_until(lambda: low.process.poll() not in (None, 0) or event in low.output())
    assert event in low.output()


def called(trace):
    return set(re.findall(r"^\d+ +(?:<\.\.\. )?(\w+)[( ]", trace.read_text(), re.M))


def allowed():
    """System calls that the unit's filter lets through."""
    sets = {}

    def expand(name):
        if not name.startswith("@"):
            return {name}
        if name not in sets:
            listed = subprocess.run(["systemd-analyze", "syscall-filter", name],
                                    capture_output=True, text=True, check=True).stdout
            words = [line.strip() for line in listed.splitlines()[1:]]
            sets[name] = set().union(*(expand(w) for w in words if w and not w.startswith("#")))
        return sets[name]

    calls = set()
    for word in values("SystemCallFilter"):
        calls = calls - expand(word[1:]) if word.startswith("~") else calls | expand(word)
    return calls


@pytest.mark.skipif("asan" in PROGRAM, reason="the sanitizer makes calls of its own, and looks for "
                                              "leaks only where nobody traces")
def test_system_calls_are_those_of_the_filter(low):
    """All that it calls is let through, but for limits, which the unit has set."""
    needs("strace", "systemd-analyze")
    trace = low.dir / "trace"
    probe = subprocess.run(["strace", "-f", "-o", trace, "true"], capture_output=True, check=False)
    if probe.returncode != 0:
        pytest.skip("no process can be traced here")
    low.start(prefix=["strace", "-f", "-qq", "-o", str(trace)])
    wait_until(lambda: low.events("ca_serves"))
    assert low.get().status == 200
    assert file(low, "auto", ALICE)["status"] == "EXECUTED"
    master = int(status_of(ca_pid(low))["PPid"][0])  # a reload begins another process of the CA
    assert low.reload().returncode == 0
    os.kill(master, signal.SIGTERM)
    low.process.wait(timeout=60)
    calls = called(trace)
    assert len(calls) > 60 and "accept4" in calls
    assert calls - allowed() <= {"setrlimit"}, calls - allowed()


def test_what_is_installed(tmp_path):
    """The units name the program where it is put; beside them the users, directories and pages."""
    needs("cmake")
    build = Path(PROGRAM).parent
    if not (build / "cmake_install.cmake").exists():
        pytest.skip("the program is not in a build directory")
    subprocess.run(["cmake", "--install", build], check=True, capture_output=True, timeout=60,
                   env={**os.environ, "DESTDIR": str(tmp_path)})
    found = {path.name: path for path in tmp_path.rglob("*") if path.is_file()}
    program = "/" + str(found["countersign"].relative_to(tmp_path))
    for name in "countersign.service", "countersign-renew@.service":
        starts = re.findall(r"^Exec(?:Start|Reload)=(\S*countersign)", found[name].read_text(), re.M)
        assert starts and set(starts) == {program}, name
    places = {str(path.parent.name) for path in tmp_path.rglob("countersign.conf")}
    assert places == {"sysusers.d", "tmpfiles.d"}
    assert {"countersign.1", "countersign-bench.1"} <= set(found)
