"""A TLS 1.3 client that does the handshake by itself (RFC 8446 4), message by message, however
wrong. What it knows: X25519, P-256 and P-384, all suites of 1.3, keys on P-256 for its own
certificate. It looks at the server's signature not at all, and at its Finished strictly."""
import hashlib
import hmac
import os
import re
import socket
import ssl
import struct
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, x25519

from proxy import LIMIT_S
from raw_tls import ALERT, CHANGE, DATA, HANDSHAKE, SUITES, Side

CLIENT_HELLO, SERVER_HELLO, REQUEST, CERTIFICATE, VERIFY, FINISHED = 1, 2, 13, 11, 15, 20
P256, P384, X25519 = 23, 24, 29
CURVES = {P256: ec.SECP256R1, P384: ec.SECP384R1}
NUMBERS = {0x1301: "TLS_AES_128_GCM_SHA256", 0x1302: "TLS_AES_256_GCM_SHA384",
           0x1303: "TLS_CHACHA20_POLY1305_SHA256"}
RETRY = hashlib.sha256(b"HelloRetryRequest").digest()  # the random that says so
END = "-----END CERTIFICATE-----\n"
SCHEMES = (0x403, 0x503, 0x603, 0x804, 0x805, 0x806, 0x807)


def vector(size, octets):
    return len(octets).to_bytes(size, "big") + octets


def numbers(*values):
    return b"".join(struct.pack(">H", v) for v in values)


def message(kind, body):
    return bytes([kind]) + vector(3, body)


def record(kind, octets, version=0x303):
    return struct.pack(">BHH", kind, version, len(octets)) + octets


def extension(kind, octets):
    return numbers(kind) + vector(2, octets)


def server_name(name):
    return extension(0, vector(2, b"\0" + vector(2, name)))


def protocols(*names):
    return extension(16, vector(2, b"".join(vector(1, n) for n in names)))


def shares(*pairs):
    return extension(51, vector(2, b"".join(numbers(g) + vector(2, s) for g, s in pairs)))


def groups(*values):
    return extension(10, vector(2, numbers(*values)))


def schemes(*values):
    return extension(13, vector(2, numbers(*values)))


def versions(*values):
    return extension(43, vector(1, numbers(*values)))


def new_share(group):
    """(key, its share)"""
    if group == X25519:
        key = x25519.X25519PrivateKey.generate()
        return key, key.public_key().public_bytes(serialization.Encoding.Raw,
                                                  serialization.PublicFormat.Raw)
    key = ec.generate_private_key(CURVES[group]())
    return key, key.public_key().public_bytes(serialization.Encoding.X962,
                                              serialization.PublicFormat.UncompressedPoint)


class Hello:
    """What a ClientHello says. extensions: name to octets, in order; change it as you like."""

    def __init__(self, group=X25519, suites=(0x1301, 0x1302, 0x1303), name=b"localhost",
                 alpn=None):
        self.group, self.suites = group, suites
        self.key, self.share = new_share(group)
        self.version, self.random, self.session = 0x303, os.urandom(32), os.urandom(32)
        self.compression = b"\0"
        self.extensions = {
            "name": server_name(name) if name else b"",
            "groups": groups(X25519, P256), "schemes": schemes(*SCHEMES),
            "alpn": protocols(*alpn) if alpn else b"", "versions": versions(0x304),
            "modes": extension(45, b"\1\1"), "shares": shares((group, self.share))}

    def octets(self):
        return message(CLIENT_HELLO, numbers(self.version) + self.random + vector(1, self.session)
                       + vector(2, numbers(*self.suites)) + vector(1, self.compression)
                       + vector(2, b"".join(self.extensions.values())))


class Refused(Exception):
    """The server ended the connection: the number of its alert, None without one."""

    def __init__(self, alert):
        super().__init__(alert)
        self.alert = alert


class RawHandshake:
    """A connection; step by step, or all() at once."""

    def __init__(self, port, pki=None, pair=None):
        self.raw = socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S)
        self.raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.chain, self.key = [], None
        if pair:
            self.chain = self.chain_of(pki, pair)
            self.key = serialization.load_pem_private_key(
                Path(pki.pair(pair)[1]).read_bytes(), None)
        self.hello = Hello()
        self.input, self.seen, self.data = b"", b"", b""
        self.come = None     # what the server writes with
        self.asked = False   # for a certificate
        self.flights = 0     # protected records of the server's flight
        self.psk = None      # of the session that hello offers first
        self.resumed = False

    @staticmethod
    def chain_of(pki, pair):
        """The certificates of a client, as DER."""
        return [ssl.PEM_cert_to_DER_cert(pem + END)
                for pem in Path(pki.pair(pair)[0]).read_text().split(END)[:-1]]

    def send(self, octets, step=0):
        for at in range(0, len(octets), step or len(octets) or 1):
            self.raw.sendall(octets[at:at + (step or len(octets))])

    def next_record(self):
        """(type, octets) of the next record, opened; Refused at an alert or at the end."""
        while len(self.input) < 5 or len(self.input) < 5 + int.from_bytes(self.input[3:5], "big"):
            try:
                piece = self.raw.recv(65536)
            except ConnectionResetError:
                piece = b""
            if not piece:
                raise Refused(None)
            self.input += piece
        size = 5 + int.from_bytes(self.input[3:5], "big")
        got, self.input = self.input[:size], self.input[size:]
        kind, octets = got[0], got[5:]
        if kind == DATA:
            kind, octets = self.come.open(got)
            self.flights += 1
        if kind == ALERT:
            raise Refused(octets[1])
        return kind, octets

    def next_message(self):
        while len(self.seen) < 4 or len(self.seen) < 4 + int.from_bytes(self.seen[1:4], "big"):
            kind, octets = self.next_record()
            if kind != CHANGE:
                assert kind == HANDSHAKE
                self.seen += octets
        size = 4 + int.from_bytes(self.seen[1:4], "big")
        got, self.seen = self.seen[:size], self.seen[size:]
        return got[0], got

    # ---- Keys ----

    def digest(self, octets):
        return hashlib.new(self.hash, octets).digest()

    def extract(self, salt, secret):
        return hmac.new(salt, secret, self.hash).digest()

    def derive(self, secret, label, octets):
        label = b"tls13 " + label
        size = hashlib.new(self.hash).digest_size
        info = struct.pack(">HB", size, len(label)) + label + vector(1, octets) + b"\1"
        return hmac.new(secret, info, self.hash).digest()

    def agree(self, theirs):
        if self.hello.group == X25519:
            return self.hello.key.exchange(x25519.X25519PublicKey.from_public_bytes(theirs))
        curve = CURVES[self.hello.group]()
        return self.hello.key.exchange(
            ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(curve, theirs))

    # ---- The handshake ----

    def say_hello(self, step=0):
        self.transcript = self.hello.octets()
        self.send(record(HANDSHAKE, self.transcript, 0x301), step)

    def take_hello(self):
        """The server's, and keys; (suite, group) that it chose. A HelloRetryRequest is answered."""
        kind, got = self.next_message()
        assert kind == SERVER_HELLO
        at = 4 + 34 + 1 + got[38]
        number = int.from_bytes(got[at:at + 2], "big")
        self.suite = NUMBERS[number]
        self.hash = SUITES[self.suite][0]
        assert number in self.hello.suites and got[39:39 + got[38]] == self.hello.session
        said, rest = {}, got[at + 5:]
        while rest:
            kind, size = struct.unpack(">HH", rest[:4])
            said[kind], rest = rest[4:4 + size], rest[4 + size:]
        assert said[43] == b"\3\4"
        group = int.from_bytes(said[51][:2], "big")
        if got[6:38] == RETRY:
            first = message(254, self.digest(self.transcript))
            self.hello.group = group
            self.hello.key, share = new_share(group)
            self.hello.extensions["shares"] = shares((group, share))
            self.transcript = first + got + self.hello.octets()
            self.send(record(HANDSHAKE, self.hello.octets()))
            return self.take_hello()
        assert group == self.hello.group
        self.transcript += got
        nothing, zeros = self.digest(b""), bytes(hashlib.new(self.hash).digest_size)
        self.resumed = 41 in said
        early = self.extract(zeros, self.psk if self.resumed else zeros)
        secret = self.derive(early, b"derived", nothing)
        secret = self.extract(secret, self.agree(said[51][4:]))
        now = self.digest(self.transcript)
        self.client, self.server = (self.derive(secret, label, now)
                                    for label in (b"c hs traffic", b"s hs traffic"))
        self.out, self.come = Side(self.suite, self.client), Side(self.suite, self.server)
        self.master = self.extract(self.derive(secret, b"derived", nothing), zeros)
        return number, group

    def take_flight(self):
        """EncryptedExtensions to Finished, and keys of what follows. Types of the messages."""
        kinds, self.messages = [], {}
        while FINISHED not in kinds:
            kind, got = self.next_message()
            if kind == FINISHED:
                assert got == self.finished(self.transcript, self.server)
            self.asked = self.asked or kind == REQUEST
            self.transcript += got
            self.messages[kind] = got
            kinds.append(kind)
        assert self.seen == b""
        now = self.digest(self.transcript)
        self.out_then = Side(self.suite, self.derive(self.master, b"c ap traffic", now))
        self.come = Side(self.suite, self.derive(self.master, b"s ap traffic", now))
        return kinds

    def shake(self, step=0):
        """Up to the server's Finished."""
        self.say_hello(step)
        self.take_hello()
        self.take_flight()
        return self

    # ---- What the client answers; each of the transcript before it ----

    def certificate(self, chain=None, context=b""):
        chain = self.chain if chain is None else chain
        return message(CERTIFICATE, vector(1, context) + vector(
            3, b"".join(vector(3, c) + b"\0\0" for c in chain)))

    def verify(self, transcript, key=None, scheme=0x403, side=b"client"):
        content = b" " * 64 + b"TLS 1.3, " + side + b" CertificateVerify\0"
        signature = (key or self.key).sign(content + self.digest(transcript),
                                           ec.ECDSA(hashes.SHA256()))
        return message(VERIFY, numbers(scheme) + vector(2, signature))

    def finished(self, transcript, secret=None):
        key = self.derive(secret or self.client, b"finished", b"")
        return message(FINISHED, hmac.new(key, self.digest(transcript), self.hash).digest())

    def answer(self):
        """What a client that does all right says, message by message."""
        said = []
        if self.asked:
            said.append(self.certificate())
            if self.chain:
                said.append(self.verify(self.transcript + said[0]))
        return said + [self.finished(self.transcript + b"".join(said))]

    def all(self, request=b"", step=0):
        """The whole handshake, and request in one piece with its last flight."""
        self.shake(step)
        octets = record(CHANGE, b"\1") + self.out.seal(HANDSHAKE, b"".join(self.answer()))
        self.out = self.out_then
        self.send(octets + (self.out.seal(DATA, request) if request else b""), step)
        return self

    # ---- After it ----

    def status(self):
        """Of the next answer, which has a length; Refused if there is none."""
        while b"\r\n\r\n" not in self.data:
            kind, octets = self.next_record()
            assert kind == DATA
            self.data += octets
        return int(self.data.split(b" ")[1])

    def body(self):
        """Of the next answer, whose length is told; new keys of the server are taken."""
        size = None
        while size is None or len(self.data) < size:
            kind, octets = self.next_record()
            if kind == HANDSHAKE:
                assert octets == b"\x18\0\0\1\0"
                self.come.next()
                continue
            self.data += octets
            if size is None and b"\r\n\r\n" in self.data:
                head, self.data = self.data.split(b"\r\n\r\n", 1)
                size = int(re.search(rb"(?i)\ncontent-length: *(\d+)", head)[1])
        got, self.data = self.data[:size], self.data[size:]
        return got

    def ending(self):
        """(the alert or None, all data) once the server has ended the connection."""
        try:
            while True:
                self.data += self.next_record()[1]
        except Refused as refused:
            return refused.alert, self.data

    def close(self):
        self.raw.close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()
