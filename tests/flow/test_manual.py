"""The manual page of countersign: it says what the program says, and its examples work."""
import re
import shutil
import subprocess

import pytest

from documents import ROOT, Reader
from proxy import LIMIT_S, PROGRAM, free_port, wait_until
from test_bench_page import plain
from upstream import Upstream

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
    if not shutil.which("mandoc"):
        pytest.skip("not installed: mandoc")
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", PAGE], capture_output=True,
                          text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stdout


def test_lines_are_shown_as_they_are():
    """Nothing of a help is lost on the way through the formatter."""
    if not shutil.which("mandoc"):
        pytest.skip("not installed: mandoc")
    shown = subprocess.run(["mandoc", "-T", "ascii", "-O", "width=130", PAGE], capture_output=True,
                           timeout=LIMIT_S, check=True).stdout.decode()
    shown = re.sub(r".\x08", "", shown)
    lines = {line.strip() for line in shown.splitlines()}
    for verb in ("ca", "cert", "request", "user", "explain", "cert renew"):
        told = subprocess.run([PROGRAM, *verb.split(), "--help"], capture_output=True, text=True,
                              check=True).stdout
        for line in told.splitlines():
            assert line.strip() in lines, line


def examples():
    """(what the comment in front says, text) of each block."""
    page = PAGE.read_text().split("\n.SH EXAMPLES\n", 1)[1].split("\n.SH ", 1)[0]
    found = re.findall(r'(?:^\.\\" ([^\n]*)\n)?^\.EX\n(.*?)^\.EE$', page, re.M | re.S)
    assert len(found) == page.count("\n.EX\n") > 8
    return [(note, plain(text)) for note, text in found]


def test_examples_work_in_order(tmp_path):
    upstream = Upstream()
    port = str(free_port())
    r = Reader(tmp_path, {"8443": port, "127.0.0.1:9000": upstream.address})
    try:
        for note, text in examples():
            text = r.fill_in(text)
            if note.startswith("file "):
                (tmp_path / note.removeprefix("file ")).write_text(text)
            elif note == "start":
                proxy = r.start(text.strip())
                ready = ["bash", "-c", "countersign healthcheck -c countersign.yaml"]
                wait_until(lambda: proxy.poll() is not None or subprocess.run(
                    ready, cwd=tmp_path, env=r.env, capture_output=True).returncode == 0)
                assert proxy.poll() is None, r.started_output()
            else:
                done = subprocess.run(["bash", "-euo", "pipefail", "-c", text], cwd=tmp_path,
                                      env=r.env, stdin=subprocess.DEVNULL, text=True,
                                      timeout=4 * LIMIT_S, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, check=False)
                assert done.returncode == 0, text + done.stdout
    finally:
        upstream.close()
        r.end()
    assert "alice@example.com" in (tmp_path / "withdrawn").read_text()
