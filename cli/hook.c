/* Owns: one child process, from its start to its end. */
#include "cli/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

static char **environment(const char *const *values, size_t n)
{
    size_t count = 0;
    while (environ != NULL && environ[count] != NULL) {
        count++;
    }
    char **all = mem_calloc(count + n + 1, sizeof(*all));
    for (size_t i = 0; all != NULL && i < count; i++) {
        all[i] = environ[i];
    }
    for (size_t i = 0; all != NULL && i < n; i++) {
        memcpy(&all[count + i], &values[i], sizeof(values[i])); /* exec changes nothing of it */
    }
    return all;
}

/* In a process group of its own, with the usual signals: ours are blocked or ignored. */
static int start(const char *program, char **env, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigset_t all;
    char *const argv[] = {(char[]){"hook"}, NULL};
    sigemptyset(&none);
    sigfillset(&all);
    int rc = posix_spawn_file_actions_init(&actions);
    if (rc != 0) {
        return rc;
    }
    rc = posix_spawnattr_init(&attributes);
    if (rc == 0) {
        rc = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                                        POSIX_SPAWN_SETSIGDEF);
        (void)posix_spawnattr_setpgroup(&attributes, 0);
        (void)posix_spawnattr_setsigmask(&attributes, &none);
        (void)posix_spawnattr_setsigdefault(&attributes, &all);
        rc = rc == 0 ? posix_spawn(pid, program, &actions, &attributes, argv, env) : rc;
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return rc;
}

/* Whether it ended in time; it has ended in any case when this returns. */
static bool wait_for(pid_t pid, unsigned limit_ms, int *status)
{
    int fd = pidfd_open(pid, 0);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int ready = 0;
    do {
        ready = fd >= 0 ? poll(&p, 1, (int)limit_ms) : 0;
    } while (ready < 0 && errno == EINTR);
    if (ready <= 0) {
        (void)kill(-pid, SIGKILL);
    }
    while (waitpid(pid, status, 0) < 0 && errno == EINTR) {
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return ready > 0;
}

int hook_run(const char *program, const char *const *values, size_t n, unsigned limit_ms,
             struct err *e)
{
    pid_t pid = -1;
    int status = 0;
    char **env = environment(values, n < HOOK_VALUES_MAX ? n : HOOK_VALUES_MAX);
    if (env == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    int rc = start(program, env, &pid);
    mem_free(env);
    if (rc != 0) {
        return err_set_errno(e, ERR_IO, rc, "%s: cannot be run", program);
    }
    if (!wait_for(pid, limit_ms, &status)) {
        return err_set(e, ERR_BUSY, "%s: took longer than %u s, and was ended", program,
                       limit_ms / 1000);
    }
    if (WIFSIGNALED(status)) {
        return err_set(e, ERR_DENIED, "%s: was ended by signal %d", program, WTERMSIG(status));
    }
    return WEXITSTATUS(status) == 0
               ? 0
               : err_set(e, ERR_DENIED, "%s: ended with status %d", program, WEXITSTATUS(status));
}
