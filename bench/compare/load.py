"""The load: one run of countersign-bench against one proxy, and what it said."""
import json
import subprocess
from types import SimpleNamespace


class Failed(Exception):
    """An answer was wrong or did not come; a figure taken with such is worth nothing."""


class Load:
    """How the tool is called. core: where it runs."""

    def __init__(self, tool, core):
        self.tool = tool
        self.core = core

    def start(self, material, port, mode, path="/small", tls="1.3", identities=1, connections=16,
              operations=0, seconds=600, rate=0, nice=0):
        """Begin a run, in a closed loop unless there is a rate; finish() waits for it. It ends
        after so many operations, if any, and so many seconds at most."""
        duration = f"{max(100, 1000 * seconds):.0f}ms"
        command = ["nice", "-n", str(nice), "taskset", "-c", str(self.core), self.tool, "run",
                   "--mode", mode, "--tls", tls, "--ca", material.ca, "--users",
                   material.users_file, "--certs", material.some_clients(identities),
                   "--connections", connections, "--threads", 1, "--duration", duration,
                   "--warmup", "0s", "--timeout", "120s", "--quiet", "--output", "json",
                   *(["--rate", f"{rate}/s"] if rate else ["--closed"]),
                   *(["--operations", operations] if operations else []),
                   f"https://localhost:{port}{path}"]
        return subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True)

    @staticmethod
    def finish(process):
        """Operations, seconds, p50_us, p99_us, resumed (share of the handshakes), limits (why the
        tool may have been slower than the server). Raises Failed on any wrong answer."""
        output = process.communicate()[0]
        if not output:
            raise Failed("countersign-bench failed")
        told = json.loads(output)
        summary, counts = told["summary"], told["counts"]
        if process.returncode != 0 or summary["failed"]:
            raise Failed(f"{summary['failed']} wrong besides {summary['ok']} right: "
                         f"{counts['outcomes']}, alerts {counts['alerts']}, "
                         f"statuses {counts['statuses']}")
        return SimpleNamespace(operations=summary["ok"], seconds=counts["elapsed_ns"] / 1e9,
                               p50_us=summary["p50_ns"] / 1000, p99_us=summary["p99_ns"] / 1000,
                               resumed=summary["resumed_share"],
                               limits=told["client"]["limited_by"])

    def run(self, *arguments, **options):
        return self.finish(self.start(*arguments, **options))
