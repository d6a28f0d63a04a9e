"""The CA's process killed at any instant under load: every approved request is issued exactly once,
the record verifies, the database is sound. COUNTERSIGN_KILLS says how many times (default 12)."""
import json
import os
import random
import socket
import sqlite3
import subprocess
import threading
import time

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from proxy import PROGRAM, free_port, wait_until

KILLS = int(os.environ.get("COUNTERSIGN_KILLS", "12"))
ALICE, OPERATOR = "alice@example.com", "op@example.com"


def csr():
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example"),
                      x509.NameAttribute(NameOID.COMMON_NAME, ALICE)])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM)


class Ca:
    """countersign ca serve, started again whenever it was killed."""

    def __init__(self, directory):
        self.dir = directory
        subprocess.run([PROGRAM, "ca", "init", directory / "ca"], check=True, capture_output=True)
        for user, more in ((ALICE, []), (OPERATOR, ["--groups", "operators"])):
            subprocess.run([PROGRAM, "user", "add", "-i", "-f", directory / "users", user, *more],
                           input="secret\n", text=True, check=True, capture_output=True)
        (directory / "c.yaml").write_text(yaml.safe_dump({
            "listeners": [{"address": f"127.0.0.1:{free_port()}",
                           "tls": {"certificate": "ca/issuing.crt", "key": "ca/issuing.key"},
                           "client": {"ca": "ca/root.crt"}}],
            "users": {"htpasswd": "users", "fields": "users.fields"},
            "routes": [{"path": "/", "upstream": "api"}],
            "upstreams": {"api": {"servers": ["127.0.0.1:9"]}},
            "revocation": {"deny": "denied"},
            "ca": {"certificate": "ca/issuing.crt", "key": "ca/issuing.key", "store": "ca.db",
                   "socket": "ca.sock", "profiles": {"client": {"operators": ["operators"]},
                                                     "auto": {"approvals": 0}}}}))
        self.process = None

    def start(self):
        self.process = subprocess.Popen([PROGRAM, "ca", "serve", "-c", self.dir / "c.yaml"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=open(self.dir / "log", "ab"))
        wait_until(self.answers)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def answers(self):
        assert self.process.poll() is None, (self.dir / "log").read_text()[-2000:]
        return self.call("GET", "/ca/public/ca.pem") is not None

    def call(self, method, path, body=b"", user=ALICE):
        """(status, body), or None if it died over it."""
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(30)
                s.connect(str(self.dir / "ca.sock"))
                s.sendall(b"%s %s HTTP/1.1\r\nHost: ca\r\nX-Client-User: %s\r\nConnection: close\r\n"
                          b"Content-Length: %d\r\n\r\n%s" % (method.encode(), path.encode(),
                                                            user.encode(), len(body), body))
                data = b""
                while piece := s.recv(65536):
                    data += piece
        except OSError:
            return None
        head, _, body = data.partition(b"\r\n\r\n")
        return (int(head.split(b" ")[1]), body) if head else None


def customer(ca, end, told):
    """Files and has approved as fast as it goes; told gets what was answered."""
    requests = [csr() for _ in range(40)]
    while not end.is_set():
        profile = random.choice(["auto", "client"])
        body = csr() if not requests else requests.pop()
        answer = ca.call("POST", f"/ca/v1/requests?profile={profile}", body)
        if answer is None or answer[0] != 201:
            time.sleep(0.01)
            continue
        id = json.loads(answer[1])["id"]
        told["filed"].add(id)
        if profile == "client":
            answer = ca.call("POST", f"/ca/v1/requests/{id}/approve", user=OPERATOR)
        if answer is not None and answer[0] in (200, 201):
            told["approved"].add(id)


def test_killed_at_any_instant(tmp_path):
    ca = Ca(tmp_path)
    (tmp_path / "denied").write_text("")
    told = {"filed": set(), "approved": set()}
    end = threading.Event()
    ca.start()
    threads = [threading.Thread(target=customer, args=(ca, end, told)) for _ in range(3)]
    for t in threads:
        t.start()
    try:
        for _ in range(KILLS):
            time.sleep(random.uniform(0.01, 0.15))
            ca.kill()
            ca.start()
    finally:
        end.set()
        for t in threads:
            t.join()
    db = sqlite3.connect(f"file:{tmp_path}/ca.db?mode=ro", uri=True)
    count = lambda sql, *values: db.execute(sql, values).fetchone()[0]
    wait_until(lambda: count("SELECT count(*) FROM request WHERE state = 1") == 0)
    ca.kill()
    assert len(told["approved"]) > KILLS
    assert count("SELECT count(*) FROM certificate") == count(
        "SELECT count(*) FROM request WHERE state = 3")
    for id in told["filed"]:
        assert count("SELECT count(*) FROM request WHERE id = ?", id) == 1
    for id in told["approved"]:
        assert count("SELECT count(*) FROM certificate WHERE request = ?", id) == 1
        assert count("SELECT count(*) FROM audit WHERE action = 'certificate.issued' "
                     "AND object = ?", id) == 1
    assert count("SELECT count(*) - count(DISTINCT serial) FROM certificate") == 0
    assert count("PRAGMA integrity_check") == "ok"
    subprocess.run([PROGRAM, "audit", "verify", "-c", tmp_path / "c.yaml"], check=True,
                   capture_output=True)
