"""Withdrawal: the deny list at the handshake, at every request, and on connections that are open."""
import hashlib
import json
import os
import resource
import signal
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

from pki import Authority, NOW, DAY, Pki, cert_pem, name
from proxy import LIMIT_S, Client, answer_of, wait_status, wait_until
from test_resumption import Visitor
from upstream import Upstream

ALICE = "alice@example.com"
BOB = "bob@example.com"


@pytest.fixture
def deny_proxy(make_proxy, tmp_path):
    """A running proxy with an empty deny file beside its configuration."""
    def make(changes=None, **options):
        changes = dict(changes or {})
        path = tmp_path / f"withdrawn{len(list(tmp_path.iterdir()))}.deny"
        path.write_text("")
        changes["revocation"] = {"deny": str(path)}
        p = make_proxy(changes, **options)
        p.deny_path = path
        return p
    return make


def cert(p, *arguments):
    return p.run("cert", *arguments, "-c", str(p.config_path))


def fingerprint(pki, stem):
    from cryptography.hazmat.primitives import hashes
    return pki.load(stem).fingerprint(hashes.SHA256()).hex()


def ended(client):
    """True if the connection ends, in order or not, without another octet."""
    try:
        return client.at_end()
    except TimeoutError:
        return False
    except OSError:
        return True


def refused_handshake(p, pair, **options):
    """The alert that a handshake is refused with; the answer 400 or 403 where it is answered."""
    try:
        with p.connect(pair, **options) as c:
            return c.get("/", ALICE, p.passwords[ALICE]).status
    except ssl.SSLError as e:
        return str(e)


def status_of(p, pair="alice"):
    """Of a request; None where the connection is ended under it."""
    try:
        answer = p.get(pair)
    except OSError:
        return None
    return answer.status if answer else None


WAYS = {
    "a certificate file": lambda pki: ["--certificate", str(pki.dir / "alice.crt")],
    "serial number and CA file": lambda pki: [
        "--serial", f"{pki.load('alice').serial_number:x}", "--issuer", str(pki.dir / "ca.crt")],
    "serial number and CA name": lambda pki: [
        "--serial", f"{pki.load('alice').serial_number:040X}", "--issuer", "CN=Test CA"],
    "fingerprint": lambda pki: ["--fingerprint", fingerprint(pki, "alice")],
    "user": lambda pki: ["--user", ALICE],
}


@pytest.mark.parametrize("way", WAYS)
def test_withdrawn_at_once_and_nobody_else(deny_proxy, pki, way):
    """Idle connections end, a new one is refused, others go on, on both workers."""
    p = deny_proxy({"process": {"workers": 2}}).start()
    idle = [p.connect("alice") for _ in range(8)]
    others = [p.connect("bob") for _ in range(8)]
    for c in idle:
        assert c.get("/", ALICE, p.passwords[ALICE]).status == 200
    for c in others:
        assert c.get("/", BOB, p.passwords[BOB]).status == 200
    result = cert(p, "withdraw", "--reason", "keyCompromise", *WAYS[way](pki))
    assert result.returncode == 0, result.stderr
    assert "in force on 2 of 2 workers, 8 open connections ended" in result.stdout
    assert all(ended(c) for c in idle)
    for c in others:
        assert c.get("/", BOB, p.passwords[BOB]).status == 200
    if way == "user":
        answer = p.get()
        assert answer.status == 403
        assert p.record(answer)["auth.reason"] == "user_withdrawn"
    else:
        answer = p.get()
        assert answer.status == 400
        assert p.record(answer)["auth.reason"] == "client_cert_revoked"
    assert p.get("bob", BOB).status == 200
    reason = "user_withdrawn" if way == "user" else "client_cert_withdrawn"
    events = wait_until(lambda: [e for e in p.events("connection_withdrawn")])
    assert {e["reason"] for e in events} == {reason} and len(events) == 8
    assert p.metric("countersign_connections_withdrawn_total") == 8
    assert p.metric("countersign_deny_entries") == 1


def test_a_file_written_over_with_its_time_set_back(deny_proxy):
    """As long as it was, and of the same time: the system's own stamp tells."""
    p = deny_proxy()
    p.deny_path.write_text("user=carol@example.com\n")
    p.start()
    assert p.get("alice").status == 200
    before = p.deny_path.stat()
    with open(p.deny_path, "r+") as file:
        file.write("user=alice@example.com\n")
    os.utime(p.deny_path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert p.deny_path.stat().st_size == before.st_size
    wait_until(lambda: status_of(p) == 403)


SPELLINGS = {
    "as the CA": name((NameOID.COMMON_NAME, "Test CA")),
    "PrintableString": name((NameOID.COMMON_NAME, "Test CA", _ASN1Type.PrintableString)),
    "another case": name((NameOID.COMMON_NAME, "TEST ca")),
    "two blanks": name((NameOID.COMMON_NAME, " Test  CA ")),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("way", ["serial number and CA file", "serial number and CA name",
                                 "a certificate file"])
def test_an_issuer_that_is_spelled_otherwise(deny_proxy, pki, spelling, way):
    """What chains take for one name, the list does too."""
    issued = pki.client("spelled", pki.subject(ALICE), issuer_name=SPELLINGS[spelling])
    serial = f"{issued.serial_number:x}"
    ways = {"a certificate file": ["--certificate", str(pki.dir / "spelled.crt")],
            "serial number and CA file": ["--serial", serial, "--issuer", str(pki.dir / "ca.crt")],
            "serial number and CA name": ["--serial", serial, "--issuer", "CN=Test CA"]}
    p = deny_proxy().start()
    assert p.get("spelled").status == 200
    hold = ["--reason", "certificateHold"]
    assert cert(p, "withdraw", *ways[way], *hold).returncode == 0
    assert p.get("spelled").status == 400
    assert p.get("alice").status == 200
    assert "withdrawn already" in cert(
        p, "withdraw", *ways["serial number and CA file"], *hold).stdout
    assert cert(p, "restore", *ways["serial number and CA name"]).returncode == 0
    assert p.get("spelled").status == 200


def test_a_hold_that_becomes_final(deny_proxy, pki):
    """Its entry is replaced, and cannot be taken back any more."""
    p = deny_proxy().start()
    certificate = ["--certificate", str(pki.dir / "alice.crt")]
    assert cert(p, "withdraw", *certificate, "--reason", "certificateHold").returncode == 0
    assert cert(p, "withdraw", *certificate, "--reason", "keyCompromise").returncode == 0
    assert p.deny_path.read_text().count("reason=") == 1
    assert "reason=keyCompromise" in p.deny_path.read_text()
    assert cert(p, "restore", *certificate).returncode != 0
    assert p.get("alice").status == 400


def test_an_issuer_by_the_digest_of_its_der_form(deny_proxy, pki):
    """As lists have it that were made before, or by others: with just that spelling."""
    alice = pki.load("alice")
    digest = hashlib.sha256(alice.issuer.public_bytes()).hexdigest()
    p = deny_proxy()
    p.deny_path.write_text(
        f"serial={alice.serial_number:X} issuer={digest} reason=certificateHold\n")
    p.start()
    assert p.get("alice").status == 400
    assert cert(p, "restore", "--certificate", str(pki.dir / "alice.crt")).returncode == 0
    assert p.get("alice").status == 200 and p.deny_path.read_text() == ""


def test_a_lost_file_is_not_made_anew(deny_proxy, pki):
    """It would let in again everybody who stood in it."""
    p = deny_proxy({"process": {"workers": 2}}).start()
    assert cert(p, "withdraw", "--certificate", str(pki.dir / "alice.crt")).returncode == 0
    kept = p.deny_path.read_text()
    p.deny_path.unlink()
    result = cert(p, "withdraw", "--user", BOB)
    assert result.returncode == 1 and "put it back if it was lost" in result.stderr
    assert not p.deny_path.exists()
    assert p.get("alice").status == 400
    p.deny_path.write_text(kept)
    assert cert(p, "withdraw", "--user", BOB).returncode == 0
    assert p.get("alice").status == 400 and answer_of(lambda: p.get("bob", BOB)).status == 403


def test_a_file_with_bare_cr_is_refused(deny_proxy, pki):
    """Else all of it would be one comment."""
    p = deny_proxy().start()
    p.deny_path.write_bytes(
        f"# withdrawn\rfingerprint={fingerprint(pki, 'alice')}\r".encode())
    bad = wait_until(lambda: [e for e in p.events("deny_list") if e["result"] == "refused"])
    assert "a CR within the line" in bad[0]["error"]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_alert_certificate_revoked(deny_proxy, pki, version):
    """on_failure refuse: the handshake ends with the alert that says so."""
    p = deny_proxy()
    p.config["listeners"][0]["client"]["on_failure"] = "refuse"
    p.write_config()
    p.start()
    assert refused_handshake(p, "alice", version=version) == 200
    assert cert(p, "withdraw", "--certificate", str(pki.dir / "alice.crt")).returncode == 0
    assert "revoked" in refused_handshake(p, "alice", version=version).lower()
    assert p.refusals("client_cert_revoked") == 1


MANY = 1000


def test_among_many_connections(deny_proxy):
    """With 4 workers: every one of the withdrawn user's ends, and none of the others'."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4 * MANY
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"needs {wanted} descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    p = deny_proxy({"process": {"workers": 4}, "limits": {"connections_per_address": 0}})
    p.config["routes"] = [{"path": "/", "require": "certificate", "upstream": "api"}]
    p.write_config()
    p.start()
    everyone = []
    try:
        for i in range(MANY):
            everyone.append(("alice" if i % 2 else "bob", p.connect("alice" if i % 2 else "bob")))
            assert everyone[-1][1].get("/").status == 200
        result = cert(p, "withdraw", "--user", ALICE)
        assert result.returncode == 0, result.stderr
        assert f"in force on 4 of 4 workers, {MANY // 2} open connections ended" in result.stdout
        assert all(ended(c) for pair, c in everyone if pair == "alice")
        for pair, c in everyone:
            if pair == "bob":
                assert c.get("/").status == 200
        assert p.metric("countersign_connections_withdrawn_total") == MANY // 2
    finally:
        for _, c in everyone:
            c.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_worker_that_stands_still(deny_proxy):
    """The command says so; when the worker goes on, it has the list before another request."""
    p = deny_proxy({"process": {"workers": 2}}).start()
    idle = [p.connect("alice") for _ in range(8)]
    for c in idle:
        assert c.get("/", ALICE, p.passwords[ALICE]).status == 200
    stopped = p.worker_pids()[0]
    os.kill(stopped, signal.SIGSTOP)
    try:
        result = cert(p, "withdraw", "--user", ALICE)
        assert result.returncode == 1 and "in force on 1 of 2 workers" in result.stdout
    finally:
        os.kill(stopped, signal.SIGCONT)
    assert all(ended(c) for c in idle)
    assert stopped in p.worker_pids()
    wait_until(lambda: status_of(p) == 403)


def test_wrong_password_does_not_tell_who_is_withdrawn(deny_proxy):
    """Only who proves the password learns that the user is withdrawn."""
    p = deny_proxy({"routes": [{"path": "/", "require": "password", "upstream": "api"}]}).start()
    assert cert(p, "withdraw", "--user", BOB).returncode == 0
    assert p.get("alice", BOB, "wrong").status == 401
    assert answer_of(lambda: p.get("alice", BOB)).status == 403
    assert p.get("alice", ALICE).status == 200


def test_user_by_certificate_alone(deny_proxy):
    """A withdrawn user gets in nowhere, also where no password is asked for."""
    p = deny_proxy({"routes": [{"path": "/", "require": "none", "upstream": "api"},
                               {"path": "/c", "require": "certificate", "upstream": "api"}]})
    p.start()
    idle = p.connect("alice")
    assert cert(p, "withdraw", "--user", "alice@EXAMPLE.com").returncode == 0
    assert ended(idle), "the certificate names the user, so the connection is its"
    for path in ("/", "/c"):
        assert answer_of(lambda: p.get("alice", None, path=path)).status == 403
        assert p.get("bob", None, path=path).status == 200


def test_shared_connection_of_another_user(deny_proxy):
    """Of users that share a connection, the one who was let through last decides whether it stays."""
    p = deny_proxy({"routes": [{"path": "/", "require": "password", "upstream": "api"}]}).start()
    with p.connect("carol") as c:
        assert c.get("/", ALICE, p.passwords[ALICE]).status == 200
        assert c.get("/", BOB, p.passwords[BOB]).status == 200
        assert cert(p, "withdraw", "--user", ALICE).returncode == 0
        assert c.get("/", BOB, p.passwords[BOB]).status == 200
        assert c.get("/", ALICE, p.passwords[ALICE]).status == 403
        assert c.get("/", BOB, p.passwords[BOB]).status == 200


def test_busy_connections_are_broken_off(deny_proxy, pki):
    """An answer under way ends; a request that waits for its answer, or is being sent, is refused."""
    upstream = Upstream()
    try:
        p = deny_proxy(address=upstream.address).start()
        with p.connect("alice") as half, p.connect("alice") as head, p.connect("bob") as other:
            half.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n"
                      b"Authorization: " + authorization(p, ALICE) + b"\r\n\r\n12345")
            head.send(b"GET / HTTP/1.1\r\nHost: local")
            other.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n"
                       b"Authorization: " + authorization(p, BOB) + b"\r\n\r\n12345")
            wait_until(lambda: p.metric("countersign_http_requests_active") == 4)  # and the one that asks
            result = cert(p, "withdraw", "--certificate", str(pki.dir / "alice.crt"))
            assert "2 open connections ended" in result.stdout, result
            for c in (half, head):
                assert c.answer().status == 403
                assert ended(c)
            other.send(b"67890")
            assert other.answer().status == 200
    finally:
        upstream.close()


def authorization(p, user):
    from proxy import basic
    return basic(user, p.passwords[user]).encode()


def test_files_are_watched(deny_proxy, pki):
    """A line added by hand is in force without a command; a faulty file changes nothing."""
    p = deny_proxy().start()
    idle = p.connect("alice")
    assert idle.get("/", ALICE, p.passwords[ALICE]).status == 200
    replace(p.deny_path, f"fingerprint={fingerprint(pki, 'alice')}\n")
    assert ended(idle)
    assert p.get().status == 400
    replace(p.deny_path, "")
    wait_status(p.get, 200)
    replace(p.deny_path, f"fingerprint={fingerprint(pki, 'alice')}\nfingerprint=12\n")
    bad = wait_until(lambda: [e for e in p.events("deny_list") if e["result"] == "refused"])
    assert "2:" in bad[0]["error"] and "fingerprint" in bad[0]["error"]
    assert p.get().status == 200, "the last good list stays"
    p.deny_path.unlink()
    wait_until(lambda: len([e for e in p.events("deny_list") if e["result"] == "refused"]) > 1)
    status = json.loads(p.run("status", "-c", str(p.config_path), "-o", "json").stdout)
    assert status["deny"]["entries"] == 0 and "error" in status["deny"]
    replace(p.deny_path, f"fingerprint={fingerprint(pki, 'alice')}\n")
    wait_until(lambda: status_of(p) == 400)


def replace(path, text):
    new = path.with_suffix(".tmp")
    new.write_text(text)
    new.rename(path)


def test_a_new_worker_has_the_list(deny_proxy, pki):
    """One that replaces a dead worker knows what was withdrawn before it was born."""
    p = deny_proxy().start()
    assert cert(p, "withdraw", "--certificate", str(pki.dir / "alice.crt")).returncode == 0
    pid = p.worker_pids()[0]
    os.kill(pid, 9)
    wait_until(lambda: p.worker_pids() and p.worker_pids()[0] != pid and p.is_ready())
    assert p.get().status == 400
    assert p.get("bob", BOB).status == 200


def test_reload_takes_a_list_along(make_proxy, pki, tmp_path):
    """A list that a reload brings is in force, also for what is open; a faulty one refuses it."""
    p = make_proxy().start()
    idle = p.connect("alice")
    assert idle.get("/", ALICE, p.passwords[ALICE]).status == 200
    assert "revocation.deny" in cert(p, "withdraw", "--user", ALICE).stderr
    path = tmp_path / "new.deny"
    path.write_text("user=\n")
    p.write_config({"revocation": {"deny": str(path)}})
    assert p.reload().returncode == 1
    assert p.get().status == 200
    assert p.run("check", "-c", str(p.config_path)).returncode == 1
    path.write_text(f"user={ALICE} reason=certificateHold\n")
    assert p.run("check", "-c", str(p.config_path)).returncode == 0
    assert p.reload().returncode == 0
    assert ended(idle)
    assert answer_of(p.get).status == 403


def test_reload_with_a_crl_ends_open_connections(make_proxy, pki):
    """A CRL or a CA that changes is felt by open connections at once, not at their next request."""
    from pki import crl_pem
    pki.write("moving.crl", crl_pem(pki.ca.crl()))
    p = make_proxy()
    p.config["listeners"][0]["client"]["crl"] = str(pki.dir / "moving.crl")
    p.write_config()
    p.start()
    with p.connect("alice") as alice, p.connect("bob") as bob:
        assert alice.get("/", ALICE, p.passwords[ALICE]).status == 200
        assert bob.get("/", BOB, p.passwords[BOB]).status == 200
        pki.write("moving.new", crl_pem(pki.ca.crl(pki.load("alice"))))
        (pki.dir / "moving.new").rename(pki.dir / "moving.crl")
        assert ended(alice)
        assert bob.get("/", BOB, p.passwords[BOB]).status == 200


def visitor_connection(p, visitor):
    """A connection that resumes visitor's session and stays open."""
    client = Client.__new__(Client)
    raw = socket.create_connection(("127.0.0.1", p.port), timeout=LIMIT_S)
    client.tls = visitor.context.wrap_socket(raw, server_hostname="localhost",
                                             session=visitor.session)
    client.buffer = b""
    return client


def test_withdrawn_intermediate(deny_proxy, tmp_path):
    """A CA under the anchor that is withdrawn takes all of its certificates with it."""
    directory = tmp_path / "pki"
    directory.mkdir()
    own = Pki(directory)
    middle = Authority("Middle CA", issuer=own.ca)
    own.write("middle.crt", cert_pem(middle.cert))
    own.client("below", own.subject(ALICE), authority=middle, chain=[middle.cert])
    p = deny_proxy(pki=own).start()
    with p.connect("below") as below, p.connect("bob") as bob:
        assert below.get("/", ALICE, p.passwords[ALICE]).status == 200
        result = cert(p, "withdraw", "--certificate", str(directory / "middle.crt"),
                      "--reason", "cACompromise")
        assert "1 open connections ended" in result.stdout
        assert ended(below)
        assert bob.get("/", BOB, p.passwords[BOB]).status == 200
    assert p.get("below").status == 400


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3],
                         ids=["1.2", "1.3"])
@pytest.mark.parametrize("what", ["leaf", "intermediate"])
def test_withdrawn_then_resumed(deny_proxy, tmp_path, version, what):
    """A ticket of a withdrawn certificate, or of one below a withdrawn CA, resumes nothing."""
    directory = tmp_path / "pki"
    directory.mkdir()
    own = Pki(directory)
    middle = Authority("Middle CA", issuer=own.ca)
    own.write("middle.crt", cert_pem(middle.cert))
    own.client("below", own.subject(ALICE), authority=middle, chain=[middle.cert])
    p = deny_proxy({"resumption": {"enabled": True}}, pki=own).start()
    visitor = Visitor(own, version, "below")
    for resumed in (False, True, True):
        answer, was_resumed = visitor.visit(p)
        assert (answer.status, was_resumed) == (200, resumed)
    with visitor_connection(p, visitor) as idle:
        assert idle.get("/", ALICE, p.passwords[ALICE]).status == 200
        assert idle.tls.session_reused
        file = directory / ("below.crt" if what == "leaf" else "middle.crt")
        result = cert(p, "withdraw", "--certificate", str(file))
        assert "1 open connections ended" in result.stdout, result
        assert ended(idle)
    answer, was_resumed = visitor.visit(p, keep=False)
    assert (answer.status, was_resumed) == (400, False)
    assert p.record(answer)["auth.reason"] == "client_cert_revoked"


def test_many_at_once(deny_proxy):
    """Commands that run side by side lose no entry, and no half of one is ever read."""
    p = deny_proxy({"process": {"workers": 2}}).start()
    p.deny_path.write_text("# no line end")
    names = [f"u{i}-{'x' * (i * 37 % 200)}@example.com" for i in range(40)]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda name: cert(p, "withdraw", "--user", name), names))
    assert all(r.returncode == 0 for r in results), results
    lines = p.deny_path.read_text().splitlines()
    assert lines[0] == "# no line end"
    told = [line.split()[0] for line in lines if not line.startswith("#") and line]
    assert sorted(told) == sorted(f"user={name}" for name in names)
    assert p.metric("countersign_deny_entries") == len(names)
    assert [e for e in p.events("deny_list") if e["result"] != "ok"] == []
    assert {w["in_force"] for w in p.events("deny_list")[-1:]} == {2}


def test_what_was_there_may_change_with_what_is_new(deny_proxy):
    """Only what is behind the known lines is read, but only if those are still the same."""
    p = deny_proxy({"routes": [{"path": "/", "require": "password", "upstream": "api"}]}).start()
    assert cert(p, "withdraw", "--user", ALICE).returncode == 0
    assert answer_of(p.get).status == 403
    text = p.deny_path.read_text()
    replace(p.deny_path, text.replace(ALICE, "alica@example.com") + f"user={BOB}\n")
    wait_status(lambda: p.get("alice", BOB), 403)
    assert p.get().status == 200
    assert cert(p, "withdraw", "--user", "carol@example.com").returncode == 0
    assert answer_of(lambda: p.get("alice", BOB)).status == 403 and p.get().status == 200
    assert answer_of(lambda: p.get("alice", "carol@example.com")).status == 403
    assert p.metric("countersign_deny_entries") == 3


def test_restore_ls_prune(deny_proxy, pki):
    """What may come back comes back; the list is for people and programs; what is over goes."""
    p = deny_proxy().start()
    bob = str(pki.dir / "bob.crt")
    assert "nothing is withdrawn" in cert(p, "ls").stdout
    assert cert(p, "withdraw", "--certificate", str(pki.dir / "alice.crt")).returncode == 0
    assert "withdrawn already" in cert(
        p, "withdraw", "--certificate", str(pki.dir / "alice.crt")).stdout
    assert cert(p, "withdraw", "--certificate", bob, "--reason", "certificateHold").returncode == 0
    assert cert(p, "withdraw", "--user", "carol@example.com").returncode == 0
    listed = json.loads(cert(p, "ls", "-o", "json").stdout)["entries"]
    assert [(e["kind"], e["reason"]) for e in listed] == [
        ("serial", "unspecified"), ("serial", "certificateHold"), ("user", "unspecified")]
    assert listed[0]["issuer"] == "CN=Test CA" and "alice@example.com" in listed[0]["subject"]
    table = cert(p, "ls").stdout
    assert "certificateHold" in table and "carol@example.com" in table
    assert p.get("bob", BOB).status == 400
    assert "for good" in cert(p, "restore", "--certificate", str(pki.dir / "alice.crt")).stderr
    assert cert(p, "restore", "--certificate", bob).returncode == 0
    assert cert(p, "restore", "--user", "carol@example.com").returncode == 0
    assert cert(p, "restore", "--user", "carol@example.com").returncode == 1
    assert p.get("bob", BOB).status == 200
    assert p.get("carol", "carol@example.com").status == 200
    assert "0 entries dropped" in cert(p, "prune").stdout
    with p.deny_path.open("a") as f:
        f.write("# by hand\nserial=01 issuer=" + "ab" * 32 + " until=2001-01-01T00:00:00Z\n")
    assert "1 entries dropped" in cert(p, "prune").stdout
    assert "# by hand" in p.deny_path.read_text() and "2001" not in p.deny_path.read_text()
    assert p.get().status == 400


def test_wrong_usage(deny_proxy):
    """What is not said clearly withdraws nothing."""
    p = deny_proxy()
    for arguments in (["withdraw"], ["withdraw", "--serial", "01"], ["ls", "--user", "x"],
                      ["withdraw", "--user", "x", "--fingerprint", "00"],
                      ["withdraw", "--user", "x", "--reason", "removeFromCRL"], ["nonsense"]):
        assert cert(p, *arguments).returncode == 2, arguments
    for arguments in (["withdraw", "--fingerprint", "00"], ["withdraw", "--user", "a:b"],
                      ["withdraw", "--serial", "xyz", "--issuer", "CN=Test CA"],
                      ["withdraw", "--serial", "01", "--issuer", "CN=Nobody"],
                      ["withdraw", "--certificate", "/nonexistent"]):
        assert cert(p, *arguments).returncode == 1, arguments
    assert p.deny_path.read_text() == ""
    result = cert(p, "withdraw", "--user", "alice@example.com")
    assert result.returncode == 0 and "does not run" in result.stdout


def test_explain(deny_proxy, pki):
    """explain shows the step and the reason of RFC 5280."""
    p = deny_proxy()
    alice = str(pki.dir / "alice.crt")
    ask = ["explain", "-c", str(p.config_path), "--certificate", alice, "--user", ALICE]
    assert "does not list the certificate" in p.run(*ask).stdout
    assert cert(p, "withdraw", "--user", ALICE, "--reason", "privilegeWithdrawn").returncode == 0
    out = p.run(*ask)
    assert out.returncode == 1 and "user_withdrawn" in out.stdout
    assert cert(p, "withdraw", "--certificate", alice, "--reason", "superseded").returncode == 0
    out = p.run(*ask)
    assert "superseded" in out.stdout and "client_cert_revoked" in out.stdout
