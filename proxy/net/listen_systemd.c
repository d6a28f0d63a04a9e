/* Owns: reading of the environment that systemd sets for socket activation. At start, while there
 * is one thread. */
#include "proxy/net/listen_systemd.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/str.h"

/* SD_LISTEN_FDS_START of sd_listen_fds(3). */
#define FIRST_FD 3

/* More than anyone hands over; also keeps the sum below INT_MAX. */
#define FD_COUNT_MAX 4096

static bool environment_number(const char *name, uint64_t *out)
{
    const char *text = secure_getenv(name);
    return text != NULL && str_to_u64(str_of(text), out);
}

int listen_systemd_find(const char *name, struct err *e)
{
    uint64_t pid;
    uint64_t count;
    if (!environment_number("LISTEN_PID", &pid) || pid != (uint64_t)getpid()) {
        return err_set(e, ERR_NOT_FOUND,
                       "no descriptor \"%s\": systemd handed none over (LISTEN_PID is not this "
                       "process); start by a .socket unit with FileDescriptorName=%s",
                       name, name);
    }
    if (!environment_number("LISTEN_FDS", &count) || count > FD_COUNT_MAX) {
        return err_set(e, ERR_MALFORMED, "LISTEN_FDS is not a number of descriptors");
    }
    struct str rest = str_of(secure_getenv("LISTEN_FDNAMES"));
    int found = -1;
    for (uint64_t i = 0; i < count && rest.p != NULL; i++) {
        struct str one;
        bool more = str_cut(rest, ':', &one, &rest);
        if (str_eq(one, str_of(name))) {
            if (found >= 0) {
                return err_set(e, ERR_CONFIG,
                               "several descriptors are named \"%s\"; give each .socket unit one "
                               "address and a FileDescriptorName= of its own",
                               name);
            }
            found = FIRST_FD + (int)i;
        }
        if (!more) {
            break;
        }
    }
    if (found < 0) {
        return err_set(e, ERR_NOT_FOUND,
                       "systemd handed over no descriptor named \"%s\"; set FileDescriptorName=%s "
                       "in the .socket unit",
                       name, name);
    }
    return found;
}
