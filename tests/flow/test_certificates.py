"""Which certificates are accepted, what the others get, and who a certificate is."""
import datetime
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pki import DAY, NOW, Authority, Pki, cert_pem, crl_pem, key_pem, name
from proxy import wait_until

ALICE = "alice@example.com"
CN, EMAIL, UID = NameOID.COMMON_NAME, NameOID.EMAIL_ADDRESS, NameOID.USER_ID


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    """A CA with certificates of every bad kind."""
    pki = Pki(tmp_path_factory.mktemp("zoo"))
    alice = pki.subject(ALICE)
    pki.client("expired", alice, not_before=NOW - 10 * DAY, not_after=NOW - DAY)
    pki.client("early", alice, not_before=NOW + DAY, not_after=NOW + 10 * DAY)
    pki.client("stranger", alice, authority=Authority("Other CA"))
    pki.client("impostor", alice, authority=Authority("Test CA"))
    pki.client("server-purpose", alice, usage=ExtendedKeyUsageOID.SERVER_AUTH)
    pki.client("ca-as-leaf", alice, is_ca=True)
    pki.client("weak", alice, key=rsa.generate_private_key(65537, 1024))
    revoked = pki.client("revoked", alice)
    chain = []
    issuer = pki.ca
    for depth in range(5):
        issuer = Authority(f"Intermediate {depth}", issuer)
        chain.insert(0, issuer.cert)
        pki.client(f"deep{depth + 1}", alice, authority=issuer, chain=tuple(chain))
    pki.write("revoked.crl", crl_pem(pki.ca.crl(revoked)))
    pki.write("old.crl", crl_pem(pki.ca.crl(last=NOW - 3 * DAY, following=NOW - DAY)))
    return pki


# certificate, client settings, reason, words of the alert (refuse mode, TLS 1.3)
BAD = [
    (None, {}, "client_cert_missing", "certificate required"),
    ("expired", {}, "client_cert_expired", "certificate expired"),
    ("early", {}, "client_cert_not_yet_valid", "bad certificate"),
    ("stranger", {}, "client_cert_unknown_ca", "unknown ca"),
    ("impostor", {}, None, None),
    ("server-purpose", {}, "client_cert_purpose", "unsupported certificate"),
    ("ca-as-leaf", {}, None, None),
    ("weak", {}, "client_cert_weak_key", None),
    ("deep5", {}, "client_cert_chain_too_long", None),
    ("deep2", {"depth_max": 1}, "client_cert_chain_too_long", None),
    ("revoked", {"crl": "revoked.crl"}, "client_cert_revoked", "certificate revoked"),
    ("alice", {"crl": "old.crl"}, "crl_expired", None),
    ("deep1", {"crl": "empty.crl"}, "crl_missing", None),
]
GOOD = [("alice", {}), ("deep1", {}), ("deep3", {}), ("alice", {"crl": "revoked.crl"}),
        ("alice", {"crl": "old.crl", "insecure_expired_crl": True})]


def with_client(make_proxy, zoo, client, on_failure):
    proxy = make_proxy(pki=zoo)
    section = proxy.config["listeners"][0]["client"]
    section.update(client, on_failure=on_failure)
    if "crl" in client:
        section["crl"] = str(zoo.dir / client["crl"])
    proxy.write_config()
    return proxy.start()


@pytest.mark.parametrize("row", BAD, ids=[f"{r[0]}-{r[2]}" for r in BAD])
def test_bad_certificate_answered(make_proxy, upstream, zoo, row):
    pair, client, reason, _ = row
    proxy = with_client(make_proxy, zoo, client, "answer")
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        with proxy.connect(pair, version=version, context_changes=weak_allowed) as connection:
            answer = connection.get("/", ALICE, "wonder land")
        assert answer.status == 400 and answer.problem()["status"] == 400
        record = proxy.record(answer)
        assert record["auth.reason"] == reason or (
            reason is None and record["auth.reason"].startswith("client_cert_")), record
    assert upstream.requests == []


def weak_allowed(context):
    context.set_ciphers("DEFAULT@SECLEVEL=0")


@pytest.mark.parametrize("row", BAD, ids=[f"{r[0]}-{r[2]}" for r in BAD])
def test_bad_certificate_refused_by_alert(make_proxy, upstream, zoo, row):
    pair, client, reason, alert = row
    proxy = with_client(make_proxy, zoo, client, "refuse")
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        with pytest.raises(OSError) as raised:
            with proxy.connect(pair, version=version, context_changes=weak_allowed) as connection:
                connection.get("/", ALICE, "wonder land")
                raise AssertionError("it was let in")
        assert "alert" in str(raised.value).lower(), "the alert must reach the client, not a reset"
        if alert and version == ssl.TLSVersion.TLSv1_3:
            assert alert in str(raised.value).lower().replace("_", " ")
    failures = wait_until(lambda: len(proxy.events("handshake_failed")) >= 2 and
                          proxy.events("handshake_failed"))
    if reason is not None:
        assert {f["reason"] for f in failures} == {reason}
        assert proxy.refusals(reason) >= 2
    assert upstream.requests == []


@pytest.mark.parametrize("row", GOOD, ids=[f"{r[0]}-{len(r[1])}" for r in GOOD])
@pytest.mark.parametrize("on_failure", ["refuse", "answer"])
def test_good_certificate(make_proxy, zoo, row, on_failure):
    proxy = with_client(make_proxy, zoo, row[1], on_failure)
    assert proxy.get(row[0]).status == 200


# subject or SAN, user_id rule, reason (None: alice is let in)
def email(value, kind=_ASN1Type.IA5String):
    return (EMAIL, value, kind)


HOSTILE = {
    "ok": (name(email(ALICE)), None, "subject.emailAddress", None),
    "email-utf8": (name(email(ALICE, _ASN1Type.UTF8String)), None, "subject.emailAddress", None),
    "multi-rdn-cn-email": (name([(CN, "x"), email(ALICE)]), None, "subject.emailAddress", None),
    "two-emails": (name(email("eve@example.com"), email(ALICE)), None, "subject.emailAddress",
                   "cert_identity_repeated"),
    "two-emails-other-order": (name(email(ALICE), email("eve@example.com")), None,
                               "subject.emailAddress", "cert_identity_repeated"),
    "same-email-twice": (name(email(ALICE), email(ALICE)), None, "subject.emailAddress",
                         "cert_identity_repeated"),
    "two-in-one-rdn": (name([email("eve@example.com"), email(ALICE)]), None,
                       "subject.emailAddress", "cert_identity_repeated"),
    "cn-holds-email-comma": (name((CN, f"x,emailAddress={ALICE}")), None, "subject.emailAddress",
                             "cert_identity_missing"),
    "cn-holds-email-slash": (name((CN, f"x/emailAddress={ALICE}")), None, "subject.emailAddress",
                             "cert_identity_missing"),
    "cn-holds-email-and-own": (name((CN, f"x,emailAddress={ALICE}"), email("eve@example.com")),
                               None, "subject.emailAddress", "pairing_mismatch"),
    "nul": (name(email(ALICE + "\0.evil")), None, "subject.emailAddress",
            "cert_identity_malformed"),
    "crlf": (name(email(ALICE + "\r\n")), None, "subject.emailAddress", "cert_identity_malformed"),
    "list": (name(email(f"{ALICE},eve@example.com")), None, "subject.emailAddress",
             "cert_identity_malformed"),
    "trailing-space": (name(email(ALICE + " ")), None, "subject.emailAddress", None),
    "upper-case-local": (name(email("ALICE@example.com")), None, "subject.emailAddress",
                         "pairing_mismatch"),
    "cyrillic": (name(email("\u0430lice@example.com", _ASN1Type.UTF8String)), None,
                 "subject.emailAddress", "cert_identity_malformed"),
    "bmp": (name(email(ALICE, _ASN1Type.BMPString)), None, "subject.emailAddress",
            "cert_identity_malformed"),
    "san-only": (name((CN, "x")), [x509.RFC822Name(ALICE)], "subject.emailAddress",
                 "cert_identity_missing"),
    "none": (name((CN, "x")), None, "subject.emailAddress", "cert_identity_missing"),
    "san-ok": (name((CN, "x")), [x509.RFC822Name(ALICE)], "san.email", None),
    "san-two": (name((CN, "x")), [x509.RFC822Name(ALICE), x509.RFC822Name("eve@example.com")],
                "san.email", "cert_identity_repeated"),
    "uid-ok": (name((CN, "x"), (UID, ALICE)), None, "subject.UID", None),
    "uid-two": (name((UID, "eve"), (UID, ALICE)), None, "subject.UID", "cert_identity_repeated"),
    "uid-hidden-in-cn": (name((CN, f"x,UID={ALICE}"), (UID, "eve")), None, "subject.UID",
                         "pairing_mismatch"),
    "cn-two": (name((CN, "eve"), (CN, ALICE)), None, "subject.CN", "cert_identity_repeated"),
    "cn-colon": (name((CN, ALICE + ":x")), None, "subject.CN", "cert_identity_malformed"),
    "cn-control": (name((CN, "alice\x01")), None, "subject.CN", "cert_identity_malformed"),
    "cn-bmp": (name((CN, ALICE, _ASN1Type.BMPString)), None, "subject.CN", None),
}


@pytest.mark.parametrize("rule", sorted({r[2] for r in HOSTILE.values()}))
def test_hostile_subjects(make_proxy, upstream, zoo, rule):
    proxy = make_proxy({"identity": {"user_id": rule}}, pki=zoo).start()
    for case, (subject, san, its_rule, reason) in HOSTILE.items():
        if its_rule != rule:
            continue
        zoo.client("hostile", subject, san=san)
        for octetwise in (False, True):
            seen = len(upstream.requests)
            with proxy.connect("hostile") as client:
                client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic "
                            b"YWxpY2VAZXhhbXBsZS5jb206d29uZGVyIGxhbmQ=\r\n\r\n", octetwise)
                answer = client.answer()
            record = proxy.record(answer)
            if case == "trailing-space":
                assert answer.status == 403, case
                continue
            assert record["auth.reason"] == (reason or "ok"), (case, record)
            assert answer.status == (403 if reason else 200), case
            assert len(upstream.requests) == seen + (0 if reason else 1)


def test_identity_comes_from_the_leaf_of_this_connection(make_proxy, zoo):
    """Another user's certificate among the chain changes nothing."""
    proxy = make_proxy(pki=zoo).start()
    for first, second, status in (("alice", "bob", 200), ("bob", "alice", 403)):
        zoo.write("double.crt", cert_pem(zoo.load(first), zoo.load(second)))
        zoo.write("double.key", (zoo.dir / f"{first}.key").read_bytes())
        assert proxy.get("double").status == status


def refusal(client):
    """alice's next answer if it is no longer 200."""
    answer = client.get("/", ALICE, "wonder land")
    return answer if answer.status != 200 else None


def test_certificate_that_expires_while_the_connection_lives(make_proxy, zoo):
    proxy = make_proxy(pki=zoo).start()
    now = datetime.datetime.utcnow().replace(microsecond=0)
    zoo.client("short", zoo.subject(ALICE), not_before=NOW - DAY,
               not_after=now + datetime.timedelta(seconds=3))
    with proxy.connect("short") as client:
        assert client.get("/", ALICE, "wonder land").status == 200
        answer = wait_until(lambda: refusal(client))
    assert answer.status == 400 and proxy.record(answer)["auth.reason"] == "client_cert_expired"


def test_crl_or_ca_that_expires_while_the_connection_lives(make_proxy, zoo):
    soon = datetime.datetime.utcnow().replace(microsecond=0) + datetime.timedelta(seconds=4)
    middle = Authority("Short CA", issuer=zoo.ca, not_after=soon)
    zoo.client("brief", zoo.subject(ALICE), authority=middle, chain=[middle.cert])
    proxy = make_proxy(pki=zoo).start()
    with proxy.connect("brief") as client:
        assert client.get("/", ALICE, "wonder land").status == 200
        answer = wait_until(lambda: refusal(client))
        assert answer.status == 400 and proxy.record(answer)["auth.reason"] == "client_cert_expired"

    soon = datetime.datetime.utcnow().replace(microsecond=0) + datetime.timedelta(seconds=4)
    zoo.write("short.crl", crl_pem(zoo.ca.crl(following=soon)))
    proxy = make_proxy(pki=zoo)
    proxy.config["listeners"][0]["client"]["crl"] = str(zoo.dir / "short.crl")
    proxy.write_config()
    proxy.start()
    with proxy.connect("alice") as client, proxy.connect("bob") as silent:
        assert client.get("/", ALICE, "wonder land").status == 200
        answer = wait_until(lambda: refusal(client))
        assert answer.status == 400 and proxy.record(answer)["auth.reason"] == "crl_expired"
        zoo.write("new.crl", crl_pem(zoo.ca.crl())).rename(zoo.dir / "short.crl")
        wait_until(lambda: proxy.get().status == 200)
        assert silent.get("/", "bob@example.com", "b:ob").status == 200


def test_withdrawn_while_the_connection_lives(make_proxy, zoo):
    zoo.write("live.crl", crl_pem(zoo.ca.crl()))
    proxy = make_proxy(pki=zoo)
    proxy.config["listeners"][0]["client"]["crl"] = str(zoo.dir / "live.crl")
    proxy.write_config()
    proxy.start()
    with proxy.connect("alice") as alice, proxy.connect("bob") as bob:
        assert alice.get("/", ALICE, "wonder land").status == 200
        assert bob.get("/", "bob@example.com", "b:ob").status == 200
        zoo.write("new.crl", crl_pem(zoo.ca.crl(zoo.load("alice")))).rename(zoo.dir / "live.crl")
        assert alice.at_end(), "the connection is ended without waiting for a request"
        assert proxy.refusals("client_cert_withdrawn") == 1
        assert bob.get("/", "bob@example.com", "b:ob").status == 200
    with proxy.connect("alice") as again:
        assert again.get("/", ALICE, "wonder land").status == 400


def test_there_is_no_resumption(proxy):
    """A resumed session would skip the checks of a handshake."""
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        with proxy.connect(version=version) as client:
            assert client.get("/", ALICE, "wonder land").status == 200
            session = client.tls.session
            assert session is None or not session.has_ticket


def test_plain_http_gets_an_answer(proxy):
    import socket
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as s:
        s.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        data = b""
        while piece := s.recv(4096):
            data += piece
    assert data.startswith(b"HTTP/1.1 400 ")
    assert proxy.refusals("plain_http_on_tls_port") == 1
    record = wait_until(proxy.access)[-1]
    assert record["auth.reason"] == "plain_http_on_tls_port"
    assert record["http.response.status_code"] == 400


def multi_site(make_proxy, zoo, unknown):
    other = Authority("Second CA")
    zoo.write("second.crt", cert_pem(other.cert))
    zoo.client("second-alice", zoo.subject(ALICE), authority=other)
    for stem, host in (("api", "api.example.com"), ("wild", "*.example.org"), ("twin", "twin.test")):
        zoo.server(stem, host)
    proxy = make_proxy(pki=zoo)
    listener = proxy.config["listeners"][0]
    site = lambda stem, *names, **more: {"names": list(names),
                                         "certificate": str(zoo.dir / f"{stem}.crt"),
                                         "key": str(zoo.dir / f"{stem}.key"), **more}
    listener["names"] = [
        site("api", "api.example.com",
             client={"ca": str(zoo.dir / "second.crt"), "on_failure": "answer"}),
        site("wild", "*.example.org"), site("twin", "twin.test")]
    listener["unknown_name"] = unknown
    proxy.write_config()
    return proxy.start()


def served(client):
    return x509.load_der_x509_certificate(client.tls.getpeercert(True)).subject.rfc4514_string()


def test_sites_by_name(make_proxy, zoo):
    proxy = multi_site(make_proxy, zoo, "default")
    table = [("api.example.com", "second-alice", "CN=api.example.com", 200),
             ("API.Example.Com", "second-alice", "CN=api.example.com", 200),
             ("api.example.com", "alice", "CN=api.example.com", 400),
             ("x.example.org", "alice", "CN=*.example.org", 200),
             ("x.y.example.org", "alice", "CN=localhost", 200),
             ("localhost", "alice", "CN=localhost", 200),
             ("localhost", "second-alice", "CN=localhost", 400),
             (None, "alice", "CN=localhost", 200)]
    for sni, pair, subject, status in table:
        with proxy.connect(pair, name=sni) as client:
            assert served(client) == subject, sni
            host = sni or "localhost"
            assert client.get("/", ALICE, "wonder land", host=host).status == status, (sni, pair)


def test_unknown_name_refused(make_proxy, zoo):
    proxy = multi_site(make_proxy, zoo, "refuse")
    for sni in ("unknown.test", "x.y.example.org", None):
        with pytest.raises(OSError) as raised:
            proxy.connect("alice", name=sni)
        assert "unrecognized" in str(raised.value).lower()
    assert proxy.refusals("tls_unknown_name") == 3
    with proxy.connect("alice", name="x.example.org") as client:
        assert client.get("/", ALICE, "wonder land", host="x.example.org").status == 200


def test_sni_and_host_of_different_policies(make_proxy, upstream, zoo):
    proxy = multi_site(make_proxy, zoo, "default")
    with proxy.connect("alice", name="localhost") as client:
        assert client.get("/", ALICE, "wonder land", host="api.example.com").status == 421
        answer = client.get("/", ALICE, "wonder land", host="API.EXAMPLE.COM:443")
        assert answer.status == 421 and proxy.record(answer)["auth.reason"] == "misdirected"
        # another name that asks the same of clients is no other policy
        assert client.get("/", ALICE, "wonder land", host="x.example.org").status == 200
    with proxy.connect("second-alice", name="api.example.com") as client:
        assert client.get("/", ALICE, "wonder land", host="localhost").status == 421
        assert client.get("/", ALICE, "wonder land", host="api.example.com").status == 200
    assert len(upstream.requests) == 2


REQUIRE = [
    # require, mode, certificate, user, status
    ("none", "optional", None, None, 200), ("none", "optional", "alice", None, 200),
    ("certificate", "optional", "alice", None, 200), ("certificate", "optional", None, None, 403),
    ("certificate", "optional", None, ALICE, 403),
    ("password", "optional", None, ALICE, 200), ("password", "optional", None, None, 401),
    ("either", "optional", None, ALICE, 200), ("either", "optional", "alice", None, 200),
    ("either", "optional", None, None, 401), ("either", "optional", "bob", ALICE, 403),
    ("both", "optional", "alice", ALICE, 200), ("both", "optional", "alice", None, 401),
    ("both", "optional", None, ALICE, 403), ("both", "optional", "bob", ALICE, 403),
    ("both", "require", "alice", ALICE, 200), ("none", "require", None, None, 400),
    ("both", "optional", None, "carol@example.com", 200),
    ("both", "optional", "alice", "carol@example.com", 403),
    ("both", "optional", "carol", "carol@example.com", 200),
]


def test_require(make_proxy, upstream):
    by_mode = {}
    for mode in ("optional", "require"):
        proxy = make_proxy({
            "routes": [{"path": f"/{r}", "require": r, "upstream": "api"}
                       for r in ("both", "certificate", "password", "either", "none")],
            "users": {"rules": [{"user": "carol@example.com", "certificate": "optional"}]}})
        proxy.config["listeners"][0]["client"]["mode"] = mode
        proxy.write_config()
        by_mode[mode] = proxy.start()
    for require, mode, pair, user, status in REQUIRE:
        answer = by_mode[mode].get(pair, user, path=f"/{require}")
        assert answer.status == status, (require, mode, pair, user, answer.raw)
        if status == 200:
            seen = upstream.requests[-1]
            who = user or (f"{pair}@example.com" if pair else None)
            assert seen.all("X-Client-User") == ([who] if who else [])
            assert seen.all("X-Client-Verify") == ["SUCCESS" if pair else "NONE"]


def test_encrypted_key(make_proxy, zoo):
    from cryptography.hazmat.primitives import serialization
    key = serialization.load_pem_private_key((zoo.dir / "server.key").read_bytes(), None)
    zoo.write("locked.key", key_pem(key, b"open sesame"))
    zoo.write("passphrase", b"open sesame\n")
    proxy = make_proxy(pki=zoo)
    proxy.config["listeners"][0]["tls"].update(key=str(zoo.dir / "locked.key"),
                                               key_passphrase_file=str(zoo.dir / "passphrase"))
    proxy.write_config()
    assert proxy.start().get().status == 200
