"""Lines of the CA's process in the error log: each step once, with who and from where; each refusal
with its reason; and no secret."""
import json
import re
import subprocess

import pytest

from proxy import wait_until
from documents import ROOT
from test_handover import (ALICE, BOB, REQUESTS, command, enrol, invite,
                           make_ca, nothing_leaked, post, raw, register)  # noqa: F401

SECRETS = ["0000-0000-0000-0000", "no-code-but-secret-all-the-same"]


def lines(ca, event):
    return [e for e in ca.events(event) if e["role"] == "ca"]


def line(ca, event, **members):
    """The one line of that event with these members."""
    wait_until(lambda: [e for e in lines(ca, event) if members.items() <= e.items()])
    found = [e for e in lines(ca, event) if members.items() <= e.items()]
    assert len(found) == 1, found
    return found[0]


def file(ca, profile, name, company="Example"):
    made = subprocess.run(
        ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", ca.dir / f"{name}.key", "-subj", f"/O={company}/CN={ALICE}"],
        check=True, capture_output=True, text=True).stdout
    return post(ca, ALICE, REQUESTS, profile=profile, certificateSigningRequest=made)


def test_refusals(make_ca):
    """What was asked for and not done, with the reason of the table; no text that was sent."""
    ca = make_ca()
    told = invite(ca)
    code = told["code"]
    wrong = dict(told, code=SECRETS[0])
    asked = json.loads(file(ca, "client", "one").body)
    for reason, ask, members in [
        ("ca_code_refused",
         lambda: enrol(ca, wrong), {"request": told["request"], "path": "/ca/enrol"}),
        ("ca_code_refused", lambda: enrol(ca, dict(told, request=code)), {}),
        ("ca_request_malformed", lambda: raw(ca, "/ca/enrol", '{"code": ' + code), {}),
        ("ca_request_malformed",
         lambda: enrol(ca, dict(told, code=SECRETS[1])), {"path": "/ca/enrol"}),
        ("ca_denied",
         lambda: register(ca, by=ALICE), {"who": ALICE, "path": "/ca/v1/registrations"}),
        ("ca_not_found", lambda: register(ca, "none"), {"who": BOB}),
        ("ca_conflict", lambda: register(ca), {"who": BOB}),
        ("ca_denied",
         lambda: post(ca, ALICE, f"{REQUESTS}/{asked['id']}/approve"), {"who": ALICE}),
        ("method_not_allowed", lambda: raw(ca, "/ca/enrol", "", "PUT"), {"path": "/ca/enrol"}),
    ]:
        answer = ask()
        last = lines(ca, "refused")[-1]
        assert last["reason"] == reason and last["status"] == answer.status, last
        assert members.items() <= last.items() and last["from"].startswith("127."), last
        if reason.startswith("ca_"):
            assert last["error"] == answer.problem()["detail"]
        assert last["level"] == ("warning" if reason in ("ca_code_refused", "ca_denied")
                                 else "info")
    n = len(lines(ca, "refused"))
    assert raw(ca, "/ca/enrol", "", "GET").status == 405 and len(lines(ca, "refused")) == n
    nothing_leaked(ca, code, told["password"], *SECRETS)


def test_steps(make_ca):
    """Filed, agreed to, denied, issued, delivered, withdrawn, also at the command line."""
    ca = make_ca()
    asked = json.loads(file(ca, "client", "one").body)["id"]
    filed = line(ca, "request_filed", request=asked)
    assert (filed["user"], filed["profile"], filed["who"]) == (ALICE, "client", ALICE)
    assert filed["from"].startswith("127.") and filed["level"] == "info"
    assert post(ca, BOB, f"{REQUESTS}/{asked}/approve").status == 200
    assert line(ca, "request_approved", request=asked)["who"] == BOB
    serial = line(ca, "certificate_issued", request=asked)["serial"]
    assert post(ca, ALICE, f"/ca/v1/certificates/{serial}/withdraw",
                reason="keyCompromise").status == 204
    ended = line(ca, "certificate_withdrawn", serial=serial)
    assert (ended["request"], ended["detail"]) == (asked, "keyCompromise")
    other = json.loads(file(ca, "client", "two").body)["id"]
    command(ca, "deny", "-r", "ask somebody else", other)
    denied = line(ca, "request_denied", request=other)
    assert denied["who"].startswith("local:") and denied["detail"] == "ask somebody else"
    told = invite(ca)
    assert enrol(ca, told).status == 200
    assert line(ca, "request_registered", request=told["request"])["who"] == BOB
    assert line(ca, "code_used", request=told["request"])["who"] == ALICE
    line(ca, "code_made", request=told["request"])
    line(ca, "certificate_delivered", request=told["request"])
    entries = [e["entry"] for e in ca.events() if "entry" in e]
    assert entries == list(range(1, len(entries) + 1))
    nothing_leaked(ca, told["code"], told["password"])


@pytest.mark.parametrize("words", ["", "told the secret"])
def test_a_notifier_that_fails(make_ca, tmp_path, words):
    """Named with what it was to tell; what it says may be what it was told."""
    program = tmp_path / "notifier"
    program.write_text(f"#!/bin/sh\ncat >&2\necho '{words}' >&2\nexit 3\n")
    program.chmod(0o755)
    ca = make_ca({"notify": {"code": "post"}, "notifiers": {"post": {"program": [str(program)]}}})
    told = invite(ca)
    wait_until(lambda: lines(ca, "message_not_sent"))
    failed = lines(ca, "message_not_sent")[0]
    assert (failed["request"], failed["kind"]) == (told["request"], "code")
    assert failed["error"].startswith("post: ") and failed["level"] == "warning"
    if words:
        nothing_leaked(ca, words)


def test_every_step_is_documented():
    """What is recorded anywhere stands in the table of events, and nothing else does."""
    source = "".join(p.read_text() for p in (ROOT / "ca").glob("*.c"))
    actions = {f"{noun}_{verb}" for noun, verb in
               re.findall(r'"(request|certificate|code)\.([a-z]+)"', source)}
    page = (ROOT / "docs/ca.md").read_text().partition("### Its log")[2].partition("| field |")[0]
    told = set(re.findall(r"`((?:request|certificate|code)_[a-z]+)`", page))
    assert actions == told and len(actions) > 15
