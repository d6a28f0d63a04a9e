"""The manual page of countersign: it says what the program says, and its examples work."""
import re
import subprocess

from documents import ROOT
from man_page import check_sound, do_all, examples, mandoc
from proxy import LIMIT_S, PROGRAM

MAN = ROOT / "docs/man"
PAGE = MAN / "countersign.1"


def test_it_is_what_the_program_says():
    done = subprocess.run([MAN / "generate", PROGRAM], capture_output=True, text=True,
                          timeout=LIMIT_S, check=True)
    assert done.stdout == PAGE.read_text(), (
        "docs/man/generate build/release/countersign >docs/man/countersign.1")


def test_every_verb_is_there():
    """Those below another too: each has a help of its own."""
    listed = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True, check=True).stdout
    verbs = set(re.findall(r"^  ([a-z]+) ", listed, re.M)) - {"countersign"}
    assert len(verbs) > 13
    told = re.findall(r"^\.SS countersign (.*)$", PAGE.read_text(), re.M)
    assert set(told) == verbs | {"cert renew"} and len(told) == len(set(told))


def test_the_page_is_sound():
    check_sound(PAGE)


def test_lines_are_shown_as_they_are():
    """Nothing of a help is lost on the way through the formatter."""
    done = mandoc(PAGE, "-T", "ascii", "-O", "width=130")
    assert done.returncode == 0
    shown = re.sub(r".\x08", "", done.stdout.decode())
    lines = {line.strip() for line in shown.splitlines()}
    for verb in ("ca", "cert", "request", "user", "explain", "cert renew"):
        told = subprocess.run([PROGRAM, *verb.split(), "--help"], capture_output=True, text=True,
                              check=True).stdout
        for line in told.splitlines():
            assert line.strip() in lines, line


def is_ready(reader, _):
    return subprocess.run(["bash", "-c", "countersign healthcheck -c countersign.yaml"],
                          cwd=reader.dir, env=reader.env, capture_output=True).returncode == 0


def test_examples_work_in_order(tmp_path):
    assert len(examples(PAGE)) > 8
    do_all(PAGE, tmp_path, is_ready)
    assert "alice@example.com" in (tmp_path / "withdrawn").read_text()
