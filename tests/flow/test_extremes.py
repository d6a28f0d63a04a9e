"""What is large, long or odd but not wrong in its form, and what comes of it."""
import socket
import ssl

from cryptography.x509.oid import NameOID

from pki import Authority, cert_pem, key_pem, name
from proxy import LIMIT_S, basic

ALICE = "alice@example.com"


def write_pair(pki, file, certificates, key):
    pki.write(f"{file}.crt", cert_pem(*certificates))
    pki.write(f"{file}.key", key_pem(key))


def test_thousand_names_in_a_subject(proxy, pki):
    """Past what a name may hold: nobody; the worker goes on."""
    units = [(NameOID.ORGANIZATIONAL_UNIT_NAME, f"unit {i}") for i in range(1000)]
    leaf, key = pki.ca.leaf(name(*units, (NameOID.COMMON_NAME, ALICE)))
    write_pair(pki, "thousand", [leaf], key)
    answer = proxy.get("thousand", ALICE)
    assert answer.status == 403
    assert proxy.record(answer)["auth.reason"] == "cert_identity_malformed"
    assert proxy.get().status == 200


def test_hundred_certificates(proxy, pki):
    """A chain that leads nowhere for long is refused, and costs nobody else anything."""
    issuer, chain = Authority("Other CA"), []
    for i in range(100):
        issuer = Authority(f"Other CA {i}", issuer)
        chain.insert(0, issuer.cert)
    leaf, key = issuer.leaf(pki.subject(ALICE))
    write_pair(pki, "hundred", [leaf, *chain], key)
    pids = proxy.worker_pids()
    try:
        assert proxy.get("hundred", ALICE).status == 400
    except (ssl.SSLError, ConnectionError):
        pass  # refused in the handshake: more than is read
    assert proxy.get().status == 200
    assert proxy.worker_pids() == pids


def test_hello_of_many_records(proxy, pki):
    """A ClientHello of more than 12 KiB in records of 100 octets is a ClientHello."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(str(pki.dir / "ca.crt"))
    context.load_cert_chain(*pki.pair("alice"))
    context.set_alpn_protocols(["http/1.1"] + [f"{i:03d}" + "x" * 250 for i in range(48)])
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=LIMIT_S) as s:
        finished = False
        first = True
        while not finished:
            try:
                tls.do_handshake()
                finished = True
            except ssl.SSLWantReadError:
                pass
            data = outgoing.read()
            if first:
                assert data[0] == 22 and len(data) > 12 * 1024
                hello = data[5:]
                data = b"".join(b"\x16\x03\x01" + len(hello[i:i + 100]).to_bytes(2, "big")
                                + hello[i:i + 100] for i in range(0, len(hello), 100))
                first = False
            s.sendall(data)
            if not finished:
                incoming.write(s.recv(65536))
        tls.write(f"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: "
                  f"{basic(ALICE, proxy.passwords[ALICE])}\r\n\r\n".encode())
        s.sendall(outgoing.read())
        answer = b""
        while b"\r\n" not in answer:
            incoming.write(s.recv(65536))
            try:
                answer += tls.read(65536)
            except ssl.SSLWantReadError:
                pass
        assert answer.startswith(b"HTTP/1.1 200 ")


def test_users_without_a_last_line_end(proxy):
    text = (proxy.dir / "users.htpasswd").read_text().rstrip("\n")
    (proxy.dir / "users.new").write_text(text)
    (proxy.dir / "users.new").rename(proxy.dir / "users.htpasswd")
    assert proxy.reload().returncode == 0
    assert proxy.get("carol", "carol@example.com").status == 200


def test_fields_too_large_for_the_upstream(proxy, upstream):
    """That it says so is its answer, as any other (RFC 6585 5)."""
    upstream.answer = (b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 3\r\n\r\nbig")
    answer = proxy.get()
    assert answer.status == 431 and answer.body == b"big"
