"""Where the CA's key may be: in files of all kinds and in tokens; and what is refused."""
import json
import os
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization

from proxy import wait_until
from softhsm import PIN, Token
from test_ca import ALICE, request, run
from test_ca import ca  # noqa: F401 a fixture
from test_ca_api import REQUESTS, call, crl_text, file, ocsp, post_json
from test_ca_api import ca as served  # noqa: F401 a fixture


@pytest.fixture
def token(tmp_path):
    return Token(tmp_path)


def set_ca(where, **changes):
    """Change the section ca of c.yaml."""
    import yaml
    config = yaml.safe_load((where / "c.yaml").read_text())
    config["ca"].update({k: str(v) for k, v in changes.items()})
    (where / "c.yaml").write_text(yaml.safe_dump(config))


def issue(where, status=0, **options):
    return run("ca", "issue", "-c", where / "c.yaml", status=status, **options)


def secret(where, name, text):
    (where / name).write_text(text)
    (where / name).chmod(0o600)
    return name


def pkcs8(where, *options, out="other.key"):
    subprocess.run(["openssl", "pkcs8", "-topk8", "-in", where / "ca/issuing.key", "-out",
                    where / out, *options], check=True, capture_output=True)
    (where / out).chmod(0o600)
    return out


# ---- Files ----

def test_files_refused(ca):  # noqa: F811
    subprocess.run(["openssl", "genrsa", "-out", ca / "rsa.key", "2048"], check=True,
                   capture_output=True)
    encrypted = pkcs8(ca, "-passout", "pass:open sesame")
    secret(ca, "right", "open sesame\n")
    secret(ca, "wrong", "open\n")
    secret(ca, "long", "x" * 1025)
    secret(ca, "shown", "open sesame\n")
    (ca / "shown").chmod(0o644)
    secret(ca, "text", "no key\n")
    for changes, words in [
        ({"key": "rsa.key"}, "issuing.crt: it does not belong to this key"),
        ({"key": "text"}, "text: holds no private key"),
        ({"key": encrypted}, "ca.key_passphrase_file"),
        ({"key_passphrase_file": "wrong"}, "passphrase is not the right one"),
        ({"key_passphrase_file": "long"}, "longer than 1024"),
        ({"key_passphrase_file": "shown"}, "chmod 0600"),
        ({"key_passphrase_file": "absent"}, "absent: No such file"),
        ({"certificate": "text"}, "text: holds no certificate"),
        ({"certificate": "ca/issuing.crt", "key": "handle:secret",
          "key_passphrase_file": "right"}, "no provider of OpenSSL here"),
        ({"key": "pkcs11:token=a;pin-value=secret"}, "ca.key: "),
    ]:
        set_ca(ca, **changes)
        said = issue(ca, status=1).stderr
        assert words in said, said
        message = [line for line in said.splitlines() if "countersign ca:" in line]
        assert not any("sesame" in line or "secret" in line for line in message), said


@pytest.mark.parametrize("form", [
    [], ["-outform", "DER", "-nocrypt"], ["-outform", "DER"],
], ids=["encrypted", "DER", "encrypted DER"])
def test_files_of_all_forms(ca, form):  # noqa: F811
    more = [] if "-nocrypt" in form else ["-passout", "pass:open sesame"]
    set_ca(ca, key=pkcs8(ca, *form, *more), key_passphrase_file=secret(ca, "p", "open sesame\r\n"))
    run("request", "file", "-c", ca / "c.yaml", "-p", "auto", "-u", ALICE, request(ca))
    assert issue(ca).stdout == "1 issued\n"


# ---- Tokens ----

def into_token(directory, token):
    """What ca init made goes into the token, and the file away."""
    path = directory / "issuing.key"
    token.put(serialization.load_pem_private_key(path.read_bytes(), None), "issuing")
    path.unlink()


def test_token_refused(ca, token):  # noqa: F811
    into_token(ca / "ca", token)
    secret(ca, "pin", PIN + "\n")
    secret(ca, "wrong", "0000\n")
    environment = {**os.environ, **token.environment}
    for changes, words in [
        ({"key": token.uri("issuing")}, "needs a PIN"),
        ({"key_passphrase_file": "wrong"}, "PIN in the key_passphrase_file is wrong"),
        ({"key_passphrase_file": "pin", "key": token.uri("absent")}, "no such key"),
        ({"key": "pkcs11:token=web;object=issuing?module-path=/nowhere.so"}, "/nowhere.so"),
    ]:
        set_ca(ca, **changes)
        said = issue(ca, status=1, env=environment).stderr
        assert words in said and "0000" not in said and PIN not in said, said


@pytest.mark.parametrize("kind", ["p256", "p384", "rsa3072"])
def test_key_in_a_token(ca, token, kind):  # noqa: F811
    run("ca", "init", ca / "hsm", "--key", kind)
    into_token(ca / "hsm", token)
    set_ca(ca, key=token.uri("issuing"), certificate="hsm/issuing.crt",
           key_passphrase_file=secret(ca, "pin", PIN))
    environment = {**os.environ, **token.environment}
    id = run("request", "file", "-c", ca / "c.yaml", "-p", "auto", "-u", ALICE,
             request(ca)).stdout.strip()
    assert issue(ca, env=environment).stdout == "1 issued\n"
    run("request", "fetch", "-c", ca / "c.yaml", "-w", ca / "a.crt", id)
    subprocess.run(["openssl", "verify", "-CAfile", ca / "hsm/root.crt", "-untrusted",
                    ca / "hsm/issuing.crt", ca / "a.crt"], check=True, capture_output=True)


def test_all_with_a_token(served, token, tmp_path):  # noqa: F811
    """Certificate, revocation list and OCSP answers, all signed in the token."""
    served.stop()
    into_token(tmp_path / "ca", token)
    secret(served.dir, "pin", PIN)
    served.write_config({"ca": {"key": token.uri("issuing"), "key_passphrase_file": "pin"}})
    before = len(served.events("ca_serves"))
    served.start(env=token.environment)
    wait_until(lambda: len(served.events("ca_serves")) > before)
    serial = json.loads(call(served, ALICE, "GET",
                             f"{REQUESTS}/{file(served, 'auto')['id']}").body)["serial"]
    assert "Cert Status: good" in ocsp(served, "0x" + serial)
    post_json(served, ALICE, f"/ca/v1/certificates/{serial}/withdraw", reason="superseded")
    wait_until(lambda: serial in crl_text(served, served.dir / "issuing.crl"))
    assert "Cert Status: revoked" in ocsp(served, "0x" + serial)
    text = served.output()
    assert PIN not in text and "PRIVATE" not in text
