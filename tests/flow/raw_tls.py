"""A TLS 1.3 client that seals and opens the records of an open connection by itself, however wrong:
OpenSSL does the handshake and says the secrets (its key log)."""
import hashlib
import hmac
import socket
import ssl
import struct
import tempfile

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from proxy import LIMIT_S

CHANGE, ALERT, HANDSHAKE, DATA = 20, 21, 22, 23
CLOSE_NOTIFY = b"\1\0"
SUITES = {"TLS_AES_128_GCM_SHA256": ("sha256", 16, AESGCM),
          "TLS_AES_256_GCM_SHA384": ("sha384", 32, AESGCM),
          "TLS_CHACHA20_POLY1305_SHA256": ("sha256", 32, ChaCha20Poly1305)}


def key_update(wanted=0):
    return bytes([24, 0, 0, 1, wanted])


class Side:
    """What one end writes with; counts strictly."""

    def __init__(self, suite, secret):
        self.digest, self.size, self.cipher = SUITES[suite]
        self.use(secret)

    def expand(self, label, size):
        label = b"tls13 " + label
        info = struct.pack(">HB", size, len(label)) + label + b"\0\1"
        return hmac.new(self.secret, info, self.digest).digest()[:size]

    def use(self, secret):
        self.secret, self.count = secret, 0
        self.aead = self.cipher(self.expand(b"key", self.size))
        self.iv = int.from_bytes(self.expand(b"iv", 12), "big")

    def next(self):
        self.use(self.expand(b"traffic upd", hashlib.new(self.digest).digest_size))

    def nonce(self):
        self.count += 1
        return (self.iv ^ (self.count - 1)).to_bytes(12, "big")

    def seal(self, kind, octets, padding=0):
        inner = octets + bytes([kind]) + bytes(padding)
        header = struct.pack(">BHH", 23, 0x303, len(inner) + 16)
        return header + self.aead.encrypt(self.nonce(), inner, header)

    def open(self, record):
        inner = self.aead.decrypt(self.nonce(), record[5:], record[:5]).rstrip(b"\0")
        return inner[-1], inner[:-1]


class RawClient:
    """A connection whose handshake is done."""

    def __init__(self, port, pki, pair="alice"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(str(pki.dir / "ca.crt"))
        context.check_hostname = False
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        if pair:
            context.load_cert_chain(*pki.pair(pair))
        self.raw = socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S)
        self.raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with tempfile.NamedTemporaryFile() as log:
            context.keylog_filename = log.name
            come, go = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = context.wrap_bio(come, go, server_hostname="localhost")
            self.shake(tls, come, go)
            secrets = {line.split()[0]: bytes.fromhex(line.split()[2])
                       for line in open(log.name) if not line.startswith("#")}
        self.suite = tls.cipher()[0]
        self.out = Side(self.suite, secrets["CLIENT_TRAFFIC_SECRET_0"])
        self.come = Side(self.suite, secrets["SERVER_TRAFFIC_SECRET_0"])
        self.input = come.read()  # what came behind the handshake
        self.data = b""
        self.alert = None  # the last that came, as octets
        self.updates = 0   # of the server's keys

    def shake(self, tls, come, go):
        while True:
            try:
                tls.do_handshake()
                self.raw.sendall(go.read())
                return
            except ssl.SSLWantReadError:
                self.raw.sendall(go.read())
                octets = self.raw.recv(5)  # record by record: what follows is not OpenSSL's
                while len(octets) < 5:
                    octets += self.raw.recv(5 - len(octets))
                end = 5 + int.from_bytes(octets[3:5], "big")
                while len(octets) < end:
                    octets += self.raw.recv(end - len(octets))
                come.write(octets)

    def say(self, kind, octets, padding=0):
        self.raw.sendall(self.out.seal(kind, octets, padding))

    def send(self, octets, size=16384):
        for at in range(0, len(octets), size):
            self.say(DATA, octets[at:at + size])

    def update(self, wanted=0):
        """New keys of ours; wanted: and of the server's."""
        self.say(HANDSHAKE, key_update(wanted))
        self.out.next()

    def more(self):
        """Reads the next record; false at the end. Every one must be authentic and in order."""
        while len(self.input) < 5 or len(self.input) < 5 + int.from_bytes(self.input[3:5], "big"):
            try:
                piece = self.raw.recv(65536)
            except ConnectionResetError:
                return False
            if not piece:
                assert self.input == b"", f"ends inside a record: {self.input!r}"
                return False
            self.input += piece
        assert self.alert is None, "a record behind an alert"
        size = 5 + int.from_bytes(self.input[3:5], "big")
        record, self.input = self.input[:size], self.input[size:]
        try:
            kind, octets = self.come.open(record)
        except InvalidTag as error:
            raise AssertionError(f"record {self.come.count} is not authentic") from error
        if kind == DATA:
            self.data += octets
        elif kind == ALERT:
            self.alert = octets
        elif octets[0] == 24:
            assert octets == key_update()
            self.updates += 1
            self.come.next()
        else:
            assert kind == HANDSHAKE and octets[0] == 4  # a ticket
        return True

    def answer(self):
        """(status, body) of the next answer with a length; None if the connection ends first."""
        while b"\r\n\r\n" not in self.data:
            if not self.more():
                return None
        head, rest = self.data.split(b"\r\n\r\n", 1)
        size = [int(line.split(b":")[1]) for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length:")][0]
        self.data = rest
        while len(self.data) < size:
            if not self.more():
                return None
        body, self.data = self.data[:size], self.data[size:]
        return int(head.split(b" ")[1]), body

    def drain(self):
        """Reads to the end; the alert that came, as octets, or None."""
        while self.more():
            pass
        return self.alert

    def close(self):
        self.raw.close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()
