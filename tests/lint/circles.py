#!/usr/bin/env python3
"""Checks that no objects of one folder need each other in a circle, by what the linker sees.

usage: circles.py [--root DIRECTORY] BUILD

BUILD: a build directory with the objects of the folders' libraries. One line for each circle, with
what each object needs of the next; exit 1 if there is any, or if what is KNOWN is none any more.
"""
import argparse
import collections
import pathlib
import re
import subprocess
import sys

# Circles that wait to be taken apart: the folder and the names of the files, in order.
KNOWN = set()

OBJECT = re.compile(r"/lib_\w+\.dir/(.+\.c)\.o$")


def our_objects(root, build):
    """{source relative to root: object} of every source that is still there."""
    found = {}
    for path in sorted(build.rglob("*.c.o")):
        match = OBJECT.search(path.as_posix())
        if match and (root / match[1]).is_file():
            found[pathlib.PurePosixPath(match[1])] = path
    return found


def symbols(objects, option):
    """(object, symbol) of every symbol that nm shows."""
    run = subprocess.run(["nm", "-A", "-P", "-g", option, *map(str, objects)],
                         capture_output=True, text=True, check=True)
    for line in run.stdout.splitlines():
        path, _, rest = line.partition(": ")
        yield path, rest.split(" ")[0]


def needs(objects):
    """{source: {source of the same folder: symbols}}."""
    source_of = {str(path): source for source, path in objects.items()}
    definers = {name: source_of[path] for path, name in symbols(objects.values(), "--defined-only")}
    graph = collections.defaultdict(lambda: collections.defaultdict(set))
    for path, name in symbols(objects.values(), "--undefined-only"):
        user, definer = source_of[path], definers.get(name)
        if definer and definer.parent == user.parent:
            graph[user][definer].add(name)
    return graph


def reachable(graph, start):
    seen, todo = set(), list(graph.get(start, ()))
    while todo:
        at = todo.pop()
        if at not in seen:
            seen.add(at)
            todo.extend(graph.get(at, ()))
    return seen


def circles(graph):
    """Groups of sources that all reach each other, sorted."""
    reach = {source: reachable(graph, source) for source in list(graph)}
    groups = {tuple(sorted(o for o in seen if source in reach.get(o, ())))
              for source, seen in reach.items() if source in seen}
    return sorted(groups)


def name_of(group):
    return (str(group[0].parent), *(source.stem for source in group))


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--root", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parents[2])
    parser.add_argument("build", type=pathlib.Path)
    options = parser.parse_args()
    objects = our_objects(options.root, options.build)
    if not objects:
        print(f"{options.build}: no objects of ours: build first")
        return 1
    graph = needs(objects)
    found = circles(graph)
    faults = 0
    for group in found:
        if name_of(group) in KNOWN:
            continue
        faults += 1
        print(f"{group[0].parent}: a circle: {', '.join(s.name for s in group)}")
        for source in group:
            for other in group:
                if graph[source].get(other):
                    print(f"  {source.name} -> {other.name}: "
                          f"{', '.join(sorted(graph[source][other]))}")
    for known in sorted(KNOWN - {name_of(group) for group in found}):
        faults += 1
        print(f"{known[0]}: {', '.join(known[1:])} are no circle any more: take them off the list")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
