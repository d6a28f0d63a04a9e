"""The load: one run of the tool against one proxy, and what it said."""
import json
import subprocess
import sys
from types import SimpleNamespace


class Failed(Exception):
    """An answer was wrong or did not come; a figure taken with such is worth nothing."""


class Load:
    """How the tool is called. core: where it runs."""

    def __init__(self, core):
        self.core = core

    def start(self, material, port, mode, path="/small", tls="1.3", identities=1000,
              connections=8, operations=0, seconds=0, rate=0, nice=0):
        """Begin a run; finish() waits for it."""
        options = dict(material=str(material.dir), port=port, mode=mode, path=path, tls=tls,
                       identities=identities, connections=connections, operations=operations,
                       seconds=seconds, rate=rate)
        return subprocess.Popen(
            ["nice", "-n", str(nice), "taskset", "-c", str(self.core), sys.executable, "-I",
             "/tmp/cmp/loader.py", json.dumps(options)], stdout=subprocess.PIPE, text=True)

    @staticmethod
    def finish(process):
        """Operations, seconds, p50_us, p99_us, resumed. Raises Failed on any wrong answer."""
        output = process.communicate()[0]
        if process.returncode != 0:
            raise Failed("the load tool failed")
        told = json.loads(output)
        if told["failed"]:
            raise Failed(f"{told['failed']} wrong of {told['ok'] + told['failed']}: {told['why']}")
        return SimpleNamespace(operations=told["ok"], seconds=told["seconds"],
                               p50_us=told["p50"] * 1e6, p99_us=told["p99"] * 1e6,
                               resumed=told["resumed"])

    def run(self, *arguments, **options):
        return self.finish(self.start(*arguments, **options))
