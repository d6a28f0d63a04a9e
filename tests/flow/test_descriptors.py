"""As many clients as there are descriptors for: who came in is served, and the worker goes on."""
import contextlib
import resource
import signal
import socket
import threading

import pytest

from proxy import LIMIT_S, basic, wait_until
from upstream import OK

ALICE = "alice@example.com"
REQUEST = ("GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: "
           f"{basic(ALICE, 'wonder land')}\r\n\r\n").encode()
LIMIT = 128
SHARE = 32  # of a worker's clients, as docs/operations.md counts it
WITH_LIMIT = ["/usr/bin/python3", "-c",
              "import resource,os,sys;"
              f"resource.setrlimit(resource.RLIMIT_NOFILE,({LIMIT},{LIMIT}));"
              "os.execv(sys.argv[1],sys.argv[1:])"]


@pytest.fixture
def start(make_proxy):
    """A proxy with few descriptors."""
    def made(workers):
        return make_proxy({"process": {"workers": workers}}).start(prefix=WITH_LIMIT)
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= 4 * LIMIT
    return made


@contextlib.contextmanager
def crowd(proxy):
    """More that want in than there are descriptors, once all places are taken."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(socket.create_connection(("127.0.0.1", proxy.port), LIMIT_S))
               for _ in range(LIMIT)]


def ask_all_at_once(clients, upstream):
    """A request on each, all under way at the same time; their statuses."""
    all_there, seen = threading.Event(), len(upstream.requests)

    def answer(request, connection):
        assert all_there.wait(LIMIT_S)
        return OK
    upstream.answer = answer
    for client in clients:
        client.send(REQUEST)
    try:
        wait_until(lambda: len(upstream.requests) >= seen + len(clients))
    finally:
        all_there.set()
    return [client.answer().status for client in clients]


def test_each_client_gets_to_the_upstream(start, upstream):
    proxy = start(1)
    clients = [proxy.connect() for _ in range(SHARE)]
    with crowd(proxy) as waiting:
        wait_until(lambda: proxy.refusals("out_of_descriptors") > 0)
        assert ask_all_at_once(clients, upstream) == [200] * SHARE
        assert ask_all_at_once(clients, upstream) == [200] * SHARE
        waiting[0].settimeout(0.3)
        with pytest.raises(TimeoutError):  # it is not refused
            waiting[0].recv(1)
    assert proxy.events("accepting_rests") and not proxy.events("connection_refused")
    clients.pop().close()
    clients.append(proxy.connect())
    assert ask_all_at_once(clients, upstream) == [200] * SHARE
    for client in clients:
        client.close()


def test_what_the_master_hands_over_is_taken(start, upstream):
    """A log opened anew, another configuration: each comes as a descriptor."""
    proxy = start(1)
    workers = proxy.worker_pids()
    clients = [proxy.connect() for _ in range(SHARE)]
    with crowd(proxy):
        wait_until(lambda: proxy.refusals("out_of_descriptors") > 0)
        proxy.access_path.rename(proxy.dir / "access.old")
        proxy.process.send_signal(signal.SIGUSR1)
        wait_until(proxy.access_path.exists)
        result = proxy.reload()
        assert result.returncode == 0, result.stderr
        assert proxy.worker_pids() == workers
        assert ask_all_at_once(clients, upstream) == [200] * SHARE
        wait_until(lambda: len(proxy.access()) == SHARE)
    for client in clients:
        client.close()


def test_other_workers_take_over(start, upstream):
    """More than one worker's share, whoever accepts first."""
    proxy = start(2)
    clients = [proxy.connect() for _ in range(2 * SHARE)]
    with crowd(proxy):
        assert ask_all_at_once(clients, upstream) == [200] * 2 * SHARE
    for client in clients:
        client.close()
