"""Users in a database: changes in force without a reload, for workers that may only read it."""
import grp
import json
import os
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest

from proxy import LIMIT_S, PROGRAM, crypt_sha256, wait_status, wait_until

ALICE, BOB = "alice@example.com", "bob@example.com"


def user(*words, given=None):
    return subprocess.run([PROGRAM, "user", *map(str, words)], input=given, text=True,
                          stdin=subprocess.DEVNULL if given is None else None,
                          capture_output=True, timeout=LIMIT_S, check=False)


def done(*words, **options):
    result = user(*words, **options)
    assert result.returncode == 0, result.stderr
    return result.stdout


def write_htpasswd(path, passwords):
    path.write_text("".join(f"{name}:{crypt_sha256(word)}\n" for name, word in passwords.items()))
    return path


@pytest.fixture
def db(tmp_path):
    """A directory that others may look into, with a database of the usual users."""
    directory = tmp_path / "state"
    directory.mkdir(mode=0o755)
    path = directory / "users.db"
    file = write_htpasswd(tmp_path / "old.htpasswd", {ALICE: "wonder land", BOB: "b:ob"})
    assert done("import", "-s", path, file) == "2 imported, 0 left as they were\n"
    return path


def with_store(make_proxy, db, changes=None):
    return make_proxy({"users": {"htpasswd": None, "store": str(db), "lookup_remember_max": 100},
                       "routes": [{"path": "/", "require": "both", "upstream": "api"},
                                  {"path": "/cert", "require": "certificate", "upstream": "api"}],
                       **(changes or {})})


def reason(proxy, answer):
    return proxy.record(answer)["auth.reason"]


def test_life_of_a_user(tmp_path):
    db = tmp_path / "users.db"
    assert user("set", "-s", db, ALICE, "--groups", "a").returncode == 1 and not db.exists()
    done("add", "-i", "-s", db, ALICE, "--groups", "staff", given="one\n")
    assert db.stat().st_mode & 0o777 == 0o640
    for name in (ALICE, ALICE.upper()):
        again = user("add", "-i", "-s", db, name, given="two\n")
        assert again.returncode == 1 and "already a user" in again.stderr
    assert done("verify", "-i", "-s", db, ALICE, given="one\n") == "right\n"
    done("passwd", "-i", "-s", db, ALICE, given="two\n")
    assert user("verify", "-i", "-s", db, ALICE, given="one\n").stdout == "wrong\n"
    pin = "0F" * 32
    done("set", "-s", db, ALICE, "--certificate", "optional", "--groups", "a,b", "--expires",
         "2030-01-31", "--pin", pin, "--company", "A & B Ltd")
    done("disable", "-s", db, ALICE)
    assert json.loads(done("show", "-o", "json", "-s", db, ALICE)) == {
        "name": ALICE, "password": "yescrypt", "certificate": "optional", "disabled": True,
        "expires": "2030-01-31T00:00:00Z", "groups": ["a", "b"], "company": "A & B Ltd",
        "pins": [pin.lower()], "totp": False, "totp_required": False}
    done("enable", "-s", db, ALICE)
    done("set", "-s", db, ALICE, "--certificate", "unset", "--groups", "", "--expires", "never",
         "--no-pin", "--company", "")
    assert done("ls", "-s", db).split() == [ALICE, "yescrypt"]
    done("del", "-s", db, ALICE)
    assert user("del", "-s", db, ALICE).returncode == 1
    assert json.loads(done("ls", "-s", db, "-o", "json")) == {"users": [], "next": None}


def test_life_of_a_user_in_files(tmp_path, pki):
    file = tmp_path / "users.htpasswd"
    done("add", "-i", "-f", file, ALICE, given="one\n")
    done("add", "-i", "-f", file, BOB, given="two\n")
    assert not (tmp_path / "users.fields").exists()
    done("set", "-f", file, ALICE, "--groups", "a", "--pin", pki.pair("alice")[0])
    done("disable", "-f", file, BOB)
    fields = (tmp_path / "users.fields").read_text()
    assert fields.startswith(f"{ALICE} groups=a pin=") and fields.endswith(f"{BOB} disabled=yes\n")
    listed = json.loads(done("ls", "-f", file, "-o", "json"))
    assert [u["disabled"] for u in listed["users"]] == [False, True]
    done("enable", "-f", file, BOB)
    assert BOB not in (tmp_path / "users.fields").read_text()
    done("del", "-f", file, ALICE)
    assert (tmp_path / "users.fields").read_text() == ""
    assert user("import", "-f", file, file).returncode == 1
    assert user("disable", "-f", file, "nobody").returncode == 1


@pytest.mark.parametrize("words", [
    ["set", "--groups", "a b"], ["set", "--expires", "soon"], ["set", "--certificate", "no"],
    ["set", "--pin", "0011"], ["set", "--pin", "/dev/null"], ["set", "--company", " a"], ["set", "--groups", "a,a"]])
def test_refused_fields(db, words):
    before = done("show", "-s", db, ALICE)
    assert user(*words, "-s", db, ALICE).returncode == 1
    assert done("show", "-s", db, ALICE) == before


@pytest.mark.parametrize("words", [
    [], ["frobnicate"], ["set", ALICE], ["del", ALICE, "--groups", "a"], ["ls", ALICE],
    ["ls", "--limit", "0"], ["ls", "-o", "xml"], ["ls", "-f", "x", "-s", "y"], ["show"]])
def test_wrong_usage(words):
    assert user(*words).returncode == 2


def test_pages(db):
    seen, after = [], []
    while True:
        page = json.loads(done("ls", "-s", db, "-o", "json", "--limit", "1", *after))
        seen += [u["name"] for u in page["users"]]
        if page["next"] is None:
            break
        after = ["--after", page["next"]]
    assert seen == [ALICE, BOB]


def test_import_is_all_or_nothing(db, tmp_path):
    more = write_htpasswd(tmp_path / "more", {"new@example.com": "x", ALICE.upper(): "y"})
    result = user("import", "-s", db, more)
    assert result.stdout == "1 imported, 1 left as they were\n" and "ALICE" in result.stderr
    bad = write_htpasswd(tmp_path / "bad", {"newer@example.com": "x"})
    bad.write_text(bad.read_text() + "plain:text\n")
    assert user("import", "-s", db, bad).returncode == 1
    assert user("show", "-s", db, "newer@example.com").returncode == 1


def test_what_is_no_database_of_users(tmp_path, make_proxy):
    foreign = tmp_path / "foreign.db"
    text = tmp_path / "text.db"
    text.write_text("no database at all, but long enough to be taken for one" * 20)
    subprocess.run(["sqlite3", str(foreign), "CREATE TABLE t (x)"], check=True)
    newer = tmp_path / "newer.db"
    done("add", "-i", "-s", newer, ALICE, given="x\n")
    subprocess.run(["sqlite3", str(newer), "PRAGMA user_version = 99"], check=True)
    for path in (foreign, text, newer, tmp_path / "none.db", tmp_path):
        assert user("disable", "-s", path, ALICE).returncode == 1
        proxy = with_store(make_proxy, path)
        checked = proxy.run("check", "-c", str(proxy.config_path))
        assert checked.returncode == 1 and "users.store" in checked.stderr, path
    assert not (tmp_path / "none.db").exists()


def test_changes_without_a_reload(make_proxy, db, pki):
    proxy = with_store(make_proxy, db, {"process": {"workers": 2, "watch_files": "100ms"}}).start()
    with proxy.connect("alice") as one, proxy.connect("alice") as two:
        def ask(client, path="/", password="wonder land"):
            answer = client.get(path, ALICE if path == "/" else None, password)
            return answer.status, reason(proxy, answer)

        def both(path="/", **options):
            return {ask(one, path, **options), ask(two, path, **options)}

        assert both() == {(200, "ok")} and both("/cert") == {(200, "ok")}
        for words, refused in [(["disable", ALICE], "user_disabled"),
                               (["set", ALICE, "--expires", "2020-01-01"], "user_expired"),
                               (["set", ALICE, "--expires", "1970-01-01"], "user_expired"),
                               (["set", ALICE, "--pin", pki.pair("bob")[0]], "cert_not_pinned")]:
            done(*words, "-s", db)
            wait_until(lambda: both() == {(403, refused)})
            assert both("/cert") == {(403, refused)}
            assert both(password="wrong") == {(401, "password_wrong")}
            done("enable", "-s", db, ALICE)
            done("set", "-s", db, ALICE, "--expires", "never", "--no-pin")
            wait_until(lambda: both() == {(200, "ok")})
        done("passwd", "-i", "-s", db, ALICE, given="another\n")
        wait_until(lambda: both() == {(401, "password_wrong")})
        assert both(password="another") == {(200, "ok")}
        done("del", "-s", db, ALICE)
        wait_until(lambda: both(password="another") == {(401, "user_unknown")})
        assert both("/cert") == {(200, "ok")}, "who is in no store has nothing against him"
        assert proxy.events("reload") == []


def test_import_of_two_spellings(tmp_path):
    db = tmp_path / "users.db"
    file = write_htpasswd(tmp_path / "f", {"Aa@x": "1", "b@x": "2", "aa@x": "3"})
    refused = user("import", "-s", db, file)
    assert refused.returncode == 1 and "lines 1 and 3 differ in letter case only" in refused.stderr
    assert json.loads(done("ls", "-s", db, "-o", "json"))["users"] == []
    # One that is there already is another matter: it stays.
    done("add", "-i", "-s", db, "B@x", given="one\n")
    assert done("import", "-s", db, write_htpasswd(tmp_path / "g", {"b@x": "2", "c@x": "3"})) == (
        "1 imported, 1 left as they were\n")


def test_pin_file_that_is_not_there(db):
    result = user("set", "-s", db, ALICE, "--pin", "/nowhere/a.crt")
    assert result.returncode == 1
    assert "cannot read /nowhere/a.crt: No such file or directory" in result.stderr


def test_no_core_dump_of_a_password(db):
    with subprocess.Popen([PROGRAM, "user", "verify", "-s", str(db), ALICE], text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as waiting:
        limits = Path(f"/proc/{waiting.pid}/limits")
        wait_until(lambda: "Max core file size        0 " in limits.read_text())
        assert waiting.communicate("wonder land\n", timeout=LIMIT_S)[0] == "right\n"


def test_database_open_to_others(make_proxy, db):
    proxy = with_store(make_proxy, db)
    for mode, warns in ((0o640, False), (0o644, True), (0o602, True)):
        db.chmod(mode)
        checked = proxy.run("check", "-c", str(proxy.config_path))
        assert checked.returncode == 0
        said = f"{db} is open to other users of this machine (mode {mode:04o})"
        assert (said in checked.stdout + checked.stderr) == warns


def test_users_without_a_place(make_proxy, tmp_path):
    """Where nothing says where users are, they are in the state directory."""
    proxy = make_proxy({"users": {"htpasswd": None}})
    env = {**os.environ, "STATE_DIRECTORY": str(tmp_path)}

    def run(*words, **options):
        return subprocess.run([PROGRAM, *words, "-c", str(proxy.config_path)], env=env, text=True,
                              capture_output=True, timeout=LIMIT_S, check=False, **options)

    checked = run("check")
    assert checked.returncode == 1
    assert f"{tmp_path}/users.db" in checked.stderr and "countersign user add" in checked.stderr
    assert "users.htpasswd" in checked.stderr
    assert run("user", "ls").returncode == 1 and not (tmp_path / "users.db").exists()
    assert run("user", "add", "-i", ALICE, input="wonder land\n").returncode == 0
    assert (tmp_path / "users.db").stat().st_mode & 0o777 == 0o640
    assert run("check").returncode == 0
    assert f'store: "{tmp_path}/users.db"' in run("config", "show").stdout
    proxy.start(env=env)
    assert proxy.get("alice", ALICE, "wonder land").status == 200
    assert run("user", "disable", ALICE).returncode == 0
    wait_status(lambda: proxy.get("alice", ALICE, "wonder land"), 403)


def test_unknown_users_and_letter_case(make_proxy, db):
    proxy = with_store(make_proxy, db, {"lockout": {"enabled": False}}).start()
    for name, status, why in [("carol@example.com", 401, "user_unknown"),
                              ("alice@EXAMPLE.com", 200, "ok"),
                              ("Alice@example.com", 401, "user_unknown"),
                              ("", 401, "user_unknown"), ("x" * 300, 401, "user_unknown")]:
        for _ in range(2):  # from the database, then from memory
            answer = proxy.get(user=name, password="wonder land")
            assert (answer.status, reason(proxy, answer)) == (status, why), name
    assert (lookups(proxy, "found"), lookups(proxy, "unknown")) == (1, 2)
    assert lookups(proxy, "remembered") >= 3


def test_rules_win(make_proxy, db):
    done("set", "-s", db, BOB, "--certificate", "optional")
    proxy = with_store(make_proxy, db, {"listeners": None})
    listener = make_proxy().config["listeners"][0]
    listener["address"] = f"127.0.0.1:{proxy.port}"
    listener["client"]["mode"] = "optional"
    proxy.write_config({"listeners": [listener], "users": {"rules": [
        {"user": ALICE, "certificate": "optional"}]}})
    proxy.start()
    assert proxy.get(None, ALICE).status == 200
    assert proxy.get(None, BOB).status == 200
    proxy.write_config({"users": {"rules": [{"user": BOB, "certificate": "required"}]}})
    assert proxy.reload().returncode == 0
    assert proxy.get(None, BOB).status == 403 and proxy.get(None, ALICE).status == 403


def lookups(proxy, outcome):
    return proxy.metric(f'countersign_user_lookups_total{{outcome="{outcome}"}}')


def own_memory(pid):
    """Octets that are resident and of no file."""
    pages = Path(f"/proc/{pid}/statm").read_text().split()
    return (int(pages[1]) - int(pages[2])) * os.sysconf("SC_PAGE_SIZE")


def test_many_users_are_not_loaded(make_proxy, tmp_path):
    """With 100,000 users a worker asks for those who come, and holds no others: their names and
    hashes alone would be 9 MiB, and over 30 MiB as records."""
    digest = crypt_sha256("wonder land")
    many = 100_000
    memory = {}
    for n in (10, many):
        file = tmp_path / f"{n}.htpasswd"
        file.write_text(f"{ALICE}:{digest}\n" + "".join(
            f"user{i:06}@example.com:{digest}\n" for i in range(n)))
        db = tmp_path / f"{n}.db"
        assert done("import", "-s", db, file) == f"{n + 1} imported, 0 left as they were\n"
        proxy = with_store(make_proxy, db, {"lockout": {"enabled": False}}).start()
        assert proxy.get().status == 200
        for name in (f"user{n - 1:06}@example.com", f"user{n:06}@example.com"):
            for _ in range(3):
                assert proxy.get("alice", name, "wrong").status == 401
        assert (lookups(proxy, "found"), lookups(proxy, "unknown")) == (2, 1)
        (worker,) = proxy.worker_pids()
        memory[n] = own_memory(worker)
        proxy.stop()
    assert memory[many] - memory[10] < 6 * 1024 * 1024, memory


def test_a_database_that_goes_and_comes_back(make_proxy, db):
    proxy = with_store(make_proxy, db).start()
    assert proxy.get().status == 200
    aside = db.with_name("aside.db")
    db.rename(aside)
    wait_until(lambda: reason(proxy, proxy.get()) == "user_store_unavailable")
    assert proxy.get().status == 503
    assert len(proxy.events("user_store_failed")) == 1
    assert lookups(proxy, "found") >= 1 and lookups(proxy, "failed") >= 2
    assert lookups(proxy, "unknown") == 0
    assert proxy.metric("countersign_user_lookup_duration_seconds_count") == (
        lookups(proxy, "found") + lookups(proxy, "failed"))
    # Another file in its place: what was remembered of the old one is forgotten.
    shutil.copy(aside, db.with_name("new.db"))
    done("disable", "-s", db.with_name("new.db"), ALICE)
    db.with_name("new.db").rename(db)
    wait_until(lambda: reason(proxy, proxy.get()) == "user_disabled")
    assert len(proxy.events("user_store_answers")) == 1


@pytest.fixture
def open_directory():
    """A directory that every user may enter, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        yield Path(directory)


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become another user")
def test_workers_need_no_right_to_write(make_proxy, open_directory):
    db = open_directory / "users.db"
    file = write_htpasswd(open_directory / "old.htpasswd", {ALICE: "wonder land"})
    done("import", "-s", db, file)
    group = grp.getgrnam("nogroup").gr_gid
    files = [db, Path(f"{db}-wal"), Path(f"{db}-shm")]
    proxy = with_store(make_proxy, db, {"process": {"user": "nobody", "workers": 2,
                                                    "watch_files": "100ms"}})
    refused = proxy.run("run", "-c", str(proxy.config_path))
    assert refused.returncode == 1
    assert "users.store" in refused.stderr + proxy.log_path.read_text()
    for path in files:
        os.chown(path, 0, group)
    proxy.start()
    assert proxy.get().status == 200
    for _ in range(3):
        done("disable", "-s", db, ALICE)
        wait_status(proxy.get, 403)
        done("enable", "-s", db, ALICE)
        wait_status(proxy.get, 200)
    for path in files:
        assert (path.stat().st_uid, path.stat().st_gid) == (0, group), path
        assert path.stat().st_mode & 0o777 == 0o640, path


def test_import_while_requests_run(make_proxy, db, tmp_path):
    proxy = with_store(make_proxy, db).start()
    many = tmp_path / "many"
    word = crypt_sha256("x")
    many.write_text("".join(f"user{i:05d}:{word}\n" for i in range(20000)))
    results = []
    importing = threading.Thread(target=lambda: results.append(user("import", "-s", db, many)))
    importing.start()
    with proxy.connect("alice") as client:
        while importing.is_alive():
            answer = client.get("/", ALICE, "wonder land")
            assert answer.status == 200, answer.raw
    importing.join()
    assert results[0].stdout == "20000 imported, 0 left as they were\n"
    assert reason(proxy, proxy.get(user="user19999", password="y")) == "password_wrong"


def test_explain_reads_the_database(make_proxy, db, pki):
    proxy = with_store(make_proxy, db)
    done("disable", "-s", db, ALICE)
    words = ["explain", "-c", str(proxy.config_path), "--certificate"]
    refused = proxy.run(*words, pki.pair("alice")[0], "--user", ALICE)
    assert refused.returncode == 1 and "user_disabled" in refused.stdout
    assert proxy.run(*words, pki.pair("bob")[0], "--user", BOB).returncode == 0


def test_one_place_for_users(make_proxy, db):
    proxy = make_proxy({"users": {"store": str(db)}})
    checked = proxy.run("check", "-c", str(proxy.config_path))
    assert checked.returncode == 1 and "users come from one place" in checked.stderr
