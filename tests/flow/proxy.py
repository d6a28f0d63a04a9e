"""The real program, run as a user would, and a raw TLS client to knock at it."""
import base64
import copy
import json
import os
import random
import signal
import socket
import ssl
import subprocess
import time
from pathlib import Path

import yaml

PROGRAM = os.environ.get("COUNTERSIGN") or str(
    Path(__file__).resolve().parents[2] / "build/dev/countersign")
BENCH = str(Path(PROGRAM).with_name("countersign-bench"))
LIMIT_S = 30  # how long anything may take before a test gives up


class Plain(yaml.SafeDumper):
    """YAML without anchors and aliases, which the configuration does not take."""

    def ignore_aliases(self, data):
        return True


GIVEN_PORTS = set()


def free_port():
    """A port that nobody listens at, and another each time. Below those that the kernel gives to
    connections: they come and go between this and the start of who is to listen."""
    while True:
        port = random.randrange(10000, 32000)
        if port in GIVEN_PORTS:
            continue
        with socket.socket() as s:
            try:
                s.bind(("", port))
            except OSError:
                continue
        GIVEN_PORTS.add(port)
        return port


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def merge(base, changes):
    """base with changes put in; a value of None takes a key away."""
    result = copy.deepcopy(base)
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merge(result[key], value)
        else:
            result[key] = copy.deepcopy(value)
    return result


def wait_until(what, limit_s=LIMIT_S):
    """Call what until it gives something true; that is returned."""
    end = time.monotonic() + limit_s
    while True:
        result = what()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"waited {limit_s} s in vain for {what}")
        time.sleep(0.02)


def answers(port):
    """Whether somebody listens there."""
    try:
        socket.create_connection(("127.0.0.1", int(port)), timeout=5).close()
        return True
    except OSError:
        return False


def answer_of(ask):
    """The answer, whatever it is. A withdrawal cuts connections of whom it names, and one that came
    in just before is cut without an answer: then it is asked again."""
    for _ in range(20):
        try:
            answer = ask()
        except (ConnectionError, ssl.SSLError):
            answer = None
        if answer is not None:
            return answer
        time.sleep(0.05)
    raise AssertionError(f"cut each time: {ask}")


def wait_status(ask, *statuses):
    """Ask until the answer has one of these statuses."""
    return wait_until(lambda: answer_of(ask).status in statuses)


class Answer:
    def __init__(self, status, fields, body, raw):
        self.status = status
        self.fields = fields
        self.body = body
        self.raw = raw

    def get(self, field):
        for n, v in self.fields:
            if n.lower() == field.lower():
                return v
        return None

    def problem(self):
        assert self.get("content-type") == "application/problem+json", self.raw
        return json.loads(self.body)


class Client:
    """A TLS connection that sends what it is given and parses answers strictly enough."""

    def __init__(self, port, pki, pair=None, name="localhost", version=None, host="127.0.0.1",
                 context_changes=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(str(pki.dir / "ca.crt"))
        context.check_hostname = False
        if context_changes:
            context_changes(context)
        if pair:
            context.load_cert_chain(*pki.pair(pair))
        if version:
            context.minimum_version = context.maximum_version = version
        raw = socket.create_connection((host, port), timeout=LIMIT_S)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.tls = context.wrap_socket(raw, server_hostname=name)
        self.buffer = b""

    def send(self, data, octetwise=False):
        if octetwise:
            for i in range(len(data)):
                self.tls.sendall(data[i:i + 1])
        else:
            self.tls.sendall(data)

    def more(self):
        piece = self.tls.recv(65536)
        self.buffer += piece
        return bool(piece)

    def answer(self, head_only=False):
        """The next final answer; None if the connection ends first."""
        while True:
            while b"\r\n\r\n" not in self.buffer:
                if not self.more():
                    assert self.buffer == b"", f"ends inside a head: {self.buffer!r}"
                    return None
            head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
            lines = head.decode("latin-1").split("\r\n")
            status = int(lines[0].split(" ")[1])
            fields = [tuple(p.strip() for p in line.split(":", 1)) for line in lines[1:]]
            if status >= 200 or status == 101:
                break
        answer = Answer(status, fields, b"", head)
        if not head_only and status not in (204, 304):
            answer.body = self._body(answer)
        return answer

    def _body(self, answer):
        if (answer.get("transfer-encoding") or "") == "chunked":
            body = b""
            while True:
                while b"\r\n" not in self.buffer:
                    assert self.more(), "ends inside a chunk size"
                size, self.buffer = self.buffer.split(b"\r\n", 1)
                length = int(size, 16)
                while len(self.buffer) < length + 2 and length:
                    assert self.more(), "ends inside a chunk"
                if length == 0:
                    while not (self.buffer.startswith(b"\r\n") or b"\r\n\r\n" in self.buffer):
                        assert self.more(), "ends inside trailers"
                    self.buffer = (self.buffer[2:] if self.buffer.startswith(b"\r\n")
                                   else self.buffer.split(b"\r\n\r\n", 1)[1])
                    return body
                body += self.buffer[:length]
                self.buffer = self.buffer[length + 2:]
        if answer.get("content-length") is not None:
            length = int(answer.get("content-length"))
            while len(self.buffer) < length:
                assert self.more(), "ends inside a body"
            body, self.buffer = self.buffer[:length], self.buffer[length:]
            return body
        while self.more():
            pass
        body, self.buffer = self.buffer, b""
        return body

    def at_end(self):
        """True if the connection ends cleanly without another octet."""
        return self.buffer == b"" and not self.more()

    def get(self, path="/", user=None, password=None, method="GET", fields=(), host="localhost"):
        head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n"
        if user is not None:
            head += f"Authorization: {basic(user, password)}\r\n"
        for n, v in fields:
            head += f"{n}: {v}\r\n"
        self.send((head + "\r\n").encode("latin-1"))
        return self.answer(head_only=method == "HEAD")

    def close(self):
        self.tls.close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()


class Proxy:
    """countersign run with a configuration; started by start(), ended by stop()."""

    def __init__(self, directory, pki, upstream_address, changes=None):
        self.dir = Path(directory)
        self.pki = pki
        self.port = free_port()
        self.admin_port = free_port()
        self.config_path = self.dir / "countersign.yaml"
        self.log_path = self.dir / "error.log"
        self.access_path = self.dir / "access.log"
        self.socket_path = self.dir / "control.sock"
        self.config = merge({
            "listeners": [{
                "address": f"127.0.0.1:{self.port}",
                "tls": {"certificate": str(pki.dir / "server.crt"),
                        "key": str(pki.dir / "server.key")},
                "client": {"ca": str(pki.dir / "ca.crt"), "mode": "require",
                           "on_failure": "answer"},
            }],
            "users": {"htpasswd": str(self.dir / "users.htpasswd")},
            "routes": [{"path": "/", "require": "both", "upstream": "api"}],
            "upstreams": {"api": {"servers": [upstream_address]}},
            "admin": {"address": f"127.0.0.1:{self.admin_port}", "socket": str(self.socket_path)},
            "log": {"access": str(self.access_path), "error": str(self.log_path),
                    "error_format": "json", "level": "debug",
                    "access_delay": "10ms"},  # tests wait for its lines
            "process": {"workers": 1, "watch_files": "100ms"},
        }, changes or {})
        self.process = None
        self.passwords = {"alice@example.com": "wonder land", "bob@example.com": "b:ob",
                          "carol@example.com": "christmas"}
        self.write_users()
        self.write_config()

    def write_users(self, lines=None):
        """Cheap hashes (sha256crypt, 1000 rounds), so that tests do not wait for them."""
        if lines is None:
            lines = [f"{user}:{crypt_sha256(password)}" for user, password in self.passwords.items()]
        path = self.dir / "users.htpasswd"
        new = self.dir / "users.new"
        new.write_text("".join(line + "\n" for line in lines))
        new.rename(path)

    def write_config(self, changes=None):
        if changes:
            self.config = merge(self.config, changes)
        self.config_path.write_text(yaml.dump(self.config, Dumper=Plain, sort_keys=False))

    def start(self, env=None, prefix=(), expect_ready=True, pass_fds=()):
        self.stderr = open(self.dir / "stderr.txt", "wb")
        self.process = subprocess.Popen([*prefix, PROGRAM, "run", "-c", str(self.config_path)],
                                        stdin=subprocess.DEVNULL, stdout=self.stderr,
                                        stderr=self.stderr, env={**os.environ, **(env or {})},
                                        pass_fds=pass_fds)
        if expect_ready:
            wait_until(self.is_ready)
        return self

    def is_ready(self):
        assert self.process.poll() is None, self.output()
        try:
            return self.admin("/readyz")[0] == 200
        except OSError:
            return False

    def admin(self, path):
        with socket.create_connection(("127.0.0.1", self.admin_port), timeout=LIMIT_S) as s:
            s.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            data = b""
            while piece := s.recv(65536):
                data += piece
        if not data:
            raise OSError("no answer")
        head, body = data.split(b"\r\n\r\n", 1)
        return int(head.split(b" ")[1]), body.decode()

    def metric(self, name):
        """The value of a metric line "name value", 0 if there is none."""
        for line in self.admin("/metrics")[1].splitlines():
            if line.startswith(name + " "):
                return float(line.rsplit(" ", 1)[1])
        return 0.0

    def refusals(self, reason):
        return self.metric(f'countersign_refusals_total{{reason="{reason}"}}')

    def output(self):
        text = (self.dir / "stderr.txt").read_text(errors="replace")
        if self.log_path.exists():
            text += self.log_path.read_text(errors="replace")
        return text

    def events(self, event=None):
        """Lines of the error log as dicts."""
        lines = self.log_path.read_text().splitlines() if self.log_path.exists() else []
        parsed = [json.loads(line) for line in lines]
        return [e for e in parsed if event is None or e.get("event") == event]

    def access(self):
        """Lines of the access log as dicts; the last may be half written."""
        text = self.access_path.read_text() if self.access_path.exists() else ""
        return [json.loads(line) for line in text[:text.rfind("\n") + 1].splitlines()]

    def record(self, answer):
        """The access record of an answer; the line may be written a moment after the answer."""
        wanted = answer.get("x-request-id")
        assert wanted, answer.raw
        return wait_until(lambda: [r for r in self.access() if r.get("request.id") == wanted])[0]

    def connect(self, pair="alice", **options):
        return Client(self.port, self.pki, pair, **options)

    def get(self, pair="alice", user="alice@example.com", password=None, path="/", **options):
        """One request on a connection of its own."""
        if user is not None and password is None:
            password = self.passwords[user]
        with self.connect(pair) as client:
            return client.get(path, user, password, **options)

    def worker_pids(self):
        listing = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.process.pid)],
                                 capture_output=True, text=True, check=False).stdout
        return [int(word) for word in listing.split()]

    def run(self, *arguments, **options):
        """Another verb of the program."""
        return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True,
                              timeout=LIMIT_S, check=False, **options)

    def reload(self):
        return self.run("reload", "-c", str(self.config_path))

    def stop(self, sig=signal.SIGTERM):
        """End it (sig None: it was told already); returns the exit status. Sanitizer reports fail
        the test."""
        if self.process is None:
            return None
        if self.process.poll() is None and sig is not None:
            self.process.send_signal(sig)
        try:
            status = self.process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.stderr.close()
        self.process = None
        text = self.output()
        for mark in ("AddressSanitizer", "LeakSanitizer", "runtime error:"):
            assert mark not in text, text[text.index(mark) - 200:][:6000]
        return status


_hashes = {}


def crypt_sha256(password):
    if password not in _hashes:
        _hashes[password] = subprocess.run(
            ["openssl", "passwd", "-5", "-salt", "testsalt", "-stdin"], input=password,
            capture_output=True, text=True, check=True).stdout.strip()
    return _hashes[password]
