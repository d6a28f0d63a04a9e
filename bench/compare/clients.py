"""Clients written by hand: to prove that a proxy answers as it must before its figures count, and
to keep thousands of connections open while its memory is looked at.

usage: clients.py PORT DIRECTORY COUNT     opens COUNT connections with a request on each, says
                                           "ready", and holds them until its input ends"""
import base64
import http.client
import resource
import signal
import socket
import ssl
import subprocess
import sys

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


def hold(port, material, count):
    """Open count connections, one right request on each; returns them."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    users = material.users[:1000]
    contexts = [context(material, user) for user in users]
    held = []
    for i in range(count):
        user = users[i % len(users)]
        # One source address has too few ports for very many connections.
        source = f"127.0.0.{2 + i // 20000}"
        raw = socket.create_connection(("127.0.0.1", port), LIMIT_S, (source, 0))
        held.append(contexts[i % len(users)].wrap_socket(raw, server_hostname="localhost"))
        got = ask(held[-1], "/small", user.name, user.password)
        if got != (200, user.name.encode()):
            raise SystemExit(f"connection {i}: {got}")
    return held


class Holder:
    """Another process that holds connections: it ends, and they with it, at the end of a with."""

    def __init__(self, material, port, count, core):
        self.process = subprocess.Popen(
            ["taskset", "-c", str(core), sys.executable, "-B", __file__, str(port),
             str(material.dir), str(count)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            if not self.process.stdout.readline().startswith("ready"):
                raise RuntimeError("connections could not be kept open")
        except BaseException:
            self.close()  # also where we are ended while it opens them: nobody holds it yet
            raise

    def close(self):
        self.process.kill()
        self.process.communicate()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()


def main():
    from material import Material
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it without a traceback
    held = hold(int(sys.argv[1]), Material(sys.argv[2]), int(sys.argv[3]))
    print("ready", len(held), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
