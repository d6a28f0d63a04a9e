/* Owns: limits and flags of the process. Main thread of the master or of a worker. */
#include "proxy/proc/harden.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <openssl/crypto.h>

enum { KEY_HEAP = 256 * 1024, KEY_HEAP_PIECE = 32 };

void harden_process(void)
{
    struct rlimit limit;
    (void)signal(SIGPIPE, SIG_IGN);
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    (void)umask(077);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    limit = (struct rlimit){0, 0};
    (void)setrlimit(RLIMIT_CORE, &limit);
}

void harden_memory(void)
{
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

void harden_lock(void)
{
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    (void)setrlimit(RLIMIT_MEMLOCK, &limit);
    (void)CRYPTO_secure_malloc_init(KEY_HEAP, KEY_HEAP_PIECE);
    /* With a limit, what is asked for later would fail instead. */
    if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY) {
        (void)mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
    }
}
