"""What is known of users beyond their passwords, through the real program."""
import hashlib
import ssl

import pytest

from proxy import wait_until

ALICE, BOB = "alice@example.com", "bob@example.com"


def fingerprint(pki, pair):
    der = ssl.PEM_cert_to_DER_cert(open(pki.pair(pair)[0], encoding="ascii").read())
    return hashlib.sha256(der).hexdigest()


@pytest.fixture
def with_fields(make_proxy, tmp_path):
    """A running proxy with a file of fields; change(text) replaces it and waits for the reload."""
    path = tmp_path / "users.fields"
    path.write_text("")
    routes = [{"path": "/", "require": "both", "upstream": "api"},
              {"path": "/cert", "require": "certificate", "upstream": "api"},
              {"path": "/either", "require": "either", "upstream": "api"}]
    proxy = make_proxy({"users": {"fields": str(path)}, "routes": routes}).start()

    def change(text):
        done = lambda: [e for e in proxy.events("reload") if e["result"] == "ok"]
        before = len(done())
        new = tmp_path / "fields.new"
        new.write_text(text)
        new.rename(path)
        wait_until(lambda: len(done()) > before)

    proxy.change_fields = change
    return proxy


def ask(proxy, path, user=ALICE, password=None, pair="alice"):
    answer = proxy.get(pair, user, password, path)
    return answer.status, proxy.record(answer)["auth.reason"]


def test_fields(with_fields, pki):
    proxy = with_fields
    mine, other = fingerprint(pki, "alice"), fingerprint(pki, "bob")
    for fields, both, by_certificate in [
            ("disabled=yes", (403, "user_disabled"), (403, "user_disabled")),
            ("expires=2020-01-01", (403, "user_expired"), (403, "user_expired")),
            ("expires=1970-01-01", (403, "user_expired"), (403, "user_expired")),
            ("expires=2100-01-01", (200, "ok"), (200, "ok")),
            (f"pin={other}", (403, "cert_not_pinned"), (403, "cert_not_pinned")),
            (f"pin={other} pin={mine.upper()}", (200, "ok"), (200, "ok"))]:
        proxy.change_fields(f"{ALICE} {fields}\n")
        assert ask(proxy, "/") == both, fields
        assert ask(proxy, "/cert", user=None) == by_certificate, fields
        assert ask(proxy, "/either", user=None) == by_certificate, fields
        # Only whoever proves the password learns more than that it is wrong.
        assert ask(proxy, "/", password="wrong") == (401, "password_wrong"), fields
        assert ask(proxy, "/", user=BOB, pair="bob") == (200, "ok"), fields


def test_an_open_connection_learns_of_it(with_fields):
    proxy = with_fields
    with proxy.connect("alice") as client:
        assert client.get("/", ALICE, proxy.passwords[ALICE]).status == 200
        proxy.change_fields(f"{ALICE} disabled=yes\n")
        answer = client.get("/", ALICE, proxy.passwords[ALICE])
        assert answer.status == 403 and answer.problem()["detail"] == "not allowed"
        assert "disabled" not in answer.body.decode()


def test_a_faulty_file_is_not_adopted(with_fields, tmp_path):
    proxy = with_fields
    proxy.change_fields(f"{ALICE} disabled=yes\n")
    (tmp_path / "users.fields").write_text(f"{ALICE} disabled=perhaps\n")
    reload = proxy.reload()
    assert reload.returncode == 1 and "yes or no" in reload.stderr + reload.stdout
    assert ask(proxy, "/") == (403, "user_disabled")


def test_explain_names_the_step(with_fields, pki):
    proxy = with_fields
    proxy.change_fields(f"{ALICE} disabled=yes\n")
    done = proxy.run("explain", "-c", str(proxy.config_path), "--certificate",
                     pki.pair("alice")[0], "--user", ALICE)
    assert done.returncode == 1
    assert "user_disabled" in done.stdout and "  user" in done.stdout


@pytest.mark.parametrize("line, mode, warns", [
    ("totp=00112233445566778899aabbccddeeff", 0o644, True),
    ("totp=00112233445566778899aabbccddeeff", 0o604, True),
    ("totp=00112233445566778899aabbccddeeff", 0o640, False),
    ("groups=staff", 0o644, False)])
def test_secrets_open_to_others(make_proxy, line, mode, warns):
    proxy = make_proxy()
    path = proxy.dir / "users.fields"
    path.write_text(f"{ALICE} {line}\n")
    path.chmod(mode)
    proxy.write_config({"users": {"fields": str(path)}})
    checked = proxy.run("check", "-c", str(proxy.config_path))
    assert checked.returncode == 0
    said = f"is open to other users of this machine (mode {mode:04o})"
    assert (said in checked.stdout + checked.stderr) == warns
    proxy.start()
    assert (said in proxy.output()) == warns
