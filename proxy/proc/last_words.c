/* Owns: the handlers of the signals by which a worker crashes. Main thread of a worker; a handler
 * runs on the thread that has crashed. */
#include "proxy/proc/last_words.h"

#include <signal.h>

static struct logfile *file; /* a handler gets no argument */

static void on_crash(int signal_number)
{
    logfile_rescue(file);
    (void)raise(signal_number); /* blocked until this returns, and by default from now on */
}

void last_words_of(struct logfile *f)
{
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    file = f;
    for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++) {
        struct sigaction action = {.sa_flags = (int)SA_RESETHAND};
        struct sigaction before;
        action.sa_handler = on_crash;
        (void)sigemptyset(&action.sa_mask);
        if (sigaction(crashes[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL) {
            (void)sigaction(crashes[i], &action, NULL);
        }
    }
}
