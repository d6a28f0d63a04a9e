"""countersign cert renew with real certificates: what must not change anything, and what must."""
import base64
import datetime
import json
import os
import random
import shutil
import signal
import ssl
import stat
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import pkcs7

from documents import ROOT
from pki import Authority, cert_pem, key_pem, new_key
from proxy import PROGRAM, free_port, wait_until
from test_ca_api import (ALICE, BOB, REQUESTS, ca, call, post_json)  # noqa: F401: ca is a fixture

MINUTE = datetime.timedelta(minutes=1)
DAY = datetime.timedelta(days=1)


def now():
    return datetime.datetime.utcnow().replace(microsecond=0)


class Issuer:
    """The CA of the proxy, whose key the tests have too: for certificates that are old already."""

    def __init__(self, proxy):
        made = proxy.config["ca"]
        pem = Path(made["certificate"]).read_bytes()
        self.certificate, self.root = (x509.load_pem_x509_certificate(b"-----BEGIN" + part)
                                       for part in pem.split(b"-----BEGIN")[1:])
        self.key = serialization.load_pem_private_key(Path(made["key"]).read_bytes(), None)

    def sign(self, key, begins=-80 * DAY, ends=10 * DAY, user=ALICE, authority=None):
        signer = authority or self
        subject = x509.Name([
            x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Example"),
            x509.NameAttribute(x509.NameOID.COMMON_NAME, user)])
        issuer = authority.cert if authority else self.certificate
        return (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer.subject)
                .public_key(key).serial_number(x509.random_serial_number())
                .not_valid_before(now() + begins).not_valid_after(now() + ends)
                .add_extension(x509.BasicConstraints(False, None), True)
                .add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.CLIENT_AUTH]), False)
                .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(
                    signer.key.public_key()), False)
                .sign(signer.key, hashes.SHA256()))


class Holder:
    """alice, with a directory of her own; her certificate is in the last third of its life."""

    def __init__(self, proxy, directory, one_file=False, key=None, passphrase=None, **dates):
        self.proxy, self.dir = proxy, directory
        self.dir.mkdir(exist_ok=True)
        self.issuer = Issuer(proxy)
        self.one_file = one_file
        self.certificate = directory / ("alice.pem" if one_file else "alice.crt")
        self.key = self.certificate if one_file else directory / "alice.key"
        key = key or new_key()
        pem = cert_pem(self.issuer.sign(key.public_key(), **dates), self.issuer.certificate,
                       self.issuer.root)
        text = key_pem(key, passphrase)
        self.write(self.certificate, pem + text if one_file else pem)
        if not one_file:
            self.write(self.key, text)
        self.write(directory / "login", f"{ALICE}:{proxy.passwords[ALICE]}\n".encode())
        self.passphrase = passphrase
        if passphrase:
            self.write(directory / "pass", passphrase + b"\n")

    @staticmethod
    def write(path, octets, mode=0o600):
        path.write_bytes(octets)
        path.chmod(mode)
        return path

    def known(self):
        """Let the CA have issued it."""
        taken = post_json(self.proxy, BOB, "/ca/v1/certificates", profile="client",
                          certificate=cert_pem(self.now()).decode())
        assert taken.status == 201, taken.body
        return self

    def arguments(self, *more, **changes):
        options = {"url": f"https://localhost:{self.proxy.port}", "certificate": self.certificate,
                   "login": self.dir / "login", "ca": self.proxy.pki.dir / "ca.crt",
                   "key": None if self.one_file else self.key,
                   "passphrase_file": self.dir / "pass" if self.passphrase else None, **changes}
        return [PROGRAM, "cert", "renew", *more, *(
            word for k, v in options.items() if v is not None
            for word in (f"--{k.replace('_', '-')}", str(v)))]

    def renew(self, *more, status=0, word="", **changes):
        done = subprocess.run(self.arguments(*more, **changes), capture_output=True, text=True,
                              timeout=60, env=clean_env())
        text = done.stdout + done.stderr
        assert done.returncode == status and word in text, (done.returncode, text)
        assert self.proxy.passwords[ALICE] not in text
        return text

    def pair(self):
        """What a reader finds: certificate and key; they fit."""
        where = self.certificate.resolve().parent if not self.one_file else self.dir
        crt = (where / ("certificate.pem" if self.certificate.is_symlink()
                        else self.certificate.name)).read_bytes()
        key = crt if self.one_file else (
            where / ("key.pem" if self.key.is_symlink() else self.key.name)).read_bytes()
        certificate = x509.load_pem_x509_certificate(crt)
        private = serialization.load_pem_private_key(key, self.passphrase)
        assert public(certificate) == public(private)
        return certificate, private

    def now(self):
        return self.pair()[0]

    def opens_the_door(self):
        done = subprocess.run(
            ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--cacert",
             self.proxy.pki.dir / "ca.crt", "--cert", self.certificate, "--key", self.key,
             *(["--pass", self.passphrase.decode()] if self.passphrase else []), "-u",
             f"{ALICE}:{self.proxy.passwords[ALICE]}", f"https://localhost:{self.proxy.port}/"],
            capture_output=True, text=True, check=True, env=clean_env())
        return done.stdout == "200"

    def left_over(self):
        return (self.dir / (self.certificate.name + ".renewing")).exists()


def public(of):
    return of.public_key().public_bytes(serialization.Encoding.DER,
                                        serialization.PublicFormat.SubjectPublicKeyInfo)


def clean_env():
    return {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}


class Server:
    """An EST server that gives what it is told to: answer(csr) -> (status, fields, body)."""

    def __init__(self, pki, answer, version=None, pair="server"):
        outer = self
        self.asked = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                request = x509.load_der_x509_csr(base64.b64decode(body))
                outer.asked.append(request)
                status, fields, body = answer(request)
                self.send_response(status)
                for name, value in fields:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    self.wfile.write(body)
                except OSError:
                    pass

            def log_message(self, *args):
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*pki.pair(pair))
        if version:
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
            context.minimum_version = context.maximum_version = version
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        self.url = f"https://localhost:{self.http.server_address[1]}"
        self.thread = threading.Thread(target=self.http.serve_forever, daemon=True)
        self.thread.start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def server(pki):
    made = []

    def make(answer, **options):
        made.append(Server(pki, answer, **options))
        return made[-1]

    yield make
    for s in made:
        s.close()


@pytest.fixture
def holder(ca, tmp_path):
    return Holder(ca, tmp_path / "holder")


def certs_only(*certificates):
    body = base64.encodebytes(pkcs7.serialize_certificates(list(certificates),
                                                           serialization.Encoding.DER))
    return 200, [("Content-Type", "application/pkcs7-mime; smime-type=certs-only")], body


@pytest.fixture
def signer(server):
    """signer(holder): a server that signs whatever comes, each time to a later end."""
    def make(holder):
        ends = iter(range(1, 1000))
        chain = (holder.issuer.certificate, holder.issuer.root)
        return server(lambda csr: certs_only(
            holder.issuer.sign(csr.public_key(), ends=100 * DAY + next(ends) * MINUTE), *chain)).url

    return make


@pytest.mark.parametrize("arguments,word", [
    ([], "--url"),
    (["--url", "https://localhost"], "--certificate"),
    (["--url", "http://localhost", "--certificate", "x"], "https://"),
    (["--url", "https://alice:secret@localhost", "--certificate", "x"], "password"),
    (["--url", "https://localhost", "--certificate", "x", "--nothing"], "nothing"),
    (["--url", "https://localhost", "--certificate", "x", "more"], "too many"),
    (["--url", "https://localhost", "--certificate", "x", "--hook", "true"], "slash"),
    (["--url", "https://localhost", "--certificate", "x", "--daemon", "--force"], "--daemon"),
    (["--url", "https://localhost", "--certificate", "x", "--daemon", "--dry-run"], "--daemon"),
])
def test_wrong_usage(arguments, word):
    done = subprocess.run([PROGRAM, "cert", "renew", *arguments], capture_output=True, text=True)
    assert done.returncode == 2 and word in done.stderr.split("\n")[0]


def test_files_that_are_of_no_use(holder):
    """Each is refused before anything is asked, in words, and with its name."""
    other = holder.write(holder.dir / "other.key", key_pem(new_key()))
    shut = holder.write(holder.dir / "shut.key", key_pem(holder.pair()[1], b"sesame"))
    wrong = holder.write(holder.dir / "wrong", b"guess\n")
    readable = holder.write(holder.dir / "readable", b"alice:secret\n", 0o644)
    for status, word, changes in [
        (4, "/nonexistent", {"certificate": "/nonexistent"}),
        (4, "/nonexistent", {"key": "/nonexistent"}),
        (4, "no certificate", {"certificate": other}),
        (4, "no private key", {"key": holder.certificate}),
        (4, "not the key of", {"key": other}),
        (4, "--passphrase-file", {"key": shut}),
        (4, "does not open", {"key": shut, "passphrase_file": wrong}),
        (4, "0644", {"key": shut, "passphrase_file": readable}),
        (4, "0644", {"login": readable}),
        (4, "/nonexistent", {"login": "/nonexistent"}),
        (4, "/nonexistent", {"ca": "/nonexistent"}),
    ]:
        text = holder.renew(status=status, word=word, **changes)
        assert "not renewed" in text and "secret" not in text.replace("holds a secret", "")
    holder.key.chmod(0o644)
    holder.renew(status=4, word="0644")


def test_too_late(ca, tmp_path):
    """After its end there is one way: said in plain words, and nobody is asked."""
    late = Holder(ca, tmp_path / "late", ends=-MINUTE)
    before = late.certificate.read_bytes()
    text = late.renew(status=5, word="too late to renew")
    assert "expired on" in text and "file a new request, which an operator must approve" in text
    late.renew("--dry-run", status=5)
    assert late.certificate.read_bytes() == before and not late.left_over()


def test_too_early(ca, tmp_path):
    early = Holder(ca, tmp_path / "early", begins=-DAY, ends=89 * DAY).known()
    before = early.certificate.read_bytes()
    assert "to be renewed from" in early.renew()
    assert early.certificate.read_bytes() == before and not early.left_over()
    early.renew("--force", word="renewed, good until")
    assert early.opens_the_door()


def test_servers_that_are_not_trusted(holder, ca, pki, server):
    """Nothing is given to a server that cannot show who it is."""
    pki.server("elsewhere", "elsewhere.example.com")
    stranger = pki.write("stranger.crt", cert_pem(Authority("Stranger").cert))
    elsewhere = server(lambda csr: (500, [], b""), pair="elsewhere")
    old = server(lambda csr: (500, [], b""), version=ssl.TLSVersion.TLSv1_1)
    for status, word, changes in [
        (4, "", {"ca": stranger}),
        (4, "", {"url": elsewhere.url}),
        (4, "", {"url": old.url}),
        (1, "", {"url": f"https://localhost:{free_port()}"}),
        (1, "", {"url": "https://nothing.invalid"}),
    ]:
        holder.renew(status=status, word=word, **changes)
    assert elsewhere.asked == old.asked == []


def test_answers_that_are_of_no_use(holder, server):
    """Whatever comes, the pair stays as it was."""
    issuer = holder.issuer
    stranger = Authority("Stranger")
    chain = (issuer.certificate, issuer.root)
    later = {"ends": 100 * DAY}
    before = holder.certificate.read_bytes(), holder.key.read_bytes()
    problem = json.dumps({"status": 403, "detail": "not you\r\nat all"}).encode()
    fields = [("Content-Type", "application/problem+json")]
    for status, word, answer in [
        (4, "answers 302", lambda csr: (302, [("Location", "https://localhost/")], b"")),
        (4, "answers 401", lambda csr: (401, [], b"")),
        (4, "not you", lambda csr: (403, fields, problem)),
        (4, "answers 404", lambda csr: (404, [], b"nothing")),
        (1, "answers 503", lambda csr: (503, [("Retry-After", "17")], b"")),
        (1, "answers 429", lambda csr: (429, [], b"")),
        (4, "no certificates", lambda csr: (200, [], b"")),
        (4, "no certificates", lambda csr: (200, [], b"<html>")),
        (4, "no certificates", lambda csr: (200, [], base64.b64encode(b"\x30\x80"))),
        (1, "octets", lambda csr: (200, [], b"A" * 2_000_000)),
        (4, "none is for the key", lambda csr: certs_only(*chain)),
        (4, "none is for the key", lambda csr: certs_only(
            issuer.sign(new_key().public_key(), **later), *chain)),
        (4, "two are for the key", lambda csr: certs_only(
            issuer.sign(csr.public_key(), **later), issuer.sign(csr.public_key(), **later))),
        (4, "another user", lambda csr: certs_only(
            issuer.sign(csr.public_key(), user=BOB, **later), *chain)),
        (4, "not the certificate", lambda csr: certs_only(
            issuer.sign(csr.public_key(), authority=stranger, **later), stranger.cert)),
        (4, "not yet valid", lambda csr: certs_only(
            issuer.sign(csr.public_key(), begins=DAY, **later), *chain)),
        (4, "no later", lambda csr: certs_only(
            issuer.sign(csr.public_key(), ends=9 * DAY), *chain)),
    ]:
        holder.renew(status=status, word=word, url=server(answer).url)
        assert (holder.certificate.read_bytes(), holder.key.read_bytes()) == before


def test_no_anchor(ca, tmp_path, signer):
    """A certificate alone in its file: what signs the next one must be said."""
    bare = Holder(ca, tmp_path / "bare")
    bare.write(bare.certificate, cert_pem(bare.now()))
    url = signer(bare)
    bare.renew(status=4, word="--client-ca", url=url)
    bare.renew(status=4, word="/nonexistent", client_ca="/nonexistent", url=url)
    bare.renew(status=4, word="not the certificate", client_ca=ca.pki.dir / "ca.crt", url=url)
    bare.renew(client_ca=tmp_path / "ca/root.crt", word="renewed, good until", url=url)
    assert bare.opens_the_door()


def test_refused_by_the_ca(holder, ca):
    """One that it does not know, one that is withdrawn, a wrong password."""
    holder.renew(status=4, word="this CA has not issued")
    holder.known()
    holder.write(holder.dir / "login", f"{ALICE}:guess\n".encode())
    holder.renew(status=4, word="401")
    holder.write(holder.dir / "login", f"{ALICE}:{ca.passwords[ALICE]}\n".encode())
    serial = f"{holder.now().serial_number:X}"
    serial = serial if len(serial) % 2 == 0 else "0" + serial
    path = f"/ca/v1/certificates/{serial}/withdraw"
    assert post_json(ca, BOB, path, reason="keyCompromise").status == 204
    wait_until(lambda: not holder.opens_the_door())
    holder.renew(status=4, word="not accepted")


def test_waits_for_an_operator(holder, server):
    """The key is kept, and asked about again; one at a time."""
    agreed = []

    def answer(csr):
        if agreed:
            return certs_only(holder.issuer.sign(csr.public_key(), ends=100 * DAY))
        return 202, [("Retry-After", "60")], b""

    est = server(answer)
    for _ in range(2):
        holder.renew(status=3, word="an operator must agree", url=est.url)
    agreed.append(True)
    holder.renew(word="renewed", url=est.url)
    assert {public(csr) for csr in est.asked} == {public(holder.now())}
    assert not holder.left_over()


def test_one_at_a_time(holder, server):
    at_work, go_on = threading.Event(), threading.Event()

    def answer(csr):
        at_work.set()
        go_on.wait(30)
        return 503, [], b""

    est = server(answer)
    first = threading.Thread(target=holder.renew, kwargs={"status": 1, "url": est.url})
    first.start()
    assert at_work.wait(30)
    holder.renew(status=1, word="another renewal", url=est.url)
    go_on.set()
    first.join()


def test_dry_run(holder, ca, tmp_path):
    """It says whether it would work, and changes nothing."""
    before = sorted(p.name for p in holder.dir.iterdir())
    assert "nothing was changed" in holder.known().renew("--dry-run")
    holder.write(holder.dir / "login", b"alice@example.com:guess\n")
    holder.renew("--dry-run", status=4, word="401")
    holder.renew("--dry-run", status=1, url=f"https://localhost:{free_port()}")
    assert sorted(p.name for p in holder.dir.iterdir()) == before
    assert json.loads(call(ca, BOB, "GET", f"{REQUESTS}?user={ALICE}").body)["requests"][0][
        "state"] == "active"


@pytest.mark.parametrize("one_file", [False, True], ids=["two files", "one file"])
@pytest.mark.parametrize("make,passphrase", [
    (new_key, None),
    (lambda: ec.generate_private_key(ec.SECP384R1()), b"open sesame"),
    (ed25519.Ed25519PrivateKey.generate, None),
    (lambda: rsa.generate_private_key(65537, 2048), b"rsa too"),
], ids=["p256", "p384 encrypted", "ed25519", "rsa encrypted"])
def test_renewed(ca, tmp_path, one_file, make, passphrase):
    """A new key of the same kind, as well protected; the files keep their mode; the old certificate
    is marked, and the hook is told."""
    holder = Holder(ca, tmp_path / "holder", one_file, make(), passphrase).known()
    holder.key.chmod(0o640)
    old, old_key = holder.pair()
    hook = holder.write(holder.dir / "hook", b"#!/bin/sh\necho $COUNTERSIGN_CERTIFICATE "
                        b"$COUNTERSIGN_KEY >>$(dirname $0)/told\n", 0o700)
    holder.renew(hook=hook, word="renewed, good until")
    new, key = holder.pair()
    assert type(key) is type(old_key) and getattr(key, "key_size", 0) == getattr(
        old_key, "key_size", 0)
    assert new.serial_number != old.serial_number and new.not_valid_after > old.not_valid_after
    assert new.subject == old.subject and new.public_key() != old.public_key()
    assert (b"ENCRYPTED" in holder.key.read_bytes()) == bool(passphrase)
    assert stat.S_IMODE(os.stat(holder.key).st_mode) == 0o640
    assert holder.certificate.read_bytes().count(b"BEGIN CERT") == 3
    assert (holder.dir / "told").read_text() == f"{holder.certificate} {holder.key}\n"
    assert holder.opens_the_door() and not holder.left_over()
    states = [r["state"] for r in json.loads(call(ca, ALICE, "GET", REQUESTS).body)["requests"]]
    assert states in (["delivered", "renewed"], ["active", "renewed"])
    assert "to be renewed from" in holder.renew()


def test_another_kind_of_key(holder):
    holder.known()
    holder.renew(status=4, word="rsa4096", key_kind="dsa")
    holder.renew(key_kind="p384")
    assert holder.pair()[1].key_size == 384 and holder.opens_the_door()


def test_old_keys_are_not_left_about(holder, signer):
    """Of two files the pair before stays, and no other."""
    url = signer(holder)
    for _ in range(4):
        holder.renew("--force", url=url)
    kept = sorted(p.name for p in (holder.dir / "alice.crt.d").iterdir())
    assert len(kept) == 3 and "live" in kept
    assert sorted(p.name for p in holder.dir.iterdir()) == [
        "alice.crt", "alice.crt.d", "alice.key", "login"]
    assert len(list(holder.dir.rglob("*.pem"))) == 4


def test_a_link_of_somebody_else(ca, tmp_path):
    """The directory can be moved, as names lead to it by links; those who come by it find a pair."""
    holder = Holder(ca, tmp_path / "holder").known()
    (tmp_path / "link").symlink_to(holder.dir)
    holder.renew(certificate=tmp_path / "link/alice.crt", key=tmp_path / "link/alice.key")
    assert holder.opens_the_door()


@pytest.mark.parametrize("one_file", [False, True], ids=["two files", "one file"])
def test_readers_find_one_pair_or_the_other(ca, tmp_path, signer, one_file):
    holder = Holder(ca, tmp_path / "holder", one_file)
    url = signer(holder)
    seen, stop, faults = set(), threading.Event(), []

    def read():
        while not stop.is_set():
            try:
                seen.add(holder.now().serial_number)
            except FileNotFoundError:
                pass  # the pair before the last one, whose path was found a renewal ago
            except (AssertionError, ValueError) as e:
                faults.append(e)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(5):
        holder.renew("--force", url=url)
    stop.set()
    reader.join()
    assert not faults and len(seen) > 2


@pytest.mark.parametrize("one_file", [False, True], ids=["two files", "one file"])
def test_killed_at_any_instant(ca, tmp_path, signer, one_file):
    """There is always a pair, and the next try comes to its end."""
    holder = Holder(ca, tmp_path / "holder", one_file)
    url, seen = signer(holder), set()
    begun = time.monotonic()
    holder.renew("--force", url=url)
    instants = max(0.2, 1.5 * (time.monotonic() - begun))  # slow here, or side by side with others
    rng = random.Random(5)
    for _ in range(40):
        child = subprocess.Popen(holder.arguments("--force", url=url), stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL, env=clean_env())
        time.sleep(rng.uniform(0, instants))
        child.kill()
        child.wait()
        seen.add(holder.now().serial_number)
    holder.renew("--force", url=url)
    assert len(seen) > 1, "it was always killed too early"
    assert holder.opens_the_door() and not holder.left_over()


def test_hooks_that_fail(holder, signer):
    """The certificate is renewed all the same, and that is said."""
    url = signer(holder)
    hook = holder.write(holder.dir / "hook", b"#!/bin/sh\nexit 7\n", 0o700)
    text = holder.renew(status=6, word="ended with status 7", hook=hook, url=url)
    assert "renewed, but the hook failed" in text
    holder.renew("--force", status=6, word="cannot be run", hook=holder.dir / "nothing",
                 url=url)
    assert holder.opens_the_door()


class Daemon:
    def __init__(self, holder, *more, **changes):
        self.out = open(holder.dir / "daemon.log", "ab+")
        self.path = holder.dir / "daemon.log"
        self.process = subprocess.Popen(holder.arguments("--daemon", *more, **changes),
                                        stdout=self.out, stderr=self.out, env=clean_env())

    def text(self):
        return self.path.read_text()

    def wait_for(self, word, count=1):
        def look():
            assert self.process.poll() is None, self.text()
            return self.text().count(word) >= count
        wait_until(look)

    def poke(self):
        self.process.send_signal(signal.SIGHUP)

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(30)
        self.out.close()
        return status


@pytest.fixture
def daemon():
    made = []

    def make(*arguments, **options):
        made.append(Daemon(*arguments, **options))
        return made[-1]

    yield make
    for d in made:
        if d.process.poll() is None:
            d.process.kill()
            d.process.wait()


def test_daemon_renews_what_is_due(holder, daemon):
    holder.known()
    hook = holder.write(holder.dir / "hook", b"#!/bin/sh\n[ -e $(dirname $0)/fine ] || exit 1\n"
                        b"touch $(dirname $0)/told\n", 0o700)
    d = daemon(holder, hook=hook)
    d.wait_for("renewed, good until")
    d.wait_for("the hook failed")
    (holder.dir / "fine").touch()
    d.poke()  # the hook is owed, and run again
    wait_until((holder.dir / "told").exists)
    assert holder.opens_the_door()
    assert d.end() == 0
    assert d.text().count("renewed, good until") == 1


def test_daemon_outlives_its_server(holder, ca, daemon):
    """Away, it says so and tries again; it does not end, and a signal makes it try at once."""
    holder.known()
    ca.stop()
    d = daemon(holder)
    d.wait_for("the next try is at")
    d.poke()
    d.wait_for("the next try is at", 2)
    assert "trying again may help" not in d.text() and "try again later" in d.text()
    ca.start()
    wait_until(lambda: len(ca.events("ca_serves")) == 2)
    d.poke()
    d.wait_for("renewed, good until")
    assert d.end() == 0 and holder.opens_the_door()


def test_daemon_past_the_end(ca, tmp_path, daemon):
    """It waits for what somebody puts there."""
    late = Holder(ca, tmp_path / "holder", ends=-MINUTE)
    d = daemon(late)
    d.wait_for("file a new request")
    fresh = Holder(ca, tmp_path / "holder", begins=-DAY, ends=89 * DAY)
    d.poke()
    d.wait_for("to be renewed from")
    assert d.end() == 0 and fresh.now().not_valid_after > now()


def test_daemon_ends_while_it_waits_for_an_answer(holder, server, daemon):
    go_on = threading.Event()
    at_work = threading.Event()

    def answer(csr):
        at_work.set()
        go_on.wait(60)
        return 503, [], b""

    d = daemon(holder, url=server(answer).url)
    assert at_work.wait(30)
    began = time.monotonic()
    assert d.end() == 0
    go_on.set()
    assert time.monotonic() - began < 20  # not the 30 s that a call may take


def test_units_for_systemd(tmp_path):
    """They are sound, and a request that waits for an operator is no failure."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd-analyze")
    for unit in (ROOT / "deploy/systemd").iterdir():
        text = unit.read_text().replace("/usr/sbin/countersign ", f"{PROGRAM} ")
        (tmp_path / unit.name.replace("@.", "@alice.")).write_text(text)
    for unit in sorted(tmp_path.iterdir()):
        done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True,
                              timeout=60, env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"})
        assert "countersign-renew" not in done.stdout + done.stderr, done.stderr
    assert "SuccessExitStatus=3\n" in (tmp_path / "countersign-renew@alice.service").read_text()
