"""Somebody without a signing request: registered by operators, and served for a one-time code."""
import base64
import getpass
import grp
import hashlib
import hmac
import json
import os
import re
import signal
import subprocess
import threading

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12

from test_ca_apart import memory_holds
from proxy import basic, wait_status, wait_until
from receivers import Mail, Webhook

ALICE, BOB, CAROL = "alice@example.com", "bob@example.com", "carol@example.com"
REQUESTS = "/ca/v1/requests"
KILLS = int(os.environ.get("COUNTERSIGN_KILLS", "12"))
ME = f"local:{getpass.getuser()}"
MY_GROUP = f"local:{grp.getgrgid(os.getgid()).gr_name}"


@pytest.fixture
def make_ca(make_proxy, pki, tmp_path):
    """A running proxy with a CA of its own behind it. bob and carol are operators; whoever has a
    code needs nothing else to come in at /ca/enrol."""
    def make(changes=None, routes=None):
        proxy = make_proxy()
        made = proxy.run("ca", "init", str(tmp_path / "ca"))
        assert made.returncode == 0, made.stderr
        (proxy.dir / "users.fields").write_text(
            f"{BOB} groups=operators\n{CAROL} groups=operators\n")
        client = {"ca": [str(pki.dir / "ca.crt"), str(tmp_path / "ca/root.crt")],
                  "mode": "optional", "on_failure": "answer"}
        operators = ["operators", MY_GROUP]
        proxy.write_config({
            "listeners": [dict(proxy.config["listeners"][0], client=client)],
            "users": {"fields": str(proxy.dir / "users.fields")},
            "routes": [{"path": "/ca/enrol", "require": "none", "upstream": "ca"},
                       {"path": "/ca", "require": "password", "upstream": "ca"},
                       {"path": "/", "require": "both", "upstream": "api"}],
            "upstreams": {"ca": {"servers": [f"unix:{proxy.dir}/ca.sock"]}},
            "revocation": {"deny": "denied"},
            "ca": {"certificate": str(tmp_path / "ca/issuing.crt"),
                   "key": str(tmp_path / "ca/issuing.key"), "store": "ca.db", "socket": "ca.sock",
                   "public_url": "https://pki.example.com",
                   "profiles": {"client": {"operators": operators},
                                "auto": {"approvals": 0, "operators": operators}}},
        })
        proxy.write_config({"ca": changes or {}, **({"routes": routes} if routes else {})})
        (proxy.dir / "denied").write_text("")
        proxy.start()
        wait_until(lambda: proxy.events("ca_serves"))
        return proxy
    return make


@pytest.fixture
def ca(make_ca):
    return make_ca()


def post(ca, caller, path, **members):
    body = json.dumps(members)
    allowed = f"Authorization: {basic(caller, ca.passwords[caller])}\r\n" if caller else ""
    with ca.connect(None) as client:
        client.send((f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{allowed}Content-Type: "
                     f"application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode())
        return client.answer()


def register(ca, profile="auto", by=BOB, user=ALICE, company="Example"):
    return post(ca, by, "/ca/v1/registrations", user=user, company=company, profile=profile)


def invite(ca):
    answer = register(ca)
    assert answer.status == 201, answer.body
    return json.loads(answer.body)["handover"]


def enrol(ca, told, **more):
    return post(ca, None, "/ca/enrol", request=told["request"], code=told["code"], **more)


def state(ca, request):
    shown = ca.run("request", "show", "-c", str(ca.config_path), request)
    assert shown.returncode == 0, shown.stderr
    return re.search(r"^state +(\w+)$", shown.stdout, re.M).group(1)


def companion(ca):
    """The process id of the CA's process."""
    listing = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(ca.process.pid)],
                             capture_output=True, text=True, check=False).stdout
    return [int(line.split()[0]) for line in listing.splitlines() if " ca " in line][0]


def openssl(ca, body, password, *more):
    (ca.dir / "got.p12").write_bytes(body)
    return subprocess.run(["openssl", "pkcs12", "-in", ca.dir / "got.p12", "-passin",
                           f"pass:{password}", "-nodes", *more],
                          capture_output=True, text=True, check=False)


def nothing_leaked(ca, *secrets):
    """Neither in a log, nor in the record, nor in the database, nor in what was printed."""
    texts = [p.read_bytes() for p in ca.dir.iterdir()
             if p.is_file() and p.suffix not in (".p12", ".pem", ".crt", ".key")]
    for secret in secrets:
        for form in (secret, secret.replace("-", "")):
            assert not any(form.encode() in text for text in texts), "a secret stands in a file"


def test_refused(ca):
    """Each with its status, and in words."""
    told = invite(ca)
    wrong = dict(told, code="0000-0000-0000-0000")
    for status, word, answer in [
        (403, "operator", register(ca, by=ALICE)),
        (404, "profile", register(ca, "none")),
        (404, "account", register(ca, user="dave@example.com")),
        (400, "e-mail", register(ca, user="alice")),
        (400, "company", register(ca, company="")),
        (409, "registered already", register(ca)),
        (404, "no request", post(ca, BOB, f"{REQUESTS}/{'0' * 24}/code")),
        (403, "operator", post(ca, ALICE, f"{REQUESTS}/{told['request']}/code")),
        (400, "JSON", raw(ca, "/ca/enrol", "{")),
        (400, "groups of", enrol(ca, dict(told, code=""))),
        (400, "groups of", post(ca, None, "/ca/enrol", request=told["request"])),
        (403, "not the code", enrol(ca, dict(told, request="0" * 24))),
        (403, "not the code", post(ca, None, "/ca/enrol", code=told["code"])),
        (403, "not the code", enrol(ca, wrong)),
        (404, "nothing", raw(ca, "/ca/enrol/other", "{}")),
        (405, "POST", raw(ca, "/ca/enrol", "", "GET")),
        (401, "", post(ca, None, "/ca/v1/registrations", user=ALICE)),
    ]:
        assert answer.status == status, (word, answer.status, answer.body)
        if status != 401:
            assert word in answer.problem()["detail"]
    for _ in range(4):
        assert enrol(ca, wrong).status == 403
    dead = enrol(ca, told)
    assert dead.status == 403 and "too many" in dead.problem()["detail"]
    nothing_leaked(ca, told["code"], told["password"])


def raw(ca, path, body, method="POST"):
    with ca.connect(None) as client:
        client.send((f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}"
                     f"\r\n\r\n{body}").encode())
        return client.answer()


def test_from_nothing_to_an_answer(ca):
    """Registered by one, agreed to by another, and then a file that lets in."""
    asked = json.loads(register(ca, "client").body)
    assert asked["status"] == "PENDING" and "handover" not in asked
    assert post(ca, BOB, f"{REQUESTS}/{asked['id']}/approve").status == 403
    agreed = json.loads(post(ca, CAROL, f"{REQUESTS}/{asked['id']}/approve").body)
    told = agreed["handover"]
    assert agreed["state"] == "approved"
    assert told["link"] == f"https://pki.example.com/ca/pages/enrol/{asked['id']}"
    answer = enrol(ca, dict(told, code=told["code"].lower().replace("-", " ")))
    assert answer.status == 200, answer.body
    assert answer.get("content-type") == "application/x-pkcs12"
    assert answer.get("content-disposition") == 'attachment; filename="alice_example.com.p12"'
    assert "no-store" in answer.get("cache-control")
    assert openssl(ca, answer.body, "wrong").returncode != 0
    info = openssl(ca, answer.body, told["password"], "-info", "-noout")
    assert "PBES2, PBKDF2, AES-256-CBC, Iteration 100000, PRF hmacWithSHA256" in info.stderr
    assert "MAC: sha256, Iteration 100000" in info.stderr
    pem = openssl(ca, answer.body, told["password"]).stdout
    assert pem.count("BEGIN CERTIFICATE") == 3
    (ca.pki.dir / "given.crt").write_text(pem)
    (ca.pki.dir / "given.key").write_text(pem)
    wait_until(lambda: state(ca, asked["id"]) == "delivered")
    assert ca.get("given", ALICE).status == 200
    assert ca.get("given", BOB).status == 403
    again = enrol(ca, told)
    assert again.status == 403 and "used already" in again.problem()["detail"]
    record = ca.run("audit", "ls", "-c", str(ca.config_path)).stdout
    for action in ("request.registered", "request.approved", "code.made", "certificate.issued",
                   "code.used", "certificate.delivered"):
        assert action in record
    nothing_leaked(ca, told["code"], told["password"])


def test_no_key_is_left_in_memory(ca):
    """Once the file is out, the key is nowhere: OpenSSL's own copies are wiped too."""
    told = invite(ca)
    answer = enrol(ca, told)
    assert answer.status == 200
    key = pkcs12.load_key_and_certificates(answer.body, told["password"].encode())[0]
    wait_until(lambda: state(ca, told["request"]) == "delivered")
    number = key.private_numbers().private_value
    secret = [number.to_bytes(32, "little"), number.to_bytes(32, "big")]
    held = memory_holds(companion(ca), secret)
    if held is None:
        pytest.skip("root cannot read the memory of processes here")
    assert held is False


def test_own_key(ca):
    """Who keeps their key sends a request with the code."""
    told = invite(ca)
    made = lambda name, company: subprocess.run(
        ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-keyout", ca.dir / f"{name}.key", "-subj", f"/O={company}/CN={ALICE}"],
        check=True, capture_output=True, text=True).stdout
    other = enrol(ca, told, certificateSigningRequest=made("other", "Other"))
    assert other.status == 403 and "organization" in other.problem()["detail"]
    answer = enrol(ca, told, certificateSigningRequest=made("own", "Example"))
    assert answer.status == 200 and answer.get("content-type") == "application/x-pem-file"
    (ca.pki.dir / "own.crt").write_bytes(answer.body)
    (ca.pki.dir / "own.key").write_bytes((ca.dir / "own.key").read_bytes())
    assert ca.get("own", ALICE).status == 200


def test_one_wins(ca):
    """Twenty who come at once with the same code."""
    told = invite(ca)
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(enrol(ca, told).status))
               for _ in range(20)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(answers) == [200] + [403] * 19
    assert ca.run("audit", "verify", "-c", str(ca.config_path)).returncode == 0


def test_the_route_may_ask_for_a_password(make_ca):
    """Then the code is good for nobody but its user."""
    ca = make_ca(routes=[{"path": "/ca", "require": "password", "upstream": "ca"},
                         {"path": "/", "require": "both", "upstream": "api"}])
    told = invite(ca)
    assert enrol(ca, told).status == 401
    wanted = {"request": told["request"], "code": told["code"]}
    other = post(ca, BOB, "/ca/enrol", **wanted)
    assert other.status == 403 and "another user" in other.problem()["detail"]
    assert post(ca, ALICE, "/ca/enrol", **wanted).status == 200


def test_old_clients(make_ca):
    ca = make_ca({"profiles": {"auto": {"insecure_old_pkcs12": True}}})
    told = invite(ca)
    info = openssl(ca, enrol(ca, told).body, told["password"], "-info", "-noout")
    assert "pbeWithSHA1And3-KeyTripleDES-CBC" in info.stderr and "MAC: sha1" in info.stderr


def command(ca, *words):
    done = ca.run("request", words[0], "-c", str(ca.config_path), *words[1:])
    assert done.returncode == 0, done.stderr
    return done.stdout


def told_of(text):
    lines = dict(re.split(r"\s{2,}", line, maxsplit=1) for line in text.splitlines() if "  " in line)
    return {"request": lines["request"], "code": lines["code"], "password": lines["password"]}


def test_commands(ca):
    """The same from the command line; an old code is dead when there is a new one."""
    told = told_of(command(ca, "register", "-u", ALICE, "--company", "Example", "-p", "auto"))
    fresh = told_of(command(ca, "code", told["request"]))
    assert enrol(ca, told).status == 403
    assert enrol(ca, fresh).status == 200
    id = command(ca, "register", "-u", ALICE, "--company", "Example", "-p", "client").strip()
    own = ca.run("request", "approve", "-c", str(ca.config_path), id)
    assert own.returncode == 1 and "their own" in own.stderr
    early = ca.run("request", "code", "-c", str(ca.config_path), id)
    assert early.returncode == 1 and "not approved yet" in early.stderr
    asked = json.loads(register(ca, "client", user=CAROL).body)
    agreed = command(ca, "approve", asked["id"])
    assert agreed.startswith("approved\n")
    assert enrol(ca, told_of(agreed)).status == 200


def test_a_file_that_went_astray(ca):
    """A new code withdraws the first certificate, and needs no new agreement."""
    told = invite(ca)
    first = enrol(ca, told)
    wait_until(lambda: state(ca, told["request"]) == "delivered")
    again = json.loads(post(ca, BOB, f"{REQUESTS}/{told['request']}/code").body)
    assert again["request"] != told["request"]
    assert state(ca, told["request"]) == "withdrawn"
    pem = openssl(ca, first.body, told["password"]).stdout
    (ca.pki.dir / "astray.crt").write_text(pem)
    (ca.pki.dir / "astray.key").write_text(pem)
    wait_status(lambda: ca.get("astray", ALICE), 400, 403)
    assert enrol(ca, again).status == 200


def test_killed_at_any_instant(ca):
    """Whoever has the file has a certificate that is good; whoever has not, has none, and the code
    is good or an operator makes another."""
    served = lost = 0
    for i in range(KILLS):
        told = invite(ca)
        pid = companion(ca)
        killer = threading.Timer(0.05 * i / KILLS, os.kill, (pid, signal.SIGKILL))
        killer.start()
        try:
            answer = enrol(ca, told)
        except AssertionError:
            answer = None
        killer.join()
        wait_until(lambda: companion_answers(ca, pid))
        now = state(ca, told["request"])
        if answer is not None and answer.status == 200:
            served += 1
            assert openssl(ca, answer.body, told["password"], "-noout").returncode == 0
            assert now in ("issued", "delivered")
        elif now == "approved":
            assert enrol(ca, told).status == 200
            served += 1
        else:
            assert now == "issued", now
            again = json.loads(post(ca, BOB, f"{REQUESTS}/{told['request']}/code").body)
            assert state(ca, told["request"]) == "withdrawn"
            assert enrol(ca, again).status == 200
            lost += 1
    assert served + lost == KILLS
    assert ca.run("audit", "verify", "-c", str(ca.config_path)).returncode == 0


def companion_answers(ca, old):
    try:
        return companion(ca) != old and post(ca, BOB, f"{REQUESTS}/none/code").status == 404
    except IndexError:
        return False


@pytest.fixture
def receivers(pki):
    """mail(...) and webhook(...), ended with the test."""
    made = []

    def make(kind):
        def start(*arguments, **options):
            made.append(kind(pki, *arguments, **options))
            return made[-1]
        return start

    class Both:
        mail, webhook = staticmethod(make(Mail)), staticmethod(make(Webhook))

    yield Both
    for r in made:
        r.hang.set() if isinstance(r, Mail) else None
        r.end()


def by_mail(pki, server, **more):
    scheme = "smtps" if server.begin == "tls" else "smtp"
    return {"smtp": f"{scheme}://localhost:{server.port}", "from": "pki@example.com",
            "ca_file": str(pki.dir / "ca.crt"), **more}


def by_webhook(pki, server, **more):
    return {"webhook": f"https://localhost:{server.port}/hook?a=b",
            "ca_file": str(pki.dir / "ca.crt"), **more}


def secret(path, text):
    path.write_text(text + "\n")
    path.chmod(0o600)
    return str(path)


def messages(ca, request, by=BOB):
    with ca.connect(None) as client:
        answer = client.get(f"{REQUESTS}/{request}", by, ca.passwords[by])
    assert answer.status == 200, answer.body
    return json.loads(answer.body)["messages"]


def code_in(text):
    return re.search(r"^  ((?:\w{4}-){3}\w{4})$", text, re.M).group(1)


def test_mail_and_webhook(make_ca, receivers, pki, tmp_path):
    """The code by mail, the password by webhook; the operator sees neither."""
    login = base64.b64encode(b"\0pki\0geheim").decode()
    mail, hook = receivers.mail(login=login), receivers.webhook()
    ca = make_ca({"notify": {"code": "mail", "password": "hook", "notices": "mail"}, "notifiers": {
        "mail": by_mail(pki, mail, user="pki", password_file=secret(tmp_path / "pass", "geheim")),
        "hook": by_webhook(pki, hook, secret_file=secret(tmp_path / "secret", "shared"))}})
    asked = json.loads(register(ca, "client").body)
    agreed = json.loads(post(ca, CAROL, f"{REQUESTS}/{asked['id']}/approve").body)
    assert set(agreed["handover"]) == {"request", "link", "validUntil"}
    wait_until(lambda: len(mail.mails) == 2)
    found = {to: m for to, m in mail.mails}
    assert "was approved" in found[BOB].get_content() and asked["id"] in found[BOB].get_content()
    got = found[ALICE]
    text = got.get_content()
    assert got["To"] == ALICE and got["From"] == "pki@example.com" and not got["Bcc"]
    assert agreed["handover"]["link"] in text and got["Auto-Submitted"] == "auto-generated"
    code = code_in(text)
    assert hook.posts == []
    answer = enrol(ca, {"request": asked["id"], "code": code})
    assert answer.status == 200
    wait_until(lambda: hook.posts)
    fields, body = hook.posts[0]
    told = json.loads(body)
    assert told["kind"] == "password" and told["to"] == ALICE and "code" not in told
    assert openssl(ca, answer.body, told["password"], "-noout").returncode == 0
    when, mac = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})",
                             fields["Countersign-Signature"]).groups()
    wanted = hmac.new(b"shared", when.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(mac, wanted)
    wait_until(lambda: all(m["sent"] for m in messages(ca, asked["id"])))
    assert [m["kind"] for m in messages(ca, asked["id"])] == ["approved", "code", "password"]
    shown = ca.run("request", "show", "-c", str(ca.config_path), asked["id"]).stdout
    assert len(re.findall(r"^message +\w+: sent ", shown, re.M)) == 3
    nothing_leaked(ca, code, told["password"])


@pytest.mark.parametrize("what, options, changes, words", [
    ("a server that cannot do TLS", {"begin": "plain"}, {}, "STARTTLS"),
    ("a server whose CA is another", {}, {"ca_file": None}, "certificate"),
    ("no such mailbox", {"refuse": "550 unknown"}, {}, "550"),
    ("a password that others may read", {"login": "x"}, {"user": "pki", "password_file": 0o644},
     "chmod 600"),
    ("a wrong password", {"login": "x"}, {"user": "pki", "password_file": 0o600}, "denied"),
], ids=lambda v: v if isinstance(v, str) and " " in v else "")
def test_mail_that_does_not_go_out(make_ca, receivers, pki, tmp_path, what, options, changes, words):
    """The command says so, and the code is in nobody's hands."""
    server = receivers.mail(**options)
    if "password_file" in changes:
        path = tmp_path / "pass"
        secret(path, "wrong")
        path.chmod(changes["password_file"])
        changes = dict(changes, password_file=str(path))
    notifier = {k: v for k, v in {**by_mail(pki, server), **changes}.items() if v is not None}
    ca = make_ca({"notify": {"code": "mail"}, "notifiers": {"mail": notifier}})
    done = ca.run("request", "register", "-c", str(ca.config_path), "-u", ALICE, "--company", "Example",
                  "-p", "auto")
    assert done.returncode == 1 and words in done.stderr and "not sent" in done.stderr, done.stderr
    assert "code  " not in done.stdout and "password  " in done.stdout
    assert server.mails == []
    assert not [line for safe, line in server.commands if not safe and "AUTH" in line]
    id = re.search(r"^request +(\w+)$", done.stdout, re.M).group(1)
    assert "given up" in command(ca, "show", id)


def test_starttls_and_plain(make_ca, receivers, pki):
    """STARTTLS before anything is said; without TLS only where the configuration says so."""
    starttls, plain = receivers.mail(begin="starttls"), receivers.mail(begin="plain")
    ca = make_ca({"notify": {"code": "one", "password": "two"}, "notifiers": {
        "one": by_mail(pki, starttls), "two": by_mail(pki, plain, insecure_plain=True)}})
    invited = command(ca, "register", "-u", ALICE, "--company", "Example", "-p", "auto")
    (to, mail), = starttls.mails
    assert to == ALICE
    assert [line for safe, line in starttls.commands if not safe][1:] == ["STARTTLS"]
    id = re.search(r"^request +(\w+)$", invited, re.M).group(1)
    answer = enrol(ca, {"request": id, "code": code_in(mail.get_content())})
    wait_until(lambda: plain.mails)
    password = code_in(plain.mails[0][1].get_content())
    assert openssl(ca, answer.body, password, "-noout").returncode == 0


def test_program(make_ca, tmp_path):
    """It gets its arguments as they are, the message on standard input, and no more; what it says is
    not believed and not logged."""
    program = tmp_path / "tell"
    program.write_text("#!/bin/sh\ncat >\"$1\"; env >\"$1.env\"; ls /proc/self/fd >\"$1.fd\"\n"
                       "cat \"$1\" >&2; exit $(cat \"$2\" 2>/dev/null || echo 0)\n")
    program.chmod(0o755)
    out, status = tmp_path / "out; touch x `y`", tmp_path / "status"
    ca = make_ca({"notify": {"code": "tell"}, "notifiers": {
        "tell": {"program": [str(program), str(out), str(status)]}}})
    told = json.loads(register(ca).body)["handover"]
    assert "code" not in told
    wait_until(lambda: messages(ca, told["request"])[0]["sent"])
    message = json.loads(out.read_text())
    assert message["kind"] == "code" and message["link"] == told["link"]
    environment = (tmp_path / (out.name + ".env")).read_text()
    assert {line.split("=")[0] for line in environment.splitlines()} <= {
        "PATH", "LC_ALL", "PWD", "SHLVL", "_", "OLDPWD"}
    assert set((tmp_path / (out.name + ".fd")).read_text().split()) <= {"0", "1", "2", "3"}
    assert enrol(ca, dict(told, code=message["code"])).status == 200
    status.write_text("3")
    other = json.loads(register(ca, user=CAROL).body)["handover"]
    (failed,) = wait_until(lambda: [m for m in messages(ca, other["request"]) if m.get("error")])
    assert "exit status" in failed["error"] and failed["sent"] is None
    nothing_leaked(ca, message["code"], json.loads(out.read_text())["code"])


def test_a_server_that_hangs(make_ca, receivers, pki):
    """Nothing else waits for it; the message is given up in time and tried again, and lost when the
    process is killed, which the operator sees."""
    mail = receivers.mail()
    mail.slow = True
    ca = make_ca({"notify": {"code": "mail"}, "notifiers": {
        "mail": by_mail(pki, mail, timeout="1s")}})
    told = json.loads(register(ca).body)["handover"]
    wait_until(lambda: mail.commands)
    assert messages(ca, told["request"])[0]["sent"] is None
    wait_until(lambda: messages(ca, told["request"])[0].get("error"))
    assert messages(ca, told["request"])[0]["givenUp"] is None
    pid = companion(ca)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: companion_answers(ca, pid))
    lost, = messages(ca, told["request"])
    assert lost["givenUp"] and "have a new code made" in lost["error"]
    mail.slow = False
    mail.hang.set()
    again = post(ca, BOB, f"{REQUESTS}/{told['request']}/code")
    assert again.status == 200
    wait_until(lambda: mail.mails)
    code = code_in(mail.mails[0][1].get_content())
    assert enrol(ca, {"request": told["request"], "code": code}).status == 200


def test_notices(make_ca, receivers, pki):
    """Decisions and ends are told, tried again after a failure, and not twice."""
    hook = receivers.webhook(status=500)
    ca = make_ca({"notify": {"notices": "hook", "before": [40]}, "notifiers": {
        "hook": by_webhook(pki, hook)}})
    asked = json.loads(register(ca, "client").body)
    denied = post(ca, CAROL, f"{REQUESTS}/{asked['id']}/deny", reason="not yet")
    assert denied.status == 200
    wait_until(lambda: messages(ca, asked["id"])[0].get("error"))
    assert "500" in messages(ca, asked["id"])[0]["error"]
    hook.status = 204
    database(ca, "UPDATE outbox SET next_ms = 0")
    wait_until(lambda: messages(ca, asked["id"])[0]["sent"])
    assert hook.bodies()[-1]["kind"] == "denied" and hook.bodies()[-1]["reason"] == "not yet"
    assert hook.bodies()[-1]["to"] == BOB
    told = invite(ca)
    assert enrol(ca, told).status == 200
    day = 86400 * 1000
    database(ca, f"UPDATE certificate SET not_after_ms = not_before_ms + 100 * {day}")
    database(ca, f"UPDATE certificate SET not_after_ms = not_after_ms - 65 * {day}, "
                 f"not_before_ms = not_before_ms - 65 * {day}")
    for _ in range(2):
        pid = companion(ca)
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: companion_answers(ca, pid))
        wait_until(lambda: [m for m in messages(ca, told["request"]) if m["sent"]])
    ends = [b for b in hook.bodies() if b["kind"] == "ends"]
    assert len(ends) == 1 and ends[0]["to"] == ALICE and ends[0]["until"]


def database(ca, statement):
    subprocess.run(["sqlite3", "-cmd", ".timeout 5000", ca.dir / "ca.db", statement], check=True)
