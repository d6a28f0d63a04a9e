"""A TLS server of known behaviour, to hold the load tool against."""
import base64
import socket
import ssl
import struct
import threading
import time

LIMIT_S = 30


def ok(body=b"ok\n", fields=b""):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n%s" % (len(body), fields, body)


def status(code):
    return b"HTTP/1.1 %d x\r\nContent-Length: 0\r\n\r\n" % code


class Request:
    """What came: number (from 0, over all connections), client certificate's name, user, sizes."""

    def __init__(self, number, head, body, certificate, peer):
        lines = head.decode("latin-1").split("\r\n")
        self.number = number
        self.line = lines[0]
        self.fields = {n.lower(): v.strip() for n, v in (x.split(":", 1) for x in lines[1:])}
        self.body = body
        self.certificate = certificate
        self.peer = peer

    @property
    def user(self):
        scheme, _, value = self.fields.get("authorization", "").partition(" ")
        return base64.b64decode(value).decode().partition(":")[0] if scheme == "Basic" else None


# What an answering function may return besides octets.
RESET, TRUNCATE, CLOSE, HANG, UNTIL_END, ENDLESS = (
    "reset", "truncate", "close", "hang", "until end", "endless")


class KnownServer:
    """answer: a function of Request that returns octets or one of the words above."""

    def __init__(self, certificate, key, ca=None, answer=lambda request: ok(), tickets=2,
                 accept_delay_s=0.0, version=None, host="127.0.0.1"):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        if ca:
            self.context.load_verify_locations(ca)
            self.context.verify_mode = ssl.CERT_REQUIRED
        if version:
            self.context.minimum_version = self.context.maximum_version = version
        self.context.num_tickets = tickets
        self.answer = answer
        self.accept_delay_s = accept_delay_s
        self.lock = threading.Lock()
        self.requests, self.handshakes, self.reused = [], 0, 0
        self.peers, self.open = [], set()
        self.cut_off = 0  # endless answers that the client would have no more of
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.listener = socket.create_server((host, 0), family=family, backlog=512)
        self.port = self.listener.getsockname()[1]
        self.url = f"https://[{host}]:{self.port}/" if ":" in host else \
            f"https://localhost:{self.port}/"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.close()
        for s in list(self.open):
            s.close()

    def _accept(self):
        while True:
            try:
                raw, peer = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(raw, peer[0]), daemon=True).start()

    def _serve(self, raw, peer):
        self.open.add(raw)
        raw.settimeout(LIMIT_S)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            time.sleep(self.accept_delay_s)
            tls = self.context.wrap_socket(raw, server_side=True)
            self.open.add(tls)
            with self.lock:
                self.handshakes += 1
                self.reused += bool(tls.session_reused)
                self.peers.append(peer)
            self._talk(tls, peer)
        except OSError:
            pass
        finally:
            for s in list(self.open):
                if s.fileno() in (-1, raw.fileno()):
                    self.open.discard(s)
            raw.close()

    def _read(self, tls, data):
        """Head and body of the next request and what came behind, or None at the end."""
        while b"\r\n\r\n" not in data:
            piece = tls.recv(65536)
            if not piece:
                return None
            data += piece
        head, data = data.split(b"\r\n\r\n", 1)
        length = 0
        for line in head.decode("latin-1").split("\r\n")[1:]:
            name, value = line.split(":", 1)
            if name.lower() == "content-length":
                length = int(value)
        while len(data) < length:
            data += tls.recv(65536)
        return head, data[:length], data[length:]

    def _talk(self, tls, peer):
        data = b""
        subject = dict(x[0] for x in (tls.getpeercert() or {}).get("subject", ()))
        while True:
            got = self._read(tls, data)
            if got is None:
                tls.unwrap().close()
                return
            head, body, data = got
            with self.lock:
                request = Request(len(self.requests), head, body, subject.get("commonName"), peer)
                self.requests.append(request)
            if not self._send(tls, self.answer(request)):
                return
            if request.fields.get("connection") == "close":
                tls.unwrap().close()
                return

    def _send_endless(self, tls):
        """Octets that take the client longer to read than to write, for half a minute at most."""
        end = time.monotonic() + LIMIT_S
        try:
            tls.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;")
            while time.monotonic() < end:
                tls.sendall(b"x" * 16384)
        except OSError:
            with self.lock:
                self.cut_off += 1

    def _send(self, tls, answer):
        """False if the connection is over."""
        if answer == RESET:
            tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            tls.close()
        elif answer == TRUNCATE:
            tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
            tls.close()
        elif answer == CLOSE:
            tls.close()
        elif answer == HANG:
            tls.recv(1)
        elif answer == UNTIL_END:
            tls.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5000)
            tls.unwrap().close()
        elif answer == ENDLESS:
            self._send_endless(tls)
        else:
            tls.sendall(answer)
            return True
        return False
