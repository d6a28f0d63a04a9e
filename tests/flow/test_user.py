"""countersign user: the htpasswd file from the command line."""
import os
import pty
import stat
import subprocess

import pytest

from proxy import LIMIT_S, PROGRAM

ALICE = "alice@example.com"


def user(*words, given=None):
    return subprocess.run([PROGRAM, "user", *map(str, words)], input=given, text=True,
                          stdin=subprocess.DEVNULL if given is None else None,
                          capture_output=True, timeout=LIMIT_S, check=False)


def has_terminals():
    try:
        for fd in os.openpty():
            os.close(fd)
    except OSError:
        return False
    return True


def test_life_of_a_user(tmp_path):
    file = tmp_path / "users"
    assert user("add", "-f", file, ALICE, given="one\n").returncode == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o640 and "$y$" in file.read_text()
    assert user("add", "-f", file, ALICE, given="two\n").returncode == 1
    assert user("verify", "-f", file, ALICE, given="one\n").stdout == "right\n"
    assert user("passwd", "-i", "-f", file, ALICE, given="two").returncode == 0
    wrong = user("verify", "-f", file, ALICE, given="one\n")
    assert (wrong.returncode, wrong.stdout) == (1, "wrong\n")
    assert user("ls", "-f", file).stdout.split() == [ALICE, "yescrypt"]
    assert user("del", "-f", file, ALICE).returncode == 0
    assert user("del", "-f", file, ALICE).returncode == 1
    assert file.read_text() == ""


def test_no_password_where_one_is_looked_for(tmp_path):
    file = tmp_path / "users"
    for words in (["add", ALICE], ["add", "-i", ALICE]):
        result = user(*words, "-f", file)
        assert result.returncode == 1
        assert "no password on standard input" in result.stderr and "terminal" in result.stderr
    assert user("add", "-f", file, ALICE, given="\n").returncode == 1
    assert user("add", "-f", file, ALICE, given="x" * 257 + "\n").returncode == 1
    assert not file.exists() or file.read_text() == ""


@pytest.mark.skipif(not has_terminals(), reason="no /dev/pts here")
def test_terminal_is_asked_twice_without_echo(tmp_path):
    def ask(*answers):
        """Run it on a terminal of its own; returns its exit status and what was shown."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv(PROGRAM, [PROGRAM, "user", "add", "-f", str(tmp_path / "users"), ALICE])
        shown = b""
        try:
            for answer in answers:
                while not shown.endswith(b": "):
                    shown += os.read(terminal, 1024)
                os.write(terminal, answer + b"\n")
                shown += os.read(terminal, 1024)
            while piece := os.read(terminal, 1024):
                shown += piece
        except OSError:
            pass
        os.close(terminal)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown

    status, shown = ask(b"wonder land", b"wonder lamp")
    assert status == 1 and b"the two passwords differ" in shown
    status, shown = ask(b"wonder land", b"wonder land")
    assert status == 0 and b"wonder" not in shown
    assert user("verify", "-f", tmp_path / "users", ALICE, given="wonder land\n").returncode == 0
