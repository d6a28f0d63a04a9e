/* Messages between master and worker: whole, in order, with their descriptors, and nothing else. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "proxy/proc/ipc.h"

static int ends[2];

static int open_ends(void **state)
{
    (void)state;
    return ipc_pair(ends);
}

static int close_ends(void **state)
{
    (void)state;
    (void)close(ends[0]);
    (void)close(ends[1]);
    return 0;
}

static int count_descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 256; fd++) {
        count += fcntl(fd, F_GETFD) >= 0;
    }
    return count;
}

static void nothing_there(void **state)
{
    (void)state;
    struct ipc_message m;
    assert_int_equal(ipc_receive(ends[1], &m), 0);
    (void)close(ends[0]);
    assert_int_equal(ipc_receive(ends[1], &m), -ERR_CLOSED);
    ends[0] = -1;
}

static void text_and_order(void **state)
{
    (void)state;
    struct ipc_message m;
    assert_int_equal(ipc_send(ends[0], IPC_COMMIT, 7, STR_NONE, -1), 0);
    assert_int_equal(ipc_send(ends[0], IPC_FAILED, UINT64_MAX, STR("no \0 memory"), -1), 0);
    assert_int_equal(ipc_receive(ends[1], &m), 1);
    assert_int_equal(m.type, IPC_COMMIT);
    assert_int_equal(m.generation, 7);
    assert_int_equal(m.n, 0);
    assert_int_equal(m.fd, -1);
    assert_int_equal(ipc_receive(ends[1], &m), 1);
    assert_int_equal(m.type, IPC_FAILED);
    assert_int_equal(m.generation, UINT64_MAX);
    assert_int_equal(m.n, 11);
    assert_memory_equal(m.text, "no \0 memory", 11);
}

static void long_text_is_cut(void **state)
{
    (void)state;
    static char text[IPC_TEXT_MAX + 100];
    static struct ipc_message m;
    memset(text, 'x', sizeof(text));
    assert_int_equal(ipc_send(ends[0], IPC_REFUSED, 1, (struct str){text, sizeof(text)}, -1), 0);
    assert_int_equal(ipc_receive(ends[1], &m), 1);
    assert_int_equal(m.n, IPC_TEXT_MAX);
}

static void descriptor_travels(void **state)
{
    (void)state;
    struct ipc_message m;
    struct stat a;
    struct stat b;
    int fd = open("/dev/null", O_RDONLY);
    assert_int_equal(ipc_send(ends[0], IPC_LISTENER, 1, STR("127.0.0.1:1"), fd), 0);
    assert_int_equal(ipc_receive(ends[1], &m), 1);
    assert_true(m.fd >= 0 && m.fd != fd);
    assert_true((fcntl(m.fd, F_GETFD) & FD_CLOEXEC) != 0);
    assert_int_equal(fstat(fd, &a), 0);
    assert_int_equal(fstat(m.fd, &b), 0);
    assert_int_equal(a.st_rdev, b.st_rdev);
    (void)close(m.fd);
    (void)close(fd);
}

static void send_raw(const void *p, size_t n, const int *fds, size_t count)
{
    struct iovec part = {(void *)(uintptr_t)p, n};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(3 * sizeof(int))] = {0};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (count > 0) {
        message.msg_control = control;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *c = (struct cmsghdr *)(void *)control;
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(c), fds, count * sizeof(int));
    }
    assert_int_equal(sendmsg(ends[0], &message, 0), (ssize_t)n);
}

/* What no peer of ours sends is refused, and no descriptor stays open. */
static void malformed(void **state)
{
    (void)state;
    uint32_t wire[6] = {0}; /* type, octets of text, generation (two), text */
    static const struct {
        const char *name;
        uint32_t type;
        uint32_t text_n;
        size_t n;
    } rows[] = {
        {"shorter than a head", IPC_READY, 0, 15},    {"text longer than told", IPC_READY, 2, 20},
        {"text shorter than told", IPC_READY, 8, 20}, {"type none", IPC_NONE, 0, 16},
        {"type too high", IPC_TYPE_COUNT, 0, 16},
    };
    int fd = open("/dev/null", O_RDONLY);
    int before = count_descriptors();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ipc_message m;
        wire[0] = rows[i].type;
        wire[1] = rows[i].text_n;
        send_raw(wire, rows[i].n, &fd, 1);
        if (ipc_receive(ends[1], &m) != -ERR_MALFORMED) {
            fail_msg("%s was taken", rows[i].name);
        }
        assert_int_equal(m.fd, -1);
    }
    assert_int_equal(count_descriptors(), before);
    (void)close(fd);
}

static void second_descriptor_is_closed(void **state)
{
    (void)state;
    const uint32_t wire[4] = {IPC_PREPARE};
    struct ipc_message m;
    int fd = open("/dev/null", O_RDONLY);
    int fds[3] = {fd, fd, fd};
    int before = count_descriptors();
    send_raw(wire, sizeof(wire), fds, 3);
    assert_int_equal(ipc_receive(ends[1], &m), 1);
    assert_int_equal(count_descriptors(), before + 1);
    (void)close(m.fd);
    (void)close(fd);
}

static void too_long_for_the_buffer(void **state)
{
    (void)state;
    static char big[IPC_TEXT_MAX + 64];
    static struct ipc_message m;
    big[0] = IPC_READY;
    send_raw(big, sizeof(big), NULL, 0);
    assert_int_equal(ipc_receive(ends[1], &m), -ERR_MALFORMED);
}

static void deaf_and_gone(void **state)
{
    (void)state;
    int rc = 0;
    for (int i = 0; i < 100000 && rc == 0; i++) {
        rc = ipc_send(ends[0], IPC_ABORT, 1, STR_NONE, -1);
    }
    assert_int_equal(rc, -ERR_BUSY);
    (void)close(ends[1]);
    ends[1] = -1;
    assert_int_equal(ipc_send(ends[0], IPC_ABORT, 1, STR_NONE, -1), -ERR_CLOSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_there, open_ends, close_ends),
        cmocka_unit_test_setup_teardown(text_and_order, open_ends, close_ends),
        cmocka_unit_test_setup_teardown(long_text_is_cut, open_ends, close_ends),
        cmocka_unit_test_setup_teardown(descriptor_travels, open_ends, close_ends),
        cmocka_unit_test_setup_teardown(malformed, open_ends, close_ends),
        cmocka_unit_test_setup_teardown(second_descriptor_is_closed, open_ends, close_ends),
        cmocka_unit_test_setup_teardown(too_long_for_the_buffer, open_ends, close_ends),
        cmocka_unit_test_setup_teardown(deaf_and_gone, open_ends, close_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
