"""The manual page of countersign-bench: its examples work, its options are those of the program."""
import json
import re
import shutil
import subprocess

import pytest

from documents import ROOT, Reader
from proxy import BENCH, LIMIT_S, answers, free_port, wait_until
from upstream import Upstream

PAGE = ROOT / "docs/man/countersign-bench.1"


def plain(text):
    """Lines of the page as a reader sees them."""
    for escape, character in ((r"\-", "-"), (r"\(aq", "'"), (r"\(dq", '"'), (r"\e", "\\")):
        text = text.replace(escape, character)
    return text


def examples():
    """(what the comment in front says, text) of each block."""
    page = PAGE.read_text().split("\n.SH EXAMPLES\n", 1)[1].split("\n.SH ", 1)[0]
    found = re.findall(r'(?:^\.\\" ([^\n]*)\n)?^\.EX\n(.*?)^\.EE$', page, re.M | re.S)
    assert len(found) == page.count("\n.EX\n")
    return [(note, plain(text)) for note, text in found]


def help_options(*verb):
    done = subprocess.run([BENCH, *verb, "--help"], capture_output=True, text=True,
                          timeout=LIMIT_S, check=True)
    return set(re.findall(r"^  (?:-\w, )?(--[a-z-]+)", done.stdout, re.M))


def section(name):
    return PAGE.read_text().split(f"\n.SH {name}\n", 1)[1].split("\n.SH ", 1)[0]


def page_options(name):
    """Options that have an entry of their own in a section."""
    entries = re.findall(r"^\.TP\n(\.B.*)$", section(name), re.M)
    return {o for entry in entries for o in re.findall(r"--[a-z-]+", plain(entry))}


@pytest.mark.parametrize("name, verb", [("OPTIONS", ["run"]), (r'"GEN\-PKI"', ["gen-pki"]),
                                        ("COMPARE", ["compare"]), ("REPORT", ["report"])])
def test_options_are_those_of_the_program(name, verb):
    assert page_options(name) - {"--help"} == help_options(*verb) - {"--help"}


def test_help_is_short_and_names_the_verbs():
    done = subprocess.run([BENCH, "--help"], capture_output=True, text=True, timeout=LIMIT_S,
                          check=True)
    assert len(done.stdout.splitlines()) < 25
    for verb in ("run", "gen-pki", "compare", "report"):
        assert re.search(rf"^  {verb} ", done.stdout, re.M)


def test_the_page_is_sound():
    if not shutil.which("mandoc"):
        pytest.skip("not installed: mandoc")
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", PAGE], capture_output=True,
                          text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stdout


def test_examples_work_in_order(tmp_path):
    """As a reader would, but for shorter times."""
    upstream = Upstream()
    port = str(free_port())
    r = Reader(tmp_path, {"8443": port, "127.0.0.1:9000": upstream.address,
                          "--duration 10s": "--duration 300ms --warmup 100ms"})
    try:
        for note, text in examples():
            text = r.fill_in(text)
            if note.startswith("file "):
                (tmp_path / note.removeprefix("file ")).write_text(text)
            elif note == "start":
                proxy = r.start(text.strip())
                wait_until(lambda: answers(port) or proxy.poll() is not None)
                assert proxy.poll() is None, r.started_output()
            else:
                done = subprocess.run(["bash", "-euo", "pipefail", "-c", text], cwd=tmp_path,
                                      env=r.env, stdin=subprocess.DEVNULL, text=True,
                                      timeout=4 * LIMIT_S, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, check=False)
                assert done.returncode in ((0, 1) if note == "judges" else (0,)), (
                    text + done.stdout)
    finally:
        upstream.close()
        r.end()
    for name in ("before.json", "after.json", "report.html", "seconds.csv", "latency.hgrm",
                 "run.html"):
        assert (tmp_path / name).stat().st_size > 0, name
    fields = json.loads((tmp_path / "before.json").read_text())["summary"]
    for field in fields:
        name = field.removesuffix("_ns").replace("p99_9", "p99.9")
        assert re.search(rf"\b{re.escape(name)}\b", plain(section("COMPARE"))), field
