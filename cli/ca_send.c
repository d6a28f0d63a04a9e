/* Owns: the rights of the process that sends, and its standard streams. */
#include "cli/ca_send.h"

#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "ca/send.h"
#include "proxy/proc/harden.h"

static int read_job(char *out, size_t size, size_t *n, struct err *e)
{
    ssize_t got = 1;
    *n = 0;
    while (*n < size && (got = read(STDIN_FILENO, out + *n, size - *n)) > 0) {
        *n += (size_t)got;
    }
    return got < 0 || *n == size ? err_set(e, ERR_MALFORMED, "the job cannot be read") : 0;
}

int ca_send(void)
{
    static char job[SEND_JOB_MAX + 1];
    struct err e = {0};
    size_t n = 0;
    harden_process();
    harden_memory();
    int rc = read_job(job, sizeof(job), &n, &e);
    rc = rc == 0 ? send_job((struct str){job, n}, &e) : rc;
    mem_wipe(job, sizeof(job));
    if (rc != 0) {
        (void)fprintf(stderr, "%s\n", e.text);
    }
    return rc == 0 ? 0 : 1;
}
