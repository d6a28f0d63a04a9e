"""countersign-micro: each of its tables, with as little as there can be. No figure is judged."""
import subprocess
from pathlib import Path

import pytest

from proxy import PROGRAM

MICRO = Path(PROGRAM).with_name("countersign-micro")
MINUTES_S = 600  # on a busy machine, with sanitizers
ROWS = ("floor", "our engine, and the identity", "own chain fixed", "sessions kept", "the gate",
        "written for upstream", "written for the client", "access log", "nginx's and two templates",
        "a remembered chain", "a remembered password", "failures of a certificate",
        "deny list of 20,000", "revocation list of 20,000", "of 200,000", "counted in",
        "a session kept", "by another worker")


def micro(*arguments, expect=0):
    done = subprocess.run([MICRO, *arguments], capture_output=True, text=True, timeout=MINUTES_S,
                          check=False)
    assert done.returncode == expect, done.stderr
    return done


@pytest.fixture(name="tables", scope="module")
def fixture_tables():
    return micro("--rounds", "1", "--handshakes", "16", "--calls", "8", "--one-ca", "full", "resume",
                 "rows").stdout


@pytest.mark.parametrize("row", ROWS)
def test_shows(tables, row):
    assert row in tables


def test_tells_its_usage():
    done = micro("--help")
    assert done.stdout.startswith("usage: ") and "callgrind" in done.stdout and not done.stderr
    assert "--rounds: " in done.stdout and "--calls: " in done.stdout


@pytest.mark.parametrize("arguments", [["--nonsense"], ["nonsense"], ["--calls", "0"], ["--rounds", "x"]])
def test_wrong_usage(arguments):
    done = micro(*arguments, expect=2)
    assert not done.stdout and "usage: " in done.stderr
