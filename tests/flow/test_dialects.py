"""The words in which an upstream is told who asks: what reaches it is read by other people's code."""
import base64
import datetime
import ssl
import urllib.parse

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from pki import Authority, Pki, cert_pem, name
from test_headers import ALICE, twins
from test_resumption import Visitor

ALL = ["rfc9440", "xfcc", "nginx", "apache", "traefik"]
FIELDS = ["Client-Cert", "Client-Cert-Chain", "X-Forwarded-Client-Cert", "X-SSL-Client-Verify",
          "X-SSL-Client-S-DN", "X-SSL-Client-Cert", "SSL_CLIENT_VERIFY", "SSL_CLIENT_S_DN_CN",
          "X-Forwarded-Tls-Client-Cert", "X-Forwarded-Tls-Client-Cert-Info", "X-SSL", "X-SSL-Issuer",
          "X-SSL-Client-DER", "X-Unit"]
EPOCH = datetime.datetime(1970, 1, 1)
ENGLISH = ("", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def der_of(cert):
    return cert.public_bytes(serialization.Encoding.DER)


def byte_sequence(text):
    """A Byte Sequence of structured fields (RFC 8941 3.3.5)."""
    assert text[0] == text[-1] == ":"
    return base64.b64decode(text[1:-1], validate=True)


def parse_xfcc(text):
    """Elements of (key, value) pairs by Envoy's words: only \\" is an escape, inside quotes."""
    elements, pairs, i = [], [], 0
    while i < len(text):
        key, i = text[i:text.index("=", i)], text.index("=", i) + 1
        value = ""
        if text[i:i + 1] == '"':
            i += 1
            while text[i] != '"':
                i += 1 if text[i:i + 2] == '\\"' else 0
                value += text[i]
                i += 1
            i += 1
        else:
            while i < len(text) and text[i] not in ",;":
                value += text[i]
                i += 1
        pairs.append((key, value))
        end = text[i:i + 1]
        assert end in ("", ",", ";"), text[i:]
        if end != ";":
            elements.append(pairs)
            pairs = []
        i += 1
    return elements


def dated(moment):
    return (f"{ENGLISH[moment.month]} {moment.day:2} {moment:%H:%M:%S} {moment.year} GMT")


def test_default_is_our_own(proxy, upstream):
    assert proxy.get().status == 200
    assert upstream.requests[-1].get("X-Client-User") == ALICE
    for field in FIELDS:
        assert upstream.requests[-1].all(field) == [], field


def test_every_dialect_says_the_same(make_proxy, upstream, pki):
    p = make_proxy({"headers": {"dialects": ALL}}).start()
    assert p.get().status == 200
    cert = pki.load("alice")
    told = upstream.requests[-1]
    assert told.all("X-Client-User") == []  # "own" is not in the list
    assert byte_sequence(told.get("Client-Cert")) == der_of(cert)
    assert told.all("Client-Cert-Chain") == []
    (pairs,) = parse_xfcc(told.get("X-Forwarded-Client-Cert"))
    assert [key for key, _ in pairs] == ["Hash", "Cert", "Subject"]
    xfcc = dict(pairs)
    assert xfcc["Hash"] == cert.fingerprint(hashes.SHA256()).hex()
    assert urllib.parse.unquote(xfcc["Cert"]).encode() == cert_pem(cert)
    assert xfcc["Subject"] == cert.subject.rfc4514_string()
    assert told.get("X-SSL-Client-Verify") == told.get("SSL_CLIENT_VERIFY") == "SUCCESS"
    assert urllib.parse.unquote(told.get("X-SSL-Client-Cert")).encode() == cert_pem(cert)
    assert told.get("X-SSL-Client-Fingerprint") == cert.fingerprint(hashes.SHA1()).hex()
    assert int(told.get("X-SSL-Client-Serial"), 16) == cert.serial_number
    assert told.get("X-SSL-Client-V-End") == dated(cert.not_valid_after)
    assert told.get("SSL_CLIENT_S_DN_CN") == ALICE
    body = told.get("SSL_CLIENT_CERT").replace("-----BEGIN CERTIFICATE-----", "").replace(
        "-----END CERTIFICATE-----", "").replace(" ", "")
    assert base64.b64decode(body) == der_of(cert)
    assert base64.b64decode(told.get("X-Forwarded-Tls-Client-Cert")) == der_of(cert)
    info = urllib.parse.unquote(told.get("X-Forwarded-Tls-Client-Cert-Info"))
    assert info == (f'Subject="O=Example,CN={ALICE}";Issuer="CN=Test CA";'
                    f'SerialNumber="{cert.serial_number}";'
                    f'NB="{int((cert.not_valid_before - EPOCH).total_seconds())}";'
                    f'NA="{int((cert.not_valid_after - EPOCH).total_seconds())}"')


def test_haproxy(make_proxy, upstream, pki):
    p = make_proxy({"headers": {"dialects": ["own", "haproxy"]}}).start()
    assert p.get().status == 200
    cert = pki.load("alice")
    told = upstream.requests[-1]
    assert told.get("X-Client-User") == ALICE
    assert told.get("X-SSL") == "1" and told.get("X-SSL-Client-Verify") == "0"
    assert told.get("X-SSL-Client-DN") == f'"/O=Example/CN={ALICE}"'
    assert told.get("X-SSL-Client-CN") == f'"{ALICE}"'
    assert told.get("X-SSL-Issuer") == '"/CN=Test CA"'
    assert told.get("X-SSL-Client-NotAfter") == f'"{cert.not_valid_after:%y%m%d%H%M%S}Z"'
    assert base64.b64decode(told.get("X-SSL-Client-DER")) == der_of(cert)


@pytest.mark.parametrize("dialects", [ALL, ["haproxy"], []], ids=["all", "haproxy", "none"])
def test_no_copy_from_a_client(make_proxy, upstream, pki, dialects):
    """Whatever is chosen, with and without a certificate."""
    p = make_proxy({"headers": {"dialects": dialects, "fields": {"X-Unit": "{subject.OU}"}},
                    "routes": [{"path": "/", "require": "none", "upstream": "api"}]})
    p.config["listeners"][0]["client"]["mode"] = "optional"
    p.write_config()
    p.start()
    fields = [(twin, "eve") for field in FIELDS for twin in sorted(twins(field))]
    fields = [f for f in fields if len(f[0]) < 64]
    for pair in ("alice", None):
        for i in range(0, len(fields), 60):
            assert p.get(pair, user=None, fields=fields[i:i + 60]).status == 200
            for n, v in upstream.requests[-1].fields:
                assert v != "eve", (n, v)


def test_without_certificate(make_proxy, upstream):
    p = make_proxy({"headers": {"dialects": ALL},
                    "routes": [{"path": "/", "require": "none", "upstream": "api"}]})
    p.config["listeners"][0]["client"]["mode"] = "optional"
    p.write_config()
    p.start()
    assert p.get(None, user=None).status == 200
    told = upstream.requests[-1]
    assert told.get("X-SSL-Client-Verify") == told.get("SSL_CLIENT_VERIFY") == "NONE"
    for field in FIELDS:
        assert field.endswith(("Verify", "VERIFY")) or told.all(field) == [], field


def test_chain(make_proxy, upstream, pki):
    """The chain by which the certificate was judged, whatever else the client sends."""
    middle = Authority("Middle CA", issuer=pki.ca, path_length=0)
    stranger = Authority("Stranger")
    cert = pki.client("deep", pki.subject(ALICE), authority=middle,
                      chain=[stranger.cert, middle.cert])
    p = make_proxy({"headers": {"dialects": ["rfc9440", "xfcc", "traefik"], "chain": True}}).start()
    assert p.get("deep", ALICE).status == 200
    told = upstream.requests[-1]
    wanted = [der_of(middle.cert), der_of(pki.ca.cert)]
    assert byte_sequence(told.get("Client-Cert")) == der_of(cert)
    assert [byte_sequence(m) for m in told.get("Client-Cert-Chain").split(", ")] == wanted
    (pairs,) = parse_xfcc(told.get("X-Forwarded-Client-Cert"))
    assert urllib.parse.unquote(dict(pairs)["Chain"]).encode() == cert_pem(
        cert, middle.cert, pki.ca.cert)
    assert [base64.b64decode(m) for m in told.get("X-Forwarded-Tls-Client-Cert").split(",")] == [
        der_of(cert)] + wanted


@pytest.mark.parametrize("common_name", ['a",Subject="CN=admin', "a;URI=x", "\\", 'x\\"', "bär",
                                         "a=b,c", "#x", " x", "x+y"])
def test_xfcc_survives_hostile_names(make_proxy, upstream, pki, common_name):
    pki.client("hostile", name((NameOID.COMMON_NAME, common_name), (NameOID.USER_ID, ALICE)),
               san=[x509.UniformResourceIdentifier("spiffe://a/b;c"), x509.DNSName("a.example"),
                    x509.UniformResourceIdentifier("urn:b")])
    p = make_proxy({"identity": {"user_id": "subject.UID"}, "headers": {"dialects": ["xfcc"]}})
    p.start()
    assert p.get("hostile", ALICE).status == 200
    (pairs,) = parse_xfcc(upstream.requests[-1].get("X-Forwarded-Client-Cert"))
    assert [key for key, _ in pairs] == ["Hash", "Cert", "Subject", "URI", "URI", "DNS"]
    assert [v for k, v in pairs if k == "URI"] == ["spiffe://a/b;c", "urn:b"]
    subject = dict(pairs)["Subject"]
    assert unescaped(subject) == f"UID={ALICE},CN={common_name}"


def unescaped(text):
    """RFC 2253 text with its escapes undone."""
    out, data, i = bytearray(), text.encode(), 0
    while i < len(data):
        if data[i:i + 1] != b"\\":
            out += data[i:i + 1]
            i += 1
        elif data[i + 1:i + 3].isalnum() and len(data[i + 1:i + 3]) == 2:
            out.append(int(data[i + 1:i + 3], 16))
            i += 3
        else:
            out += data[i + 1:i + 2]
            i += 2
    return out.decode()


def test_templates(make_proxy, upstream, pki):
    pki.client("dev", name((NameOID.ORGANIZATION_NAME, "Bär, Inc."),
                           (NameOID.ORGANIZATIONAL_UNIT_NAME, "dev"),
                           (NameOID.ORGANIZATIONAL_UNIT_NAME, "ops"),
                           (NameOID.COMMON_NAME, ALICE)), san=[x509.DNSName("a.example")])
    p = make_proxy({"headers": {"dialects": ["own"], "fields": {
        "X-Dept": "{subject.OU}", "X-Org": "{subject.O}", "X-Who": "{user} of {issuer.CN}",
        "X-Names": "dns={san.dns}", "X-Absent": "{subject.UID}", "X-Fixed": "{{x}}"}}}).start()
    assert p.get("dev", ALICE).status == 200
    told = upstream.requests[-1]
    assert told.get("X-Dept") == "dev,ops"
    assert told.get("X-Org") == "B%C3%A4r%2C Inc."
    assert told.get("X-Who") == f"{ALICE} of Test CA"
    assert told.get("X-Names") == "dns=a.example"
    assert told.all("X-Absent") == []
    assert told.get("X-Fixed") == "{x}"


def test_mistakes_have_a_place(make_proxy):
    p = make_proxy({"headers": {"dialects": ["nginx", "haproxy", "envoy"],
                                "fields": {"X-Dept": "a {subject.Dept}"}}})
    assert "envoy" in p.run("check", "-c", str(p.config_path)).stderr
    p.write_config({"headers": {"dialects": ["nginx", "haproxy"]}})
    found = p.run("check", "-c", str(p.config_path))
    assert found.returncode == 1
    assert "nginx and haproxy both set the field X-SSL-Client-Verify" in found.stderr
    assert 'headers.fields.X-Dept: at character 3: there is no attribute "Dept"' in found.stderr


def test_too_much_to_tell(make_proxy, upstream, pki):
    pki.client("long", name((NameOID.ORGANIZATION_NAME, "x" * 900), (NameOID.COMMON_NAME, ALICE)))
    p = make_proxy({"headers": {"dialects": ["xfcc"], "generated_max": "1KiB"}}).start()
    answer = p.get("long", ALICE)
    assert answer.status == 403 and p.refusals("identity_fields_too_large") == 1
    assert p.record(answer)["auth.reason"] == "identity_fields_too_large"
    assert upstream.requests == []


@pytest.mark.parametrize("vary, wanted", [
    ("Client-Cert", "*"), ("accept, client-cert-chain", "*"), ("Accept", "Accept"),
    ("X-Client-Cert", "X-Client-Cert")])
def test_vary(proxy, upstream, vary, wanted):
    upstream.answer = f"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nVary: {vary}\r\n\r\n".encode()
    assert proxy.get().get("vary") == wanted


def test_explain_shows_the_same(make_proxy, upstream, pki):
    p = make_proxy({"headers": {"dialects": ALL, "fields": {"X-Who": "{user}"}}}).start()
    assert p.get().status == 200
    text = p.run("explain", "-c", str(p.config_path), "--certificate", pki.pair("alice")[0],
                 "--user", ALICE).stdout
    for field in FIELDS + ["X-Who"]:
        for value in upstream.requests[-1].all(field):
            assert f"  {field}: {value}\n" in text, field


def test_reload_changes_the_words(make_proxy, upstream):
    p = make_proxy().start()
    with p.connect() as client:
        assert client.get("/", ALICE, p.passwords[ALICE]).status == 200
        p.write_config({"headers": {"dialects": ["rfc9440"]}})
        assert p.reload().returncode == 0
        assert client.get("/", ALICE, p.passwords[ALICE]).status == 200
    first, second = upstream.requests[-2:]
    assert first.get("X-Client-User") == ALICE and first.get("Client-Cert") is None
    assert second.get("X-Client-User") is None and second.get("Client-Cert")


# What is not about who asks, or about this one request.
OF_THE_REQUEST = {"x-request-id", "traceparent", "via", "forwarded", "x-forwarded-for"}
TEMPLATES = {"X-Unit": "{subject.O}/{serial.decimal}/{fingerprint.sha1}",
             "X-Dates": "{not_before} {not_after}", "X-Names": "{subject} {issuer}",
             "X-Whole": "{certificate}"}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3],
                         ids=["1.2", "1.3"])
@pytest.mark.parametrize("dialects", [["own", *ALL], ["own", "haproxy"]], ids=["all", "haproxy"])
@pytest.mark.parametrize("pair", ["alice", "below"])
def test_resumed_says_the_same(make_proxy, upstream, tmp_path, version, dialects, pair):
    """A resumed session tells octet for octet what the full handshake told. (headers.chain and
    resumption exclude each other.)"""
    directory = tmp_path / "pki"
    directory.mkdir()
    own = Pki(directory)
    middle = Authority("Middle CA", issuer=own.ca)
    own.client("below", own.subject(ALICE), authority=middle, chain=[middle.cert])
    p = make_proxy({"headers": {"dialects": dialects, "fields": TEMPLATES},
                    "resumption": {"enabled": True}}, pki=own).start()
    visitor = Visitor(own, version, pair)
    told = []
    for resumed in (False, True, True):
        answer, was_resumed = visitor.visit(p)
        assert (answer.status, was_resumed) == (200, resumed)
        told.append(sorted((n, v) for n, v in upstream.requests[-1].fields
                           if n.lower() not in OF_THE_REQUEST))
    assert told[0] == told[1] == told[2]
    names = {n.lower() for n, _ in told[0]}
    assert names >= {n.lower() for n in TEMPLATES} | {"x-client-user"}
    if "rfc9440" in dialects:
        assert "client-cert" in names and "client-cert-chain" not in names


def test_a_space_at_the_end_of_a_name(make_proxy, upstream, tmp_path):
    """It is part of the name, and a field value would lose it."""
    directory = tmp_path / "pki"
    directory.mkdir()
    own = Pki(directory)
    for stem, company in (("spaced", "Acme "), ("plain", "Acme")):
        own.client(stem, name((NameOID.ORGANIZATION_NAME, company), (NameOID.COMMON_NAME, ALICE)))
    p = make_proxy(pki=own).start()
    subjects = []
    for pair in ("spaced", "plain"):
        assert p.get(pair).status == 200
        subjects.append(upstream.requests[-1].get("X-Client-Subject"))
    assert subjects == [f"CN={ALICE},O=Acme\\20", f"CN={ALICE},O=Acme"]


def test_a_value_that_is_no_text(make_proxy, upstream, pki):
    """It has no words: those that could be made for it could be another's."""
    from cryptography.x509.name import _ASN1Type
    pki.client("octets", name((NameOID.X500_UNIQUE_IDENTIFIER, b"\0abc", _ASN1Type.BitString),
                              (NameOID.COMMON_NAME, ALICE)))
    pki.client("text", name((NameOID.ORGANIZATION_NAME, "#616263", _ASN1Type.UTF8String),
                            (NameOID.COMMON_NAME, ALICE)))
    proxy = make_proxy({"headers": {"fields": {
        "X-Id": "{subject.x500UniqueIdentifier}", "X-O": "{subject.O}"}}}).start()
    assert proxy.get("octets").status == 200
    assert upstream.requests[-1].all("X-Id") == []
    assert proxy.get("text").status == 200
    assert upstream.requests[-1].all("X-O") == ["#616263"]
