"""The manual page of countersign-bench: its examples work, its options are those of the program."""
import json
import re
import subprocess

import pytest

from documents import ROOT
from man_page import check_sound, do_all, plain, section
from proxy import BENCH, LIMIT_S, answers

PAGE = ROOT / "docs/man/countersign-bench.1"


def help_options(*verb):
    done = subprocess.run([BENCH, *verb, "--help"], capture_output=True, text=True,
                          timeout=LIMIT_S, check=True)
    return set(re.findall(r"^  (?:-\w, )?(--[a-z-]+)", done.stdout, re.M))


def page_options(name):
    """Options that have an entry of their own in a section."""
    entries = re.findall(r"^\.TP\n(\.B.*)$", section(PAGE, name), re.M)
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
    check_sound(PAGE)


def test_examples_work_in_order(tmp_path):
    """As a reader would, but for shorter times."""
    do_all(PAGE, tmp_path, lambda _, port: answers(port),
           replace={"--duration 10s": "--duration 300ms --warmup 100ms"},
           statuses={"judges": (0, 1)})
    for name in ("before.json", "after.json", "report.html", "seconds.csv", "latency.hgrm",
                 "run.html"):
        assert (tmp_path / name).stat().st_size > 0, name
    fields = json.loads((tmp_path / "before.json").read_text())["summary"]
    for field in fields:
        name = field.removesuffix("_ns").replace("p99_9", "p99.9")
        assert re.search(rf"\b{re.escape(name)}\b", plain(section(PAGE, "COMPARE"))), field
