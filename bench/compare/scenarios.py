"""What is measured, and the bars: one row each. Who takes part is called

    countersign      with resumption offered     countersign-off   without (its default)
    nginx, haproxy   with tickets (as by default)   nginx-off      tickets and session cache off

so that each bar compares like with like."""
import dataclasses

WITH = ("countersign", "nginx", "haproxy")
ALL = ("countersign", "countersign-off", "nginx", "nginx-off", "haproxy")


@dataclasses.dataclass(frozen=True)
class Bar:
    """ours / theirs is at most (at least) so much."""
    theirs: str
    at_most: float = None
    at_least: float = None
    ours: str = "countersign"


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    # "load": CPU of an operation; "rate"; "idle": memory; "mixed": p99 beside handshakes;
    # "floor": our TLS part in process
    how: str
    bars: tuple
    mode: str = "request"  # of the load tool
    servers: tuple = WITH
    key: str = "p256"
    hashing: str = "sha256"
    tls: str = "1.3"
    crl: int = 1  # entries of the revocation list
    path: str = "/small"
    identities: int = 1000  # clients that come; kept-alive, each has a connection, and they take turns
    in_flight: int = 16  # operations at once
    with_ca: bool = False

    @property
    def unit(self):
        return {"load": "us CPU", "rate": "requests/s", "idle": "KiB", "mixed": "us p99",
                "floor": "us CPU"}[self.how]


def both(limit):
    return Bar("nginx", limit), Bar("haproxy", limit)


def without(limit):
    return Bar("nginx-off", limit, ours="countersign-off")


FULL = "full handshake and a request"
FLOOR = "server side of a {} handshake, in process"
IN_PROCESS = {"bars": (Bar("floor", 1.15),), "servers": ("countersign", "floor")}
SCENARIOS = (
    Scenario("full", f"{FULL}, TLS 1.3, P-256", "load", (*both(0.32), without(0.45)), servers=ALL),
    Scenario("full-chain", f"{FULL}, TLS 1.3, P-256; the server sends its CA too", "load",
             (*both(0.32), without(0.45)), servers=ALL, with_ca=True),
    Scenario("full-rsa", f"{FULL}, TLS 1.3, RSA-2048", "load", (*both(0.42), without(0.58)),
             servers=ALL, key="rsa2048"),
    Scenario("full-tls12", f"{FULL}, TLS 1.2, P-256", "load", both(0.40), tls="1.2"),
    Scenario("crl-20000", f"{FULL}, CRL of 20,000 entries", "load", both(0.18), crl=20000),
    Scenario("crl-200000", f"{FULL}, CRL of 200,000 entries", "load", both(0.05), crl=200000),
    Scenario("resumed", "resumed handshake and a request, TLS 1.3", "load", both(0.35),
             mode="resume", identities=8, in_flight=8),
    Scenario("keepalive", "kept-alive request, small answer, 1,000 users", "load",
             (Bar("nginx", 0.65), Bar("haproxy", 0.80)), mode="keepalive", in_flight=32),
    Scenario("keepalive-few", "kept-alive request, small answer, 16 users", "load",
             (Bar("nginx", 0.65), Bar("haproxy", 0.80)), mode="keepalive", in_flight=32,
             hashing="few"),
    Scenario("large", "kept-alive request, answer of 64 KiB", "load", (Bar("nginx", 0.80),),
             mode="keepalive", path="/large", identities=16),
    Scenario("bcrypt", "kept-alive requests of users with bcrypt, cost 10", "rate",
             (Bar("nginx", at_least=1000.0),), mode="keepalive", hashing="bcrypt", identities=4,
             in_flight=4),
    Scenario("idle", "memory of an idle connection", "idle",
             (Bar("nginx", 0.50), Bar("nginx-off", 0.50, ours="countersign-off")), servers=ALL),
    Scenario("floor", f"{FLOOR.format('full')}, TLS 1.3, P-256", "floor", **IN_PROCESS),
    Scenario("floor-resumed", f"{FLOOR.format('resumed')}, TLS 1.3, P-256", "floor", mode="resume",
             **IN_PROCESS),
    Scenario("floor-rsa", f"{FLOOR.format('full')}, TLS 1.3, RSA-2048", "floor", key="rsa2048",
             **IN_PROCESS),
    Scenario("floor-tls12", f"{FLOOR.format('full')}, TLS 1.2, P-256", "floor", tls="1.2",
             **IN_PROCESS),
    Scenario("beside", "p99 of kept-alive requests beside full handshakes", "mixed",
             (Bar("nginx", 0.40),)),
)
