"""Clients written by hand: to prove that a proxy answers as it must before its figures count."""
import base64
import http.client
import socket
import ssl

LIMIT_S = 60


def context(material, user, tls=None):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.load_verify_locations(str(material.ca))
    if user is not None:
        made.load_cert_chain(str(material.client(user)))
    if tls:
        version = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[tls]
        made.minimum_version = made.maximum_version = version
    return made


def request(path, user, password):
    credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
    return (f"GET {path} HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Basic {credentials}\r\n\r\n").encode()


def ask(tls, path, user, password):
    """Status and body."""
    tls.sendall(request(path, user, password))
    answer = http.client.HTTPResponse(tls)
    answer.begin()
    return answer.status, answer.read()


def knock(port, made, path, user, password, source=""):
    """Status and body over a connection of its own; (0, b"") if it was refused by TLS."""
    try:
        with socket.create_connection(("127.0.0.1", port), LIMIT_S, (source, 0)) as raw:
            with made.wrap_socket(raw, server_hostname="localhost") as tls:
                return ask(tls, path, user, password)
    except (ssl.SSLError, ConnectionError, http.client.BadStatusLine):
        return 0, b""


def prove(material, port, tls=None, crl=False, sample=5):
    """Complaints about what the proxy on port answers to right and wrong credentials."""
    complaints = []

    def expect(what, got, *wanted):
        if got not in wanted:
            complaints.append(f"{what}: {got}, not {' or '.join(map(str, wanted))}")

    first, second = material.users[0], material.users[1]
    for user in material.users[:sample]:
        expect(f"right credentials of {user.name}",
               knock(port, context(material, user, tls), "/small", user.name, user.password),
               (200, user.name.encode()))
    made = context(material, first, tls)
    large = knock(port, made, "/large", first.name, first.password)
    expect("64 KiB", (large[0], len(large[1])), (200, 65536))
    expect("wrong password", knock(port, made, "/small", first.name, "wrong")[0], 401)
    expect("another user's name and password",
           knock(port, made, "/small", second.name, second.password)[0], 403)
    expect("no certificate", knock(port, context(material, None, tls), "/small", first.name,
                                   first.password)[0], 0, 400)
    if crl:
        withdrawn = material.withdrawn
        expect("a withdrawn certificate", knock(port, context(material, withdrawn, tls), "/small",
                                                withdrawn.name, withdrawn.password)[0], 0, 400)
    return complaints
