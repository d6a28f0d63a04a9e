"""The scripts of bench/compare at work, with as little of everything as there can be: every row is
there and every answer was right. No figure is judged: those of a busy machine say nothing."""
import collections
import contextlib
import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import bench
from bench_server import KnownServer, ok, status
from documents import ROOT
from proxy import PROGRAM, wait_until

COMPARE = ROOT / "bench/compare"
TOOL = Path(PROGRAM).with_name("countersign-bench")
VARIANTS = ("full-chain", "crl-200000", "keepalive-few", "floor-rsa")  # of others: not worth the time
MINUTES_S = 600  # how long a script may take on a busy machine, with sanitizers


def needs(*programs):
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    missing = [p for p in programs if not shutil.which(p, path=path)]
    if not TOOL.exists():
        missing.append(TOOL.name)
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


def run(script, *arguments):
    return subprocess.run([COMPARE / script, "--no-install", "--countersign", PROGRAM, *arguments],
                          capture_output=True, text=True, timeout=MINUTES_S, check=False)


def result_of(script, tmp_path, *arguments):
    file = tmp_path / "result.json"
    done = run(script, "--tiny", "--json", file, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(file.read_text()), done.stdout


def is_summary(value):
    return value["p10"] <= value["median"] <= value["p90"]


@needs("nginx", "haproxy", "taskset")
def test_comparison_has_every_row(tmp_path):
    listed = [line.split()[0] for line in run("run", "--list").stdout.splitlines()]
    names = [name for name in listed if name not in VARIANTS]
    assert len(names) == len(listed) - len(VARIANTS) == 13
    result, text = result_of("run", tmp_path, "--html", tmp_path / "page.html", *names)
    assert [entry["name"] for entry in result["scenarios"]] == names
    for entry in result["scenarios"]:
        others = {"floor"} if entry["how"] == "floor" else {"nginx", "haproxy"}
        assert {"countersign", *others} <= set(entry["servers"]), entry["name"]
        assert all(is_summary(row["value"]) for row in entry["servers"].values()), entry
        assert entry["bars"] and all(is_summary(bar["ratio"]) for bar in entry["bars"]), entry
        assert entry["title"] in text and entry["title"] in (tmp_path / "page.html").read_text()
    (resumed,) = [e for e in result["scenarios"] if e["name"] == "resumed"]
    for who, row in resumed["servers"].items():
        assert row["resumed"]["median"] > 0, who


@needs("nginx", "taskset", "gnuplot")
def test_growth_has_every_row(tmp_path):
    result, text = result_of("growth", tmp_path, "--plot", tmp_path / "growth.svg")
    assert "</svg>" in (tmp_path / "growth.svg").read_text()
    assert [entry["kind"] for entry in result["kinds"]] == [
        "users", "certificates", "crl", "routes", "connections", "tables"]
    for entry in result["kinds"]:
        assert list(entry["costs"]) == ["handshake", "request"][:1 if entry["kind"] == "tables" else 2]
        for cost in entry["costs"]:
            assert len(entry["costs"][cost]) == len(entry["sizes"]) == 2
            assert all(is_summary(value) for value in entry["costs"][cost]), entry
            assert is_summary(entry["ratios"][cost]) and entry["kind"] in text
    (connections,) = [entry for entry in result["kinds"] if entry["kind"] == "connections"]
    assert "4 workers" in connections["title"] and (result["rounds"], result["slice_s"]) == (1, 0.02)


@needs("nginx", "haproxy", "taskset")
def test_a_wrong_answer_ends_the_comparison(tmp_path):
    """The proof is one: an upstream that says of everybody that he is somebody else is found."""
    code = f"""import sys
sys.path.insert(0, {str(COMPARE)!r})
import material, clients, servers
from pathlib import Path
made = material.make({str(TOOL)!r}, Path({str(tmp_path)!r}) / "made", 3)
lying = servers.Upstream(Path({str(tmp_path)!r}) / "upstream", 0)
conf = lying.dir / "nginx.conf"
conf.write_text(conf.read_text().replace("$http_x_client_user", "somebody"))
lying.start()
setup = servers.Setup(made, lying.port, {PROGRAM!r})
proxy = servers.Countersign(Path({str(tmp_path)!r}) / "proxy", 0, setup).start()
print(clients.prove(made, proxy.port))
proxy.stop()
lying.stop()
"""
    done = subprocess.run([sys.executable, "-B", "-c", code], capture_output=True, text=True,
                          timeout=MINUTES_S, check=False)
    assert "right credentials of" in done.stdout and "wrong password" not in done.stdout, (
        done.stdout + done.stderr)


SOMEWHERE = {what: what for what in ("date", "cpu", "cores", "system", "kernel", "openssl", "nginx",
                                     "haproxy", "countersign", "commit")}


def small(scenario):
    """What measuring it gives, without any bar."""
    value = {"median": 5.0, "p10": 5.0, "p90": 5.0, "rounds": [5.0]}
    return {"name": scenario.name, "title": scenario.title, "how": scenario.how, "unit": scenario.unit,
            "servers": {"nginx": {"value": value}}, "bars": [], "purposes": {}}


def begin(script, broken, monkeypatch, tmp_path, *arguments):
    """Runs it with the second thing measured failing; its result, and why it ended."""
    monkeypatch.syspath_prepend(str(COMPARE))
    import environment
    import measure
    file = tmp_path / "result.json"
    monkeypatch.setattr(environment, "environment", lambda program: SOMEWHERE)
    monkeypatch.setattr(measure, "Bench", lambda *unused: contextlib.nullcontext())
    monkeypatch.setattr(sys, "argv", [script, "--no-install", "--json", str(file),
                                      *(["--html", str(tmp_path / "page.html")] if script == "run" else []),
                                      *arguments])
    main = runpy.run_path(str(COMPARE / script))["main"]
    broken(measure, main.__globals__)
    with pytest.raises(SystemExit) as ended:
        main()
    return json.loads(file.read_text()), str(ended.value)


def test_what_was_measured_before_a_failure_is_written(tmp_path, monkeypatch):
    def broken(measure, _):
        def one(_, scenario):
            if scenario.name == "large":
                raise measure.load.Failed("1 wrong besides 9 right")
            return small(scenario)
        monkeypatch.setattr(measure, "measure", one)

    result, why = begin("run", broken, monkeypatch, tmp_path, "full", "large", "idle")
    assert [entry["name"] for entry in result["scenarios"]] == ["full"]
    assert "TLS 1.3, P-256" in (tmp_path / "page.html").read_text()
    assert result["failed"] == "large" and "1 wrong besides 9 right" in why
    result, why = begin("run", broken, monkeypatch, tmp_path, "--write-docs")
    assert result["failed"] == "large" and "1 wrong besides 9 right" in why
    test_the_page_is_what_the_results_say()  # documents are not made of a part


def test_growth_before_a_failure_is_written(tmp_path, monkeypatch):
    class Growth:
        sizes = [1, 2]
        title = "a kind"

        def __init__(self, _, kind, __):
            self.kind = kind

        def measure(self):
            if self.kind == "crl":
                raise RuntimeError("connections could not be kept open")
            return {}, {}

        def close(self):
            pass

    result, why = begin("growth", lambda _, scope: scope.update(Growth=Growth), monkeypatch, tmp_path,
                        "users", "crl", "routes")
    assert [entry["kind"] for entry in result["kinds"]] == ["users"]
    assert result["failed"] == "crl" and "could not be kept open" in why


@needs("taskset")
def test_a_thousand_users_are_a_thousand(tmp_path, monkeypatch):
    """Who is said to come comes: a connection for each client, in turn; and no more requests at once
    than there were, or it would be another comparison."""
    monkeypatch.syspath_prepend(str(COMPARE))
    growth = runpy.run_path(str(COMPARE / "growth"))
    import load
    import measure
    import scenarios
    pki = bench.Pki(tmp_path / "pki", 8)
    made = SimpleNamespace(ca=pki.path("ca.crt"), users_file=pki.path("users"),
                           some_clients=lambda count: pki.dir, users=range(1000))
    server = KnownServer(pki.path("server.crt"), pki.path("server.key"), ca=pki.path("ca.crt"))
    loader = load.Load(str(TOOL), min(os.sched_getaffinity(0)))
    process = loader.start(made, server.port, "keepalive", in_flight=1, connections=8, operations=80,
                           tell_opened=True)
    loader.opened(process)
    told = loader.finish(process)
    server.close()
    came = collections.Counter(q.certificate for q in server.requests)
    assert told.operations == 80 and len(came) == 8 and set(came.values()) == {10}
    (scenario,) = [s for s in scenarios.SCENARIOS if s.name == "keepalive"]
    chosen = measure.Bench.options(SimpleNamespace(material=lambda s: made), scenario)
    assert "1,000 users" in scenario.title
    assert chosen["identities"] == chosen["connections"] == 1000 and chosen["in_flight"] == 32
    for size in (1, 1000):
        made.users = range(size)
        chosen = growth["options_of"]("certificates", size, made, 1000)
        assert chosen["identities"] == size and chosen["connections"] == 1000


@needs("taskset", "setpriv")
@pytest.mark.parametrize("answer", [ok(), status(500)], ids=["right", "wrong"])
def test_connections_are_held(answer, tmp_path, monkeypatch):
    """As many as said, by several processes that stand still; and a wrong answer is told."""
    monkeypatch.syspath_prepend(str(COMPARE))
    import load
    pki = bench.Pki(tmp_path / "pki", 3)
    made = SimpleNamespace(ca=pki.path("ca.crt"), users_file=pki.path("users"),
                           some_clients=lambda count: pki.dir, users=range(3))
    server = KnownServer(pki.path("server.crt"), pki.path("server.key"), ca=pki.path("ca.crt"),
                         answer=lambda request: answer)
    loader = load.Load(str(TOOL), min(os.sched_getaffinity(0)))
    held = loader.hold(made, server.port, 25, most=20)
    pids = [process.pid for process in held.processes]
    assert collections.Counter(server.peers) == {"127.0.0.2": 20, "127.0.0.3": 5}
    assert len(pids) == 2 and len(server.requests) >= 25
    for pid in pids:
        wait_until(lambda p=pid: Path(f"/proc/{p}/stat").read_text().rpartition(")")[2].split()[0] == "T")
    if answer == ok():
        held.close()
    else:
        with pytest.raises(load.Failed, match="500"):
            held.close()
    loader.stop()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    server.listener.close()  # its threads are about to see the end of their connections


def test_workers_for_connections(monkeypatch):
    """So many that the connections fit, however unevenly they come; one where it is enough."""
    monkeypatch.syspath_prepend(str(COMPARE))
    workers_for = runpy.run_path(str(COMPARE / "growth"))["workers_for"]
    for connections, each, wanted in ((100000, 18500, 9), (100000, 1047076, 1), (10, 4, 4),
                                      (18500, 18500, 1), (18501, 18500, 2)):
        assert workers_for(connections, each) == wanted, (connections, each)


MAIN = ("{handshake}40 go_on_shaking (inlined),50 loop_run (/x/countersign),60 [unknown] (/lib/libuv.so.1),"
        "70 main (/x/countersign)")
OPENS = MAIN.format(handshake="30 handshake_go_on (inlined),35 tls_session_handshake.part.0 "
                              "(/x/countersign),")
BEGINS = MAIN.format(handshake="30 handshake_begin.constprop.0 (/x/countersign),")
ELSEWHERE = MAIN.format(handshake="")
SAMPLES = {  # part: stacks, as perf tells them, from the innermost to main
    "kernel": [
        "ffffffff82000130 entry ([kernel.kallsyms]),10 write (/lib/libc.so.6),20 ssl3_do_write "
        "(/lib/libssl.so.3)",
        f"ffffffff82000130 entry ([kernel.kallsyms]),10 getrandom (/lib/libc.so.6),{BEGINS}"],
    "tickets made or read": [
        "10 d2i_X509 (/lib/libcrypto.so.3),20 d2i_SSL_SESSION (/lib/libssl.so.3),"
        "30 [unknown] (/lib/libssl.so.3),40 main (/usr/sbin/nginx)",
        f"10 d2i_X509 (/lib/libcrypto.so.3),15 decoded_get (inlined),20 psk_take (/x/countersign),{BEGINS}",
        f"10 EVP_MD_CTX_new (/lib/libcrypto.so.3),20 schedule_session (inlined),25 "
        f"server_flight_write_ticket (/x/countersign),{OPENS}",
        "10 session_store_get.isra.0 (/x/countersign),20 tls_construct (/lib/libssl.so.3),"
        "30 main (/x/countersign)"],
    "certificate chain verified": [
        "10 EVP_DigestVerifyFinal (/lib/libcrypto.so.3),20 X509_verify_cert "
        "(/lib/libcrypto.so.3),30 [unknown] (/lib/libssl.so.3)",
        f"10 enc_sha256 (/x/countersign),20 verify_chain (inlined),{OPENS}"],
    "client's certificate read": [
        "10 sa_doall (/lib/libcrypto.so.3),20 ASN1_item_d2i_ex (/lib/libcrypto.so.3),30 [unknown] "
        "(/lib/libssl.so.3)",
        f"10 enc_sha256 (/x/countersign),20 decoded_keep.lto_priv.0 (/x/countersign),{OPENS}"],
    "client's signature verified": [
        "10 [unknown] (/lib/libcrypto.so.3),20 EVP_DigestVerifyFinal "
        "(/lib/libcrypto.so.3),30 state_machine (/lib/libssl.so.3)",
        f"10 ecdsa_verify (/lib/libcrypto.so.3),20 proof_holds (/x/countersign),{OPENS}"],
    "own signature": [
        f"10 ecdsa_sign (/lib/libcrypto.so.3),20 proof_sign (inlined),25 server_flight_write "
        f"(/x/countersign),{BEGINS}"],
    "key exchange": [
        # What is called last by a function takes its place on the stack.
        "10 fe_mul (/lib/libcrypto.so.3),20 ecx_derive (/lib/libcrypto.so.3),30 state_machine "
        "(/lib/libssl.so.3)",
        f"10 fe_mul (/lib/libcrypto.so.3),20 key_share_agree (inlined),25 answer (inlined),{BEGINS}"],
    "key schedule, Finished": [
        "10 sha256 (/lib/libcrypto.so.3),20 hkdf_expand_label (/x/countersign),30 state_machine "
        "(/lib/libssl.so.3)",
        f"10 sha256 (/lib/libcrypto.so.3),20 schedule_finished (inlined),{OPENS}"],
    "all else of TLS": [
        "10 malloc (/lib/libc.so.6),20 go_on (inlined),30 [unknown] (/lib/libssl.so.3)",
        f"10 malloc (/lib/libc.so.6),20 traffic_open (/x/countersign),{OPENS}",
        f"10 proof_fits (/x/countersign),{OPENS}",
        "10 client_hello_read.lto_priv.0 (/x/countersign),20 main (/x/countersign)"],
    "all else: connection, request, log line": [
        f"10 malloc (/lib/libc.so.6),20 on_read (/x/countersign),{ELSEWHERE}",
        f"10 traffic_open (/x/countersign),20 records_read (/x/countersign),{ELSEWHERE}",
        # Names are ours in our program only.
        "10 handshake_go_on (inlined),20 schedule_next (/lib/libuv.so.1),30 main (/usr/sbin/haproxy)"],
    "not told: the stack could not be followed": [
        "10 fe_mul (/lib/libcrypto.so.3),20 [unknown] ([unknown])"],
}


def perf_text(samples):
    """As perf script has them."""
    return "\n\n\n".join("\n".join(f"\t{frame}" for frame in stack.split(",")) for stack in samples)


@pytest.mark.parametrize("part, stack", [(part, stack) for part, kept in SAMPLES.items()
                                         for stack in kept])
def test_a_sample_belongs_to_its_part(monkeypatch, part, stack):
    monkeypatch.syspath_prepend(str(COMPARE))
    import purposes
    assert purposes.shares(perf_text([stack])) == {part: 1.0}


def test_samples_are_counted_by_part(monkeypatch):
    monkeypatch.syspath_prepend(str(COMPARE))
    import purposes
    every = [stack for kept in SAMPLES.values() for stack in kept]
    shares = purposes.shares(perf_text(every))
    assert {part: round(share * len(every)) for part, share in shares.items()} == {
        part: len(kept) for part, kept in SAMPLES.items()}
    assert list(shares) == [part for part in purposes.ORDER if part in SAMPLES]
    assert purposes.shares("") == {}


def test_the_page_is_what_the_results_say():
    """docs/benchmarks.md is generated: bench/compare/run --from bench/compare/result.json
    --write-docs."""
    code = (f"import sys; sys.path.insert(0, {str(COMPARE)!r}); import page; "
            "sys.exit(page.PAGE.read_text() != page.from_files())")
    assert subprocess.run([sys.executable, "-B", "-c", code], check=False).returncode == 0


SURE = [  # (rounds, between which their median is; of 41 of a coin's throws 13 or fewer in 1 of 70)
    ([3.0], (3.0, 3.0)), ([1.0, 3.0, 2.0], (1.0, 3.0)), (list(range(5)), (0, 4)),
    (list(range(6)), (0, 5)), (list(range(9)), (1, 7)), (list(range(41)), (13, 27)),
    ([7.0] * 20, (7.0, 7.0))]


@pytest.mark.parametrize("rounds, wanted", SURE)
def test_how_sure_a_median_is(monkeypatch, rounds, wanted):
    monkeypatch.syspath_prepend(str(COMPARE))
    import figures
    assert figures.sure(rounds) == wanted


@pytest.mark.parametrize("low, high, wanted", [(0.97, 1.04, "flat"), (1.05, 1.10, "flat"),
                                               (1.11, 1.2, "grows"), (0.9, 1.15, "not told")])
def test_what_grows(monkeypatch, low, high, wanted):
    monkeypatch.syspath_prepend(str(COMPARE))
    import figures
    assert figures.flat(low, high) == wanted


@needs("taskset")
def test_clients_come_by_lot(tmp_path, monkeypatch):
    """Another lot brings others: tables that are too small would else hold those of one round."""
    monkeypatch.syspath_prepend(str(COMPARE))
    import load
    pki = bench.Pki(tmp_path / "pki", 30)
    made = SimpleNamespace(ca=pki.path("ca.crt"), users_file=pki.path("users"),
                           some_clients=lambda count: pki.dir, users=range(30))
    came = []
    for lot in (1, 1, 2):
        server = KnownServer(pki.path("server.crt"), pki.path("server.key"), ca=pki.path("ca.crt"))
        load.Load(str(TOOL), min(os.sched_getaffinity(0))).run(
            made, server.port, "request", in_flight=1, operations=12, lot=lot)
        server.close()
        came.append([q.certificate for q in server.requests])
    assert came[0] == came[1] != came[2] and len(set(came[0])) > 3


@pytest.mark.parametrize("name,by_lot", [("full", True), ("crl-20000", True), ("keepalive", False),
                                         ("resumed", False)])
def test_each_round_of_handshakes_has_a_lot(monkeypatch, name, by_lot):
    """A round holds fewer handshakes than there are clients: in turn, most would never come."""
    monkeypatch.syspath_prepend(str(COMPARE))
    import measure
    import scenarios
    asked = []

    class Subject:
        operations = 5
        server = SimpleNamespace(stop=lambda: None)

        def __init__(self, *_, **__):
            pass

        def run(self, operations, **more):
            asked.append(more.get("lot"))
            return 1.0, SimpleNamespace(operations=operations, seconds=1, p50_us=1, p99_us=1,
                                        resumed=0, limits=[])

    monkeypatch.setattr(measure, "Subject", Subject)
    monkeypatch.setattr(measure, "profile_missed", lambda *_: {})
    (scenario,) = [s for s in scenarios.SCENARIOS if s.name == name]
    measure.measure_load(SimpleNamespace(
        material=lambda s: None, load=None, start=lambda s, who: None, options=lambda s: {},
        plan=SimpleNamespace(slice_s=1, rounds=3)), scenario)
    each = len(scenario.servers)
    assert asked == [number + 1 if by_lot else None for number in range(3) for _ in range(each)]
