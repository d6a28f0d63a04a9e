"""Markdown pages: their fenced blocks, links and tables, and running the blocks as a reader would.

A block ```sh is run; ```sh fails must end with an exit status other than 0. A block ```text right
behind it holds lines that it prints, in this order among others; "..." stands for anything. A block
```LANGUAGE FILE is written to FILE. A block ```console is not run; a comment in front says why."""
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

from proxy import BENCH, LIMIT_S, PROGRAM

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(.*)$")


class Block:
    def __init__(self, page, line, info, before):
        self.page, self.line, self.before = page, line, before
        self.language, *rest = info.split() or [""]
        self.argument = rest[0] if rest else None
        self.text = ""
        self.expected = None  # lines that running it prints
        self.section = None  # the heading (##) that it stands below

    def __repr__(self):
        return f"{self.page}:{self.line}"


def blocks(page):
    """The fenced blocks of a page in order."""
    found, block, before, section = [], None, "", None
    for number, line in enumerate((ROOT / page).read_text().splitlines(), 1):
        fence = FENCE.match(line)
        if fence and block is None:
            block = Block(page, number, fence.group(1), before)
            block.section = section
        elif fence:
            follows = found and before_is(found[-1], block)
            if block.language == "text" and follows:
                found[-1].expected = block.text.splitlines()
            else:
                found.append(block)
            block, before = None, ""
        elif block is not None:
            block.text += line + "\n"
        elif line:
            before = line
            section = line[3:] if line.startswith("## ") else section
    assert block is None, f"{page}: a block is not closed"
    return found


def before_is(previous, block):
    """True if nothing but blank lines stands between the two."""
    return previous.language == "sh" and block.before == ""


def prose(page):
    """The page without its blocks and comments."""
    text = (ROOT / page).read_text()
    text = re.sub(r"^```.*?^```$", "", text, flags=re.S | re.M)
    return re.sub(r"<!--.*?-->", "", text, flags=re.S)


def anchors(page):
    """What can stand behind the # of a link to the page."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
            for heading in re.findall(r"^#+ (.*)$", prose(page), re.M)}


def links(page):
    return re.findall(r"\]\(([^)\s]+)\)", prose(page))


def rows(page):
    """Cells of every table row whose first two are a status and a reason: (status, token)."""
    return re.findall(r"^\| (\d{3}|–) \| `([a-z_0-9]+)` \| \S.* \|$", prose(page), re.M)


def plain_names(text):
    """OpenSSL writes "CN = x" up to 3.1, "CN=x" from 3.2 on."""
    return re.sub(r"\b(O|OU|CN) = ", r"\1=", text)


def missing_lines(expected, output):
    """The first expected line that is not in output behind those before it; None if all are."""
    lines = plain_names(output).splitlines()
    at = 0
    for wanted in expected:
        pattern = ".*".join(re.escape(part) for part in plain_names(wanted).split("..."))
        while at < len(lines) and not re.fullmatch(pattern, lines[at].rstrip("\r")):
            at += 1
        if at == len(lines):
            return wanted
        at += 1
    return None


class Reader:
    """Someone who does what a page says, in a directory, with countersign in the PATH."""

    def __init__(self, directory, replace=()):
        self.dir = Path(directory)
        self.replace = dict(replace)  # of ports, which others may use
        self.children = []
        program = self.dir / ".bin"
        program.mkdir()
        (program / "countersign").symlink_to(PROGRAM)
        (program / "countersign-bench").symlink_to(BENCH)
        (program / "python3").symlink_to("/usr/bin/python3")
        self.env = {k: v for k, v in os.environ.items()
                    if not re.search(r"proxy$|_CA_BUNDLE$|^SSL_CERT_", k, re.I)}
        self.env.pop("TMPDIR", None)  # a socket's path must be short
        self.env.update(PATH=f"{program}:{os.environ['PATH']}", HOME=str(self.dir), LC_ALL="C",
                        PYTHONDONTWRITEBYTECODE="1")

    def fill_in(self, text):
        for old, new in self.replace.items():
            text = text.replace(old, new)
        return text

    def write(self, block):
        path = self.dir / block.argument
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.fill_in(block.text))

    def run(self, block, stdin=""):
        # A session of its own: nothing can ask a terminal, and all of it can be ended together.
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", self.fill_in(block.text)],
                              cwd=self.dir, env=self.env, input=stdin, text=True, timeout=4 * LIMIT_S,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                              start_new_session=True)
        assert (done.returncode != 0) == (block.argument == "fails"), (
            f"{block}: exit status {done.returncode}\n{done.stdout}")
        missing = missing_lines(map(self.fill_in, block.expected or []), done.stdout)
        assert missing is None, f"{block}: does not print {missing!r} (in this place)\n{done.stdout}"
        return done.stdout

    def start(self, command):
        """Run one line that does not end; end() ends it."""
        output = open(self.dir / ".started", "ab")
        self.children.append(subprocess.Popen(command.split(), cwd=self.dir, env=self.env,
                                              executable=shutil.which(command.split()[0],
                                                                      path=self.env["PATH"]),
                                              stdin=subprocess.DEVNULL, stdout=output,
                                              stderr=output, start_new_session=True))
        return self.children[-1]

    def started_output(self):
        return (self.dir / ".started").read_text(errors="replace")

    def end(self):
        """End what was started; returns the exit statuses."""
        statuses = []
        for child in self.children:
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
            try:
                statuses.append(child.wait(LIMIT_S))
            except subprocess.TimeoutExpired:
                child.kill()
                statuses.append(child.wait())
        self.children = []
        return statuses
