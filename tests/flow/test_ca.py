"""Certificates issued by the real program: from openssl req to a 200 through the proxy."""
import json
import re
import subprocess

import pytest
import yaml

from proxy import PROGRAM, free_port

ALICE = "alice@example.com"


def run(*args, status=0, **kw):
    done = subprocess.run([PROGRAM, *map(str, args)], capture_output=True, text=True, timeout=60,
                          **kw)
    assert status is None or done.returncode == status, (args, done.stdout, done.stderr)
    return done


def set_up(directory, **changes):
    """A configuration beside the CA in directory/ca, with a profile that asks nobody and one that
    asks a group."""
    config = {
        "listeners": [{"address": f"127.0.0.1:{free_port()}",
                       "tls": {"certificate": "ca/issuing.crt", "key": "ca/issuing.key"},
                       "client": {"ca": "ca/root.crt"}}],
        "users": {"htpasswd": "users"},
        "routes": [{"path": "/", "require": "both", "upstream": "api"}],
        "upstreams": {"api": {"servers": ["127.0.0.1:9"]}},
        "ca": {"certificate": "ca/issuing.crt", "key": "ca/issuing.key", "store": "ca.db",
               "profiles": {"auto": {"approvals": 0},
                            "asked": {"operators": ["local:" + group_here()]}}, **changes},
    }
    (directory / "users").write_text("")
    (directory / "c.yaml").write_text(yaml.safe_dump(config))


@pytest.fixture
def ca(tmp_path):
    run("ca", "init", tmp_path / "ca", "--name", "Example CA")
    set_up(tmp_path)
    return tmp_path


def group_here():
    return subprocess.run(["id", "-gn"], capture_output=True, text=True).stdout.strip()


def request(ca, subject=f"/O=Acme Ltd/CN={ALICE}", *more):
    subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-keyout", ca / "a.key", "-subj", subject,
                    "-out", ca / "a.csr", *more], check=True, capture_output=True)
    return ca / "a.csr"


def file(ca, path, profile, status=0, user=ALICE):
    return run("request", "file", "-c", ca / "c.yaml", "-p", profile, "-u", user, path,
               status=status)


@pytest.mark.parametrize("subject,user,word", [
    ("/O=Acme Ltd/CN=bob@example.com", ALICE, "common name"),
    ("/CN=" + ALICE, ALICE, "organization"),
    ("/O=Acme Ltd/CN=" + ALICE, "bob@example.com", "account"),
    ("/O=Acme Ltd/CN=" + ALICE + "/CN=bob@example.com", ALICE, "twice"),
])
def test_refused_with_words(ca, subject, user, word):
    done = file(ca, request(ca, subject), "auto", status=1, user=user)
    assert word in done.stderr


def test_the_cas_own_key_is_nobodys(ca):
    subprocess.run(["openssl", "req", "-new", "-key", ca / "ca/issuing.key", "-subj",
                    f"/O=Acme Ltd/CN={ALICE}", "-out", ca / "own.csr"], check=True)
    assert "key of a CA" in file(ca, ca / "own.csr", "auto", status=1).stderr


def test_withdrawn_and_lifted_at_the_machine(ca):
    """By an operator of the profile; the deny list follows, also without a CA's process."""
    config = ("-c", ca / "c.yaml")
    id = file(ca, request(ca), "auto").stdout.strip()
    run("ca", "issue", *config)
    assert "not an operator" in run("request", "withdraw", *config, id, status=1).stderr
    text = yaml.safe_load((ca / "c.yaml").read_text())
    text["ca"]["profiles"]["auto"]["operators"] = ["local:" + group_here()]
    text["revocation"] = {"deny": "denied"}
    (ca / "c.yaml").write_text(yaml.safe_dump(text))
    (ca / "denied").write_text("")
    for status, arguments in [(1, ["withdraw", "-r", "because", id]), (1, ["lift", id]),
                              (0, ["withdraw", "-r", "certificateHold", id]),
                              (1, ["withdraw", "-r", "certificateHold", id])]:
        run("request", *arguments, *config, status=status)
    shown = lambda: re.findall(r"^withdrawn    (.*)$", run("request", "show", *config, id).stdout,
                               re.M)
    held = re.fullmatch(r"(\S+Z), certificateHold: on hold, which can be lifted", *shown())
    assert "fingerprint=" in (ca / "denied").read_text()
    as_json = json.loads(run("request", "show", "-o", "json", *config, id).stdout)
    assert as_json["withdrawnReason"] == "certificateHold"
    assert as_json["withdrawnTime"][:19] == held[1][:19]
    assert run("request", "lift", *config, id).stdout.startswith("lifted")
    assert shown() == []
    assert "fingerprint=" not in (ca / "denied").read_text()
    assert run("request", "withdraw", *config, "-r", "keyCompromise", id).stdout.startswith(
        "withdrawn")
    assert re.fullmatch(r"\S+Z, keyCompromise", *shown())
    assert "for good" in run("request", "lift", *config, id, status=1).stderr
    told = run("audit", "ls", *config).stdout
    assert told.count("certificate.withdrawn") == 2 and "certificate.restored" in told
    again = file(ca, ca / "a.csr", "auto", status=1)
    assert "stolen" in again.stderr


@pytest.mark.parametrize("mask, kind", [("nombstr", "T61STRING"), ("MASK:0x800", "BMPSTRING")])
def test_kinds_of_strings(ca, mask, kind):
    """What old tools write becomes UTF-8, as RFC 5280 4.1.2.4 has it; a guess is not made."""
    (ca / "req.conf").write_text(f"[req]\nstring_mask = {mask}\nutf8 = yes\n"
                                 "distinguished_name = n\n"
                                 f"prompt = no\n[n]\nO = Acme & Söhne Ltd\nCN = {ALICE}\n")
    parse = lambda name: subprocess.run(["openssl", "asn1parse", "-in", ca / name], check=True,
                                        capture_output=True, text=True, errors="replace").stdout
    path = ca / "a.csr"
    subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-keyout", ca / "a.key", "-config",
                    ca / "req.conf", "-out", path], check=True, capture_output=True)
    assert kind in parse("a.csr")
    if kind == "T61STRING":
        assert "TeletexString" in file(ca, path, "auto", status=1).stderr
        return
    ca_id = file(ca, path, "auto").stdout.strip()
    run("ca", "issue", "-c", ca / "c.yaml")
    run("request", "fetch", "-c", ca / "c.yaml", "-w", ca / "a.crt", ca_id)
    assert kind not in parse("a.crt")
    shown = subprocess.run(["openssl", "x509", "-in", ca / "a.crt", "-noout", "-subject",
                            "-nameopt", "utf8,sep_comma_plus,show_type"], capture_output=True,
                           text=True).stdout
    assert "UTF8STRING:Acme & Söhne Ltd" in shown


@pytest.fixture
def issued(ca):
    """alice's certificate in a.crt, of a profile that has operators: nobody here, or, after
    may(), who runs the tests."""
    text = yaml.safe_load((ca / "c.yaml").read_text())
    text["revocation"] = {"deny": "denied"}
    (ca / "denied").write_text("")

    def may(*groups):
        text["ca"]["profiles"]["auto"]["operators"] = list(groups)
        (ca / "c.yaml").write_text(yaml.safe_dump(text))
    may("others")
    ca_id = file(ca, request(ca), "auto").stdout.strip()
    run("ca", "issue", "-c", ca / "c.yaml")
    run("request", "fetch", "-c", ca / "c.yaml", "-w", ca / "a.crt", ca_id)
    return ca, ca_id, lambda: may("local:" + group_here())


def cert(ca, verb, *arguments, status=0):
    return run("cert", verb, "-c", ca / "c.yaml", *arguments, status=status)


def withdrawals(ca):
    return run("audit", "ls", "-c", ca / "c.yaml").stdout.count("certificate.withdrawn")


def test_cert_withdraw_by_who_is_no_operator(issued):
    """The proxies refuse it at once; the record follows by the command that is named."""
    ca, ca_id, may = issued
    done = cert(ca, "withdraw", "--certificate", ca / "a.crt", "--reason", "superseded", status=1)
    assert "serial=" in (ca / "denied").read_text() and withdrawals(ca) == 0
    command = done.stderr.splitlines()[-1].partition("by: countersign ")[2].split()
    assert ca_id in command and "is not an operator" in done.stderr
    assert "is not an operator" in run(*command, status=1).stderr
    may()
    assert run(*command).stdout.startswith("withdrawn") and withdrawals(ca) == 1
    assert "for good" in cert(ca, "restore", "--certificate", ca / "a.crt", status=1).stderr
    assert (ca / "denied").read_text().count("reason=superseded") == 2


def named(ca, way):
    shown = subprocess.run(["openssl", "x509", "-in", ca / "a.crt", "-noout", "-serial",
                            "-fingerprint", "-sha256"], capture_output=True, text=True).stdout
    serial, fingerprint = (line.partition("=")[2] for line in shown.splitlines())
    return {"certificate": ["--certificate", ca / "a.crt"],
            "serial": ["--serial", serial, "--issuer", ca / "ca/issuing.crt"],
            "fingerprint": ["--fingerprint", fingerprint]}[way]


@pytest.mark.parametrize("way", ["certificate", "serial", "fingerprint"])
def test_cert_withdraw_is_the_cas_too(issued, way):
    """One command for the record and the proxies, and one back; what is for good stays so."""
    ca, ca_id, may = issued
    may()
    what = named(ca, way)
    for reason in "cACompromise", "aACompromise":
        done = cert(ca, "withdraw", *what, "--reason", reason, status=1)
        assert "no reason to withdraw a client's certificate" in done.stderr
    assert (ca / "denied").read_text() == "" and withdrawals(ca) == 0
    cert(ca, "withdraw", *what, "--reason", "certificateHold")
    assert withdrawals(ca) == 1 and "fingerprint=" in (ca / "denied").read_text()
    assert "already" in cert(ca, "withdraw", *what, "--reason", "certificateHold").stdout
    cert(ca, "restore", *what)
    assert "delivered" in run("request", "ls", "-c", ca / "c.yaml").stdout
    assert "fingerprint=" not in (ca / "denied").read_text()
    cert(ca, "restore", *what, status=1)
    cert(ca, "withdraw", *what, "--reason", "certificateHold")
    run("request", "withdraw", "-c", ca / "c.yaml", "-r", "keyCompromise", ca_id)
    before = (ca / "denied").read_text()
    assert "for good" in cert(ca, "restore", *what, status=1).stderr
    assert (ca / "denied").read_text() == before and withdrawals(ca) == 3
    run("audit", "verify", "-c", ca / "c.yaml")


def test_cert_withdraw_of_what_others_issued(issued, tmp_path):
    """The CA here knows nothing of it, also where one of its serial numbers is the same."""
    ca, _, may = issued
    may()
    run("ca", "init", tmp_path / "other", "--name", "Other CA")
    serial = named(ca, "serial")[1]
    for what in (["--serial", serial, "--issuer", tmp_path / "other/issuing.crt"],
                 ["--certificate", tmp_path / "other/issuing.crt"]):
        done = cert(ca, "withdraw", *what, "--reason", "certificateHold")
        assert "has not issued it" in done.stdout and withdrawals(ca) == 0
        cert(ca, "restore", *what)


def test_cert_withdraw_where_the_record_fails(issued):
    """The proxies refuse it all the same; nothing comes back that the record might forbid."""
    ca, _, may = issued
    may()
    for name in "ca.db-wal", "ca.db-shm":
        (ca / name).unlink(missing_ok=True)
    (ca / "ca.db").write_bytes(b"no database" * 1000)
    done = cert(ca, "withdraw", "--certificate", ca / "a.crt", "--reason", "certificateHold",
                status=1)
    assert "give the command again" in done.stderr and "serial=" in (ca / "denied").read_text()
    assert "give the command again" in cert(ca, "restore", "--certificate", ca / "a.crt",
                                            status=1).stderr
    assert "serial=" in (ca / "denied").read_text()


def test_nobody_approves_their_own(ca):
    id = file(ca, request(ca), "asked").stdout.strip()
    assert "pending" in run("request", "show", "-c", ca / "c.yaml", id).stdout
    refused = run("request", "approve", "-c", ca / "c.yaml", id, status=1)
    assert "their own" in refused.stderr
    run("request", "fetch", "-c", ca / "c.yaml", id, status=1)
    assert run("ca", "issue", "-c", ca / "c.yaml").stdout == "0 issued\n"
    run("request", "deny", "-c", ca / "c.yaml", "-r", "ask somebody else", id)
    assert "ask somebody else" in run("request", "show", "-c", ca / "c.yaml", id).stdout


def test_issued_and_accepted(ca):
    """From the request to a certificate that the root vouches for."""
    id = file(ca, request(ca), "auto").stdout.strip()
    assert run("ca", "issue", "-c", ca / "c.yaml").stdout == "1 issued\n"
    run("request", "fetch", "-c", ca / "c.yaml", "-w", ca / "a.crt", id)
    run("request", "fetch", "-c", ca / "c.yaml", "-w", ca / "a.crt", id, status=1)
    subprocess.run(["openssl", "verify", "-purpose", "sslclient", "-CAfile", ca / "ca/root.crt",
                    "-untrusted", ca / "ca/issuing.crt", ca / "a.crt"], check=True,
                   capture_output=True)
    explained = run("explain", "-c", ca / "c.yaml", "--cert", ca / "a.crt", status=1)
    assert ALICE in explained.stdout
    assert "delivered" in run("request", "ls", "-c", ca / "c.yaml").stdout
    assert run("audit", "verify", "-c", ca / "c.yaml").stdout.startswith("3:")


@pytest.mark.parametrize("args,words", [
    (["ca"], "a verb is missing"),
    (["ca", "frob"], "frob: there is no such verb"),
    (["ca", "init"], "init takes one directory"),
    (["ca", "certify", "root"], "takes the root's directory and a signing request"),
    (["request", "frob"], "frob: there is no such verb"),
    (["request", "approve"], "approve: the request's id is missing"),
    (["request", "file", "-u", ALICE], "file: the signing request is missing"),
    (["request", "ls", "more"], "ls takes no argument"),
    (["audit"], "ls or verify"),
    (["audit", "frob"], "ls and verify"),
    (["audit", "ls", "--from", "x"], "the number of an entry"),
    (["audit", "verify", "--expect", "12"], "a number, a colon"),
    (["audit", "verify", "--expect", "12:" + 64 * "x"], "a number, a colon"),
    (["store", "backup"], "one file"),
])
def test_wrong_usage_is_told_in_words(args, words):
    done = run(*args, status=2)
    first, _, usage = done.stderr.partition("\n\n")
    assert words in first and usage.startswith("usage: countersign")


def test_help_of_a_verb_below_a_verb():
    assert run("help", "cert", "renew").stdout == run("cert", "renew", "--help").stdout
    assert run("help", "ca", "init").stdout == run("help", "ca").stdout


def test_check_looks_at_the_key_of_the_ca(ca):
    key = ca / "ca/issuing.key"
    (ca / "server.key").write_bytes(key.read_bytes())
    (ca / "server.key").chmod(0o600)
    config = yaml.safe_load((ca / "c.yaml").read_text())
    config["listeners"][0]["tls"]["key"] = "server.key"
    (ca / "c.yaml").write_text(yaml.safe_dump(config))
    run("check", "-c", ca / "c.yaml")
    key.chmod(0o644)
    assert "ca.key" in run("check", "-c", ca / "c.yaml", status=1).stderr
    key.write_bytes((ca / "ca/root.key").read_bytes())
    key.chmod(0o600)
    assert "ca.key" in run("check", "-c", ca / "c.yaml", status=1).stderr
    key.unlink()
    assert "No such file" in run("check", "-c", ca / "c.yaml", status=1).stderr


def test_no_notice_waits_where_nobody_sends_any(ca):
    """The database notes that the decision is to be told; without a notifier it never is."""
    done = file(ca, request(ca), "asked")
    run("request", "deny", "-c", ca / "c.yaml", "-r", "no", done.stdout.strip())
    assert "message" not in run("request", "show", "-c", ca / "c.yaml", done.stdout.strip()).stdout


def test_key_is_written_once(ca):
    before = (ca / "ca/issuing.key").read_bytes()
    run("ca", "init", ca / "ca", status=1)
    assert (ca / "ca/issuing.key").read_bytes() == before
    assert (ca / "ca/issuing.key").stat().st_mode & 0o777 == 0o600
    (ca / "ca/issuing.key").chmod(0o644)
    assert "chmod" in run("ca", "issue", "-c", ca / "c.yaml", status=1).stderr


@pytest.mark.parametrize("kind", ["p384", "ed25519", "rsa2048"])
def test_kinds_of_keys(tmp_path, kind):
    run("ca", "init", tmp_path / "ca", "--key", kind, "--passphrase", input="correct horse\n")
    assert "ENCRYPTED" in (tmp_path / "ca/root.key").read_text()
    subprocess.run(["openssl", "verify", "-CAfile", tmp_path / "ca/root.crt",
                    tmp_path / "ca/issuing.crt"], check=True, capture_output=True)


def test_end_of_the_record_is_cut(ca):
    """What is left leads to a good hash, but tells less than there is."""
    id = file(ca, request(ca), "auto").stdout.strip()
    run("ca", "issue", "-c", ca / "c.yaml")
    run("audit", "verify", "-c", ca / "c.yaml")
    for left, missing in ((1, "certificate"), (0, f"request {id}")):
        subprocess.run(["sqlite3", ca / "ca.db", "DROP TRIGGER IF EXISTS audit_is_not_deleted; "
                        f"DELETE FROM audit WHERE seq > {left}"], check=True)
        told = run("audit", "verify", "-c", ca / "c.yaml", status=1).stderr
        assert missing in told and "it was cut" in told
    assert "it was cut" in run("store", "backup", "-c", ca / "c.yaml", ca / "copy.db",
                               status=1).stderr


def test_copies(ca):
    """A copy made while requests are open is as good as the original; nothing is written over."""
    id = file(ca, request(ca), "auto").stdout.strip()
    copy = ca / "copy.db"
    run("store", "backup", "-c", ca / "c.yaml", copy)
    assert copy.stat().st_mode & 0o777 == 0o600
    run("store", "backup", "-c", ca / "c.yaml", copy, status=1)
    run("store", "restore", "-c", ca / "c.yaml", copy, status=1)
    run("ca", "issue", "-c", ca / "c.yaml")
    for name in ("ca.db", "ca.db-wal", "ca.db-shm"):
        (ca / name).unlink(missing_ok=True)
    damaged = bytearray(copy.read_bytes())
    damaged[4096:8192] = b"x" * 4096
    (ca / "damaged.db").write_bytes(damaged)
    run("store", "restore", "-c", ca / "c.yaml", ca / "damaged.db", status=1)
    assert not (ca / "ca.db").exists()
    told = run("store", "restore", "-c", ca / "c.yaml", copy).stdout
    assert "The copy knows what happened until" in told and "the deny list says: 0" in told
    assert "approved" in run("request", "show", "-c", ca / "c.yaml", id).stdout
    assert run("ca", "issue", "-c", ca / "c.yaml").stdout == "1 issued\n"


def test_restored_withdrawals_keep_their_date(issued):
    """What the copy did not know was not withdrawn when it was restored, but on the list's date."""
    ca, _, may = issued
    config = ("-c", ca / "c.yaml")
    may()
    run("store", "backup", *config, ca / "copy.db")
    cert(ca, "withdraw", "--certificate", ca / "a.crt", "--reason", "keyCompromise")
    for name in ("ca.db", "ca.db-wal", "ca.db-shm"):
        (ca / name).unlink(missing_ok=True)
    # As if it had been a while ago.
    text, n = re.subn(r"date=\S+", "date=2026-01-02T03:04:05Z", (ca / "denied").read_text())
    assert n > 0
    (ca / "denied").write_text(text)
    assert "the deny list says: 1" in run("store", "restore", *config, ca / "copy.db").stdout
    run("ca", "crl", "--former", *config, ca / "ca")
    listed = subprocess.run(["openssl", "crl", "-in", ca / "ca/issuing.crl", "-noout", "-text"],
                            check=True, capture_output=True, text=True).stdout
    assert "Revocation Date: Jan  2 03:04:05 2026 GMT" in listed and "Key Compromise" in listed
    assert "date=2026-01-02T03:04:05Z" in (ca / "denied").read_text()
