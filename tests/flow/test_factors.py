"""One-time codes, lockout, and what routes ask for besides: through the real program."""
import base64
import hashlib
import hmac
import json
import os
import signal
import struct
import time
import urllib.parse

import pytest

from proxy import wait_until

ALICE, BOB, CAROL = "alice@example.com", "bob@example.com", "carol@example.com"
SECRET = b"12345678901234567890"
FIELDS = [f"{ALICE} totp={SECRET.hex()} totp_required=yes",
          f"{BOB} totp={SECRET.hex()} groups=staff,eng"]


def code_of(step, secret=SECRET, algorithm=hashlib.sha1, digits=6):
    """RFC 6238."""
    mac = hmac.new(secret, struct.pack(">Q", step), algorithm).digest()
    at = mac[-1] & 15
    number = struct.unpack(">I", mac[at:at + 4])[0] & 0x7fffffff
    return f"{number % 10 ** digits:0{digits}}"


def step_now():
    """The present step, with some seconds of it left."""
    while time.time() % 30 > 24:
        time.sleep(0.5)
    return int(time.time() // 30)


@pytest.fixture
def make(make_proxy):
    def make(changes=None, fields=FIELDS):
        proxy = make_proxy(changes)
        path = proxy.dir / "users.fields"
        path.write_text("".join(line + "\n" for line in fields))
        path.chmod(0o600)
        proxy.write_config({"users": {"fields": str(path)}})
        return proxy
    return make


def without_certificates(proxy):
    """Clients may come without a certificate, and the password is enough."""
    proxy.config["listeners"][0]["client"]["mode"] = "optional"
    proxy.config["routes"] = [{"path": "/", "require": "password", "upstream": "api"}]
    proxy.write_config()
    return proxy


def knock(proxy, user, password, code=None, pair=None, path="/", **options):
    """A request on a connection of its own: status, reason, answer."""
    fields = [("X-OTP", code)] if code is not None else []
    with proxy.connect(pair) as client:
        answer = client.get(path, user, password, fields=fields, **options)
    return answer.status, proxy.record(answer)["auth.reason"], answer


def test_codes(make, upstream):
    proxy = make({"lockout": {"enabled": False},
                  "routes": [{"path": "/", "require": "both", "upstream": "api"},
                             {"path": "/strong", "require": "both", "require_totp": True,
                              "upstream": "api"}]}).start()
    step = step_now()
    refused = [("wonder land", None, "totp_missing"), ("wonder land", "", "totp_missing"),
               ("wonder land", "000000", "totp_wrong"), ("wonder land", "x", "totp_wrong"),
               ("wonder land", code_of(step + 5), "totp_wrong"),
               ("wonder land" + code_of(step - 5), None, "totp_wrong"),
               ("wrong", code_of(step), "password_wrong"),
               ("wrong" + code_of(step), None, "password_wrong")]
    bodies = set()
    for password, code, reason in refused:
        status, why, answer = knock(proxy, ALICE, password, code, "alice")
        assert (status, why) == (401, reason), (password, code)
        problem = answer.problem()
        problem.pop("request_id")
        bodies.add((json.dumps(problem), answer.get("www-authenticate")))
    assert len(bodies) == 1, "who is refused learns nothing from how"
    assert not upstream.requests
    with proxy.connect() as client:
        twice = client.get("/", ALICE, "wonder land", fields=[("X-OTP", "1"), ("X-OTP", "2")])
    assert twice.status == 400

    # Each code once, and none after a later one; as a field, or behind the password.
    for password, code, status in [("wonder land", code_of(step - 1), 200),
                                   ("wonder land", code_of(step - 1), 401),
                                   ("wonder land" + code_of(step), None, 200),
                                   ("wonder land", code_of(step), 401),
                                   ("wonder land", code_of(step - 1), 401)]:
        got, why, _ = knock(proxy, ALICE, password, code, "alice")
        assert got == status, (password, code, why)
        assert why == ("ok" if status == 200 else "totp_replayed")
    for request in upstream.requests:
        assert request.all("X-OTP") == [] and request.all("X-Client-User") == [ALICE]

    # Bob's record asks for none, one route does; carol has no secret.
    assert knock(proxy, BOB, "b:ob", None, "bob")[0] == 200
    assert knock(proxy, BOB, "b:ob", None, "bob", "/strong")[:2] == (401, "totp_missing")
    assert knock(proxy, BOB, "b:ob", code_of(step), "bob", "/strong")[0] == 200
    proxy.pki.client("carol", proxy.pki.subject(CAROL))
    assert knock(proxy, CAROL, "christmas", code_of(step), "carol", "/strong")[1] == "totp_missing"
    with proxy.connect("bob") as client:
        client.get("/", BOB, "b:ob", fields=[("X.OTP", "a"), ("x_otp", "b")])
    assert not [n for n, _ in upstream.requests[-1].fields if "otp" in n.lower()]
    text = proxy.output() + proxy.access_path.read_text()
    for secret in (code_of(step), code_of(step - 1), SECRET.hex(),
                   base64.b32encode(SECRET).decode()):
        assert secret not in text


def test_time_does_not_tell_the_password(make):
    """A password that was proven lately is hashed again beside a code that is not right."""
    proxy = without_certificates(make({"lockout": {"enabled": False}})).start()
    step = step_now()
    for password, code, status, hashes in [("wonder land", code_of(step), 200, 1),
                                           ("wonder land", None, 401, 1),
                                           ("wonder land", "000000", 401, 1),
                                           ("wonder land", code_of(step), 401, 1),
                                           ("wrong", "000000", 401, 1),
                                           ("wonder land", code_of(step + 1), 200, 0)]:
        before = proxy.metric("countersign_password_checks_total")
        assert knock(proxy, ALICE, password, code)[0] == status, (password, code)
        made = proxy.metric("countersign_password_checks_total") - before
        assert made == hashes, (password, code)


def test_a_code_is_used_up_for_all_workers(make):
    proxy = without_certificates(make({"lockout": {"enabled": False},
                                       "process": {"workers": 2}})).start()
    code = code_of(step_now())
    assert knock(proxy, ALICE, "wonder land", code)[0] == 200
    for _ in range(20):
        assert knock(proxy, ALICE, "wonder land", code)[:2] == (401, "totp_replayed")
    assert proxy.reload().returncode == 0
    assert knock(proxy, ALICE, "wonder land", code)[:2] == (401, "totp_replayed")
    old = proxy.worker_pids()
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: len(set(proxy.worker_pids()) - set(old)) == 2)
    wait_until(lambda: proxy.is_ready())
    assert knock(proxy, ALICE, "wonder land", code)[:2] == (401, "totp_replayed")


def test_a_proof_may_be_remembered_for_a_certificate(make):
    proxy = make({"totp": {"remember": "1h"}, "process": {"workers": 2}}).start()
    code = code_of(step_now())
    for _ in range(10):
        assert knock(proxy, ALICE, "wonder land" + code, None, "alice")[0] == 200
    assert knock(proxy, ALICE, "wonder land", None, "alice")[0] == 200
    assert knock(proxy, ALICE, "wrong", None, "alice")[0] == 401


@pytest.mark.parametrize("kind", ["htpasswd", "database"])
def test_enrolment(make, kind):
    proxy = make({"lockout": {"enabled": False}, "totp": {"digits": 8, "algorithm": "sha256"}},
                 fields=[])
    if kind == "database":
        database = proxy.dir / "users.db"
        done = proxy.run("user", "import", "-s", str(database), str(proxy.dir / "users.htpasswd"))
        assert done.returncode == 0, done.stderr
        proxy.config["users"] = {"store": str(database)}
        proxy.write_config()
    proxy.start()

    def user(*arguments):
        return proxy.run("user", *arguments, "-c", str(proxy.config_path))

    assert knock(proxy, ALICE, "wonder land", pair="alice")[0] == 200
    assert user("totp", "nobody@example.com").returncode == 1
    assert user("totp", "nobody@example.com").stdout == ""
    made = user("totp", ALICE)
    assert made.returncode == 0, made.stderr
    uri = urllib.parse.urlsplit(made.stdout.strip())
    assert (uri.scheme, uri.netloc) == ("otpauth", "totp")
    assert urllib.parse.unquote(uri.path) == f"/countersign:{ALICE}"
    said = dict(urllib.parse.parse_qsl(uri.query))
    text = said.pop("secret")
    assert said == {"issuer": "countersign", "algorithm": "SHA256", "digits": "8", "period": "30"}
    secret = base64.b32decode(text)
    assert len(secret) == 20

    wait_until(lambda: knock(proxy, ALICE, "wonder land", pair="alice")[1] == "totp_missing")
    step = step_now()
    code = code_of(step, secret, hashlib.sha256, 8)
    assert knock(proxy, ALICE, "wonder land" + code, pair="alice")[0] == 200
    shown = user("show", ALICE)
    assert "totp" in shown.stdout
    for output in (shown.stdout, user("ls").stdout, proxy.output(), made.stderr):
        assert secret.hex() not in output and text not in output
    again = user("totp", ALICE)
    assert again.returncode == 0 and text not in again.stdout, "a new one each time"
    fresh = base64.b32decode(again.stdout.split("secret=")[1].split("&")[0])
    code = code_of(step, fresh, hashlib.sha256, 8)  # the old one's code of this step was used
    wait_until(lambda: knock(proxy, ALICE, "wonder land" + code, pair="alice")[0] == 200)
    # A store that is named itself knows nothing of codes: the configuration does, where it is too.
    named = ["-s", str(database)] if kind == "database" else ["-f", str(proxy.dir / "users.htpasswd")]
    beside = user("totp", ALICE, *named)
    assert beside.returncode == 0 and "algorithm=SHA256&digits=8&" in beside.stdout
    assert "by default" not in beside.stderr
    alone = proxy.run("user", "totp", ALICE, *named)
    assert alone.returncode == 0 and "algorithm=SHA1&digits=6&" in alone.stdout
    assert "6 digits with SHA1" in alone.stderr and "-c" in alone.stderr
    absent = proxy.run("user", "totp", ALICE, *named, "-c", str(proxy.dir / "absent.yaml"))
    assert absent.returncode == 1 and absent.stdout == ""
    assert user("totp", ALICE, "--off").returncode == 0
    wait_until(lambda: knock(proxy, ALICE, "wonder land", pair="alice")[0] == 200)


def lock(proxy, user, pair=None, n=5):
    for i in range(n):
        assert knock(proxy, user, f"wrong {i}", pair=pair)[0] == 401


def test_workers_agree_on_lockout(make):
    proxy = without_certificates(make({"lockout": {"delay": "1m"}, "process": {"workers": 2}},
                                      fields=[])).start()
    lock(proxy, BOB)
    for _ in range(20):
        status, why, answer = knock(proxy, BOB, "b:ob")
        assert (status, why) == (429, "locked_out")
    assert 50 <= int(answer.get("retry-after")) <= 60
    assert answer.problem()["detail"] == "too many attempts, try again later"
    assert proxy.metric("countersign_password_checks_total") == 5, "no hash runs for the locked"
    assert proxy.refusals("locked_out") == 20
    assert {e["level"] for e in proxy.events("refused") if e["reason"] == "locked_out"} == {
        "warning"}

    # Unknown names are no different, and others are not touched.
    lock(proxy, "nobody@example.com")
    assert knock(proxy, "nobody@example.com", "x")[:2] == (429, "locked_out")
    assert knock(proxy, CAROL, "christmas")[0] == 200

    # Neither a reload nor the death of all workers frees anybody.
    assert proxy.reload().returncode == 0
    assert knock(proxy, BOB, "b:ob")[0] == 429
    old = proxy.worker_pids()
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: len(set(proxy.worker_pids()) - set(old)) == 2)
    wait_until(lambda: proxy.is_ready())
    assert knock(proxy, BOB, "b:ob")[0] == 429

    # The operator sees who it is, but not what may be a password in the wrong field.
    listing = proxy.run("lockout", "ls", "-c", str(proxy.config_path), "-o", "json")
    rows = json.loads(listing.stdout)["lockouts"]
    assert {(r["user"], r["counted_by"], r["from"], r["failures"]) for r in rows} == {
        (BOB, "network", "127.0.0.1", 5), ("", "network", "127.0.0.1", 5)}
    assert BOB in proxy.run("lockout", "ls", "-c", str(proxy.config_path)).stdout
    assert proxy.run("lockout", "unlock", "-s", str(proxy.socket_path), CAROL).returncode == 1
    assert proxy.run("user", "unlock", "-c", str(proxy.config_path), BOB).returncode == 0
    assert knock(proxy, BOB, "b:ob")[0] == 200
    assert knock(proxy, "nobody@example.com", "x")[0] == 429
    assert [e for e in proxy.events("unlocked") if e["user"] == BOB]


def test_lockout_ends(make):
    proxy = without_certificates(make({"lockout": {"failures": 2, "delay": "1s"}},
                                      fields=[])).start()
    lock(proxy, BOB, n=2)
    status, _, answer = knock(proxy, BOB, "b:ob")
    assert status == 429 and answer.get("retry-after") == "1"
    wait_until(lambda: knock(proxy, BOB, "wrong")[0] == 401)
    assert knock(proxy, BOB, "b:ob")[0] == 429, "the next wait is longer"
    wait_until(lambda: knock(proxy, BOB, "b:ob")[0] == 200)
    assert knock(proxy, BOB, "wrong")[0] == 401
    assert knock(proxy, BOB, "b:ob")[0] == 200, "a success has begun the count anew"


def test_nobody_locks_out_others(make):
    proxy = make({"lockout": {"delay": "1m"}}, fields=[]).start()
    lock(proxy, BOB, "alice")
    assert knock(proxy, BOB, "b:ob", pair="alice")[:2] == (429, "locked_out")
    assert knock(proxy, CAROL, "x", pair="alice")[:2] == (429, "locked_out")
    assert knock(proxy, BOB, "b:ob", pair="bob")[0] == 200
    assert knock(proxy, ALICE, "wonder land", pair="alice")[0] == 200
    rows = json.loads(proxy.run("lockout", "ls", "-c", str(proxy.config_path), "-o",
                                "json").stdout)["lockouts"]
    assert [(r["user"], r["counted_by"]) for r in rows] == [(ALICE, "certificate")]


def test_methods(make, upstream):
    proxy = make({"lockout": {"enabled": False}, "routes": [
        {"path": "/", "require": "both", "upstream": "api"},
        {"path": "/a", "methods": ["GET"], "require": "certificate", "upstream": "api"},
        {"path": "/a", "methods": ["POST"], "require": "both", "upstream": "api"}]},
        fields=[]).start()
    with proxy.connect() as client:
        assert client.get("/a").status == 200
        assert client.get("/a", method="HEAD").status == 200
        assert client.get("/a", method="POST", fields=[("Content-Length", "0")]).status == 401
        answer = client.get("/a/b", method="DELETE")
        assert answer.status == 405 and answer.get("allow") == "GET, HEAD, POST"
        assert proxy.record(answer)["auth.reason"] == "method_not_allowed"
        assert client.get("/b", ALICE, "wonder land", method="DELETE").status == 200
    # Nobody learns the methods who is not known.
    proxy.config["listeners"][0]["client"]["mode"] = "optional"
    proxy.write_config()
    assert proxy.reload().returncode == 0
    with proxy.connect(None) as client:
        answer = client.get("/a", method="DELETE")
    assert answer.status == 403 and answer.get("allow") is None
    assert len(upstream.requests) == 3


def test_groups(make, upstream):
    proxy = make({"routes": [
        {"path": "/", "require": "certificate", "groups": ["staff"], "upstream": "api"},
        {"path": "/ops", "require": "certificate", "groups": ["ops", "admin"], "upstream": "api"}]},
        fields=FIELDS[1:]).start()
    assert knock(proxy, None, None, pair="bob")[0] == 200
    status, why, answer = knock(proxy, None, None, pair="bob", path="/ops")
    assert (status, why) == (403, "group_missing")
    assert proxy.record(answer)["user"] == BOB
    assert knock(proxy, None, None, pair="alice")[:2] == (403, "group_missing")
    assert len(upstream.requests) == 1


def test_report_only(make, upstream, pki):
    proxy = make({"routes": [{"path": "/", "require": "both", "upstream": "api",
                              "groups": ["staff"], "report_only": True, "methods": ["GET"]}],
                  "lockout": {"failures": 2}},
                 fields=FIELDS[1:] + [f"{CAROL} disabled=yes"]).start()
    pki.client("carol", pki.subject(CAROL))
    passes = [("alice", BOB, "b:ob", "pairing_mismatch", None),
              ("alice", None, None, "credentials_missing", None),
              ("alice", ALICE, "wrong", "password_wrong", None),
              ("alice", ALICE, "wrong", "password_wrong", None),
              ("alice", ALICE, "wonder land", "locked_out", None),
              ("bob", BOB, "b:ob", None, BOB)]
    for pair, user, password, reason, told in passes:
        status, why, answer = knock(proxy, user, password, pair=pair)
        assert (status, why) == (200, "ok")
        assert upstream.requests[-1].all("X-Client-User") == ([told] if told else [])
        assert proxy.record(answer).get("auth.would_refuse") == reason
        assert proxy.record(answer).get("user") == told
    answer = knock(proxy, BOB, "b:ob", pair="bob", method="DELETE")[2]
    assert answer.status == 200
    assert proxy.record(answer)["auth.would_refuse"] == "method_not_allowed"
    events = [e["reason"] for e in proxy.events("would_refuse")]
    assert events == [p[3] for p in passes if p[3]] + ["method_not_allowed"]
    assert proxy.metric('countersign_would_refuse_total{reason="password_wrong"}') == 2
    assert proxy.refusals("password_wrong") == 0
    # What is no matter of the rules is refused as ever.
    seen = len(upstream.requests)
    assert knock(proxy, CAROL, "christmas", pair="carol")[:2] == (403, "user_disabled")
    with proxy.connect(None) as client:
        assert client.get("/").status == 400
    assert len(upstream.requests) == seen
    said = proxy.run("check", "-c", str(proxy.config_path))
    assert "report_only" in said.stdout + said.stderr


def test_explain(make):
    proxy = make({"routes": [
        {"path": "/", "require": "both", "require_totp": True, "groups": ["staff"],
         "methods": ["GET", "POST"], "upstream": "api"}]})

    def explain(pair, user, *more, code=None):
        options = {"input": code + "\n"} if code else {}
        return proxy.run("explain", "-c", str(proxy.config_path), "--certificate",
                         str(proxy.pki.dir / f"{pair}.crt"), "--user", user, *more,
                         *(["--otp"] if code else []), **options)

    code = code_of(step_now())
    said = explain("bob", BOB, code=code)
    assert said.returncode == 0, said.stdout + said.stderr
    for step in ("lockout", "password", "totp", "pairing", "user"):
        assert f"  {step:<10} no objection" in said.stdout, said.stdout
    assert "  group      let through" in said.stdout
    assert "one-time code" in said.stdout
    said = explain("bob", BOB)
    assert said.returncode == 1 and "totp_missing, status 401" in said.stdout
    said = proxy.run("explain", "-c", str(proxy.config_path), "--certificate",
                     str(proxy.pki.dir / "bob.crt"), "--user", BOB, "-i", "--otp",
                     input=f"b:ob\n{code}\n")
    assert said.returncode == 0, said.stdout
    said = explain("bob", BOB, code="000000")
    assert said.returncode == 1 and "totp_wrong, status 401" in said.stdout
    said = explain("bob", BOB, "--otp", code)
    assert said.returncode == 2, "a code does not belong in the arguments"
    said = explain("alice", ALICE, code=code)
    assert said.returncode == 1 and "group_missing, status 403" in said.stdout
    said = explain("bob", BOB, "--method", "DELETE", code=code)
    assert said.returncode == 1 and "method_not_allowed, status 405" in said.stdout


@pytest.mark.parametrize("changes, words", [
    ({"routes": [{"path": "/", "require": "none", "groups": ["a"], "upstream": "api"}]},
     "require: none names no user"),
    ({"routes": [{"path": "/", "require": "none", "require_totp": True, "upstream": "api"}]},
     "require: none names no user"),
    ({"routes": [{"path": "/", "methods": ["GET"], "upstream": "api"},
                 {"path": "/", "methods": ["POST", "HEAD"], "upstream": "api"}]},
     "the same host and path"),
    ({"routes": [{"path": "/", "methods": ["get"], "upstream": "api"}]}, "is not one of GET"),
    ({"routes": [{"path": "/", "groups": ["a b"], "upstream": "api"}]}, "name of a group"),
    ({"totp": {"header": "Authorization"}}, "that HTTP itself"),
    ({"totp": {"header": ""}}, "empty"),
    ({"totp": {"header": "X-Client-User"}}, "the same field name"),
    ({"totp": {"header": "cookie"}}, "upstreams need"),
    ({"totp": {"header": "X-SSL-Client-Verify"}}, "given by a dialect"),
    ({"totp": {"header": "Client-Cert"}}, "given by a dialect"),
    ({"headers": {"fields": {"x_otp": "{user}"}}}, "given by headers.fields"),
    ({"token": {"header": "X-OTP", "keys": ["k"], "issuer": "i", "audience": "a"}},
     "given by token.header"),
    ({"totp": {"header": "X-Identity-Token"},
      "token": {"keys": ["k"], "issuer": "i", "audience": "a"}}, "given by token.header"),
    ({"totp": {"header": "Signature"}, "signature": {"keys": ["k"]}}, "given by signature"),
    ({"lockout": {"delay": "10m"}}, "shorter than lockout.delay"),
    ({"lockout": {"forget": "1m"}}, "shorter than lockout.delay_max"),
])
def test_what_does_not_fit_is_refused(make, changes, words):
    proxy = make(changes)
    proxy.write_config()
    said = proxy.run("check", "-c", str(proxy.config_path))
    assert said.returncode == 1
    assert words in said.stderr + said.stdout
