"""What bench/compare tells of figures: how low a ratio could be, whom the load tool held up, how many
rounds memory has; and that a run that is ended from outside ends without noise."""
import os
import signal
import socket
import subprocess
import sys
from types import SimpleNamespace

import pytest

from test_compare import COMPARE, MINUTES_S, SOMEWHERE, TOOL, needs

OURS = {"client's signature verified": 0.2, "own signature": 0.1, "key exchange": 0.2, "kernel": 0.1,
        "all else of TLS": 0.2, "all else: connection, request, log line": 0.2}
THEIRS = {"tickets made or read": 0.6, "own signature": 0.15, "kernel": 0.15,
          "all else: connection, request, log line": 0.1}


def entry(ratio=0.5, at_most=0.45, how="load", servers=("countersign", "nginx"), **shares):
    bar = {"ours": "countersign", "theirs": "nginx", "at_most": at_most, "at_least": None,
           "met": False, "ratio": {"median": ratio, "p10": ratio - 0.1, "p90": ratio + 0.1}}
    return {"how": how, "bars": [bar], "unit": "us CPU",
            "servers": {who: {"value": {"median": 1000.0}} for who in servers},
            "purposes": {"countersign": OURS, "nginx": THEIRS, **shares}}


CLOSE = [  # (sentence, ratio's p10, median and p90, at most, at least, close)
    ("all rounds are below", (0.3, 0.4, 0.44), 0.45, None, False),
    ("some are above", (0.3, 0.4, 0.46), 0.45, None, True),
    ("missed is not met", (0.3, 0.46, 0.5), 0.45, None, False),
    ("a rate that is high in all rounds", (1001, 2000, 3000), None, 1000.0, False),
    ("a rate that is low in some", (900, 2000, 3000), None, 1000.0, True),
]


@pytest.mark.parametrize("row", CLOSE, ids=[row[0] for row in CLOSE])
def test_bars_that_are_met_by_little(monkeypatch, row):
    _, (low, median, high), at_most, at_least, wanted = row
    monkeypatch.syspath_prepend(str(COMPARE))
    import page
    met = median <= at_most if at_most is not None else median >= at_least
    bar = {"met": met, "at_most": at_most, "at_least": at_least,
           "ratio": {"p10": low, "median": median, "p90": high}}
    assert page.is_close(bar) is wanted


LEAST = [  # (sentence, entry, columns from the third, what is said instead)
    ("what the bar leaves to the rest of TLS",
     entry(), ("0.50", "50.0", "0.30 (0.24-0.36)", "0.40 (0.32-0.48)", "0.30", "0.05, where ours takes 0.10"),
     None),
    ("our own part is too much",
     entry(at_most=0.35), ("0.50", "150", "0.30 (0.24-0.36)", "0.40 (0.32-0.48)", "0.30",
                           "nothing: it would have to cost less than that"), None),
    ("public-key work and the kernel are too much",
     entry(at_most=0.25), ("0.50", "250", "0.30 (0.24-0.36)", "0.40 (0.32-0.48)", "0.30",
                           "nothing: less than libcrypto and the kernel take of us"), None),
    ("a part that is not there takes nothing",
     entry(countersign={"kernel": 0.4, "all else of TLS": 0.6}),
     ("0.50", "50.0", "0.20 (0.16-0.24)", "0.20 (0.16-0.24)", "0.30", "0.25, where ours takes 0.30"), None),
    ("samples that belong nowhere are in no part",
     entry(countersign={**OURS, "kernel": 0.0, "not told: the stack could not be followed": 0.1}),
     ("0.50", "50.0", "0.25 (0.20-0.30)", "0.35 (0.28-0.42)", "0.30", "0.10, where ours takes 0.15"), None),
    ("the other's profile is missing: its column only",
     entry(nginx={}), ("0.50", "50.0", "0.30 (0.24-0.36)", "0.40 (0.32-0.48)", "–",
                       "0.05, where ours takes 0.10"), None),
    ("the other's shares do not add up: its column only",
     entry(nginx={"kernel": 0.5}), ("0.50", "50.0", "0.30 (0.24-0.36)", "0.40 (0.32-0.48)", "–",
                                    "0.05, where ours takes 0.10"), None),
    ("no profile of ours", entry(countersign={}), None, "no profile of countersign was taken"),
    ("no profile at all", {**entry(), "purposes": {}}, None, "no profile of countersign was taken"),
    ("too little of ours", entry(countersign={**OURS, "kernel": 0.0}), None,
     "the shares of countersign do not add up: 0.90"),
    ("too much of ours", entry(countersign={**OURS, "kernel": 0.2}), None,
     "the shares of countersign do not add up: 1.10"),
    ("the other was not measured", entry(servers=("countersign",)), None, "nginx was not measured"),
    ("we were not measured", entry(servers=("nginx",)), None, "countersign was not measured"),
    ("memory has no such parts", entry(how="idle"), None, None),
    ("nor has a rate", {**entry(), "bars": [{**entry()["bars"][0], "at_most": None}]}, None, None),
    ("a bar that is met needs no excuse", {**entry(), "bars": [{**entry()["bars"][0], "met": True}]},
     None, None),
]


@pytest.mark.parametrize("of, columns, instead", [row[1:] for row in LEAST],
                         ids=[row[0] for row in LEAST])
def test_how_low_a_ratio_could_be(monkeypatch, of, columns, instead):
    monkeypatch.syspath_prepend(str(COMPARE))
    import least
    import page
    lines, untold = least.lines(of)
    assert [line[2:] for line in lines] == ([columns] if columns else [])
    assert untold == ([f"of nginx: {instead}"] if instead else [])
    told = page.render.markdown(page.least_told(of))
    assert (columns or ("",))[-1] in told and (instead or "") in told
    assert bool(told) == bool(columns or instead)


def test_several_bars_with_one_reason_tell_it_once(monkeypatch):
    monkeypatch.syspath_prepend(str(COMPARE))
    import least
    of = {**entry(), "purposes": {}}
    of["bars"] = of["bars"] * 2
    assert least.lines(of) == ([], ["of nginx: no profile of countersign was taken"])


LIMITED = [  # (in which rounds the load tool was the limit, how it is measured, name, median)
    ([0, 0, 0], "load", "nginx", "5.00 us CPU"),
    ([0, 1, 0], "load", "nginx", "5.00 us CPU"),
    ([1, 1, 0], "load", "nginx †", "5.00 us CPU"),
    ([1, 0], "load", "nginx †", "5.00 us CPU"),
    ([1, 1, 1], "rate", "nginx †", "at least 5.00 us CPU"),
    ([0, 0, 1], "rate", "nginx", "5.00 us CPU"),
    (None, "idle", "nginx", "5.00 us CPU"),
]


@pytest.mark.parametrize("rounds, how, name, median", LIMITED)
def test_the_load_tools_limit_is_marked(monkeypatch, rounds, how, name, median):
    monkeypatch.syspath_prepend(str(COMPARE))
    import figures
    import page
    values = {"value": figures.summary([5.0] * 4)}
    if rounds is not None:
        values["tool_limited"] = figures.summary([float(limited) for limited in rounds])
    blocks = page.all_figures({"scenarios": [{"title": "t", "how": how, "unit": "us CPU",
                                              "servers": {"nginx": values}}]})
    told = page.render.markdown(blocks)
    assert f"| t | {name} | {median} | 5.00–5.00 | 4 | – | – |" in told
    assert ("† In half of the rounds" in told) == ("†" in name)
    assert f"<td>t</td><td>{name}</td><td>{median}</td>" in page.render.page("", blocks)


FILLED = [  # (sentences, text)
    (["Ours {value countersign}, theirs {value nginx} us."], "Ours 5.00, theirs 2,000 us."),
    (["{us countersign: kernel} of {left nginx} us, {fills nginx: public-key work} for the keys."],
     "0.50 of 900 us, 0 % for the keys."),
    (["{us nginx: kernel}, {us nginx: public-key work and kernel}, {us nginx: rest of TLS}."],
     "300, 600, 1,200."),
    (["{share countersign: kernel} kernel, {share countersign: public-key work}."], "10 % kernel, 50 %."),
    (["{share nginx: connection}.", "So."], "10 %. So."),
    (["{share nginx: client's signature verified}: not at all."], "0 %: not at all."),
    (["No profile: {share haproxy: kernel}.", "Still."], "Still."),
    (["No samples: {share nginx-off: kernel}.", "Still."], "Still."),
    (["Nobody: {value haproxy}.", "Nor {left haproxy}."], ""),
    (["{not a place} stays."], "{not a place} stays."),
]


@pytest.mark.parametrize("sentences, text", FILLED)
def test_reasons_have_the_figures_of_the_result(monkeypatch, sentences, text):
    monkeypatch.syspath_prepend(str(COMPARE))
    import reasons
    of = entry(**{"nginx-off": {}})
    of["servers"] = {"countersign": {"value": {"median": 5.0}}, "nginx": {"value": {"median": 2000.0}}}
    assert reasons.fill(sentences, of) == text


def whole(monkeypatch, **changes):
    """A result as small as can be: a missed bar with profiles, a p99, and a server held up."""
    monkeypatch.syspath_prepend(str(COMPARE))
    import figures
    of = {**entry(ratio=0.6), "name": "full", "title": "full & request", "unit": "us CPU"}
    of["bars"][0]["by"] = 0.33
    values = {"value": figures.summary([5.0, 6.0, 7.0]), "tool_limited": figures.summary([1.0, 1.0])}
    of["servers"] = dict.fromkeys(("countersign", "nginx"), values)
    mixed = {**of, "name": "beside", "title": "p99", "how": "mixed", "unit": "us p99", "purposes": {},
             "bars": [{**of["bars"][0], "met": True}],
             "servers": {"nginx": {"value": values["value"], "samples": figures.summary([4000, 3999])},
                         "countersign": {"value": values["value"]}}}
    return {"scenarios": [of, mixed], "rounds": 13, "slice_s": 0.2, "equal": ["all"], "chosen": ["some"],
            "command": "bench/compare/run --rounds 13 --slice 0.2",
            "environment": {**SOMEWHERE, "commit": "abc1234, with changes"}, **changes}


GROWTH = {"command": "bench/compare/growth --rounds 41 --slice 0.3 users", "rounds": 41, "slice_s": 0.3,
          "environment": {"date": "d", "countersign": "1.0", "commit": "fff0000"},
          "kinds": [{"kind": "users", "title": "users", "sizes": [1, 10],
                     "costs": {"handshake": [{"median": 2.0}, {"median": 4.0}]},
                     "ratios": {"handshake": {"median": 2.0, "rounds": [2.0] * 9}}}]}
BOTH = ("1 of 2 bars are met", "full & request", "missed by 33 %", "countersign †", "In half of the rounds",
        "least of", "nothing: it would have to cost less than that", "commit abc1234, with changes",
        "3 of 3,999 requests or more", "$ bench/compare/run --rounds 13 --slice 0.2 --write-docs\n", "all",
        "client's signature verified", "Because it is 50 %.",
        "0.60 of nginx, where <= 0.45 was wanted: missed by 33 %, 0.90 us of CPU to save. Because it is "
        "50 %. What would have to change: less.", "All are 10 %.", "Everybody was known")
REASONS = {"run": "So it was.", "growth": {"users": ["They are 2."]},
           "shares": {"handshake": ["All are {share countersign: kernel}."]},
           "bars": {"full": {"why": ["Because it is {share countersign: public-key work}."],
                             "change": ["less."], "shares": "handshake"}}}


def test_both_renderings_say_the_same(monkeypatch):
    result = whole(monkeypatch)
    import html
    import page
    text = page.render.markdown(page.document(result, GROWTH, REASONS))
    monkeypatch.setattr(page, "kept", lambda name: REASONS)
    report = html.unescape(page.page(result))
    for told in (text, report):
        assert not [words for words in BOTH if words not in told]
        assert told.index("Bars") < told.index("Where we lose") < told.index("How it was measured")
        assert "{share" not in told
    assert "What would have to change: less. [Its profile](#full--request) stands below.\n" in text
    assert "What would have to change: less. Its profile stands below.<" in report
    assert "| users | handshake | 1: 2.00 | 10: 4.00 | 2.00 (2.00–2.00) | grows |" in text
    result["scenarios"] = result["scenarios"][1:]
    text_of_none = page.render.markdown(page.document(result, GROWTH, REASONS))
    assert "1 of 1 bars are met" in text_of_none and "Nowhere in this run." in text_of_none
    assert "## Where the time goes, where we lose" in text_of_none and "Not told: " in text_of_none
    assert "commit fff0000" in text and "--slice 0.3 users --write-docs\n" in text
    assert "Growth" not in report and report.count("<svg") == 2 and 'class="missed"' in report


SAVED = [  # (unit, at most, at least, ratio, what is told)
    ("us CPU", 0.4, None, 0.5, "<= 0.40 was wanted: missed by 25 %, 20.0 us of CPU to save"),
    ("KiB", 0.4, None, 0.5, "<= 0.40 was wanted: missed by 25 %, 20.0 KiB to save"),
    ("us p99", 0.4, None, 0.5, "<= 0.40 was wanted: missed by 25 %, 20.0 us of the p99 to save"),
    ("requests/s", None, 1000.0, 900.0,
     ">= 1,000 was wanted: missed by 10 %, 20,000 requests/s too few"),
]


@pytest.mark.parametrize("unit, most, least, ratio, told", SAVED, ids=[row[0] for row in SAVED])
def test_a_missed_bar_says_what_there_is_to_save(monkeypatch, unit, most, least, ratio, told):
    monkeypatch.syspath_prepend(str(COMPARE))
    import figures
    import page
    met, by = figures.judge(ratio, most, least)
    bar = {"theirs": "nginx", "at_most": most, "at_least": least, "met": met, "by": by,
           "ratio": {"median": ratio, "p10": ratio, "p90": ratio}}
    of = {"name": "x", "title": "t", "unit": unit, "bars": [bar],
          "servers": {"nginx": {"value": {"median": 200.0}}}}
    assert page.loss(of, {}) == f"**t**: {page.number(ratio)} of nginx, where {told}."


def test_every_scenario_says_what_would_have_to_change(monkeypatch):
    """Also where nothing is told of what its time goes to; and nothing stands there for nobody."""
    monkeypatch.syspath_prepend(str(COMPARE))
    import page
    import purposes
    import reasons
    import scenarios
    kept = page.kept("reasons")
    assert list(kept["bars"]) == [scenario.name for scenario in scenarios.SCENARIOS]
    places = [place for scenario in scenarios.SCENARIOS for sentence in (
        *kept["bars"][scenario.name]["change"], *kept["bars"][scenario.name].get("why", []),
        *kept["shares"].get(kept["bars"][scenario.name].get("shares"), []))
              for place in reasons.PLACE.finditer(sentence)]
    known = {*reasons.PARTS, *purposes.ORDER, None}
    assert len(places) > 30 and {place[3] for place in places} <= known
    for scenario in scenarios.SCENARIOS:
        told = kept["bars"][scenario.name]
        bare = {"name": scenario.name, "bars": [], "servers": {}}
        assert reasons.fill(told["change"], bare), scenario.name
        assert set(told) <= {"why", "change", "shares"}, scenario.name
        assert scenario.how != "load" or told["shares"] in kept["shares"], scenario.name
        whole_of = {"servers": {who: {"value": {"median": 5.0}} for who in scenario.servers},
                    "purposes": {who: dict.fromkeys(purposes.ORDER, 0.1) for who in scenario.servers},
                    "bars": [{"ours": bar.ours, "theirs": bar.theirs, "at_most": bar.at_most}
                             for bar in scenario.bars]}
        for sentence in (*told["change"], *told.get("why", []), *kept["shares"].get(told.get("shares"), [])):
            assert reasons.fill([sentence], whole_of), sentence


def test_links_to_profiles_are_those_of_the_page(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(COMPARE))
    import documents
    import render
    import scenarios
    titles = [scenario.title for scenario in scenarios.SCENARIOS]
    monkeypatch.setattr(documents, "ROOT", tmp_path)
    (tmp_path / "page.md").write_text("".join(f"### {title}\n" for title in titles))
    assert {render.anchor(title) for title in titles} == documents.anchors("page.md")


def test_first_visits_are_told_where_they_were_measured(monkeypatch):
    monkeypatch.syspath_prepend(str(COMPARE))
    import page
    tables = {"kind": "tables", "sizes": [1000, 10000], "costs": {"handshake": [{"median": 400.0},
                                                                               {"median": 900.0}]}}
    for growth in (None, GROWTH):
        assert page.limits(growth)[0].endswith("What a first visit costs is not measured here.")
    told = page.limits({"kinds": [*GROWTH["kinds"], tables]})
    assert told[0].endswith("900 us with 10,000 clients, where it is 400 with 1,000.")
    assert told[1:] == page.LIMITS


def test_a_commit_is_told_with_what_was_changed(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(COMPARE))
    import environment
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    assert environment.commit() == "unknown"

    def git(*words):
        subprocess.run(["git", "-C", tmp_path, "-c", "user.name=n", "-c", "user.email=e", *words],
                       check=True, capture_output=True)

    git("init")
    for name in ("docs/benchmarks.md", "bench/compare/result.json", "a.c"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("before")
    git("add", ".")
    git("commit", "-m", "first")
    clean = environment.commit()
    (tmp_path / "docs/benchmarks.md").write_text("after")
    (tmp_path / "bench/compare/result.json").write_text("after")
    assert environment.commit() == clean and 7 <= len(clean) <= 40
    (tmp_path / "a.c").write_text("after")
    assert environment.commit() == f"{clean}, with changes"


def test_p99_has_rounds_of_its_own(monkeypatch):
    """Of thousands of requests, whatever a slice is."""
    monkeypatch.syspath_prepend(str(COMPARE))
    import measure
    asked = []

    def run(*_, **options):
        asked.append(options)
        return SimpleNamespace(p99_us=9.0, p50_us=1.0, operations=options.get("rate", 0) * 16, seconds=16)

    loader = SimpleNamespace(run=run, start=lambda *_, **__: None, finish=lambda _: run(rate=1))
    monkeypatch.setattr(measure.time, "sleep", lambda _: None)
    bench = SimpleNamespace(plan=measure.Plan(countersign="", tool="", rounds=1, slice_s=0.01),
                            load=loader, material=lambda _: SimpleNamespace(users=range(1000)),
                            start=lambda *_: SimpleNamespace(port=1, stop=lambda: None))
    rows, _ = measure.measure_mixed(bench, SimpleNamespace(name="beside", servers=("nginx",)))
    assert rows["nginx"]["value"] == [9.0] * 9
    assert min(rows["nginx"]["samples"]) >= 3000
    assert {o["seconds"] for o in asked if o.get("in_flight") == 16} == {16.0}


@pytest.mark.parametrize("rounds", [1, 99])
def test_memory_has_rounds_of_its_own(monkeypatch, rounds):
    monkeypatch.syspath_prepend(str(COMPARE))
    import measure
    monkeypatch.setattr(measure, "idle_kib", lambda *unused: 5.0)
    plan = measure.Plan(countersign="", tool="", rounds=rounds)
    bench = SimpleNamespace(plan=plan, start=lambda *unused: SimpleNamespace(stop=lambda: None))
    rows, _ = measure.measure_idle(bench, SimpleNamespace(name="idle", servers=("nginx", "haproxy")))
    assert rows == {"nginx": {"value": [5.0] * 3}, "haproxy": {"value": [5.0] * 3}}


@needs("taskset")
def test_no_load_is_left_running(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(COMPARE))
    import load
    tool = tmp_path / "tool"
    tool.write_text(f"#!{sys.executable}\nimport sys, time\ntime.sleep('rest' in sys.argv and 600)\n")
    tool.chmod(0o700)
    made = SimpleNamespace(ca="", users_file="", some_clients=lambda count: "")
    loader = load.Load(str(tool), min(os.sched_getaffinity(0)))
    resting = [loader.start(made, 1, "rest") for _ in range(2)]
    ended = loader.start(made, 1, "request")
    with pytest.raises(load.Failed):
        loader.finish(ended)
    loader.stop()
    assert [process.returncode for process in (*resting, ended)] == [-signal.SIGKILL,
                                                                     -signal.SIGKILL, 0]
    assert not loader.running


HOLD = """import signal, sys
sys.path.insert(0, {compare!r})
signal.signal(signal.SIGTERM, lambda *_: sys.exit("interrupted"))
signal.signal(signal.SIGINT, lambda *_: sys.exit("interrupted"))
import load, material
loader = load.Load({tool!r}, {core})
try:
    loader.hold(material.Material({made!r}), {port}, 3)
finally:
    loader.stop()
"""
ENDS = [  # (signal, whether to all processes, as a terminal does)
    (signal.SIGTERM, False), (signal.SIGTERM, True), (signal.SIGINT, True)]


@needs("taskset")
@pytest.mark.parametrize("number, to_all", ENDS)
def test_who_holds_connections_ends_without_noise(tmp_path, monkeypatch, number, to_all):
    """Ended while they are being opened; the server goes then, and nobody complains of it."""
    monkeypatch.syspath_prepend(str(COMPARE))
    import material
    made = material.make(str(TOOL), tmp_path / "made", 3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = HOLD.format(compare=str(COMPARE), tool=str(TOOL), made=str(made.dir),
                           port=server.getsockname()[1], core=min(os.sched_getaffinity(0)))
        process = subprocess.Popen([sys.executable, "-B", "-c", code], stderr=subprocess.PIPE,
                                   text=True, start_new_session=True)
        server.settimeout(MINUTES_S)
        held, _ = server.accept()
        (os.killpg if to_all else os.kill)(process.pid, number)
        process.wait(MINUTES_S)
        held.settimeout(MINUTES_S)
        while held.recv(4096):
            pass  # until its end: the process that held it is gone
        held.close()
    assert process.communicate(timeout=MINUTES_S)[1] == "interrupted\n" and process.returncode == 1
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
