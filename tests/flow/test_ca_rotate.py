"""From one issuing CA to the next: both are good for a time, and what the old one still does."""
import json
import os
import signal
import subprocess

import pytest

from proxy import wait_until
from test_ca import run
from test_ca_api import (ALICE, BOB, REQUESTS, call, companion, crl_text, csr, curl, enroll,
                         est_certificates, file, install, ocsp, post_json)
from test_ca_api import ca as served  # noqa: F401 a fixture


def serial_of(ca, asked):
    return json.loads(call(ca, ALICE, "GET", f"{REQUESTS}/{asked['id']}").body)["serial"]


def is_signed_by(where, leaf, issuer):
    """Whether the certificate in leaf is good by its issuer and the root."""
    return subprocess.run(["openssl", "verify", "-CAfile", where / "ca/root.crt", "-untrusted",
                           issuer / "issuing.crt", leaf], capture_output=True,
                          check=False).returncode == 0


@pytest.fixture
def rotated(served, tmp_path):  # noqa: F811
    """One certificate of the old CA, two that are withdrawn; then the new CA in the old one's
    place, in a running proxy."""
    first = file(served, "client", name="new")
    approved = call(served, BOB, "POST", f"{REQUESTS}/{first['id']}/approve")
    assert approved.status == 200
    gone, later = (file(served, "auto", name=n) for n in ("gone", "later"))
    install(served, first)
    assert served.get("new", ALICE).status == 200
    post_json(served, ALICE, f"/ca/v1/certificates/{serial_of(served, gone)}/withdraw",
              reason="superseded")
    new = tmp_path / "ca2"
    run("ca", "init", "--issuing-only", new)
    run("ca", "certify", tmp_path / "ca", new / "issuing.csr", "--write", tmp_path / "new.crt")
    run("ca", "accept", new, tmp_path / "new.crt")
    both = tmp_path / "both.crt"
    both.write_bytes((new / "issuing.crt").read_bytes() +
                     (tmp_path / "ca/issuing.crt").read_bytes())
    wait_until(lambda: serial_of(served, gone) in crl_text(served, served.dir / "issuing.crl"))
    (tmp_path / "before.crl").write_bytes((served.dir / "issuing.crl").read_bytes())
    served.write_config({"ca": {"certificate": str(both), "key": str(new / "issuing.key")}})
    before = len(served.events("ca_serves"))
    assert served.reload().returncode == 0
    wait_until(lambda: len(served.events("ca_serves")) > before)
    served.first, served.gone, served.later = first, gone, later
    return served


def test_half_a_change_is_refused(served, tmp_path):  # noqa: F811
    """The new certificate with the old key: nothing is signed, and it is told."""
    run("ca", "init", "--issuing-only", tmp_path / "ca2")
    run("ca", "certify", tmp_path / "ca", tmp_path / "ca2/issuing.csr", "--write",
        tmp_path / "new.crt")
    served.write_config({"ca": {"certificate": str(tmp_path / "new.crt")}})
    assert served.reload().returncode == 0
    wait_until(lambda: any("does not belong to this key" in e["error"]
                           for e in served.events("ca_cannot_serve")))


def test_both_are_good(rotated, tmp_path):
    old, new = tmp_path / "ca", tmp_path / "ca2"
    assert rotated.get("new", ALICE).status == 200
    # fetched again, with what stands above it
    pem = call(rotated, ALICE, "GET", f"{REQUESTS}/{rotated.first['id']}/certificate").body
    (tmp_path / "again.crt").write_bytes(pem)
    assert pem.count(b"BEGIN CERTIFICATE") == 3
    assert (old / "issuing.crt").read_bytes() in pem
    assert is_signed_by(tmp_path, tmp_path / "again.crt", old)
    # renewed with the old one in hand: by the new CA
    csr(rotated.dir, name="next")
    shown = ("--cert", rotated.pki.dir / "new.crt", "--key", rotated.pki.dir / "new.key")
    assert enroll(rotated, "next", *shown, verb="simplereenroll", label="client")[0] == "200"
    (tmp_path / "next.crt").write_text(est_certificates(rotated))
    assert is_signed_by(tmp_path, tmp_path / "next.crt", new)
    assert not is_signed_by(tmp_path, tmp_path / "next.crt", old)
    (rotated.pki.dir / "next.crt").write_text((tmp_path / "next.crt").read_text())
    (rotated.pki.dir / "next.key").write_bytes((rotated.dir / "next.key").read_bytes())
    assert rotated.get("next", ALICE).status == 200
    assert rotated.get("new", ALICE).status == 200
    assert curl(rotated, "cacerts", user=None)[0] == "200"
    assert est_certificates(rotated).count("BEGIN CERTIFICATE") == 2


def verify_crl(ca_file, list_file):
    done = subprocess.run(["openssl", "crl", "-in", list_file, "-noout", "-CAfile", ca_file,
                           "-verify"], capture_output=True, text=True, check=False)
    return "verify OK" in done.stderr


def test_withdrawn_after_the_change(rotated, tmp_path):
    """At our proxies all the same; the list is the new CA's; the old CA's is made by a command."""
    old, new = tmp_path / "ca", tmp_path / "ca2"
    serial = serial_of(rotated, rotated.first)
    config = rotated.config_path
    wait_until(lambda: verify_crl(new / "issuing.crt", rotated.dir / "issuing.crl"))
    assert not verify_crl(old / "issuing.crt", rotated.dir / "issuing.crl")
    post_json(rotated, ALICE, f"/ca/v1/certificates/{serial}/withdraw", reason="keyCompromise")
    wait_until(lambda: (a := rotated.get("new", ALICE)) is not None and a.status in (400, 403))
    wait_until(lambda: serial in crl_text(rotated, rotated.dir / "issuing.crl"))
    # the old one's
    (old / "kept.key").write_bytes((old / "issuing.key").read_bytes())
    (old / "issuing.key").write_bytes((new / "issuing.key").read_bytes())
    assert "does not belong to this key" in run("ca", "crl", "--former", "-c", config, old,
                                                status=1).stderr
    (old / "issuing.key").write_bytes((old / "kept.key").read_bytes())
    assert not (old / "issuing.crl").exists()
    for _ in range(2):
        run("ca", "crl", "--former", "-c", config, old)
    text = subprocess.run(["openssl", "crl", "-in", old / "issuing.crl", "-noout", "-text"],
                          capture_output=True, text=True, check=True).stdout
    assert serial in text and serial_of(rotated, rotated.gone) in text
    assert serial_of(rotated, rotated.later) not in text
    assert verify_crl(old / "issuing.crt", old / "issuing.crl")


def test_ocsp_of_the_former_ca(rotated, tmp_path):
    """Signed with its own key where that is still here; otherwise it is said that nobody may."""
    old, serial = tmp_path / "ca", serial_of(rotated, rotated.first)
    ask = lambda serial: ocsp(rotated, "0x" + serial, issuer=str(old / "issuing.crt"))
    assert "unauthorized" in ask(serial)
    check = lambda: rotated.run("check", "-c", str(rotated.config_path))
    for key, mode, words in [(tmp_path / "ca2/issuing.key", 0o600, "belongs to"),
                             (old / "issuing.key", 0o644, "chmod")]:
        rotated.write_config({"ca": {"former_keys": [str(key)]}})
        key.chmod(mode)
        checked = check()
        assert checked.returncode == 1 and words in checked.stderr, checked.stderr
    (old / "issuing.key").chmod(0o600)
    assert check().returncode == 0, check().stderr
    starts = len(rotated.events("ca_serves"))
    assert rotated.reload().returncode == 0
    wait_until(lambda: len(rotated.events("ca_serves")) > starts)
    good = ask(serial)
    assert "Response verify OK" in good and "Cert Status: good" in good, good
    gone = ask(serial_of(rotated, rotated.gone))
    assert "Response verify OK" in gone and "Cert Status: revoked" in gone, gone
    next = file(rotated, "auto", name="after")
    assert "Cert Status: unknown" in ask(serial_of(rotated, next))
    now = ocsp(rotated, "0x" + serial_of(rotated, next))
    assert "Response verify OK" in now and "Cert Status: good" in now, now


def test_list_is_not_made_again_and_again(rotated, tmp_path):
    """After a new start with the same key the number goes on."""
    wait_until(lambda: verify_crl(tmp_path / "ca2/issuing.crt", rotated.dir / "issuing.crl"))
    before = crl_text(rotated, rotated.dir / "issuing.crl")
    starts = len(rotated.events("ca_serves"))
    os.kill(companion(rotated), signal.SIGTERM)
    wait_until(lambda: len(rotated.events("ca_serves")) > starts)
    assert crl_text(rotated, rotated.dir / "issuing.crl") == before
