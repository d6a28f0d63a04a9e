"""What processes cost: time on the CPU and memory of a process with all its descendants, as the
kernel counts them. Nothing here starts or ends a process."""
from pathlib import Path

PROC = Path("/proc")


def children():
    """{parent: [pid, ...]} of everything that runs."""
    found = {}
    for directory in PROC.iterdir():
        if not directory.name.isdigit():
            continue
        try:
            stat = (directory / "stat").read_text()
        except OSError:
            continue  # it ended meanwhile
        # The name in parentheses may hold blanks and parentheses itself.
        parent = int(stat.rpartition(")")[2].split()[1])
        found.setdefault(parent, []).append(int(directory.name))
    return found


def family(pid):
    """pid and all its descendants."""
    below, result = children(), [pid]
    for member in result:
        result.extend(below.get(member, []))
    return result


def cpu_ns(pids):
    """Nanoseconds on a CPU so far, of all threads of pids. The first number of schedstat; user and
    system time in ticks would be too coarse."""
    total = 0
    for pid in pids:
        for task in (PROC / str(pid) / "task").glob("*/schedstat"):
            total += int(task.read_text().split()[0])
    return total


def pss_bytes(pids):
    """Proportional set size: memory shared by several processes counts once."""
    total = 0
    for pid in pids:
        for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total
