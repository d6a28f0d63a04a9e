"""Tokens and signatures for upstreams, verified by code that is not ours."""
import base64
import hashlib
import json
import re
import time

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils

from pki import key_pem, new_key
from proxy import basic, wait_until
from test_headers import ALICE

BOB = "bob@example.com"
JWKS = "/.well-known/jwks.json"
TOKEN = {"issuer": "https://proxy.example", "audience": "orders"}


def unpadded(text):
    assert "=" not in text
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def number(text):
    octets = unpadded(text)
    assert len(octets) == 32
    return int.from_bytes(octets, "big")


def thumbprint(key):
    """RFC 7638."""
    text = json.dumps({"crv": key["crv"], "kty": key["kty"], "x": key["x"], "y": key["y"]},
                      sort_keys=True, separators=(",", ":"))
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


def published(proxy):
    status, body = proxy.admin(JWKS)
    assert status == 200
    keys = {}
    for key in json.loads(body)["keys"]:
        assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("EC", "P-256", "ES256", "sig")
        assert key["kid"] == thumbprint(key) and "d" not in key
        keys[key["kid"]] = ec.EllipticCurvePublicNumbers(
            number(key["x"]), number(key["y"]), ec.SECP256R1()).public_key()
    return keys


def verify(key, signature, text):
    assert len(signature) == 64
    der = utils.encode_dss_signature(int.from_bytes(signature[:32], "big"),
                                     int.from_bytes(signature[32:], "big"))
    key.verify(der, text, ec.ECDSA(hashes.SHA256()))


def read_token(token, keys):
    """(header, claims) of a token whose signature is good."""
    head, claims, signature = token.split(".")
    header = json.loads(unpadded(head))
    assert header["alg"] == "ES256" and header["typ"] == "JWT"
    verify(keys[header["kid"]], unpadded(signature), f"{head}.{claims}".encode())
    return header, json.loads(unpadded(claims))


def new_key_file(pki, file, key=None, mode=0o600):
    return str(pki.write(file, key_pem(key or new_key()), mode))


@pytest.fixture
def make_signing(make_proxy, pki):
    def make(token=None, **changes):
        key = new_key_file(pki, "token.key")
        return make_proxy({"token": {**TOKEN, "keys": [key], **(token or {})}, **changes})
    return make


def test_off_by_default(proxy, upstream):
    assert proxy.get().status == 200
    for field in ("X-Identity-Token", "Signature", "Signature-Input"):
        assert upstream.requests[-1].all(field) == []
    assert json.loads(proxy.admin(JWKS)[1]) == {"keys": []}


def test_token(make_signing, upstream, pki):
    p = make_signing().start()
    before = int(time.time())
    assert p.get().status == 200
    (token,) = upstream.requests[-1].all("X-Identity-Token")
    _, claims = read_token(token, published(p))
    digest = pki.load("alice").fingerprint(hashes.SHA256())
    assert claims["cnf"] == {
        "x5t#S256": base64.urlsafe_b64encode(digest).decode().rstrip("=")}
    assert (claims["iss"], claims["sub"], claims["aud"]) == (
        TOKEN["issuer"], ALICE, TOKEN["audience"])
    assert before <= claims["iat"] <= time.time() and claims["exp"] == claims["iat"] + 60
    assert sorted(claims) == ["aud", "cnf", "exp", "iat", "iss", "sub"]
    with pytest.raises(InvalidSignature):
        head, body, signature = token.split(".")
        read_token(f"{head}.{body[:-4]}AAAA.{signature}" if not body.endswith("AAAA")
                   else f"{head}.{body[:-4]}BBBB.{signature}", published(p))


def test_token_is_of_this_request(make_signing, upstream):
    """One token a connection and user; another user of the same connection gets another."""
    p = make_signing(users={"certificate": "optional"},
                     routes=[{"path": "/", "require": "password", "upstream": "api"}])
    p.config["listeners"][0]["client"]["mode"] = "optional"
    p.write_config()
    p.start()
    with p.connect(None) as client:
        for user in (ALICE, ALICE, BOB, ALICE):
            assert client.get("/", user, p.passwords[user]).status == 200
    tokens = [r.get("X-Identity-Token") for r in upstream.requests[-4:]]
    subjects = [read_token(t, published(p))[1] for t in tokens]
    assert [s["sub"] for s in subjects] == [ALICE, ALICE, BOB, ALICE]
    assert p.metric('countersign_tokens_total{outcome="signed"}') == 3
    assert p.metric('countersign_tokens_total{outcome="reused"}') == 1
    assert p.metric('countersign_tokens_total{outcome="failed"}') == 0
    assert all("cnf" not in s for s in subjects)  # no certificate was shown
    assert tokens[0] == tokens[1] != tokens[2]


def test_token_of_a_password_names_no_certificate(make_signing, upstream):
    """Where the password alone counts, nobody has compared certificate and user."""
    p = make_signing(routes=[{"path": "/", "require": "both", "upstream": "api"},
                             {"path": "/password", "require": "password", "upstream": "api"}]).start()
    with p.connect("alice") as client:
        for path, user, bound in [("/", ALICE, True), ("/password", BOB, False),
                                  ("/password", ALICE, False), ("/", ALICE, True)]:
            assert client.get(path, user, p.passwords[user]).status == 200
            _, claims = read_token(upstream.requests[-1].get("X-Identity-Token"), published(p))
            assert claims["sub"] == user and ("cnf" in claims) == bound, path


def test_token_is_renewed_at_half_its_life(make_signing, upstream):
    p = make_signing({"life": "5s"}).start()
    with p.connect() as client:
        def exchanged():
            assert client.get("/", ALICE, p.passwords[ALICE]).status == 200
            token = upstream.requests[-1].get("X-Identity-Token")
            assert read_token(token, published(p))[1]["exp"] > time.time() + 1
            return token
        first = exchanged()
        wait_until(lambda: exchanged() != first)


def test_bound_token(make_signing, upstream):
    p = make_signing({"bind_request": True}).start()
    with p.connect() as client:
        for path in ("/a?b=c", "/a?b=c"):
            assert client.get(path, ALICE, p.passwords[ALICE], method="PUT",
                              fields=[("Content-Length", "0")]).status == 200
    one, two = upstream.requests[-2:]
    first = read_token(one.get("X-Identity-Token"), published(p))[1]
    second = read_token(two.get("X-Identity-Token"), published(p))[1]
    assert (first["htm"], first["htu"]) == ("PUT", "https://localhost/a")
    assert first["jti"] == one.get("X-Request-Id") != second["jti"]


def test_nobody_gets_no_token(make_signing, upstream):
    p = make_signing(routes=[{"path": "/", "require": "none", "upstream": "api"}])
    p.config["listeners"][0]["client"]["mode"] = "optional"
    p.write_config()
    p.start()
    forged = [("X-Identity-Token", "a.b.c"), ("x_identity_token", "a.b.c")]
    assert p.get(None, user=None, fields=forged).status == 200
    assert not [f for f in upstream.requests[-1].fields if "token" in f[0].lower()]


def test_keys_are_rotated(make_signing, upstream, pki):
    p = make_signing().start()
    old = new_key_file(pki, "old.key", new_key())
    new = new_key_file(pki, "new.key", new_key())
    p.write_config({"token": {"keys": [old]}})
    assert p.reload().returncode == 0
    (old_name,) = published(p)
    p.write_config({"token": {"keys": [new, old]}})
    assert p.reload().returncode == 0
    keys = published(p)
    assert p.get().status == 200
    header, _ = read_token(upstream.requests[-1].get("X-Identity-Token"), keys)
    assert len(keys) == 2 and old_name in keys and header["kid"] != old_name


def test_an_open_connection_signs_with_the_new_key(make_signing, upstream, pki):
    p = make_signing().start()
    with p.connect() as client:
        assert client.get("/", ALICE, p.passwords[ALICE]).status == 200
        first = read_token(upstream.requests[-1].get("X-Identity-Token"), published(p))[0]
        new_key_file(pki, "token.key", new_key())
        assert p.reload().returncode == 0
        assert client.get("/", ALICE, p.passwords[ALICE]).status == 200
        second = read_token(upstream.requests[-1].get("X-Identity-Token"), published(p))[0]
    assert first["kid"] != second["kid"]


def test_keys_that_are_refused(make_proxy, pki):
    p = make_proxy()
    rows = [
        (new_key_file(pki, "open.key", mode=0o644), "is open to other users"),
        (new_key_file(pki, "rsa.key", rsa.generate_private_key(65537, 2048)), "no key on the curve"),
        (new_key_file(pki, "p384.key", ec.generate_private_key(ec.SECP384R1())),
         "no key on the curve"),
        (str(pki.write("encrypted.key", key_pem(new_key(), b"secret"))), "is encrypted"),
        (str(pki.dir / "ca.crt"), "holds no PEM private key"),
        (str(pki.dir / "absent.key"), "No such file"),
    ]
    for path, text in rows:
        for section in ({"token": {**TOKEN, "keys": [path]}, "signature": None},
                        {"signature": {"keys": path}, "token": None}):
            p.write_config(section)
            found = p.run("check", "-c", str(p.config_path))
            assert found.returncode == 1 and text in found.stderr, (path, found.stderr)
    p.write_config({"signature": None, "token": {"keys": [rows[0][0]]}})
    found = p.run("check", "-c", str(p.config_path)).stderr
    assert "token.issuer: is needed with token.keys" in found
    assert "token.audience: is needed with token.keys" in found


def base_of(request, components, params, method, path):
    """The signature base of RFC 9421 2.5, made by the RFC's words for these tests."""
    derived = {"@method": method, "@authority": request.get("Host").lower(),
               "@path": path.split("?")[0], "@query": "?" + path.partition("?")[2],
               "@target-uri": "https://" + request.get("Host") + path, "@scheme": "https",
               "@request-target": path}
    lines = []
    for name in components:
        value = derived[name] if name.startswith("@") else ", ".join(request.all(name))
        assert name.startswith("@") or request.all(name), name
        lines.append(f'"{name}": {value}\n')
    return "".join(lines) + f'"@signature-params": {params}'


def read_signature(request, keys, label="countersign", method="GET", path="/"):
    """Covered components and parameters of a good signature."""
    (given,), (signature,) = request.all("Signature-Input"), request.all("Signature")
    assert given.startswith(label + "=") and signature.startswith(f"{label}=:")
    params = given[len(label) + 1:]
    inner, rest = re.fullmatch(r"\(([^)]*)\)(.*)", params).groups()
    components = re.findall(r'"([^"]*)"', inner)
    parameters = dict(p.split("=", 1) for p in rest.split(";")[1:])
    octets = base64.b64decode(signature[len(label) + 2:].rstrip(":"), validate=True)
    verify(keys[parameters["keyid"].strip('"')], octets,
           base_of(request, components, params, method, path).encode())
    return components, parameters


def test_signature(make_proxy, upstream, pki):
    key = new_key_file(pki, "signature.key")
    p = make_proxy({"signature": {"keys": key}, "headers": {
        "dialects": ["own", "rfc9440"], "fields": {"X-Who": "{user}"}}}).start()
    before = int(time.time())
    assert p.get(path="/a/b?c=d").status == 200
    components, parameters = read_signature(upstream.requests[-1], published(p), path="/a/b?c=d")
    assert components == ["@method", "@authority", "@path", "@query", "x-client-user",
                          "x-client-subject", "x-client-issuer", "x-client-serial",
                          "x-client-fingerprint", "x-client-verify", "client-cert", "x-who"]
    assert parameters["alg"] == '"ecdsa-p256-sha256"'
    created, expires = int(parameters["created"]), int(parameters["expires"])
    assert before <= created <= time.time() and expires == created + 60


def test_signature_covers_what_is_asked_for(make_proxy, upstream, pki):
    key = new_key_file(pki, "signature.key")
    p = make_proxy({"signature": {
        "keys": key, "label": "ttrp", "life": "10s",
        "components": ["@target-uri", "@scheme", "@request-target", "content-type", "accept"]},
        "token": {**TOKEN, "keys": key}}).start()
    accept = [("Accept", "text/html"), ("Accept", " */*;q=0.1 ")]
    assert p.get(path="/x?", fields=accept, method="POST").status == 200
    components, parameters = read_signature(upstream.requests[-1], published(p), "ttrp", "POST",
                                            "/x?")
    assert components[:4] == ["@target-uri", "@scheme", "@request-target", "accept"]
    assert "content-type" not in components and "x-identity-token" in components
    assert int(parameters["expires"]) == int(parameters["created"]) + 10
    assert len(published(p)) == 1  # the same key twice is published once


def test_signature_of_a_client_is_not_taken_for_ours(make_proxy, upstream, pki):
    key = new_key_file(pki, "signature.key")
    p = make_proxy({"signature": {"keys": key}}).start()
    forged = [("Signature-Input", 'countersign=("@method");created=1'), ("Signature", "a=:AA==:"),
              ("signature_input", "x=()"), ("SIGNATURE", "x")]
    assert p.get(fields=forged).status == 200
    read_signature(upstream.requests[-1], published(p))
    assert [n for n, _ in upstream.requests[-1].fields if "ignature" in n.lower()] == [
        "Signature-Input", "Signature"]


def test_signature_breaks_with_the_identity(make_proxy, upstream, pki):
    key = new_key_file(pki, "signature.key")
    p = make_proxy({"signature": {"keys": key}}).start()
    assert p.get().status == 200
    request = upstream.requests[-1]
    request.fields = [(n, BOB if n == "X-Client-User" else v) for n, v in request.fields]
    with pytest.raises(InvalidSignature):
        read_signature(request, published(p))


def test_secrets_stay_here(make_signing, pki, upstream):
    """Neither keys nor tokens come to light in logs and in explain."""
    p = make_signing(signature={"keys": new_key_file(pki, "signature.key")}).start()
    assert p.get().status == 200
    token = upstream.requests[-1].get("X-Identity-Token")
    explained = p.run("explain", "-c", str(p.config_path), "--certificate",
                      pki.pair("alice")[0], "--user", ALICE).stdout
    assert "X-Identity-Token: (a token, not made here)" in explained
    text = p.output() + p.access_path.read_text() + p.admin(JWKS)[1]
    assert token.split(".")[2] not in text and "eyJ" not in explained
    assert basic(ALICE, p.passwords[ALICE]) not in text
