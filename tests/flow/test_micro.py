"""countersign-micro and bench/micro/instructions: each table, with as little as there can be. No
figure is judged, but that a comparison tells which has grown."""
import json
import re
import runpy
import shutil
import subprocess
from pathlib import Path

import pytest

from documents import ROOT
from proxy import PROGRAM

MICRO = Path(PROGRAM).with_name("countersign-micro")
BENCH = Path(PROGRAM).with_name("countersign-bench")
INSTRUCTIONS = ROOT / "bench/micro/instructions"
MINUTES_S = 600  # on a busy machine, with sanitizers
ROWS = ("floor", "our engine, and the identity", "own chain fixed", "sessions kept", "the gate",
        "written for upstream", "written for the client", "access log", "nginx's and two templates",
        "a remembered chain", "a remembered password", "failures of a certificate",
        "deny list of 20,000", "revocation list of 20,000", "of 200,000", "found decoded", "the same, decoded",
        "X25519 made", "the same, of P-256", "proof signed", "proof verified", "counted in",
        "a session kept", "by another worker")


def micro(*arguments, expect=0):
    done = subprocess.run([MICRO, *arguments], capture_output=True, text=True, timeout=MINUTES_S,
                          check=False)
    assert done.returncode == expect, done.stderr
    return done


@pytest.fixture(name="tables", scope="module")
def fixture_tables(tmp_path_factory):
    """What is printed, and where the document stands."""
    path = tmp_path_factory.mktemp("micro") / "a.json"
    done = micro("--rounds", "2", "--handshakes", "17", "--calls", "8", "--one-ca", "--json", path,
                 "full", "resume", "rows")
    return done.stdout, path


@pytest.mark.parametrize("row", ROWS)
def test_shows(tables, row):
    assert row in tables[0]


def test_writes_all_of_it_down(tables):
    """Each row that is printed, in its order, with its figures."""
    told, path = tables
    document = json.loads(path.read_text())
    printed = re.findall(r"^(\S.*?) {2,}[\d.]+(?: +[\d.]+ +[\d.]+)?$", told, re.M)
    assert document["format"] == "countersign-micro/1" and len(printed) > 40
    assert [row["name"] for row in document["measured"]] == printed
    for row in document["measured"]:
        step = row["key"].startswith("step_")
        assert row["count"] == (8 if step else 32)
        assert document["summary"][row["key"] + "_ns"] > 0
        assert (row["key"] + "_to_floor" in document["summary"]) != step
    assert document["summary"]["full_stock_to_first"] == 1
    assert document["summary"]["resumed_floor_to_floor"] == 1
    assert document["options"] == {"rounds": 2, "one_ca": True, "keep_memory": False}
    assert document["environment"]["server_key"] == "p256" and document["environment"]["openssl"]


@pytest.mark.parametrize("options", [[], ["--tls", "1.2"], ["--server-key", "rsa2048"]])
def test_the_floor_has_its_rounds(tmp_path, options):
    """Of libssl with all tricks, and of our engine as it is shipped and with OpenSSL's handshake."""
    path = tmp_path / "a.json"
    resumed = [] if options else ["floor-resumed"]
    micro("--rounds", "3", "--handshakes", "16", *options, "--json", path, "floor", *resumed)
    document = json.loads(path.read_text())
    wanted = [f"floor_{what}_{who}" for what in ("full", "resumed")[:1 + len(resumed)]
              for who in ("floor", "engine_openssl", "engine")]
    assert [row["key"] for row in document["measured"]] == wanted
    for row in document["measured"]:
        assert len(row["rounds_ns"]) == 3
        assert sorted(row["rounds_ns"])[1] == document["summary"][row["key"] + "_ns"]


def test_instructions_are_those_of_what_is_shipped():
    """Of our own handshake, beside the floor, unless something else is asked for."""
    done = subprocess.run([INSTRUCTIONS, "--help"], capture_output=True, text=True, check=True)
    assert "(floor floor-resumed rows)" in " ".join(done.stdout.split())


def changed(path, to, changes):
    document = json.loads(path.read_text())
    document["summary"].update(changes)
    to.write_text(json.dumps(document))
    return to


@pytest.mark.parametrize("factor, condition, failed", [
    (1, "step_gate>+10%", []), (1.2, "step_gate>+10%", ["step_gate"]), (1.2, "step_gate>+30%", []),
    (1.2, "*_ns>+10%", ["step_gate_ns"]), (1.2, "full*>+0%", []),
])
def test_documents_are_compared(tables, tmp_path, factor, condition, failed):
    _, path = tables
    was = json.loads(path.read_text())["summary"]["step_gate_ns"]
    other = changed(path, tmp_path / "b.json", {"step_gate_ns": was * factor})
    done = subprocess.run([BENCH, "compare", "--fail-if", condition, path, other], capture_output=True,
                          text=True, check=False)
    assert done.returncode == (1 if failed else 0), done.stderr
    assert re.findall(r"^FAILED  (\w+)", done.stdout, re.M) == failed
    assert re.search(r"^step_gate_ns .* \d+\.\d{3} ", done.stdout, re.M)


def test_is_no_run(tables, tmp_path):
    """report wants runs, and compare two of a kind."""
    _, path = tables
    run = tmp_path / "run.json"
    run.write_text(json.dumps({"format": "countersign-bench/1", "summary": {}}))
    for arguments in (["report", path], ["compare", path, run], ["compare", run, path]):
        done = subprocess.run([BENCH, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 2 and "countersign-" in done.stderr and not done.stdout


@pytest.mark.skipif(not shutil.which("valgrind"), reason="not installed: valgrind")
@pytest.mark.skipif("asan" in PROGRAM, reason="valgrind does not run programs with a sanitizer")
def test_instructions_are_counted_and_compared(tables, tmp_path):
    """Beside a baseline that allows everything to all but one."""
    document = json.loads(tables[1].read_text())
    keys = [row["key"] for row in document["measured"] if row["key"].startswith("step_")]
    document["summary"] = {f"{key}_instructions": 1e12 for key in keys}
    document["summary"]["step_gate_instructions"] = 1
    baseline = tmp_path / "old.json"
    baseline.write_text(json.dumps(document))
    done = subprocess.run([INSTRUCTIONS, "--micro", MICRO, "--calls", "2", "--json", tmp_path / "new.json",
                           "--baseline", baseline, "rows"], capture_output=True, text=True,
                          timeout=MINUTES_S, check=False)
    assert done.returncode == 1, done.stderr
    assert re.findall(r"^FAILED  (\w+)", done.stdout, re.M) == ["step_gate_instructions"]
    counted = json.loads((tmp_path / "new.json").read_text())["summary"]
    assert list(counted) == list(document["summary"])
    assert all(100 < n < 1e7 for n in counted.values()), counted


def test_tells_its_usage():
    done = micro("--help")
    assert done.stdout.startswith("usage: ") and "micro/instructions" in done.stdout and not done.stderr
    assert "--rounds: " in done.stdout and "--calls: " in done.stdout


@pytest.mark.parametrize("arguments", [["--nonsense"], ["nonsense"], ["--calls", "0"], ["--rounds", "x"],
                                       ["--json"]])
def test_wrong_usage(arguments):
    done = micro(*arguments, expect=2)
    assert not done.stdout and "usage: " in done.stderr


def test_the_table_of_ratios_is_made(tmp_path):
    """By one command, of all columns, and into its place in docs/performance.md only."""
    script = runpy.run_path(str(ROOT / "bench/micro/ratios"))
    done = subprocess.run([ROOT / "bench/micro/ratios", "--micro", MICRO, "--rounds", "1", "--handshakes",
                           "16"], capture_output=True, text=True, timeout=MINUTES_S, check=True)
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines()]
    assert [len(line) for line in lines] == [5] * (2 + len(script["ROWS"]))
    told = {line[0]: line[1:] for line in lines[2:]}
    assert all(re.fullmatch(r"\*\*\d+\.\d\d\*\*", cell) for cell in told["**countersign**"])
    assert [bool(cell) for cell in told["libssl without tickets"]] == [True, True, True, False]
    assert [bool(cell) for cell in told["countersign, sessions in tickets"]] == [False] * 3 + [True]
    page = script["PAGE"].read_text()
    other = script["put_in"](page, "| another |\n")
    assert "| another |" in other and script["put_in"](other, "x\n") == script["put_in"](page, "x\n")
    kept = page.split(script["BEGIN"])[1].split(script["END"])[0]
    assert [line.split("|")[1].strip() for line in kept.splitlines()] == [line[0] for line in lines]
