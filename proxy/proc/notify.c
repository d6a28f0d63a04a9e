/* Owns: the datagrams to $NOTIFY_SOCKET. Master only; without that variable nothing is sent, and
 * nothing here can fail its caller. */
#include "proxy/proc/notify.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

static const char *variable(const char *name)
{
    /* Nothing of ours changes the environment, and the master has one thread. */
    return getenv(name); /* NOLINT(concurrency-mt-unsafe) */
}

static void tell(const char *text)
{
    const char *path = variable("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (path == NULL || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof(to.sun_path)) {
        return;
    }
    size_t n = strlen(path);
    memcpy(to.sun_path, path, n);
    if (to.sun_path[0] == '@') {
        to.sun_path[0] = '\0';
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return;
    }
    (void)sendto(fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&to,
                 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
    (void)close(fd);
}

void notify_ready(void)
{
    tell("READY=1\nSTATUS=serving");
}

void notify_reloading(void)
{
    char text[96];
    (void)snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_mono_us());
    tell(text);
}

void notify_stopping(void)
{
    tell("STOPPING=1\nSTATUS=draining");
}

void notify_watchdog(void)
{
    tell("WATCHDOG=1");
}

uint64_t notify_watchdog_ms(void)
{
    uint64_t us = 0;
    uint64_t pid = 0;
    const char *for_pid = variable("WATCHDOG_PID");
    if (for_pid != NULL && (!str_to_u64(str_of(for_pid), &pid) || pid != (uint64_t)getpid())) {
        return 0;
    }
    return str_to_u64(str_of(variable("WATCHDOG_USEC")), &us) ? us / 2000 : 0;
}
