"""Where a result was taken: what matters to repeat it, and nothing that names a machine."""
import datetime
import os
import platform
import re
import subprocess
from pathlib import Path

from servers import program

ROOT = Path(__file__).resolve().parents[2]
MADE = (":!docs/benchmarks*", ":!bench/compare/*.json")  # of results


def first(pattern, text):
    found = re.search(pattern, text, re.M)
    return found.group(1).strip() if found else "unknown"


def says(*command):
    """Both outputs of a command; nginx tells its version on standard error."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def cores():
    """(of the server, of load and upstream): the first and the last that we may use."""
    usable = sorted(os.sched_getaffinity(0))
    return usable[0], usable[-1]


def commit():
    """Of the sources around us, and whether they are as it has them, but for what results make."""
    found = says("git", "-C", ROOT, "rev-parse", "--short", "HEAD").strip()
    if not re.fullmatch("[0-9a-f]{7,40}", found):
        return "unknown"
    changed = says("git", "-C", ROOT, "status", "--porcelain", "--", ".", *MADE)
    return found + (", with changes" if changed else "")


def environment(countersign):
    return {
        "commit": commit(),
        "date": datetime.date.today().isoformat(),
        "cpu": first(r"^model name\s*:(.*)$", Path("/proc/cpuinfo").read_text()),
        "cores": os.cpu_count(),
        "kernel": f"{platform.system()} {first(r'^([0-9.]+)', platform.release())}",
        "system": first(r'^PRETTY_NAME="(.*)"$', Path("/etc/os-release").read_text()),
        "openssl": first(r"^OpenSSL (\S+)", says("openssl", "version")),
        "nginx": first(r"nginx/(\S+)", says(program("nginx"), "-v")),
        "haproxy": first(r"version (\S+)", says(program("haproxy"), "-v")),
        "countersign": first(r"(\d+\.\d+\.\d+)", says(countersign, "--version")),
    }
