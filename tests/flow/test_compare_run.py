"""What bench/compare/run writes, and what it and growth refuse before they measure for hours. Nothing is
measured."""
import contextlib
import json
import runpy
import sys

import pytest

from test_compare import COMPARE, SOMEWHERE, small


@pytest.fixture
def begin(tmp_path, monkeypatch):
    """Calls it with these arguments, in a tree of its own; measuring takes no time."""
    monkeypatch.syspath_prepend(str(COMPARE))
    import environment
    import measure
    import page
    import purposes
    measured = []

    def one(_, scenario):
        measured.append(scenario.name)
        return small(scenario)

    monkeypatch.setattr(environment, "environment", lambda program: SOMEWHERE)
    monkeypatch.setattr(measure, "Bench", lambda *unused: contextlib.nullcontext())
    monkeypatch.setattr(measure, "measure", one)
    monkeypatch.setattr(page, "PAGE", tmp_path / "benchmarks.md")
    monkeypatch.setattr(page, "from_files", lambda: "the page")

    def call(*arguments, perf=True):
        measured.clear()
        monkeypatch.setattr(purposes, "can_be_told", lambda: perf)
        monkeypatch.setattr(sys, "argv", ["run", "--no-install", *map(str, arguments)])
        monkeypatch.setattr("pathlib.Path.resolve", lambda self: tmp_path / "bench/compare/run")
        main = runpy.run_path(str(COMPARE / "run"))["main"]
        (tmp_path / "bench/compare").mkdir(parents=True, exist_ok=True)
        main()
        return list(measured)

    return call


def test_a_result_is_written_without_asking(begin, tmp_path):
    assert begin("full", "idle") == ["full", "idle"]
    result = json.loads((tmp_path / "build/compare.json").read_text())
    assert [entry["name"] for entry in result["scenarios"]] == ["full", "idle"] and not result["tiny"]
    assert "<svg" in (tmp_path / "build/compare.html").read_text()
    assert not (tmp_path / "benchmarks.md").exists()


def test_a_result_has_the_name_it_is_given(begin, tmp_path):
    begin("full", "--json", tmp_path / "a/own.json", "--html", tmp_path / "own.html")
    assert json.loads((tmp_path / "a/own.json").read_text())["failed"] is None
    assert (tmp_path / "own.html").exists() and not (tmp_path / "build").exists()


def test_an_older_result_is_not_written_again(begin, tmp_path):
    begin("full", "--json", tmp_path / "own.json", "--html", tmp_path / "own.html")
    assert begin("--from", tmp_path / "own.json") == []
    assert [file.name for file in (tmp_path / "build").iterdir()] == ["compare.html"]


def test_documents_are_made_of_a_whole_run(begin, tmp_path):
    assert len(begin("--write-docs")) > 15
    assert (tmp_path / "benchmarks.md").read_text() == "the page"
    assert not json.loads((tmp_path / "bench/compare/result.json").read_text())["failed"]


REFUSED = [  # (sentence, arguments, whether perf is there, what is said)
    ("a part", ("--write-docs", "full"), True, "not made of a part: full-chain "),
    ("as little as there can be", ("--write-docs", "--tiny"), True, "not made of --tiny"),
    ("no perf", ("--profiles", "build/profiles"), False, "linux-perf"),
]


@pytest.mark.parametrize("arguments, perf, said", [row[1:] for row in REFUSED],
                         ids=[row[0] for row in REFUSED])
def test_it_is_refused_before_anything_is_measured(begin, tmp_path, arguments, perf, said):
    with pytest.raises(SystemExit, match=said):
        begin(*arguments, perf=perf)
    assert not (tmp_path / "build").exists() and not (tmp_path / "benchmarks.md").exists()


def test_growth_makes_no_documents_of_next_to_nothing(monkeypatch):
    monkeypatch.syspath_prepend(str(COMPARE))
    monkeypatch.setattr(sys, "argv", ["growth", "--no-install", "--tiny", "--write-docs"])
    growth = runpy.run_path(str(COMPARE / "growth"))["main"]
    monkeypatch.setitem(growth.__globals__, "measure", lambda *unused: pytest.fail("it was measured"))
    with pytest.raises(SystemExit, match="not made of --tiny"):
        growth()


OLDER = [  # (what is measured before, why no document is made of it)
    (("full",), "not made of a part: full-chain "), (("--tiny",), "not made of --tiny")]


@pytest.mark.parametrize("before, said", OLDER)
def test_documents_are_not_made_of_a_part_taken_before(begin, tmp_path, before, said):
    begin(*before)
    with pytest.raises(SystemExit, match=said):
        begin("--from", tmp_path / "build/compare.json", "--write-docs", perf=False)
    assert not (tmp_path / "benchmarks.md").exists()
    assert not (tmp_path / "bench/compare/result.json").exists()
