"""A root on a machine of its own, issuing CAs below it, and CAs made elsewhere that are taken over."""
import datetime
import os
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from softhsm import PIN, Token
from test_ca import ALICE, request, run, set_up
from test_ca_keys import into_token, secret

NOW = datetime.datetime.utcnow()
DAY = datetime.timedelta(days=1)


# ---- CAs made elsewhere ----

def new_key():
    return ec.generate_private_key(ec.SECP256R1())


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


USAGE = {"digital_signature": False, "content_commitment": False, "key_encipherment": False,
         "data_encipherment": False, "key_agreement": False, "key_cert_sign": True,
         "crl_sign": True, "encipher_only": False, "decipher_only": False}


def tlv(tag, octets):
    n = len(octets)
    long = n.to_bytes((n.bit_length() + 7) // 8, "big")
    return bytes([tag]) + (long if n < 128 else bytes([0x80 + len(long)]) + long) + octets


ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
ECDSA_SHA1 = bytes.fromhex("300906072a8648ce3d0401")


def sign_with_sha1(made, key):
    """The same certificate with a good signature over SHA-1, which later versions of cryptography
    make only of octets."""
    body = made.tbs_certificate_bytes
    head = 2 + (body[1] & 0x7f if body[1] & 0x80 else 0)
    body = tlv(0x30, body[head:].replace(ECDSA_SHA256, ECDSA_SHA1))
    signature = key.sign(body, ec.ECDSA(hashes.SHA1()))
    return x509.load_der_x509_certificate(tlv(0x30, body + ECDSA_SHA1 + tlv(3, b"\0" + signature)))


def certificate(subject, key, issuer=None, issuer_key=None, days=(-1, 300), ca=True, path=None,
                usage=USAGE, sha1=False, extensions=()):
    """A CA's certificate as others make it; without issuer signed by itself."""
    b = (x509.CertificateBuilder().subject_name(name(subject))
         .issuer_name(issuer.subject if issuer else name(subject)).public_key(key.public_key())
         .serial_number(x509.random_serial_number()).not_valid_before(NOW + days[0] * DAY)
         .not_valid_after(NOW + days[1] * DAY))
    if ca is not None:
        b = b.add_extension(x509.BasicConstraints(ca, path), True)
    if usage:
        b = b.add_extension(x509.KeyUsage(**usage), True)
    for e in extensions:
        b = b.add_extension(e, True)
    made = b.sign(issuer_key or key, hashes.SHA256())
    return sign_with_sha1(made, issuer_key or key) if sha1 else made


def pem(*certificates):
    return b"".join(c.public_bytes(serialization.Encoding.PEM) for c in certificates)


def write_key(path, key, passphrase=None, mode=0o600):
    how = (serialization.BestAvailableEncryption(passphrase) if passphrase
           else serialization.NoEncryption())
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM,
                                       serialization.PrivateFormat.PKCS8, how))
    path.chmod(mode)
    return path


def issue_one(directory, user=ALICE, status=0, **ca):
    """A certificate for a user of the CA in directory/ca, verified from its root on."""
    set_up(directory, **ca)
    id = run("request", "file", "-c", directory / "c.yaml", "-p", "auto", "-u", user,
             request(directory, f"/O=Acme Ltd/CN={user}")).stdout.strip()
    done = run("ca", "issue", "-c", directory / "c.yaml", status=status)
    if status == 0:
        (directory / "a.crt").unlink(missing_ok=True)
        run("request", "fetch", "-c", directory / "c.yaml", "-w", directory / "a.crt", id)
        verify(directory)
    return done


def verify(directory, status=0, *options):
    done = subprocess.run(["openssl", "verify", "-purpose", "sslclient", *options, "-CAfile",
                           directory / "ca/root.crt", "-untrusted", directory / "ca/issuing.crt",
                           directory / "a.crt"], capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stderr


# ---- A root of its own ----

@pytest.fixture
def root(tmp_path):
    run("ca", "init", "--root-only", tmp_path / "root", "--name", "Example")
    return tmp_path / "root"


def test_wrong_usage(tmp_path):
    for arguments in (["init"], ["init", "--root-only", "--issuing-only", "x"], ["certify", "x"],
                      ["accept", "x"], ["import", "x"], ["init", "--key", "pkcs11:token=a", "x"],
                      ["crl"], ["init", "--days", "0", "x"]):
        run("ca", *arguments, status=2, cwd=tmp_path)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("arguments, status, words", [
    (["init", "--days", "9999"], 1, "9999 days are more than the CA above has left: 7300 at most"),
    (["init", "--days", "101", "--root-days", "100"], 1, "100 at most"),
    (["init", "--root-only", "--days", "400"], 2, "--root-days"),
    (["init", "--issuing-only", "--days", "400"], 2, "--days of countersign ca certify"),
    (["init", "--issuing-only", "--root-days", "400"], 2, "--days of countersign ca certify"),
])
def test_days_that_cannot_be_had(tmp_path, arguments, status, words):
    """They are refused, not cut in silence; nothing is made."""
    done = run("ca", *arguments, tmp_path / "x", status=status)
    assert words in done.stderr and not list(tmp_path.glob("x/*"))


def life_days(path):
    one = x509.load_pem_x509_certificate(path.read_bytes())
    return (one.not_valid_after - one.not_valid_before).days


def test_days(root, tmp_path):
    """As asked, up to the root's last day; unasked, no longer than the root."""
    for options, days in [(["--days", "100", "--root-days", "100"], 100), (["--days", "99"], 99),
                          (["--root-days", "50"], 50)]:
        where = tmp_path / f"ca{days}"
        run("ca", "init", *options, where)
        assert life_days(where / "issuing.crt") in (days, days - 1), options
    run("ca", "init", "--issuing-only", tmp_path / "next")
    csr = tmp_path / "next/issuing.csr"
    done = run("ca", "certify", root, csr, "--days", "7302", "--write", tmp_path / "no.crt",
               status=1)
    assert "at most" in done.stderr and not (tmp_path / "no.crt").exists()
    run("ca", "certify", root, csr, "--days", "7000", "--write", tmp_path / "yes.crt")
    assert life_days(tmp_path / "yes.crt") in (7000, 6999)


def bad_request(path, what, root):
    key = rsa.generate_private_key(65537, 1024) if what == "weak" else new_key()
    if what == "own key":
        key = serialization.load_pem_private_key((root / "root.key").read_bytes(), None)
    subject = {"no name": x509.Name([]), "name": name("Example Root")}.get(what, name("Issuing"))
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    der = bytearray(made.public_bytes(serialization.Encoding.DER))
    if what == "changed":
        der[40] ^= 1
    path.write_bytes(b"x" * 20000 if what == "long" else bytes(der))


@pytest.mark.parametrize("what, words", [
    ("weak", "too weak"), ("own key", "key of the root"), ("name", "name of the root"),
    ("no name", "must name a common name"), ("changed", "request"), ("long", "req.csr"),
])
def test_requests_refused(root, tmp_path, what, words):
    bad_request(tmp_path / "req.csr", what, root)
    done = run("ca", "certify", root, tmp_path / "req.csr", status=1)
    assert words in done.stderr and done.stdout == ""


ROOTS = {  # as certificate() takes it
    "expired": ({"days": (-9, -1)}, "expired"),
    "no CA": ({"ca": False}, "CA:TRUE"),
    "no room": ({"path": 0}, "no CA below it"),
    "no keyCertSign": ({"usage": {**USAGE, "key_cert_sign": False}}, "keyCertSign"),
}


@pytest.mark.parametrize("what", [*ROOTS, "issuing", "key", "mode"])
def test_roots_refused(root, tmp_path, what):
    run("ca", "init", "--issuing-only", tmp_path / "ca")
    key, words = new_key(), {"issuing": "not signed by itself", "key": "belong to this key",
                             "mode": "chmod 0600"}.get(what)
    if what in ROOTS:
        changes, words = ROOTS[what]
        (root / "root.crt").write_bytes(pem(certificate("Root", key, **changes)))
        write_key(root / "root.key", key)
    elif what == "issuing":
        own = new_key()
        (root / "root.crt").write_bytes(pem(certificate("Sub", own, certificate("Root", key), key)))
        write_key(root / "root.key", own)
    elif what == "key":
        write_key(root / "root.key", key)
    else:
        (root / "root.key").chmod(0o644)
    done = run("ca", "certify", root, tmp_path / "ca/issuing.csr", status=1)
    assert words in done.stderr and done.stdout == "", done.stderr


def certify(root, directory, out, *options):
    return run("ca", "certify", root, directory / "issuing.csr", "--write", out, *options)


@pytest.mark.parametrize("what, words", [
    ("client", "CA:TRUE"), ("other key", "does not belong to this key"), ("path", "pathlen:0"),
    ("usage", "keyUsage"), ("SHA-1", "SHA-1"), ("expired", "expired"), ("alone", "without the root"),
    ("longer", "longer than its issuer"), ("other root", "another root"), ("text", "no certificate"),
])
def test_what_comes_back_is_refused(root, tmp_path, what, words):
    where = tmp_path / "ca"
    run("ca", "init", "--issuing-only", where)
    key = serialization.load_pem_private_key((where / "issuing.key").read_bytes(), None)
    root_key, changes = new_key(), {"path": 0}
    other = certificate("Root", root_key)
    changes.update({"client": {"ca": False, "path": None}, "path": {"path": None},
                    "usage": {"usage": None}, "expired": {"days": (-9, -1)},
                    "longer": {"days": (-1, 301)}, "SHA-1": {"sha1": True}}
                   .get(what, {}))
    made = certificate("Sub", new_key() if what == "other key" else key, other, root_key, **changes)
    (tmp_path / "back.crt").write_bytes(
        b"text" if what == "text" else pem(made) if what == "alone" else pem(made, other))
    if what == "other root":
        (where / "root.crt").write_bytes((root / "root.crt").read_bytes())
    done = run("ca", "accept", where, tmp_path / "back.crt", status=1)
    assert words in done.stderr, done.stderr
    assert not (where / "issuing.crt").exists()


def test_nothing_is_written_over(root, tmp_path):
    where = tmp_path / "ca"
    run("ca", "init", "--issuing-only", where)
    done = certify(root, where, tmp_path / "back.crt")
    run("ca", "accept", where, tmp_path / "back.crt")
    before = {p: p.read_bytes() for d in (root, where) for p in d.iterdir()}
    for again in (["init", "--root-only", root], ["init", "--issuing-only", where],
                  ["accept", where, tmp_path / "back.crt"], ["init", root], ["init", where],
                  ["certify", root, where / "issuing.csr", "--write", tmp_path / "back.crt"],
                  ["import", "--certificate", where / "issuing.crt", "--key",
                   where / "issuing.key", where]):
        assert "back.crt" in str(again[-1]) or "there already" in run("ca", *again, status=1).stderr
    run("ca", "certify", root, where / "issuing.csr", "--write", tmp_path / "back.crt", status=1)
    assert {p: p.read_bytes() for d in (root, where) for p in d.iterdir()} == before
    print_of = run("ca", "init", "--issuing-only", tmp_path / "third").stdout.split()[-1]
    assert print_of in certify(root, tmp_path / "third", tmp_path / "third.crt").stderr
    assert print_of not in done.stderr


@pytest.mark.parametrize("root_kind, kind", [
    ("p256", "p384"), ("p384", "ed25519"), ("ed25519", "rsa2048"), ("rsa3072", "p256"),
    ("rsa4096", "rsa3072"), ("rsa2048", "rsa4096"),
])
def test_kinds_of_keys(tmp_path, root_kind, kind):
    """All with passphrases, from files that only their owner reads."""
    off, on = secret(tmp_path, "off.pass", "root secret\n"), secret(tmp_path, "on.pass", "other\n")
    root, where = tmp_path / "root", tmp_path / "ca"
    run("ca", "init", "--root-only", root, "--key", root_kind, "--passphrase-file", off,
        cwd=tmp_path)
    run("ca", "init", "--issuing-only", where, "--key", kind, "--passphrase-file", on, cwd=tmp_path)
    for path in (root / "root.key", where / "issuing.key"):
        assert "ENCRYPTED" in path.read_text() and path.stat().st_mode & 0o777 == 0o600
    wrong = ["certify", root, where / "issuing.csr", "--passphrase-file", on]
    assert "not the right one" in run("ca", *wrong, status=1, cwd=tmp_path).stderr
    certify(root, where, tmp_path / "back.crt", "--passphrase-file", tmp_path / off)
    run("ca", "accept", where, tmp_path / "back.crt", input="wrong\n", status=1)
    run("ca", "accept", where, tmp_path / "back.crt", input="other\n")
    issue_one(tmp_path, key_passphrase_file=on)


def test_issuing_ca_withdrawn(root, tmp_path):
    """The root takes back what it has certified; others it cannot."""
    where, second = tmp_path / "ca", tmp_path / "second"
    for d in (where, second):
        run("ca", "init", "--issuing-only", d, "--name", d.name)
        certify(root, d, tmp_path / f"{d.name}.crt")
        run("ca", "accept", d, tmp_path / f"{d.name}.crt")
    issue_one(tmp_path)
    run("ca", "init", tmp_path / "foreign")
    for arguments, words in [
        (["--withdraw", tmp_path / "foreign/issuing.crt"], "has not certified that"),
        (["--withdraw", root / "root.crt"], "has not certified that"),
        (["--withdraw", where / "issuing.crt", "--reason", "hunger"], "is no reason"),
    ]:
        assert words in run("ca", "crl", root, *arguments, status=1).stderr
        assert not (root / "root.crl").exists()
    run("ca", "crl", root)
    leaf_list = ["-crl_check_all", "-CRLfile", root / "root.crl", "-CRLfile", tmp_path / "own.crl"]
    set_up(tmp_path)
    subprocess.run(["openssl", "ca", "-gencrl", "-keyfile", where / "issuing.key", "-cert",
                    where / "issuing.crt", "-out", tmp_path / "own.crl", "-crldays", "3",
                    "-config", write_ca_config(tmp_path)], check=True, capture_output=True)
    verify(tmp_path, 0, *leaf_list)
    run("ca", "crl", root, "--withdraw", where / "issuing.crt", "--reason", "cACompromise")
    assert "certificate revoked" in verify(tmp_path, 2, *leaf_list)
    again = run("ca", "crl", root, "--withdraw", where / "issuing.crt", status=1)
    assert "withdrawn already" in again.stderr
    run("ca", "crl", root, "--withdraw", second / "issuing.crt", "--days", "30")
    crl = x509.load_pem_x509_crl((root / "root.crl").read_bytes())
    assert len(crl) == 2
    assert crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 3
    reasons = {e.extensions.get_extension_for_class(x509.CRLReason).value.reason.value
               for e in crl if len(e.extensions)}
    assert reasons == {"cACompromise"}
    (root / "root.crl").write_bytes(subprocess.run(
        ["openssl", "crl", "-in", tmp_path / "own.crl"], capture_output=True, check=True).stdout)
    assert "not signed by this root" in run("ca", "crl", root, status=1).stderr


def write_ca_config(directory):
    (directory / "index.txt").write_text("")
    (directory / "openssl.cnf").write_text(
        f"[ca]\ndefault_ca=d\n[d]\ndatabase={directory}/index.txt\ndefault_md=sha256\n")
    return directory / "openssl.cnf"


@pytest.mark.parametrize("kind", ["p256", "rsa2048"])
def test_keys_in_a_token(tmp_path, kind):
    """Root and issuing CA with keys that were made in a token."""
    token = Token(tmp_path)
    environment = {**os.environ, **token.environment}
    for label, number in (("root", "11"), ("issuing", "12")):
        type_ = {"p256": "EC:prime256v1", "rsa2048": "rsa:2048"}[kind]
        subprocess.run(["pkcs11-tool", "--module", token.module, "--token-label", "web", "--login",
                        "--pin", PIN, "--keypairgen", "--key-type", type_, "--label", label, "--id",
                        number], check=True, capture_output=True, env=environment)
    pin = secret(tmp_path, "pin", PIN + "\n")

    def do(*arguments, status=0):
        done = run("ca", *arguments, "--passphrase-file", pin, status=status, cwd=tmp_path,
                   env=environment)
        assert PIN not in done.stdout + done.stderr
        return done

    assert "no such key" in do("init", "--root-only", "root", "--key", token.uri("none"),
                               status=1).stderr
    do("init", "--root-only", "root", "--key", token.uri("root"))
    do("init", "--issuing-only", "ca", "--key", token.uri("issuing"))
    do("certify", "root", "ca/issuing.csr", "--key", token.uri("root"), "--write", "back.crt")
    assert "pathlen:0" in do("accept", "ca", "back.crt", "--key", token.uri("root"),
                             status=1).stderr
    do("accept", "ca", "back.crt", "--key", token.uri("issuing"))
    do("crl", "root", "--key", token.uri("root"))
    assert sorted(p.name for p in (tmp_path / "ca").iterdir()) == ["issuing.crt", "issuing.csr",
                                                                   "root.crt"]
    os.environ.update(token.environment)
    try:
        issue_one(tmp_path, key=token.uri("issuing"), key_passphrase_file=pin)
    finally:
        for key in token.environment:
            del os.environ[key]


# ---- Taken over ----

def foreign(directory, root_changes=None, passphrase=None, mode=0o600, other_key=False, **changes):
    """An issuing CA of another's root: a file of both certificates, the root first, and a key."""
    root_key, key = new_key(), changes.pop("key", None) or new_key()
    top = certificate("Old Root", root_key, **(root_changes or {}))
    own = certificate("Old CA", key, top, root_key, **changes)
    (directory / "old.crt").write_bytes(pem(top, own))
    write_key(directory / "old.key", new_key() if other_key else key, passphrase, mode)
    return own, top, key


def take(directory, *options, status=0, **kw):
    return run("ca", "import", "--certificate", directory / "old.crt", "--key",
               directory / "old.key", directory / "ca", *options, status=status, **kw)


@pytest.mark.parametrize("changes, words", [
    ({"ca": False}, "CA:TRUE"), ({"ca": None}, "CA:TRUE"),
    ({"usage": {**USAGE, "crl_sign": False}}, "cRLSign"),
    ({"usage": {**USAGE, "key_cert_sign": False}}, "keyCertSign"),
    ({"days": (-9, -1)}, "it has expired"), ({"days": (1, 9)}, "not good yet"),
    ({"days": (-1, 301)}, "longer than its issuer"), ({"sha1": True}, "SHA-1"),
    ({"key": rsa.generate_private_key(65537, 1024)}, "too weak"),
    ({"key": ec.generate_private_key(ec.SECP192R1())}, "kind of key"),
    ({"root_changes": {"path": 0}}, "may have no such CA"),
    ({"root_changes": {"days": (-9, -1)}, "days": (-9, -1)}, "expired"),
    ({"extensions": [x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\5\0")]},
     "critical extension"),
    ({"other_key": True}, "does not belong to this key"), ({"mode": 0o640}, None),
    ({"mode": 0o644}, "chmod 0600"), ({"mode": 0o660}, "chmod 0600"),
    ({"passphrase": b"open sesame"}, "no password on standard input"),
])
def test_import_refused(tmp_path, changes, words):
    foreign(tmp_path, **changes)
    done = take(tmp_path, status=1 if words else 0, input="")
    assert words is None or words in done.stderr, done.stderr
    assert words is None or not list((tmp_path / "ca").iterdir())


def test_imported(tmp_path):
    """It goes on as it is, and issues."""
    own, top, _ = foreign(tmp_path, path=0)
    assert "Note" not in take(tmp_path).stdout
    assert (tmp_path / "ca/issuing.key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "ca/issuing.crt").read_bytes() == pem(own, top)
    assert (tmp_path / "ca/root.crt").read_bytes() == pem(top)
    issue_one(tmp_path)
    assert "there already" in take(tmp_path, status=1).stderr


def test_imported_with_passphrases(tmp_path):
    """What was encrypted stays so; what was not can be."""
    foreign(tmp_path, passphrase=b"open sesame")
    secret(tmp_path, "pass", "open sesame\n")
    secret(tmp_path, "wrong", "open\n")
    assert "not the right one" in take(tmp_path, "--passphrase-file", "wrong", status=1,
                                       cwd=tmp_path).stderr
    take(tmp_path, "--passphrase-file", "pass", cwd=tmp_path)
    assert "ENCRYPTED" in (tmp_path / "ca/issuing.key").read_text()
    issue_one(tmp_path, key_passphrase_file="pass")
    second = tmp_path / "second"
    second.mkdir()
    foreign(second)
    secret(second, "pass", "another\n")
    take(second, "--passphrase", input="another\n")
    assert "ENCRYPTED" in (second / "ca/issuing.key").read_text()
    issue_one(second, key_passphrase_file="pass")


def test_imported_root(tmp_path):
    """A single self-signed one, as openssl req -x509 makes it."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Old",
                    "-keyout", tmp_path / "old.key", "-out", tmp_path / "old.crt", "-days", "99"],
                   check=True, capture_output=True)
    said = take(tmp_path).stdout
    assert "keyUsage" in said and "root itself" in said and "pathlen:0" in said
    issue_one(tmp_path)


def test_name_constraints_are_kept(tmp_path):
    """No certificate goes out that would be good nowhere."""
    foreign(tmp_path, extensions=[x509.NameConstraints([x509.RFC822Name("example.com")], None)])
    take(tmp_path)
    issue_one(tmp_path)
    refused = issue_one(tmp_path, "eve@example.org", status=1)
    assert "name constraints" in refused.stderr


def pfx(directory, own, top, key, how, name="old.p12"):
    (directory / name).write_bytes(pkcs12.serialize_key_and_certificates(
        b"old", key, own, [top] if top else None, how))
    (directory / name).chmod(0o600)
    return directory / name


def test_imported_from_pkcs12(tmp_path):
    own, top, key = foreign(tmp_path)
    good = serialization.BestAvailableEncryption(b"open sesame")
    path = pfx(tmp_path, own, top, key, good)
    secret(tmp_path, "pass", "open sesame\n")
    secret(tmp_path, "wrong", "open\n")

    def take_it(*options, status=0):
        return run("ca", "import", "--certificate", path, tmp_path / "ca", *options, cwd=tmp_path,
                   status=status, input="")

    assert "no password on standard input" in take_it(status=1).stderr
    assert "not the right one" in take_it("--passphrase-file", "wrong", status=1).stderr
    path.chmod(0o644)
    assert "chmod 0600" in take_it("--passphrase-file", "pass", status=1).stderr
    path.chmod(0o600)
    assert not list((tmp_path / "ca").iterdir())
    take_it("--passphrase-file", "pass")
    assert "ENCRYPTED" in (tmp_path / "ca/issuing.key").read_text()
    issue_one(tmp_path, key_passphrase_file="pass")
    # An old way of encryption that the library no longer knows is told as such.
    old = (serialization.PrivateFormat.PKCS12.encryption_builder()
           .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
           .hmac_hash(hashes.SHA1()).build(b"open sesame"))
    path = pfx(tmp_path, own, top, key, old, "older.p12")
    done = run("ca", "import", "--certificate", path, tmp_path / "two", "--passphrase-file",
               tmp_path / "pass", status=None)
    assert done.returncode == 0 or "old way" in done.stderr


def test_imported_from_a_token(tmp_path):
    token = Token(tmp_path)
    own, top, key = foreign(tmp_path)
    token.put(key, "old")
    (tmp_path / "old.key").unlink()
    secret(tmp_path, "pin", PIN)
    environment = {**os.environ, **token.environment}
    arguments = ["ca", "import", "--certificate", "old.crt", "--key", token.uri("old"), "ca"]
    assert "pin-value" not in run(*arguments, status=1, cwd=tmp_path, env=environment,
                                  input="").stderr
    bad = ["ca", "import", "--certificate", "old.crt", "--key",
           "pkcs11:token=web;object=old?pin-value=9753", "ca"]
    assert "9753" not in run(*bad, status=1, cwd=tmp_path, env=environment, input="").stderr
    run(*arguments, "--passphrase-file", "pin", cwd=tmp_path, env=environment)
    assert sorted(p.name for p in (tmp_path / "ca").iterdir()) == ["issuing.crt", "root.crt"]
