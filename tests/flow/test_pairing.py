"""The rule that gives the project its name, through the real program."""
import json
import ssl

import pytest

from proxy import wait_until

ALICE, BOB = "alice@example.com", "bob@example.com"

# certificate, user, password (None: no Authorization), status, reason in the log
TABLE = [
    ("alice", ALICE, "wonder land", 200, "ok"),
    ("bob", BOB, "b:ob", 200, "ok"),
    ("alice", BOB, "b:ob", 403, "pairing_mismatch"),
    ("bob", ALICE, "wonder land", 403, "pairing_mismatch"),
    ("alice", ALICE, "wrong", 401, "password_wrong"),
    ("alice", BOB, "wrong", 401, "password_wrong"),
    ("alice", "nobody@example.com", "x", 401, "user_unknown"),
    ("alice", ALICE, "", 401, "password_wrong"),
    ("alice", "", "x", 401, "user_unknown"),
    ("alice", None, None, 401, "credentials_missing"),
    ("alice", "alice@EXAMPLE.com", "wonder land", 200, "ok"),
    ("alice", "Alice@example.com", "wonder land", 401, "user_unknown"),
    ("alice", "alice@example.com\0", "wonder land", 401, "credentials_control"),
    ("alice", ALICE, "wonder land\0junk", 401, "credentials_control"),
    ("alice", ALICE, "wonder land\n", 401, "credentials_control"),
]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_table(proxy, upstream, version):
    for pair, user, password, status, reason in TABLE:
        seen = len(upstream.requests)
        with proxy.connect(pair, version=version) as client:
            answer = client.get("/x", user, password)
        assert answer.status == status, (pair, user, password, answer.raw)
        assert len(upstream.requests) == seen + (1 if status == 200 else 0)
        record = proxy.record(answer)
        assert record["auth.reason"] == reason, (pair, user, password, record)
        if status == 401:
            assert answer.get("www-authenticate") == 'Basic realm="countersign", charset="UTF-8"'
        if status != 200:
            assert answer.problem()["status"] == status
            assert answer.get("cache-control") == "no-store"


def test_mismatch_is_a_security_event(proxy):
    proxy.get("alice", BOB)
    assert proxy.refusals("pairing_mismatch") == 1
    events = [e for e in proxy.events("refused") if e["reason"] == "pairing_mismatch"]
    assert len(events) == 1 and events[0]["level"] == "warning"
    assert events[0]["certificate_user"] == ALICE and events[0]["password_user"] == BOB
    assert events[0]["user"] == ""
    proxy.get("alice", BOB, "guess")
    guess = wait_until(lambda: [e for e in proxy.events("refused")
                                if e["reason"] == "password_wrong"])
    assert guess[0]["password_user"] == "", "a name that nobody proved is not told as proven"
    assert all("user" not in record for record in proxy.access())
    assert "b:ob" not in proxy.output()


def test_unknown_user_and_wrong_password_look_alike(proxy):
    def normal(answer):
        body = json.loads(answer.body)
        body.pop("request_id", None)
        return answer.status, body, [f for f in answer.fields if f[0].lower() not in
                                     ("x-request-id", "date")]
    assert normal(proxy.get("alice", ALICE, "wrong")) == normal(proxy.get("alice", "no@no", "x"))


def test_identity_fields(proxy, upstream, pki):
    assert proxy.get("alice", ALICE).status == 200
    seen = upstream.requests[-1]
    cert = pki.load("alice")
    from cryptography.hazmat.primitives import hashes
    assert seen.all("x-client-user") == [ALICE]
    assert seen.all("x-client-subject") == ["CN=alice@example.com,O=Example"]
    assert seen.all("x-client-issuer") == ["CN=Test CA"]
    assert seen.all("x-client-serial") == [format(cert.serial_number, "X").rjust(2, "0")
                                           if len(format(cert.serial_number, "X")) % 2 == 0
                                           else "0" + format(cert.serial_number, "X")]
    assert seen.all("x-client-fingerprint") == [cert.fingerprint(hashes.SHA256()).hex()]
    assert seen.all("x-client-verify") == ["SUCCESS"]
    assert seen.all("x-forwarded-for") == ["127.0.0.1"]
    assert seen.all("x-forwarded-proto") == ["https"]
    assert seen.all("authorization") == []
    assert seen.all("via") == ["1.1 countersign"]
