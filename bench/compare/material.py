"""What all proxies of a comparison are given: keys and certificates, users, revocation lists; made
by countersign-bench gen-pki, once for each kind of key, in a directory that goes away."""
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

from cryptography import x509
from cryptography.hazmat.primitives import serialization

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/flow"))
import pki  # noqa: E402 (a long revocation list is put together there)


MANY = 10000  # clients


class User(SimpleNamespace):
    """stem: its certificate's file; name, password."""


def read_users(path):
    """A line each: name of the certificate's file, user name, password."""
    return [User(stem=stem, name=name, password=password) for stem, name, password in
            (line.split() for line in path.read_text().splitlines())]


class Material:
    def __init__(self, directory):
        self.dir = Path(directory)
        self.ca = self.dir / "ca.crt"
        self.certificate = self.dir / "server.crt"
        self.chain = self.dir / "server-chain.crt"
        self.key = self.dir / "server.key"
        self.clients = self.dir / "clients"
        self.users_file = self.dir / "users"
        self.users = read_users(self.users_file)
        # The one that the revocation lists name; it is in no measurement, so not among the clients.
        self.withdrawn = read_users(self.dir / "withdrawn")[0]
        self.htpasswd = self.dir / "htpasswd"

    def client(self, user):
        """PEM file of certificate and key."""
        if user == self.withdrawn:
            return self.dir / "withdrawn.pem"
        return self.clients / f"{user.stem}.pem"

    def some_clients(self, count):
        """Directory of count of them, taken evenly from all."""
        if count >= len(self.users):
            return self.clients
        some = self.dir / f"clients-{count}"
        if not some.exists():
            some.mkdir()
            for user in self.users[::len(self.users) // count][:count]:
                (some / f"{user.stem}.pem").symlink_to(self.client(user))
        return some

    def crl(self, count):
        """A revocation list of count serial numbers, that of the withdrawn client among them."""
        path = self.dir / f"{count}.crl"
        if not path.exists():
            authority = SimpleNamespace(
                key=serialization.load_pem_private_key((self.dir / "ca.key").read_bytes(), None),
                cert=x509.load_pem_x509_certificate(self.ca.read_bytes()))
            revoked = x509.load_pem_x509_certificate(self.client(self.withdrawn).read_bytes())
            der = pki.long_crl(authority, count - 1, revoked)
            path.write_bytes(x509.load_der_x509_crl(der).public_bytes(serialization.Encoding.PEM))
        return path


def make(tool, directory, count, key="p256", hashing="sha256"):
    """count clients and a server with keys of the kind "p256" or "rsa2048"; hashing: "sha256" with
    1,000 rounds, the cheapest that countersign takes, or "bcrypt" of cost 10. RSA keys are shared
    by clients, and so are keys of very many: making them takes long, and no server does less for it."""
    directory = Path(directory)
    shared = ["--keys", "32"] if key == "rsa2048" or count > MANY else []
    subprocess.run([tool, "gen-pki", "--key", key, *shared, "--hash", hashing, "--cost",
                    "10" if hashing == "bcrypt" else "1000", str(count + 1), str(directory)],
                   check=True, stdout=subprocess.DEVNULL)
    set_one_aside(directory)
    made = Material(directory)
    made.chain.write_text(made.certificate.read_text() + made.ca.read_text())
    return made


def set_one_aside(directory):
    users = (directory / "users").read_text().splitlines(keepends=True)
    (directory / "withdrawn").write_text(users[0])
    (directory / "users").write_text("".join(users[1:]))
    stem = users[0].split()[0]
    (directory / "clients" / f"{stem}.pem").rename(directory / "withdrawn.pem")
