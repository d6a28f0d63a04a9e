"""The command line is of one piece: an option means the same wherever it is, and lists come as JSON."""
import json
import re
import subprocess

import pytest

from proxy import PROGRAM
from test_ca import ALICE, ca, file, request, run  # noqa: F401

MANY_MEANINGS = {"s": {"socket", "store"}}  # where to find what is asked: both are that


def verbs():
    listed = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True).stdout
    return re.findall(r"^  ([a-z]+) ", listed, re.M)[:-2] + ["cert renew"]


def options(verb):
    """(short or "", long) of each option that the help of a verb explains."""
    done = run(*verb.split(), "--help")
    return re.findall(r"^ +(?:-(\w), |)--([a-z-]+)", done.stdout, re.M)


def test_an_option_means_one_thing():
    """A letter stands for one word, and a word has one letter, where it has any."""
    assert len(verbs()) > 14
    words, letters = {}, {}
    for verb in verbs():
        for letter, word in options(verb):
            if letter:
                words.setdefault(letter, set()).add(word)
                letters.setdefault(word, set()).add(letter)
    assert {k: v for k, v in words.items() if len(v) > 1} == MANY_MEANINGS
    assert all(len(v) == 1 for v in letters.values()), letters
    assert words["o"] == {"output"} and words["c"] == {"config"} and words["w"] == {"write"}


@pytest.mark.parametrize("verb", ["request ls", "request show x", "audit ls", "cert ls", "user ls",
                                  "user show x", "lockout ls", "status"])
def test_output_takes_a_form(verb):
    done = run(*verb.split(), "-o", "xml", status=2)
    assert "-o takes table or json" in done.stderr


def lists(ca, *words):  # noqa: F811
    return json.loads(run(*words, "-c", ca / "c.yaml", "-o", "json").stdout)


def test_requests_and_record_as_json(ca):  # noqa: F811
    """The same members as the API's; pages of a list; names that need quoting."""
    assert lists(ca, "request", "ls") == {"requests": [], "next": None}
    assert lists(ca, "audit", "ls") == {"entries": []}
    ids = [file(ca, request(ca, f'/O=A "quoted" Ltd/CN={ALICE}'), "auto").stdout.strip()
           for _ in range(3)]
    asked = file(ca, request(ca), "asked").stdout.strip()
    run("ca", "issue", "-c", ca / "c.yaml")
    run("request", "deny", "-c", ca / "c.yaml", "-r", 'say "why"\\not', asked)
    whole = lists(ca, "request", "ls")
    assert [r["id"] for r in whole["requests"]] == [asked, *reversed(ids)]
    assert whole["requests"][0]["status"] == "REJECTED"
    assert whole["requests"][0]["reason"] == 'say "why"\\not'
    assert whole["requests"][1]["company"] == 'A "quoted" Ltd'
    assert [r["id"] for r in lists(ca, "request", "ls", "--state", "denied")["requests"]] == [asked]
    assert lists(ca, "request", "ls", "-u", "nobody")["requests"] == []
    pages, after = [], []
    while True:
        page = lists(ca, "request", "ls", "--limit", "3", *after)
        pages.append([r["id"] for r in page["requests"]])
        if page["next"] is None:
            break
        after = ["--after", str(page["next"])]
    assert pages == [[asked, ids[2], ids[1]], [ids[0]]]
    one = lists(ca, "request", "show", ids[0])
    assert one["status"] == "EXECUTED" and "BEGIN CERTIFICATE" in one["result"]
    assert one["approvedBy"] == [] and one["difference"] is None and one["serial"]
    entries = lists(ca, "audit", "ls")["entries"]
    assert [e["entry"] for e in entries] == list(range(1, 9))
    assert set(entries[0]) == {"entry", "time", "action", "object", "who", "from", "detail", "hash"}
    assert entries[-1]["action"] == "request.denied" and entries[-1]["detail"] == 'say "why"\\not'
    assert lists(ca, "audit", "ls", "--from", "8")["entries"] == entries[-1:]
    last = run("audit", "verify", "-c", ca / "c.yaml").stdout.strip()
    assert last == f"8:{entries[-1]['hash']}"
    run("request", "show", "-c", ca / "c.yaml", "-o", "json", "0" * 24, status=1)


@pytest.mark.parametrize("words", [["ls", "--limit", "0"], ["ls", "--after", "x"],
                                   ["ls", "--limit", "x"]])
def test_numbers(words):
    assert "a number above 0" in run("request", *words, status=2).stderr
