"""A route that only reports: what is refused nevertheless, and what the upstream is told."""
import threading

import pytest

from pki import Authority
from proxy import basic
from test_withdraw import ALICE, BOB, cert, deny_proxy, ended  # noqa: F401

ROUTES = [{"path": "/", "require": "both", "upstream": "api", "report_only": True,
           "forward_authorization": True},
          {"path": "/password", "require": "password", "upstream": "api", "report_only": True}]

CREDENTIALS = {"right": (ALICE, "wonder land"), "none": (None, None), "wrong": (ALICE, "wrong"),
               "another's": (BOB, "b:ob"), "unknown": ("nobody@example.com", "x")}


def closed(p, how):
    """Make alice one who may not come."""
    if how == "withdrawn":
        p.start()
        assert cert(p, "withdraw", "--user", ALICE).returncode == 0
        return "user_withdrawn"
    fields = p.dir / "fields"
    fields.write_text(ALICE + {"user_disabled": " disabled=yes", "user_expired": " expires=2020-01-01",
                               "cert_not_pinned": " pin=" + "00" * 32}[how] + "\n")
    fields.chmod(0o600)
    p.write_config({"users": {"fields": str(fields)}})
    p.start()
    return how


@pytest.mark.parametrize("how", ["withdrawn", "user_disabled", "user_expired", "cert_not_pinned"])
def test_who_may_not_come_does_not_pass(deny_proxy, upstream, how):  # noqa: F811
    p = deny_proxy({"routes": ROUTES})
    reason = closed(p, how)
    for says, (user, password) in CREDENTIALS.items():
        answer = p.get("alice", user, password)
        assert answer.status == 403, says
        assert p.record(answer)["auth.reason"] == reason, says
        assert "auth.would_refuse" not in p.record(answer)
    assert upstream.requests == []
    # Others' requests pass, and are reported.
    assert p.get("bob", BOB).status == 200
    answer = p.get("bob", None)
    assert answer.status == 200
    assert p.record(answer)["auth.would_refuse"] == "credentials_missing"
    # Where the certificate is not asked, the password decides.
    assert p.get("alice", BOB, path="/password").status == 200
    assert p.get("alice", None, path="/password").status == 403


def test_whose_password_it_is_is_asked_too(deny_proxy, upstream):  # noqa: F811
    p = deny_proxy({"routes": ROUTES}).start()
    answer = p.get("bob", ALICE)
    assert answer.status == 200 and p.record(answer)["auth.would_refuse"] == "pairing_mismatch"
    assert cert(p, "withdraw", "--user", ALICE).returncode == 0
    answer = p.get("bob", ALICE)
    assert answer.status == 403 and p.record(answer)["auth.reason"] == "user_withdrawn"
    assert p.get("bob", ALICE, "wrong").status == 200, "not proven to be alice's"


def test_only_proven_credentials_are_forwarded(deny_proxy, upstream):  # noqa: F811
    p = deny_proxy({"routes": [{**ROUTES[0], "methods": ["GET"]}]}).start()
    for says, (user, password) in CREDENTIALS.items():
        assert p.get("alice", user, password).status == 200
        forwarded = [basic(user, password)] if says == "right" else []
        assert upstream.requests[-1].all("Authorization") == forwarded, says
        assert upstream.requests[-1].all("X-Client-User") == ([ALICE] if says == "right" else [])
    answer = p.get("alice", ALICE, method="PUT", fields=[("Content-Length", "0")])
    assert p.record(answer)["auth.would_refuse"] == "method_not_allowed"
    assert upstream.requests[-1].all("Authorization") == [basic(ALICE, "wonder land")]


def test_a_certificate_that_was_not_accepted(deny_proxy, upstream, pki):  # noqa: F811
    p = deny_proxy({"routes": ROUTES}).start()
    other = Authority("Other CA")
    pki.client("mallory", pki.subject(ALICE), authority=other)
    for user, password in CREDENTIALS.values():
        assert p.get("mallory", user, password).status == 400
    assert upstream.requests == []


@pytest.mark.parametrize("route, user", [
    ({"require": "password", "groups": ["staff"]}, BOB),
    ({"require": "both"}, None),
])
def test_an_answer_under_way_ends_with_its_user(deny_proxy, upstream, route, user):  # noqa: F811
    """Also one that passed for a report only."""
    done = threading.Event()

    def slowly(request, sock):
        sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nok\n\r\n")
        done.wait(30)

    upstream.answer = slowly
    p = deny_proxy({"routes": [{"path": "/", "upstream": "api", "report_only": True, **route}]})
    p.config["listeners"][0]["client"]["mode"] = "optional"
    p.write_config()
    p.start()
    try:
        with p.connect(None if user else "bob") as c:
            field = f"Authorization: {basic(BOB, 'b:ob')}\r\n" if user else ""
            c.send(f"GET / HTTP/1.1\r\nHost: localhost\r\n{field}\r\n".encode())
            while b"ok" not in c.buffer:
                assert c.more()
            assert cert(p, "withdraw", "--user", BOB).returncode == 0
            c.buffer = b""
            assert ended(c)
    finally:
        done.set()
