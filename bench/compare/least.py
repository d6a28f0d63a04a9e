"""How far a missed bar is, and how low a ratio of CPU could be for who calls libcrypto and the kernel as
we do: what each side's time goes to says how much of it is theirs. Counts nothing that a profile does
not tell, and says why where it tells nothing."""
import purposes
from table import NAMES, number

PUBLIC_KEY = ("client's signature verified", "own signature", "key exchange")
EVERYBODY = (*PUBLIC_KEY, purposes.KERNEL)  # every server needs these, whatever its TLS library
OURS = (*EVERYBODY, purposes.ELSE)
UNEVEN = 0.01  # shares of one profile that are this far from all of it are no shares

HEAD = ("least of", "bar", "measured", "us to save", "public-key work and kernel alone",
        "with connection, request, log line", "its own public-key work and kernel",
        "for the rest of TLS")


def to_save(entry, bar):
    """By how much our figure is above what the bar leaves (below what it asks for, of a rate), in the
    unit of the scenario."""
    limit = bar["at_most"] if bar["at_most"] is not None else bar["at_least"]
    theirs = entry["servers"][bar["theirs"]]["value"]["median"]
    return abs(bar["ratio"]["median"] - limit) * theirs


class Untold(Exception):
    """Why the least is not known."""


def share(entry, who, parts):
    """Share of a server's own time that these parts take."""
    found = entry.get("purposes", {}).get(who)
    if not found:
        raise Untold(f"no profile of {NAMES[who]} was taken")
    if abs(sum(found.values()) - 1) > UNEVEN:
        raise Untold(f"the shares of {NAMES[who]} do not add up: {sum(found.values()):.2f}")
    return sum(found.get(part, 0) for part in parts)


def of_theirs(entry, bar, parts):
    """(median, p10, p90) of what these parts of our time are of all that the other takes. It is of
    the rounds' own ratios, as the bar is: medians of two servers need not be of the same round."""
    for who in (bar["ours"], bar["theirs"]):
        if who not in entry["servers"]:
            raise Untold(f"{NAMES[who]} was not measured")
    part = share(entry, bar["ours"], parts)
    return tuple(part * bar["ratio"][what] for what in ("median", "p10", "p90"))


def left(limit, measured, alone, ours):
    """What a bar leaves to the rest of TLS: the certificate's decoding, key schedule, messages,
    tickets."""
    if alone > limit:
        return "nothing: less than libcrypto and the kernel take of us"
    if ours > limit:
        return "nothing: it would have to cost less than that"
    return f"{limit - ours:.2f}, where ours takes {measured - ours:.2f}"


def line(entry, bar):
    """One row under HEAD; raises Untold."""
    alone, ours = (of_theirs(entry, bar, parts) for parts in (EVERYBODY, OURS))
    try:
        own = f"{share(entry, bar['theirs'], EVERYBODY):.2f}"
    except Untold:
        own = "–"
    spread = [f"{median:.2f} ({low:.2f}-{high:.2f})" for median, low, high in (alone, ours)]
    return (f"{NAMES[bar['theirs']]}", f"<= {bar['at_most']:.2f}", f"{bar['ratio']['median']:.2f}",
            number(to_save(entry, bar)),
            *spread, own, left(bar["at_most"], bar["ratio"]["median"], alone[0], ours[0]))


def lines(entry):
    """(rows under HEAD, reasons) for the missed bars of CPU of a scenario; a bar has one or the
    other."""
    made, untold = [], []
    for bar in entry["bars"]:
        if bar["met"] or entry["how"] != "load" or bar["at_most"] is None:
            continue
        try:
            made.append(line(entry, bar))
        except Untold as why:
            untold.append(f"of {NAMES[bar['theirs']]}: {why}")
    return made, list(dict.fromkeys(untold))
