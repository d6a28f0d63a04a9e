"""Medians, spreads and ratios of interleaved rounds, and whether a bar is met."""
import math
import statistics

FLAT = 1.10  # of the most to the least: what growth is allowed


def quantile(values, q):
    """Between the two nearest values, in proportion."""
    ordered = sorted(values)
    at = q * (len(ordered) - 1)
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)


def summary(values):
    return {"median": statistics.median(values), "p10": quantile(values, 0.1),
            "p90": quantile(values, 0.9), "rounds": list(values)}


def ratio(ours, theirs):
    """Of the rounds, one by one: what disturbs a round disturbs both sides of it alike."""
    return summary([a / b for a, b in zip(ours, theirs)])


def sure(values):
    """(low, high) between which the median of all rounds there could be is, in 95 cases of 100: of as
    many values in order as a coin that fell so often would leave out. All of them where they are
    few."""
    ordered, n = sorted(values), len(values)
    below, left_out = 0.0, 0
    while below + math.comb(n, left_out) / 2**n <= 0.025:
        below += math.comb(n, left_out) / 2**n
        left_out += 1
    left_out = max(0, left_out - 1)
    return ordered[left_out], ordered[-1 - left_out]


def flat(low, high):
    """Whether a cost grows whose ratio, of the most to the least, is between low and high."""
    if high <= FLAT:
        return "flat"
    return "grows" if low > FLAT else "not told"


def judge(value, at_most=None, at_least=None):
    """(met, by how much it was missed or beaten, as a share of the bar)."""
    if at_most is not None:
        return value <= at_most, abs(value - at_most) / at_most
    return value >= at_least, abs(value - at_least) / at_least
