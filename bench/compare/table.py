"""A result as text."""

NAMES = {"countersign": "countersign", "countersign-off": "countersign, no resumption",
         "nginx": "nginx", "nginx-off": "nginx, no resumption", "haproxy": "HAProxy",
         "floor": "libssl with all tricks"}


def number(value):
    """Three digits that count."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def limit(bar):
    if bar["at_most"] is not None:
        return f"<= {bar['at_most']:.2f}"
    return f">= {bar['at_least']:,.0f}"


def verdict(bar):
    return "met" if bar["met"] else f"missed by {100 * bar['by']:.0f} %"


def ratio(bar):
    r = bar["ratio"]
    if r["median"] >= 100:
        return f"{r['median']:,.0f} ({r['p10']:,.0f}-{r['p90']:,.0f})"
    return f"{r['median']:.2f} ({r['p10']:.2f}-{r['p90']:.2f})"


def short_ratio(bar):
    """Without its spread."""
    return ratio(bar).partition(" ")[0]


def lines(entry):
    """(scenario, ours, theirs, ratio, bar, verdict) of each bar."""
    for bar in entry["bars"]:
        ours, theirs = (entry["servers"][who]["value"]["median"]
                        for who in (bar["ours"], bar["theirs"]))
        yield (entry["title"], f"{number(ours)} {entry['unit']}",
               f"{NAMES[bar['theirs']]} {number(theirs)}", ratio(bar), limit(bar), verdict(bar))


HEAD = ("scenario", "countersign", "other", "ratio (p10-p90)", "bar", "")


def text(result):
    rows = [HEAD, *(row for entry in result["scenarios"] for row in lines(entry))]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    return "".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() + "\n"
                   for row in rows)
