"""Sessions of handshakes that are countersign's own (tuning.own_handshake) or OpenSSL's: which may
be resumed, by a client that offers them however wrong."""
import hmac
import os
import re
import signal
import ssl
import subprocess

import pytest
from cryptography.hazmat.primitives import hashes

from pki import Authority, Pki, cert_pem, crl_pem
from proxy import basic, free_port, wait_until
from raw_handshake import (CERTIFICATE, DATA, HANDSHAKE, RawHandshake, Refused, extension,
                           vector)
from test_resumption import Visitor, s_client

ALICE, PASSWORD = "alice@example.com", "wonder land"
GET = (f"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: {basic(ALICE, PASSWORD)}\r\n"
       "\r\n").encode()
DIGESTS = {0x1301: "sha256", 0x1302: "sha384", 0x1303: "sha256"}
TICKET, DECODE_ERROR, ILLEGAL, MISSING_EXTENSION = 4, 50, 47, 109
WAYS = pytest.mark.parametrize("way", [True, False], ids=["own", "openssl's"])


@pytest.fixture
def own(tmp_path):
    """A CA of this test's own, whose files it may change."""
    directory = tmp_path / "pki"
    directory.mkdir()
    return Pki(directory)


@pytest.fixture
def make(make_proxy, own):
    """make(way, **sections): a proxy that keeps sessions, of handshakes of that way."""
    def made(way=True, resumption=None, client=None, **changes):
        proxy = make_proxy({"tuning": {"own_handshake": way}, "lockout": {"enabled": False},
                            "resumption": {"enabled": True, **(resumption or {})}, **changes},
                           pki=own)
        proxy.config["listeners"][0]["client"].update(client or {})
        proxy.write_config()
        return proxy
    return made


class Session:
    """What a ticket is, and the key that goes with it."""

    def __init__(self, ticket, psk, digest):
        self.ticket, self.psk, self.hash = ticket, psk, digest


class Guest(RawHandshake):
    """One that may come again. The offers are (identity, key, digest) in their order; binder is
    called on each binder before it is sent."""

    def offer(self, *sessions, binder=lambda b: b, behind=b""):
        self.sessions, self.change, self.behind = sessions, binder, behind
        self.psk = sessions[0].psk
        return self

    def say_hello(self, step=0):
        if self.psk is None:
            return super().say_hello(step)
        blanks = [self.change(bytes(len(s.psk))) for s in self.sessions]
        identities = vector(2, b"".join(vector(2, s.ticket) + os.urandom(4) for s in self.sessions))
        self.hello.extensions["psk"] = self.psk_extension(identities, blanks)
        self.hello.extensions["behind"] = self.behind
        whole = self.hello.octets()
        size = len(vector(2, b"".join(vector(1, b) for b in blanks))) + len(self.behind)
        begin = whole[:len(whole) - size]
        binders = [self.change(self.binder(s, begin)) for s in self.sessions]
        self.hello.extensions["psk"] = self.psk_extension(identities, binders)
        return super().say_hello(step)

    @staticmethod
    def psk_extension(identities, binders):
        return extension(41, identities + vector(2, b"".join(vector(1, b) for b in binders)))

    def binder(self, session, begin):
        self.hash = session.hash
        early = self.extract(bytes(len(session.psk)), session.psk)
        key = self.derive(early, b"res binder", self.digest(b""))
        return self.finished_by(key, begin)

    def finished_by(self, secret, octets):
        return hmac.new(self.derive(secret, b"finished", b""), self.digest(octets),
                        self.hash).digest()

    def session(self):
        """Of a handshake that is finished, whose ticket comes now."""
        kind, got = self.next_message()
        assert kind == TICKET
        at = 12 + 1 + got[12]
        nonce, ticket = got[13:at], got[at + 2:at + 2 + int.from_bytes(got[at:at + 2], "big")]
        self.life = int.from_bytes(got[4:8], "big")
        master = self.derive(self.master, b"res master", self.digest(self.transcript))
        return Session(ticket, self.derive(master, b"resumption", nonce), self.hash)

    def status(self):
        """Of the answer that may stand behind a ticket."""
        while b"\r\n\r\n" not in self.data:
            kind, octets = self.next_record()
            assert kind == DATA or octets[0] == TICKET
            self.data += octets if kind == DATA else b""
        return int(self.data.split(b" ")[1])

    def finish(self, request=GET):
        """All that the client says, and what follows."""
        said = self.answer()
        self.transcript += b"".join(said)
        self.send(self.out.seal(HANDSHAKE, b"".join(said)) + self.out_then.seal(DATA, request))
        return self


def first_visit(proxy, pair="alice", suites=(0x1301,), change=lambda hello: None, port=None):
    """The session that a full handshake leaves, and whose handshake it was: OpenSSL's has a record
    for each message."""
    with Guest(port or proxy.port, proxy.pki, pair) as guest:
        guest.hello.suites = suites
        change(guest.hello)
        guest.shake()
        is_own = guest.flights == 1
        session = guest.finish().session()
        assert guest.status() == 200 and not guest.resumed
        assert len(session.ticket) == 32
        return session, is_own


def come_again(proxy, *sessions, pair=None, change=lambda guest: None, port=None, **offer):
    """("resumed", "full" or "alert", status or alert). A client without a certificate gets 400
    where it is not resumed."""
    with Guest(port or proxy.port, proxy.pki, pair) as guest:
        guest.hello.suites = (0x1301,)
        guest.offer(*sessions, **offer)
        change(guest)
        try:
            guest.shake()
            assert guest.resumed == (CERTIFICATE not in guest.messages)
            assert not (guest.resumed and guest.asked), "no certificate is asked for again"
            guest.finish()
            return "resumed" if guest.resumed else "full", guest.status()
        except Refused as refused:
            return "alert", refused.alert


RESUMED, FULL = ("resumed", 200), ("full", 400)
ALERT_OF_BINDER = {True: 51, False: 47}  # as RFC 8446 6.2 says, and as OpenSSL does
UNKNOWN = Session(bytes(32), bytes(32), "sha256")


def longer(octets):
    return octets + b"\0"


def wrong(octets):
    return octets[:-1] + bytes([octets[-1] ^ 1])


def without_modes(guest):
    guest.hello.extensions["modes"] = b""


def modes(*values):
    def change(guest):
        guest.hello.extensions["modes"] = extension(45, vector(1, bytes(values)))
    return change


def suites(*values):
    def change(guest):
        guest.hello.suites = values
    return change


def named(name):
    def change(guest):
        guest.hello.extensions["name"] = extension(
            0, vector(2, b"\0" + vector(2, name))) if name else b""
    return change


def key_of(session, psk):
    return Session(session.ticket, psk, session.hash)


# what: (sessions of the good one, how they are offered, what comes of it with each way)
OFFERS = {
    "as it is": (lambda s: [s], {}, RESUMED),
    "with ChaCha20, of the same digest": (lambda s: [s], {"change": suites(0x1303)}, RESUMED),
    "its suite is not the first": (lambda s: [s], {"change": suites(0x1303, 0x1301)}, RESUMED),
    "only a suite of another digest": (lambda s: [s], {"change": suites(0x1302)}, FULL),
    "with psk_ke, too": (lambda s: [s], {"change": modes(0, 1)}, RESUMED),
    "with psk_ke only": (lambda s: [s], {"change": modes(0)}, FULL),
    "without modes": (lambda s: [s], {"change": without_modes}, ("alert", MISSING_EXTENSION)),
    "a binder with another last octet": (lambda s: [s], {"binder": wrong}, "binder"),
    "a binder of zeros": (lambda s: [s], {"binder": lambda b: bytes(len(b))}, "binder"),
    "another key": (lambda s: [key_of(s, bytes(32))], {}, "binder"),
    "a binder that is longer": (lambda s: [s], {"binder": longer}, "length"),
    "a binder of SHA-384's length": (lambda s: [s], {"binder": lambda b: b + b[:16]}, "length"),
    "a binder that is too short": (lambda s: [s], {"binder": lambda b: b[:31]}, "short"),
    "not the last extension": (lambda s: [s], {"behind": extension(0xfafa, b"")},
                               ("alert", ILLEGAL)),
    "32 zero octets": (lambda s: [UNKNOWN], {}, FULL),
    "one octet": (lambda s: [Session(b"x", s.psk, s.hash)], {}, FULL),
    "a number of another length": (lambda s: [Session(s.ticket + b"x", s.psk, s.hash)], {}, FULL),
    "its last bit turned": (lambda s: [Session(wrong(s.ticket), s.psk, s.hash)], {}, FULL),
    "its first bit turned": (
        lambda s: [Session(bytes([s.ticket[0] ^ 128]) + s.ticket[1:], s.psk, s.hash)], {}, FULL),
    "an unknown one behind it": (lambda s: [s, UNKNOWN], {}, RESUMED),
    "the same behind it": (lambda s: [s, s], {}, RESUMED),
    "another server's name": (lambda s: [s], {"change": named(b"other.test")}, FULL),
    "another case of the name": (lambda s: [s], {"change": named(b"LOCALHOST")}, FULL),
    "no name": (lambda s: [s], {"change": named(None)}, FULL),
}


@WAYS
def test_offers(make, way):
    """Nothing that is wrong lets anybody in, and what is right does afterwards as before."""
    proxy = make(way, client={"on_failure": "answer"}).start()
    session, is_own = first_visit(proxy)
    assert is_own == way
    ends = {"binder": {("alert", ALERT_OF_BINDER[way])},
            "length": {("alert", ALERT_OF_BINDER[way]), ("alert", DECODE_ERROR)},
            "short": {FULL, ("alert", DECODE_ERROR)}}
    found = []
    for what, (offered, how, wanted) in OFFERS.items():
        got = come_again(proxy, *offered(session), **how)
        if got not in ends.get(wanted, {wanted}):
            found.append((what, got, wanted))
        assert got[1] != 200 or wanted == RESUMED, what
        if come_again(proxy, session) != RESUMED:
            found.append((what, "and then not as it is"))
    assert not found, "\n".join(map(str, found))


@WAYS
def test_what_is_resumed_is_logged(make, way):
    proxy = make(way).start()
    session, _ = first_visit(proxy)
    wait_until(proxy.access)
    assert come_again(proxy, session) == RESUMED
    first, again = wait_until(lambda: proxy.access() if len(proxy.access()) == 2 else None)
    assert again["tls.resumed"] is True and "tls.resumed" not in first
    for field in ("user", "tls.client.hash.sha256", "tls.protocol.version", "auth.result"):
        assert first[field] == again[field], field
    assert proxy.metric("countersign_tls_handshakes_resumed_total") == 1


@WAYS
@pytest.mark.parametrize("suite", DIGESTS)
def test_each_resumption_leaves_a_session(make, way, suite):
    """With a key of its own, and a life; a suite of another digest makes it a full handshake."""
    proxy = make(way, {"life": "45m"}).start()
    session, _ = first_visit(proxy, suites=(suite,))
    seen = [session]
    for _ in range(4):
        with Guest(proxy.port) as guest:
            guest.hello.suites = (suite,)
            guest.offer(seen[-1]).shake()
            assert guest.resumed
            seen.append(guest.finish().session())
            assert guest.status() == 200 and guest.life == 2700
    assert len({s.ticket for s in seen}) == len({s.psk for s in seen}) == 5
    other = 0x1302 if DIGESTS[suite] == "sha256" else 0x1301
    assert come_again(proxy, seen[-1], change=suites(other))[1] != 200


def test_who_takes_no_tickets_gets_none(make):
    """A client without psk_dhe_ke."""
    proxy = make().start()
    with Guest(proxy.port, proxy.pki, "alice") as guest:
        guest.hello.extensions["modes"] = b""
        guest.shake()
        assert guest.flights == 1, "it is our own handshake"
        guest.finish()
        assert guest.next_record()[0] == DATA


def test_between_the_two_ways(make):
    """A session of one is nothing to the other, and both stand in one store."""
    proxy = make(client={"on_failure": "answer"}).start()
    own, is_own = first_visit(proxy)
    # a name of a CA is OpenSSL's to deal with
    rules = {"rules": extension(47, vector(2, vector(2, b"\x30\0")))}
    others, others_own = first_visit(proxy, change=lambda hello: hello.extensions.update(rules))
    assert (is_own, others_own) == (True, False)
    ruled = {"change": lambda guest: guest.hello.extensions.update(rules)}
    assert come_again(proxy, own, **ruled) == FULL
    assert come_again(proxy, others, **ruled) == RESUMED
    assert come_again(proxy, own) == RESUMED
    assert come_again(proxy, others) == RESUMED
    assert come_again(proxy, Session(own.ticket, others.psk, "sha256"))[0] == "alert"
    assert come_again(proxy, Session(others.ticket, own.psk, "sha256"))[0] == "alert"
    assert come_again(proxy, Session(own.ticket, others.psk, "sha256"), **ruled) == FULL
    # the first of two decides whose handshake it is
    assert come_again(proxy, own, others) == RESUMED


def test_number_of_tls_1_2(make, tmp_path):
    """The id of a session of TLS 1.2 is no ticket of 1.3."""
    proxy = make(client={"on_failure": "answer"}).start()
    kept = tmp_path / "session.pem"
    crt, key = proxy.pki.pair("alice")
    subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{proxy.port}", "-tls1_2",
                    "-cert", crt, "-key", key, "-servername", "localhost", "-sess_out", str(kept)],
                   input=b"", capture_output=True, timeout=30, check=True)
    text = subprocess.run(["openssl", "sess_id", "-in", str(kept), "-noout", "-text"],
                          capture_output=True, text=True, check=True).stdout
    number, secret = (bytes.fromhex(re.search(f"{field}: ([0-9A-F]+)", text)[1])
                      for field in ("Session-ID", "Master-Key"))
    assert len(number) == 32
    for psk in (secret[:32], bytes(32)):
        assert come_again(proxy, Session(number, psk, "sha256")) == FULL


@WAYS
def test_other_listener(make, way):
    proxy = make(way, client={"on_failure": "answer"})
    port = free_port()
    proxy.config["listeners"].append({**proxy.config["listeners"][0],
                                      "address": f"127.0.0.1:{port}"})
    proxy.write_config()
    proxy.start()
    session, _ = first_visit(proxy)
    assert come_again(proxy, session, port=port) == FULL
    assert come_again(proxy, session) == RESUMED


def reloaded(proxy, change):
    before = proxy.metric("countersign_reloads_total")
    change()
    wait_until(lambda: proxy.metric("countersign_reloads_total") > before)


def withdraw(name):
    """By the deny list, which no reload takes."""
    def change(proxy):
        digest = proxy.pki.load(name).fingerprint(hashes.SHA256())
        proxy.pki.write("next", f"fingerprint={digest.hex()}\n".encode()).rename(
            proxy.pki.dir / "deny")
        wait_until(lambda: is_refused(proxy, name))
    return change


def is_refused(proxy, name):
    """A full handshake finds it withdrawn."""
    with Guest(proxy.port, proxy.pki, name) as guest:
        guest.shake().finish()
        try:
            return guest.status() == 400
        except Refused:
            return True


def set_client(key, value):
    def change(proxy):
        proxy.config["listeners"][0]["client"][key] = value
        proxy.write_config()
        assert proxy.reload().returncode == 0
    return change


def write(file, octets):
    """In place of a file that is watched."""
    def change(proxy):
        reloaded(proxy, lambda: proxy.pki.write("next", octets(proxy.pki))
                 .rename(proxy.pki.dir / file))
    return change


CHANGES = {
    "nothing": (lambda proxy: None, RESUMED),
    "a list that withdraws others": (
        write("live.crl", lambda pki: crl_pem(pki.ca.crl(pki.load("bob")))), FULL),
    "a list that withdraws it": (
        write("live.crl", lambda pki: crl_pem(pki.ca.crl(pki.load("alice")))), FULL),
    "withdrawn at once": (withdraw("alice"), FULL),
    "another withdrawn at once": (withdraw("bob"), RESUMED),
    "another depth": (set_client("depth_max", 1), FULL),
    "the other mode": (set_client("mode", "optional"), FULL),
    "one more CA": (write("clients.crt", lambda pki: cert_pem(pki.ca.cert, Authority("B").cert)),
                    FULL),
}


@WAYS
@pytest.mark.parametrize("what", CHANGES)
def test_changed_between(make, own, way, what):
    own.write("live.crl", crl_pem(own.ca.crl()))
    own.write("clients.crt", cert_pem(own.ca.cert))
    own.write("deny", b"")
    files = {key: str(own.dir / file) for key, file in (("crl", "live.crl"), ("ca", "clients.crt"))}
    proxy = make(way, client={"on_failure": "answer", **files},
                 revocation={"deny": str(own.dir / "deny")}).start()
    session, _ = first_visit(proxy)
    assert come_again(proxy, session) == RESUMED
    change, wanted = CHANGES[what]
    change(proxy)
    kind, status = come_again(proxy, session)
    assert (kind, status == 200) == (wanted[0], wanted == RESUMED)


@WAYS
@pytest.mark.parametrize("short", [{"life": "1s"}, {"life_total": "1s", "life": "1s"},
                                   {"rotate": "1s"}], ids=["life", "life_total", "rotate"])
def test_time_ends_it(make, way, short):
    proxy = make(way, short, client={"on_failure": "answer"}).start()
    session, _ = first_visit(proxy)
    wait_until(lambda: come_again(proxy, session) == FULL)
    assert come_again(proxy, session) == FULL


@WAYS
def test_across_workers(make, way):
    """A session is resumed by all of them, and lives on when its worker is replaced."""
    proxy = make(way, process={"workers": 2}).start()
    wait_until(lambda: len(proxy.worker_pids()) == 2)
    sessions = [first_visit(proxy)[0] for _ in range(4)]
    assert {come_again(proxy, s) for s in sessions * 4} == {RESUMED}
    old = proxy.worker_pids()
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: len(set(proxy.worker_pids()) - set(old)) == 2)
    wait_until(proxy.is_ready)
    assert {come_again(proxy, s) for s in sessions * 2} == {RESUMED}


@WAYS
@pytest.mark.parametrize("mode, pair", [("optional", None), ("off", "alice"), ("off", None)])
def test_nobody_without_a_certificate_gets_one(make, way, mode, pair):
    proxy = make(way, client={"mode": mode})
    proxy.config["routes"][0]["require"] = "none"
    proxy.write_config()
    proxy.start()
    with Guest(proxy.port, proxy.pki, pair) as guest:
        guest.shake().finish()
        assert guest.next_record()[0] == DATA, "the answer, not a ticket"


def test_clients(make, tmp_path):
    """OpenSSL's own clients take and use the tickets of our handshakes."""
    proxy = make().start()
    visitor = Visitor(proxy.pki, ssl.TLSVersion.TLSv1_3)
    assert [visitor.visit(proxy)[1] for _ in range(3)] == [False, True, True]
    kept = tmp_path / "session.pem"
    for suite in ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"):
        more = ("-ciphersuites", suite)
        first = s_client(proxy, proxy.pki, "-tls1_3", *more, session_out=kept)
        assert "New, TLS" in first and "HTTP/1.1 200" in first
        again = s_client(proxy, proxy.pki, "-tls1_3", *more, session_in=kept)
        assert "Reused, TLS" in again and "HTTP/1.1 200" in again
