"""What one who guesses passwords and codes comes to: through the real program."""
import json
import subprocess
from collections import Counter

import pytest

from proxy import basic
from test_factors import ALICE, BOB, CAROL, SECRET, code_of, knock, make, step_now  # noqa: F401

FIELDS = [f"{BOB} totp={SECRET.hex()}"]


def two_routes(proxy, require, mode):
    """One that asks for a code, and one that does not."""
    proxy.config["listeners"][0]["client"]["mode"] = mode
    proxy.config["routes"] = [
        {"path": "/", "require": require, "upstream": "api"},
        {"path": "/otp", "require": require, "require_totp": True, "upstream": "api"}]
    proxy.write_config()
    return proxy


def counts(proxy):
    listing = proxy.run("lockout", "ls", "-c", str(proxy.config_path), "-o", "json")
    return {(r["factor"], r["failures"]) for r in json.loads(listing.stdout)["lockouts"]}


@pytest.mark.parametrize("pair, require, mode", [(None, "password", "optional"),
                                                 ("bob", "both", "require")])
def test_the_password_does_not_wash_away_wrong_codes(make, pair, require, mode):  # noqa: F811
    proxy = two_routes(make({"lockout": {"delay": "1m"}, "process": {"workers": 2}},
                            fields=FIELDS), require, mode).start()
    right = code_of(step_now())
    wrong = iter(c for c in (f"{n:06}" for n in range(100)) if c != right)
    for n in (4, 1):
        for _ in range(n):
            assert knock(proxy, BOB, "b:ob", next(wrong), pair, "/otp")[:2] == (401, "totp_wrong")
        assert knock(proxy, BOB, "b:ob", None, pair)[0] == 200
    assert counts(proxy) == {("code", 5)}
    for code in [next(wrong) for _ in range(10)] + [right]:
        assert knock(proxy, BOB, "b:ob", code, pair, "/otp")[:2] == (429, "locked_out")
        assert knock(proxy, BOB, "b:ob", None, pair)[0] == 200, "no code is asked for here"
    assert proxy.run("lockout", "unlock", "-c", str(proxy.config_path), BOB).returncode == 0
    assert knock(proxy, BOB, "b:ob", right, pair, "/otp")[0] == 200


def slow_line(user, password):
    """A hash that takes some milliseconds, so that many are under way at once."""
    return subprocess.run(["htpasswd", "-niB", "-C", "10", user], input=password,
                          capture_output=True, text=True, check=True).stdout.strip()


def at_once(proxy, user, passwords):
    """The statuses of as many requests, each on a connection of its own, all sent before the first
    answer is read."""
    clients = [proxy.connect(None) for _ in passwords]
    for client, password in zip(clients, passwords):
        client.send(f"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: "
                    f"{basic(user, password)}\r\n\r\n".encode())
    statuses = [client.answer().status for client in clients]
    for client in clients:
        client.close()
    return statuses


def test_a_burst_is_so_many_attempts(make):  # noqa: F811
    proxy = make({"lockout": {"delay": "1m"}, "process": {"workers": 2}}, fields=[])
    proxy.config["listeners"][0]["client"]["mode"] = "optional"
    proxy.config["routes"] = [{"path": "/", "require": "password", "upstream": "api"}]
    proxy.write_config()
    proxy.write_users([slow_line(u, proxy.passwords[u]) for u in (BOB, CAROL)])
    proxy.start()
    got = Counter(at_once(proxy, BOB, [f"guess {i}" for i in range(49)] + ["b:ob"]))
    assert got == {401: 5, 429: 45}
    assert proxy.metric("countersign_password_checks_total") == 5
    assert counts(proxy) == {("password", 5)}
    # One password sent fifty times is one attempt, also with failures before it.
    for i in range(4):
        assert knock(proxy, CAROL, f"wrong {i}")[0] == 401
    assert Counter(at_once(proxy, CAROL, ["christmas"] * 50)) == {200: 50}
    assert counts(proxy) == {("password", 5)}, "only the first one's"
