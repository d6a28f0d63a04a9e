"""The API of the CA through the proxy, as a customer and an operator use it."""
import datetime
import json
import os
import signal
import subprocess
import time

import pytest

from proxy import basic, wait_status, wait_until

ALICE, BOB, CAROL = "alice@example.com", "bob@example.com", "carol@example.com"
REQUESTS = "/ca/v1/requests"


@pytest.fixture
def ca(make_proxy, pki, tmp_path):
    """A running proxy with a CA of its own behind it. bob and carol are operators."""
    proxy = make_proxy()
    made = proxy.run("ca", "init", str(tmp_path / "ca"))
    assert made.returncode == 0, made.stderr
    (proxy.dir / "users.fields").write_text(f"{BOB} groups=operators\n{CAROL} groups=operators\n")
    client = {"ca": [str(pki.dir / "ca.crt"), str(tmp_path / "ca/root.crt")], "mode": "optional",
              "on_failure": "answer"}
    listener = dict(proxy.config["listeners"][0], client=client)
    proxy.write_config({
        "listeners": [listener],
        "users": {"fields": str(proxy.dir / "users.fields")},
        "routes": [{"path": "/ca/public", "require": "none", "upstream": "ca"},
                   {"path": "/ca", "require": "password", "upstream": "ca"},
                   {"path": "/.well-known/est", "require": "password", "upstream": "ca"},
                   {"path": "/.well-known/est/cacerts", "require": "none", "upstream": "ca"},
                   {"path": "/.well-known/est/client/simplereenroll", "require": "both",
                    "upstream": "ca"},
                   {"path": "/", "require": "both", "upstream": "api"}],
        "upstreams": {"ca": {"servers": [f"unix:{proxy.dir}/ca.sock"]}},
        "revocation": {"deny": "denied"},
        "ca": {"certificate": str(tmp_path / "ca/issuing.crt"),
               "key": str(tmp_path / "ca/issuing.key"), "store": "ca.db", "socket": "ca.sock",
               "crl_file": "issuing.crl",
               "profiles": {"client": {"operators": ["operators"]},
                            "two": {"operators": ["operators"], "approvals": 2},
                            "auto": {"approvals": 0, "keys": ["p256"]}}},
    })
    (proxy.dir / "denied").write_text("")
    proxy.start()
    wait_until(lambda: proxy.events("ca_serves"))
    return proxy


def csr(directory, user=ALICE, name="new", key=("ec", "-pkeyopt", "ec_paramgen_curve:P-256")):
    subprocess.run(["openssl", "req", "-new", "-newkey", *key, "-nodes", "-keyout",
                    directory / f"{name}.key", "-subj", f"/O=Example/CN={user}", "-out",
                    directory / f"{name}.csr"], check=True, capture_output=True)
    return (directory / f"{name}.csr").read_text()


def call(ca, user, method, path, body="", kind="application/pkcs10", password=None, fields=None):
    more = "".join(f"{name}: {value}\r\n" for name, value in (fields or {}).items())
    with ca.connect(None) as client:
        head = (f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n"
                f"Authorization: {basic(user, password or ca.passwords[user])}\r\n"
                f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}\r\n")
        client.send((head + body).encode())
        return client.answer()


def post_json(ca, user, path, **members):
    return call(ca, user, "POST", path, json.dumps(members), "application/json")


def file(ca, profile="client", user=ALICE, **options):
    answer = call(ca, user, "POST", f"{REQUESTS}?profile={profile}", csr(ca.dir, user, **options))
    assert answer.status == 201, answer.body
    return json.loads(answer.body)


def install(ca, asked, name="new", user=ALICE):
    """Fetch the certificate and put it where connect(name) finds it with its key."""
    pem = call(ca, user, "GET", f"{REQUESTS}/{asked['id']}/certificate")
    assert pem.status == 200 and pem.body.count(b"BEGIN CERTIFICATE") == 3
    (ca.pki.dir / f"{name}.crt").write_bytes(pem.body)
    (ca.pki.dir / f"{name}.key").write_bytes((ca.dir / f"{name}.key").read_bytes())


def test_refused(ca):
    """Each with its status, and in words."""
    good = csr(ca.dir)
    for status, word, answer in [
        (401, "", call(ca, ALICE, "POST", REQUESTS, good, password="wrong")),
        (400, "neither PEM", call(ca, ALICE, "POST", REQUESTS + "?profile=client", "x y")),
        (400, "empty", call(ca, ALICE, "POST", REQUESTS + "?profile=client")),
        (400, "profile", call(ca, ALICE, "POST", REQUESTS, good)),
        (400, "profile", call(ca, ALICE, "POST", REQUESTS + "?profile=none", good)),
        (403, "account", call(ca, BOB, "POST", REQUESTS + "?profile=client", good)),
        (403, "key", call(ca, ALICE, "POST", REQUESTS + "?profile=auto",
                          csr(ca.dir, name="rsa", key=("rsa:2048",)))),
        (400, "JSON", call(ca, ALICE, "POST", REQUESTS, "{", "application/json")),
        (400, "duplicate", call(ca, ALICE, "POST", REQUESTS, '{"profile":"a","profile":"b"}',
                                "application/json")),
        (400, "certificateSigningRequest", post_json(ca, ALICE, REQUESTS, profile="client")),
        (404, "nothing", call(ca, ALICE, "GET", "/ca/v1/nothing")),
        (404, "request", call(ca, ALICE, "GET", REQUESTS + "/AAAAAAAAAAAAAAAAAAAAAA")),
        (405, "method", call(ca, ALICE, "DELETE", REQUESTS)),
        (400, "state", call(ca, ALICE, "GET", REQUESTS + "?state=gone")),
        (400, "limit", call(ca, ALICE, "GET", REQUESTS + "?limit=0")),
        (413, "octets", call(ca, ALICE, "POST", REQUESTS, "A" * 70000)),
    ]:
        assert answer.status == status, (word, answer.status, answer.body)
        if status != 401 and word:
            assert word in answer.problem()["detail"]


def test_pages_of_others_send_nothing(ca):
    """A browser adds password and certificate to what another site's page sends: nothing comes of
    it. Programs say nothing of where they come from, and our own pages do."""
    asked = file(ca)
    approve = f"{REQUESTS}/{asked['id']}/approve"
    for fields in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"},
                   {"Origin": "null"}, {"Sec-Fetch-Site": "same-site"},
                   {"Origin": "https://localhost", "Sec-Fetch-Site": "cross-site"}):
        for path in (approve, "/ca/v1/registrations", REQUESTS, "/ca/enrol",
                     "/.well-known/est/client/simpleenroll"):
            answer = call(ca, BOB, "POST", path, "a=b", "application/x-www-form-urlencoded",
                          fields=fields)
            assert answer.status == 403, (path, fields, answer.body)
            assert "another site" in answer.problem()["detail"]
    assert json.loads(call(ca, BOB, "GET", f"{REQUESTS}/{asked['id']}",
                           fields={"Sec-Fetch-Site": "cross-site"}).body)["state"] == "pending"
    assert call(ca, BOB, "POST", approve, fields={"Origin": "https://localhost"}).status == 200


def shown(ca, pair, method, path, body="", user=ALICE):
    """As call(), with a certificate in the handshake."""
    with ca.connect(pair) as client:
        client.send((f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n"
                     f"Authorization: {basic(user, ca.passwords[user])}\r\n"
                     f"Content-Length: {len(body)}\r\n\r\n{body}").encode())
        return client.answer()


def issued(ca, profile, name, user=ALICE):
    """One that bob and carol have agreed to, where connect(name) finds it."""
    asked = file(ca, profile, user=user, name=name)
    for operator in (BOB, CAROL):
        if operator != user:
            call(ca, operator, "POST", f"{REQUESTS}/{asked['id']}/approve")
    install(ca, asked, name, user)
    return json.loads(call(ca, user, "GET", f"{REQUESTS}/{asked['id']}").body)


def test_renewed_by_the_certificate_alone(ca):
    """No operator is asked, so a password is not enough, nor another's certificate, nor one of
    another kind; the old one goes on for a while."""
    old = issued(ca, "two", "old")
    issued(ca, "auto", "other")
    issued(ca, "client", "bobs", BOB)
    new = csr(ca.dir, name="new")
    for status, word, answer in [
        (403, "show it", call(ca, ALICE, "POST", "/ca/v1/renew", new)),
        (403, "show it", call(ca, ALICE, "POST", "/ca/v1/renew?profile=two", new)),
        (404, "this CA", shown(ca, "alice", "POST", "/ca/v1/renew", new)),
        (403, "another user", shown(ca, "bobs", "POST", "/ca/v1/renew", new)),
        (403, "another profile", shown(ca, "other", "POST", "/ca/v1/renew?profile=two", new)),
        (403, "another profile", shown(ca, "old", "POST", "/ca/v1/renew?profile=auto", new)),
        (400, "profile", shown(ca, "old", "POST", "/ca/v1/renew?profile=none", new)),
        (400, "empty", shown(ca, "old", "POST", "/ca/v1/renew")),
        (405, "POST", shown(ca, "old", "GET", "/ca/v1/renew")),
    ]:
        assert answer.status == status, (word, answer.status, answer.body)
        assert word in answer.problem()["detail"]
    # What the members of a filing say does not make it a renewal.
    asked = post_json(ca, ALICE, REQUESTS, certificateSigningRequest=csr(ca.dir, name="sly"),
                      profile="two", renews=old["id"])
    assert json.loads(asked.body)["status"] == "PENDING"
    told = shown(ca, "old", "POST", "/ca/v1/renew", new)
    assert told.status == 201, told.body
    renewed = json.loads(told.body)
    assert (renewed["status"], renewed["renews"]) == ("EXECUTED", old["id"])
    assert renewed["profile"] == "two" and renewed["approvedBy"] == []
    install(ca, renewed)
    assert ca.get("new", ALICE).status == ca.get("old", ALICE).status == 200
    assert json.loads(call(ca, ALICE, "GET", f"{REQUESTS}/{old['id']}").body)["state"] == "renewed"
    assert shown(ca, "old", "POST", "/ca/v1/renew", csr(ca.dir, name="third")).status == 403


def test_certificates_by_their_end(ca):
    """Those in use, a page at a time; others' are not there."""
    certificates = "/ca/v1/certificates"
    for path, word in ((f"{certificates}?limit=1001", "limit"), (f"{certificates}?after=x", "next"),
                       (f"{certificates}?after=17", "next"),
                       (f"{certificates}?expiresBefore=tomorrow", "day"),
                       (f"{certificates}?expiresBefore=2027-02-30x", "day")):
        answer = call(ca, ALICE, "GET", path)
        assert answer.status == 400 and word in answer.problem()["detail"], path
    mine = {issued(ca, "auto", f"n{i}")["serial"] for i in range(5)}
    bobs = issued(ca, "auto", "bobs", BOB)["serial"]
    carols = issued(ca, "client", "carols", CAROL)["serial"]
    assert call(ca, ALICE, "GET", f"{certificates}/{bobs}").status == 404
    assert call(ca, ALICE, "GET", f"{certificates}/00").status == 404
    seen, path = [], f"{certificates}?limit=2"
    while path:
        page = json.loads(call(ca, ALICE, "GET", path).body)
        seen += [c["serial"] for c in page["certificates"]]
        path = page.get("next") and f"{certificates}?limit=2&after={page['next']}"
    assert len(seen) == 5 and set(seen) == mine
    listed = lambda user, query="": {c["serial"] for c in json.loads(
        call(ca, user, "GET", certificates + query).body)["certificates"]}
    assert listed(BOB) == {bobs, carols}  # of the profiles that he decides about, and his own
    assert listed(BOB, f"?user={CAROL}") == {carols}
    assert listed(BOB, "?expiresBefore=2026-01-01") == set()
    shown_one = json.loads(call(ca, ALICE, "GET", f"{certificates}/{seen[0]}").body)
    assert shown_one["serial"] == seen[0] and "BEGIN CERTIFICATE" in shown_one["result"]
    post_json(ca, ALICE, f"{certificates}/{seen[0]}/withdraw", reason="superseded")
    assert listed(ALICE) == mine - {seen[0]}


def withdrawal(ca, path):
    """Since when the certificate at path is withdrawn (ms), and why, as its holder is told."""
    one = json.loads(call(ca, ALICE, "GET", path).body)
    assert (one["state"] == "withdrawn") == ("withdrawnTime" in one) == ("withdrawnReason" in one)
    if one["state"] != "withdrawn":
        return None, None
    since = datetime.datetime.fromisoformat(one["withdrawnTime"].replace("Z", "+00:00"))
    return since.timestamp() * 1000, one["withdrawnReason"]


def test_hold_is_lifted_by_operators(ca):
    held = issued(ca, "client", "held")
    path = f"/ca/v1/certificates/{held['serial']}"
    told = lambda: withdrawal(ca, path)
    assert call(ca, BOB, "POST", f"{path}/restore").status == 409
    assert told() == (None, None)
    assert post_json(ca, ALICE, f"{path}/withdraw", reason="certificateHold").status == 204
    held_ms, reason = told()
    assert abs(held_ms - time.time() * 1000) < 60000 and reason == "certificateHold"
    assert ca.get("held", ALICE).status in (400, 403)
    assert call(ca, ALICE, "POST", f"{path}/restore").status == 403
    assert call(ca, BOB, "POST", "/ca/v1/certificates/00/restore").status == 404
    assert call(ca, BOB, "POST", f"{path}/restore").status == 204
    assert told() == (None, None)
    wait_until(lambda: ca.get("held", ALICE).status == 200)
    assert post_json(ca, ALICE, f"{path}/withdraw", reason="keyCompromise").status == 204
    since_ms, reason = told()
    assert since_ms > held_ms and reason == "keyCompromise"
    assert call(ca, BOB, "POST", f"{path}/restore").status == 403


def test_methods(ca):
    """HEAD is GET without its body; a method that there is not names those that there are."""
    assert call(ca, ALICE, "PUT", REQUESTS).get("allow") == "POST, GET"
    with ca.connect(None) as client:
        answer = client.get(REQUESTS, ALICE, ca.passwords[ALICE], method="HEAD")
        assert answer.status == 200 and answer.get("content-type") == "application/json"
        assert client.get("/ca/public/ca.pem", method="HEAD").status == 200


def test_from_request_to_use(ca):
    """One command of the customer, one of the operator, and the certificate opens the door."""
    assert ca.get(None, ALICE).status in (400, 403)
    asked = file(ca)
    assert asked["status"] == "PENDING" and asked["notYetApprovedBy"] == ["operators"]
    path = f"{REQUESTS}/{asked['id']}"
    assert call(ca, ALICE, "POST", path + "/approve").status == 403
    assert call(ca, ALICE, "GET", path + "/certificate").status == 409
    done = call(ca, BOB, "POST", path + "/approve")
    assert done.status == 200, done.body
    told = json.loads(done.body)
    assert told["status"] == "EXECUTED" and told["approvedBy"] == [BOB]
    assert told["executionTime"] and told["result"].startswith("-----BEGIN CERTIFICATE-----")
    install(ca, asked)
    assert ca.get("new", ALICE).status == 200
    assert ca.get("new", BOB).status == 403
    wait_until(lambda: json.loads(call(ca, ALICE, "GET", path).body)["state"] == "active")


def test_difference_to_the_last_certificate(ca):
    """Shown to who decides, by the API and on the command line."""
    first = file(ca, "auto", name="a")
    assert first["difference"] is None
    asked = file(ca, name="b", key=("rsa:2048",))
    for told in (asked, json.loads(call(ca, BOB, "GET", f"{REQUESTS}/{asked['id']}").body)):
        difference = told["difference"]
        assert difference["request"] == first["id"] and difference["state"] == "issued"
        fields = {f["field"]: f for f in difference["fields"]}
        assert [n for n, f in fields.items() if f["changed"]] == ["key", "keySha256", "profile"]
        assert (fields["key"]["old"], fields["key"]["new"]) == ("P-256", "RSA 2048")
    shown = ca.run("request", "show", "-c", str(ca.config_path), asked["id"]).stdout
    assert f"to {first['id']} (issued)" in shown
    assert "RSA 2048\n               was P-256" in shown and "company      Example\n" in shown
    shown = ca.run("request", "show", "-c", str(ca.config_path), first["id"]).stdout
    assert "first certificate" in shown


def test_a_key_in_two_requests(ca):
    """What waits is given back only to who asks for the same."""
    text = csr(ca.dir)
    asked = json.loads(call(ca, ALICE, "POST", REQUESTS + "?profile=two", text).body)
    again = call(ca, ALICE, "POST", REQUESTS + "?profile=two", text)
    assert json.loads(again.body)["id"] == asked["id"]
    other = call(ca, ALICE, "POST", REQUESTS + "?profile=auto", text)
    assert other.status == 409 and asked["id"] in other.problem()["detail"]
    assert enroll(ca, "new", label="auto")[0] == "409"


def test_two_must_agree_and_one_no_ends_it(ca):
    first, second = file(ca, "two", name="a"), file(ca, "two", name="b")
    path = f"{REQUESTS}/{first['id']}"
    assert json.loads(call(ca, BOB, "POST", path + "/approve").body)["status"] == "PENDING"
    assert call(ca, BOB, "POST", path + "/approve").status == 409
    assert json.loads(call(ca, CAROL, "POST", path + "/approve").body)["status"] == "EXECUTED"
    path = f"{REQUESTS}/{second['id']}"
    assert post_json(ca, BOB, path + "/deny", reason="").status == 400
    assert post_json(ca, ALICE, path + "/deny", reason="no").status == 403
    told = json.loads(post_json(ca, BOB, path + "/deny", reason="not known here").body)
    assert told["status"] == "REJECTED" and told["rejectedBy"] == [BOB]
    assert told["reason"] == "not known here"
    assert call(ca, CAROL, "POST", path + "/approve").status == 409


def test_nobody_approves_their_own(ca):
    asked = file(ca, user=BOB)
    path = f"{REQUESTS}/{asked['id']}/approve"
    assert call(ca, BOB, "POST", path).status == 403
    assert call(ca, CAROL, "POST", path).status == 200


def test_others_see_nothing(ca):
    """Not that it is there, not in the list; operators see all."""
    asked = file(ca, user=BOB)
    assert call(ca, ALICE, "GET", f"{REQUESTS}/{asked['id']}").status == 404
    assert call(ca, ALICE, "POST", f"{REQUESTS}/{asked['id']}/approve").status == 404
    assert call(ca, ALICE, "GET", f"{REQUESTS}/{asked['id']}/certificate").status == 404
    assert json.loads(call(ca, ALICE, "GET", REQUESTS).body)["requests"] == []
    assert json.loads(call(ca, ALICE, "GET", f"{REQUESTS}?user={BOB}").body)["requests"] == []
    assert len(json.loads(call(ca, CAROL, "GET", REQUESTS).body)["requests"]) == 1


def test_pages_of_a_list(ca):
    ids = [file(ca, "auto", name=f"n{i}")["id"] for i in range(5)]
    page = json.loads(call(ca, ALICE, "GET", REQUESTS + "?limit=3").body)
    rest = json.loads(call(ca, ALICE, "GET", f"{REQUESTS}?limit=3&after={page['next']}").body)
    assert [r["id"] for r in page["requests"] + rest["requests"]] == ids[::-1]
    assert "next" not in rest


def test_numbers_for_monitoring(ca):
    def numbers():
        answer = call(ca, BOB, "GET", "/ca/v1/metrics")
        assert answer.status == 200
        rows = (line.rsplit(" ", 1) for line in answer.body.decode().splitlines()
                if not line.startswith("#"))
        return {name.removeprefix("countersign_ca_"): int(value) for name, value in rows}

    assert call(ca, ALICE, "GET", "/ca/v1/metrics").status == 403
    before = numbers()
    assert before['requests{state="pending"}'] == before["oldest_pending_timestamp_seconds"] == 0
    asked = file(ca, "auto")
    file(ca)
    after = numbers()
    assert after['requests{state="pending"}'] == 1
    assert abs(after["oldest_pending_timestamp_seconds"] - time.time()) < 60
    assert after["certificates_total"] == before["certificates_total"] + 1
    assert after["crl_next_update_timestamp_seconds"] > time.time()
    assert after["not_after_timestamp_seconds"] > after["crl_next_update_timestamp_seconds"]
    assert asked["status"] == "EXECUTED"


def test_withdrawn_by_its_holder(ca):
    asked = file(ca, "auto")
    serial = json.loads(call(ca, ALICE, "GET", f"{REQUESTS}/{asked['id']}").body)["serial"]
    path = f"/ca/v1/certificates/{serial}/withdraw"
    refused = post_json(ca, ALICE, path, reason="because")
    assert refused.status == 400 and b"keyCompromise" in refused.body
    install(ca, asked)
    with ca.connect("new") as client:
        assert client.get("/", ALICE, ca.passwords[ALICE]).status == 200
        assert post_json(ca, ALICE, path, reason="keyCompromise").status == 204
        assert client.at_end()
    assert ca.get("new", ALICE).status in (400, 403)
    assert post_json(ca, ALICE, path, reason="keyCompromise").status == 409
    told = json.loads(call(ca, ALICE, "GET", f"{REQUESTS}/{asked['id']}").body)
    assert (told["state"], told["withdrawnReason"]) == ("withdrawn", "keyCompromise")


def companion(ca):
    return ca.events("companion_started")[-1]["companion_pid"]


def test_killed_and_back(ca):
    """The proxy starts another; nothing that was answered is lost."""
    asked = file(ca, "two")
    before = companion(ca)
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: len(ca.events("ca_serves")) == 2)
    path = f"{REQUESTS}/{asked['id']}"
    assert json.loads(call(ca, BOB, "POST", path + "/approve").body)["status"] == "PENDING"
    assert ca.reload().returncode == 0
    wait_until(lambda: len(ca.events("ca_serves")) == 3)
    assert json.loads(call(ca, CAROL, "POST", path + "/approve").body)["status"] == "EXECUTED"
    assert ca.run("audit", "verify", "-c", str(ca.config_path)).returncode == 0


def test_it_ends_with_the_proxy(ca):
    pid = companion(ca)
    assert ca.stop() == 0
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_client_cannot_say_who_it_is(ca):
    """The field that the CA reads comes from the proxy alone."""
    with ca.connect(None) as client:
        answer = client.get(REQUESTS, ALICE, ca.passwords[ALICE],
                            fields=[("X-Client-User", BOB), ("X_Client_User", BOB)])
    assert answer.status == 200
    asked = file(ca, user=CAROL)
    assert call(ca, ALICE, "GET", f"{REQUESTS}/{asked['id']}").status == 404


def crl_text(ca, where, form="PEM"):
    done = subprocess.run(["openssl", "crl", "-in", where, "-inform", form, "-noout", "-text",
                           "-CAfile", ca.config["ca"]["certificate"], "-verify"],
                          capture_output=True, text=True, check=True)
    assert "verify OK" in done.stderr
    return done.stdout


def public(ca, name):
    with ca.connect(None) as client:
        return client.get(f"/ca/public/{name}")


def test_revocation_list(ca):
    """One is there from the start; a withdrawal makes another, with number, time and reason."""
    wait_until(lambda: (ca.dir / "issuing.crl").exists())
    first = crl_text(ca, ca.dir / "issuing.crl")
    assert "No Revoked Certificates" in first
    asked = file(ca, "auto")
    serial = json.loads(call(ca, ALICE, "GET", f"{REQUESTS}/{asked['id']}").body)["serial"]
    path = f"/ca/v1/certificates/{serial}/withdraw"
    assert post_json(ca, ALICE, path, reason="keyCompromise").status == 204
    wait_until(lambda: serial in crl_text(ca, ca.dir / "issuing.crl"))
    for name, form in (("crl.pem", "PEM"), ("crl.der", "DER")):
        answer = public(ca, name)
        assert answer.status == 200
        (ca.dir / name).write_bytes(answer.body)
        text = crl_text(ca, ca.dir / name, form)
        assert serial in text and "Key Compromise" in text and "CRL Number" in text
    assert public(ca, "ca.pem").body.count(b"BEGIN CERTIFICATE") == 2
    assert public(ca, "ca.key").status == 404
    assert public(ca, "../v1/requests").status in (400, 401, 403, 404)


def ocsp(ca, serial, *more, issuer=None):
    """openssl asks the responder by way of a file each way."""
    issuer = issuer or ca.config["ca"]["certificate"]
    subprocess.run(["openssl", "ocsp", *more, "-issuer", issuer, "-serial", serial, "-reqout",
                    ca.dir / "ask.der"], check=True, capture_output=True)
    with ca.connect(None) as client:
        body = (ca.dir / "ask.der").read_bytes()
        client.send(b"POST /ca/public/ocsp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/"
                    b"ocsp-request\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        answer = client.answer()
    assert answer.status == 200 and answer.get("content-type") == "application/ocsp-response"
    (ca.dir / "answer.der").write_bytes(answer.body)
    done = subprocess.run(["openssl", "ocsp", *more, "-issuer", issuer, "-serial", serial,
                           "-no_nonce", "-respin", ca.dir / "answer.der", "-CAfile",
                           ca.config["ca"]["certificate"], "-resp_text"],
                          capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def ocsp_nonce(path, *options):
    text = subprocess.run(["openssl", "ocsp", options[0], path, *options[1:], "-no_nonce"],
                          capture_output=True, text=True, check=False).stdout
    return text.split("OCSP Nonce:")[1].split()[0]


def test_ocsp_responder(ca):
    asked = file(ca, "auto")
    serial = json.loads(call(ca, ALICE, "GET", f"{REQUESTS}/{asked['id']}").body)["serial"]
    good = ocsp(ca, "0x" + serial)
    assert "Response verify OK" in good and "Cert Status: good" in good
    nonce = ocsp_nonce(ca.dir / "ask.der", "-reqin", "-req_text")
    assert nonce and nonce == ocsp_nonce(ca.dir / "answer.der", "-respin", "-resp_text", "-noverify")
    assert "Cert Status: good" in ocsp(ca, "0x" + serial, "-sha256", "-no_nonce")
    assert "Cert Status: unknown" in ocsp(ca, "0x1234")
    assert "Cert Status: unknown" in ocsp(ca, "0x" + serial, issuer=str(ca.pki.dir / "ca.crt"))
    post_json(ca, ALICE, f"/ca/v1/certificates/{serial}/withdraw", reason="keyCompromise")
    gone = ocsp(ca, "0x" + serial)
    assert "Cert Status: revoked" in gone and "keyCompromise" in gone
    for path in ("ocsp/", "ocsp/AAAA", "ocsp/%%%"):
        answer = public(ca, path)
        assert answer.status == 400 or answer.body == bytes.fromhex("30030a0101"), answer.body


def state_of(ca, asked):
    shown = ca.run("request", "show", "-c", str(ca.config_path), asked["id"]).stdout
    return shown.split("state        ")[1].split("\n")[0]


def test_certificates_follow_the_account(ca):
    """Disabled: refused, on the list as a hold, and back when it is enabled; the record says it."""
    asked = file(ca, "auto")
    install(ca, asked)
    waiting = file(ca, "client", name="waiting")
    assert ca.get("new", ALICE).status == 200
    serial = json.loads(call(ca, ALICE, "GET", f"{REQUESTS}/{asked['id']}").body)["serial"]
    config = ("-c", str(ca.config_path))
    assert ca.run("user", "disable", *config, ALICE).returncode == 0
    assert ca.get("new", ALICE).status in (400, 403)
    wait_until(lambda: state_of(ca, asked) == "withdrawn")
    wait_until(lambda: "Certificate Hold" in crl_text(ca, ca.dir / "issuing.crl"))
    assert "certificateHold" in ocsp(ca, "0x" + serial)
    path = f"{REQUESTS}/{waiting['id']}/approve"
    refused = call(ca, BOB, "POST", path)
    assert refused.status == 409 and "closed" in refused.problem()["detail"]
    assert ca.run("user", "enable", *config, ALICE).returncode == 0
    wait_until(lambda: state_of(ca, asked) != "withdrawn")
    wait_until(lambda: ca.get("new", ALICE).status == 200)
    wait_until(lambda: "No Revoked" in crl_text(ca, ca.dir / "issuing.crl"))
    assert call(ca, BOB, "POST", path).status == 200
    told = ca.run("audit", "ls", *config).stdout
    assert "policy" in told and "the user's account is closed" in told
    assert ca.run("audit", "verify", *config).returncode == 0


def test_withdrawal_survives_a_kill(ca):
    """What the database says and the proxies do not know yet is told after the next start."""
    asked = file(ca, "auto")
    install(ca, asked)
    serial = json.loads(call(ca, ALICE, "GET", f"{REQUESTS}/{asked['id']}").body)["serial"]
    (ca.dir / "denied").chmod(0o644)
    (ca.dir / "denied").rename(ca.dir / "kept")
    (ca.dir / "denied").mkdir()
    answer = post_json(ca, ALICE, f"/ca/v1/certificates/{serial}/withdraw", reason="superseded")
    assert answer.status == 202
    os.kill(companion(ca), signal.SIGKILL)
    (ca.dir / "denied").rmdir()
    (ca.dir / "kept").rename(ca.dir / "denied")
    wait_status(lambda: ca.get("new", ALICE), 400, 403)
    assert (ca.dir / "denied").read_text().count("fingerprint=") == 1


def test_import(ca, tmp_path):
    """What openssl signed with the CA's key, with armour and without; nothing else."""
    csr(ca.dir, name="new")
    made = ca.config["ca"]
    subprocess.run(["openssl", "x509", "-req", "-in", ca.dir / "new.csr", "-CA",
                    made["certificate"], "-CAkey", made["key"], "-set_serial", "0x1234", "-days",
                    "30", "-out", ca.dir / "old.crt"], check=True, capture_output=True)
    pem = (ca.dir / "old.crt").read_text()
    bare = "".join(pem.splitlines()[1:-1])
    foreign = (ca.pki.dir / "alice.crt").read_text()
    root = (tmp_path / "ca/issuing.crt").read_text()
    post = lambda text, user=BOB, profile="client": post_json(
        ca, user, "/ca/v1/certificates", certificate=text, profile=profile)
    assert post(pem, ALICE).status == 403
    assert post(pem, BOB, "none").status == 403
    assert post(foreign).status == 403
    assert post(root).status == 400
    assert post("").status == 400
    told = post(bare)
    assert told.status == 201, told.body
    record = json.loads(told.body)
    assert (record["state"], record["user"], record["serial"]) == ("active", ALICE, "1234")
    assert post(pem).status == 409
    assert post_json(ca, ALICE, "/ca/v1/certificates/1234/withdraw").status == 204


def curl(ca, path, *more, user=ALICE):
    """Plain curl, as RFC 7030 is meant to be used; gives (status, headers, body file)."""
    url = f"https://localhost:{ca.port}/.well-known/est/{path}"
    done = subprocess.run(["curl", "-sS", "--cacert", ca.pki.dir / "ca.crt", "-o", ca.dir / "out",
                           "-w", "%{http_code} %header{retry-after} %{content_type}",
                           *(["-u", f"{user}:{ca.passwords[user]}"] if user else []), *more, url],
                          capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.split(" ", 2)


def est_certificates(ca):
    done = subprocess.run(["openssl", "pkcs7", "-print_certs"], input=(
        b"-----BEGIN PKCS7-----\n" + (ca.dir / "out").read_bytes() + b"-----END PKCS7-----\n"),
        capture_output=True, check=True)
    return done.stdout.decode()


def enroll(ca, name, *more, label="client", verb="simpleenroll"):
    der = ca.dir / f"{name}.p10"
    subprocess.run(["openssl", "req", "-in", ca.dir / f"{name}.csr", "-outform", "DER", "-out",
                    ca.dir / "der"], check=True)
    subprocess.run(["openssl", "base64", "-in", ca.dir / "der", "-out", der], check=True)
    return curl(ca, f"{label}/{verb}", "-H", "Content-Type: application/pkcs10",
                "--data-binary", f"@{der}", *more)


def test_est(ca):
    """Pending is a 202 until the operator agrees; then the certificate; then its renewal."""
    assert curl(ca, "cacerts", user=None)[0] == "200"
    assert est_certificates(ca).count("BEGIN CERTIFICATE") == 2
    assert curl(ca, "csrattrs")[0] == "204"
    assert curl(ca, "client/fullcmc", "-X", "POST")[0] == "404"
    csr(ca.dir, name="new")
    status, retry, _ = enroll(ca, "new")
    assert status == "202" and retry == "60"
    assert enroll(ca, "new")[0] == "202"
    (asked,) = json.loads(call(ca, BOB, "GET", REQUESTS).body)["requests"]
    assert call(ca, BOB, "POST", f"{REQUESTS}/{asked['id']}/approve").status == 200
    status, _, kind = enroll(ca, "new")
    assert status == "200" and kind == "application/pkcs7-mime; smime-type=certs-only"
    certificates = est_certificates(ca)
    (ca.dir / "chain.crt").write_text(certificates)
    shown = ("--cert", ca.dir / "chain.crt", "--key", ca.dir / "new.key")
    csr(ca.dir, name="again")
    assert enroll(ca, "again", verb="simplereenroll")[0] == "403"
    assert enroll(ca, "again", *shown, verb="simplereenroll")[0] == "200"
    assert "BEGIN CERTIFICATE" in est_certificates(ca)
    states = [r["state"] for r in json.loads(call(ca, BOB, "GET", REQUESTS).body)["requests"]]
    assert states == ["delivered", "renewed"]
    again = ("--cert", ca.dir / "new.crt", "--key", ca.dir / "again.key")
    (ca.dir / "new.crt").write_text(est_certificates(ca))
    assert curl(ca, "client/simplereenroll", "-X", "POST", *again)[0] == "400"
    states = [r["state"] for r in json.loads(call(ca, BOB, "GET", REQUESTS).body)["requests"]]
    assert states == ["active", "renewed"]


def test_est_denied(ca):
    csr(ca.dir, name="new")
    assert enroll(ca, "new")[0] == "202"
    (asked,) = json.loads(call(ca, BOB, "GET", REQUESTS).body)["requests"]
    assert post_json(ca, BOB, f"{REQUESTS}/{asked['id']}/deny", reason="not you").status == 200
    assert enroll(ca, "new")[0] == "403"
    assert "not you" in (ca.dir / "out").read_text()
    assert enroll(ca, "new", label="none")[0] == "400"
