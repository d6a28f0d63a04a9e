"""The examples of docs/headers.md, asked of the running program: each yaml block is put into a
configuration, and the text block behind it holds the identity fields that then reach the upstream,
all of them; "..." stands for anything."""
import json
import re
import shutil

import pytest
import yaml

from documents import ROOT, blocks
from pki import key_pem, new_key
from test_signed import JWKS, published, read_signature, read_token

PAGE = "docs/headers.md"
EXAMPLE = ROOT / "tests/vectors/headers"
ALICE = "alice@example.com"
COMMON = {"host", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-request-id", "via"}


def examples():
    """(yaml, text, json or None) in the page's order."""
    found, last = [], None
    for block in blocks(PAGE):
        if block.language == "yaml":
            last = block
        elif block.language == "text" and last is not None:
            found.append([last, block, None])
            last = None
        elif block.language == "json" and found:
            found[-1][2] = block
    return found


def matches(shown, value):
    return re.fullmatch(".*".join(re.escape(part) for part in shown.split("...")), value)


@pytest.fixture
def example_proxy(make_proxy, pki):
    """A proxy that lets the certificate of the examples in."""
    for name in ("alice.crt", "alice.key"):
        shutil.copy(EXAMPLE / name, pki.dir / f"example-{name}")
    p = make_proxy()
    p.config["listeners"][0]["client"]["ca"] = str(EXAMPLE / "ca.crt")
    for name in ("token", "signature"):
        path = p.dir / f"{name}.key"
        path.write_bytes(key_pem(new_key()))
        path.chmod(0o600)
    p.write_config()
    return p.start()


def test_there_is_an_example_of_each():
    text = "".join(b.text for b, _, _ in examples())
    for word in ("own", "rfc9440", "xfcc", "nginx", "apache", "traefik", "haproxy", "fields:",
                 "token:", "signature:"):
        assert word in text, word


def test_examples(example_proxy, upstream):
    p = example_proxy
    before = p.config
    for configuration, shown, claims in examples():
        p.config = {**before}
        p.write_config(yaml.safe_load(configuration.text))
        assert p.reload().returncode == 0, configuration
        with p.connect("example-alice") as client:
            assert client.get("/orders?id=7", ALICE, p.passwords[ALICE]).status == 200
        told = [(n, v) for n, v in upstream.requests[-1].fields if n.lower() not in COMMON]
        wanted = [tuple(line.split(": ", 1)) for line in shown.text.splitlines()]
        assert [n for n, _ in told] == [n for n, _ in wanted], shown
        for (name, value), (_, text) in zip(told, wanted):
            assert matches(text, value), f"{shown}: {name}: {value}"
        if "X-Identity-Token" in dict(told):
            check_claims(dict(told)["X-Identity-Token"], json.loads(claims.text), p)
        if "Signature" in dict(told):
            read_signature(upstream.requests[-1], published(p), path="/orders?id=7")


def check_claims(token, shown, p):
    _, claims = read_token(token, published(p))
    assert claims["exp"] - claims["iat"] == shown["exp"] - shown["iat"]
    assert {**claims, "exp": 0, "iat": 0} == {**shown, "exp": 0, "iat": 0}


def test_the_key_set_is_where_it_says():
    assert JWKS in (ROOT / PAGE).read_text()
