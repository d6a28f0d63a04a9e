"""What the documents say is so: their commands work, their tables are complete, their links lead
somewhere."""
import grp
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from documents import ROOT, Reader, anchors, blocks, links, rows
from proxy import LIMIT_S, PROGRAM, answers, free_port, wait_until
from softhsm import Token
from upstream import Upstream

PAGES = ["README.md", *sorted(str(p.relative_to(ROOT)) for p in (ROOT / "docs").rglob("*.md"))]
HAND_WRITTEN = [p for p in PAGES if p != "docs/configuration.md"]
FROM_THE_CA = ("A certificate of your own", "Renewing it")
OF_THE_READER = ("ca/root.crt",)  # made by commands of a page, and by chance in a folder named as ours
LANGUAGES = {"sh", "console", "text", "yaml", "python", "java", "ini", "json"}


@pytest.fixture
def reader(tmp_path):
    made = []

    def make(replace=()):
        made.append(Reader(tmp_path, replace))
        return made[-1]

    yield make
    for r in made:
        r.end()


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), f"{page}: {link}"
        if anchor:
            assert anchor in anchors(target.resolve().relative_to(ROOT)), f"{page}: {link}"


@pytest.mark.parametrize("page", HAND_WRITTEN)
def test_blocks_are_run_or_say_why_not(page):
    for block in blocks(page):
        assert block.language in LANGUAGES, f"{block}: which language?"
        if block.language == "console":
            assert re.fullmatch(r"<!-- not run: .+ -->", block.before), f"{block}: why is it not run?"


@pytest.mark.parametrize("page", HAND_WRITTEN)
def test_files_that_are_named_are_there(page):
    text = (ROOT / page).read_text()
    for path in set(re.findall(
            r"`((?:base|conf|auth|proxy|cli|ca|bench|tests|deploy|docs|cmake)/[\w./-]+)`", text)):
        if path in OF_THE_READER:
            continue
        assert any((ROOT / p).exists() for p in (path, path + ".c", path + ".h", path + ".py")), (
            f"{page} names {path}")


def test_every_reason_is_explained():
    text = (ROOT / "base/reason.def").read_text()
    reasons = re.findall(r'^REASON\(\w+, (\d+), "([a-z_0-9]+)"', text, re.M)
    assert len(reasons) == len(re.findall(r"^REASON\(", text, re.M))
    wanted = {(status if status != "0" else "–", token) for status, token in reasons
              if token != "ok"}
    explained = rows("README.md")
    assert len(explained) == len(set(explained)), "a row stands there twice"
    assert set(explained) == wanted


def test_threats_name_tests_that_produce_their_reasons():
    tokens = set(re.findall(r'^REASON\(\w+, \d+, "([a-z_0-9]+)"',
                            (ROOT / "base/reason.def").read_text(), re.M))
    table = re.findall(r"^\|(.*)\|$", section("docs/threat-model.md", "What is defended, and how"),
                       re.M)
    assert len(table) > 15
    for row in table[2:]:
        threat, _, reasons, tests = row.split("|")
        text = ""
        for path in re.findall(r"`(tests/[\w./]+)`", tests):
            files = [ROOT / path] if path.endswith(".py") else (ROOT / path).rglob("*.[ch]")
            text += "".join(f.read_text() for f in files)
        assert text, threat
        for token in re.findall(r"`(\w+)`", reasons):
            assert token in tokens, f"{threat}: there is no reason {token}"
            assert token in text or f"REASON_{token.upper()}" in text, f"{threat}: {token}"


def section(page, heading):
    text = (ROOT / page).read_text()
    assert f"\n## {heading}\n" in text, f"{page} has no section {heading}"
    return text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


def test_memory_of_an_idle_connection_is_told_alike(monkeypatch):
    """What the documents and the program say is what was measured, less the certificates that stay
    decoded beside it, of fewer clients than connections."""
    monkeypatch.syspath_prepend(str(ROOT / "bench/compare"))
    import load
    import measure
    performance = " ".join((ROOT / "docs/performance.md").read_text().split())
    decoded = int(re.search(r"the certificates that stay decoded: (\d+) KiB each", performance)[1])
    beside = decoded * load.Held.IDENTITIES / measure.Plan(countersign="", tool="").idle
    entries = json.loads((ROOT / "bench/compare/result.json").read_text())["scenarios"]
    (idle,) = [entry["servers"] for entry in entries if entry["name"] == "idle"]
    measured = idle["countersign-off"]["value"]["median"] - beside
    told = {name: re.findall(r"about (\d+) KiB", (ROOT / name).read_text()) for name in (
        "docs/performance.md", "docs/configuration.md", "bench/compare/reasons.json")}
    assert len({kib for found in told.values() for kib in found}) == 1, told
    kib = int(told["docs/performance.md"][0])
    room = " ".join((ROOT / "cli/room.c").read_text().split())
    assert f"LEAN_BYTES ({kib} * KIB)" in room
    whole = int(re.search(r"WHOLE_BYTES \((\d+) \* KIB\)", room)[1])
    assert f"At {kib} and {whole} KiB each, 1 GiB is enough for {thousands(kib)} idle" in performance
    assert f"of TLS 1.3, or {thousands(whole)} of TLS 1.2" in performance
    (count, mib), = re.findall(rf"about {kib} KiB, (\d+) of them (\d+) MiB",
                               (ROOT / "docs/configuration.md").read_text())
    assert int(mib) == round(int(count) * kib / 1024)
    assert kib * 0.8 <= measured <= kib * 1.05, (kib, measured)
    nginx = idle["nginx-off"]["value"]["median"]
    said = re.search(r"nginx takes (\d+\.\d) for the same", performance)[1]
    assert abs(float(said) - nginx) < 1, (said, nginx)


def thousands(kib):
    """As many of so many KiB as a GiB holds, in whole thousands, as a page writes it."""
    return f"{2**20 // kib // 1000 * 1000:,}"


def test_folders_of_the_design_are_those_of_the_tree():
    design = (ROOT / "docs/design.md").read_text()
    for line in (ROOT / "docs/layers.txt").read_text().splitlines():
        folder = line.split(":")[0]
        if re.match(r"[a-z]", line):
            assert f"`{folder}`" in design, f"docs/design.md does not name {folder}"


def test_reference_is_what_the_program_prints():
    printed = subprocess.run([PROGRAM, "config", "reference"], capture_output=True, text=True,
                             timeout=LIMIT_S, check=True).stdout
    assert (ROOT / "docs/configuration.md").read_text() == printed, (
        "countersign config reference >docs/configuration.md")


def test_configuration_of_the_readme_is_an_example():
    (block,) = [b for b in blocks("README.md") if b.argument == "countersign.yaml"]
    assert block.text == (ROOT / "conf/examples/countersign.yaml").read_text()


@pytest.mark.parametrize("example", sorted((ROOT / "conf/examples").glob("*.yaml")),
                         ids=lambda p: p.stem)
def test_examples_pass_the_check(example, tmp_path, pki):
    """With the files that they name made for the purpose, there is no error and no warning."""
    text = example.read_text()
    shutil.copy(example, tmp_path)
    for key, value in re.findall(r"\b(certificate|key|ca|crl|htpasswd): ([\w.-]+\.\w+)", text):
        source = {"ca": "ca.crt", "crl": "empty.crl"}.get(key)
        if source:
            shutil.copy(pki.dir / source, tmp_path / value)
        elif key == "certificate":
            names = {"api.crt": "api.example.com", "staff.crt": "*.staff.example.com"}
            pki.server("example", names.get(value, "localhost"))
            shutil.copy(pki.dir / "example.crt", tmp_path / value)
            shutil.copy(pki.dir / "example.key", tmp_path / value.replace(".crt", ".key"))
        elif key == "htpasswd":
            for user in ("reports", "alice@example.com"):
                subprocess.run([PROGRAM, "user", "add", "-i", "-f", tmp_path / value, user],
                               input="secret\n", text=True, timeout=LIMIT_S, check=True)
    done = subprocess.run([PROGRAM, "check", "-c", tmp_path / example.name], capture_output=True,
                          text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "" and "warning" not in done.stdout, done.stderr + done.stdout


def test_commands_of_the_readme(reader):
    """From an empty directory: a CA as docs/clients.md makes it, then what the README says."""
    upstream = Upstream()
    ports = {p: str(free_port()) for p in ("8443", "9901")}
    r = reader({**ports, "0.0.0.0": "127.0.0.1", "127.0.0.1:9000": upstream.address})
    for block in blocks("docs/clients.md"):
        if block.language == "ini":
            r.write(block)
        elif block.language == "sh" and block.text.startswith("cd own\n"):
            r.run(block)
    for file in (r.dir / "own").iterdir():
        shutil.copy(file, r.dir)
    for block in blocks("README.md"):
        if block.language == "yaml":
            r.write(block)
        elif block.language == "sh" and block.text.startswith("countersign run"):
            proxy = r.start(block.text.strip())
            wait_until(lambda: answers(ports["9901"]) or proxy.poll() is not None)
            assert proxy.poll() is None, r.started_output()
        elif block.language == "sh":
            r.run(block, stdin="through the looking-glass\n")
    assert [q.get("X-Client-User") for q in upstream.requests] == ["alice@example.com"]
    upstream.close()
    assert r.end() == [0], r.started_output()


def test_two_commands_of_the_readme():
    text = (ROOT / "README.md").read_text()
    for command in ("deploy/quickstart", "tests/run"):
        assert f"$ {command} " in text
        assert os.access(ROOT / command, os.X_OK)


def test_commands_of_the_ca(reader, tmp_path):
    """Every block in order, from an empty directory, with a token of the test's own if there can be
    one."""
    token = token_or_none(tmp_path)
    r = reader({"/usr/lib/softhsm/libsofthsm2.so": str(token.module)} if token else {})
    r.env.update(token.environment if token else {})
    for block in blocks("docs/ca.md"):
        if block.argument:
            r.write(block)
        elif block.language == "sh" and (token or "softhsm2-util" not in block.text):
            r.run(block, stdin="correct horse\n" * 4)


def token_or_none(directory):
    try:
        return Token(directory)
    except pytest.skip.Exception:
        return None


def test_commands_of_the_handover(reader):
    """Every block in order, by somebody who is in the group of operators."""
    r = reader({"local:operators": f"local:{grp.getgrgid(os.getgid()).gr_name}"})
    for block in blocks("docs/handover.md"):
        if block.argument:
            r.write(block)
        elif block.language == "sh":
            r.run(block)


def test_commands_of_the_clients(reader, tmp_path):
    """Every block in order, against the demonstration."""
    needed = [tool for tool in ("curl", "openssl", "keytool", "java") if not shutil.which(tool)]
    if needed:
        pytest.skip(f"not installed: {', '.join(needed)}")
    port = str(free_port())
    r = reader({"8443": port})
    demo = r.start(f"countersign demo --port {port}")
    wait_until(lambda: "Try it:" in r.started_output() or demo.poll() is not None)
    assert demo.poll() is None, r.started_output()
    files = Path(re.search(r"^  cd (.*)$", r.started_output(), re.M).group(1))
    for name in ("ca.crt", "alice.crt", "alice.key", "bob.crt", "bob.key"):
        shutil.copy(files / name, tmp_path)
    count = 0
    for block in blocks("docs/clients.md"):
        if block.section in FROM_THE_CA:
            continue  # tests/flow/test_ca_clients.py
        if block.language == "sh":
            r.run(block)
            count += 1
        elif block.argument:
            r.write(block)
    assert count > 10
    assert r.end() == [0], r.started_output()
    assert not files.exists()
