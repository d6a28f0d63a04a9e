"""The handshake of TLS 1.3 by countersign itself (tuning.own_handshake) or by OpenSSL: who is let
in, who is not and why, and what clients are told, is the same."""
import os
import ssl
import socket
import subprocess
import threading

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, ed448, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from pki import DAY, NOW, Authority, Pki, cert_pem, crl_pem, key_pem
from proxy import basic, wait_until
from raw_handshake import (CERTIFICATE, P256, P384, REQUEST, VERIFY, SCHEMES, X25519, RawHandshake,
                           Refused, extension, groups, new_share, protocols, record, schemes, server_name,
                           shares, vector, versions)
from test_clients import JAVA_HALF, java_options
from test_own_bio import Wire
from upstream import Upstream

ALICE, PASSWORD = "alice@example.com", "wonder land"
GET = (f"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: {basic(ALICE, PASSWORD)}\r\n"
       "\r\n").encode()
OWN = {"own_handshake": True}
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
FIELDS = ("auth.result", "auth.step", "auth.reason", "tls.protocol.version", "tls.cipher",
          "server.name", "tls.client.hash.sha256", "user")


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    """Clients of many kinds; all but one CA, "clients.crt", are behind that of the server."""
    p = Pki(tmp_path_factory.mktemp("pki"))
    alice = p.subject(ALICE)
    upper = Authority("Upper", issuer=p.ca)
    lower = Authority("Lower", issuer=upper)
    p.client("expired", alice, not_before=NOW - 3 * DAY, not_after=NOW - DAY)
    p.client("future", alice, not_before=NOW + DAY)
    p.client("unknown", alice, authority=Authority("Other CA"))
    p.client("same-name", alice, authority=Authority())
    p.client("server-purpose", alice, usage=ExtendedKeyUsageOID.SERVER_AUTH)
    p.client("no-purpose", alice, usage=None)
    p.client("is-ca", alice, is_ca=True)
    p.client("chain", alice, authority=lower, chain=(lower.cert, upper.cert))
    p.client("chain-turned", alice, authority=lower, chain=(upper.cert, lower.cert))
    p.client("chain-and-root", alice, authority=lower, chain=(lower.cert, upper.cert, p.ca.cert))
    p.client("chain-broken", alice, authority=lower, chain=(upper.cert,))
    p.client("others-too", alice, chain=(Authority("Other CA").cert, upper.cert))
    lonely = Authority("Lonely")
    lonely.cert, lonely.key = p.ca.leaf(alice)
    p.client("by-a-leaf", alice, authority=lonely, chain=(lonely.cert,))
    for kind, key in (("rsa", rsa.generate_private_key(65537, 2048)),
                      ("rsa-3072", rsa.generate_private_key(65537, 3072)),
                      ("rsa-weak", rsa.generate_private_key(65537, 1024)),
                      ("p384", ec.generate_private_key(ec.SECP384R1())),
                      ("p521", ec.generate_private_key(ec.SECP521R1())),
                      ("k1", ec.generate_private_key(ec.SECP256K1())),
                      ("ed25519", ed25519.Ed25519PrivateKey.generate()),
                      ("ed448", ed448.Ed448PrivateKey.generate())):
        p.client(kind, alice, key=key)
    own = Authority("Self")
    own.cert = p.load("alice")
    made, key = own.leaf(alice, key=own.key, issuer_name=alice)
    p.write("self-signed.crt", cert_pem(made))
    p.write("self-signed.key", key_pem(key))
    revoked, withdrawn = p.client("revoked", alice), p.client("withdrawn", alice)
    p.write("live.crl", crl_pem(p.ca.crl(revoked)))
    p.write("deny", f"fingerprint={withdrawn.fingerprint(hashes.SHA256()).hex()}\n".encode())
    p.server("rsa-server", "localhost", key=rsa.generate_private_key(65537, 2048))
    p.server("p384-server", "localhost", key=ec.generate_private_key(ec.SECP384R1()))
    p.server("p521-server", "localhost", key=ec.generate_private_key(ec.SECP521R1()))
    p.server("ed25519-server", "localhost", key=ed25519.Ed25519PrivateKey.generate())
    p.server("ed448-server", "localhost", key=ed448.Ed448PrivateKey.generate())
    rsa_pss(p)
    return p


def rsa_pss(p):
    """OpenSSL makes such keys only by itself."""
    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=p.dir, check=True, capture_output=True)
    openssl("genpkey", "-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048", "-out",
            "rsa-pss.key")
    p.write("extensions", b"extendedKeyUsage=clientAuth\nauthorityKeyIdentifier=keyid\n")
    p.write("ca.key", key_pem(p.ca.key))
    openssl("req", "-new", "-key", "rsa-pss.key", "-subj", f"/O=Example/CN={ALICE}", "-out",
            "rsa-pss.csr")
    openssl("x509", "-req", "-in", "rsa-pss.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-days", "9",
            "-extfile", "extensions", "-out", "rsa-pss.crt")


@pytest.fixture
def both(make_proxy, pki):
    """both(tls=..., client=..., tuning=...): the two ways with these changes."""
    def make(tuning=None, **changes):
        made = []
        for own in (True, False):
            proxy = make_proxy({"tuning": {**(tuning or {}), "own_handshake": own},
                                "lockout": {"enabled": False},
                                "revocation": {"deny": str(pki.dir / "deny")}})
            for section, values in changes.items():
                proxy.config["listeners"][0][section].update(values)
            proxy.write_config()
            made.append(proxy.start())
        return made
    return make


def logged(proxy, visit, *options):
    """What visit(proxy) gives, and what stands in the log about it."""
    before = len(proxy.access())
    seen = visit(proxy, *options)
    record = wait_until(lambda: proxy.access()[before:])[0]
    return (seen, *((field, record.get(field)) for field in FIELDS))


class Differences:
    """same(what, visit, ...): does it both ways, and gives what is seen with countersign's own; at
    the end of the with block all that was not the same fails the test."""

    def __init__(self, proxies):
        self.proxies, self.found = proxies, []

    def same(self, what, visit, *options):
        own, others = (logged(proxy, visit, *options) for proxy in self.proxies)
        if own != others:
            self.found.append((what, *((a, b) for a, b in zip(own, others) if a != b)))
        return own

    def __enter__(self):
        return self

    def __exit__(self, kind, *unused):
        if kind is None:
            assert not self.found, "\n".join(map(str, self.found))


# ---- Clients and their certificates ----

def knock(proxy, pair, version):
    """The status of an answer, or why OpenSSL says that there is none."""
    for _ in range(5):
        try:
            with Wire(proxy, None, version, 0) as client:
                if pair:
                    client.tls.context.set_ciphers("DEFAULT@SECLEVEL=0")
                    client.tls.context.load_cert_chain(*proxy.pki.pair(pair))
                    client.tls = client.tls.context.wrap_bio(client.come, client.go,
                                                             server_hostname="localhost")
                return client.shake(GET).answer().status
        except ssl.SSLError as error:
            return error.reason
        except ConnectionError:  # the end came before the alert was read
            pass
    raise AssertionError(f"cut each time: {pair}")


CLIENTS = {
    None: "client_cert_missing", "alice": "ok", "bob": "pairing_mismatch",
    "expired": "client_cert_expired", "future": "client_cert_not_yet_valid",
    "unknown": "client_cert_unknown_ca", "same-name": "client_cert_unknown_ca",
    "self-signed": "client_cert_unknown_ca", "server-purpose": "client_cert_purpose",
    "no-purpose": "ok", "is-ca": "client_cert_invalid", "by-a-leaf": "client_cert_invalid",
    "chain": "ok", "chain-turned": "ok", "chain-and-root": "ok", "others-too": "ok",
    "chain-broken": "client_cert_unknown_ca", "rsa": "ok", "rsa-3072": "ok",
    "rsa-weak": "client_cert_weak_key", "rsa-pss": "ok", "p384": "ok", "p521": "ok",
    "k1": "client_cert_missing", "ed25519": "ok", "ed448": "ok", "revoked": "ok",
    "withdrawn": "client_cert_revoked"}
LISTED = {"revoked": "client_cert_revoked",  # with lists, which the CAs in between do not have
          "chain": "crl_missing", "chain-turned": "crl_missing", "chain-and-root": "crl_missing"}


@pytest.mark.parametrize("on_failure", ["answer", "refuse"])
@pytest.mark.parametrize("mode", ["require", "require crl", "optional", "off"])
def test_who_is_let_in(both, pki, mode, on_failure):
    """Twice each: at the second time certificates and chains are remembered."""
    mode, lists = (mode + " ").split(" ", 1)
    client = {"mode": mode, "on_failure": on_failure}
    if lists:
        client["crl"] = str(pki.dir / "live.crl")
    with Differences(both(client=client)) as both_ways:
        for pair, reason in list(CLIENTS.items()) * 2:
            for version in VERSIONS.values():
                seen = both_ways.same(f"{pair}, {version}", knock, pair, version)
                if mode == "require" and version == VERSIONS["1.3"]:
                    assert ("auth.reason", LISTED.get(pair, reason) if lists else reason) in seen


# ---- What a ClientHello asks for ----

def parts(message, at):
    """A message's extensions, whose list begins there, by type, but for OpenSSL's signatures with
    SHA-224, which TLS 1.3 has none of (RFC 8446 4.2.3)."""
    found, rest = {}, message[at + 2:]
    while rest:
        kind, size = int.from_bytes(rest[:2], "big"), int.from_bytes(rest[2:4], "big")
        found[kind], rest = rest[4:4 + size], rest[4 + size:]
    return {k: v[2:30] if k == 13 else v for k, v in found.items()}


def talk(proxy, change, pair="alice"):
    """What the server chose and said, and the status; or its alert. And whose handshake it was:
    OpenSSL's has a record for each message."""
    with RawHandshake(proxy.port, proxy.pki, pair) as client:
        change(client.hello)
        proxy.is_own = False
        try:
            client.say_hello()
            chosen = client.take_hello()
            client.take_flight()
            said = client.messages
            chosen += (parts(said[8], 4), hash(said[CERTIFICATE]), said[VERIFY][4:6].hex(),
                       parts(said[REQUEST], 5) if REQUEST in said else None)
            proxy.is_own = client.flights == 1
            client.send(client.out.seal(22, b"".join(client.answer()))
                        + client.out_then.seal(23, GET))
            return chosen, client.status()
        except Refused as refused:
            return refused.alert
        except InvalidTag:  # the share that was chosen is not that whose key is here
            return chosen


def put(**extensions):
    """They take the place of those with their names, or are behind them."""
    def change(hello):
        hello.extensions.update(extensions)
    return change


def use(**attributes):
    def change(hello):
        for name, value in attributes.items():
            setattr(hello, name, value)
    return change


def share_of(group, *listed, before=(), behind=()):
    """A share of this group, and these listed."""
    def change(hello):
        hello.group = group
        hello.key, hello.share = new_share(group)
        put(groups=groups(*(listed or (group,))),
            shares=shares(*before, (group, hello.share), *behind))(hello)
    return change


def twice(name):
    return lambda hello: put(again=hello.extensions[name] or server_name(b"localhost"))(hello)


GREASE = 0x8a8a
CA_NAME = bytes.fromhex("300d310b3009060355040a13024578")
RESPONDER = b"\xa1" + vector(1, CA_NAME)  # by its name
SMALL = bytes(32)  # a point of X25519 that gives zeros with every key
# Those that countersign answers, and a client gets in by.
OURS = {
    "the usual": put(), "no name": put(name=b""), "another name": put(name=server_name(b"else")),
    "a name in capitals": put(name=server_name(b"LOCALHOST")),
    "http/1.1": put(alpn=protocols(b"http/1.1")), "http/1.0": put(alpn=protocols(b"http/1.0")),
    "h2 and http/1.1": put(alpn=protocols(b"h2", b"http/1.1")),
    "both, the older first": put(alpn=protocols(b"http/1.0", b"http/1.1")),
    "P-256": share_of(P256), "P-256 of both": share_of(P256, X25519, P256),
    "P-384 in the list": put(groups=groups(P384, P256, X25519)),
    "a share of P-384 before": share_of(X25519, P384, X25519, before=[(P384, new_share(P384)[1])]),
    "shares of both": share_of(X25519, X25519, P256, behind=[(P256, new_share(P256)[1])]),
    "an unknown share before": share_of(X25519, GREASE, X25519, before=[(GREASE, b"\0")]),
    "AES-128 only": use(suites=(0x1301,)), "AES-256 only": use(suites=(0x1302,)),
    "ChaCha20 only": use(suites=(0x1303,)), "AES-256 first": use(suites=(0x1302, 0x1301, 0x1303)),
    "ChaCha20 first": use(suites=(0x1303, 0x1301, 0x1302)),
    "ChaCha20 first but for one unknown": use(suites=(GREASE, 0x1303, 0x1301)),
    "ChaCha20 first behind SCSVs": use(suites=(0x00ff, 0x5600, 0x1303, 0x1301)),
    "TLS 1.2's ChaCha20 only": use(suites=(0xcca9, 0x1302, 0x1301)),
    "TLS 1.2's ChaCha20 first": use(suites=(0xcca8, 0x1301, 0x1302, 0x1303)),
    "a suite of TLS 1.2 first": use(suites=(0xc02f, 0x1303, 0x1301)),
    "unknown suites and SCSVs": use(suites=(GREASE, 0x00ff, 0x1301, 0x5600)),
    "ECDSA only": put(schemes=schemes(0x403)),
    "unknown schemes": put(schemes=schemes(GREASE, 0x403)),
    "RSA first": put(schemes=schemes(0x804, 0x403)),
    "1.2 and older too": put(versions=versions(GREASE, 0x304, 0x303, 0x302)),
    "1.2 preferred": put(versions=versions(0x303, 0x304)),
    "no session": use(session=b""), "a short session": use(session=b"123"),
    "no modes of PSK": put(modes=b""), "padding": put(last=extension(21, bytes(300))),
    "an unknown extension": put(last=extension(GREASE, b"x")),
    "stapling": put(last=extension(5, b"\1\0\0\0\0")),
    "stapling of another kind": put(last=extension(5, b"\2x")),
    "schemes of certificates": put(last=extension(50, b"\0\2\4\3")),
    "more schemes of certificates": put(last=extension(50, vector(2, bytes.fromhex(
        "0403 0503 0603 0804 0805 0806 0809 080a 080b 0401 0501 0601 0402 0303 0301 0302 0203 0201"
        "0202")))),
    "a ticket wanted": put(last=extension(35, b"")),
    "extended master secret": put(last=extension(23, b"")),
    "point formats": put(last=extension(11, b"\1\0")),
    "renegotiation": put(last=extension(0xff01, b"\0")),
    "certificate transparency": put(last=extension(18, b"")),
    "compressed certificates": put(last=extension(27, b"\2\0\2")),
    "authentication later": put(last=extension(49, b"")),
}
# All others: OpenSSL deals with them, or the outcome is the same.
OTHERS = {
    "h2 only": put(alpn=protocols(b"h2")), "no protocol": put(alpn=protocols()),
    "an empty protocol": put(alpn=protocols(b"", b"http/1.1")),
    "an empty protocol behind": put(alpn=protocols(b"http/1.1", b"")),
    "octets behind the protocols": put(alpn=extension(16, b"\0\2\1ax")),
    "an empty extension of names": put(name=extension(0, b"")),
    "an empty list of names": put(name=extension(0, b"\0\0")),
    "an empty name": put(name=server_name(b"")),
    "two names": put(name=extension(0, vector(2, 2 * (b"\0" + vector(2, b"localhost"))))),
    "a name of another type": put(name=extension(0, vector(2, b"\1" + vector(2, b"localhost")))),
    "an octet behind the name": put(
        name=extension(0, vector(2, b"\0" + vector(2, b"localhost")) + b"x")),
    "a name with NUL": put(name=server_name(b"localhost\0")),
    "a name with a blank": put(name=server_name(b"local host")),
    "a name with a dot behind": put(name=server_name(b"localhost.")),
    "a long name": put(name=server_name(b"a" * 256)),
    "P-384 only": share_of(P384), "another group first": share_of(P384, P384, X25519),
    "unknown groups": put(groups=groups(GREASE), shares=shares((GREASE, b"x"))),
    "no share": put(shares=shares()), "an empty share": put(shares=shares((X25519, b""))),
    "no extension of shares": put(shares=b""), "no groups": put(groups=groups()),
    "no extension of groups": put(groups=b""),
    "half a group": put(groups=extension(10, b"\0\3\0\x1d\0")),
    "a share of no listed group": put(groups=groups(P256)),
    "the same share twice": share_of(X25519, before=[(X25519, new_share(X25519)[1])]),
    "a share of zeros": put(shares=shares((X25519, SMALL))),
    "a share of one": put(shares=shares((X25519, b"\1" + bytes(31)))),
    "a share too short": put(shares=shares((X25519, bytes(31)))),
    "a share too long": put(shares=shares((X25519, bytes(33)))),
    "a point off the curve": put(shares=shares((P256, b"\4" + bytes(63) + b"\1"))),
    "a compressed point": put(shares=shares((P256, b"\2" + new_share(P256)[1][1:33]))),
    "a hybrid point": put(shares=shares((P256, b"\6" + new_share(P256)[1][1:]))),
    "the point at infinity": put(shares=shares((P256, b"\0"))),
    "shares with an octet behind": put(shares=extension(51, vector(2, b"") + b"x")),
    "no suite": use(suites=()), "unknown suites": use(suites=(GREASE, 0x1304)),
    "RSA only": put(schemes=schemes(0x804, 0x805, 0x806)),
    "PKCS 1 only": put(schemes=schemes(0x401)),
    "no scheme": put(schemes=schemes()), "no extension of schemes": put(schemes=b""),
    "half a scheme": put(schemes=extension(13, b"\0\3\4\3\4")),
    "unknown versions": put(versions=versions(0x305)),
    "no version": put(versions=extension(43, b"\0")),
    "older versions": put(versions=versions(0x302, 0x301)),
    "half a version": put(versions=extension(43, b"\3\3\4\3")),
    "a draft": put(versions=versions(0x7f1c)),
    "version 1.3 in the old place": use(version=0x304), "1.1 in the old place": use(version=0x302),
    "compression": use(compression=b"\1\0"), "only compression": use(compression=b"\1"),
    "no compression method": use(compression=b""), "a long session": use(session=bytes(33)),
    **{f"{name} twice": twice(name)
       for name in ("name", "groups", "schemes", "versions", "shares")},
    "an unknown extension twice": put(a=extension(GREASE, b""), b=extension(GREASE, b"")),
    "half an extension": put(last=b"\0\x17\0"),
    "an extension that is too long": put(last=b"\0\x17\0\1"),
    "short records": put(last=extension(1, b"\1")),
    "records of no size": put(last=extension(1, b"\7")),
    "modes of PSK that are none": put(modes=extension(45, b"\0")),
    "modes of PSK too short": put(modes=extension(45, b"\2\1")),
    "early data": put(last=extension(42, b"")), "a cookie": put(last=extension(44, b"\0\1x")),
    "early data with an octet": put(last=extension(42, b"x")),
    "a cookie too short": put(last=extension(44, b"\0\2x")),
    "certificates by RSA only": put(last=extension(50, b"\0\4\4\1\x08\4")),
    "unknown schemes of certificates": put(last=extension(50, b"\0\2\x8a\x8a")),
    "no scheme of certificates": put(last=extension(50, b"\0\0")),
    "nothing about certificates": put(last=extension(50, b"")),
    "half a scheme of certificates": put(last=extension(50, b"\0\3\4\3\4")),
    "schemes of certificates too short": put(last=extension(50, b"\0\4\4\3")),
    "an octet behind schemes of certificates": put(last=extension(50, b"\0\2\4\3x")),
    "schemes of certificates twice": put(a=extension(50, b"\0\2\4\3"),
                                         b=extension(50, b"\0\2\4\3")),
    "CAs": put(last=extension(47, vector(2, vector(2, CA_NAME)))),
    "CAs that are none": put(last=extension(47, vector(2, vector(2, b"\x30\2xx")))),
    "CAs with an octet behind a name": put(last=extension(47, vector(2, vector(2, CA_NAME + b"x")))),
    "no CA": put(last=extension(47, b"\0\0")), "nothing about CAs": put(last=extension(47, b"")),
    "CAs too short": put(last=extension(47, b"\0\x20" + vector(2, CA_NAME))),
    "an octet behind CAs": put(last=extension(47, vector(2, vector(2, CA_NAME)) + b"x")),
    "media over TLS": put(last=extension(14, b"\0\2\0\1\0")),
    "media that is none": put(last=extension(14, b"")),
    "stapling by one who is none": put(last=extension(5, b"\1\0\3\0\1x\0\0")),
    "stapling by one": put(last=extension(5, b"\1" + vector(2, vector(2, RESPONDER)) + b"\0\0")),
    "stapling with an extension that is none": put(last=extension(5, b"\1\0\0\0\1x")),
    "stapling with an octet behind": put(last=extension(5, b"\1\0\0\0\0x")),
    "padding of something": put(last=extension(21, b"x" * 20)),
    "a mail's extension of certificates": put(last=extension(48, b"\0\0")),
    "a ticket": put(last=extension(41, b"\0\x0a\0\4abcd\0\0\0\0\0\x21\x20" + bytes(32))),
    "a ticket in the middle": put(
        shares=b"", ticket=extension(41, b"\0\0\0\0"), last=extension(23, b"")),
    "no point formats": put(last=extension(11, b"\0")),
    "point formats too short": put(last=extension(11, b"\2\0")),
    "renegotiation of something": put(last=extension(0xff01, b"\1x")),
    "limited records": put(last=extension(28, b"\0\x40")),
    "a share of no listed group before": share_of(
        X25519, X25519, before=[(P256, new_share(P256)[1])]),
    "stapling too short": put(last=extension(5, b"\1\0")),
    "stapling of nothing": put(last=extension(5, b"")),
    "authentication later with an octet": put(last=extension(49, b"x")),
}


@pytest.mark.parametrize("mode", ["require", "off"])
def test_client_hello(both, mode):
    """Either way the same is chosen and said, or the same alert comes."""
    with Differences(both(client={"mode": mode})) as both_ways:
        own, others = both_ways.proxies
        for what, change in OURS.items():
            seen = both_ways.same(what, talk, change)
            assert seen[0][1] == (200 if mode == "require" else 403), what
            assert own.is_own and not others.is_own, what
        for what, change in OTHERS.items():
            both_ways.same(what, talk, change)


# ---- The server's certificates, groups and names ----

SERVERS = {"server": True, "rsa-server": True, "p384-server": True, "ed25519-server": True,
           "ed448-server": True, "p521-server": False}
BY_ECDSA, BY_RSA = (put(schemes=schemes(*SCHEMES, 0x808), last=extension(50, vector(2, by)))
                    for by in (b"\4\3", b"\4\1"))


@pytest.mark.parametrize("also", [None, "rsa-server", "ed25519-server"])
@pytest.mark.parametrize("stem", SERVERS)
def test_servers_keys(both, pki, stem, also):
    """A client gets the certificate that it can use, the same one either way. With a key that
    countersign does not know how to sign with, OpenSSL does all."""
    if stem == also:
        pytest.skip("two of one kind are refused")
    ours = SERVERS[stem]
    def of(stem):
        return dict(zip(("certificate", "key"), pki.pair(stem)))
    tls = {**of(stem), **({"also": [of(also)]} if also else {})}
    with Differences(both(tls=tls)) as both_ways:
        own = both_ways.proxies[0]
        for listed in ((0x403,), (0x804,), (0x503,), (0x603,), (0x807,), (0x808,), (0x804, 0x403),
                       (0x403, 0x804), (0x805,), (0x401, 0x403), (0x804, 0x807), (0x807, 0x808),
                       (0x503, 0x804, 0x807, 0x403)):
            seen = both_ways.same(listed, talk, put(schemes=schemes(*listed)))
            if seen[0] != 40:
                assert seen[0][1] == 200
                assert int(seen[0][0][4], 16) in listed
                assert own.is_own == (ours and listed != (0x805,))
        assert both_ways.same("by ECDSA", talk, BY_ECDSA)[0][1] == 200 and own.is_own == ours
        assert both_ways.same("by RSA", talk, BY_RSA)[0] == 40


@pytest.mark.parametrize("tuning", [{"groups": ["P-256"]}, {"groups": ["X25519"]},
                                    {"groups": ["P-384", "P-256"]}, {"aes_128_first": False},
                                    {"own_bio": False}, {"own_records": False},
                                    {"fixed_chain": False}, {"narrow_crypto": False},
                                    {"remember_certificates_max": 0},
                                    {"remember_certificates_max": 1, "remember_chains_max": 1}],
                         ids=str)
def test_tuned(both, tuning):
    with Differences(both(tuning=tuning)) as both_ways:
        for what in ("the usual", "P-256", "P-256 of both", "AES-256 first", "ChaCha20 first"):
            both_ways.same(what, talk, OURS[what])
        for what in ("P-384 only", "another group first", "no share"):
            both_ways.same(what, talk, OTHERS[what])
        for pair in ("chain", "bob", "rsa", "withdrawn", "chain"):
            assert both_ways.same(pair, talk, put(), "alice")[0][1] == 200
            both_ways.same(pair, knock, pair, VERSIONS["1.3"])


def test_names(make_proxy, pki):
    """Each name has its own certificate and rules; others are refused."""
    pki.server("one", "one.example")
    pki.server("two", "*.two.example")
    proxies = []
    for own in (True, False):
        proxy = make_proxy({"tuning": {"own_handshake": own}})
        listener = proxy.config["listeners"][0]
        listener["unknown_name"] = "refuse"
        listener["names"] = [
            {"names": [name], **dict(zip(("certificate", "key"), pki.pair(stem))),
             "client": {"ca": str(pki.dir / "ca.crt"), "mode": mode, "on_failure": failure}}
            for name, stem, mode, failure in (
                ("one.example", "one", "require", "refuse"),
                ("*.two.example", "two", "optional", "answer"))]
        proxy.write_config()
        proxies.append(proxy.start())
    with Differences(proxies) as both_ways:
        for name in (b"one.example", b"ONE.example", b"a.two.example", b"a.b.two.example",
                     b"two.example", b"three.example", b"one.example.", None):
            for pair in ("alice", None, "expired"):
                both_ways.same((name, pair), talk, put(name=server_name(name) if name else b""), pair)
        assert both_ways.same("", talk, put(name=server_name(b"one.example")))[0][0][4] == "0403"
        assert both_ways.same("", talk, put(name=server_name(b"one.example")), None)[0] == 116
        assert both_ways.same("", talk, put(name=server_name(b"three.example")))[0] == 112


# ---- While something changes ----

@pytest.fixture
def changing(make_proxy, tmp_path):
    """A running proxy whose CA's file may change, and change(what): does it, and waits for it."""
    directory = tmp_path / "own-pki"
    directory.mkdir()
    p = Pki(directory)
    p.write("clients.crt", cert_pem(p.ca.cert))
    p.write("deny", b"")
    proxy = make_proxy({"tuning": OWN, "lockout": {"enabled": False},
                        "revocation": {"deny": str(directory / "deny")}}, pki=p)
    proxy.config["listeners"][0]["client"]["ca"] = str(directory / "clients.crt")
    proxy.write_config()
    proxy.start()

    def change(what):
        before = proxy.metric("countersign_reloads_total")
        what()
        wait_until(lambda: proxy.metric("countersign_reloads_total") > before)
    return proxy, p, change


def raw_status(proxy, p, pair="alice"):
    with RawHandshake(proxy.port, p, pair) as client:
        client.shake()
        assert client.flights == 1
        client.send(client.out.seal(22, b"".join(client.answer()))
                    + client.out_then.seal(23, GET))
        return client.status()


def test_ca_replaced_while_certificates_are_remembered(changing, upstream):
    """What is remembered is how they read, not that they are good."""
    proxy, p, change = changing
    assert [raw_status(proxy, p) for _ in range(3)] == [200] * 3
    change(lambda: p.write("clients.crt", cert_pem(Authority().cert)))
    assert [raw_status(proxy, p) for _ in range(3)] == [400] * 3
    change(lambda: p.write("clients.crt", cert_pem(p.ca.cert)))
    assert [raw_status(proxy, p) for _ in range(3)] == [200] * 3


def half_done(proxy, p):
    """Two clients: one has the server's flight, of one the ClientHello came in part."""
    clients = [RawHandshake(proxy.port, p, "alice") for _ in range(2)]
    clients[0].shake()
    clients[1].transcript = clients[1].hello.octets()
    hello = record(22, clients[1].transcript, 0x301)
    clients[1].send(hello[:60])

    def finish():
        clients[1].send(hello[60:])
        clients[1].take_hello()
        clients[1].take_flight()
        for client in clients:
            client.send(client.out.seal(22, b"".join(client.answer()))
                        + client.out_then.seal(23, GET))
        return [client.status() for client in clients]
    return finish


def test_half_done_while_it_changes(changing, upstream):
    """A handshake that began before a reload ends with what it began with, and its request is
    judged by what is there then."""
    proxy, p, change = changing
    finish = half_done(proxy, p)
    change(proxy.reload)
    assert finish() == [200, 200]
    finish = half_done(proxy, p)
    change(lambda: p.write("clients.crt", cert_pem(Authority().cert)))
    assert finish() == [400, 400]
    assert raw_status(proxy, p) == 400


def test_withdrawn_in_the_middle_and_in_an_open_connection(changing, upstream):
    proxy, p, _ = changing
    open_one, half = (RawHandshake(proxy.port, p, "alice") for _ in range(2))
    assert open_one.all(GET).body() == b"ok\n"
    half.shake()
    done = proxy.run("cert", "withdraw", "--certificate", str(p.dir / "alice.crt"), "-c",
                     str(proxy.config_path))
    assert done.returncode == 0, done.stderr
    assert open_one.ending()[1] == b""
    half.send(half.out.seal(22, b"".join(half.answer())) + half.out_then.seal(23, GET))
    assert half.status() == 400
    assert raw_status(proxy, p, "bob") == 403
    for client in (open_one, half):
        client.close()


# ---- Clients that people use ----

@pytest.mark.parametrize("listed, seen", [("X25519:P-256", "X25519"), ("P-256", "P-256"),
                                          ("P-384:P-256", "P-256"), ("P-521:X25519", "X25519"),
                                          ("P-384", None)])
def test_s_client_groups(make_proxy, pki, listed, seen):
    """Where the first share is of no group that is taken, it is asked for another
    (HelloRetryRequest), and that is OpenSSL's part."""
    proxy = make_proxy({"tuning": OWN}).start()
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{proxy.port}", "-groups", listed, "-cert",
         pki.pair("alice")[0], "-key", pki.pair("alice")[1], "-ign_eof", "-tls1_3"],
        input=GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), capture_output=True,
        timeout=60, check=False)
    assert (b"HTTP/1.1 200 OK" in done.stdout) == (seen is not None), done.stdout[-2000:]


class Relay:
    """Passes one connection on to a port; said: what the server said."""

    def __init__(self, port):
        self.said = b""
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.run, args=(port,), daemon=True)
        self.thread.start()

    def run(self, port):
        client, _ = self.listener.accept()
        with client, socket.create_connection(("127.0.0.1", port)) as server:
            up = threading.Thread(target=self.move, args=(client, server))
            up.start()
            self.said = self.move(server, client)
            up.join()

    @staticmethod
    def move(come, go):
        """All of it, until its end."""
        moved = b""
        try:
            while piece := come.recv(65536):
                moved += piece
                go.sendall(piece)
            go.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        return moved

    def first_protected(self):
        """How long the first record behind ServerHello is: countersign has its whole flight in it,
        OpenSSL a message that is next to nothing."""
        self.thread.join()
        self.listener.close()
        rest = self.said
        while rest[0] != 23:
            rest = rest[5 + int.from_bytes(rest[3:5], "big"):]
        return int.from_bytes(rest[3:5], "big")


def test_java(both, pki, tmp_path, upstream):
    """It says what certificates may be signed with."""
    sizes, proxies = [], both()
    options = java_options(proxies[0], tmp_path, "PKCS12")
    (tmp_path / "Half.java").write_text(JAVA_HALF)
    for proxy in proxies:
        relay = Relay(proxy.port)
        request = f"GET / HTTP/1.1|Host: localhost|Authorization: {basic(ALICE, PASSWORD)}||"
        done = subprocess.run(
            ["java", *(f"-D{k}={v}" for k, v in options.items()), "Half.java", str(relay.port),
             request], cwd=tmp_path, capture_output=True, timeout=60, check=False)
        assert done.stdout.endswith(b"\r\n\r\nok\n"), done
        sizes.append(relay.first_protected())
    assert sizes[0] > 600 and sizes[1] < 100


def test_reloaded(make_proxy, pki):
    """Decoded certificates stay over reloads, which change how many may; who is let in does not."""
    proxy = make_proxy({"tuning": OWN, "lockout": {"enabled": False}}).start()
    pairs = ("alice", "chain", "bob", "expired", "unknown", "rsa", "p384", "alice")
    with RawHandshake(proxy.port, pki, "alice") as client:
        client.all(GET)
        assert client.body() == b"ok\n"
        for tuning in ({}, {"remember_certificates_max": 65536}, {"remember_certificates_max": 1},
                       {}, {"own_handshake": False}, {"remember_certificates_max": 0}, OWN):
            proxy.config["tuning"] = tuning
            proxy.write_config()
            assert proxy.reload().returncode == 0
            for pair in pairs:
                seen = dict(logged(proxy, knock, pair, VERSIONS["1.3"])[1:])
                assert seen["auth.reason"] == CLIENTS[pair], (tuning, pair)
            client.send(client.out.seal(23, GET))  # by the sites of the beginning
            assert client.body() == b"ok\n"


def test_an_open_connection(make_proxy, pki):
    """Kept alive, requests in one piece, 1 MiB both ways, new keys, idle."""
    def reflect(request, _):
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(request.body) + request.body
    upstream = Upstream(answer=reflect)
    proxy = make_proxy({"tuning": OWN}, address=upstream.address).start()
    much = os.urandom(1 << 20)
    post = GET.replace(b"GET", b"POST").replace(b"\r\n\r\n", b"\r\nContent-Length: %d\r\n\r\n")
    with RawHandshake(proxy.port, pki, "alice") as client:
        client.all(post % 3 + b"abc" + post % 3 + b"def")
        assert client.body() == b"abc" and client.body() == b"def"
        for turn in range(3):
            octets = post % len(much) + much
            for at in range(0, len(octets), 16000):
                client.send(client.out.seal(23, octets[at:at + 16000]))
            assert client.body() == much
            client.send(client.out.seal(22, b"\x18\0\0\1" + bytes([turn % 2])))
            client.out.next()
        wait_until(lambda: proxy.metric("countersign_tls_handshakes_active") == 0)
        client.send(client.out.seal(23, post % 1 + b"x"))
        assert client.body() == b"x"
    upstream.close()
