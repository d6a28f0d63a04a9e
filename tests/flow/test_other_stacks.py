"""Clients whose TLS is not OpenSSL's, GnuTLS and NSS, against the handshake of TLS 1.3 that is
countersign's own (tuning.own_handshake) and OpenSSL's: they get in, come again, and change keys."""
import shutil
import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from pki import Pki
from proxy import LIMIT_S, basic, wait_until

ALICE, PASSWORD = "alice@example.com", "wonder land"
GET = (f"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: {basic(ALICE, PASSWORD)}\r\n"
       "Connection: close\r\n\r\n").encode()
KEYS = {"p256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
        "rsa": lambda: rsa.generate_private_key(65537, 2048),
        "ed25519": ed25519.Ed25519PrivateKey.generate, "ed448": ed448.Ed448PrivateKey.generate}
RESUMED = "countersign_tls_handshakes_resumed_total"
WAYS = pytest.mark.parametrize("way", [True, False], ids=["own", "openssl's"])


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    p = Pki(tmp_path_factory.mktemp("pki"))
    for kind, make in KEYS.items():
        p.client(kind, p.subject(ALICE), key=make())
    return p


@pytest.fixture
def make(make_proxy):
    def made(way, **changes):
        return make_proxy({"tuning": {"own_handshake": way}, **changes}).start()
    return made


def run(*command, stdin=b""):
    return subprocess.run([str(c) for c in command], input=stdin, capture_output=True,
                          timeout=2 * LIMIT_S, check=False)


def entered(proxy, done, times=1):
    """What the client printed; it got the answer that alice alone gets, so many times."""
    assert done.stdout.count(b"HTTP/1.1 200 OK") == times, done.stdout[-3000:] + done.stderr[-1000:]
    wait_until(lambda: [r.get("auth.reason") for r in proxy.access()].count("ok") >= times)
    return done.stdout + done.stderr


# ---- GnuTLS ----

@pytest.fixture
def gnutls(pki):
    if not shutil.which("gnutls-cli"):
        pytest.skip("not installed: gnutls-cli (package gnutls-bin)")

    def visit(proxy, pair, *options, stdin=GET):
        certificate, key = pki.pair(pair)
        return run("gnutls-cli", "--port", proxy.port, "--x509cafile", pki.dir / "ca.crt",
                   "--x509certfile", certificate, "--x509keyfile", key, "--sni-hostname",
                   "localhost", "--verify-hostname", "localhost", *options, "127.0.0.1",
                   stdin=stdin)
    return visit


@WAYS
def test_gnutls_keys(make, gnutls, way):
    proxy = make(way)
    for times, pair in enumerate(KEYS, 1):
        entered(proxy, gnutls(proxy, pair))
        wait_until(lambda: len(proxy.access()) == times)
    assert {r["tls.protocol.version"] for r in proxy.access()} == {"TLSv1.3"}


@WAYS
@pytest.mark.parametrize("priority, seen", [
    ("-GROUP-ALL:+GROUP-SECP256R1", b"(ECDHE-SECP256R1)"),
    ("-GROUP-ALL:+GROUP-X25519", b"(ECDHE-X25519)"),
    ("-GROUP-ALL:+GROUP-SECP384R1:+GROUP-X25519", b"(ECDHE-X25519)"),
    ("-CIPHER-ALL:+CHACHA20-POLY1305", b"(CHACHA20-POLY1305)"),
    ("-CIPHER-ALL:+AES-256-GCM", b"(AES-256-GCM)"), ("%DISABLE_TLS13_COMPAT_MODE", b"(TLS1.3"),
])
def test_gnutls_priorities(make, gnutls, way, priority, seen):
    proxy = make(way)
    options = ("--priority", f"NORMAL:-VERS-ALL:+VERS-TLS1.3:{priority}")
    assert seen in entered(proxy, gnutls(proxy, "p256", *options))


@WAYS
def test_gnutls_comes_again(make, gnutls, way):
    proxy = make(way, resumption={"enabled": True})
    for pair in ("p256", "rsa", "ed25519"):
        assert b"This is a resumed session" in entered(
            proxy, gnutls(proxy, pair, "--resume", "--waitresumption"))
    assert proxy.metric(RESUMED) == 3


@WAYS
def test_gnutls_changes_keys(make, gnutls, way):
    proxy = make(way)
    for command in (b"^rekey^\n", b"^rekey1^\n"):  # its own; the proxy's too
        assert b"Rekey was completed" in entered(
            proxy, gnutls(proxy, "p256", "--inline-commands", stdin=command + GET))


# ---- NSS ----

@pytest.fixture
def nss(pki, tmp_path):
    for program in ("tstclnt", "certutil", "pk12util"):
        if not shutil.which(program):
            pytest.skip(f"not installed: {program} (package libnss3-tools)")
    store = tmp_path / "nss"
    store.mkdir()
    (tmp_path / "request").write_bytes(GET)

    def must(*command):
        done = run(*command)
        assert done.returncode == 0, done.stdout + done.stderr

    must("certutil", "-N", "-d", f"sql:{store}", "--empty-password")
    must("certutil", "-A", "-d", f"sql:{store}", "-n", "ca", "-t", "CT,C,C", "-i",
         pki.dir / "ca.crt")

    def visit(proxy, pair, *options):
        certificate, key = pki.pair(pair)
        must("openssl", "pkcs12", "-export", "-in", certificate, "-inkey", key, "-name", pair,
             "-out", tmp_path / "p12", "-passout", "pass:secret")
        must("pk12util", "-i", tmp_path / "p12", "-d", f"sql:{store}", "-W", "secret", "-K", "")
        return run("tstclnt", "-4", "-h", "localhost", "-p", proxy.port, "-d", f"sql:{store}", "-V",
                   "tls1.3:tls1.3", "-f", "-n", pair, "-A", tmp_path / "request", *options)
    return visit


@WAYS
@pytest.mark.parametrize("pair", ["p256", "p384", "p521", "rsa"])
def test_nss_keys(make, nss, way, pair):
    proxy = make(way)
    entered(proxy, nss(proxy, pair))


@WAYS
@pytest.mark.parametrize("options", [
    ("-I", "P256"), ("-I", "x25519"), ("-I", "P384,P256"), ("-c", ":1301"), ("-c", ":1302"),
    ("-c", ":1303"), ("-E",), ("-B",), ("-T", "-U"), ("-i", "100"),
], ids=" ".join)
def test_nss_options(make, nss, way, options):
    proxy = make(way)
    entered(proxy, nss(proxy, "p256", *options))


@WAYS
def test_nss_comes_again(make, nss, way):
    proxy = make(way, resumption={"enabled": True})
    entered(proxy, nss(proxy, "p256", "-u", "-L", "3"), times=3)
    assert proxy.metric(RESUMED) == 2
