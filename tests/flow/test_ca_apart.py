"""The CA's process alone can reach its key: two users, tried from the workers' side."""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from proxy import Proxy, wait_until
from test_ca_api import ALICE, call, file

WORKERS, CA, STRANGER = "daemon", "games", "mail"


@pytest.fixture
def place():
    """A directory that other users can get to."""
    if os.geteuid() != 0:
        pytest.skip("only root can start processes as other users")
    directory = Path(tempfile.mkdtemp(prefix="apart-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def proxy(place, pki, upstream):
    """Not started. What the CA has is in ca/, which is its user's alone; its socket in run/."""
    p = Proxy(place, pki, upstream.address)
    made = p.run("ca", "init", str(place / "ca"))
    assert made.returncode == 0, made.stderr
    (place / "run").mkdir()
    for path in [place / "run", place / "ca", *(place / "ca").iterdir()]:
        shutil.chown(path, CA, CA)
    (place / "run").chmod(0o755)
    (place / "ca/root.key").unlink()
    shutil.copy(place / "ca/root.crt", place / "root.crt")
    client = {"ca": [str(pki.dir / "ca.crt"), str(place / "root.crt")], "mode": "optional",
              "on_failure": "answer"}
    p.write_config({
        "listeners": [dict(p.config["listeners"][0], client=client)],
        "routes": [{"path": "/ca", "require": "password", "upstream": "ca"},
                   {"path": "/", "require": "both", "upstream": "api"}],
        "upstreams": {"ca": {"servers": [f"unix:{place}/run/ca.sock"]}},
        "revocation": {"deny": "run/denied"},
        "process": {"user": WORKERS},
        "ca": {"certificate": "ca/issuing.crt", "key": "ca/issuing.key", "store": "ca/ca.db",
               "socket": "run/ca.sock", "user": CA,
               "profiles": {"auto": {"approvals": 0}}},
    })
    (place / "run/denied").write_text("")
    shutil.chown(place / "run/denied", CA, CA)
    yield p
    p.stop()


def start(proxy):
    proxy.start()
    wait_until(lambda: proxy.events("ca_serves"))
    return proxy


def ca_pid(proxy):
    return proxy.events("companion_started")[-1]["companion_pid"]


def status_of(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {line.split(":")[0]: line.split(":")[1].split() for line in lines if ":" in line}


# ---- What is refused ----

def chown(path, user, group=None, mode=None):
    shutil.chown(path, user, group or user)
    if mode is not None:
        path.chmod(mode)


REFUSED = [
    ("the workers' user", {"user": WORKERS}, None, "is the user that the workers run as"),
    ("nobody knows it", {"user": "no-such-user"}, None, "there is no user"),
    ("the workers own the key", {}, lambda d: chown(d / "ca/issuing.key", WORKERS), "ca.key"),
    ("their group reads it", {}, lambda d: chown(d / "ca/issuing.key", CA, WORKERS, 0o640),
     "ca.key"),
    ("all read it", {}, lambda d: (d / "ca/issuing.key").chmod(0o644), "ca.key"),
    ("they read the passphrase", {"key_passphrase_file": "pass"},
     lambda d: ((d / "pass").write_text("x"), chown(d / "pass", CA, WORKERS, 0o640)),
     "ca.key_passphrase_file"),
    ("they write the database", {},
     lambda d: ((d / "ca/ca.db").write_text(""), chown(d / "ca/ca.db", CA, WORKERS, 0o620)),
     "ca.store"),
    ("they put another there", {}, lambda d: chown(d / "ca", CA, WORKERS, 0o770), "ca.store"),
]


@pytest.mark.parametrize("changes, prepare, words", [r[1:] for r in REFUSED],
                         ids=[r[0] for r in REFUSED])
def test_refused(proxy, changes, prepare, words):
    """By the check, and by the CA's process, which does not begin."""
    if prepare:
        prepare(proxy.dir)
    proxy.write_config({"ca": changes})
    checked = proxy.run("check", "-c", str(proxy.config_path))
    assert checked.returncode == 1 and words in checked.stderr, checked.stderr
    proxy.start()
    failed = wait_until(lambda: proxy.events("ca_cannot_serve"))
    assert words in failed[0]["error"], failed
    assert not proxy.events("ca_serves")


@pytest.mark.parametrize("changes, words", [
    ({"process": {"user": None}, "ca": {"user": None}}, "can read the CA's key"),
    ({"process": {"user": None}}, "can read the CA's key"),
    ({"ca": {"user": None}}, "runs as root"),
])
def test_warned(proxy, changes, words):
    proxy.write_config(changes)
    checked = proxy.run("check", "-c", str(proxy.config_path))
    assert checked.returncode == 0 and words in checked.stderr, checked.stderr
    proxy.start()
    wait_until(lambda: proxy.events("ca_serves"))
    assert any(words in e["finding"] for e in proxy.events("configuration_warning"))


# ---- From the workers' side ----

ATTACK = r"""
import ctypes, os, socket, sys
pid, key, database, sock = sys.argv[1:]
libc = ctypes.CDLL(None, use_errno=True)
PTRACE_ATTACH = 16
got = []
for path in (key, database, *(f"/proc/{pid}/{n}" for n in ("mem", "maps", "environ", "auxv",
                                                           "syscall", "stack", "pagemap"))):
    try:
        open(path, "rb").close()
        got.append(path)
    except OSError:
        pass
try:
    os.listdir(f"/proc/{pid}/fd")
    got.append("fd")
except OSError:
    pass
class iovec(ctypes.Structure):
    _fields_ = [("p", ctypes.c_void_p), ("n", ctypes.c_size_t)]
here = ctypes.create_string_buffer(8)
a, b = iovec(ctypes.addressof(here), 8), iovec(0x400000, 8)
libc.process_vm_readv(int(pid), ctypes.byref(a), 1, ctypes.byref(b), 1, 0)
if ctypes.get_errno() not in (1, 38):
    got.append("process_vm_readv")
try:
    os.kill(int(pid), 0)
    got.append("kill")
except OSError:
    pass
s = socket.socket(socket.AF_UNIX)
s.settimeout(10)
try:
    s.connect(sock)
    s.sendall(b"GET /ca/v1/requests HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    if s.recv(100):
        got.append("socket")
except OSError:
    pass
if libc.ptrace(PTRACE_ATTACH, int(pid), 0, 0) == 0:
    got.append("ptrace")
print(" ".join(got))
"""


def attack(user, proxy, pid):
    """What a process of that user gets at."""
    done = subprocess.run(["/usr/bin/python3", "-I", "-c", ATTACK, str(pid),
                           str(proxy.dir / "ca/issuing.key"), str(proxy.dir / "ca/ca.db"),
                           str(proxy.dir / "run/ca.sock")], user=user, group=user,
                          extra_groups=[], capture_output=True, text=True, timeout=60,
                          check=False, cwd="/")
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_out_of_reach(proxy):
    pid = ca_pid(start(proxy))
    key, database = str(proxy.dir / "ca/issuing.key"), str(proxy.dir / "ca/ca.db")
    assert attack(STRANGER, proxy, pid) == set()
    assert attack(WORKERS, proxy, pid) == {"socket"}
    # Not even its own user gets at its memory; root gets at all, so the attack can succeed.
    assert attack(CA, proxy, pid) == {key, database, "kill", "socket"}
    assert {key, database, "kill", "socket", "fd", f"/proc/{pid}/mem"} <= attack("root", proxy, pid)


def test_what_the_process_is(proxy):
    import pwd
    pid = ca_pid(start(proxy))
    status = status_of(pid)
    uid, gid = pwd.getpwnam(CA).pw_uid, pwd.getpwnam(CA).pw_gid
    assert status["Uid"] == [str(uid)] * 4 and status["Gid"] == [str(gid)] * 4
    assert set(status["Groups"]) <= {str(gid)}
    assert int(status["CapPrm"][0], 16) == int(status["CapEff"][0], 16) == 0
    assert status["NoNewPrivs"] == ["1"]
    limits = Path(f"/proc/{pid}/limits").read_text()
    core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
    assert core.split()[4:6] == ["0", "0"]
    if can_lock():
        assert int(status["VmLck"][0]) > 0
    worker = next(w for w in proxy.worker_pids() if w != pid)
    assert status_of(worker)["Uid"] == [str(pwd.getpwnam(WORKERS).pw_uid)] * 4


def can_lock():
    """Whether this machine lets even root lock memory, and says so."""
    text = subprocess.run([sys.executable, "-c", "import ctypes; ctypes.CDLL(None).mlockall(3); "
                           "print(open('/proc/self/status').read())"], capture_output=True,
                          text=True, check=False).stdout
    return any(line.startswith("VmLck:") and int(line.split()[1]) > 0
               for line in text.splitlines())


def memory_holds(pid, secret):
    """Whether the memory of a process has one of the texts; None if it cannot be read."""
    try:
        with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
            for line in maps:
                where, rights = line.split()[:2]
                if not rights.startswith("rw"):
                    continue
                begin, end = (int(n, 16) for n in where.split("-"))
                try:
                    memory.seek(begin)
                    octets = memory.read(min(end - begin, 1 << 28))
                except (OSError, OverflowError, ValueError):
                    continue
                if any(s in octets for s in secret):
                    return True
    except OSError:
        return None
    return False


def test_key_is_in_one_process_alone(proxy):
    """Its number, in either order of octets, is in no memory but the CA's, also after signing."""
    key = serialization.load_pem_private_key((proxy.dir / "ca/issuing.key").read_bytes(), None)
    number = key.private_numbers().private_value
    secret = [number.to_bytes(32, "little"), number.to_bytes(32, "big")]
    pid = ca_pid(start(proxy))
    assert file(proxy, "auto")["status"] == "EXECUTED"
    if memory_holds(pid, secret) is None:
        pytest.skip("root cannot read the memory of processes here")
    assert memory_holds(pid, secret) is True
    others = [proxy.process.pid, *(w for w in proxy.worker_pids() if w != pid)]
    assert len(others) >= 2
    assert [memory_holds(p, secret) for p in others] == [False] * len(others)


def test_ends_with_the_master(proxy):
    """Also where the change of user made the kernel forget to tell it."""
    pid = ca_pid(start(proxy))
    proxy.process.send_signal(signal.SIGKILL)
    wait_until(lambda: not Path(f"/proc/{pid}").exists())
    proxy.process.wait()


def test_all_works(proxy):
    """A request, its certificate, and its withdrawal, with three users about."""
    start(proxy)
    asked = file(proxy, "auto")
    told = call(proxy, ALICE, "GET", f"/ca/v1/requests/{asked['id']}/certificate")
    assert told.status == 200
    (proxy.pki.dir / "new.crt").write_bytes(told.body)
    shutil.copy(proxy.dir / "new.key", proxy.pki.dir / "new.key")
    assert proxy.get("new", ALICE).status == 200
    serial = json.loads(call(proxy, ALICE, "GET",
                                           f"/ca/v1/requests/{asked['id']}").body)["serial"]
    gone = call(proxy, ALICE, "POST", f"/ca/v1/certificates/{serial}/withdraw",
                '{"reason":"superseded"}', "application/json")
    assert gone.status in (202, 204)
    wait_until(lambda: (a := proxy.get("new", ALICE)) is not None and a.status in (400, 403))
