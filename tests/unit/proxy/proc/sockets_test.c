/* The table of listening sockets: what is missing is opened, what is not named goes. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "proxy/proc/sockets.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

struct scene {
    struct conf conf;
    struct conf_listener listeners[3];
    struct sockets have;
    struct sockets fresh;
};

static struct addr free_address(void)
{
    struct addr a = {.kind = ADDR_INET, .in4 = {.sin_family = AF_INET}};
    socklen_t n = sizeof(a.in4);
    a.in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, &a.sa, sizeof(a.in4)), 0);
    assert_int_equal(getsockname(fd, &a.sa, &n), 0);
    (void)close(fd);
    a.port = ntohs(a.in4.sin_port);
    return a;
}

static int make_scene(void **state)
{
    static struct scene s;
    s = (struct scene){.conf = {.listeners = s.listeners, .listener_count = 2}};
    for (size_t i = 0; i < 3; i++) {
        s.listeners[i].address = free_address();
        s.listeners[i].backlog = 16;
    }
    *state = &s;
    return 0;
}

static int drop_scene(void **state)
{
    struct scene *s = *state;
    sockets_close(&s->have);
    sockets_close(&s->fresh);
    return 0;
}

static struct str name(const struct scene *s, size_t i)
{
    static char text[ADDR_TEXT_MAX];
    return addr_text(&s->listeners[i].address, text);
}

static bool is_socket(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

static void unix_address(struct addr *a, const struct tmpdir *dir, const char *file)
{
    char path[TMPDIR_PATH_MAX];
    *a = (struct addr){.kind = ADDR_UNIX, .un = {.sun_family = AF_UNIX}};
    (void)snprintf(a->un.sun_path, sizeof(a->un.sun_path), "%s", tmpdir_path(dir, file, path));
}

/* A socket file goes with its listener, unless it is another's by now. */
static void socket_files(void **state)
{
    struct scene *s = *state;
    struct tmpdir dir;
    struct err e = {0};
    tmpdir_make(&dir);
    unix_address(&s->listeners[0].address, &dir, "a");
    unix_address(&s->listeners[1].address, &dir, "b");
    const char *a = s->listeners[0].address.un.sun_path;
    const char *b = s->listeners[1].address.un.sun_path;
    assert_int_equal(sockets_open_missing(&s->have, &s->conf, &s->have, &e), 0);
    struct conf next = {.listeners = &s->listeners[1], .listener_count = 1};
    sockets_unlink(&s->have, &next);
    assert_true(!is_socket(a) && is_socket(b));
    /* Whoever is told to listen there now removes the one that nobody answers on. */
    assert_int_equal(unlink(b), 0);
    assert_int_equal(sockets_open_missing(&s->fresh, &next, &s->fresh, &e), 0);
    sockets_unlink(&s->have, NULL);
    assert_true(is_socket(b));
    sockets_unlink(&s->fresh, NULL);
    assert_false(is_socket(b));
    /* What cannot be opened as a whole leaves no file behind. */
    sockets_close(&s->have);
    s->listeners[1].address = (struct addr){.kind = ADDR_NAME};
    assert_int_not_equal(sockets_open_missing(&s->have, &s->conf, &s->have, &e), 0);
    assert_false(is_socket(a));
    tmpdir_remove(&dir);
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static void over_a_reload(void **state)
{
    struct scene *s = *state;
    struct err e = {0};
    assert_int_equal(sockets_open_missing(&s->have, &s->conf, &s->have, &e), 0);
    assert_int_equal(s->have.n, 2);
    int first = sockets_find(&s->have, name(s, 0));
    int second = sockets_find(&s->have, name(s, 1));
    assert_true(first >= 0 && second >= 0 && first != second);
    assert_int_equal(sockets_find(&s->have, name(s, 2)), -1);
    /* The first goes, a third comes, and the admin listener. */
    struct conf next = {.listeners = &s->listeners[1], .listener_count = 2};
    next.admin.address_text.p = "x";
    next.admin.address = free_address();
    assert_int_equal(sockets_open_missing(&s->have, &next, &s->fresh, &e), 0);
    assert_int_equal(s->fresh.n, 2);
    assert_int_equal(sockets_room(&s->have, s->fresh.n), 0);
    mem_fail_after(1, true); /* there is room: this cannot fail */
    assert_int_equal(sockets_take(&s->have, &s->fresh), 0);
    mem_fail_after(0, false);
    assert_int_equal(s->fresh.n, 0);
    sockets_keep_named(&s->have, &next);
    assert_int_equal(s->have.n, 3);
    assert_false(is_open(first));
    assert_int_equal(sockets_find(&s->have, name(s, 1)), second);
    assert_true(is_open(sockets_find(&s->have, name(s, 2))));
    assert_false(sockets_named(&next, name(s, 0)));
}

static void port_in_use(void **state)
{
    struct scene *s = *state;
    struct err e = {0};
    struct conf only = {.listeners = &s->listeners[1], .listener_count = 1};
    assert_int_equal(sockets_open_missing(&s->have, &only, &s->have, &e), 0);
    /* The second listener's address is taken: the first, just opened, is closed again. */
    assert_true(sockets_open_missing(&s->fresh, &s->conf, &s->fresh, &e) < 0);
    assert_int_equal(s->fresh.n, 0);
    assert_non_null(strstr(e.text, "another process listens on"));
}

static void without_memory(void **state)
{
    struct scene *s = *state;
    for (unsigned long n = 1; n < 4; n++) {
        struct err e = {0};
        mem_fail_after(n, true);
        int rc = sockets_open_missing(&s->have, &s->conf, &s->fresh, &e);
        mem_fail_after(0, false);
        assert_true(rc == 0 || s->fresh.n == 0);
        sockets_close(&s->fresh);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(over_a_reload, make_scene, drop_scene),
        cmocka_unit_test_setup_teardown(port_in_use, make_scene, drop_scene),
        cmocka_unit_test_setup_teardown(socket_files, make_scene, drop_scene),
        cmocka_unit_test_setup_teardown(without_memory, make_scene, drop_scene),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
