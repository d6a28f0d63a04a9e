"""Takes the figures: for each scenario the servers are started, proven to answer as they must, and
measured in rounds, one after the other in an order drawn by lot, so that whatever disturbs the
machine disturbs all of them alike."""
import dataclasses
import json
import random
import subprocess
import sys
import time
from pathlib import Path

import clients
import figures
import load
import material
import procstat
import purposes
import servers

VISITS = 16  # of each client to each of several workers, before anything is measured
SETTLE_S = 0.05  # for what a server still does after the last answer
HASHINGS = {"sha256": ("sha256", None), "few": ("sha256", 16), "bcrypt": ("bcrypt", 16)}


@dataclasses.dataclass
class Plan:
    """How much is done."""
    countersign: str
    tool: str  # countersign-bench
    rounds: int = 9
    slice_s: float = 1.0  # of a server's CPU in one round
    identities: int = 1000
    crl_max: int = 200000
    idle: int = 5000  # connections
    idle_s: float = 2.0  # longer than buffers are kept after the last request
    idle_rounds: int = 3  # of memory: each opens all connections of each server, and they agree
    beside_s: float = 16.0  # of requests beside handshakes: a p99 wants thousands of them
    beside_rounds: int = 9
    server_core: int = 0
    load_core: int = 1
    profiles: Path = None
    held_most: int = None  # of one process that holds connections, and of one worker; else as many
                           # as it can


def say(text):
    print(text, file=sys.stderr, flush=True)


class Bench:
    """A temporary directory with the upstream and the material, used by all scenarios. Whatever
    happens inside a with, no server and no load is left running behind it."""

    def __init__(self, directory, plan):
        self.dir = directory
        self.plan = plan
        self.load = load.Load(plan.tool, plan.load_core)
        self.made = {}
        self.started = []
        self.upstream = servers.Upstream(directory / "upstream", plan.load_core)

    def __enter__(self):
        self.upstream.start()
        return self

    def __exit__(self, *unused):
        self.load.stop()
        for server in (*self.started, self.upstream):
            server.stop()

    def clients_of(self, count, key="p256", hashing="sha256"):
        """Material with so many clients, made once."""
        name = f"{key}-{hashing}-{count}"
        if name not in self.made:
            say(f"making keys, certificates and users: {name}")
            self.made[name] = material.make(self.plan.tool, self.dir / name, count, key, hashing)
        return self.made[name]

    def material(self, scenario):
        hashing, count = HASHINGS[scenario.hashing]
        return self.clients_of(count or self.plan.identities, scenario.key, hashing)

    def run_server(self, kind, name, setup, **proof):
        """Start one, proven to be right."""
        server = servers.KINDS[kind](self.dir / f"{len(self.started)}-{name}",
                                     self.plan.server_core, setup)
        self.started.append(server)
        server.start()
        complaints = clients.prove(setup.material, server.port, crl=setup.crl is not None, **proof)
        if complaints:
            raise load.Failed(f"{name}: " + "; ".join(complaints))
        return server

    def start(self, scenario, who):
        """One of the servers of a scenario."""
        made = self.material(scenario)
        entries = min(scenario.crl, self.plan.crl_max)
        setup = servers.Setup(
            made, self.upstream.port, self.plan.countersign,
            crl=made.crl(entries), resumption=not who.endswith("-off"),
            slow_hashes=scenario.hashing == "bcrypt", with_ca=scenario.with_ca)
        return self.run_server(who.removesuffix("-off"), f"{scenario.name}-{who}", setup,
                               tls=scenario.tls)

    def options(self, scenario):
        made = self.material(scenario)
        return dict(path=scenario.path, tls=scenario.tls,
                    identities=min(scenario.identities, len(made.users)),
                    in_flight=scenario.in_flight,
                    connections=min(scenario.identities, len(made.users)))


def order(names, round_number):
    """All names, by lot; the same lot in each run."""
    mixed = list(names)
    random.Random(round_number).shuffle(mixed)
    return mixed


class Subject:
    """A server under load. options: of load.Load.start()."""

    def __init__(self, loader, server, made, mode, slice_s, **options):
        self.loader, self.server, self.material, self.mode = loader, server, made, mode
        self.slice_s, self.options = slice_s, options
        self.pids = server.pids()
        self.idle_share = self.measure_idle()
        self.operations = self.calibrate()

    def run(self, operations, **more):
        """CPU in us of one operation, and what the tool says. Kept-alive connections are measured
        from when all are open and have had their first answer. more: options of this run."""
        kept = self.mode == "keepalive"
        first = max(self.options["connections"], self.options["in_flight"]) if kept else 0
        cpu_us, told = self.run_once(operations + first, self.mode, **more)
        return cpu_us / (told.operations - first), told

    def run_once(self, operations, mode, **more):
        """CPU in us of a run of the tool, and what it says."""
        kept = mode == "keepalive"
        before, began = procstat.cpu_ns(self.pids), time.monotonic()
        process = self.loader.start(self.material, self.server.port, mode, operations=operations,
                                    tell_opened=kept, **self.options, **more)
        if kept:
            self.loader.opened(process)
            before, began = procstat.cpu_ns(self.pids), time.monotonic()
        told = self.loader.finish(process)
        time.sleep(SETTLE_S)
        idle_ns = self.idle_share * (time.monotonic() - began) * 1e9
        return (procstat.cpu_ns(self.pids) - before - idle_ns) / 1000, told

    def measure_idle(self):
        """Share of a core that it takes while nobody asks."""
        before, began = procstat.cpu_ns(self.pids), time.monotonic()
        time.sleep(min(1.0, self.slice_s))
        return (procstat.cpu_ns(self.pids) - before) / 1e9 / (time.monotonic() - began)

    def calibrate(self):
        """How many operations fill a slice. Where it remembers, everybody comes once before, so
        that nothing is measured that happens once only: a password's first check, the first use
        of a chain."""
        if isinstance(self.server, servers.Countersign):
            several = VISITS * self.server.workers if self.server.workers > 1 else 1
            self.run_once(several * self.options["identities"], "request")
        cpu_us = self.run(4 * self.options["in_flight"])[0]
        # A session can be resumed only by one who was there before.
        least = 4 * self.options["identities"] if self.mode == "resume" else 1
        return max(least, self.options["in_flight"], int(self.slice_s * 1e6 / max(cpu_us, 20)))


def lot_of(scenario, number):
    """A round of handshakes is over before all have come: they come by a lot of the round's own, the
    same for all servers."""
    return {"lot": number} if scenario.mode == "request" else {}


def measure_load(bench, scenario):
    made = bench.material(scenario)
    subjects = {who: Subject(bench.load, bench.start(scenario, who), made, scenario.mode,
                             bench.plan.slice_s, **bench.options(scenario))
                for who in scenario.servers}
    rows = {who: {"value": [], "p50_us": [], "p99_us": [], "resumed": [], "rate": [],
                  "operations": [], "tool_limited": []} for who in subjects}
    if scenario.mode == "resume":
        # The first visit of each client is a full handshake: as many of each for all.
        for subject in subjects.values():
            subject.operations = max(s.operations for s in subjects.values())
    for number in range(bench.plan.rounds):
        for who in order(subjects, number):
            cpu_us, told = subjects[who].run(subjects[who].operations,
                                             **lot_of(scenario, number + 1))
            row, rate = rows[who], told.operations / told.seconds
            row["value"].append(rate if scenario.how == "rate" else cpu_us)
            row["rate"].append(rate)
            row["operations"].append(told.operations)
            row["p50_us"].append(told.p50_us)
            row["p99_us"].append(told.p99_us)
            row["resumed"].append(told.resumed)
            row["tool_limited"].append(float(bool(told.limits)))
    shares = profile_missed(bench, scenario, subjects, rows)
    for subject in subjects.values():
        subject.server.stop()
    return rows, shares


def profile_missed(bench, scenario, subjects, rows):
    """Shares by purpose of our time, and of the time of those to whom a bar was missed."""
    missed = [v for v in verdicts(scenario, rows) if not v["met"]]
    if bench.plan.profiles is None or not purposes.can_be_told():
        return {}
    bench.plan.profiles.mkdir(parents=True, exist_ok=True)
    found = {}
    for who in dict.fromkeys(who for v in missed for who in (v["ours"], v["theirs"])):
        subject, file = subjects[who], bench.dir / "perf.data"
        purposes.record(file, subject.pids, lambda s=subject: s.run(3 * s.operations,
                                                                    **lot_of(scenario, 1)))
        found[who], by_function = purposes.of_file(file)
        (bench.plan.profiles / f"{scenario.name}-{who}.txt").write_text(by_function)
    return found


def measure_idle(bench, scenario):
    """Servers are started anew for each round: memory that was used before would be used again. So a
    round takes minutes, and there are a few whatever was asked for."""
    rows = {who: {"value": []} for who in scenario.servers}
    say(f"rounds of {scenario.name}: {bench.plan.idle_rounds}")
    for number in range(bench.plan.idle_rounds):
        for who in order(rows, number):
            server = bench.start(scenario, who)
            rows[who]["value"].append(idle_kib(bench, scenario, server))
            server.stop()
    return rows, {}


def idle_kib(bench, scenario, server):
    made = bench.material(scenario)
    time.sleep(bench.plan.idle_s)
    before = procstat.pss_bytes(server.pids())
    held = bench.load.hold(made, server.port, bench.plan.idle)
    try:
        time.sleep(bench.plan.idle_s)
        return max(1, procstat.pss_bytes(server.pids()) - before) / 1024 / bench.plan.idle
    finally:
        held.close()


BESIDE_RATE = 250  # kept-alive requests a second: a quiet rate, but thousands in a round


def measure_mixed(bench, scenario):
    """Kept-alive clients at a quiet rate, while others open full handshakes as fast as they can.
    The flood runs at the lowest priority of the load core: it must not delay their load."""
    started = {who: bench.start(scenario, who) for who in scenario.servers}
    made = bench.material(scenario)
    identities = min(1000, len(made.users))
    rows = {who: {"value": [], "p50_us": [], "samples": [], "handshakes": []} for who in started}
    for server in started.values():
        # Once each, so that no password is new to whoever remembers them.
        bench.load.run(made, server.port, "request", identities=identities, in_flight=8,
                       operations=identities)
    # The flood gets what is left of its core: in less than a second that may be nothing.
    seconds, lead = bench.plan.beside_s, min(0.5, 0.1 * bench.plan.beside_s)
    say(f"rounds of {scenario.name}: {bench.plan.beside_rounds}, of {seconds:g} s")
    for number in range(bench.plan.beside_rounds):
        for who in order(started, number):
            port = started[who].port
            flood = bench.load.start(made, port, "request", identities=identities,
                                     in_flight=64, seconds=seconds + 2 * lead, nice=19)
            time.sleep(lead)
            told = bench.load.run(made, port, "keepalive", identities=min(16, identities),
                                  in_flight=16, seconds=seconds, rate=BESIDE_RATE)
            others = bench.load.finish(flood)
            rows[who]["value"].append(told.p99_us)
            rows[who]["p50_us"].append(told.p50_us)
            rows[who]["samples"].append(told.operations)
            rows[who]["handshakes"].append(others.operations / others.seconds)
    for server in started.values():
        server.stop()
    return rows, {}


FLOOR_ROWS = {"countersign": "engine", "floor": "floor"}  # keys of countersign-micro
TOGETHER = 16  # handshakes that it makes at a time
FLOOR_US = 300  # of CPU for one, about


def measure_floor(bench, scenario):
    """Our TLS part against libssl with all that is done to it and no more: countersign-micro, whose
    contenders take turns in one process."""
    micro = Path(bench.plan.tool).with_name("countersign-micro")
    table = "floor-resumed" if scenario.mode == "resume" else "floor"
    told = bench.dir / f"{scenario.name}.json"
    subprocess.run(
        ["taskset", "-c", str(bench.plan.server_core), micro, "--rounds", str(bench.plan.rounds),
         "--handshakes", str(max(TOGETHER, int(bench.plan.slice_s * 1e6 / FLOOR_US))),
         "--tls", scenario.tls, "--server-key", scenario.key, "--client-key", scenario.key,
         "--json", told, table],
        stdout=subprocess.DEVNULL, check=True)
    found = {row["key"].rpartition("_")[2]: [ns / 1000 for ns in row["rounds_ns"]]
             for row in json.loads(told.read_text())["measured"]}
    return {who: {"value": found[FLOOR_ROWS[who]]} for who in scenario.servers}, {}


HOW = {"load": measure_load, "rate": measure_load, "idle": measure_idle, "mixed": measure_mixed,
       "floor": measure_floor}


def verdicts(scenario, rows):
    found = []
    for bar in scenario.bars:
        ratio = figures.ratio(rows[bar.ours]["value"], rows[bar.theirs]["value"])
        met, by = figures.judge(ratio["median"], bar.at_most, bar.at_least)
        found.append({**dataclasses.asdict(bar), "ratio": ratio, "met": met, "by": by})
    return found


def measure(bench, scenario):
    """One entry of the result: figures of each server, and of each bar."""
    say(f"{scenario.name}: {scenario.title}")
    rows, shares = HOW[scenario.how](bench, scenario)
    return {"name": scenario.name, "title": scenario.title, "how": scenario.how,
            "unit": scenario.unit,
            "servers": {who: {what: figures.summary(values) for what, values in row.items()}
                        for who, row in rows.items()},
            "bars": verdicts(scenario, rows), "purposes": shares}
