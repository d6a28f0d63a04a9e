"""The load: one run of countersign-bench against one proxy, and what it said; and connections that
it keeps open."""
import json
import resource
import signal
import subprocess
import sys
from types import SimpleNamespace

HOUR_S = 3600
PORTS = 25000  # that one source address has for one target; 28,232 of Linux, less those in use


class Failed(Exception):
    """An answer was wrong or did not come; a figure taken with such is worth nothing."""


def descriptors():
    """How many a process may have, of our own or of a server."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 30 if most == resource.RLIM_INFINITY else most


class Load:
    """How the tool is called. core: where it runs."""

    def __init__(self, tool, core):
        self.tool = tool
        self.core = core
        self.running = []

    def start(self, material, port, mode, path="/small", tls="1.3", identities=1, in_flight=16,
              connections=0, operations=0, seconds=600, rate=0, nice=0, tell_opened=False,
              source="", timeout_s=120, lot=0):
        """Begin a run, in a closed loop unless there is a rate; finish() waits for it. It ends
        after so many operations, if any, and so many seconds at most. in_flight: operations at
        once; connections: of kept-alive ones, how many are open and take turns, if more than that.
        tell_opened: opened() can be asked. source: address that they come from. lot: if any, clients
        come by this lot, and not in turn. A run ends with us,
        also if it stands still; in a session of its own, as else the kernel makes it go on when
        the shell that we were started by ends."""
        turns = mode == "keepalive" and connections > in_flight
        duration = f"{max(100, 1000 * seconds):.0f}ms"
        command = ["setpriv", "--pdeathsig", "KILL", "nice", "-n", str(nice),
                   "taskset", "-c", str(self.core), self.tool, "run",
                   "--mode", mode, "--tls", tls, "--ca", material.ca, "--users",
                   material.users_file, "--certs", material.some_clients(identities),
                   "--connections", connections if turns else in_flight, "--threads", 1,
                   "--duration", duration, "--warmup", "0s", "--timeout", f"{timeout_s}s",
                   "--quiet", "--output", "json",
                   *(["--source", source] if source else []),
                   *(["--pick", "random", "--seed", lot] if lot else []),
                   *(["--rate", f"{rate}/s"] if rate else ["--closed"]),
                   *(["--operations", operations] if operations else []),
                   *(["--in-flight", in_flight] if turns else []),
                   *(["--tell-opened"] if tell_opened else []),
                   f"https://localhost:{port}{path}"]
        process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE if tell_opened else None, text=True,
                                   start_new_session=True)
        self.running = [other for other in self.running if other.poll() is None] + [process]
        return process

    def stop(self):
        """End what nobody waits for any more."""
        for process in self.running:
            process.kill()
            process.wait()
        self.running = []

    @staticmethod
    def opened(process):
        """Waits until all connections are open and have had an answer each."""
        line = process.stderr.readline()
        if line != "opened\n":
            process.kill()
            raise Failed(f"countersign-bench: not all connections opened: "
                         f"{line}{process.communicate()[1]}")

    @staticmethod
    def finish(process, unanswered=0):
        """Operations, seconds, p50_us, p99_us, resumed (share of the handshakes), limits (why the
        tool may have been slower than the server). Raises Failed on any wrong answer; unanswered:
        how many may lack theirs at the end."""
        output, complaint = process.communicate()
        sys.stderr.write(complaint or "")
        if not output:
            raise Failed("countersign-bench failed")
        told = json.loads(output)
        summary, counts = told["summary"], told["counts"]
        if summary["failed"] > unanswered or (process.returncode != 0 and not unanswered):
            raise Failed(f"{summary['failed']} wrong besides {summary['ok']} right: "
                         f"{counts['outcomes']}, alerts {counts['alerts']}, "
                         f"statuses {counts['statuses']}")
        # Where many connections take turns, their first requests would be more than one in 100: what
        # is asked for is the latency on those that are open.
        turns = told["options"]["in_flight"]
        latency = told["latency"]["service"]["first_byte"] if turns else summary
        return SimpleNamespace(operations=summary["ok"], seconds=counts["elapsed_ns"] / 1e9,
                               p50_us=latency["p50_ns"] / 1000, p99_us=latency["p99_ns"] / 1000,
                               resumed=summary["resumed_share"],
                               limits=told["client"]["limited_by"])

    def run(self, *arguments, **options):
        return self.finish(self.start(*arguments, **options))

    def hold(self, material, port, count, most=None):
        """Open count connections, with a request on each at least, by as many processes as are needed;
        most: of one of them (else as many as it may)."""
        # It wants two descriptors for each, as a server may be slow to close.
        most = most or min(PORTS, (descriptors() - 100) // 2)
        held = Held(self)
        for i, first in enumerate(range(0, count, most)):
            held.add(material, port, min(most, count - first), f"127.0.0.{2 + i}")
        return held


class Held:
    """Connections that are open and idle. Their processes stand still, so that they cost nobody
    anything; what they are owed then are the answers to a few requests."""

    IN_FLIGHT = 16
    IDENTITIES = 1000

    def __init__(self, loader):
        self.loader = loader
        self.processes = []

    def add(self, material, port, count, source):
        process = self.loader.start(
            material, port, "keepalive", connections=count, in_flight=min(count, self.IN_FLIGHT),
            identities=min(self.IDENTITIES, len(material.users)), seconds=HOUR_S, timeout_s=HOUR_S,
            source=source, tell_opened=True)
        self.processes.append(process)
        self.loader.opened(process)
        process.send_signal(signal.SIGSTOP)

    def close(self):
        """Raises Failed if they had wrong answers, more than were owed when it stood still."""
        for process in self.processes:
            process.send_signal(signal.SIGINT)
            process.send_signal(signal.SIGCONT)
            self.loader.finish(process, unanswered=self.IN_FLIGHT)
