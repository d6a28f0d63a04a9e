/* What the service manager hears. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "proxy/proc/notify.h"
#include "tests/support/check.h"

static int manager = -1;

/* value NULL: unset. */
static void set(const char *name, const char *value)
{
    /* One thread. NOLINTBEGIN(concurrency-mt-unsafe) */
    if (value != NULL) {
        (void)setenv(name, value, 1);
    } else {
        (void)unsetenv(name);
    }
    /* NOLINTEND(concurrency-mt-unsafe) */
}

static void listen_at(const char *name)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    size_t n = strlen(name);
    memcpy(a.sun_path, name, n);
    if (name[0] == '@') {
        a.sun_path[0] = '\0';
    }
    manager = socket(AF_UNIX, SOCK_DGRAM, 0);
    assert_int_equal(bind(manager, (struct sockaddr *)&a,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)),
                     0);
    set("NOTIFY_SOCKET", name);
}

static void expect(const char *text)
{
    char got[256];
    ssize_t n = recv(manager, got, sizeof(got) - 1, MSG_DONTWAIT);
    got[n > 0 ? n : 0] = '\0';
    assert_string_equal(got, text);
}

static void messages(void **state)
{
    (void)state;
    char name[64];
    (void)snprintf(name, sizeof(name), "@countersign-notify-%ld", (long)getpid());
    listen_at(name);
    clock_fake(12, 0);
    notify_ready();
    expect("READY=1\nSTATUS=serving");
    notify_reloading();
    expect("RELOADING=1\nMONOTONIC_USEC=12000");
    notify_watchdog();
    expect("WATCHDOG=1");
    notify_stopping();
    expect("STOPPING=1\nSTATUS=draining");
    clock_fake(-1, -1);
    (void)close(manager);
}

static void nobody_listens(void **state)
{
    (void)state;
    static const char *const names[] = {"", "relative", "/no/such/socket", "@"};
    for (size_t i = 0; i < ROWS(names); i++) {
        set("NOTIFY_SOCKET", names[i]);
        notify_ready();
    }
    set("NOTIFY_SOCKET", NULL);
    notify_ready();
}

static void watchdog(void **state)
{
    (void)state;
    char own[32];
    (void)snprintf(own, sizeof(own), "%ld", (long)getpid());
    set("WATCHDOG_USEC", NULL);
    set("WATCHDOG_PID", NULL);
    assert_int_equal(notify_watchdog_ms(), 0);
    set("WATCHDOG_USEC", "30000000");
    assert_int_equal(notify_watchdog_ms(), 15000);
    set("WATCHDOG_PID", own);
    assert_int_equal(notify_watchdog_ms(), 15000);
    set("WATCHDOG_PID", "1");
    assert_int_equal(notify_watchdog_ms(), 0);
    set("WATCHDOG_PID", NULL);
    set("WATCHDOG_USEC", "soon");
    assert_int_equal(notify_watchdog_ms(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(watchdog),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
