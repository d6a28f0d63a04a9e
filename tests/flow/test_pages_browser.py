"""The CA's pages in a real browser: what people do, without scripts, with the keyboard, on a phone,
in the dark, and what axe says. SCREENSHOTS=DIRECTORY keeps a picture of each page."""
import os
import re
from pathlib import Path

import pytest

from browser import Chromium, lacking
from pages import ALICE, BOB, CAROL, DESK, ENROL, HOME, NEW, Browser, csr, serve_pages
from pki import Pki
from proxy import Proxy, wait_until

missing = lacking()
pytestmark = pytest.mark.skipif(missing is not None, reason=missing or "")

LOOKS = {"light": (1280, False), "dark": (1280, True), "phone": (360, False),
         "phone-dark": (360, True)}


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    directory = tmp_path_factory.mktemp("ca")
    made = []

    def make():
        made.append(Proxy(directory, pki, "127.0.0.1:9"))
        return made[-1]
    pki = Pki(directory / "pki")
    yield serve_pages(make, pki, directory)
    made[0].stop()


def open_browser(ca, tmp_path_factory, user):
    name = user.split("@")[0]
    chromium = Chromium(tmp_path_factory.mktemp(name), f"https://localhost:{ca.port}",
                        ca.pki.dir / "ca.crt", ca.pki.dir / f"{name}.crt")
    chromium.sign_in(HOME, user, ca.passwords[user])
    assert heading(chromium) == "My certificates"
    chromium.go(HOME)
    chromium.requested()
    return chromium


@pytest.fixture(scope="module")
def alice(ca, tmp_path_factory):
    chromium = open_browser(ca, tmp_path_factory, ALICE)
    yield chromium
    chromium.close()


@pytest.fixture(scope="module")
def bob(ca, tmp_path_factory):
    chromium = open_browser(ca, tmp_path_factory, BOB)
    yield chromium
    chromium.close()


@pytest.fixture(scope="module")
def nobody(ca, tmp_path_factory):
    """Without certificate and password."""
    chromium = Chromium(tmp_path_factory.mktemp("nobody"), f"https://localhost:{ca.port}",
                        ca.pki.dir / "ca.crt")
    yield chromium
    chromium.close()


@pytest.fixture(scope="module")
def filled(ca):
    """Requests and certificates in every state that pages show differently; ids by name."""
    a, b, c = Browser(ca, ALICE), Browser(ca, BOB), Browser(ca, CAROL)
    ids = {"active": a.ask(csr(ca.dir, name="first"), "auto")}
    for name, profile in (("denied", "client"), ("half", "two"), ("pending", "client"),
                          ("issued", "auto"), ("held", "auto"), ("withdrawn", "auto")):
        company = '<b>"Evil" & Söhne</b> \u202eabc' if name == "pending" else "Example"
        ids[name] = a.ask(csr(ca.dir, name=name, company=company), profile)
    ids["own"] = b.ask(csr(ca.dir, BOB, name="own"), "client")
    b.get(f"{DESK}requests/{ids['denied']}")
    b.post(b.form("/deny"), reason="The company's name is not the one in the contract.")
    c.get(f"{DESK}requests/{ids['half']}")
    c.post(c.form("/approve"))
    for name, reason in (("held", "certificateHold"), ("withdrawn", "keyCompromise")):
        b.get(f"{DESK}requests/{ids[name]}")
        b.post(b.form("/withdraw"), reason=reason, sure="yes")
    return ids


def own_pages(ids):
    return {"home": HOME, "new": NEW, "renew": f"{NEW}?renews={ids['active']}",
            "own-issued": f"/ca/pages/requests/{ids['issued']}?done=issued",
            "own-denied": f"/ca/pages/requests/{ids['denied']}",
            "own-missing": f"/ca/pages/requests/{'0' * 24}", "own-refused": DESK + "requests"}


def desk_pages(ids):
    return {"desk": DESK + "requests", "desk-all": DESK + "requests?state=all",
            "desk-empty": DESK + "requests?state=expired",
            **{f"desk-{name}": f"{DESK}requests/{ids[name]}"
               for name in ("pending", "half", "own", "issued", "held", "withdrawn")},
            "register": DESK + "register", "expiry": DESK + "certificates", "user": f"{DESK}people?user={ALICE}",
            "search": DESK + "search?q=ali", "search-none": DESK + "search?q=nobody"}


def keep_picture(chromium, name):
    where = os.environ.get("SCREENSHOTS")
    if where:
        size = chromium.devtools("Page.getLayoutMetrics")["cssContentSize"]
        import base64
        picture = chromium.devtools("Page.captureScreenshot", captureBeyondViewport=True, clip={
            "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1})
        (Path(where) / f"{name}.png").write_bytes(base64.b64decode(picture["data"]))


def check_pages(chromium, pages):
    """Every page in every look, loaded without scripts: axe finds nothing, nothing is wider than the
    screen, the console is silent, and nothing is asked of anybody else."""
    findings = []
    for name, path in pages.items():
        chromium.scripts(False)
        chromium.go(path)
        chromium.scripts(True)  # for axe
        for look, (width, dark) in LOOKS.items():
            chromium.look(width, dark=dark)
            findings += [f"{name}, {look}: {line}"
                         for line in chromium.axe(*(["color-contrast"] if dark else []))]
            wide = chromium.driver.execute_script("return document.documentElement.scrollWidth")
            if wide > width:
                findings.append(f"{name}, {look}: {wide} pixels wide")
            keep_picture(chromium, f"{name}-{look}")
    assert findings == [], "\n".join(findings)
    assert [u for u in chromium.requested() if not u.startswith(chromium.origin + "/ca/")] == []
    # What is said of 403 and 404 is what was asked for.
    assert [c for c in chromium.complaints() if "the server responded with a status" not in c] == []
    chromium.look()


def test_pages_of_people(alice, filled):
    check_pages(alice, own_pages(filled))


def test_pages_of_operators(bob, filled):
    check_pages(bob, desk_pages(filled))


def test_pages_of_those_with_a_code(nobody):
    check_pages(nobody, {"enrol": ENROL, "enrol-id": ENROL + "0" * 24,
                         "enrol-missing": ENROL + "a/b"})


def check_here(chromium, name):
    """As above, for the answer to a form, which has no address to load it from again."""
    chromium.scripts(True)
    for look, (width, dark) in LOOKS.items():
        chromium.look(width, dark=dark)
        assert chromium.axe() == []
        assert chromium.driver.execute_script("return document.body.scrollWidth") <= width
        keep_picture(chromium, f"{name}-{look}")
    chromium.look()
    chromium.scripts(False)


def test_from_registration_to_use(ca, bob, nobody, filled, tmp_path_factory):
    """Without scripts: an operator registers a person and tells them a code; they get a PKCS#12
    file for it, which opens the door in a browser that has taken it in."""
    bob.scripts(False)
    nobody.scripts(False)
    bob.go(DESK + "register")
    for field, text in (("user", ALICE), ("company", "Example")):
        find(bob, f"#{field}").send_keys(text)
    find(bob, "#profile option[value=auto]").click()
    find(bob, "button.main").click()
    assert find(bob, "code.secret")
    link, request, code, password = [
        e.text for e in bob.driver.find_elements("css selector", "code.secret")]
    check_here(bob, "told")
    nobody.driver.get(link)
    assert find(nobody, "#request").get_attribute("value") == request
    find(nobody, "#code").send_keys("0000-0000-0000-0000")
    find(nobody, "button.main").click()
    assert "That did not work" in find(nobody, "[role=alert]").text
    check_here(nobody, "enrol-wrong")
    find(nobody, "#code").send_keys(code.lower())
    find(nobody, "button.main").click()
    (file,) = wait_until(lambda: list(nobody.downloads.glob("*.p12")))
    chromium = Chromium(tmp_path_factory.mktemp("new"), nobody.origin, ca.pki.dir / "ca.crt", file,
                        password)
    try:
        chromium.sign_in(HOME, ALICE, ca.passwords[ALICE])
        assert heading(chromium) == "My certificates"
        chromium.go(f"/ca/pages/requests/{request}")
        assert find(chromium, ".state").text == "active"
    finally:
        chromium.close()


def test_what_is_wrong_is_found(alice):
    """The checks above can fail: faults that are put into a page are told."""
    alice.look()
    alice.go(HOME)
    alice.driver.execute_script(
        "document.querySelector('main').innerHTML += '<img src=\"https://example.invalid/x\">"
        "<input><p class=low>low</p>'; document.querySelector('.low').style.color = '#ddd';")
    rules = {line.split(":")[0] for line in alice.axe()}
    assert {"image-alt", "label", "color-contrast"} <= rules
    assert any("Content Security Policy" in line for line in alice.complaints())


def find(chromium, selector):
    """The first that fits, once it is there."""
    return wait_until(lambda: chromium.driver.find_elements("css selector", selector))[0]


def heading(chromium):
    return find(chromium, "h1").text


def test_from_request_to_file(ca, alice, bob, filled):
    """Without scripts: one chooses a file and sends it, another approves, the first downloads."""
    alice.scripts(False)
    bob.scripts(False)
    csr(ca.dir, name="flow")
    alice.go(NEW)
    find(alice, "#profile option[value=client]").click()
    find(alice, "#file").send_keys(str(ca.dir / "flow.csr"))
    find(alice, "form.card button").click()
    assert "Your request is filed" in find(alice, "[role=status]").text
    asked = re.search(r"requests/([0-9a-f]{24})\?done=filed", alice.driver.current_url)[1]
    bob.go(DESK + "requests")
    find(bob, f"a[href$='{asked}']").click()
    find(bob, "button.main").click()
    assert "You have agreed" in find(bob, "[role=status]").text
    alice.driver.refresh()
    find(alice, "a[href$='chain.pem']").click()
    path = alice.downloads / f"{asked}.pem"
    wait_until(path.exists)
    assert path.read_text().count("BEGIN CERTIFICATE") == 3
    alice.driver.refresh()
    find(alice, "summary").click()
    find(alice, "#reason option[value=superseded]").click()
    find(alice, "#sure").click()
    find(alice, "button.danger").click()
    assert find(alice, ".state.withdrawn").text == "withdrawn"


def test_keyboard(alice, filled):
    """Tab comes to everything in order, and is seen everywhere; the first way is to the content."""
    alice.scripts(True)
    for path in own_pages(filled).values():
        alice.go(path)
        wanted = alice.driver.execute_script(
            "return [...document.querySelectorAll('a[href], button, input:not([type=hidden]), "
            "select, textarea, summary, pre[tabindex]')].filter(e => !e.closest('details:not([open])')"
            " || e.tagName == 'SUMMARY').length")
        reached = []
        alice.press("TAB")
        for _ in range(wanted):
            here = alice.driver.switch_to.active_element
            reached.append(here.id)
            style = alice.driver.execute_script(
                "const s = getComputedStyle(arguments[0]); const r = arguments[0]"
                ".getBoundingClientRect(); return [s.outlineStyle, r.width, r.top]", here)
            assert style[0] == "solid" and style[1] > 1 and style[2] >= 0, (path, here.text, style)
            alice.press("TAB")
        assert len(set(reached)) == wanted, path
    alice.go(HOME)
    alice.press("TAB")
    assert alice.driver.switch_to.active_element.text == "Skip to the content"
    alice.press("ENTER")
    assert alice.driver.switch_to.active_element.get_attribute("id") == "main"


def test_forms_of_others(ca, alice, bob, filled):
    """A page of another origin sends bob's browser with a form of its own: nothing is done."""
    bob.scripts(True)
    target = f"{bob.origin}{DESK}requests/{filled['pending']}/approve"
    page = f"<form method=post action='{target}'><input name=token value=x><button>x</button></form>"
    bob.driver.get(f"data:text/html,{page}")
    find(bob, "button").click()
    wait_until(lambda: bob.driver.title.startswith("That is not for you"))
    bob.go(f"{DESK}requests/{filled['pending']}")
    assert find(bob, ".state").text == "pending"
