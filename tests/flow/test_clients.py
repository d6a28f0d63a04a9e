"""Clients that people use, against the real program: they get in, and what they are told if not."""
import hashlib
import os
import re
import shutil
import socket
import ssl
import subprocess
import time

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa

from pki import crl_pem
from proxy import LIMIT_S, basic, wait_until
from upstream import OK, Upstream

ALICE, PASSWORD = "alice@example.com", "wonder land"
# No variable of the machine may choose proxies or CAs in our place.
ENV = {k: v for k, v in os.environ.items()
       if not re.search(r"proxy$|_CA_BUNDLE$|^SSL_CERT_", k, re.I)}
SIZE = 20_000_000


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in set(os.environ) - set(ENV):
        monkeypatch.delenv(name)


def run(*command, stdin=b"", limit_s=4 * LIMIT_S, cwd=None):
    done = subprocess.run([str(c) for c in command], input=stdin, capture_output=True, env=ENV,
                          timeout=limit_s, check=False, cwd=cwd)
    done.text = done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")
    return done


def curl(proxy, *options, pair="alice", user=ALICE, password=PASSWORD, path="/", **more):
    identity = ("--cert", proxy.pki.dir / f"{pair}.crt", "--key", proxy.pki.dir / f"{pair}.key")
    return run("curl", "--silent", "--show-error", "--cacert", proxy.pki.dir / "ca.crt",
               *(identity if pair else ()), *(("--user", f"{user}:{password}") if user else ()),
               *options, f"https://localhost:{proxy.port}{path}", **more)


def s_client(proxy, *options, pair="alice", stdin=b""):
    identity = ("-cert", proxy.pki.dir / f"{pair}.crt", "-key", proxy.pki.dir / f"{pair}.key")
    return run("openssl", "s_client", "-connect", f"127.0.0.1:{proxy.port}", "-servername",
               "localhost", "-CAfile", proxy.pki.dir / "ca.crt", *(identity if pair else ()),
               *options, stdin=stdin)


def is_recorded(proxy, reason):
    """Wait until the access log's last line, which may come after the answer, has this reason."""
    return wait_until(lambda: (proxy.access() or [{}])[-1].get("auth.reason") == reason)


@pytest.fixture
def payload(tmp_path):
    path = tmp_path / "payload"
    path.write_bytes(os.urandom(SIZE))
    return path


def digest(octets):
    return hashlib.sha256(octets).hexdigest()


# ---- curl ----

@pytest.mark.parametrize("options", [
    ["--tlsv1.3"], ["--tls-max", "1.2"], ["--http1.0"], ["--http2"], ["--compressed"],
    ["--tlsv1.3", "--tls13-ciphers", "TLS_CHACHA20_POLY1305_SHA256"], ["--anyauth"],
], ids=" ".join)
def test_curl(proxy, upstream, options):
    done = curl(proxy, *options, "--fail")
    assert (done.returncode, done.stdout) == (0, b"ok\n"), done.text
    assert upstream.requests[-1].get("X-Client-User") == ALICE
    assert is_recorded(proxy, "ok")


def test_curl_with_pkcs12(proxy, upstream, tmp_path):
    for number, legacy in enumerate(([], ["-legacy"])):
        file = tmp_path / f"alice{number}.p12"
        made = run("openssl", "pkcs12", "-export", *legacy, "-in", proxy.pki.dir / "alice.crt",
                   "-inkey", proxy.pki.dir / "alice.key", "-out", file, "-passout", "pass:changeit")
        assert made.returncode == 0, made.text
        if legacy:
            continue  # curl has no legacy provider; that such a file can be made is enough
        done = curl(proxy, "--fail", "--cert-type", "P12", "--cert", f"{file}:changeit", pair=None)
        assert (done.returncode, done.stdout) == (0, b"ok\n"), done.text
    assert upstream.requests[-1].get("X-Client-User") == ALICE


@pytest.mark.parametrize("how", ["length", "chunked", "no-expect", "http1.0"])
def test_curl_large_upload(proxy, upstream, payload, how):
    options = {"length": ["--data-binary", f"@{payload}"],
               "no-expect": ["--data-binary", f"@{payload}", "--header", "Expect:"],
               "http1.0": ["--http1.0", "--data-binary", f"@{payload}"],
               "chunked": ["--upload-file", "-"]}[how]
    done = curl(proxy, "--fail", *options, path="/upload",
                stdin=payload.read_bytes() if how == "chunked" else b"")
    assert (done.returncode, done.stdout) == (0, b"ok\n"), done.text
    assert digest(upstream.requests[-1].body) == digest(payload.read_bytes())


def test_curl_large_download(make_proxy, payload):
    body = payload.read_bytes()
    upstream = Upstream(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    done = curl(make_proxy(address=upstream.address).start(), "--fail")
    assert done.returncode == 0 and digest(done.stdout) == digest(body)
    upstream.close()


def test_curl_expect(proxy, upstream, payload):
    done = curl(proxy, "--verbose", "--fail", "--data-binary", f"@{payload}")
    assert done.returncode == 0 and "HTTP/1.1 100 Continue" in done.text, done.text[-2000:]
    for user, password, status in ((ALICE, "wrong", 401), ("bob@example.com", "b:ob", 403)):
        done = curl(proxy, "--verbose", "--data-binary", f"@{payload}", "--write-out",
                    "\n%{http_code} %{size_upload}\n", user=user, password=password)
        assert f"\n{status} 0\n" in done.text, done.text[-2000:]
        assert "100 Continue" not in done.text
    assert len(upstream.requests) == 1


def test_curl_head_and_empty_answers(proxy, upstream):
    done = curl(proxy, "--head", "--fail")
    assert done.returncode == 0 and b"Content-Length: 3\r\n" in done.stdout, done.text
    upstream.answer = b"HTTP/1.1 204 No Content\r\n\r\n"
    done = curl(proxy, "--fail", "--write-out", "%{http_code}")
    assert (done.returncode, done.stdout) == (0, b"204"), done.text


def test_curl_keeps_its_connection(proxy):
    url = f"https://localhost:{proxy.port}"
    done = curl(proxy, "--fail", "--write-out", "%{num_connects}\n", f"{url}/a", f"{url}/b",
                path="/c")
    assert done.stdout == b"ok\n1\nok\n0\nok\n0\n", done.text


def test_curl_asks_for_nothing_twice(proxy):
    """Another scheme, no credentials, a mistyped field: 401 and nothing more."""
    for options, reason in ((["--oauth2-bearer", "token"], "credentials_other_scheme"),
                            (["--header", "Authorization: Basic b64?"], "credentials_malformed"),
                            ([], "credentials_missing")):
        done = curl(proxy, "--write-out", "%{http_code}", "--output", "/dev/null", *options,
                    user=None)
        assert (done.returncode, done.stdout) == (0, b"401"), done.text
        assert is_recorded(proxy, reason)


def test_curl_by_the_wrong_pair(proxy, upstream):
    for pair, user, password, status in (("alice", "bob@example.com", "b:ob", 403),
                                         ("bob", ALICE, PASSWORD, 403),
                                         ("alice", ALICE, "guess", 401)):
        done = curl(proxy, "--fail", pair=pair, user=user, password=password)
        assert done.returncode == 22 and f"error: {status}" in done.text, done.text
    assert upstream.requests == []


def test_curl_without_certificate(make_proxy, upstream):
    refusing = make_proxy()
    refusing.config["listeners"][0]["client"]["on_failure"] = "refuse"
    refusing.write_config()
    refusing.start()
    done = curl(refusing, pair=None)
    assert done.returncode == 56 and "alert certificate required" in done.text, done.text
    done = curl(refusing, "--tls-max", "1.2", pair=None)
    assert done.returncode in (35, 56) and "alert handshake failure" in done.text, done.text
    done = curl(make_proxy().start(), pair=None)
    assert done.returncode == 0 and b'"a client certificate is required"' in done.stdout
    optional = make_proxy()
    optional.config["listeners"][0]["client"]["mode"] = "optional"
    optional.write_config()
    optional.start()
    done = curl(optional, "--write-out", "%{http_code}", "--output", "/dev/null", pair=None)
    assert done.stdout == b"403" and is_recorded(optional, "cert_required_by_route")
    assert upstream.requests == []


# ---- openssl s_client ----

REQUEST = ("GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic "
           "YWxpY2VAZXhhbXBsZS5jb206d29uZGVyIGxhbmQ=\r\nConnection: close\r\n\r\n").encode()


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_s_client(proxy, version):
    done = s_client(proxy, "-quiet", "-verify_return_error", version, stdin=REQUEST)
    assert done.returncode == 0, done.text
    assert done.stdout.startswith(b"HTTP/1.1 200 OK\r\n") and done.stdout.endswith(b"ok\n")


@pytest.fixture
def rsa_too(make_proxy, pki, upstream):
    """A proxy with an RSA certificate beside that of the curve, and its certificates by kind."""
    pki.server("server-rsa", "localhost", key=rsa.generate_private_key(65537, 2048))
    certificate, key = pki.pair("server-rsa")
    proxy = make_proxy()
    proxy.config["listeners"][0]["tls"]["also"] = [{"certificate": certificate, "key": key}]
    proxy.write_config()
    return proxy.start()


# What OpenSSL prints from 3.5 on.
SIGNATURES = {"ECDSA": "ecdsa_secp256r1_sha256", "RSA-PSS": "rsa_pss_rsae_sha256",
              "RSA": "rsa_pkcs1_sha256"}


@pytest.mark.parametrize("options, kind", [
    (("-tls1_3",), "ECDSA"),
    (("-tls1_3", "-sigalgs", "rsa_pss_rsae_sha256:ecdsa_secp256r1_sha256"), "ECDSA"),
    (("-tls1_3", "-sigalgs", "rsa_pss_rsae_sha256"), "RSA-PSS"),
    (("-tls1_2",), "ECDSA"),
    (("-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"), "RSA-PSS"),
    (("-tls1_2", "-sigalgs", "RSA+SHA256"), "RSA"),
], ids=str)
def test_certificates_of_two_kinds(rsa_too, options, kind):
    """Each client gets one that it can use. Clients have ECDSA keys here: where they say that they
    know only RSA, it is about the server's."""
    shown = s_client(rsa_too, *options, pair=None).text
    assert re.search(f"^Peer signature type: ({kind}|{SIGNATURES[kind]})$", shown, re.M), shown
    assert "Verify return code: 0 (ok)" in shown


def test_both_kinds_let_through(rsa_too):
    for options in ((), ("-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256")):
        done = s_client(rsa_too, "-quiet", "-verify_return_error", *options, stdin=REQUEST)
        assert done.returncode == 0 and done.stdout.startswith(b"HTTP/1.1 200 OK\r\n"), done.text


def test_two_of_a_kind(make_proxy, pki, upstream):
    pki.server("server-2", "localhost")
    certificate, key = pki.pair("server-2")
    proxy = make_proxy()
    proxy.config["listeners"][0]["tls"]["also"] = [{"certificate": certificate, "key": key}]
    proxy.write_config()
    said = proxy.run("check", "-c", str(proxy.config_path))
    assert said.returncode != 0 and "a key of the same kind" in said.stdout + said.stderr


def test_s_client_sees_what_is_offered(proxy):
    shown = s_client(proxy).text
    for line in ("Acceptable client certificate CA names", "CN ?= ?Test CA",
                 "New, TLSv1.3, Cipher is TLS_AES_128_GCM_SHA256", r"Verify return code: 0 \(ok\)",
                 "(Server|Peer) Temp Key: X25519, .*"):
        assert re.search(f"^ *{line}$", shown, re.M), shown
    for offered, shown in (("h2,http/1.1", "ALPN protocol: http/1.1"),
                           ("http/1.0", "ALPN protocol: http/1.0"),
                           ("http/1.0,http/1.1", "ALPN protocol: http/1.1"),
                           ("h2", "alert no application protocol")):
        assert shown in s_client(proxy, "-alpn", offered).text


def test_s_client_gets_no_session_to_resume(proxy):
    """-reconnect connects five times more and says "Reused" where a session was taken up."""
    for version in ("-tls1_2", "-tls1_3"):
        shown = s_client(proxy, "-reconnect", version).text
        assert shown.count("New, TLSv1.") == 6 and "Reused" not in shown, shown[-3000:]


@pytest.mark.parametrize("version, pair, alert", [
    ("-tls1_3", None, "certificate required"),
    ("-tls1_2", None, "handshake failure"),
    ("-tls1_3", "withdrawn", "certificate revoked"),
    ("-tls1_2", "withdrawn", "certificate revoked"),
])
def test_s_client_is_told_why(make_proxy, pki, version, pair, alert):
    withdrawn = pki.client("withdrawn", pki.subject(ALICE))
    pki.write("withdrawn.crl", crl_pem(pki.ca.crl(withdrawn)))
    proxy = make_proxy()
    proxy.config["listeners"][0]["client"].update(on_failure="refuse",
                                                  crl=str(pki.dir / "withdrawn.crl"))
    proxy.write_config()
    proxy.start()
    done = s_client(proxy, "-quiet", version, pair=pair, stdin=REQUEST)
    assert done.returncode != 0 and f"alert {alert}" in done.text, done.text


@pytest.mark.parametrize("options", [
    ["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"], ["-tls1_2", "-cipher", "AES128-SHA"],
    ["-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA"], ["-tls1_2", "-cipher", "DHE"],
], ids=" ".join)
def test_s_client_with_weak_tls(proxy, options):
    done = s_client(proxy, *options)
    assert "Cipher is (NONE)" in done.text, done.text
    wait_until(lambda: proxy.refusals("tls_version_or_cipher") == 1)


def test_clients_that_break_off(proxy):
    """One does not trust our certificate, one speaks another protocol, one goes away half way."""
    done = run("curl", "--silent", "--show-error", f"https://localhost:{proxy.port}/")
    assert done.returncode == 60, done.text
    wait_until(lambda: proxy.refusals("tls_client_alert") == 1)
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=LIMIT_S) as s:
        s.sendall(b"\x16\x03\x01\x00\x20" + b"?" * 32)
        assert s.recv(4096)[:1] == b"\x15"  # an alert
    wait_until(lambda: proxy.refusals("tls_protocol_error") == 1)
    hello = ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), hello, server_hostname="localhost").do_handshake()
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=LIMIT_S) as s:
        s.sendall(hello.read())
        s.recv(4096)
    wait_until(lambda: proxy.refusals("tls_handshake_aborted") == 1)
    assert curl(proxy, "--fail").returncode == 0


# ---- Python requests ----

@pytest.fixture
def session(proxy):
    with requests.Session() as s:
        s.verify = str(proxy.pki.dir / "ca.crt")
        s.cert = proxy.pki.pair("alice")
        s.auth = (ALICE, PASSWORD)
        s.base = f"https://localhost:{proxy.port}"
        yield s


def test_requests_session(proxy, upstream, session):
    before = proxy.metric("countersign_tls_handshakes_total")
    for number in range(20):
        answer = session.get(f"{session.base}/{number}", timeout=LIMIT_S)
        assert (answer.status_code, answer.text) == (200, "ok\n")
    assert proxy.metric("countersign_tls_handshakes_total") == before + 1
    assert [r.target for r in upstream.requests] == [f"/{n}" for n in range(20)]
    assert {r.get("X-Client-User") for r in upstream.requests} == {ALICE}


def test_requests_goes_on_after_a_refusal(proxy, session):
    """401 and 403 leave the connection usable, also where a body was refused with them."""
    before = proxy.metric("countersign_tls_handshakes_total")
    for auth, status in (((ALICE, "guess"), 401), (("bob@example.com", "b:ob"), 403),
                         ((ALICE, PASSWORD), 200)):
        answer = session.post(session.base, data=b"x" * 1000, auth=auth, timeout=LIMIT_S)
        assert answer.status_code == status
        if status != 200:
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert answer.json()["status"] == status
            assert answer.json()["request_id"] == answer.headers["X-Request-Id"]
    assert proxy.metric("countersign_tls_handshakes_total") == before + 1


def test_requests_streams_both_ways(upstream, session):
    pieces = [os.urandom(n) for n in (1, 70_000, 16_384, 3)] * 20
    body = b"".join(pieces)
    upstream.answer = (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                       + b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n")
    answer = session.put(session.base, data=iter(pieces), timeout=LIMIT_S, stream=True)
    assert digest(b"".join(answer.iter_content(5000))) == digest(body)
    assert digest(upstream.requests[-1].body) == digest(body)


def test_requests_with_a_name_in_utf8(make_proxy, upstream, pki):
    name = "zoë@example.com"
    pki.client("zoe", pki.subject(name))
    proxy = make_proxy()
    proxy.passwords[name] = "blåbær"
    proxy.write_users()
    proxy.start()
    answer = requests.get(f"https://localhost:{proxy.port}/", verify=str(pki.dir / "ca.crt"),
                          cert=pki.pair("zoe"), auth=(name.encode(), "blåbær".encode()),
                          timeout=LIMIT_S)
    assert answer.status_code == 200
    assert upstream.requests[-1].get("X-Client-User") == "zo%C3%AB@example.com"


def test_requests_without_certificate(make_proxy, pki):
    proxy = make_proxy()
    proxy.config["listeners"][0]["client"]["on_failure"] = "refuse"
    proxy.write_config()
    proxy.start()
    with pytest.raises(requests.exceptions.RequestException) as raised:
        requests.get(f"https://localhost:{proxy.port}/", verify=str(pki.dir / "ca.crt"),
                     timeout=LIMIT_S)
    assert "certificate required" in str(raised.value).lower().replace("_", " ")


# ---- Java ----

JAVA = """
import java.net.URI;
import java.net.http.*;
import java.util.*;
import java.util.concurrent.*;

public class Flow {
    static HttpRequest.Builder request(String path, String user, String password) {
        String pair = Base64.getEncoder().encodeToString((user + ":" + password).getBytes());
        return HttpRequest.newBuilder(URI.create(System.getProperty("base") + path))
                .header("Authorization", "Basic " + pair);
    }

    public static void main(String[] args) throws Exception {
        HttpClient client = HttpClient.newHttpClient();
        var text = HttpResponse.BodyHandlers.ofString();
        List<CompletableFuture<HttpResponse<String>>> many = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            many.add(client.sendAsync(request("/" + i, args[0], args[1]).build(), text));
        }
        for (var one : many) {
            System.out.println(one.get().statusCode() + " " + one.get().version());
        }
        byte[] body = new byte[5_000_000];
        for (boolean expect : new boolean[] {false, true}) {
            var post = request("/post", args[0], args[1]).expectContinue(expect)
                    .POST(HttpRequest.BodyPublishers.ofByteArray(body)).build();
            System.out.println("post " + client.send(post, text).statusCode());
        }
        System.out.println("other " + client.send(request("/", args[2], args[3]).build(), text)
                .statusCode());
        try {
            System.out.println("guess " + client.send(request("/", args[0], "guess").build(), text)
                    .statusCode());
        } catch (java.io.IOException e) {
            System.out.println("guess " + e.getMessage());
        }
    }
}
"""


def java_options(proxy, directory, kind):
    """What Java is told of stores with alice's key and the proxy's CA."""
    for tool in ("java", "javac", "keytool"):
        if not shutil.which(tool):
            pytest.skip(f"no {tool}: the tests of Java need a JDK")
    pki = proxy.pki
    secret = ("-storepass", "changeit")
    commands = [
        ["openssl", "pkcs12", "-export", "-in", pki.dir / "alice.crt", "-inkey",
         pki.dir / "alice.key", "-name", "alice", "-out", directory / "alice.p12", "-passout",
         "pass:changeit"],
        ["keytool", "-importkeystore", "-noprompt", "-srckeystore", directory / "alice.p12",
         "-srcstorepass", "changeit", "-destkeystore", directory / "keys", "-deststoretype", kind,
         "-deststorepass", "changeit"],
        ["keytool", "-importcert", "-noprompt", "-alias", "ca", "-file", pki.dir / "ca.crt",
         "-keystore", directory / "trust", "-storetype", kind, *secret],
    ]
    for command in commands:
        done = run(*command)
        assert done.returncode == 0, done.text
    options = {}
    for store, file in (("keyStore", "keys"), ("trustStore", "trust")):
        options[f"javax.net.ssl.{store}"] = directory / file
        options[f"javax.net.ssl.{store}Password"] = "changeit"
        options[f"javax.net.ssl.{store}Type"] = kind
    return options


@pytest.mark.parametrize("kind", ["PKCS12", "JKS"])
def test_java_http_client(proxy, upstream, tmp_path, kind):
    options = java_options(proxy, tmp_path, kind)
    options["base"] = f"https://localhost:{proxy.port}"
    (tmp_path / "Flow.java").write_text(JAVA)
    done = run("java", *(f"-D{k}={v}" for k, v in options.items()), "Flow.java", ALICE, PASSWORD,
               "bob@example.com", "b:ob", cwd=tmp_path)
    assert done.returncode == 0, done.text
    lines = done.stdout.decode().splitlines()
    assert lines[:20] == ["200 HTTP_1_1"] * 20
    assert lines[20:23] == ["post 200", "post 200", "other 403"]
    assert lines[23].startswith("guess ") and "200" not in lines[23]
    assert len(upstream.requests) == 22
    assert [len(r.body) for r in upstream.requests if r.method == "POST"] == [5_000_000] * 2


JAVA_HALF = """
import java.nio.charset.StandardCharsets;
import javax.net.ssl.*;

public class Half {
    public static void main(String[] a) throws Exception {
        SSLSocketFactory f = (SSLSocketFactory) SSLSocketFactory.getDefault();
        SSLSocket s = (SSLSocket) f.createSocket("localhost", Integer.parseInt(a[0]));
        s.setEnabledProtocols(new String[] {"TLSv1.3"});
        s.getOutputStream().write(a[1].replace("|", "\\r\\n").getBytes(StandardCharsets.UTF_8));
        s.shutdownOutput();
        System.out.write(s.getInputStream().readAllBytes());
        System.out.flush();
    }
}
"""


def test_java_closes_its_side(make_proxy, tmp_path):
    """close_notify behind the request, and perhaps TCP's end, while the answer is being made."""
    upstream = Upstream(answer=lambda *_: time.sleep(0.2) or OK)
    proxy = make_proxy(address=upstream.address).start()
    options = java_options(proxy, tmp_path, "PKCS12")
    (tmp_path / "Half.java").write_text(JAVA_HALF)
    request = f"GET / HTTP/1.1|Host: localhost|Authorization: {basic(ALICE, PASSWORD)}||"
    done = run("java", *(f"-D{k}={v}" for k, v in options.items()), "Half.java", proxy.port, request,
               cwd=tmp_path)
    assert done.stdout.endswith(b"\r\n\r\nok\n"), done.text
    upstream.close()
