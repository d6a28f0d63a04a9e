/* Owns: starting, the pipes, and the end. */
#include "ca/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

struct pipes {
    int in[2];
    int words[2];
};

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
        *fd = -1;
    }
}

static void close_all(struct pipes *p)
{
    close_fd(&p->in[0]);
    close_fd(&p->in[1]);
    close_fd(&p->words[0]);
    close_fd(&p->words[1]);
}

/* The pipe holds all of it before anybody reads: nothing blocks, and nobody is missed. */
static bool open_pipes(struct pipes *p, struct str input)
{
    *p = (struct pipes){{-1, -1}, {-1, -1}};
    bool ok = input.n <= CHILD_INPUT_MAX && pipe2(p->in, O_CLOEXEC | O_NONBLOCK) == 0 &&
              pipe2(p->words, O_CLOEXEC | O_NONBLOCK) == 0 &&
              write(p->in[1], input.p, input.n) == (ssize_t)input.n &&
              fcntl(p->in[0], F_SETFL, 0) == 0 && fcntl(p->words[1], F_SETFL, 0) == 0;
    close_fd(&p->in[1]);
    return ok;
}

static bool set_files(posix_spawn_file_actions_t *f, const struct pipes *p, bool words)
{
    return posix_spawn_file_actions_adddup2(f, p->in[0], STDIN_FILENO) == 0 &&
           posix_spawn_file_actions_addopen(f, STDOUT_FILENO, "/dev/null", O_WRONLY, 0) == 0 &&
           (words ? posix_spawn_file_actions_adddup2(f, p->words[1], STDERR_FILENO)
                  : posix_spawn_file_actions_addopen(f, STDERR_FILENO, "/dev/null", O_WRONLY, 0)) ==
               0 &&
           posix_spawn_file_actions_addclosefrom_np(f, STDERR_FILENO + 1) == 0;
}

static bool set_signals(posix_spawnattr_t *a)
{
    sigset_t all;
    sigset_t none;
    (void)sigfillset(&all);
    (void)sigemptyset(&none);
    return posix_spawnattr_setflags(a, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
                                           POSIX_SPAWN_SETSIGMASK) == 0 &&
           posix_spawnattr_setpgroup(a, 0) == 0 && posix_spawnattr_setsigdefault(a, &all) == 0 &&
           posix_spawnattr_setsigmask(a, &none) == 0;
}

static int spawn(struct child *c, const struct child_wish *w, const struct pipes *p)
{
    static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    static char language[] = "LC_ALL=C.UTF-8";
    char *const environment[] = {path, language, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    if (posix_spawn_file_actions_init(&files) != 0) {
        return ENOMEM;
    }
    if (posix_spawnattr_init(&attributes) != 0) {
        (void)posix_spawn_file_actions_destroy(&files);
        return ENOMEM;
    }
    int failed = ENOMEM;
    if (set_files(&files, p, w->words) && set_signals(&attributes)) {
        failed = posix_spawn(&c->pid, w->path, &files, &attributes,
                             (char *const *)(uintptr_t)w->argv, environment);
    }
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&files);
    return failed;
}

int child_start(struct child *c, const struct child_wish *w, struct err *e)
{
    struct pipes p;
    *c = (struct child){.words_fd = -1};
    int failed = open_pipes(&p, w->input) ? spawn(c, w, &p) : EIO;
    if (failed == 0) {
        c->words_fd = p.words[0];
        p.words[0] = -1;
        c->deadline_ms = clock_mono_ms() + w->limit_ms;
    } else {
        c->pid = 0;
    }
    close_all(&p);
    return failed == 0 ? 0 : err_set_errno(e, ERR_IO, failed, "%s", w->path);
}

/* The first line. */
static void read_words(struct child *c, char words[CHILD_WORDS_MAX + 1])
{
    ssize_t n = c->words_fd >= 0 ? read(c->words_fd, words, CHILD_WORDS_MAX) : 0;
    words[n > 0 ? n : 0] = '\0';
    words[strcspn(words, "\r\n")] = '\0';
    close_fd(&c->words_fd);
}

/* Whether it is still ours, ended or not: then it holds the number of its group, which may be
 * another's once it is reaped. */
static bool look(const struct child *c, bool *ended)
{
    siginfo_t end = {.si_pid = 0};
    bool ours = waitid(P_PID, (id_t)c->pid, &end, WEXITED | WNOHANG | WNOWAIT) == 0;
    *ended = !ours || end.si_pid != 0;
    return ours;
}

/* Kill all of its group, and wait for its own end. */
static void end_group(struct child *c, int *status)
{
    pid_t reaped = 0;
    (void)kill(-c->pid, SIGKILL);
    do {
        reaped = waitpid(c->pid, status, 0);
    } while (reaped < 0 && errno == EINTR);
}

bool child_ended(struct child *c, int *status, char words[CHILD_WORDS_MAX + 1])
{
    bool ended = false;
    bool ours = look(c, &ended);
    if (!ended) {
        if (clock_mono_ms() >= c->deadline_ms) {
            (void)kill(-c->pid, SIGKILL);
        }
        return false;
    }
    *status = -1; /* no success, where somebody else has reaped it */
    if (ours) {
        end_group(c, status); /* what it left behind, too */
    }
    read_words(c, words);
    c->pid = 0;
    return true;
}

void child_kill(struct child *c)
{
    int status = 0;
    bool ended = false;
    if (c->pid <= 0) {
        return;
    }
    if (look(c, &ended)) {
        end_group(c, &status);
    }
    close_fd(&c->words_fd);
    c->pid = 0;
}
