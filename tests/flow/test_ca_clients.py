"""Certificates of our own CA with the programs that people have: from nothing to a 200."""
import base64
import grp
import json
import os
import re
import shutil
import subprocess

import pytest
import requests

from documents import Reader, blocks
from proxy import LIMIT_S, wait_until
from test_ca_api import ALICE, BOB, REQUESTS, ca, call  # noqa: F401: ca is a fixture
from test_docs import FROM_THE_CA

SECRET = "alice-secret"
SUBJECT = f"/O=Example Ltd/CN={ALICE}"


@pytest.fixture
def customer(ca):
    """alice's password, and whoever runs the tests as an operator too."""
    for tool in ("curl", "openssl", "keytool", "java"):
        if not shutil.which(tool):
            pytest.skip(f"not installed: {tool}")
    group = f"local:{grp.getgrgid(os.getgid()).gr_name}"
    ca.config["ca"]["profiles"]["client"]["operators"] = ["operators", group]
    ca.write_config()
    ca.passwords[ALICE] = SECRET
    ca.write_users()
    assert ca.reload().returncode == 0
    wait_until(lambda: len(ca.events("ca_serves")) == 2)
    shutil.copy(ca.pki.dir / "ca.crt", ca.dir)
    for name, text in (("alice.netrc", f"machine localhost login {ALICE} password {SECRET}\n"),
                       ("p12.pass", "changeit\n")):
        (ca.dir / name).write_text(text)
        (ca.dir / name).chmod(0o600)
    return ca


def commands(block):
    """How many commands a block has."""
    return len(re.sub(r"\\\n", "", block.text).strip().splitlines())


def section(name):
    return [b for b in blocks("docs/clients.md") if b.section == name]


def test_at_most_five_commands_and_one():
    path = section("A certificate of your own")
    first = path[:3]
    assert [b.argument for b in first] == [None, "operator", None]
    assert commands(first[0]) + commands(first[2]) <= 5 and commands(first[1]) == 1


def test_commands_of_the_path(customer):
    """Every block of both sections, in order."""
    reader = Reader(customer.dir, {"8443": str(customer.port)})
    for name in FROM_THE_CA:
        for block in section(name):
            if block.language == "sh":
                reader.run(block)
    assert (customer.dir / "alice.p12").exists()


def test_too_early_and_too_much(customer):
    """The refusals that a customer meets, as curl shows them."""
    reader = Reader(customer.dir, {"8443": str(customer.port)})
    before, _, after, *_ = section("A certificate of your own")
    reader.run(before)
    done = subprocess.run(
        ["curl", "-sS", "--fail-with-body", "--cacert", "ca.crt", "--netrc-file", "alice.netrc",
         f"https://localhost:{customer.port}{(customer.dir / 'where').read_text()}/certificate"],
        cwd=customer.dir, env=reader.env, capture_output=True, text=True)
    assert done.returncode == 22 and "the request is pending" in json.loads(done.stdout)["detail"]
    with pytest.raises(AssertionError, match="exit status 22"):
        reader.run(after)
    assert not (customer.dir / "alice.crt").exists()


def run(ca, *command, **options):
    env = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    done = subprocess.run([str(w) for w in command], cwd=ca.dir, capture_output=True, text=True,
                          timeout=4 * LIMIT_S, env={**env, **options.pop("env", {})}, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def certified(ca, csr, out):
    """File what csr holds, let bob agree, and write the certificate to out."""
    base = f"https://localhost:{ca.port}"
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(ca.dir / "ca.crt")
        session.auth = (ALICE, SECRET)
        asked = session.post(f"{base}{REQUESTS}?profile=client", data=(ca.dir / csr).read_bytes(),
                             timeout=LIMIT_S)
        assert asked.status_code == 201, asked.text
        path = base + asked.headers["Location"]
        assert session.get(path + "/certificate", timeout=LIMIT_S).status_code == 409
        assert call(ca, BOB, "POST", f"{REQUESTS}/{asked.json()['id']}/approve").status == 200
        assert session.get(path, timeout=LIMIT_S).json()["status"] == "EXECUTED"
        pem = session.get(path + "/certificate", timeout=LIMIT_S)
        assert pem.status_code == 200 and pem.headers["Content-Type"] == "application/x-pem-file"
        (ca.dir / out).write_text(pem.text)


def curl(ca, *more):
    return run(ca, "curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", "ca.crt",
               "--netrc-file", "alice.netrc", *more, f"https://localhost:{ca.port}/")


@pytest.mark.parametrize("kind", [("ec", "-pkeyopt", "ec_paramgen_curve:P-384"), ("rsa:3072",)],
                         ids=["P-384", "RSA 3072"])
def test_openssl_with_an_encrypted_key(customer, kind):
    (customer.dir / "key.pass").write_text("open sesame\n")
    run(customer, "openssl", "req", "-new", "-newkey", *kind, "-keyout", "a.key", "-passout",
        "file:key.pass", "-subj", SUBJECT, "-out", "a.csr")
    assert "ENCRYPTED" in (customer.dir / "a.key").read_text()
    certified(customer, "a.csr", "a.crt")
    assert curl(customer) == "403"  # without it
    assert curl(customer, "--cert", "a.crt", "--key", "a.key", "--pass", "open sesame") == "200"
    run(customer, "openssl", "pkcs12", "-export", "-in", "a.crt", "-inkey", "a.key", "-passin",
        "file:key.pass", "-out", "a.p12", "-passout", "file:p12.pass")
    assert curl(customer, "--cert-type", "P12", "--cert", "a.p12:changeit") == "200"


def test_python_requests(customer):
    run(customer, "openssl", "req", "-new", "-newkey", "ed25519", "-nodes", "-keyout", "a.key",
        "-subj", SUBJECT, "-outform", "DER", "-out", "a.csr")
    certified(customer, "a.csr", "a.crt")
    with requests.Session() as session:
        session.trust_env = False
        options = {"verify": str(customer.dir / "ca.crt"), "timeout": LIMIT_S}
        url = f"https://localhost:{customer.port}/"
        assert session.get(url, auth=(ALICE, SECRET), **options).status_code == 403
        session.cert = (str(customer.dir / "a.crt"), str(customer.dir / "a.key"))
    with requests.Session() as session:
        session.trust_env = False
        session.cert = (str(customer.dir / "a.crt"), str(customer.dir / "a.key"))
        assert session.get(url, auth=(ALICE, "guess"), **options).status_code == 401
        assert session.get(url, auth=(ALICE, SECRET), **options).status_code == 200


@pytest.mark.parametrize("kind", ["PKCS12", "JKS"])
def test_java(customer, kind):
    """keytool: a key, a request ("NEW CERTIFICATE REQUEST"), the CA and the certificate taken in;
    then the program of docs/clients.md."""
    store = ("-keystore", "own.store", "-storetype", kind, "-storepass:file", "p12.pass")
    run(customer, "keytool", "-genkeypair", "-alias", "alice", "-keyalg", "RSA", "-keysize", "2048",
        "-validity", "1", "-dname", f"CN={ALICE}, O=Example Ltd", "-keypass:file", "p12.pass", *store)
    run(customer, "keytool", "-certreq", "-alias", "alice", "-file", "java.csr", *store)
    assert "NEW CERTIFICATE REQUEST" in (customer.dir / "java.csr").read_text()
    certified(customer, "java.csr", "java.crt")
    root = "-----BEGIN" + (customer.dir / "java.crt").read_text().split("-----BEGIN")[-1]
    (customer.dir / "root.crt").write_text(root)
    run(customer, "keytool", "-importcert", "-noprompt", "-alias", "issuer", "-file", "root.crt",
        *store)
    run(customer, "keytool", "-importcert", "-alias", "alice", "-file", "java.crt", *store)
    run(customer, "keytool", "-importcert", "-noprompt", "-alias", "ca", "-file", "ca.crt",
        "-keystore", "trust.store", "-storetype", kind, "-storepass:file", "p12.pass")
    (program,) = [b for b in blocks("docs/clients.md") if b.argument == "Client.java"]
    (customer.dir / "Client.java").write_text(program.text)
    java = ["java", "Client.java", f"https://localhost:{customer.port}/", "own.store",
            "trust.store", ALICE]
    env = {"STORE_PASSWORD": "changeit"}
    assert run(customer, *java, env={**env, "USER_PASSWORD": SECRET}).startswith("200 ")


def test_est_with_curl(customer):
    """The bodies that an EST client sees, as curl alone shows them."""
    est = f"https://localhost:{customer.port}/.well-known/est"
    told = ["curl", "-sS", "--cacert", "ca.crt", "-o", "body", "-w",
            "%{http_code} %header{retry-after} %{content_type}"]
    netrc = ["--netrc-file", "alice.netrc"]
    assert run(customer, *told, f"{est}/client/simpleenroll", "-d", "x").startswith("401")
    assert run(customer, *told, *netrc, f"{est}/client/simpleenroll", "-d", "x").startswith("400")
    assert json.loads((customer.dir / "body").read_text())["title"] == "Bad Request"
    assert run(customer, *told, *netrc, f"{est}/client/simpleenroll").startswith("405")
    assert run(customer, *told, f"{est}/cacerts").startswith("200  application/pkcs7-mime")
    assert run(customer, *told, *netrc, f"{est}/csrattrs").startswith("204")
    run(customer, "openssl", "req", "-new", "-newkey", "ec", "-pkeyopt",
        "ec_paramgen_curve:P-256", "-nodes", "-keyout", "a.key", "-subj", SUBJECT, "-outform",
        "DER", "-out", "a.der")
    (customer.dir / "a.b64").write_bytes(base64.encodebytes((customer.dir / "a.der").read_bytes()))
    ask = [*told, *netrc, "-H", "Content-Type: application/pkcs10", "--data-binary", "@a.b64",
           f"{est}/client/simpleenroll"]
    assert run(customer, *ask).startswith("202 60")
    (waits,) = json.loads(call(customer, BOB, "GET", REQUESTS).body)["requests"]
    assert call(customer, BOB, "POST", f"{REQUESTS}/{waits['id']}/approve").status == 200
    assert run(customer, *ask).startswith("200  application/pkcs7-mime; smime-type=certs-only")
