"""The CA's pages as somebody with a browser uses them: load a page, fill in its form, send it."""
import re
import subprocess
import urllib.parse
from html.parser import HTMLParser

from proxy import basic, wait_until

ALICE, BOB, CAROL = "alice@example.com", "bob@example.com", "carol@example.com"
HOME, NEW, DESK = "/ca/pages/", "/ca/pages/new", "/ca/pages/desk/"
ENROL = "/ca/pages/enrol/"
FORM = "application/x-www-form-urlencoded"
VOID = {"input", "link", "meta", "br", "wbr", "hr", "img"}


def serve_pages(make_proxy, pki, directory, changes=None):
    """A running proxy with a CA behind it, whose pages ask for certificate and password; bob and
    carol are operators."""
    proxy = make_proxy()
    made = proxy.run("ca", "init", str(directory / "ca"))
    assert made.returncode == 0, made.stderr
    (proxy.dir / "users.fields").write_text(f"{BOB} groups=operators\n{CAROL} groups=operators\n")
    client = {"ca": [str(pki.dir / "ca.crt"), str(directory / "ca/root.crt")], "mode": "optional",
              "on_failure": "answer"}
    proxy.write_config({
        "listeners": [dict(proxy.config["listeners"][0], client=client)],
        "users": {"fields": str(proxy.dir / "users.fields")},
        "routes": [{"path": "/ca", "require": "password", "upstream": "ca"},
                   {"path": "/ca/pages", "require": "both", "upstream": "ca"},
                   {"path": "/ca/pages/enrol", "require": "none", "upstream": "ca"},
                   {"path": "/", "require": "both", "upstream": "api"}],
        "upstreams": {"ca": {"servers": [f"unix:{proxy.dir}/ca.sock"]}},
        "revocation": {"deny": "denied"},
        "ca": {"certificate": str(directory / "ca/issuing.crt"),
               "key": str(directory / "ca/issuing.key"), "store": "ca.db", "socket": "ca.sock",
               "public_url": f"https://localhost:{proxy.port}",
               "profiles": {"client": {"operators": ["operators"]},
                            "two": {"operators": ["operators"], "approvals": 2},
                            "auto": {"approvals": 0, "operators": ["operators"]},
                            "other": {"operators": ["others"]}}},
    })
    if changes:
        proxy.write_config(changes)
    (proxy.dir / "denied").write_text("")
    proxy.start()
    wait_until(lambda: proxy.events("ca_serves"))
    return proxy


def csr(directory, user=ALICE, name="new", company="Example"):
    company = company.replace("\\", "\\\\").replace("/", "\\/")
    subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-keyout", directory / f"{name}.key",
                    "-subj", f"/O={company}/CN={user}", "-utf8", "-out", directory / f"{name}.csr"],
                   check=True, capture_output=True)
    return (directory / f"{name}.csr").read_text()


class Reader(HTMLParser):
    """What is on a page; elements must be closed in order, attributes may not come twice."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.text, self.links, self.forms, self.ids = [], "", [], [], []
        self.headings = []
        self.feed(text)
        self.close()
        assert self.open == [], f"not closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice: {attrs}"
        assert not [n for n in names if n.startswith("on") or n == "style"], attrs
        a = dict(attrs)
        assert tag not in ("script", "style", "iframe", "img", "base"), tag
        if tag not in VOID:
            self.open.append(tag)
        if "id" in a:
            assert a["id"] not in self.ids, f"two elements with the id {a['id']}"
            self.ids.append(a["id"])
        if tag == "a":
            self.links.append(a["href"])
        if tag == "form":
            self.forms.append({"action": a.get("action"), "method": a.get("method", "get"),
                               "enctype": a.get("enctype"), "fields": {}})
        if tag in ("input", "textarea", "select") and self.forms:
            value = a.get("value", "") if a.get("type") not in ("checkbox", "file") else None
            self.forms[-1]["fields"][a["name"]] = value
        if tag == "h1":
            self.headings.append("")

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> in {self.open}"
        self.open.pop()

    def handle_data(self, data):
        self.text += data
        if "h1" in self.open:
            self.headings[-1] += data


class Browser:
    """One user at the pages, over one connection a request; user None: nobody that is known."""

    def __init__(self, proxy, user, pair="same"):
        self.proxy, self.user = proxy, user
        self.pair = user.split("@")[0] if user and pair == "same" else None if not user else pair
        self.page = None

    def send(self, method, path, body=b"", fields=()):
        body = body.encode() if isinstance(body, str) else body
        head = [f"{method} {path} HTTP/1.1", "Host: localhost"]
        if self.user:
            password = self.proxy.passwords[self.user]
            head.append(f"Authorization: {basic(self.user, password)}")
        head += [f"{name}: {value}" for name, value in fields]
        if body or method == "POST":
            head.append(f"Content-Length: {len(body)}")
        with self.proxy.connect(self.pair) as client:
            client.send("\r\n".join(head).encode() + b"\r\n\r\n" + body)
            answer = client.answer(head_only=method == "HEAD")
        self.check(answer)
        return answer

    def check(self, answer):
        """What must hold for every answer of the pages."""
        if answer.status == 401 or not (answer.get("content-security-policy") or ""):
            return
        assert answer.get("x-content-type-options") == "nosniff"
        assert answer.get("referrer-policy") == "same-origin"
        if "immutable" not in (answer.get("cache-control") or ""):
            assert answer.get("cache-control") == "no-store"
        policy = answer.get("content-security-policy")
        assert policy == ("default-src 'none'; style-src 'self'; form-action 'self'; "
                          "frame-ancestors 'none'; base-uri 'none'")
        if (answer.get("content-type") or "").startswith("text/html") and answer.body:
            self.page = Reader(answer.body.decode())
            assert len(self.page.headings) == 1, self.page.headings

    def get(self, path, status=200):
        answer = self.send("GET", path)
        assert answer.status == status, (path, answer.status, self.text())
        return self.page

    def text(self):
        return re.sub(r"\s+", " ", self.page.text) if self.page else ""

    def form(self, action):
        """The form of the page whose action ends so."""
        found = [f for f in self.page.forms if (f["action"] or "").endswith(action)]
        assert len(found) == 1, (action, [f["action"] for f in self.page.forms])
        return found[0]

    def post(self, form, status=303, origin=True, kind=FORM, body=None, **fields):
        """Send a form with some of its fields filled in; follow where it goes."""
        values = {**{k: v for k, v in form["fields"].items() if v is not None}, **fields}
        values = {k: v for k, v in values.items() if v is not None}
        body = urllib.parse.urlencode(values) if body is None else body
        where = [("Origin", "https://localhost"), ("Sec-Fetch-Site", "same-origin")]
        answer = self.send("POST", form["action"], body,
                           [("Content-Type", kind), *(where if origin is True else origin)])
        assert answer.status == status, (answer.status, self.text())
        if status == 303:
            self.get(answer.get("location"))
        return answer

    def ask(self, text, profile="client", **options):
        """File a request; returns its id."""
        self.get(NEW)
        answer = self.post(self.form("/new"), csr=text, profile=profile, **options)
        return re.match(r"/ca/pages/requests/([0-9a-f]{24})", answer.get("location"))[1]
