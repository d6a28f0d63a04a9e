"""What a request on a warm connection costs in calls: none for memory, and of system calls two reads
and two writes beside the waiting (docs/performance.md)."""
import collections
import re
import shutil
import ssl
import struct
import subprocess

import pytest

from proxy import PROGRAM, wait_until

ALICE, PASSWORD = "alice@example.com", "wonder land"
WARM_UP = 100
REQUESTS = 400
ASAN = "asan" in PROGRAM
QUIET = {"process": {"watch_files": "1h"}, "log": {"level": "info", "access_delay": "100ms"}}
# Stands before the C library's functions and counts who asks for memory, each process in a place of
# its own in the file, at its number.
SHIM = r"""
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

static _Atomic unsigned long long *asked;

__attribute__((constructor)) static void open_file(void)
{
    const char *path = getenv("ASKED_FILE");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *file = MAP_FAILED;

    if (fd >= 0) {
        file = mmap(NULL, sizeof(*asked) * PLACES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        close(fd);
    }
    if (file == MAP_FAILED) {
        _exit(99);
    }
    asked = file;
}

static void count(void)
{
    if (asked) {
        atomic_fetch_add(&asked[getpid()], 1);
    }
}

void *malloc(size_t size)
{
    count();
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size)
{
    count();
    return __libc_calloc(number, size);
}

void *realloc(void *old, size_t size)
{
    count();
    return __libc_realloc(old, size);
}
"""
PLACE = struct.Struct("=Q")
PLACES = (1 << 22) + 1  # no process has a higher number


@pytest.fixture
def shim(tmp_path):
    """The library, and the file in which it counts."""
    if ASAN:
        pytest.skip("the sanitizer has an allocator of its own")
    if not shutil.which("cc"):
        pytest.skip("cc is not installed")
    source, library, asked = (tmp_path / name for name in ("shim.c", "shim.so", "asked"))
    source.write_text(SHIM)
    built = subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-Wl,-z,defs", f"-DPLACES={PLACES}ul",
                            "-o", library, source], capture_output=True, text=True, check=False)
    if "undefined reference to `__libc" in built.stderr:
        pytest.skip("this C library has no other names for malloc, calloc and realloc")
    assert built.returncode == 0, built.stderr
    with open(asked, "wb") as file:
        file.truncate(PLACE.size * PLACES)
    return library, asked


def asked_by(asked, pids):
    """How often these processes asked for memory until now."""
    total = 0
    with open(asked, "rb") as file:
        for pid in pids:
            file.seek(PLACE.size * pid)
            total += PLACE.unpack(file.read(PLACE.size))[0]
    return total


def ask(client, times, path="/"):
    for _ in range(times):
        assert client.get(path, ALICE, PASSWORD).status == 200


NOT_KEPT = {"keep_memory": False}
ASKS = {  # settings at the start and later, and how many pieces REQUESTS ask for, at least and at most
    "default": ({}, {}, 0, 19),
    "not_kept": (NOT_KEPT, NOT_KEPT, REQUESTS, None),
    "not_kept_openssl's": ({**NOT_KEPT, "own_records": False},) * 2 + (REQUESTS, None),
    "kept_later": (NOT_KEPT, {}, 0, 19),
    "kept_no_more": ({}, NOT_KEPT, REQUESTS, None),
}


@pytest.mark.parametrize("tuning, later, least, most", ASKS.values(), ids=ASKS)
def test_a_warm_request_asks_for_no_memory(make_proxy, shim, tuning, later, least, most):
    """The few that are let through are for what is done now and then, such as writing logs. Without
    the memory that is kept there are several for each request, which shows that they are seen."""
    library, file = shim
    proxy = make_proxy({**QUIET, "tuning": tuning})
    proxy.start(env={"LD_PRELOAD": str(library), "ASKED_FILE": str(file)})
    if later != tuning:
        proxy.config["tuning"] = later
        proxy.write_config()
        assert proxy.reload().returncode == 0
    workers = proxy.worker_pids()
    assert len(workers) == 1
    with proxy.connect(version=ssl.TLSVersion.TLSv1_3) as client:
        ask(client, WARM_UP)
        before = asked_by(file, workers)
        assert before > 1000, "the shim does not count"
        ask(client, REQUESTS)
        asked = asked_by(file, workers) - before
    assert asked >= least
    assert most is None or asked <= most


READS = {"read", "readv", "recvfrom", "recvmsg"}
WRITES = {"write", "writev", "sendto", "sendmsg"}
WAITS = {"epoll_wait", "epoll_pwait", "epoll_pwait2"}


def can_trace(path):
    if ASAN:
        pytest.skip("the sanitizer makes calls of its own")
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    # The status with -D is true's; what it wrote is there when its standard error is closed.
    subprocess.run(["strace", "-D", "-f", "-q", "-o", path, "true"], capture_output=True,
                   check=False)
    if not path.exists() or "+++ exited with 0" not in path.read_text():
        pytest.skip("no process can be traced here")


def calls_between(lines, first, last, but_of):
    """How often each system call was begun after the line with first, until the line with last; not
    counted is what the process but_of does."""
    begin, end = (next(i for i, line in enumerate(lines) if mark in line) for mark in (first, last))
    calls = collections.Counter()
    for line in lines[begin + 1:end + 1]:
        found = re.match(r"(\d+) +(\w+)\(", line)
        if found and int(found[1]) != but_of:
            calls[found[2]] += 1
    return calls


@pytest.fixture
def traced(make_proxy, tmp_path):
    """A proxy, and what gives how often each system call was made between two paths that were asked
    for, by the worker."""
    can_trace(tmp_path / "probe")
    trace = tmp_path / "trace"
    proxy = make_proxy({**QUIET, "log": {"level": "info", "access": "off"}})
    proxy.start(prefix=["strace", "-D", "-f", "-q", "-s", "64", "-o", str(trace)])
    master = proxy.process.pid

    def calls(first, last):
        proxy.stop()
        wait_until(lambda: re.search(rf"^{master} +\+\+\+ exited", trace.read_text(), re.M))
        return calls_between(trace.read_text(errors="replace").splitlines(), f"GET {first}",
                             f"GET {last}", master)
    return proxy, calls


def test_a_warm_request_takes_four_system_calls(traced):
    """Two reads and two writes: of the client and of the upstream."""
    proxy, calls_of = traced
    with proxy.connect(version=ssl.TLSVersion.TLSv1_3) as client:
        ask(client, WARM_UP)
        ask(client, 1, "/the-first")
        ask(client, REQUESTS - 1)
        ask(client, 1, "/the-last")
    calls = calls_of("/the-first", "/the-last")
    for kinds in READS, WRITES:
        count = sum(calls.pop(kind, 0) for kind in kinds)
        assert 1.9 * REQUESTS <= count <= 2.1 * REQUESTS, (kinds, count)
    waits = sum(calls.pop(kind, 0) for kind in WAITS)
    assert waits <= 2.5 * REQUESTS, waits  # one before each read, as there is one client alone
    assert sum(calls.values()) <= 0.1 * REQUESTS, calls


CONNECTIONS = 100


def test_a_connection_writes_three_times(traced):
    """Its flight, the request to the upstream, and the answer with the end of TLS and of the
    connection."""
    proxy, calls_of = traced

    def connect(path):
        with proxy.connect(version=ssl.TLSVersion.TLSv1_3) as client:
            assert client.get(path, ALICE, PASSWORD, fields=[("Connection", "close")]).status == 200
    for path in ("/", "/the-first", *["/"] * (CONNECTIONS - 1), "/the-last"):
        connect(path)
    calls = calls_of("/the-first", "/the-last")
    # What is to wait for the end of the connection, so that both are one segment.
    assert calls["sendto"] >= 0.9 * CONNECTIONS, calls
    writes = sum(calls.pop(kind, 0) for kind in WRITES)
    assert 2.9 * CONNECTIONS <= writes <= 3.1 * CONNECTIONS, writes
    for kinds, most in ((READS, 7), (WAITS, 7), ({"accept4"}, 2), ({"epoll_ctl"}, 2)):
        count = sum(calls.pop(kind, 0) for kind in kinds)
        assert count <= 1.1 * most * CONNECTIONS, (kinds, count)
    calls.pop("getpid", 0)  # OpenSSL's, for random octets
    # A descriptor made, its end and its closing; and that the end of the handshake is acknowledged.
    assert sum(calls.values()) <= 4.2 * CONNECTIONS, calls
