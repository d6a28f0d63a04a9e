"""countersign user disable, enable, del and add, where the configuration has a deny list."""
import json
import os

import pytest

from proxy import answer_of, wait_status, wait_until
from test_user_store import db, user, with_store  # noqa: F401 (db is a fixture)
from test_withdraw import ALICE, BOB, authorization, cert, deny_proxy, ended  # noqa: F401
from upstream import Upstream

CAROL = "carol@example.com"


@pytest.fixture(params=["file", "database"])
def kept(request, deny_proxy, db, tmp_path):  # noqa: F811
    """A proxy with a deny list whose users are in a file with fields, or in a database."""
    def make(changes=None, **options):
        fields = tmp_path / "users.fields"
        fields.write_text("")
        users = ({"fields": str(fields)} if request.param == "file"
                 else {"htpasswd": None, "store": str(db)})
        return deny_proxy({"users": users, "process": {"workers": 2}, **(changes or {})},
                          **options)
    return make


def of(p, verb, name, **options):
    return user(verb, "-c", p.config_path, name, **options)


def entries(p):
    return json.loads(cert(p, "ls", "-o", "json").stdout)["entries"]


def test_disable_ends_what_is_open(kept):
    """All workers, nobody else; and enable, with or without an entry, lets the user in again."""
    p = kept().start()
    mine = [p.connect("alice") for _ in range(6)]
    others = [p.connect("bob") for _ in range(6)]
    for c in mine:
        assert c.get("/", ALICE, p.passwords[ALICE]).status == 200
    for c in others:
        assert c.get("/", BOB, p.passwords[BOB]).status == 200
    result = of(p, "disable", ALICE)
    assert result.returncode == 0, result.stderr
    assert "in force on 2 of 2 workers, 6 open connections ended" in result.stdout
    assert result.stderr == ""
    assert all(ended(c) for c in mine)
    for c in others:
        assert c.get("/", BOB, p.passwords[BOB]).status == 200
    assert answer_of(p.get).status == 403
    assert [(e["kind"], e["value"], e["reason"]) for e in entries(p)] == [
        ("user", ALICE, "privilegeWithdrawn")]
    again = of(p, "disable", ALICE)
    assert again.returncode == 0 and "withdrawn already" in again.stdout
    for _ in range(2):
        result = of(p, "enable", ALICE)
        assert result.returncode == 0 and result.stderr == "", result
        assert entries(p) == []
    wait_status(p.get, 200)


def test_disable_breaks_off_what_is_under_way(kept):
    """A request whose body is still coming, and one whose answer is, are not waited for."""
    upstream = Upstream()
    try:
        p = kept(address=upstream.address).start()
        with p.connect("alice") as half, p.connect("bob") as other:
            for c, name in ((half, ALICE), (other, BOB)):
                c.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n"
                       b"Authorization: " + authorization(p, name) + b"\r\n\r\n12345")
            wait_until(lambda: p.metric("countersign_http_requests_active") == 3)
            result = of(p, "disable", ALICE)
            assert "1 open connections ended" in result.stdout, result
            assert half.answer().status == 403 and ended(half)
            other.send(b"67890")
            assert other.answer().status == 200
    finally:
        upstream.close()


def test_delete_stays_withdrawn(kept):
    """Who was taken out comes in by no certificate either, and add says so."""
    p = kept({"routes": [{"path": "/", "require": "certificate", "upstream": "api"}]}).start()
    idle = p.connect("alice")
    assert idle.get("/").status == 200
    result = of(p, "del", ALICE)
    assert result.returncode == 0 and "1 open connections ended" in result.stdout, result
    assert ended(idle)
    assert [(e["value"], e["reason"]) for e in entries(p)] == [(ALICE, "cessationOfOperation")]
    gone = of(p, "del", ALICE)
    assert gone.returncode == 1 and "in force" not in gone.stdout
    assert answer_of(lambda: p.get(user=None)).status == 403
    back = user("add", "-i", "-c", p.config_path, ALICE, given="wonder land\n")
    assert back.returncode == 0 and "is withdrawn" in back.stderr
    assert answer_of(lambda: p.get(user=None)).status == 403
    assert of(p, "enable", ALICE).returncode == 0
    wait_status(lambda: p.get(user=None), 200)
    new = user("add", "-i", "-c", p.config_path, "dora@example.com", given="wonder land\n")
    assert new.returncode == 0 and new.stderr == ""


def test_other_spellings(kept):
    """Names are one where the proxy takes them for one."""
    p = kept().start()
    assert cert(p, "withdraw", "--user", "alice@EXAMPLE.com").returncode == 0
    assert "withdrawn already" in of(p, "disable", ALICE).stdout
    assert len(entries(p)) == 1 and answer_of(p.get).status == 403
    assert of(p, "enable", ALICE).returncode == 0
    assert entries(p) == []
    wait_status(p.get, 200)


def test_nobody_of_that_name(kept):
    """Who is no user is not withdrawn: a name with a slip of the pen does no harm, and is told."""
    p = kept().start()
    for verb in ("disable", "enable", "del"):
        assert of(p, verb, "nobody@example.com").returncode == 1
    assert entries(p) == []


def test_not_running(kept):
    """The entry waits for the next start."""
    p = kept()
    result = of(p, "disable", ALICE)
    assert result.returncode == 0 and "does not run" in result.stdout
    p.start()
    assert answer_of(p.get).status == 403
    assert p.metric("countersign_deny_entries") == 1


def test_deny_list_cannot_be_written(kept, tmp_path):
    """Half done is not done: the status says so, and the text says which half."""
    p = kept()
    (tmp_path / "gone").mkdir()
    p.write_config({"revocation": {"deny": str(tmp_path / "gone" / "x.deny")}})
    (tmp_path / "gone").rmdir()
    result = of(p, "disable", ALICE)
    assert result.returncode == 1
    assert "disabled in the store" in result.stderr and "x.deny" in result.stderr
    assert json.loads(user("show", "-o", "json", "-c", p.config_path, ALICE).stdout)["disabled"]
    result = of(p, "del", BOB)
    assert result.returncode == 1 and "no longer in the store" in result.stderr


def test_a_proxy_that_refuses_the_list(kept):
    """Written is not in force: a fault elsewhere in the file keeps the running proxy from it."""
    p = kept({"process": {"workers": 1, "watch_files": "0s"}}).start()
    with open(p.deny_path, "a", encoding="utf-8") as f:
        f.write("nonsense\n")
    result = of(p, "disable", ALICE)
    assert result.returncode == 1 and "refuses the list" in result.stderr
    result = of(p, "enable", ALICE)
    assert result.returncode == 1 and "enabled in the store" in result.stderr


def test_without_a_deny_list(make_proxy, db):  # noqa: F811
    """The store is changed, and what that leaves open is said; with -s nothing is known of lists."""
    p = with_store(make_proxy, db, {"process": {"watch_files": "100ms"}}).start()
    with p.connect("alice") as open_one:
        assert open_one.get("/", ALICE, "wonder land").status == 200
        result = of(p, "disable", ALICE)
        assert result.returncode == 0 and "next request" in result.stderr
        wait_until(lambda: open_one.get("/", ALICE, "wonder land").status == 403)
    result = of(p, "enable", ALICE)
    assert result.returncode == 0 and result.stderr == ""
    assert user("disable", "-s", db, ALICE).stderr == ""
    assert not os.path.exists(str(db) + ".deny")
