"""A client that does the handshake of TLS 1.3 wrong gets nothing, by countersign's own handshake
(tuning.own_handshake) as by OpenSSL's: an alert, a reason in the log, and others are not
touched."""
import socket

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from proxy import basic, wait_until
from raw_handshake import (ALERT, CERTIFICATE, CHANGE, DATA, FINISHED, HANDSHAKE, VERIFY,
                           RawHandshake, Refused, message, numbers, record, vector)

ALICE, PASSWORD = "alice@example.com", "wonder land"
GET = (f"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: {basic(ALICE, PASSWORD)}\r\n"
       "\r\n").encode()
own_handshake = pytest.mark.parametrize("own", [True, False], ids=["own", "openssl's"])


@pytest.fixture
def make(make_proxy):
    def made(own, client=None, timeout="10s", **changes):
        proxy = make_proxy({"tuning": {"own_handshake": own}, "timeouts": {"handshake": timeout},
                            "lockout": {"enabled": False}, **changes})
        proxy.config["listeners"][0]["client"].update(client or {})
        proxy.write_config()
        return proxy.start()
    return made


# ---- What comes in place of Certificate, CertificateVerify, Finished ----

class Flight:
    """What a client that does all right would say: c, v, f; and what it may say in their place."""

    def __init__(self, client):
        self.client = client
        self.c = client.certificate()
        self.v = client.verify(client.transcript + self.c)
        self.f = self.finished(self.c, self.v)

    def finished(self, *before):
        return self.client.finished(self.client.transcript + b"".join(before))

    def verify(self, *before, **how):
        return self.client.verify(self.client.transcript + b"".join(before or (self.c,)), **how)

    def extended(self, extensions):
        """The client's certificate with these."""
        return message(CERTIFICATE, b"\0" + vector(
            3, vector(3, self.client.chain[0]) + vector(2, extensions)))

    def then(self, *before):
        """These, and a Finished of just these."""
        return [*before, self.finished(*before)]


def turned(octets, at=-1):
    octets = bytearray(octets)
    octets[at] ^= 1
    return bytes(octets)


def body(octets):
    return octets[4:]


def scheme(octets, number):
    return octets[:4] + numbers(number) + octets[6:]


def others_key():
    return ec.generate_private_key(ec.SECP256R1())


# Messages, each in a record, and the alert; behind OpenSSL's, countersign's own where it is another
# as RFC 8446 asks for it: 6, a length that cannot be is decode_error (50); 5, a change_cipher_spec
# that is none is unexpected_message (10).
MESSAGES = {
    "no Certificate": (lambda m: m.then(m.v), 10),
    "no CertificateVerify": (lambda m: m.then(m.c), 10),
    "Finished alone": (lambda m: m.then(), 10),
    "Finished of all alone": (lambda m: [m.f], 10),
    "Certificate twice": (lambda m: m.then(m.c, m.c, m.verify(m.c, m.c)), 10),
    "CertificateVerify twice": (lambda m: m.then(m.c, m.v, m.v), 10),
    "CertificateVerify first": (lambda m: m.then(m.v, m.c), 10),
    "Finished before CertificateVerify": (lambda m: [m.c, m.finished(m.c), m.v], 10),
    "an empty Certificate with proof": (lambda m: m.then(
        m.client.certificate([]), m.verify(m.client.certificate([]))), 10),
    "ClientHello again": (lambda m: [m.client.hello.octets(), m.c, m.v, m.f], 10),
    "KeyUpdate": (lambda m: [message(24, b"\0"), m.c, m.v, m.f], 10),
    "EndOfEarlyData": (lambda m: m.then(message(5, b""), m.c, m.v), 10),
    "ServerHello": (lambda m: [message(2, bytes(40)), m.c, m.v, m.f], 10),
    "a message of an unknown type": (lambda m: m.then(message(99, b""), m.c, m.v), 10),
    "a request context": (lambda m: m.then(m.client.certificate(context=b"x"), m.v), 50),
    "an octet behind the chain": (
        lambda m: m.then(message(CERTIFICATE, body(m.c) + b"x"), m.v), 50),
    "a chain that is too long": (lambda m: m.then(message(
        CERTIFICATE, b"\0" + (len(m.c) - 7).to_bytes(3, "big") + m.c[8:]), m.v), 50),
    "Certificate without octets": (lambda m: m.then(message(CERTIFICATE, b"")), 50),
    "Certificate of one octet": (lambda m: m.then(message(CERTIFICATE, b"\0")), 50),
    "a certificate of no octets": (lambda m: m.then(m.client.certificate([b""]), m.v), 50),
    "a certificate that is none": (lambda m: m.then(m.client.certificate([b"hello"]), m.v), 50),
    "a certificate with an octet behind": (lambda m: m.then(
        m.client.certificate([m.client.chain[0] + b"\0"]), m.v), 50),
    "a certificate without its end": (lambda m: m.then(
        m.client.certificate([m.client.chain[0][:-1]]), m.v), 50),
    "an extension of a certificate": (lambda m: m.then(m.extended(b"\0\5\0\0"), m.v), 110),
    "an extension of ClientHello": (lambda m: m.then(m.extended(b"\0\0\0\0"), m.v), 47),
    "an unusual one": (lambda m: m.then(m.extended(b"\xff\1\0\1\0"), m.v), 47),
    "half an extension of a certificate": (lambda m: m.then(message(CERTIFICATE, b"\0" + vector(
        3, vector(3, m.client.chain[0]) + b"\0\2\0")), m.v), 50),
    "half an extension in whole extensions": (lambda m: m.then(m.extended(b"\0\5\0"), m.v), 50),
    "an extension without its end": (lambda m: m.then(m.extended(b"\0\5\0\2x"), m.v), 50),
    "40000 octets of certificates": (
        lambda m: m.then(m.client.certificate([bytes(40000)])), 47),
    "a Certificate of 16 MiB": (lambda m: [b"\x0b\xff\xff\xff" + bytes(100)], 47),
    "a chain in the wrong order": (lambda m: m.then(
        m.client.certificate(m.client.others[:1] + m.client.chain),
        m.verify(m.client.certificate(m.client.others[:1] + m.client.chain))), 51),
    "another's certificate": (lambda m: m.then(
        m.client.certificate(m.client.others),
        m.verify(m.client.certificate(m.client.others))), 51),
    "a signature that was changed": (lambda m: m.then(m.c, turned(m.v)), 51),
    "a signature by another key": (lambda m: m.then(m.c, m.verify(key=others_key())), 51),
    "a signature of nothing": (lambda m: m.then(m.c, message(VERIFY, numbers(0x403, 0))), 51),
    "a signature without its end": (lambda m: m.then(m.c, message(
        VERIFY, body(m.v)[:2] + vector(2, body(m.v)[4:-1]))), 51),
    "a signature with an octet behind": (lambda m: m.then(m.c, message(
        VERIFY, body(m.v)[:2] + vector(2, body(m.v)[4:] + b"\0"))), 51),
    "an octet behind the signature": (lambda m: m.then(m.c, message(VERIFY, body(m.v) + b"x")), 50),
    "a length beyond the signature": (lambda m: m.then(m.c, message(
        VERIFY, body(m.v)[:2] + numbers(200) + body(m.v)[4:])), 50),
    "CertificateVerify without octets": (lambda m: m.then(m.c, message(VERIFY, b"")), 50),
    "CertificateVerify of 3000 octets": (lambda m: m.then(m.c, message(
        VERIFY, numbers(0x403) + vector(2, bytes(2996)))), 51),
    "CertificateVerify of 40000 octets": (lambda m: m.then(m.c, message(
        VERIFY, numbers(0x403) + vector(2, bytes(40000)))), 47),
    "the server's signature": (lambda m: m.then(m.c, m.client.messages[VERIFY]), 51),
    "signed as a server": (lambda m: m.then(m.c, m.verify(side=b"server")), 51),
    "signed without Certificate": (lambda m: m.then(m.c, m.client.verify(m.client.transcript)), 51),
    "signed on another connection": (lambda m: m.then(m.c, m.client.foreign), 51),
    "RSA's scheme": (lambda m: m.then(m.c, scheme(m.v, 0x804)), 47),
    "P-384's scheme": (lambda m: m.then(m.c, scheme(m.v, 0x503)), 47),
    "SHA-1's scheme": (lambda m: m.then(m.c, scheme(m.v, 0x203)), 47),
    "SHA-224's scheme": (lambda m: m.then(m.c, scheme(m.v, 0x303)), 47),
    "an unknown scheme": (lambda m: m.then(m.c, scheme(m.v, 0x9999)), 47),
    "a Finished that was changed": (lambda m: [m.c, m.v, turned(m.f)], 51),
    "a Finished of the server's key": (lambda m: [m.c, m.v, m.client.finished(
        m.client.transcript + m.c + m.v, m.client.server)], 51),
    "the server's Finished": (lambda m: [m.c, m.v, m.client.messages[FINISHED]], 51),
    "a Finished without Certificate": (lambda m: [m.c, m.v, m.finished()], 51),
    "a Finished of zeros": (lambda m: [m.c, m.v, message(FINISHED, bytes(32))], 51),
    "a Finished of no octets": (lambda m: [m.c, m.v, message(FINISHED, b"")], 50),
    "a Finished that is short": (lambda m: [m.c, m.v, message(FINISHED, body(m.f)[:-1])], 50),
    "a Finished that is long": (lambda m: [m.c, m.v, message(FINISHED, body(m.f) + b"x")], 50),
    "a Finished of 65 octets": (lambda m: [m.c, m.v, message(FINISHED, bytes(65))], 47, 50),
    "a Finished of 16 MiB": (lambda m: [m.c, m.v, b"\x14\xff\xff\xff"], 47, 50),
    "something in Finished's record": (lambda m: [m.c, m.v, m.f + message(24, b"\0")], 10),
    "half a header in Finished's record": (lambda m: [m.c, m.v, m.f + b"\x14"], 10),
}


# ---- Records ----

def sealed(client, *messages):
    return b"".join(client.out.seal(HANDSHAKE, m) for m in messages)


# Octets, of the client and its flight, and alerts likewise.
RECORDS = {
    "data in place of it": (lambda c, m: c.out_then.seal(DATA, GET), 20),
    "data with the keys of the handshake": (lambda c, m: c.out.seal(DATA, GET), 10),
    "data before Finished": (lambda c, m: sealed(c, m.c, m.v) + c.out.seal(DATA, GET), 10),
    "Finished with the keys that follow": (
        lambda c, m: sealed(c, m.c, m.v) + c.out_then.seal(HANDSHAKE, m.f), 20),
    "a tag that is wrong": (lambda c, m: turned(sealed(c, m.c, m.v, m.f)), 20),
    "a record twice": (lambda c, m: sealed(c, m.c[:9]) * 2, 20),
    "a record is missing": (lambda c, m: sealed(c, m.c) and sealed(c, m.v, m.f), 20),
    "all in clear": (lambda c, m: record(HANDSHAKE, m.c + m.v + m.f), 10),
    "Finished in clear": (lambda c, m: sealed(c, m.c, m.v) + record(HANDSHAKE, m.f), 10),
    "a ClientHello behind it": (lambda c, m: record(HANDSHAKE, c.hello.octets()), 10),
    "data in clear": (lambda c, m: record(DATA, GET), 20),
    "an unknown type": (lambda c, m: record(99, b"x"), 10),
    "an unknown type inside": (lambda c, m: c.out.seal(99, b"x"), 10),
    "ChangeCipherSpec inside": (lambda c, m: c.out.seal(CHANGE, b"\1"), 10),
    "ChangeCipherSpec of 2": (lambda c, m: record(CHANGE, b"\2"), 47, 10),
    "ChangeCipherSpec of two octets": (lambda c, m: record(CHANGE, b"\1\1"), 47, 10),
    "ChangeCipherSpec of no octets": (lambda c, m: record(CHANGE, b""), 47, 10),
    "too many of ChangeCipherSpec": (lambda c, m: record(CHANGE, b"\1") * 40, 10),
    "no octets of a message": (lambda c, m: c.out.seal(HANDSHAKE, b""), 10),
    "an alert of no octets": (lambda c, m: c.out.seal(ALERT, b""), 10),
    "half an alert": (lambda c, m: c.out.seal(ALERT, b"\2"), 10, 50),
    "an alert and a half": (lambda c, m: c.out.seal(ALERT, b"\2\x28\2"), 10, 50),
    "half an alert in clear": (lambda c, m: record(ALERT, b"\2"), 10, 50),
    "an alert in clear behind something": (
        lambda c, m: sealed(c, m.c) + record(ALERT, b"\2\x28"), 10),
    "no type": (lambda c, m: c.out.seal(0, bytes(30)), 10),
    "nothing sealed": (lambda c, m: record(DATA, b""), 20),
    "too short": (lambda c, m: record(DATA, bytes(16)), 20),
    "too long": (lambda c, m: record(DATA, bytes(16641)), 22),
    "carries too much": (lambda c, m: c.out.seal(HANDSHAKE, bytes(16385)), 22),
    "HTTP": (lambda c, m: GET, 70),
    "broken off by data": (lambda c, m: sealed(c, m.c[:9]) + c.out.seal(DATA, b"x"), 10),
}


def came(proxy, client, octets):
    """What the client sees, and what is logged."""
    before = len(proxy.access())
    try:
        client.send(octets)
    except ConnectionError:
        pass
    ending = client.ending()
    line = wait_until(lambda: proxy.access()[before:])[0]
    return ending, line["auth.reason"], line["auth.step"], line.get("auth.result")


def shaken(proxy, pki, pair="alice"):
    client = RawHandshake(proxy.port, pki, pair).shake()
    client.others = RawHandshake.chain_of(pki, "bob")
    return client


def foreign_proof(proxy, pki):
    """A CertificateVerify that is right on another connection."""
    with shaken(proxy, pki) as other:
        proof = Flight(other).v
    wait_until(proxy.access)
    return proof


# What a message that is wrong may be called in the log, and the verdict on the client then.
REASONS = {"tls_protocol_error": None, "client_cert_invalid": "denied",
           "tls_version_or_cipher": None}


def is_refused(alerts, own, others):
    (end, *logged), (others_end, *others_logged) = own, others
    reason, step, result = logged
    return (end == (alerts[-1], b"") and others_end == (alerts[0], b"") and logged == others_logged
            and step == "handshake" and reason in REASONS and result == REASONS[reason])


def attack(both, pki, attacks, octets_of):
    """Each, with a request behind it, at both; what is not as it should be."""
    wrong = []
    for what, (make_it, *alerts) in attacks.items():
        seen = []
        for proxy, foreign in both:
            with shaken(proxy, pki) as client:
                client.foreign = foreign
                octets = octets_of(client, Flight(client), make_it)
                seen.append(came(proxy, client, octets + client.out_then.seal(DATA, GET)))
        if not is_refused(alerts, *seen):
            wrong.append((what, alerts, *seen))
    return wrong


@pytest.fixture
def both(make, pki):
    proxies = [make(own) for own in (True, False)]
    workers = [proxy.worker_pids() for proxy in proxies]
    yield [(proxy, foreign_proof(proxy, pki)) for proxy in proxies]
    for proxy, pids in zip(proxies, workers):
        assert proxy.worker_pids() == pids
        assert proxy.get().status == 200
        assert proxy.metric("countersign_tls_handshakes_active") == 0


def test_messages(both, pki, upstream):
    wrong = attack(both, pki, MESSAGES, lambda client, flight, make_it: sealed(
        client, *(m[at:at + 16384] for m in make_it(flight) for at in range(0, len(m), 16384))))
    assert not wrong, "\n".join(map(str, wrong))
    assert not upstream.requests


def test_extensions_of_certificates(both, pki, upstream):
    """Those that nobody knows, and timestamps, OpenSSL passes over. RFC 8446 4.2 has them refused,
    as nobody asked for them."""
    for octets in (b"\x8a\x8a\0\0", b"\0\x12\0\0"):
        seen = []
        for proxy, _ in both:
            with shaken(proxy, pki) as client:
                m = Flight(client)
                c = m.extended(octets)
                v = m.verify(c)
                client.send(sealed(client, c, v, m.finished(c, v)) + client.out_then.seal(DATA, GET))
                try:
                    seen.append(client.status())
                except Refused as refused:
                    seen.append(refused.alert)
        assert seen == [110, 200]


def test_records(both, pki, upstream):
    wrong = attack(both, pki, RECORDS, lambda client, flight, make_it: make_it(client, flight))
    assert not wrong, "\n".join(map(str, wrong))
    assert not upstream.requests


# ---- What is right, however it comes ----

def in_records(client, flight, size):
    octets = flight.c + flight.v + flight.f
    return [client.out.seal(HANDSHAKE, octets[at:at + size], at % 3)
            for at in range(0, len(octets), size)]


RIGHT = {
    "in one record": lambda c, m: in_records(c, m, 16384),
    "in records of 7 octets": lambda c, m: in_records(c, m, 7),
    "in records of one octet": lambda c, m: in_records(c, m, 1),
    "with much padding": lambda c, m: [c.out.seal(HANDSHAKE, o, 16000) for o in (m.c, m.v, m.f)],
    "with ChangeCipherSpec": lambda c, m: [record(CHANGE, b"\1"), *in_records(c, m, 100)],
}


@own_handshake
def test_right(make, pki, upstream, own):
    """In whatever pieces, the request with the last of them or behind it."""
    proxy = make(own)
    for what, make_it in RIGHT.items():
        for step in (0, 1, 11):
            with shaken(proxy, pki) as client:
                pieces = make_it(client, Flight(client))
                client.send(b"".join(pieces) + client.out_then.seal(DATA, GET), step)
                assert client.status() == 200, what
    with RawHandshake(proxy.port, pki, "alice") as client:
        assert client.all(GET, 1).status() == 200
    with shaken(proxy, pki) as client:
        client.send(sealed(client, *client.answer()))
        wait_until(lambda: proxy.metric("countersign_tls_handshakes_active") == 0)
        client.send(client.out_then.seal(DATA, GET))
        assert client.status() == 200


@own_handshake
def test_hello_in_pieces(make, pki, upstream, own):
    """Over records, which OpenSSL has to deal with, and over segments, which it has not."""
    proxy = make(own)
    for size in (1, 2, 4, 40, 100):
        with RawHandshake(proxy.port, pki, "alice") as client:
            client.transcript = client.hello.octets()
            for at in range(0, len(client.transcript), size):
                client.send(record(HANDSHAKE, client.transcript[at:at + size]))
            client.take_hello()
            client.take_flight()
            client.send(sealed(client, *client.answer()) + client.out_then.seal(DATA, GET))
            assert client.status() == 200
        with RawHandshake(proxy.port, pki, "alice") as client:
            client.shake(size)
            assert (client.flights == 1) == own
            client.send(sealed(client, *client.answer()) + client.out_then.seal(DATA, GET))
            assert client.status() == 200


# ---- The first flight ----

HELLOS = {
    "twice in a record": lambda h: record(HANDSHAKE, h + h),
    "twice": lambda h: record(HANDSHAKE, h) * 2,
    "garbage behind it": lambda h: record(HANDSHAKE, h) + b"garbage behind it" * 9,
    "an octet in its record": lambda h: record(HANDSHAKE, h + b"x"),
    "data behind it": lambda h: record(HANDSHAKE, h) + record(DATA, GET),
    "another message in its record": lambda h: record(HANDSHAKE, h + message(FINISHED, bytes(32))),
    "an octet is missing": lambda h: record(HANDSHAKE, message(1, h[4:-1])),
    "an octet too many": lambda h: record(HANDSHAKE, message(1, h[4:] + b"x")),
    "as data": lambda h: record(DATA, h), "as an alert": lambda h: record(ALERT, h),
    "another message": lambda h: record(HANDSHAKE, message(2, h[4:])),
    "no octets": lambda h: record(HANDSHAKE, message(1, b"")),
    "an empty record": lambda h: record(HANDSHAKE, b"") + record(HANDSHAKE, h + b"x"),
    "version 2 of a record": lambda h: record(HANDSHAKE, h, 0x203),
    "a record too long": lambda h: record(HANDSHAKE, h + bytes(17000)),
    "ChangeCipherSpec first": lambda h: record(CHANGE, b"\1") + record(HANDSHAKE, h + b"x"),
    "an alert": lambda h: record(ALERT, b"\2\x28"), "an end": lambda h: record(ALERT, b"\1\0"),
    "an alert behind it": lambda h: record(HANDSHAKE, h) + record(ALERT, b"\2\x30"),
    "an end behind it": lambda h: record(HANDSHAKE, h) + record(ALERT, b"\1\0"),
    "a bad alert behind it": lambda h: record(HANDSHAKE, h) + record(ALERT, b"\2"),
}


def raw_end(raw):
    """The last alert in clear that came, or None; what is sealed cannot be told."""
    octets, alert = b"", None
    try:
        while piece := raw.recv(65536):
            octets += piece
    except ConnectionResetError:
        pass
    while len(octets) >= 5:
        size = 5 + int.from_bytes(octets[3:5], "big")
        alert = octets[6] if octets[0] == ALERT else alert
        octets = octets[size:]
    return alert


@pytest.mark.parametrize("what", HELLOS)
def test_first_flight(make, pki, what):
    """Then no more comes: what is not ended by then is at the time-out. Both ways the same."""
    seen = []
    for own in (True, False):
        proxy = make(own, timeout="700ms")
        pids = proxy.worker_pids()
        with RawHandshake(proxy.port, pki) as client:
            client.send(HELLOS[what](client.hello.octets()))
            alert = raw_end(client.raw)
        line = wait_until(proxy.access)[0]
        assert line["auth.step"] == "handshake" and proxy.worker_pids() == pids
        assert "auth.result" not in line
        seen.append((alert, line["auth.reason"]))
    assert seen[0] == seen[1]


# ---- The client goes ----

# How far it comes: what it says behind ClientHello; None: not even that as a whole.
STEPS = {
    "half a hello": None, "nothing": lambda c, m: b"",
    "half a record": lambda c, m: sealed(c, m.c)[:40], "Certificate": lambda c, m: sealed(c, m.c),
    "CertificateVerify": lambda c, m: sealed(c, m.c, m.v),
    "half a Finished": lambda c, m: sealed(c, m.c, m.v, m.f[:20]),
}
ENDS = {"goes": "tls_handshake_aborted", "alert": "tls_client_alert",
        "close_notify": "tls_handshake_aborted", "stays": "tls_handshake_timeout"}


@own_handshake
@pytest.mark.parametrize("how", ENDS)
def test_client_ends_it(make, pki, own, how):
    proxy = make(own, timeout="400ms" if how == "stays" else "10s")
    pids = proxy.worker_pids()
    steps = STEPS if how in ("goes", "stays") else ("nothing", "Certificate", "CertificateVerify")
    for step in steps:
        before = len(proxy.access())
        with RawHandshake(proxy.port, pki, "alice") as client:
            if STEPS[step] is None:
                client.send(record(HANDSHAKE, client.hello.octets())[:50])
            else:
                client.shake()
                client.send(STEPS[step](client, Flight(client)))
            if how == "alert":
                client.send(client.out.seal(ALERT, b"\2\x30"))
            elif how == "close_notify":
                client.send(client.out.seal(ALERT, b"\1\0"))
            elif how == "goes":
                client.raw.shutdown(socket.SHUT_WR)
            assert client.ending()[1] == b""
        line = wait_until(lambda: proxy.access()[before:])[0]
        assert (line["auth.reason"], line["auth.step"]) == (ENDS[how], "handshake"), step
        assert "auth.result" not in line, step
    assert proxy.worker_pids() == pids and proxy.get().status == 200


# ---- Without a certificate ----

@own_handshake
@pytest.mark.parametrize("mode, on_failure, outcome", [
    ("require", "refuse", (116, "client_cert_missing")),
    ("require", "answer", (400, "client_cert_missing")),
    ("optional", "refuse", (403, "cert_required_by_route")),
    ("off", "refuse", (403, "cert_required_by_route"))])
def test_without_certificate(make, pki, upstream, own, mode, on_failure, outcome):
    """Who sends an empty Certificate, or is not asked for any, is nobody; who sends one that was
    not asked for is refused."""
    proxy = make(own, {"mode": mode, "on_failure": on_failure})
    with RawHandshake(proxy.port, pki) as client:
        client.all(GET)
        assert client.asked == (mode != "off")
        try:
            seen = client.status()
        except Refused as refused:
            seen = refused.alert
    record_ = wait_until(proxy.access)[0]
    assert (seen, record_["auth.reason"]) == outcome
    assert record_.get("tls.client.hash.sha256") is None
    if mode == "off":
        with RawHandshake(proxy.port, pki, "alice") as client:
            client.shake()
            m = Flight(client)
            client.send(sealed(client, m.c, m.v, m.f) + client.out_then.seal(DATA, GET))
            assert client.ending() == (10, b"")
    assert not upstream.requests
