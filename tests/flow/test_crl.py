"""Revocation lists: which certificates they are asked about, how long they hold, how large they
may be."""
import base64
import datetime
import os
import subprocess
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from pki import DAY, NOW, Authority, Pki, cert_pem, crl_pem, long_crl
from proxy import wait_until

ALICE = "alice@example.com"
HOUR = datetime.timedelta(hours=1)
OURS, BOTH = {}, {"own_lists": False}
ways = pytest.mark.parametrize("tuning", [OURS, BOTH], ids=["own lists", "openssl's as well"])
WORKER_KIB = 100 * 1024


@pytest.fixture(scope="module")
def lists(tmp_path_factory):
    """A CA, two below it, and lists of all."""
    pki = Pki(tmp_path_factory.mktemp("lists"))
    middle = Authority("Middle", pki.ca)
    listed = Authority("Listed", pki.ca)
    pki.write("ca.crt", cert_pem(pki.ca.cert, middle.cert, listed.cert))
    pki.client("deep", pki.subject(ALICE), authority=middle, chain=(middle.cert,))
    revoked = pki.client("deep-revoked", pki.subject(ALICE), authority=middle,
                         chain=(middle.cert,))
    pki.client("below-listed", pki.subject(ALICE), authority=listed, chain=(listed.cert,))
    pki.write("root.crl", crl_pem(pki.ca.crl(listed.cert)))
    pki.write("middle.crl", crl_pem(middle.crl(revoked)))
    pki.write("listed.crl", crl_pem(listed.crl()))
    pki.write("late.crl", crl_pem(pki.ca.crl(pki.load("bob"), last=NOW - DAY,
                                             following=NOW - HOUR)))
    return pki


def with_lists(make_proxy, pki, *files, tuning=None, **client):
    proxy = make_proxy({"tuning": tuning or {}}, pki=pki)
    section = proxy.config["listeners"][0]["client"]
    section.update(client, crl=[str(pki.dir / file) for file in files])
    proxy.write_config()
    return proxy.start()


def reason(proxy, pair, user=ALICE):
    """None if a request with that certificate is let through."""
    answer = proxy.get(pair, user)
    return None if answer.status == 200 else proxy.record(answer)["auth.reason"]


SCOPES = [
    # lists, scope, certificate, reason
    (("middle.crl",), "chain", "deep", "crl_missing"),
    (("root.crl", "middle.crl"), "chain", "deep", None),
    (("root.crl", "middle.crl"), "chain", "deep-revoked", "client_cert_revoked"),
    (("root.crl", "listed.crl"), "chain", "below-listed", "client_cert_revoked"),
    (("middle.crl",), "leaf", "deep", None),
    (("middle.crl",), "leaf", "deep-revoked", "client_cert_revoked"),
    (("middle.crl",), "leaf", "alice", "crl_missing"),
]


@ways
@pytest.mark.parametrize("row", SCOPES, ids=[f"{r[1]}-{r[2]}-{r[3]}" for r in SCOPES])
def test_scope(make_proxy, lists, row, tuning):
    files, scope, pair, expected = row
    proxy = with_lists(make_proxy, lists, *files, tuning=tuning, crl_scope=scope)
    assert reason(proxy, pair) == expected


@ways
def test_grace(make_proxy, lists, tuning):
    """Past its next update a list holds for so long, and what it lists is refused all the same."""
    for grace, alice in (("30m", "crl_expired"), ("2h", None)):
        proxy = with_lists(make_proxy, lists, "late.crl", tuning=tuning, crl_grace=grace)
        assert reason(proxy, "alice") == alice
        assert reason(proxy, "bob", "bob@example.com") == "client_cert_revoked"
        assert proxy.metric("countersign_crl_next_update_timestamp_seconds") < time.time()
        (event,) = wait_until(lambda: proxy.events("crl_expired"))
        assert event["issuer"] == "CN=Test CA" and event["level"] == "error"
        proxy.stop()


def test_warning_before_the_end(make_proxy, pki):
    """Told once when a quarter of a list's time is left, and once when it has ended."""
    now = datetime.datetime.utcnow().replace(microsecond=0)
    pki.write("brief.crl", crl_pem(pki.ca.crl(last=now - 6 * datetime.timedelta(seconds=1),
                                              following=now + datetime.timedelta(seconds=6))))
    proxy = with_lists(make_proxy, pki, "brief.crl")
    assert proxy.events("crl_expires_soon") == []
    (soon,) = wait_until(lambda: proxy.events("crl_expires_soon"))
    assert 0 <= soon["seconds_left"] <= 3 and proxy.events("crl_expired") == []
    wait_until(lambda: proxy.events("crl_expired"))
    proxy.write_users()  # a reload that brings no other list tells nothing anew
    wait_until(lambda: proxy.events("reload"))
    assert len(proxy.events("crl_expires_soon")) == len(proxy.events("crl_expired")) == 1
    pki.write("new.crl", crl_pem(pki.ca.crl())).rename(pki.dir / "brief.crl")
    wait_until(lambda: reason(proxy, "alice") is None)


def resident_kib(pid, what="VmHWM"):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(what + ":"))


def as_pem(der):
    text = base64.encodebytes(der)
    return b"-----BEGIN X509 CRL-----\n" + text + b"-----END X509 CRL-----\n"


def test_a_million_entries(make_proxy, tmp_path):
    """Workers take what the master has read: nothing grows with the list but shared pages."""
    pki = Pki(tmp_path / "million")
    pki.write("long.crl", as_pem(long_crl(pki.ca, 1000000, pki.load("bob"))))
    proxy = make_proxy(pki=pki, changes={"process": {"workers": 2}})
    proxy.config["listeners"][0]["client"]["crl"] = str(pki.dir / "long.crl")
    proxy.write_config()
    proxy.start()
    assert reason(proxy, "alice") is None
    assert reason(proxy, "bob", "bob@example.com") == "client_cert_revoked"
    with proxy.connect("alice") as client:
        assert client.get("/", ALICE, "wonder land").status == 200
        pki.write("new.crl", long_crl(pki.ca, 1000000, pki.load("alice"))).rename(
            pki.dir / "long.crl")
        wait_until(lambda: proxy.events("reload"), limit_s=30)
        assert client.at_end(), "the connection is ended without waiting for a request"
        assert proxy.refusals("client_cert_withdrawn") == 1
    assert reason(proxy, "bob", "bob@example.com") is None
    if "ASAN_OPTIONS" in os.environ:
        return  # a sanitizer's own memory is in the figure
    for pid in proxy.worker_pids():
        assert resident_kib(pid) < WORKER_KIB


def test_openssl_takes_the_long_list_too(tmp_path):
    """The list of the test above is one that others verify."""
    pki = Pki(tmp_path / "few")
    path = pki.write("few.crl", long_crl(pki.ca, 3, pki.load("bob")))
    out = subprocess.run(["openssl", "crl", "-inform", "DER", "-in", str(path), "-noout", "-text",
                          "-CAfile", str(pki.dir / "ca.crt")], capture_output=True, text=True,
                         check=True)
    assert "verify OK" in out.stderr and out.stdout.count("Serial Number") == 4


@ways
def test_a_list_of_the_future(make_proxy, lists, tuning):
    """Of a CA whose clock is ahead, or ours behind: told apart from one that has ended."""
    lists.write("early.crl", crl_pem(lists.ca.crl(lists.load("bob"), last=NOW + DAY,
                                                  following=NOW + 2 * DAY)))
    proxy = with_lists(make_proxy, lists, "early.crl", tuning=tuning)
    assert reason(proxy, "alice") == "crl_not_yet_valid"
    assert reason(proxy, "bob", "bob@example.com") == "client_cert_revoked"


def test_an_older_list_is_told(make_proxy, lists):
    """It is what the operator put there, but what it forgets is accepted again."""
    path = lists.dir / "turned.crl"
    path.write_bytes(crl_pem(lists.ca.crl(lists.load("bob"), last=NOW - DAY)))
    proxy = with_lists(make_proxy, lists, "turned.crl")
    assert reason(proxy, "bob", "bob@example.com") == "client_cert_revoked"
    assert proxy.events("crl_older") == []
    new = path.with_suffix(".new")
    new.write_bytes(crl_pem(lists.ca.crl(last=NOW - 5 * DAY)))
    new.rename(path)
    (event,) = wait_until(lambda: proxy.events("crl_older"))
    assert event["level"] == "warning" and event["issuer"] == "CN=Test CA"
    assert event["this_update"] < event["before"]
    assert "accepted again" in event["effect"]
    wait_until(lambda: reason(proxy, "bob", "bob@example.com") is None)


def odd_list(authority):
    """Good for us, and not for OpenSSL: its number is critical."""
    builder = (x509.CertificateRevocationListBuilder().issuer_name(authority.cert.subject)
               .last_update(NOW - DAY).next_update(NOW + DAY)
               .add_extension(x509.CRLNumber(1), True))
    return crl_pem(builder.sign(authority.key, hashes.SHA256()))


@pytest.mark.parametrize("workers", [1, 3])
def test_openssl_asked_as_well(make_proxy, tmp_path, workers):
    """Switched on and off, lists replaced meanwhile: who is listed is refused by either, and what
    OpenSSL holds against a list counts only where it is asked. Nothing of it is remembered beyond a
    reload, and open connections are judged by what holds."""
    (tmp_path / "pki").mkdir()
    pki = Pki(tmp_path / "pki")
    lists = {"none": crl_pem(pki.ca.crl()), "odd": odd_list(pki.ca),
             "alice": crl_pem(pki.ca.crl(pki.load("alice")))}
    pki.write("live.crl", lists["none"])
    proxy = with_lists(make_proxy, pki, "live.crl", tuning=BOTH)
    proxy.config["process"]["workers"] = workers

    def turn(tuning, name):
        before = proxy.metric("countersign_reloads_total")
        pki.write("live.crl", lists[name])
        proxy.config["tuning"] = tuning
        proxy.write_config()
        assert proxy.reload().returncode == 0
        wait_until(lambda: proxy.metric("countersign_reloads_total") > before)

    turn(BOTH, "none")
    for _ in range(3):
        assert reason(proxy, "alice") is None
    for tuning, name, expected in [(BOTH, "alice", "client_cert_revoked"), (BOTH, "none", None),
                                   (BOTH, "odd", "crl_missing"), (OURS, "odd", None),
                                   (BOTH, "odd", "crl_missing"), (BOTH, "none", None),
                                   (OURS, "alice", "client_cert_revoked"), (OURS, "none", None)]:
        turn(tuning, name)
        for _ in range(2 * workers):
            assert reason(proxy, "alice") == expected, (tuning, name)
    turn(BOTH, "none")
    with proxy.connect("alice") as client:
        assert client.get("/", ALICE, "wonder land").status == 200
        turn(BOTH, "odd")
        assert client.at_end()
