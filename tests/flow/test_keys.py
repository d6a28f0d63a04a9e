"""Where the server's private key may be: in files of all kinds, credentials, and tokens."""
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from pki import Pki, key_pem
from proxy import wait_until
from softhsm import PIN, Token, bridge

ALICE, PASSWORD = "alice@example.com", "wonder land"


@pytest.fixture
def own(tmp_path):
    directory = tmp_path / "pki"
    directory.mkdir()
    return Pki(directory)


def tls(proxy, **changes):
    for key, value in changes.items():
        if value is None:
            proxy.config["listeners"][0]["tls"].pop(key, None)
        else:
            proxy.config["listeners"][0]["tls"][key] = str(value)
    proxy.write_config()
    return proxy


def key_of(pki, stem="server"):
    return serialization.load_pem_private_key((pki.dir / f"{stem}.key").read_bytes(), None)


# ---- Files ----

@pytest.mark.parametrize("form", ["file:{}", "file://{}", "FILE:{}", "file://localhost{}"])
def test_file_uri(make_proxy, own, form):
    proxy = tls(make_proxy(pki=own), key=form.format(own.dir / "server.key")).start()
    assert proxy.get().status == 200
    shown = proxy.run("config", "show", "-c", str(proxy.config_path))
    assert str(own.dir / "server.key") in shown.stdout
    assert "file:" not in shown.stdout.lower()


@pytest.mark.parametrize("uri, words", [
    ("file:server.key", "a file: URI is written as"), ("file://other/server.key", "a file: URI is"),
    ("handle:0x81000001", "no provider of OpenSSL here has a store for such URIs"),
    ("Handle:0x81;secret", "handle:... cannot be opened"), ("handle:a b", "without blanks")])
def test_uri_of_no_key(make_proxy, own, uri, words):
    proxy = tls(make_proxy(pki=own), key=uri)
    result = proxy.run("check", "-c", str(proxy.config_path))
    assert result.returncode == 1 and words in result.stderr, result.stderr
    said = [line for line in result.stderr.splitlines() if "listeners[0].tls.key: " in line]
    assert "secret" not in said[0]
    proxy.start(expect_ready=False)
    assert proxy.process.wait(30) != 0
    assert words in proxy.output()


def test_path_like_a_uri(make_proxy, own):
    proxy = make_proxy(pki=own)
    shutil.copy(own.dir / "server.key", proxy.dir / "web:1.key")
    (proxy.dir / "web:1.key").chmod(0o600)
    tls(proxy, key="./web:1.key").start()
    assert proxy.get().status == 200


def test_file_uri_is_judged_like_a_path(make_proxy, own):
    (own.dir / "server.key").chmod(0o644)
    proxy = tls(make_proxy(pki=own), key=f"file:{own.dir}/server.key")
    result = proxy.run("check", "-c", str(proxy.config_path))
    assert result.returncode == 1 and "is open to other users" in result.stderr


def encrypted(own, passphrase):
    own.write("locked.key", key_pem(key_of(own), b"open sesame"))
    if passphrase is not None:
        own.write("passphrase", passphrase)


@pytest.mark.parametrize("content", [b"open sesame", b"open sesame\n", b"open sesame\r\n"])
def test_encrypted_key(make_proxy, own, content):
    encrypted(own, content)
    proxy = tls(make_proxy(pki=own), key=own.dir / "locked.key",
                key_passphrase_file=own.dir / "passphrase").start()
    assert proxy.get().status == 200


@pytest.mark.parametrize("content, words", [
    (None, "is encrypted and there is no key_passphrase_file"),
    (b"", "cannot be opened"), (b"wrong\n", "cannot be opened"), (b"open sesame \n", "cannot be"),
    (b"x" * 1025, "longer than 1024")])
def test_encrypted_key_not_opened(make_proxy, own, content, words):
    encrypted(own, content)
    proxy = tls(make_proxy(pki=own), key=own.dir / "locked.key",
                key_passphrase_file=own.dir / "passphrase" if content is not None else None)
    result = proxy.run("check", "-c", str(proxy.config_path), stdin=subprocess.DEVNULL)
    assert result.returncode == 1 and words in result.stderr
    assert "sesame" not in result.stderr


def test_passphrase_open_to_others(make_proxy, own):
    encrypted(own, b"open sesame")
    (own.dir / "passphrase").chmod(0o604)
    proxy = tls(make_proxy(pki=own), key=own.dir / "locked.key",
                key_passphrase_file=own.dir / "passphrase")
    result = proxy.run("check", "-c", str(proxy.config_path))
    assert result.returncode == 1 and "is open to other users" in result.stderr


def test_systemd_credentials(make_proxy, own, tmp_path):
    """LoadCredential= gives names; paths in the configuration stay short and relative."""
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    encrypted(own, b"open sesame")
    for source, target in (("locked.key", "web.key"), ("passphrase", "web.pass"),
                           ("server.crt", "web.crt")):
        shutil.copy(own.dir / source, credentials / target)
        (credentials / target).chmod(0o400)
    proxy = tls(make_proxy(pki=own), key="web.key", certificate="web.crt",
                key_passphrase_file="web.pass")
    environment = {"CREDENTIALS_DIRECTORY": str(credentials)}
    proxy.start(env=environment)
    assert proxy.get().status == 200
    proxy.stop()
    # what lies beside the configuration goes first, also if it is wrong
    (proxy.dir / "web.pass").write_bytes(b"wrong")
    (proxy.dir / "web.pass").chmod(0o600)
    result = proxy.run("check", "-c", str(proxy.config_path), env={**os.environ, **environment})
    assert result.returncode == 1 and "cannot be opened with the passphrase" in result.stderr
    (proxy.dir / "web.pass").unlink()
    without = proxy.run("check", "-c", str(proxy.config_path),
                        env={k: v for k, v in os.environ.items() if k != "CREDENTIALS_DIRECTORY"})
    assert without.returncode == 1 and "web.crt" in without.stderr


# ---- Tokens ----

@pytest.fixture
def token(tmp_path):
    return Token(tmp_path)


def in_token(make_proxy, own, token, label="server", pin=PIN):
    own.write("pin", pin.encode() + b"\n")
    (own.dir / "server.key").unlink(missing_ok=True)
    return tls(make_proxy(pki=own), key=token.uri(label), key_passphrase_file=own.dir / "pin")


def issue(own, key):
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
    from pki import cert_pem, name
    cert, _ = own.ca.leaf(name((NameOID.COMMON_NAME, "localhost")), key=key,
                          usage=ExtendedKeyUsageOID.SERVER_AUTH,
                          san=[x509.DNSName("localhost")])
    own.write("server.crt", cert_pem(cert))


@pytest.mark.parametrize("kind", ["P-256", "P-384", "RSA"])
def test_key_in_a_token(make_proxy, own, token, kind):
    import ssl
    key = {"P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
           "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
           "RSA": lambda: rsa.generate_private_key(65537, 2048)}[kind]()
    issue(own, key)
    token.put(key, "server")
    proxy = in_token(make_proxy, own, token)
    proxy.config["process"]["workers"] = 2
    proxy.write_config()
    checked = proxy.run("check", "-c", str(proxy.config_path),
                        env={**os.environ, **token.environment})
    assert checked.returncode == 0, checked.stderr
    proxy.start(env=token.environment)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        for _ in range(6):
            with proxy.connect(version=version) as client:
                assert client.get("/", ALICE, PASSWORD).status == 200
    text = proxy.output()
    assert PIN not in text and "PRIVATE" not in text


def test_reload_and_new_worker(make_proxy, own, token):
    import signal
    key = key_of(own)
    token.put(key, "server")
    proxy = in_token(make_proxy, own, token).start(env=token.environment)
    assert proxy.get().status == 200
    old = proxy.worker_pids()
    assert proxy.reload().returncode == 0
    assert proxy.get().status == 200
    os.kill(old[0], signal.SIGKILL)
    wait_until(lambda: proxy.worker_pids() not in ([], old))
    assert proxy.get().status == 200
    # and to another key of the token, with its certificate
    other = ec.generate_private_key(ec.SECP256R1())
    token.put(other, "next", number="02")
    issue(own, other)
    tls(proxy, key=token.uri("next"))
    assert proxy.reload().returncode == 0
    with proxy.connect() as client:
        assert int(client.tls.getpeercert()["serialNumber"], 16) == \
            own.load("server").serial_number
        assert client.get("/", ALICE, PASSWORD).status == 200
    # one that is not there is refused, and nothing changes
    tls(proxy, key=token.uri("absent"))
    assert proxy.reload().returncode != 0
    assert proxy.get().status == 200


def test_two_tokens_with_pins_of_their_own(make_proxy, own, token):
    key = key_of(own)
    token.put(key, "server")
    token.make("second", "97531")
    second = ec.generate_private_key(ec.SECP256R1())
    token.put(second, "api", token="second", pin="97531")
    own.server("api", "api.example.com", key=second)
    (own.dir / "api.key").unlink()
    own.write("pin2", b"97531\n")
    proxy = in_token(make_proxy, own, token)
    proxy.config["listeners"][0]["names"] = [
        {"names": ["api.example.com"], "certificate": str(own.dir / "api.crt"),
         "key": token.uri("api", "second"), "key_passphrase_file": str(own.dir / "pin2")}]
    proxy.write_config()
    proxy.start(env=token.environment)
    assert proxy.get().status == 200
    with proxy.connect(name="api.example.com") as client:
        assert client.get("/", ALICE, PASSWORD, host="api.example.com").status == 200


def refused(proxy, token):
    result = proxy.run("check", "-c", str(proxy.config_path), stdin=subprocess.DEVNULL,
                       env={**os.environ, **token.environment})
    assert result.returncode == 1, result
    return result.stderr


def test_what_a_token_refuses(make_proxy, own, token):
    token.put(key_of(own), "server")
    token.put(ec.generate_private_key(ec.SECP256R1()), "other", number="02")
    proxy = in_token(make_proxy, own, token)
    assert "is not the key of the certificate" in refused(tls(proxy, key=token.uri("other")), token)
    assert "no such key" in refused(tls(proxy, key=token.uri("absent")), token)
    assert "no such key" in refused(tls(proxy, key=token.uri("server", "nowhere")), token)
    tls(proxy, key=token.uri("server"))
    own.write("pin", b"0000")
    text = refused(proxy, token)
    assert "PIN in the key_passphrase_file is wrong" in text and "0000" not in text
    assert "needs a PIN and there is no key_passphrase_file" in \
        refused(tls(proxy, key_passphrase_file=None), token)
    proxy.start(env=token.environment, expect_ready=False)
    assert proxy.process.wait(30) != 0
    assert "needs a PIN" in proxy.output()


def test_module_that_is_not_there(make_proxy, own, token):
    proxy = in_token(make_proxy, own, token)
    tls(proxy, key="PKCS11:token=web;object=server?module-path=/nowhere/module.so")
    text = refused(proxy, token)
    assert "module-path names /nowhere/module.so: No such file" in text
    assert "PIN" not in text.splitlines()[0]


def test_pin_in_a_uri_is_not_shown(make_proxy, own):
    proxy = make_proxy(pki=own).start()
    for uri in ("pkcs11:token=x;object=y;pin-value=98761234", "pkcs11:token=x?PIN-value=98761234&a=b",
                "vault:key?password=98761234"):
        tls(proxy, key=uri)
        for verb in ("check", "reload"):
            result = proxy.run(verb, "-c", str(proxy.config_path))
            assert result.returncode == 1, uri
            assert "********" in result.stderr or verb == "reload", result.stderr
            assert "98761234" not in result.stdout + result.stderr, uri
    assert "98761234" not in proxy.output()
    assert proxy.get().status == 200


BAD_URIS = ["pkcs11:", "pkcs11:token", "pkcs11:token=web?pin-value=1357",
            "pkcs11:token=web;pin-value=1357", "pkcs11:token=web?pin-source=file:/x",
            "pkcs11:token=web?module-path=relative.so", "pkcs11:token=web?module-path=/a%2fb",
            "pkcs11:token=a b;object=x", "pkcs11:token=web;;object=x", "pkcs11:token=web?"]


@pytest.mark.parametrize("uri", BAD_URIS)
def test_bad_uri(make_proxy, own, uri):
    proxy = tls(make_proxy(pki=own), key=uri)
    result = proxy.run("check", "-c", str(proxy.config_path))
    assert result.returncode == 1 and "listeners[0].tls.key: " in result.stderr
    message = [line for line in result.stderr.splitlines() if "listeners[0].tls.key: " in line]
    assert "1357" not in message[0]


def test_no_bridge(make_proxy, own):
    if bridge() is not None:
        pytest.skip("there is a bridge to PKCS#11 here")
    own.write("pin", b"1")
    proxy = tls(make_proxy(pki=own), key="pkcs11:token=web;object=server",
                key_passphrase_file=own.dir / "pin")
    result = proxy.run("check", "-c", str(proxy.config_path))
    assert result.returncode == 1 and "no bridge to PKCS#11" in result.stderr


def test_keys_of_other_kinds(make_proxy, own):
    for key in (rsa.generate_private_key(65537, 3072), ed25519.Ed25519PrivateKey.generate()):
        issue(own, key)
        own.write("server.key", key_pem(key))
        proxy = make_proxy(pki=own).start()
        assert proxy.get().status == 200
        proxy.stop()
