"""Why a bar is missed, and what would have to change: sentences of reasons.json, with figures of the
result in the place of

    {share WHO: PART}    what this part takes of a server's time, by its profile
    {us WHO: PART}       the same in us of the median operation
    {value WHO}          that server's own figure
    {left WHO}           what the bar beside that server leaves us: its share of that server's figure
    {fills WHO: PART}    what a part of ours takes of that

A sentence is left out where the result does not tell its figures."""
import re

import least
import purposes
from table import number

PLACE = re.compile(r"\{(share|us|value|left|fills) ([a-z-]+)(?:: ([^}]*))?\}")
PARTS = {"public-key work": least.PUBLIC_KEY,
         "public-key work and kernel": least.EVERYBODY,
         "certificate": ("client's certificate read", "certificate chain verified"),
         "rest of TLS": tuple(part for part in purposes.ORDER
                              if part not in (*least.OURS, purposes.UNKNOWN)),
         "connection": (purposes.ELSE,)}


def part_of_time(entry, who, part):
    found = entry.get("purposes", {}).get(who)
    if not found:
        raise KeyError(who)  # no profile, or one without samples
    return sum(found.get(name, 0) for name in PARTS.get(part, (part,)))


def median(entry, who):
    return entry["servers"][who]["value"]["median"]


def share(entry, who, part):
    return f"{100 * part_of_time(entry, who, part):.0f} %"


def us(entry, who, part):
    return number(part_of_time(entry, who, part) * median(entry, who))


def value(entry, who, _):
    return number(median(entry, who))


def bar_beside(entry, who):
    return next(bar for bar in entry["bars"] if bar["theirs"] == who)


def left(entry, who, _):
    return number(bar_beside(entry, who)["at_most"] * median(entry, who))


def fills(entry, who, part):
    bar = bar_beside(entry, who)
    ours = part_of_time(entry, bar["ours"], part) * median(entry, bar["ours"])
    return f"{100 * ours / (bar['at_most'] * median(entry, who)):.0f} %"


FIGURES = {"share": share, "us": us, "value": value, "left": left, "fills": fills}


def fill(sentences, entry):
    """All sentences whose figures are there, as one text."""
    made = []
    for sentence in sentences:
        try:
            made.append(PLACE.sub(lambda m: FIGURES[m[1]](entry, m[2], m[3]), sentence))
        except (KeyError, StopIteration):
            continue
    return " ".join(made)
