"""What the upstream is told, and what a client cannot make it believe."""
import re

import pytest

from proxy import crypt_sha256

ALICE = "alice@example.com"
OWN = {
    "X-Client-User": ALICE, "X-Client-Verify": "SUCCESS",
    "X-Client-Subject": "CN=alice@example.com,O=Example", "X-Client-Issuer": "CN=Test CA",
}
SPOOFED = ["X-Client-User", "X-Client-Subject", "X-Client-Issuer", "X-Client-Serial",
           "X-Client-Fingerprint", "X-Client-Verify"]
FOREIGN = ["Client-Cert", "Client-Cert-Chain", "X-Forwarded-Client-Cert", "X-SSL-Client-DN",
           "X-SSL-Client-Verify", "X-Forwarded-User", "X-Forwarded-Email", "Remote-User",
           "X-Remote-User", "X-Forwarded-Tls-Client-Cert", "X-Real-IP", "X-Auth-Request-User",
           "Forwarded", "Proxy-Authorization"]


def twins(name):
    """Spellings that some server behind maps to the same variable."""
    return {name, name.lower(), name.upper(), name.replace("-", "_"),
            name.replace("-", "_").lower(), name.replace("-", "_", 1),
            *(name.replace("-", mark) for mark in ".!~'|+")}


@pytest.mark.parametrize("name", SPOOFED + FOREIGN)
def test_inbound_identity_is_removed(proxy, upstream, name):
    fields = [(twin, "eve") for twin in sorted(twins(name))] * 2
    assert proxy.get(fields=fields).status == 200
    request = upstream.requests[-1]
    for n, v in request.fields:
        assert v != "eve", (n, v)
        assert n == name or re.sub("[^a-z0-9]", "-", n.lower()) != name.lower()


@pytest.mark.parametrize("nominated", sorted(OWN) + ["X-Forwarded-For", "Host", "x-client-user"])
def test_connection_cannot_remove_our_fields(proxy, upstream, nominated):
    assert proxy.get(fields=[("Connection", f"close, {nominated}"),
                             ("Connection", nominated)]).status == 200
    request = upstream.requests[-1]
    for field, value in OWN.items():
        assert request.all(field) == [value]
    assert request.all("Host") == ["localhost"]
    assert request.all("X-Forwarded-For") == ["127.0.0.1"]
    assert request.all("Connection") == []


def test_hop_by_hop_fields_stay_here(proxy, upstream):
    fields = [("Connection", "x-private"), ("X-Private", "1"), ("Keep-Alive", "timeout=5"),
              ("Proxy-Connection", "keep-alive"), ("TE", "trailers"), ("Trailer", "x"),
              ("Proxy-Authorization", "Basic eA=="), ("Upgrade", "h2c")]
    assert proxy.get(fields=fields).status == 200
    for field, _ in fields:
        assert upstream.requests[-1].all(field) == [], field


def test_forwarding_fields_of_strangers_are_replaced(proxy, upstream):
    assert proxy.get(fields=[("X-Forwarded-For", "1.2.3.4"), ("X-Forwarded-Proto", "http"),
                             ("X-Forwarded-Host", "evil"), ("X-Request-Id", "mine")]).status == 200
    request = upstream.requests[-1]
    assert request.all("X-Forwarded-For") == ["127.0.0.1"]
    assert request.all("X-Forwarded-Proto") == ["https"]
    assert request.all("X-Forwarded-Host") == ["localhost"]
    assert request.all("X-Request-Id") != ["mine"] and len(request.all("X-Request-Id")) == 1


def test_forwarding_fields_of_trusted_peers_are_kept(make_proxy, upstream):
    proxy = make_proxy({"headers": {"trusted_proxies": ["127.0.0.0/8"], "forwarded": True}}).start()
    assert proxy.get(fields=[("X-Forwarded-For", "1.2.3.4"), ("X-Forwarded-For", "5.6.7.8"),
                             ("X-Request-Id", "mine-1")]).status == 200
    request = upstream.requests[-1]
    assert ", ".join(request.all("X-Forwarded-For")) == "1.2.3.4, 5.6.7.8, 127.0.0.1"
    assert request.all("X-Request-Id") == ["mine-1"]
    assert len(request.all("Forwarded")) == 1
    assert "for=127.0.0.1" in request.get("Forwarded") and "proto=https" in request.get("Forwarded")


def test_tracing_fields_pass_untouched(proxy, upstream):
    value = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    assert proxy.get(fields=[("traceparent", value), ("tracestate", "a=b")]).status == 200
    assert upstream.requests[-1].all("traceparent") == [value]
    assert upstream.requests[-1].all("tracestate") == ["a=b"]


def test_authorization_is_forwarded_only_if_asked_for(make_proxy, upstream):
    proxy = make_proxy({"routes": [{"path": "/", "upstream": "api"},
                                   {"path": "/raw", "upstream": "api",
                                    "forward_authorization": True}]}).start()
    assert proxy.get().status == 200
    assert upstream.requests[-1].all("Authorization") == []
    assert proxy.get(path="/raw").status == 200
    assert len(upstream.requests[-1].all("Authorization")) == 1


def test_names_are_configurable(make_proxy, upstream):
    proxy = make_proxy({"headers": {"user": "Remote-Person", "subject": "", "via": False,
                                    "remove": ["X-Secret"]}}).start()
    assert proxy.get(fields=[("Remote_Person", "eve"), ("X-Secret", "eve"),
                             ("X_secret", "eve")]).status == 200
    request = upstream.requests[-1]
    assert request.all("Remote-Person") == [ALICE]
    assert request.all("X-Client-Subject") == [] and request.all("Via") == []
    assert "eve" not in [v for _, v in request.fields]


def test_a_user_has_one_spelling(make_proxy, upstream, pki):
    pki.client("upper", pki.subject("alice@EXAMPLE.com"))
    proxy = make_proxy({"routes": [
        {"path": "/", "require": "both", "upstream": "api"},
        {"path": "/certificate", "require": "certificate", "upstream": "api"},
        {"path": "/none", "require": "none", "upstream": "api"}]})
    proxy.write_users(["alice@Example.COM:" + crypt_sha256("wonder land")])
    proxy.start()
    with proxy.connect("upper") as client:
        for path in ("/", "/certificate", "/none"):
            answer = client.get(path, "alice@EXAMPLE.com", "wonder land")
            assert answer.status == 200
            assert upstream.requests[-1].all("X-Client-User") == [ALICE]
            assert proxy.record(answer)["user"] == ALICE


def test_via_is_appended(proxy, upstream):
    assert proxy.get(fields=[("Via", "1.1 front")]).status == 200
    assert ", ".join(upstream.requests[-1].all("Via")) == "1.1 front, 1.1 countersign"
