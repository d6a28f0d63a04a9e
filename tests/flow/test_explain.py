"""countersign explain says what the proxy does: each question is put to both."""
import re

import pytest

from pki import crl_pem
from proxy import basic

ALICE, BOB, CAROL = "alice@example.com", "bob@example.com", "carol@example.com"


def explain(proxy, *arguments, password=None, certificate="alice"):
    """Exit status and output."""
    words = ["explain", "-c", str(proxy.config_path), *arguments]
    if certificate:
        words += ["--certificate", proxy.pki.pair(certificate)[0]]
    options = {}
    if password is not None:
        words.append("-i")
        options["input"] = password + "\n"
    result = proxy.run(*words, **options)
    assert "Sanitizer" not in result.stderr, result.stderr
    return result.returncode, result.stdout + result.stderr


@pytest.fixture
def two_hosts(make_proxy, pki):
    pki.server("two", "localhost", "sp.example", "ot.example")
    tls = {"certificate": str(pki.dir / "two.crt"), "key": str(pki.dir / "two.key")}
    client = {"ca": str(pki.dir / "ca.crt"), "on_failure": "answer"}
    proxy = make_proxy({"listeners": None, "routes": [
        {"host": "sp.example", "path": "/", "require": "both", "upstream": "api"},
        {"host": "ot.example", "path": "/only", "require": "none", "upstream": "api"},
        {"host": "localhost", "path": "/", "require": "both", "upstream": "api"}]})
    proxy.config["listeners"] = [{
        "address": f"127.0.0.1:{proxy.port}",
        "names": [{"names": ["localhost", "sp.example"], **tls, "client": client},
                  {"names": ["ot.example"], **tls, "client": {**client, "mode": "optional"}}],
        "unknown_name": "refuse"}]
    proxy.write_config()
    return proxy.start()


# The Host field and the target, as sent after the name in front.
HOSTS = [
    ("localhost", "localhost", "/"),
    ("localhost", "LOCALHOST", "/"),
    ("localhost", "localhost:8443", "/"),
    ("localhost", "localhost:", "/"),
    ("sp.example", "sp.example:28502", "/a?b=c"),
    ("localhost", "SP.Example:1", "/"),
    ("localhost", "sp.example.", "/"),
    ("localhost", "ot.example", "/only"),
    ("ot.example", "ot.example", "/only/x"),
    ("ot.example", "ot.example", "/onl"),
    ("ot.example", "sp.example", "/"),
    ("localhost", "no.example", "/"),
    ("localhost", "a b", "/"),
    ("localhost", "localhost:99999", "/"),
    ("localhost", "", "/"),
    ("localhost", "a/b", "/"),
    ("localhost", "user@localhost", "/"),
    ("localhost", "a,b", "/"),
    ("localhost", "[::1", "/"),
    ("localhost", "[::1]:80", "/"),
    ("localhost", "localhost", "/none/\u00e9"),
    ("localhost", "localhost", "/x#y"),
    ("localhost", "localhost", "/%zz"),
    ("localhost", "localhost", "/ "),
    ("localhost", "localhost", ""),
    ("localhost", "localhost", "*"),
    ("localhost", "localhost", "x"),
    ("localhost", "localhost", "/a\tb"),
    ("localhost", "localhost", "http://localhost/a"),
    ("localhost", "localhost", "http://sp.example/a"),
    ("localhost", "localhost", "/../x"),
    ("localhost", "localhost", "/%2fx"),
    ("localhost", "localhost", "/" + "x" * 20000),
    ("localhost", "localhost" + "x" * 300, "/"),
]


def test_host_and_target_as_the_proxy_reads_them(two_hosts, upstream):
    wrong = []
    for name, host, path in HOSTS:
        seen = len(upstream.requests)
        with two_hosts.connect(name=name) as client:
            head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
            head += f"Authorization: {basic(ALICE, 'wonder land')}\r\n\r\n"
            client.send(head.encode())
            answer = client.answer()
        reason = two_hosts.record(answer)["auth.reason"]
        status, output = explain(two_hosts, "--name", name, "--host", host, "--path", path,
                                 "--user", ALICE, password="wonder land")
        if answer.status == 200:
            got = [f"{n}: {v}" for n, v in upstream.requests[seen].fields
                   if n.lower() in ("host", "x-forwarded-host", "x-client-user", "via")]
            same = status == 0 and all(f"  {line}\n" in output for line in got)
        else:
            same = status == 1 and f"refused: {reason}, status {answer.status}" in output
        if not same:
            wrong.append((name, host, path[:30], answer.status, reason, status, output))
    assert not wrong, wrong


@pytest.mark.parametrize("certificate,user,password", [
    ("alice", ALICE, "wonder land"), ("alice", BOB, "b:ob"), ("alice", ALICE, "wrong"),
    ("alice", "nobody", "x"), ("alice", None, None), (None, ALICE, "wonder land"),
    ("alice", "x" * 800, "x"), ("alice", "alice\x01", "x"), ("alice", "", "x")])
def test_decision_is_the_proxys(proxy, certificate, user, password):
    answer = proxy.get(certificate, user, password)
    reason = proxy.record(answer)["auth.reason"]
    named = ["--user", user] if user is not None else []
    status, output = explain(proxy, *named, password=password, certificate=certificate)
    assert status == (0 if answer.status == 200 else 1), output
    if status:
        assert re.search(rf"^decision +refused: {reason}, status {answer.status}$", output, re.M)


def test_password_left_out_is_taken_as_right(proxy):
    assert explain(proxy, "--user", ALICE)[0] == 0
    status, output = explain(proxy, "--user", BOB)
    assert status == 1 and "pairing_mismatch" in output


def test_server_name(two_hosts):
    """The name of the handshake is the host without its port, and none for an address."""
    status, output = explain(two_hosts, "--user", ALICE, "--host", "sp.example:8443")
    assert status == 0 and re.search(r"^server name +sp.example,", output, re.M)
    for arguments in (["--host", "127.0.0.1:8443"], ["--host", "[::1]:8443"], ["--name", ""],
                      ["--name", "no.example"]):
        status, output = explain(two_hosts, "--user", ALICE, *arguments)
        assert status == 1 and "tls_unknown_name (no HTTP answer)" in output
    status, output = explain(two_hosts, "--user", ALICE, "--name", "a b")
    assert status == 1 and "tls_protocol_error" in output


def test_certificate_that_is_refused_in_the_handshake(make_proxy, pki):
    proxy = make_proxy()
    proxy.config["listeners"][0]["client"].update(on_failure="refuse", crl=str(pki.dir / "all.crl"))
    pki.write("all.crl", crl_pem(pki.ca.crl(pki.load("alice"))))
    proxy.write_config()
    status, output = explain(proxy, "--user", ALICE)
    assert status == 1 and "refused by a TLS alert: client_cert_revoked" in output
    assert "CN=alice@example.com" in output
    assert explain(proxy, "--user", BOB, certificate="bob")[0] == 0


def test_authorization_that_is_forwarded_is_not_shown(make_proxy):
    proxy = make_proxy()
    proxy.config["routes"][0]["forward_authorization"] = True
    proxy.write_config()
    status, output = explain(proxy, "--user", ALICE, password="wonder land")
    assert status == 0 and "  Authorization: (as the client sent it)\n" in output
    assert basic(ALICE, "wonder land") not in output


def test_exit_status_2_for_what_cannot_be_answered(make_proxy, tmp_path):
    proxy = make_proxy()
    broken = tmp_path / "broken.yaml"
    broken.write_text("listeners: [")
    empty = tmp_path / "empty.crt"
    empty.write_text("")
    for words in (["-c", str(broken)], ["-c", str(tmp_path / "none.yaml")],
                  ["-c", str(proxy.config_path), "--certificate", str(tmp_path / "none.crt")],
                  ["-c", str(proxy.config_path), "--certificate", str(empty)],
                  ["-c", str(proxy.config_path), "--listener", "127.0.0.1:1"],
                  ["-c", str(proxy.config_path), "--host", "a\r\nb"],
                  ["-c", str(proxy.config_path), "--path", "/\n"],
                  ["-c", str(proxy.config_path), "-i"], ["--no-such-option"], ["word"]):
        result = proxy.run("explain", *words, input="")
        assert result.returncode == 2, (words, result.stdout, result.stderr)
        assert result.stderr, words


REPORT_CASES = [(certificate, user, password, path, method)
                for certificate in (None, "alice", "bob", "carol", "dora")
                for user, password in ((None, None), (ALICE, "wonder land"), (ALICE, "wrong"),
                                       (BOB, "b:ob"), (CAROL, "christmas"), ("x", "y"))
                for path, method in (("/", "GET"), ("/password", "GET"), ("/group", "GET"),
                                     ("/group", "DELETE"))]


def test_report_only(make_proxy, pki, upstream):
    """What is left at a report is let through, and to whom the upstream is told that it is for."""
    for name in ("carol", "dora"):
        pki.client(name, pki.subject(f"{name}@example.com"))
    report = {"upstream": "api", "report_only": True}
    proxy = make_proxy({
        "lockout": {"enabled": False},
        "headers": {"fields": {"X-Groups": "{groups}"}},
        "routes": [{"path": "/", "require": "both", **report},
                   {"path": "/password", "require": "password", "forward_authorization": True,
                    **report},
                   {"path": "/group", "require": "certificate", "groups": ["staff"],
                    "methods": ["GET"], **report}]})
    (proxy.dir / "fields").write_text(f"{BOB} groups=staff,ops\n{CAROL} disabled=yes\n")
    (proxy.dir / "fields").chmod(0o600)
    (proxy.dir / "deny").write_text("user=dora@example.com\n")
    proxy.config["listeners"][0]["client"]["mode"] = "optional"
    proxy.write_config({"users": {"fields": str(proxy.dir / "fields")},
                        "revocation": {"deny": str(proxy.dir / "deny")}})
    proxy.start()
    seen = set()
    for certificate, user, password, path, method in REPORT_CASES:
        case = (certificate, user, password, path, method)
        with proxy.connect(certificate) as client:
            answer = client.get(path, user, password, method=method)
        words = ["--path", path, "--method", method] + (["--user", user] if user else [])
        status, said = explain(proxy, *words, password=password, certificate=certificate)
        record = proxy.record(answer)
        would = record.get("auth.would_refuse")
        if answer.status == 200:
            assert status == 0 and "decision     let through" in said, (case, said)
            told = {(n, v) for n, v in upstream.requests[-1].fields
                    if n.startswith("X-Client-") or n == "X-Groups"}
            shown = {tuple(line.strip().split(": ", 1)) for line in said.splitlines()
                     if line.startswith(("  X-Client-", "  X-Groups"))}
            assert told == shown, (case, said)
            assert (upstream.requests[-1].all("Authorization") != []) == (
                "  Authorization: " in said), (case, said)
        else:
            assert status == 1, (case, said)
            assert f"decision     refused: {record['auth.reason']}, status {answer.status}" in said
        assert (f"report_only  {would} would be" in said) if would else (
            answer.status != 200 or "report_only " not in said), (case, said)
        seen.add((answer.status, would or record["auth.reason"]))
    assert {(200, "pairing_mismatch"), (200, "password_wrong"), (200, "credentials_missing"),
            (200, "group_missing"), (200, "method_not_allowed"), (200, "ok"),
            (403, "user_disabled"), (403, "user_withdrawn")} <= seen
