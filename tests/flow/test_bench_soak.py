"""Right and wrong pairs, resumption and withdrawal at once: not one wrong answer.

SOAK_ANSWERS says how many answers are judged; for the record of 200,000 give it that."""
import datetime
import json
import os
import shutil
import signal
import subprocess
import time

import pytest

import bench
from proxy import wait_until

ANSWERS = int(os.environ.get("SOAK_ANSWERS") or 10000)
LIMIT_S = 60 + ANSWERS / 50
CLIENTS, STAYING = 30, 20


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    return bench.Pki(tmp_path_factory.mktemp("soak") / "pki", CLIENTS)


def certificates(pki, directory, users):
    directory.mkdir()
    for name, _, _ in users:
        shutil.copy(pki.dir / "clients" / f"{name}.pem", directory)
    return directory


class Running:
    def __init__(self, pki, certs, proxy, *options):
        self.process = subprocess.Popen(
            [bench.BENCH, "--ca", pki.path("ca.crt"), "--users", pki.path("users"), "--certs", certs,
             "--output", "json", "--closed", "--warmup", "0s", "--threads", "1",
             "--duration", f"{int(LIMIT_S)}s", *map(str, options),
             f"https://localhost:{proxy.port}/"], stdout=subprocess.PIPE, text=True)

    def result(self, status):
        text, _ = self.process.communicate(timeout=LIMIT_S + 30)
        assert self.process.returncode == status, text[-2000:]
        return bench.Result(text)


def judge_withdrawn(proxy, withdrawn):
    """By the access log: who was let in after his withdrawal had returned; and the others went on
    meanwhile, or this would have proven nothing."""
    proxy.stop()
    lines = [json.loads(line) for line in proxy.access_path.read_text().splitlines()]
    allowed = [line for line in lines if line.get("auth.result") == "allowed"]

    def begun(line):
        at = datetime.datetime.fromisoformat(line["time"].replace("Z", "+00:00")).timestamp()
        return at - line["duration_us"] / 1e6

    late = [line for line in allowed if begun(line) > withdrawn.get(line["user"], float("inf"))]
    assert not late, late[:3]
    assert {line["user"] for line in allowed} >= set(withdrawn)
    first = min(withdrawn.values())
    assert any(line["user"] not in withdrawn and begun(line) > first for line in allowed)


def test_not_one_wrong_answer(make_proxy, pki, tmp_path):
    deny = tmp_path / "deny"
    deny.touch(mode=0o600)
    proxy = make_proxy({"users": {"htpasswd": pki.path("htpasswd")}, "resumption": {"enabled": True},
                        "revocation": {"deny": str(deny)}, "process": {"workers": 2}})
    proxy.write_config({"listeners": [{
        "address": f"127.0.0.1:{proxy.port}",
        "tls": {"certificate": pki.path("server.crt"), "key": pki.path("server.key")},
        "client": {"ca": pki.path("ca.crt"), "crl": pki.path("ca.crl")}}]})
    proxy.start()
    staying = certificates(pki, tmp_path / "staying", pki.users[:STAYING])
    leaving = certificates(pki, tmp_path / "leaving", pki.users[STAYING:])
    kept = Running(pki, staying, proxy, "--mode", "keepalive", "-c", 8, "--mismatch", "10%",
                   "--per-connection", 100, "--operations", ANSWERS * 4 // 5)
    resumed = Running(pki, staying, proxy, "--mode", "resume", "-c", 4, "--mismatch", "10%",
                      "--operations", ANSWERS // 5)
    until = Running(pki, leaving, proxy, "--mode", "resume", "-c", 2)
    wait_until(lambda: pki.users[-1][1] in proxy.access_path.read_text())
    withdrawn = {}  # user: when it was in force, Unix time
    for _, user, _ in pki.users[STAYING:]:
        done = proxy.run("cert", "withdraw", "-c", str(proxy.config_path), "--user", user)
        assert done.returncode == 0, done.stderr
        withdrawn[user] = time.time()
    after = [Running(pki, leaving, proxy, "--mode", mode, "-c", 2, "--operations", 60).result(1)
             for mode in ("request", "resume")]

    until.process.send_signal(signal.SIGINT)

    r = kept.result(0)
    assert r.outcomes == {"ok": ANSWERS * 4 // 5}
    assert r["mismatched"] == r["mismatched_refused"] == r["statuses"]["403"]
    r = resumed.result(0)
    assert r.outcomes == {"ok": ANSWERS // 5}
    assert r["mismatched"] == r["mismatched_refused"] and r["resumed"] > ANSWERS // 5 * 0.8
    r = until.result(1)
    assert set(r["statuses"]) == {"200", "403"}
    judge_withdrawn(proxy, withdrawn)
    for r in after:
        assert r.outcomes == {"status": 60} and r["statuses"] == {"403": 60}
