#!/usr/bin/env python3
"""Checks the order of the tree: which file includes which, and how long files and functions are.

usage: layers.py [--root DIRECTORY]            includes, circles and sizes
       layers.py [--root DIRECTORY] --reasons  reasons that no test names

The allowed arrows stand in docs/layers.txt. One line for each finding, "file:line: ..."; exit 1 if
there is any.
"""
import argparse
import pathlib
import re
import sys

C_LINES_MAX = 700
H_LINES_MAX = 250
FUNCTION_LINES_MAX = 60
NOT_OURS = {"build", "node_modules", ".git", "__pycache__", "corpus"}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
LAYER = re.compile(r"^([\w/]+):\s*(.*)$")
WALL = re.compile(r"^(<[^>]+>):\s*(.*)$")
REASON = re.compile(r'^REASON\((\w+),\s*\d+,\s*"(\w+)"')


class Findings:
    def __init__(self):
        self.lines = set()

    def add(self, path, line, text):
        self.lines.add((str(path), line, text))

    def report(self):
        for path, line, text in sorted(self.lines):
            print(f"{path}:{line}: {text}")
        return 1 if self.lines else 0


def read_layers(root):
    """docs/layers.txt as {folder: (line, allowed folders)} and {foreign header: folders}."""
    layers, walls = {}, {}
    text = (root / "docs/layers.txt").read_text(encoding="utf-8")
    for number, line in enumerate(text.splitlines(), 1):
        line = line.split("#")[0].strip()
        if match := WALL.match(line):
            walls[match[1]] = set(match[2].split())
        elif match := LAYER.match(line):
            layers[match[1]] = (number, set(match[2].split()))
    return layers, walls


def our_files(root):
    """Every .c, .h and .def of ours, relative to root."""
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        if path.suffix in (".c", ".h", ".def") and not NOT_OURS & set(relative.parts):
            yield relative


def blank_out(text):
    """text with comments, literals and preprocessor lines blanked, line by line the same."""

    def spaces(match):
        return re.sub(r"[^\n]", " ", match[0])

    token = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    text = re.sub(token, spaces, text, flags=re.DOTALL)
    return re.sub(r"^[ \t]*#(?:\\\n|[^\n])*", spaces, text, flags=re.MULTILINE)


def functions(text):
    """(first line, name, lines from brace to brace) of each function body in text."""
    text = blank_out(text)
    depth, start, head_from = 0, None, 0
    for match in re.finditer(r"[{};]", text):
        at = match.start()
        if match[0] == "{":
            if depth == 0:
                head = text[head_from:at].strip()
                start = (at, head) if head.endswith(")") and "=" not in head else None
            depth += 1
        elif match[0] == "}":
            depth = max(depth - 1, 0)
            if depth == 0 and start is not None:
                name = re.search(r"(\w+)\s*\(", start[1])
                yield (text.count("\n", 0, start[0]) + 1, name[1] if name else "?",
                       text.count("\n", start[0], at))
        if depth == 0:
            head_from = match.end()


def check_sizes(root, path, findings):
    text = (root / path).read_text(encoding="utf-8")
    lines = text.count("\n")
    limit = {".c": C_LINES_MAX, ".h": H_LINES_MAX}.get(path.suffix)
    if limit is not None and lines > limit:
        findings.add(path, lines, f"{lines} lines, at most {limit} are allowed: split it by jobs")
    if path.suffix in (".c", ".h"):
        for line, name, n in functions(text):
            if n > FUNCTION_LINES_MAX:
                findings.add(path, line, f"{name}() has {n} lines, at most {FUNCTION_LINES_MAX} "
                                         "are allowed")


def includes_of(root, path):
    """(line, '<' or '"', name) for each #include."""
    text = (root / path).read_text(encoding="utf-8")
    for number, line in enumerate(text.splitlines(), 1):
        if match := INCLUDE.match(line):
            yield number, match[1], match[2]


def check_arrow(root, path, line, name, layers, findings):
    """An include of ours, from a file that is no test."""
    folder, target = path.parent.as_posix(), pathlib.PurePosixPath(name).parent.as_posix()
    if not (root / name).is_file():
        findings.add(path, line, f'"{name}" is no path from the root of the tree')
    elif target != folder and target not in layers[folder][1]:
        findings.add(path, line, f'{folder} must not include "{name}": docs/layers.txt allows no '
                                 f"arrow to {target}")


def check_includes(root, layers, walls, findings):
    """Checks every include; returns {module: {module it includes: (file, line)}}."""
    graph = {}
    for path in our_files(root):
        check_sizes(root, path, findings)
        is_test = path.parts[0] == "tests"
        folder = path.parent.as_posix()
        if not is_test and folder not in layers:
            findings.add(path, 1, f"the folder {folder} does not stand in docs/layers.txt")
            continue
        module = path.with_suffix("").as_posix()
        edges = graph.setdefault(module, {})
        for line, kind, name in includes_of(root, path):
            if kind == "<":
                allowed = walls.get(f"<{name}>")
                if not is_test and allowed is not None and folder not in allowed:
                    findings.add(path, line, f"<{name}> may be included only in "
                                             f"{', '.join(sorted(allowed))}")
                continue
            if not is_test:
                check_arrow(root, path, line, name, layers, findings)
            target = pathlib.PurePosixPath(name).with_suffix("").as_posix()
            if target != module:
                edges.setdefault(target, (path, line))
    return graph


def drop_private_parts(root, graph):
    """A header without a .c of its own is a part of the modules whose .c includes it: that it
    includes their headers is no circle."""
    for module, edges in graph.items():
        if not (root / f"{module}.c").is_file():
            for target in list(edges):
                place = graph.get(target, {}).get(module)
                if place is not None and place[0].suffix == ".c":
                    del edges[target]


def circle_through(graph, start):
    """The shortest way from start back to itself as a list of nodes, or None."""
    ways, queue = {start: None}, [start]
    for node in queue:
        for target in sorted(graph.get(node, ())):
            if target == start:
                way = [start]
                while node is not None:
                    way.append(node)
                    node = ways[node]
                return way[::-1]
            if target not in ways:
                ways[target] = node
                queue.append(target)
    return None


def check_circles(graph, what, place, findings):
    """One finding for each circle, told from its first node by name; place(a, b) of an edge."""
    for node in sorted(graph):
        way = circle_through(graph, node)
        if way is not None and node == min(way):
            path, line = place(way[0], way[1])
            findings.add(path, line, f"circle of {what}: {' -> '.join(way)}")


def check_tree(root, findings):
    layers, walls = read_layers(root)
    for folder, (line, targets) in layers.items():
        for target in sorted(targets - set(layers)):
            findings.add("docs/layers.txt", line, f"{folder} points to {target}, which has no line")
    graph = check_includes(root, layers, walls, findings)
    drop_private_parts(root, graph)
    arrows = {folder: targets for folder, (_, targets) in layers.items()}
    check_circles(arrows, "folders", lambda a, b: ("docs/layers.txt", layers[a][0]), findings)
    check_circles(graph, "files", lambda a, b: graph[a][b], findings)


def check_reasons(root, findings):
    """Each reason must be named, by its token or as REASON_NAME, by a test of what produces it;
    the test of the table itself does not count."""
    words = set()
    for path in sorted((root / "tests").rglob("*")):
        parts = path.relative_to(root).parts
        if path.is_file() and not NOT_OURS & set(parts) and parts[1] != "lint" \
                and parts[:3] != ("tests", "unit", "base"):
            words.update(re.findall(r"\w+", path.read_text(encoding="utf-8", errors="replace")))
    table = pathlib.PurePosixPath("base/reason.def")
    for number, line in enumerate((root / table).read_text(encoding="utf-8").splitlines(), 1):
        match = REASON.match(line)
        if match and match[2] not in words and f"REASON_{match[1]}" not in words:
            findings.add(table, number, f'no test under tests/ names the reason "{match[2]}"')


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    here = pathlib.Path(__file__).resolve().parents[2]
    parser.add_argument("--root", type=pathlib.Path, default=here)
    parser.add_argument("--reasons", action="store_true")
    options = parser.parse_args()
    findings = Findings()
    (check_reasons if options.reasons else check_tree)(options.root, findings)
    return findings.report()


if __name__ == "__main__":
    sys.exit(main())
