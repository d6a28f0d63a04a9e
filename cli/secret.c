/* Asking for a password. Reads by read(2), so that no stdio buffer keeps a copy. */
#include "cli/secret.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"

/* One line from fd into out; the line end is not kept. */
static int read_line(int fd, char out[SECRET_MAX], struct str *line, struct err *e)
{
    size_t n = 0;
    for (;;) {
        char c = 0;
        ssize_t got = read(fd, &c, 1);
        if (got < 0) {
            return err_set(e, ERR_IO, "cannot read the password");
        }
        if (got == 0 && n == 0) {
            return err_set(e, ERR_IO,
                           "there is no password on standard input: write it there as one line, or "
                           "run this on a terminal, which asks for it");
        }
        if (got == 0 || c == '\n') {
            break;
        }
        if (n == SECRET_MAX) {
            return err_set(e, ERR_TOO_LARGE, "the password is longer than %d octets", SECRET_MAX);
        }
        out[n++] = c;
    }
    if (n > 0 && out[n - 1] == '\r') {
        n--;
    }
    *line = (struct str){out, n};
    return 0;
}

static void say(int fd, const char *text)
{
    struct str s = str_of(text);
    while (s.n > 0) {
        ssize_t sent = write(fd, s.p, s.n);
        if (sent <= 0) {
            return;
        }
        s = str_slice(s, (size_t)sent, s.n);
    }
}

static int ask(int tty, const char *prompt, char out[SECRET_MAX], struct str *line, struct err *e)
{
    struct termios before;
    if (tcgetattr(tty, &before) != 0) {
        return err_set(e, ERR_IO, "cannot set up the terminal");
    }
    sigset_t all;
    sigset_t old;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &old); /* an interrupt must not leave the echo off */
    struct termios silent = before;
    silent.c_lflag &= (tcflag_t)~ECHO;
    tcsetattr(tty, TCSAFLUSH, &silent);
    say(tty, prompt);
    int result = read_line(tty, out, line, e);
    say(tty, "\n");
    tcsetattr(tty, TCSAFLUSH, &before);
    sigprocmask(SIG_SETMASK, &old, NULL);
    return result;
}

void secret_hide(void)
{
    const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

int secret_read(const char *prompt, const char *again, bool from_stdin, char out[SECRET_MAX],
                struct str *secret, struct err *e)
{
    secret_hide();
    if (from_stdin || !isatty(STDIN_FILENO)) {
        return read_line(STDIN_FILENO, out, secret, e);
    }
    int tty = open("/dev/tty", O_RDWR | O_CLOEXEC);
    if (tty < 0) {
        return err_set(e, ERR_IO, "there is no terminal: give the password on standard input");
    }
    int result = ask(tty, prompt, out, secret, e);
    if (result == 0 && again != NULL) {
        char second[SECRET_MAX];
        struct str repeated = STR_NONE;
        result = ask(tty, again, second, &repeated, e);
        if (result == 0 && !str_eq(*secret, repeated)) {
            result = err_set(e, ERR_MALFORMED, "the two passwords differ");
        }
        mem_wipe(second, sizeof second);
    }
    close(tty);
    return result;
}
