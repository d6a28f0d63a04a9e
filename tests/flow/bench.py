"""countersign-bench, run as a user would."""
import json
import os
import subprocess
from pathlib import Path

from proxy import PROGRAM

BENCH = os.environ.get("COUNTERSIGN_BENCH") or str(Path(PROGRAM).with_name("countersign-bench"))
LIMIT_S = 60


def run(*arguments, status=0, env=None):
    """Its standard output; fails unless it ends with status."""
    done = subprocess.run([BENCH, *map(str, arguments)], capture_output=True, text=True,
                          timeout=LIMIT_S, env=env)
    assert done.returncode == status, (done.args, done.returncode, done.stdout[-2000:], done.stderr)
    return done


class Pki:
    """A directory of gen-pki."""

    def __init__(self, directory, clients):
        self.dir = Path(directory)
        run("gen-pki", "--hash", "bcrypt", "--cost", 4, clients, self.dir)
        lines = (self.dir / "users").read_text().splitlines()
        self.users = [line.split(" ") for line in lines]

    def path(self, name):
        return str(self.dir / name)

    def options(self):
        return ["--ca", self.path("ca.crt"), "--certs", self.dir, "--users", self.path("users")]


class Result:
    """A run's JSON, its parts by short names."""

    def __init__(self, text):
        self.all = json.loads(text)
        self.counts = self.all["counts"]
        self.outcomes = {k: n for k, n in self.counts["outcomes"].items() if n}
        self.limited_by = self.all["client"]["limited_by"]

    def __getitem__(self, name):
        return self.counts[name]

    def service(self, part):
        return self.all["latency"]["service"][part]

    def corrected(self, part):
        return self.all["latency"]["corrected"][part]


def load(url, *options, status=0):
    """A run against url, its result."""
    return Result(run("--output", "json", "--threads", 1, *options, url, status=status).stdout)
