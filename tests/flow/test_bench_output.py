"""countersign-bench: what gen-pki makes, what a run leaves behind, compare and report."""
import copy
import csv
import html.parser
import json
import os
import re
import signal
import stat
import subprocess
from types import SimpleNamespace

import pytest

from proxy import BENCH, LIMIT_S, Proxy, wait_until
from upstream import Upstream

CLIENTS = 8


def bench(*arguments, expect=0, **options):
    done = subprocess.run([BENCH, *map(str, arguments)], capture_output=True, text=True,
                          timeout=4 * LIMIT_S, check=False, **options)
    assert done.returncode == expect, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def openssl(*arguments):
    return subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True,
                          timeout=LIMIT_S, check=True).stdout


# ---- gen-pki ----


@pytest.mark.parametrize("arguments, says", [
    ([], "how many clients"),
    (["5"], "how many clients"),
    (["5", "d", "e"], "how many clients"),
    (["0", "d"], "from 1 to"),
    (["-1", "d"], "--help"),
    (["x", "d"], "from 1 to"),
    (["1000001", "d"], "from 1 to"),
    (["--key", "rsa1024", "1", "d"], "no type of key"),
    (["--keys", "0", "1", "d"], "--keys"),
    (["--hash", "plain", "1", "d"], "no hash"),
    (["--cost", "3", "1", "d"], "cost of bcrypt"),
    (["--hash", "sha1", "--cost", "5", "1", "d"], "takes no cost"),
    (["--name", "a b", "1", "d"], "no DNS name"),
    (["--days", "0", "1", "d"], "--days"),
    (["--crl", "none", "1", "d"], "--crl"),
    (["--unknown", "1", "d"], "--help"),
])
def test_gen_pki_refuses(tmp_path, arguments, says):
    done = bench("gen-pki", *arguments, expect=2, cwd=tmp_path)
    assert says in done.stderr
    assert not (tmp_path / "d").exists() or not os.listdir(tmp_path / "d")


@pytest.mark.parametrize("there", ["ca.key", "unrelated"])
def test_gen_pki_overwrites_nothing(tmp_path, there):
    (tmp_path / there).write_text("mine")
    assert "not empty" in bench("gen-pki", 1, tmp_path, expect=1).stderr
    assert os.listdir(tmp_path) == [there] and (tmp_path / there).read_text() == "mine"


def test_gen_pki_that_fails_leaves_nothing(tmp_path):
    process = subprocess.Popen([BENCH, "gen-pki", "500000", tmp_path, "--hash", "sha1"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: (tmp_path / "clients").is_dir() and os.listdir(tmp_path / "clients"))
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 1 and "interrupted" in errors
    assert os.listdir(tmp_path) == []


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A directory by gen-pki."""
    directory = tmp_path_factory.mktemp("bench") / "pki"
    bench("gen-pki", CLIENTS, directory, "--crl", 5, "--name", "www.example", "--name", "192.0.2.7")
    return directory


def users_of(directory):
    return [line.split(" ") for line in (directory / "users").read_text().splitlines()]


def test_gen_pki_files(made):
    names = [f"user{i:06}@bench.example" for i in range(CLIENTS)]
    assert sorted(os.listdir(made)) == sorted([
        "ca.crl", "ca.crt", "ca.key", "clients", "htpasswd", "server.crt", "server.key",
        "server.pem", "users"])
    assert sorted(os.listdir(made / "clients")) == [n + ".pem" for n in names]
    for path in [made, *made.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    users = users_of(made)
    assert [u[:2] for u in users] == [[n, n] for n in names]
    assert len({u[2] for u in users}) == CLIENTS
    assert [line.split(":")[0] for line in (made / "htpasswd").read_text().splitlines()] == names
    assert (made / "server.pem").read_text() == ((made / "server.crt").read_text() +
                                                 (made / "server.key").read_text())


def test_gen_pki_certificates(made):
    first = made / "clients/user000000@bench.example.pem"
    assert "OK" in openssl("verify", "-x509_strict", "-purpose", "sslclient", "-crl_check",
                           "-CAfile", made / "ca.crt", "-CRLfile", made / "ca.crl", first)
    assert "OK" in openssl("verify", "-x509_strict", "-purpose", "sslserver", "-CAfile",
                           made / "ca.crt", "-verify_hostname", "www.example", made / "server.crt")
    assert openssl("crl", "-in", made / "ca.crl", "-noout", "-text").count("Serial Number:") == 5
    serials = {openssl("x509", "-in", p, "-noout", "-serial") for p in
               [*(made / "clients").iterdir(), made / "server.crt", made / "ca.crt"]}
    assert len(serials) == CLIENTS + 2
    names = openssl("x509", "-in", made / "server.crt", "-noout", "-ext", "subjectAltName")
    for name in ("DNS:localhost", "IP Address:127.0.0.1", "DNS:www.example", "192.0.2.7"):
        assert name in names


@pytest.mark.parametrize("options, text", [
    (["--key", "rsa2048", "--keys", "1"], "2048 bit"), (["--key", "p384"], "384 bit"),
    (["--key", "ed25519"], "ED25519"),
])
def test_gen_pki_keys(tmp_path, options, text):
    bench("gen-pki", 2, tmp_path / "p", "--hash", "sha1", *options)
    for path in ("server.crt", "clients/user000001@bench.example.pem"):
        assert text in openssl("x509", "-in", tmp_path / "p" / path, "-noout", "-text")


# ---- A run ----


@pytest.fixture(scope="module")
def target(made, tmp_path_factory):
    """A proxy for the clients that gen-pki made: what a run needs to reach it."""
    upstream = Upstream()
    directory = tmp_path_factory.mktemp("proxy")
    proxy = Proxy(directory, SimpleNamespace(dir=made), upstream.address,
                  {"users": {"htpasswd": str(made / "htpasswd")}})
    proxy.start()
    yield ["--ca", str(made / "ca.crt"), "--certs", str(made), "--users", str(made / "users"),
           f"https://localhost:{proxy.port}/"]
    proxy.stop()
    upstream.close()


@pytest.fixture(scope="module")
def outputs(target, tmp_path_factory):
    """One run in every format."""
    d = tmp_path_factory.mktemp("outputs")
    done = bench("--rate", "60/s", "--duration", "2s", "--warmup", "200ms", "--mismatch", "10%",
                 *[f"--output={f}:{d}/run.{f}" for f in ("text", "json", "csv", "hgrm", "html")],
                 "--header", "X-Token: not-to-be-told", *target)
    assert done.stdout == ""
    return d


@pytest.fixture(scope="module")
def document(outputs):
    return json.loads((outputs / "run.json").read_text())


def test_json_adds_up(document):
    assert document["format"] == "countersign-bench/1"
    counts, summary = document["counts"], document["summary"]
    assert counts["started"] == 120 == sum(counts["outcomes"].values()) + counts["not_begun"]
    assert summary["ok"] == counts["outcomes"]["ok"] == 120 and summary["failed"] == 0
    assert counts["mismatched"] == counts["mismatched_refused"] > 0
    assert counts["statuses"] == {"200": 120 - counts["mismatched"], "403": counts["mismatched"]}
    assert counts["full"] + counts["resumed"] == counts["connections"] >= 120
    for kind in ("corrected", "service"):
        total = document["latency"][kind]["total"]
        assert total["count"] == 120
        figures = [total[m] for m in ("min_ns", "p50_ns", "p90_ns", "p99_ns", "p99_9_ns", "max_ns")]
        assert figures == sorted(figures)
        assert total["distribution"][-1] == [100.0, total["max_ns"], 120]
    assert document["latency"]["told"] == "corrected"
    assert summary["p99_ns"] == document["latency"]["corrected"]["total"]["p99_ns"]


def test_json_tells_where_and_how(document, target):
    environment, options = document["environment"], document["options"]
    for member in ("tool", "started", "cpu", "kernel", "openssl", "tls", "cipher", "server_key"):
        assert environment[member], member
    assert environment["tls"] == "TLSv1.3" and environment["identities"] == CLIENTS
    assert (options["url"], options["rate"], options["loop"]) == (target[-1], 60.0, "open")
    assert options["duration_ns"] == 2_000_000_000 and options["headers"] == ["X-Token"]


def test_no_secret_in_any_output(outputs, made):
    words = ["not-to-be-told", *[u[2] for u in users_of(made)]]
    for path in outputs.iterdir():
        text = path.read_text()
        assert not [w for w in words if w in text], path


def test_text_is_one_screen(outputs, document):
    text = (outputs / "run.text").read_text()
    assert len(text.splitlines()) <= 30
    assert re.search(r"^  right +120 ", text, re.M) and "corrected" in text
    assert f"{document['counts']['mismatched']} of them answered with 403" in text


def test_csv_adds_up(outputs, document):
    rows = list(csv.DictReader((outputs / "run.csv").open()))
    assert [int(r["second"]) for r in rows] == list(range(len(rows)))
    for mine, theirs in zip(rows, document["seconds"]):
        assert {k: int(mine[k]) for k in theirs} == theirs
    assert len(rows) == len(document["seconds"]) >= 2


def test_hgrm_is_what_the_json_says(outputs, document):
    lines = (outputs / "run.hgrm").read_text().splitlines()
    assert lines[0].split() == ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"]
    points = [line.split() for line in lines[2:] if not line.startswith("#")]
    told = document["latency"]["corrected"]["total"]["distribution"]
    assert len(points) == len(told)
    for (value, share, count, *_), (percent, ns, n) in zip(points, told):
        assert abs(float(value) - ns / 1e6) < 0.001 and int(count) == n
        assert abs(float(share) - percent / 100) < 1e-6
    assert lines[-2].startswith("#[Max     =") and lines[-2].endswith("120]")


class Outside(html.parser.HTMLParser):
    """Whatever would load something, run something, or is not closed."""

    VOID = {"meta", "br"}

    def __init__(self):
        super().__init__()
        self.found, self.open, self.tables, self.plots = [], [], 0, 0

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID:
            self.open.append(tag)
        self.tables += tag == "table"
        self.plots += tag == "svg"
        if tag in ("script", "link", "img", "iframe", "object", "base", "form"):
            self.found.append(tag)
        self.found += [a for a, v in attrs if a in ("src", "href", "xlink:href") or a[:2] == "on"]

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.open.remove(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def read_page(path):
    text = path.read_text()
    assert "url(" not in text and "@import" not in text
    page = Outside()
    page.feed(text)
    assert page.found == [] and page.open == [] and page.tables >= 4
    return page, text


def test_page_stands_alone(outputs):
    page, text = read_page(outputs / "run.html")
    assert page.plots == 6 and "There are no plots" not in text
    assert 'name="viewport"' in text and "prefers-color-scheme:dark" in text


def test_page_without_gnuplot(outputs, tmp_path):
    bench("report", "-o", tmp_path / "r.html", outputs / "run.json", env={"PATH": "/nowhere"})
    page, text = read_page(tmp_path / "r.html")
    assert page.plots == 0 and "There are no plots" in text


def test_output_to_standard_output(target):
    done = bench("--operations", 5, "--warmup", "0s", "--output", "json", *target)
    assert json.loads(done.stdout)["counts"]["started"] == 5
    assert "latency" in bench("--operations", 5, "--warmup", "0s", *target).stdout


def test_output_that_cannot_be_written(target, tmp_path):
    """What is found out only at the end does not keep the others from being written."""
    done = bench("--operations", 5, "--warmup", "0s", "--output", "json:/dev/full",
                 "--output", f"csv:{tmp_path}/a.csv", *target, expect=1)
    assert "/dev/full" in done.stderr
    assert os.listdir(tmp_path) == ["a.csv"]


def test_wrong_answers_are_told_and_fail(target):
    done = bench("--operations", 5, "--warmup", "0s", "--expect", 204, *target, expect=1)
    assert re.search(r"5   wrong status \(of all answers 200: 5\)$", done.stdout, re.M), done.stdout


# ---- compare ----


@pytest.fixture
def pair(document, tmp_path):
    """pair(changes) gives the paths of the run, as if nothing had limited it, and of a copy with a
    changed summary."""
    def make(changes, top=None):
        old = {**document, "client": {**document["client"], "limited_by": []}}
        new = copy.deepcopy(old)
        new["summary"].update(changes)
        new.update(top or {})
        (tmp_path / "a.json").write_text(json.dumps(old))
        (tmp_path / "b.json").write_text(json.dumps(new))
        return [tmp_path / "a.json", tmp_path / "b.json"]
    return make


@pytest.mark.parametrize("factor, condition, status", [
    (1.11, "p99>+10%", 1), (1.09, "p99>+10%", 0), (0.5, "p99>+10%", 0), (0.94, "p99<-5%", 1),
    (1.0, "p99>-10%", 1), (0.8, "p99 > -10%", 0), (1.0, "p99>10s", 0), (1.0, "p99>1ns", 1),
    (1.0, "p99>+1ns", 0), (1.01, "p99_ns>+1ns", 1),
])
def test_compare_judges(document, pair, factor, condition, status):
    paths = pair({"p99_ns": round(document["summary"]["p99_ns"] * factor)})
    done = bench("compare", "--fail-if", condition, *paths, expect=status)
    assert ("FAILED" if status else "passed") in done.stdout


def test_compare_shows_ratios_and_needs_every_condition_to_pass(document, pair):
    paths = pair({"p50_ns": document["summary"]["p50_ns"] * 2, "rate": 1.0})
    table = bench("compare", *paths).stdout
    assert re.search(r"^p50 .* 2\.000  \+100\.0 %$", table, re.M), table
    done = bench("compare", "--fail-if", "p99>+1%", "--fail-if", "rate<-5%", *paths, expect=1)
    assert re.findall(r"^(passed|FAILED)  (\w+)", done.stdout, re.M) == [
        ("passed", "p99"), ("FAILED", "rate")]


@pytest.mark.parametrize("changes, condition, failed", [
    ({}, "p5*>+10%", []), ({"p50_ns": 2}, "p*>+10%", ["p50_ns"]), ({"p50_ns": 2, "p99_ns": 2}, "*>+10%",
                                                                   ["p50_ns", "p99_ns"]),
    ({"p50_ns": 2}, "*_p*>+10%", []),
])
def test_compare_judges_every_figure_that_fits(document, pair, changes, condition, failed):
    paths = pair({name: document["summary"][name] * factor for name, factor in changes.items()})
    done = bench("compare", "--fail-if", condition, *paths, expect=1 if failed else 0)
    assert re.findall(r"^FAILED  (\w+)", done.stdout, re.M) == failed
    assert re.search(r"^passed  ", done.stdout, re.M)


def test_compare_wants_a_figure_that_fits(pair):
    assert "no figure" in bench("compare", "--fail-if", "q*>+10%", *pair({}), expect=2).stderr


def test_compare_takes_paths_into_the_document(pair):
    bench("compare", "--fail-if", "latency.service.handshake.p99_ns>+0.001%",
          "--fail-if", "counts.outcomes.alert>0", *pair({}))


def test_compare_of_nothing_fails(pair):
    done = bench("compare", "--fail-if", "p99>+10%", *pair({"p99_ns": None}), expect=1)
    assert "no right answer" in done.stdout


def test_compare_tells_what_differs(pair, document):
    top = {"environment": {**document["environment"], "cpu": "another"}}
    assert "differs: environment.cpu" in bench("compare", *pair({}, top)).stdout


@pytest.mark.parametrize("option", [
    "arrivals", "mismatch", "per_connection", "in_flight", "method", "expect"])
def test_compare_tells_other_options(pair, document, option):
    top = {"options": {**document["options"], option: 5}}
    assert f"differs: options.{option}: " in bench("compare", *pair({}, top)).stdout


@pytest.mark.parametrize("limit, words", [
    ("connections", "connections were used up"), ("cpu", "no processor time left"),
    ("lag", "began late"), ("local", "ran out here"), ("moon", "limit besides the server's: \"moon\"")])
def test_compare_tells_which_limit_was_met(pair, document, limit, words):
    top = {"client": {**document["client"], "limited_by": [limit]}}
    told = bench("compare", *pair({}, top)).stdout
    assert words in told
    assert ("the client was the limit" in told) == (limit in ("cpu", "lag", "local"))


@pytest.mark.parametrize("arguments", [
    [], ["a.json"], ["a.json", "b.json", "b.json"], ["--fail-if", "p99", "a.json", "b.json"],
    ["--fail-if", "p99>10%", "a.json", "b.json"], ["--fail-if", "p98>+10%", "a.json", "b.json"],
    ["--fail-if", "p99>5", "a.json", "b.json"], ["--fail-if", "rate<5ms", "a.json", "b.json"],
    ["--fail-if", "options.url>0", "a.json", "b.json"], ["--fail", "a.json", "b.json"],
    ["a.json", "missing.json"], ["a.json", "later.json"], ["a.json", "other.json"],
    ["a.json", "broken.json"],
])
def test_compare_wrong_usage(pair, tmp_path, arguments):
    pair({})
    (tmp_path / "later.json").write_text('{"format": "countersign-bench/2", "summary": {}}')
    (tmp_path / "other.json").write_text('{"version": 1}')
    (tmp_path / "broken.json").write_text('{"format": ')
    assert bench("compare", *arguments, expect=2, cwd=tmp_path).stderr


# ---- report ----


def test_report_of_several_runs(outputs, tmp_path):
    run = outputs / "run.json"
    bench("report", "-o", tmp_path / "r.html", f"<b>nginx=={run}".replace("==", "="),
          f'two "quotes" & more={run}', run)
    page, text = read_page(tmp_path / "r.html")
    assert page.plots == 6
    assert "&lt;b&gt;nginx" in text and "two &quot;quotes&quot; &amp; more" in text
    assert "×1<" in text and "</span>run</th>" in text


@pytest.mark.parametrize("arguments", [[], ["-x", "run.json"], ["-o"], ["missing.json"],
                                       ["run.json"] * 9])
def test_report_wrong_usage(outputs, arguments):
    assert bench("report", *arguments, expect=2, cwd=outputs).stderr


def test_report_replaces_its_file_as_a_whole(outputs, tmp_path):
    target_file = tmp_path / "r.html"
    target_file.write_text("old")
    bench("report", "--output", target_file, outputs / "run.json")
    assert target_file.read_text().endswith("</html>\n")
    assert os.listdir(tmp_path) == ["r.html"]
    tmp_path.chmod(0o500)
    try:
        if os.geteuid() != 0:
            bench("report", "--output", target_file, outputs / "run.json", expect=1)
    finally:
        tmp_path.chmod(0o700)
