"""A manual page: its text, its examples, and doing what they say in their order."""
import re
import shutil
import subprocess

import pytest

from documents import Reader
from proxy import LIMIT_S, free_port, wait_until
from upstream import Upstream


def plain(text):
    """Lines of the page as a reader sees them."""
    for escape, character in ((r"\-", "-"), (r"\(aq", "'"), (r"\(dq", '"'), (r"\e", "\\")):
        text = text.replace(escape, character)
    return text


def section(page, name):
    return page.read_text().split(f"\n.SH {name}\n", 1)[1].split("\n.SH ", 1)[0]


def examples(page):
    """(what the comment in front says, text) of each block."""
    text = section(page, "EXAMPLES")
    found = re.findall(r'(?:^\.\\" ([^\n]*)\n)?^\.EX\n(.*?)^\.EE$', text, re.M | re.S)
    assert len(found) == text.count("\n.EX\n") > 0
    return [(note, plain(block)) for note, block in found]


def mandoc(page, *options):
    """What mandoc says to the page; skips where there is none."""
    if not shutil.which("mandoc"):
        pytest.skip("not installed: mandoc")
    return subprocess.run(["mandoc", *options, page], capture_output=True, timeout=LIMIT_S,
                          check=False)


def check_sound(page):
    done = mandoc(page, "-T", "lint", "-W", "warning")
    assert done.returncode == 0, done.stdout.decode()


def do(reader, note, text, is_ready, statuses):
    """One example, by its note: "file NAME" is written, "start" goes on, all else is run."""
    if note.startswith("file "):
        (reader.dir / note.removeprefix("file ")).write_text(text)
    elif note == "start":
        proxy = reader.start(text.strip())
        wait_until(lambda: proxy.poll() is not None or is_ready(reader))
        assert proxy.poll() is None, reader.started_output()
    else:
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", text], cwd=reader.dir,
                              env=reader.env, stdin=subprocess.DEVNULL, text=True,
                              timeout=4 * LIMIT_S, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
        assert done.returncode in statuses.get(note, (0,)), text + done.stdout


def do_all(page, directory, is_ready, replace=(), statuses=()):
    """The examples in their order, with an upstream of their own. replace: further texts;
    is_ready(reader, port): whether what was started answers; statuses: by note, if not 0."""
    upstream = Upstream()
    port = str(free_port())
    reader = Reader(directory, {"8443": port, "127.0.0.1:9000": upstream.address, **dict(replace)})
    try:
        for note, text in examples(page):
            do(reader, note, reader.fill_in(text), lambda r: is_ready(r, port), dict(statuses))
    finally:
        upstream.close()
        reader.end()
