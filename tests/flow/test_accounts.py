"""What an account says of the certificates of its user: company, whether it is open, its spelling."""
import json
import subprocess

import pytest

from proxy import crypt_sha256, wait_until
from test_ca_api import ALICE, BOB, CAROL, REQUESTS, ca, call, csr, file, install, post_json, shown

assert ca  # a fixture

FIELDS = f"{BOB} groups=operators\n{CAROL} groups=operators\n"


def set_company(proxy, name):
    done = proxy.run("user", "set", "-c", str(proxy.config_path), ALICE, "--company", name)
    assert done.returncode == 0, done.stderr


def reload(proxy):
    """The CA's process begins anew."""
    before = len(proxy.events("ca_serves"))
    assert proxy.reload().returncode == 0
    wait_until(lambda: len(proxy.events("ca_serves")) > before)


def cli(proxy, *words):
    return proxy.run("request", words[0], "-c", str(proxy.config_path), *map(str, words[1:]))


def company_of(proxy):
    out = proxy.run("user", "show", "-o", "json", "-c", str(proxy.config_path), ALICE).stdout
    return json.loads(out)["company"]


def register(proxy, **members):
    return call(proxy, BOB, "POST", "/ca/v1/registrations",
                json.dumps({"user": ALICE, "profile": "client", **members}), "application/json")


def test_company(ca):
    """By every way in that of the account and no other; in the file of fields it is escaped."""
    good = file(ca, "client", name="before")
    set_company(ca, "Müller & Söhne 100%")
    assert "company=Müller%20&%20Söhne%20100%25" in (ca.dir / "users.fields").read_text()
    assert company_of(ca) == "Müller & Söhne 100%"
    listed = ca.run("user", "ls", "-c", str(ca.config_path)).stdout
    assert 'company="Müller & Söhne 100%"' in listed
    body = csr(ca.dir)
    for answer in (call(ca, ALICE, "POST", f"{REQUESTS}?profile=client", body),
                   call(ca, ALICE, "POST", f"{REQUESTS}?profile=auto", body),
                   call(ca, ALICE, "POST", "/.well-known/est/client/simpleenroll", body),
                   call(ca, BOB, "POST", f"{REQUESTS}/{good['id']}/approve"),
                   register(ca, company="Example")):
        assert answer.status == 403, answer.body
        assert "Müller & Söhne 100%" in answer.problem()["detail"]
    filed = cli(ca, "file", "-p", "auto", "-u", ALICE, ca.dir / "new.csr")
    assert filed.returncode == 1 and "Müller" in filed.stderr
    told = register(ca)
    assert told.status == 201 and json.loads(told.body)["company"] == "Müller & Söhne 100%"
    set_company(ca, "Example")
    assert file(ca, "auto", name="now")["status"] == "EXECUTED"
    assert cli(ca, "file", "-p", "auto", "-u", ALICE, ca.dir / "new.csr").returncode == 0
    set_company(ca, "")
    assert company_of(ca) is None and "company" not in (ca.dir / "users.fields").read_text()


def test_renewal_and_import_ask_too(ca):
    asked = file(ca, "auto", name="old")
    install(ca, asked, "old")
    set_company(ca, "Other")
    new = csr(ca.dir, name="new")
    answer = shown(ca, "old", "POST", "/ca/v1/renew", new)
    assert answer.status == 403 and "Other" in answer.problem()["detail"]
    pem = json.loads(call(ca, ALICE, "GET", f"{REQUESTS}/{asked['id']}").body)["result"]
    answer = post_json(ca, BOB, "/ca/v1/certificates", profile="client",
                       certificate=pem.split("-----END")[0] + "-----END CERTIFICATE-----\n")
    assert answer.status == 403 and "Other" in answer.problem()["detail"]
    set_company(ca, "Example")
    assert shown(ca, "old", "POST", "/ca/v1/renew", new).status == 201


@pytest.mark.parametrize("words", [["--company", " a"], ["--company", "a\nb"],
                                   ["--company", "x" * 65], ["--company", "a\x7f"]])
def test_refused_companies(ca, words):
    done = ca.run("user", "set", "-c", str(ca.config_path), ALICE, *words)
    assert done.returncode == 1 and "company" in done.stderr
    assert "company" not in (ca.dir / "users.fields").read_text()


def test_closed_accounts_at_the_machine(ca):
    """The command line asks what the API asks."""
    asked = file(ca)
    csr(ca.dir, name="more")
    done = ca.run("user", "disable", "-c", str(ca.config_path), ALICE)
    assert done.returncode == 0, done.stderr
    filed = cli(ca, "file", "-p", "client", "-u", "alice@EXAMPLE.com", ca.dir / "more.csr")
    assert filed.returncode == 1 and "closed" in filed.stderr
    answer = call(ca, BOB, "POST", f"{REQUESTS}/{asked['id']}/approve")
    assert answer.status == 409 and "closed" in answer.problem()["detail"]
    config = json.loads(json.dumps(ca.config))
    config["ca"]["profiles"]["client"]["operators"] = [
        "local:" + subprocess.run(["id", "-gn"], capture_output=True, text=True,
                                  check=True).stdout.strip()]
    ca.write_config(config)
    agreed = cli(ca, "approve", asked["id"])
    assert agreed.returncode == 1 and "closed" in agreed.stderr
    ca.run("user", "enable", "-c", str(ca.config_path), ALICE)
    assert cli(ca, "approve", asked["id"]).stdout == "issued\n"


def test_a_store_that_fails_is_our_own_trouble(ca):
    """503 and not 400, which would tell a client to give up; the log says why."""
    asked = file(ca)
    (ca.dir / "users.fields").write_text(FIELDS + f"{ALICE} colour=blue\n")
    for answer in (call(ca, ALICE, "GET", REQUESTS),
                   call(ca, ALICE, "POST", f"{REQUESTS}?profile=auto", csr(ca.dir)),
                   call(ca, BOB, "POST", f"{REQUESTS}/{asked['id']}/approve"),
                   call(ca, ALICE, "POST", "/.well-known/est/client/simpleenroll", csr(ca.dir))):
        assert answer.status == 503, answer.body
        assert "colour" not in answer.body.decode()
    for line in ca.events("refused")[-4:]:
        assert line["reason"] == "user_store_unavailable" and line["level"] == "error"
        assert "users' store fails" in line["error"]
    filed = cli(ca, "file", "-p", "auto", "-u", ALICE, ca.dir / "new.csr")
    assert filed.returncode == 1 and "users' store fails" in filed.stderr
    (ca.dir / "users.fields").write_text(FIELDS)
    assert call(ca, ALICE, "GET", REQUESTS).status == 200


def test_letter_case(ca):
    """An account of other letters than the certificate's is one for the proxy, and for the CA."""
    dave = "Dave@EXAMPLE.Com"
    with open(ca.dir / "users.htpasswd", "a", encoding="utf-8") as htpasswd:
        htpasswd.write(f"{dave}:{crypt_sha256('d')}\n")
    (ca.dir / "users.fields").write_text(FIELDS + f"{dave} company=Example\n")
    reload(ca)
    ca.passwords.update({dave: "d", "Dave@example.com": "d", "dave@example.com": "d"})
    assert call(ca, "dave@example.com", "GET", REQUESTS).status == 401
    asked = file(ca, "auto", user="Dave@example.com", name="daves")
    install(ca, asked, "daves", "Dave@example.com")
    assert ca.get("daves", "Dave@example.com").status == 200
    assert ca.get("daves", dave).status == 200
    assert json.loads(call(ca, dave, "GET", f"{REQUESTS}/{asked['id']}").body)["user"] \
        == "Dave@example.com"
    # What the CA sees closed, it closes under that name too.
    (ca.dir / "users.fields").write_text(FIELDS + f"{dave} disabled=yes\n")
    wait_until(lambda: "withdrawn" in ca.run("request", "show", "-c", str(ca.config_path),
                                             asked["id"]).stdout)


def shown_as(proxy, asked):
    out = cli(proxy, "show", asked["id"]).stdout
    return [line.split()[1] for line in out.splitlines() if line.startswith("state ")][0]


def record_of(proxy, asked):
    """The entries about a request: who, from where, what."""
    listed = proxy.run("audit", "ls", "-c", str(proxy.config_path))
    assert listed.returncode == 0, listed.stderr
    return [line for line in listed.stdout.splitlines() if asked["id"] in line]


def test_active_by_the_first_request_through_the_proxy(ca):
    """Not by a handshake alone, nor by one that is refused; once, by whom, when and from where."""
    asked = file(ca, "auto", name="fresh")
    install(ca, asked, "fresh")
    assert shown_as(ca, asked) == "delivered"
    with ca.connect("fresh"):
        pass
    assert ca.get("fresh", BOB).status == 403
    assert ca.get("fresh", ALICE, password="wrong").status == 401
    assert not any("certificate.active" in line for line in record_of(ca, asked))
    with ca.connect("fresh") as client:
        for _ in range(3):
            assert client.get("/", ALICE, ca.passwords[ALICE]).status == 200
    wait_until(lambda: shown_as(ca, asked) == "active")
    entries = [line for line in record_of(ca, asked) if "certificate.active" in line]
    assert len(entries) == 1 and ALICE in entries[0] and "127.0.0.1" in entries[0], entries
    assert ca.run("audit", "verify", "-c", str(ca.config_path)).returncode == 0


def test_active_after_the_cas_process_was_away(ca):
    """What was told to nobody is told of the next connection."""
    asked = file(ca, "auto", name="fresh")
    install(ca, asked, "fresh")
    (ca.dir / "ca.sock.seen").unlink()
    assert ca.get("fresh", ALICE).status == 200
    reload(ca)
    wait_until(lambda: (ca.dir / "ca.sock.seen").exists())
    assert shown_as(ca, asked) == "delivered"
    assert ca.get("fresh", ALICE).status == 200
    wait_until(lambda: shown_as(ca, asked) == "active")


def names(*words):
    return subprocess.run(["id", *words], capture_output=True, text=True, check=True).stdout.strip()


def refusal(proxy, user, asked):
    """The status with which an agreement is refused, and the words that say why."""
    answer = call(proxy, user, "POST", f"{REQUESTS}/{asked}/approve")
    detail = answer.problem()["detail"]
    return answer.status, next((w for w in ("already", "their own") if w in detail), detail)


def test_one_person_at_the_machine_and_at_the_proxy(ca):
    """Counts once, by the name of the account; unknown, not at all where two must agree."""
    profiles = {"two": {"operators": ["operators", "local:" + names("-gn")], "approvals": 2}}
    ca.write_config({"ca": {"profiles": profiles}})
    reload(ca)
    warned = ca.run("check", "-c", str(ca.config_path))
    assert warned.returncode == 0 and "Say in ca.local_accounts" in warned.stdout + warned.stderr
    asked = file(ca, "two")
    unknown = cli(ca, "approve", asked["id"])
    assert unknown.returncode == 1 and "ca.local_accounts" in unknown.stderr
    for account, word in (("nobody@example.com", "no account"), (ALICE, "their own")):
        ca.write_config({"ca": {"local_accounts": {names("-un"): account}}})
        refused = cli(ca, "approve", asked["id"])
        assert refused.returncode == 1 and word in refused.stderr, (account, refused.stderr)
    ca.write_config({"ca": {"local_accounts": {names("-un"): "bob@EXAMPLE.com"}}})
    known = ca.run("check", "-c", str(ca.config_path))
    assert known.returncode == 0 and "ca.local_accounts" not in known.stdout + known.stderr
    ca.run("user", "disable", "-c", str(ca.config_path), BOB)
    assert "closed" in cli(ca, "approve", asked["id"]).stderr
    ca.run("user", "enable", "-c", str(ca.config_path), BOB)
    assert cli(ca, "approve", asked["id"]).stdout == "pending\n"
    entry = [line for line in record_of(ca, asked) if "request.agreed" in line][0]
    assert BOB in entry and f"local:{names('-un')}" in entry
    # The proxy may still hold him for closed, as he was for a moment.
    wait_until(lambda: refusal(ca, BOB, asked["id"]) == (409, "already"))
    # What bob files at the machine he does not agree to at the proxy.
    csr(ca.dir, name="other")
    filed = cli(ca, "file", "-p", "two", "-u", ALICE, ca.dir / "other.csr").stdout.strip()
    wait_until(lambda: refusal(ca, BOB, filed) == (403, "their own"))
    assert call(ca, CAROL, "POST", f"{REQUESTS}/{asked['id']}/approve").status == 200
    assert shown_as(ca, asked) == "issued"
