"""Why a bar is missed: sentences of reasons.json, with figures of the result in the place of

    {share WHO: PART + PART}    what these parts take of a server's time, by its profile
    {ratio WHO}                 the scenario's ratio to that server
    {value WHO}                 that server's own figure

A sentence is left out where the result does not tell its figures."""
import re

from table import number

PLACE = re.compile(r"\{(share|ratio|value) ([a-z-]+)(?:: ([^}]*))?\}")
PARTS = {"public-key work": ("client's signature verified", "own signature", "key exchange"),
         "certificate": ("client's certificate read", "certificate chain verified"),
         "connection": ("all else: connection, request, log line",)}


def share(entry, who, parts):
    found = entry.get("purposes", {}).get(who)
    if not found:
        raise KeyError(who)  # no profile, or one without samples
    names = [name for part in parts.split(" + ") for name in PARTS.get(part, (part,))]
    return f"{100 * sum(found.get(name, 0) for name in names):.0f} %"


def ratio(entry, who, _):
    return f"{next(bar for bar in entry['bars'] if bar['theirs'] == who)['ratio']['median']:.2f}"


def value(entry, who, _):
    return number(entry["servers"][who]["value"]["median"])


FIGURES = {"share": share, "ratio": ratio, "value": value}


def fill(sentences, entry):
    """All sentences whose figures are there, as one text."""
    made = []
    for sentence in sentences:
        try:
            made.append(PLACE.sub(lambda m: FIGURES[m[1]](entry, m[2], m[3]), sentence))
        except (KeyError, StopIteration):
            continue
    return " ".join(made)
