"""The CA's pages through the real proxy, as people and operators use them, and as others try to."""
import re
import subprocess

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from documents import blocks
from pages import ALICE, BOB, CAROL, DESK, ENROL, FORM, HOME, NEW, Browser, csr, serve_pages
from pki import cert_pem, new_key
from proxy import wait_until

SAME = [("Origin", "https://localhost"), ("Sec-Fetch-Site", "same-origin")]


@pytest.fixture
def ca(make_proxy, pki, tmp_path):
    return serve_pages(make_proxy, pki, tmp_path)


def test_nobody_without_both(ca):
    """The proxy asks for certificate and password; the CA for an account."""
    assert Browser(ca, ALICE, pair=None).send("GET", HOME).status in (400, 403)
    assert Browser(ca, ALICE, pair="bob").send("GET", HOME).status == 403


def test_addresses_that_are_not(ca):
    alice, bob = Browser(ca, ALICE), Browser(ca, BOB)
    for path, status, word in [
        ("/ca/pages/nothing", 404, "nothing here"),
        ("/ca/pages/requests", 404, "nothing here"),
        ("/ca/pages/requests/", 404, "nothing here"),
        ("/ca/pages/requests/" + "0" * 24, 404, "no request"),
        ("/ca/pages/requests/" + "0" * 24 + "/more", 404, "nothing here"),
        ("/ca/pages/requests/%3Cscript%3E", 404, "<script>"),
        ("/ca/pages/style-0000000000000000.css", 404, "nothing here"),
    ]:
        alice.get(path, status)
        assert word in alice.text(), (path, alice.text())
    for path, word in [("requests?state=gone", "no such state"), ("requests?after=x", "number"),
                       ("certificates?within=99999", "36500"), ("people", "which user"),
                       ("requests?after=99999999999999999999", "number")]:
        bob.get(DESK + path, 400)
        assert word in bob.text()
    assert alice.send("GET", "/ca/pages").get("location") == HOME
    assert alice.send("GET", "/ca/pagesX").status == 404


def test_methods(ca):
    """405 says which there are; HEAD is GET without a body."""
    alice = Browser(ca, ALICE)
    for method, path, allow in [("POST", HOME, "GET, HEAD"), ("PUT", NEW, "GET, HEAD, POST"),
                                ("GET", f"/ca/pages/requests/{'0' * 24}/withdraw", "POST"),
                                ("DELETE", HOME, "GET, HEAD")]:
        answer = alice.send(method, path)
        assert answer.status == 405 and answer.get("allow") == allow, (method, path)
    answer = alice.send("HEAD", HOME)
    assert answer.status == 200 and int(answer.get("content-length")) > 500


def test_the_desk_is_for_operators(ca):
    alice = Browser(ca, ALICE)
    asked = alice.ask(csr(ca.dir))
    for path in ("", "requests", "certificates", f"requests/{asked}", "search?q=a", "people?user=a"):
        alice.get(DESK + path, 403)
        assert "operators" in alice.text()
    alice.get(NEW)
    token = alice.form("/new")["fields"]["token"]
    for verb in ("approve", "deny", "lift", "withdraw"):
        alice.post({"action": f"{DESK}requests/{asked}/{verb}", "fields": {"token": token}}, 403)
    assert DESK + "requests" not in alice.page.links


def test_others_requests_are_not_there(ca):
    """Neither at home, nor at the desk of those who do not decide about the profile."""
    bob, alice = Browser(ca, BOB), Browser(ca, ALICE)
    asked = bob.ask(csr(ca.dir, BOB))
    alice.get(f"/ca/pages/requests/{asked}", 404)
    assert asked not in str(alice.get(HOME).links)
    hidden = alice.ask(csr(ca.dir), "other")
    for path in (f"requests/{hidden}", f"requests/{hidden}/chain.pem"):
        bob.get(DESK + path, 404)
    for path in ("requests", "requests?state=all", f"people?user={ALICE}", f"search?q={ALICE}",
                 f"search?q={hidden}"):
        assert hidden not in str(bob.get(DESK + path).links), path
    bob.get(f"{DESK}requests/{asked}")
    token = bob.form("/deny")["fields"]["token"]
    bob.post({"action": f"{DESK}requests/{hidden}/approve", "fields": {"token": token}}, 404)


def test_forms_of_others_are_refused(ca):
    """Neither a form from elsewhere, nor one without our token, nor with another's, does anything."""
    alice, bob, carol = Browser(ca, ALICE), Browser(ca, BOB), Browser(ca, CAROL)
    asked = alice.ask(csr(ca.dir))
    bob.get(f"{DESK}requests/{asked}")
    carol.get(f"{DESK}requests/{asked}")
    form = bob.form("/approve")
    good = form["fields"]["token"]
    stranger = carol.form("/approve")["fields"]["token"]
    for origin in ([], [("Origin", "https://evil.example")], [("Origin", "null")],
                   [("Origin", "http://localhost")], [("Origin", "https://localhost:1")],
                   [("Sec-Fetch-Site", "cross-site")], [("Sec-Fetch-Site", "same-site")],
                   [("Sec-Fetch-Site", "none")], [("Origin", "https://localhost.evil.example")],
                   [("Origin", "https://localhost"), ("Sec-Fetch-Site", "cross-site")],
                   [("Origin", "https://evil.example"), ("Sec-Fetch-Site", "same-origin")]):
        bob.post(form, 403, origin=origin)
        assert "not sent from a page of ours" in bob.text()
    for token in (None, "", "0" * 80, good[:-1] + ("0" if good[-1] != "0" else "1"), stranger,
                  good + "0", "0" * 16 + good[16:], "f" * 16 + good[16:]):
        bob.post(form, 403, token=token)
        assert "load it anew" in bob.text()
    bob.pair = "alice"
    assert bob.send("POST", form["action"], f"token={good}", SAME).status == 403
    bob.pair = "bob"
    assert "pending" in str(bob.get(f"{DESK}requests/{asked}").text)
    for origin in (SAME[:1], SAME[1:]):
        asked = alice.ask(csr(ca.dir))
        bob.get(f"{DESK}requests/{asked}")
        bob.post(bob.form("/approve"), origin=origin)


def test_forms_that_cannot_be_read(ca):
    alice = Browser(ca, ALICE)
    alice.get(NEW)
    form = alice.form("/new")
    token = form["fields"]["token"]
    part = f'--x\r\nContent-Disposition: form-data; name="token"\r\n\r\n{token}\r\n--x'
    many = "&".join(f"a{i}=1" for i in range(17))
    for status, word, kind, body in [
        (415, "form", "application/json", "{}"),
        (415, "form", "", "csr=x"),
        (415, "form", FORM + "; charset=utf-16", "csr=x"),
        (400, "twice", FORM, f"token={token}&csr=a&csr=b"),
        (400, "%", FORM, f"token={token}&csr=%4"),
        (400, "%", FORM, f"token={token}&csr=%zz"),
        (400, "NUL", FORM, f"token={token}&csr=%00"),
        (400, "UTF-8", FORM, f"token={token}&csr=%ff"),
        (400, "name", FORM, f"token={token}&=b"),
        (413, "fields", FORM, many),
        (413, "longer", FORM, f"token={token}&csr={'A' * 40000}"),
        (413, "longer", FORM, f"token={token}&csr={'A' * 70000}"),
        (400, "boundary", "multipart/form-data", part + "--"),
        (400, "boundary", "multipart/form-data; boundary=x", "nothing"),
        (400, "boundary", "multipart/form-data; boundary=x", part),
        (400, "ends inside", "multipart/form-data; boundary=x", part[:-3]),
        (400, "paste a request", "multipart/form-data; boundary=x", part + "--\r\n"),
        (400, "paste a request", FORM, f"token={token}"),
        (400, "neither PEM", FORM, f"token={token}&csr=hello&profile=client"),
        (400, "profile", FORM, f"token={token}&csr=hello&profile=nothing"),
    ]:
        alice.post(form, status, kind=kind, body=body)
        assert word in alice.text(), (word, alice.text())


def test_from_request_to_withdrawal(ca):
    """One pastes, another approves, the certificate comes in three forms, and is withdrawn."""
    alice, bob = Browser(ca, ALICE), Browser(ca, BOB)
    alice.get(HOME)
    assert "no certificate yet" in alice.text()
    asked = alice.ask(csr(ca.dir))
    assert "Your request is filed" in alice.text() and "Waits for 1 more operator" in alice.text()
    own = f"/ca/pages/requests/{asked}"
    assert f"{DESK}requests/{asked}" in bob.get(DESK + "requests").links
    bob.get(f"{DESK}requests/{asked}")
    for word in ("CN=alice@example.com", "P-256", "no other certificate", "request.filed", asked):
        assert word in bob.text(), word
    alice.get(own + "/chain.pem", 409)
    bob.post(bob.form("/approve"))
    assert "You have agreed" in bob.text() and "Agreed: bob@example.com" in bob.text()
    pem = alice.send("GET", own + "/chain.pem")
    assert pem.body.count(b"BEGIN CERTIFICATE") == 3 and asked in pem.get("content-disposition")
    text = subprocess.run(["openssl", "pkcs7", "-inform", "DER", "-print_certs"], check=True,
                          input=alice.send("GET", own + "/chain.p7b").body, capture_output=True)
    assert text.stdout.count(b"BEGIN CERTIFICATE") == 3
    subprocess.run(["openssl", "x509", "-inform", "DER", "-noout"], check=True,
                   input=alice.send("GET", own + "/certificate.cer").body)
    alice.get(own)
    assert "Fetched" in alice.text()
    form = alice.form("/withdraw")
    for fields, status, word in [({}, 400, "reason"), ({"reason": "no"}, 400, "reason"),
                                 ({"reason": "keyCompromise"}, 400, "sure"),
                                 ({"reason": "certificateHold", "sure": "yes"}, 403, "operators")]:
        alice.post(form, status, **fields)
        assert word in alice.text()
    alice.post(form, reason="keyCompromise", sure="yes")
    assert "refused from now on" in alice.text() and "may be known" in alice.text()
    alice.post(form, 409, reason="keyCompromise", sure="yes")
    assert asked in str(bob.get(DESK + "requests?state=withdrawn").links)


def test_two_agree_or_one_denies(ca):
    alice, bob, carol = Browser(ca, ALICE), Browser(ca, BOB), Browser(ca, CAROL)
    first, second = alice.ask(csr(ca.dir), "two"), alice.ask(csr(ca.dir, name="b"), "two")
    bob.get(f"{DESK}requests/{first}")
    approve = bob.form("/approve")
    bob.post(approve)
    assert "Another operator must agree" in bob.text() and "1 of 2" in bob.text()
    bob.post(approve, 409)
    carol.get(f"{DESK}requests/{first}")
    carol.post(carol.form("/approve"))
    assert "Nobody has fetched" in carol.text()
    bob.get(f"{DESK}requests/{second}")
    bob.post(bob.form("/deny"), 400, reason="")
    assert "say why" in bob.text()
    bob.post(bob.form("/deny"), 400, reason="x\ty")
    bob.post(bob.form("/deny"), reason='<b>"no" & \u202ethanks</b>')
    assert '<b>"no" & [U+202E]thanks</b>' in bob.text()
    alice.get(f"/ca/pages/requests/{second}")
    assert '<b>"no" & [U+202E]thanks</b>' in alice.text() and "Denied by an operator" in alice.text()
    carol.get(f"{DESK}requests/{second}")
    assert not [f for f in carol.page.forms if (f["action"] or "").endswith("/approve")]


def test_nobody_approves_their_own(ca):
    bob, carol = Browser(ca, BOB), Browser(ca, CAROL)
    asked = bob.ask(csr(ca.dir, BOB))
    bob.get(f"{DESK}requests/{asked}")
    assert "your own request" in bob.text()
    token = bob.form("/deny")["fields"]["token"]
    bob.post({"action": f"{DESK}requests/{asked}/approve", "fields": {"token": token}}, 403)
    carol.get(f"{DESK}requests/{asked}")
    carol.post(carol.form("/approve"))


def test_hold_and_back(ca):
    alice, bob = Browser(ca, ALICE), Browser(ca, BOB)
    asked = alice.ask(csr(ca.dir), "auto")
    assert "Your certificate is ready" in alice.text()
    bob.get(f"{DESK}requests/{asked}")
    bob.post(bob.form("/withdraw"), reason="certificateHold", sure="yes")
    assert "on hold" in bob.text()
    alice.get(f"/ca/pages/requests/{asked}/chain.pem", 409)
    bob.post(bob.form("/lift"))
    assert "good again" in bob.text()
    assert alice.send("GET", f"/ca/pages/requests/{asked}/chain.pem").status == 200


def test_renewal_and_differences(ca):
    """A file instead of pasted text; no operator is asked, and what is new is shown."""
    alice, bob = Browser(ca, ALICE), Browser(ca, BOB)
    first = alice.ask(csr(ca.dir), "auto")
    alice.get(f"/ca/pages/requests/{first}")
    renew = f"/ca/pages/new?renews={first}&profile=auto"
    assert renew in alice.page.links
    assert '<option value="auto" selected>' in alice.send("GET", renew).body.decode()
    form = alice.form("/new")
    assert form["fields"]["renews"] == first and form["enctype"] == "multipart/form-data"
    file = csr(ca.dir, name="second")
    parts = {"token": form["fields"]["token"], "renews": first, "profile": "auto", "csr": ""}
    body = "".join(f'--=x\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n'
                   for k, v in parts.items())
    body += ('--=x\r\nContent-Disposition: form-data; name="file"; filename="a.csr"\r\n'
             f"Content-Type: application/octet-stream\r\n\r\n{file}\r\n--=x--\r\n")
    answer = alice.post(form, kind='multipart/form-data; boundary="=x"', body=body)
    second = answer.get("location").split("/")[4].split("?")[0]
    assert f"/ca/pages/requests/{first}" in alice.page.links
    bob.get(f"{DESK}requests/{second}")
    assert bob.text().count("changed") >= 1 and f"{DESK}requests/{first}" in bob.page.links
    bob.get(f"{DESK}requests/{first}")
    assert "renewed" in bob.text()


def test_renewal_by_who_holds_the_certificate(ca):
    """With the certificate in the handshake nobody is asked; with another of the same user they are."""
    alice, bob = Browser(ca, ALICE), Browser(ca, BOB)
    first = alice.ask(csr(ca.dir))
    bob.get(f"{DESK}requests/{first}")
    bob.post(bob.form("/approve"))
    chain = alice.send("GET", f"/ca/pages/requests/{first}/chain.pem").body
    (ca.pki.dir / "held.crt").write_bytes(chain)
    (ca.pki.dir / "held.key").write_bytes((ca.dir / "new.key").read_bytes())
    alice.ask(csr(ca.dir, name="a"), renews=first)
    assert "pending" in alice.text()
    bob.get(f"{DESK}requests/{alice.page.text.split('Request id')[1][:24]}")
    bob.post(bob.form("/deny"), reason="not by you")
    alice.pair = "held"
    alice.ask(csr(ca.dir, name="b"), renews=first)
    assert "Your certificate is ready" in alice.text()


def test_closed_accounts(ca):
    """Whose account is closed gets no page, and nobody can agree to what they asked for."""
    alice, bob = Browser(ca, ALICE), Browser(ca, BOB)
    asked = alice.ask(csr(ca.dir))
    bob.get(f"{DESK}requests/{asked}")
    fields = ca.dir / "users.fields"
    fields.write_text(fields.read_text() + f"{ALICE} disabled=yes\n")
    wait_until(lambda: alice.send("GET", HOME).status in (401, 403))
    bob.post(bob.form("/approve"), 409)
    assert "closed" in bob.text()


def register(browser, profile="auto", **fields):
    browser.get(DESK + "register")
    return browser.post(browser.form("/register"), **{
        "status": 200, "user": ALICE, "company": "Example", "profile": profile, **fields})


def code_of(browser):
    """What the page with a code says: request, code, password."""
    told = re.search(r"Request([0-9a-f]{24})Code([0-9A-Z-]{19})Good.*file([0-9A-Z-]{19})",
                     browser.page.text)
    return told.groups()


def redeem(browser, request, code, status=200, **fields):
    browser.get(ENROL + request)
    return browser.post(browser.form("enrol/"), status, request=request, code=code, **fields)


def test_registered_and_enrolled(ca):
    """An operator is shown a code, the person gives it back without a certificate, and gets a file
    that the password opens; once."""
    bob, nobody = Browser(ca, BOB), Browser(ca, None)
    for fields, status, word in [({"user": "who@example.com"}, 404, "who@example.com"),
                                 ({"company": ""}, 400, "company"), ({"user": ""}, 400, ""),
                                 ({"profile": "nothing"}, 404, "profile"),
                                 ({"profile": "other"}, 403, "operator")]:
        register(bob, **{**fields, "status": status})
        assert word in bob.text()
    register(bob)
    request, code, password = code_of(bob)
    assert f"https://localhost:{ca.port}{ENROL}{request}" in bob.text()
    register(bob, status=409)
    nobody.get(ENROL + request)
    assert nobody.form("enrol/")["fields"]["request"] == request
    assert nobody.page.links == ["#main"]
    for fields, status, word in [((request, "nothing"), 400, "code"),
                                 ((request, "AAAA-AAAA-AAAA-AAAA"), 403, ""),
                                 (("0" * 24, code), 403, "")]:
        redeem(nobody, *fields, status)
        assert "That did not work" in nobody.text() and word in nobody.text()
    nobody.post({"action": ENROL, "fields": {"request": request, "code": code, "token": "x"}}, 403)
    file = redeem(nobody, request, f" {code.lower().replace('-', ' ')} ")
    assert file.get("content-type") == "application/x-pkcs12"
    assert "attachment" in file.get("content-disposition") and code not in str(file.fields)
    (ca.dir / "alice.p12").write_bytes(file.body)
    opened = subprocess.run(["openssl", "pkcs12", "-in", ca.dir / "alice.p12", "-passin",
                             f"pass:{password}", "-nodes"], capture_output=True, check=True).stdout
    assert b"PRIVATE KEY" in opened and opened.count(b"BEGIN CERTIFICATE") == 3
    redeem(nobody, request, code, 403)
    bob.get(f"{DESK}requests/{request}")
    assert "delivered" in bob.text() and code not in bob.text() and password not in bob.text()
    bob.post(bob.form("/code"), 200)
    assert code_of(bob)[0] != request
    bob.get(f"{DESK}requests/{request}")
    assert "withdrawn" in bob.text()


def test_the_last_to_agree_is_shown_the_code(ca):
    bob, carol, nobody = Browser(ca, BOB), Browser(ca, CAROL), Browser(ca, None)
    register(bob, "client", status=303)
    assert "The person is registered" in bob.text() and "your own request" in bob.text()
    request = bob.page.text.split("Request id")[1][:24]
    nobody.get(ENROL + request)
    carol.get(f"{DESK}requests/{request}")
    carol.post(carol.form("/approve"), 200)
    assert code_of(carol)[0] == request
    bob.get(f"{DESK}requests/{request}")
    assert "when its one-time code is given back" in bob.text()
    own = csr(ca.dir, name="own")
    redeem(nobody, request, code_of(carol)[1], 403, csr=csr(ca.dir, BOB, name="wrong"))
    file = redeem(nobody, request, code_of(carol)[1], csr=own)
    assert file.body.count(b"BEGIN CERTIFICATE") == 3 and b"PRIVATE" not in file.body


def test_nothing_but_codes_at_the_door(ca):
    """The route that lets in everybody leads to the page of codes and its style sheet alone."""
    nobody = Browser(ca, None)
    html = nobody.send("GET", ENROL).body.decode()
    name = re.search(r'<link rel="stylesheet" href="([^"]+)">', html)[1]
    assert name.startswith(ENROL) and nobody.send("GET", name).status == 200
    assert nobody.send("GET", "/ca/pages/enrol").status == 200
    for path in (HOME, NEW, DESK, DESK + "register", name.replace("enrol/", "")):
        assert nobody.send("GET", path).status in (400, 401, 403), path
    for path in (ENROL + "desk/requests", ENROL + "new", ENROL + "a/b"):
        assert nobody.send("GET", path).status in (200, 404), path
        assert "Get your certificate" in nobody.text() or "nothing here" in nobody.text()


HOSTILE = '"><script>alert(1)</script>\'&\u202eevil\u200b'


def test_hostile_texts(ca):
    """What is in a request is shown, and is nothing but text."""
    alice, bob = Browser(ca, ALICE), Browser(ca, BOB)
    asked = alice.ask(csr(ca.dir, company=HOSTILE))
    for path in ("requests", f"requests/{asked}", f"people?user={ALICE}", "requests?state=all"):
        bob.get(DESK + path)
        assert "<script>" in bob.text() and "\u202e" not in bob.text(), path
        assert "[U+202E]" in bob.text() and "[U+200B]" in bob.text()
    quoted = "%22%3E%3Cscript%3E%E2%80%AE%00%0D%0A"
    for path in (f"search?q={quoted}", f"people?user={quoted}"):
        bob.get(DESK + path)
        assert "<script>" in bob.text()
    alice.get(f"/ca/pages/new?renews={quoted}&profile={quoted}")
    alice.get(NEW)
    for user, status, word in [("a" * 200 + "@example.com", 403, "but the account is"),
                               ("a" * 10240, 400, "1 to 255 octets"),
                               ("alice\u202e@example.com", 403, "[U+202E]"),
                               ("alice@example.com\0x", 400, "without control characters"),
                               ("<img src=x>", 403, '"<img src=x>"')]:
        asks = x509.CertificateSigningRequestBuilder().subject_name(ca.pki.subject(user))
        pem = cert_pem(asks.sign(new_key(), hashes.SHA256())).decode()
        alice.post(alice.form("/new"), status, csr=pem, profile="client")
        assert word in alice.text() and pem.split()[4] in alice.text(), (user, alice.text())


def test_search(ca):
    alice, bob = Browser(ca, ALICE), Browser(ca, BOB)
    asked = alice.ask(csr(ca.dir), "auto")
    own = f"{DESK}requests/{asked}"
    page = bob.get(own).text
    serial = re.search(r"Serial number\s*([0-9A-F]{40})", page)[1]
    mark = re.search(r"fingerprint\s*((?:[0-9a-f]{2}:){31}[0-9a-f]{2})", page)[1]
    for q in (asked, serial, serial.lower(), mark, mark.upper(), mark.replace(":", "")):
        assert bob.send("GET", f"{DESK}search?q={q}").get("location") == own, q
    for q in ("alice", ALICE, "a"):
        assert own in bob.get(f"{DESK}search?q={q}").links
    for q in ("lice", "ALICE", serial[:-1], "0" * 24, "f" * 64, "%25"):
        assert own not in bob.get(f"{DESK}search?q={q}").links


def test_pages_of_lists(ca):
    """Fifty on a page; the next goes on where it ended, also among those that end in one second."""
    database = ca.dir / "ca.db"
    alice, bob = Browser(ca, ALICE), Browser(ca, BOB)
    alice.ask(csr(ca.dir), "auto")
    subprocess.run(["sqlite3", database], check=True, text=True, input="""
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120)
        INSERT INTO request (id, state, kind, profile, user, company, requester, origin, filed_ms,
                             approvals_needed)
        SELECT printf('%024x', i), 5, 3, 'client', printf('user%03d', i), 'Example', 'x', 'y', 1, 0
        FROM n;
        INSERT INTO certificate (serial, request, der, fingerprint, not_before_ms, not_after_ms)
        SELECT printf('%040X', 9999 - seq), id, x'', randomblob(32), 1, 4000000000000
        FROM request WHERE user LIKE 'user%';""")
    for first in ("requests?state=all", "requests?state=active", "certificates", "search?q=user"):
        path, seen = first, []
        while path:
            page = bob.get(DESK + path)
            rows = [a for a in page.links if re.fullmatch(DESK + "requests/0{21}[0-9a-f]{3}", a)]
            seen += rows
            more = [a for a in page.links if a.startswith("?") and "after=" in a]
            path = first.split("?")[0] + more[0] if more else None
        if first.startswith("search"):
            assert len(seen) == 50 and "There are more" in bob.text()
        else:
            assert len(seen) == 120 == len(set(seen)), first


def test_style(ca):
    """One style sheet under a name of its content, which may be kept."""
    alice = Browser(ca, ALICE)
    html = alice.send("GET", HOME).body.decode()
    name = re.search(r'<link rel="stylesheet" href="([^"]+)">', html)[1]
    answer = alice.send("GET", name)
    assert answer.status == 200 and answer.get("content-type").startswith("text/css")
    assert "immutable" in answer.get("cache-control")
    assert b"url(" not in answer.body and b"@import" not in answer.body
    assert b"prefers-color-scheme: dark" in answer.body


def test_the_configuration_of_the_documents(make_proxy, pki, tmp_path):
    """The routes of docs/pages.md let in whom it says."""
    (block,) = [b for b in blocks("docs/pages.md") if b.argument == "countersign.yaml"]
    example = yaml.safe_load(block.text)
    changes = {"routes": example["routes"],
               "ca": {"profiles": {**example["ca"]["profiles"], "two": None, "auto": None,
                                   "other": None}}}
    ca = serve_pages(make_proxy, pki, tmp_path, changes)
    alice, bob = Browser(ca, ALICE, pair=None), Browser(ca, BOB)
    asked = alice.ask(csr(ca.dir))
    assert Browser(ca, BOB, pair=None).send("GET", DESK + "requests").status in (400, 403)
    assert Browser(ca, ALICE, pair="alice").send("GET", DESK + "requests").status == 403
    bob.get(f"{DESK}requests/{asked}")
    bob.post(bob.form("/approve"))
    assert alice.send("GET", f"/ca/pages/requests/{asked}/chain.pem").status == 200
