"""The pages of docs/flows, command by command, and docs/lifecycle.md against the code's table."""
import grp
import os
import re
import shutil
import xml.etree.ElementTree as ElementTree

import pytest

from documents import ROOT, Reader, blocks
from proxy import answers, free_port, wait_until
from upstream import Upstream

FLOWS = sorted(f"docs/flows/{p.name}" for p in (ROOT / "docs/flows").glob("*.md")
               if p.name != "README.md")


@pytest.fixture
def upstream():
    made = Upstream()
    yield made
    made.close()


@pytest.mark.parametrize("page", FLOWS)
def test_commands(page, tmp_path, upstream):
    text = (ROOT / page).read_text()
    needed = [tool for tool in ("curl", "openssl", "keytool")
              if tool in text and not shutil.which(tool)]
    if needed:
        pytest.skip(f"not installed: {', '.join(needed)}")
    port = str(free_port())
    reader = Reader(tmp_path, {"8443": port, "127.0.0.1:9000": upstream.address,
                               "local:operators": f"local:{grp.getgrgid(os.getgid()).gr_name}"})
    try:
        for block in blocks(page):
            if block.language == "sh" and block.text.startswith("countersign run"):
                proxy = reader.start(block.text.strip())
                wait_until(lambda: answers(port) or proxy.poll() is not None)
                assert proxy.poll() is None, reader.started_output()
                if "socket: ca.sock" in text:
                    wait_until(lambda: "ca_serves" in reader.started_output())
            elif block.language == "sh":
                reader.run(block)
            elif block.argument:
                reader.write(block)
    finally:
        statuses = reader.end()
    assert statuses == [0], reader.started_output()
    if "/orders" in text:
        assert [q.target for q in upstream.requests][:1] == ["/orders"]


def table(name):
    """The rows of an X-macro of ca/life.h."""
    text = (ROOT / "ca/life.h").read_text().split(f"#define {name}(X)")[1].split("\n\n")[0]
    text = re.sub(r"\s*\\\n\s*", " ", text)
    return [tuple(re.findall(r'"[^"]*"|\w+', row)) for row in re.findall(r"X\(([^)]*)\)", text)]


def words(quoted):
    return quoted.strip('"')


STATES = {row[0]: words(row[1]) for row in table("LIFE_STATES")}
CAUSES = {row[0]: words(row[1]) for row in table("LIFE_CAUSES")}
MOVES = [(STATES[a], STATES[b], CAUSES[who], words(what))
         for a, b, who, what in table("LIFE_MOVES")]
BEGINNINGS = [(STATES[a], CAUSES[who], words(what)) for a, who, what in table("LIFE_BEGINNINGS")]


def page_rows(columns):
    text = (ROOT / "docs/lifecycle.md").read_text()
    rows = [tuple(cell.strip().strip("`") for cell in line.strip("|").split("|"))
            for line in text.splitlines() if line.startswith("| `")]
    return [r for r in rows if len(r) == columns]


def test_the_table_is_whole():
    assert len(STATES) == 9 and len(MOVES) > 20 and len(set(m[:2] for m in MOVES)) == len(MOVES)
    starts = {b[0] for b in BEGINNINGS}
    reached = set(starts)
    for _ in STATES:
        reached |= {b for a, b, _, _ in MOVES if a in reached}
    assert reached == set(STATES.values())


def test_the_page_is_the_table():
    assert page_rows(4) == MOVES
    assert page_rows(3) == BEGINNINGS
    told = [r[0] for r in page_rows(2)]
    assert told[:len(STATES)] == list(STATES.values())


def test_the_picture_is_the_table():
    root = ElementTree.parse(ROOT / "docs/lifecycle.svg").getroot()
    drawn = [tuple(move.split("-")) for e in root.iter() for move in e.get("data-moves", "").split()]
    assert sorted(drawn) == sorted(m[:2] for m in MOVES)
    begun = [e.get("data-begin") for e in root.iter() if e.get("data-begin")]
    assert sorted(begun) == sorted(b[0] for b in BEGINNINGS)
    boxes = [e.get("data-state") for e in root.iter() if e.get("data-state")]
    assert sorted(boxes) == sorted(STATES.values())


def test_what_the_record_says_is_written():
    """Each action that the page names is one that the code writes, and the other way round."""
    text = (ROOT / "docs/lifecycle.md").read_text()
    named = set(re.findall(r"`((?:request|certificate|code)\.\w+)`", text))
    source = "".join(p.read_text() for p in (ROOT / "ca").rglob("*.c"))
    written = set(re.findall(r'"((?:request|certificate|code)\.[a-z_]{4,})"', source))
    assert named == written
