/* Owns: a descriptor that takes log lines, the lines that wait for it, and the count of the lost
 * ones. Not: what a line says. One thread a file. */
#include "base/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"

enum {
    WAIT_MAX = 65536, /* octets that may wait past batch_bytes for a slow reader */
    NOTICE_MAX = 160,
    MODE = 0640,
    OPEN_FLAGS = O_WRONLY | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY
};

/* How to write without blocking. */
enum way {
    WAY_OFF = 0, /* nowhere */
    WAY_FILE,    /* a regular file: write */
    WAY_STREAM,  /* pipe or device with O_NONBLOCK: write, whole lines at a time */
    WAY_POLL,    /* blocking and shared with others: poll, then write whole lines */
    WAY_SOCKET   /* send with MSG_DONTWAIT */
};

struct logfile {
    int fd; /* owned */
    enum way way;
    char *path; /* owned; NULL for "off" and the standard streams */
    struct buf wait;
    size_t batch_bytes;
    bool mid_line; /* the first octet of wait continues a line that is already half written */
    bool json;
    uint64_t lost;
    uint64_t untold; /* of these, not yet said */
    int error;       /* errno of the failure that lost the last ones; EAGAIN: nobody reads */
    char notice[NOTICE_MAX];
    size_t notice_at; /* what of notice still has to be written is [notice_at, notice_n) */
    size_t notice_n;
    uint64_t notice_lines; /* how many lost ones it tells of */
};

static int set_errno(struct err *e, const char *path)
{
    enum err_code code = ERR_IO;
    if (errno == EACCES || errno == EPERM || errno == EROFS) {
        code = ERR_DENIED;
    } else if (errno == ENOENT) {
        code = ERR_NOT_FOUND;
    }
    return err_set_errno(e, code, errno, "cannot open the log file \"%.150s\"", path);
}

static enum way way_of(int fd)
{
    struct stat st;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        return WAY_FILE;
    }
    return WAY_STREAM;
}

/* O_NONBLOCK on a standard stream would hold for everyone who shares it. Pipes and terminals are
 * opened once more instead, sockets have a flag for each send; the rest is polled. */
static int open_standard(struct logfile *f, int stream, struct err *e)
{
    struct stat st;
    int fd = -1;
    if (fstat(stream, &st) != 0) {
        return err_set_errno(e, ERR_IO, errno, "standard stream %d cannot take the log", stream);
    }
    f->way = S_ISREG(st.st_mode) ? WAY_FILE : WAY_POLL;
    if (S_ISSOCK(st.st_mode)) {
        f->way = WAY_SOCKET;
    } else if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)) {
        char again[32];
        (void)snprintf(again, sizeof(again), "/proc/self/fd/%d", stream);
        fd = open(again, OPEN_FLAGS);
        f->way = fd >= 0 ? WAY_STREAM : WAY_POLL;
    }
    if (fd < 0) {
        fd = fcntl(stream, F_DUPFD_CLOEXEC, 3);
    }
    if (fd < 0) {
        return err_set_errno(e, ERR_IO, errno, "standard stream %d cannot take the log", stream);
    }
    f->fd = fd;
    return 0;
}

/* Open path, or make it. The umask of a proxy leaves nothing to the group, so it is not asked. */
static int open_file(const char *path)
{
    int fd = open(path, OPEN_FLAGS);
    if (fd >= 0 || errno != ENOENT) {
        return fd;
    }
    fd = open(path, OPEN_FLAGS | O_CREAT | O_EXCL, MODE);
    if (fd < 0 && errno == EEXIST) {
        return open(path, OPEN_FLAGS); /* another process has just made it */
    }
    if (fd >= 0) {
        (void)fchmod(fd, MODE);
    }
    return fd;
}

static int open_path(struct logfile *f, const char *path, struct err *e)
{
    if (strcmp(path, "off") == 0) {
        return 0;
    }
    if (strcmp(path, "stderr") == 0) {
        return open_standard(f, STDERR_FILENO, e);
    }
    if (strcmp(path, "stdout") == 0) {
        return open_standard(f, STDOUT_FILENO, e);
    }
    f->path = mem_dup(path, strlen(path));
    if (f->path == NULL) {
        return err_set(e, ERR_NOMEM, "no memory to open a log file");
    }
    f->fd = open_file(path);
    if (f->fd < 0) {
        return set_errno(e, path);
    }
    f->way = way_of(f->fd);
    return 0;
}

struct logfile *logfile_open(const char *path, size_t batch_bytes, struct err *e)
{
    struct logfile *f = mem_calloc(1, sizeof(*f));
    if (f == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory to open a log file");
        return NULL;
    }
    f->fd = -1;
    f->batch_bytes = batch_bytes;
    buf_init(&f->wait, batch_bytes + WAIT_MAX);
    if (open_path(f, path, e) != 0) {
        mem_free(f->path);
        mem_free(f);
        return NULL;
    }
    return f;
}

void logfile_set_json(struct logfile *f, bool json)
{
    f->json = json;
}

static ssize_t write_once(const struct logfile *f, struct str s)
{
    if (f->way == WAY_SOCKET) {
        return send(f->fd, s.p, s.n, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    if (f->way == WAY_POLL) {
        struct pollfd p = {.fd = f->fd, .events = POLLOUT};
        if (poll(&p, 1, 0) == 0) {
            errno = EAGAIN;
            return -1;
        }
    }
    return write(f->fd, s.p, s.n);
}

/* What to write at once: everything into a regular file; elsewhere as many whole lines as go
 * through a pipe in one piece, so that lines of other processes do not come between. */
static struct str piece_of(const struct logfile *f, struct str all)
{
    if (f->way == WAY_FILE || all.n <= PIPE_BUF) {
        return all;
    }
    const char *end = memrchr(all.p, '\n', PIPE_BUF);
    if (end == NULL) {
        end = memchr(all.p, '\n', all.n);
    }
    return end != NULL ? str_slice(all, 0, (size_t)(end - all.p) + 1) : all;
}

enum outcome { OUTCOME_DONE, OUTCOME_LATER, OUTCOME_FAILED };

/* Write as much of s as goes; *n says how much that was. */
static enum outcome write_some(struct logfile *f, struct str s, size_t *n)
{
    *n = 0;
    while (*n < s.n) {
        ssize_t rc = write_once(f, piece_of(f, str_slice(s, *n, s.n)));
        if (rc > 0) {
            *n += (size_t)rc;
        } else if (rc < 0 && errno == EAGAIN) {
            f->error = EAGAIN;
            return OUTCOME_LATER;
        } else if (rc == 0 || errno != EINTR) {
            f->error = rc == 0 ? EIO : errno;
            return OUTCOME_FAILED;
        }
    }
    return OUTCOME_DONE;
}

static void count_lost(struct logfile *f, uint64_t lines)
{
    f->lost += lines;
    f->untold += lines;
}

static uint64_t count_lines(struct str s)
{
    struct str line;
    uint64_t n = 0;
    while (str_cut(s, '\n', &line, &s)) {
        n++;
    }
    return n;
}

/* Give up what waits, but for the end of a line whose beginning is written. */
static void drop_waiting(struct logfile *f)
{
    struct str all = buf_str(&f->wait);
    size_t keep = 0;
    if (f->mid_line) {
        keep = str_chr(all, '\n') + 1;
    }
    count_lost(f, count_lines(str_slice(all, keep, all.n)));
    f->wait.tail = f->wait.head + keep;
}

/* Make the line that tells of the loss, unless one is under way. */
static void prepare_notice(struct logfile *f)
{
    if (f->untold == 0 || f->notice_at < f->notice_n) {
        return;
    }
    char now[CLOCK_RFC3339_LEN + 1];
    clock_rfc3339(clock_wall_ms(), now);
    int n = snprintf(f->notice, sizeof(f->notice),
                     f->json ? "{\"time\":\"%s\",\"level\":\"warning\","
                               "\"event\":\"log_lines_lost\",\"lines\":%" PRIu64 "}\n"
                             : "time=%s level=warning event=log_lines_lost lines=%" PRIu64 "\n",
                     now, f->untold);
    f->notice_at = 0;
    f->notice_n = (size_t)n;
    f->notice_lines = f->untold;
}

static enum outcome write_notice(struct logfile *f)
{
    size_t n = 0;
    prepare_notice(f);
    enum outcome outcome =
        write_some(f, (struct str){f->notice + f->notice_at, f->notice_n - f->notice_at}, &n);
    if (f->notice_at == 0 && n > 0) {
        f->untold = 0;
    }
    f->notice_at += n;
    if (f->notice_at == 0) {
        f->notice_n = 0; /* made afresh next time, with the count of then */
    }
    return outcome;
}

/* Write the first n octets of what waits. */
static enum outcome write_waiting(struct logfile *f, size_t n)
{
    size_t written = 0;
    struct str part = str_slice(buf_str(&f->wait), 0, n);
    enum outcome outcome = write_some(f, part, &written);
    if (written > 0) {
        f->mid_line = part.p[written - 1] != '\n';
        buf_consume(&f->wait, written);
    }
    return outcome;
}

void logfile_flush(struct logfile *f)
{
    if (f->way == WAY_OFF) {
        return;
    }
    enum outcome outcome = OUTCOME_DONE;
    if (f->mid_line) {
        outcome = write_waiting(f, str_chr(buf_str(&f->wait), '\n') + 1);
    }
    /* Two rounds if one notice was cut and more was lost meanwhile. */
    while (outcome == OUTCOME_DONE && (f->untold > 0 || f->notice_at < f->notice_n)) {
        outcome = write_notice(f);
    }
    if (outcome == OUTCOME_DONE) {
        outcome = write_waiting(f, SIZE_MAX);
    }
    if (outcome == OUTCOME_FAILED) {
        drop_waiting(f);
    }
}

bool logfile_is_waiting(const struct logfile *f)
{
    return f->way != WAY_OFF &&
           (buf_len(&f->wait) > 0 || f->untold > 0 || f->notice_at < f->notice_n);
}

void logfile_rescue(const struct logfile *f)
{
    if (f->way != WAY_OFF && buf_len(&f->wait) > 0) {
        (void)!write_once(f, buf_str(&f->wait)); /* there is nobody to tell */
    }
}

void logfile_line(struct logfile *f, struct str line)
{
    if (f->way == WAY_OFF) {
        return;
    }
    char *p = buf_reserve(&f->wait, line.n + 1);
    if (p == NULL) {
        logfile_flush(f);
        p = buf_reserve(&f->wait, line.n + 1);
    }
    if (p == NULL) {
        count_lost(f, 1);
        return;
    }
    if (line.n > 0) {
        memcpy(p, line.p, line.n);
    }
    p[line.n] = '\n';
    buf_commit(&f->wait, line.n + 1);
    if (buf_len(&f->wait) >= f->batch_bytes) {
        logfile_flush(f);
    }
}

/* Go on with fd, which becomes f's, after a flush. */
static void switch_to(struct logfile *f, int fd)
{
    if (f->mid_line) {
        /* The half line stays in the old file; its other half would make no sense in the new. */
        buf_consume(&f->wait, str_chr(buf_str(&f->wait), '\n') + 1);
        f->mid_line = false;
        count_lost(f, 1);
    }
    if (f->notice_at < f->notice_n) {
        f->untold += f->notice_lines;
    }
    f->notice_at = 0;
    f->notice_n = 0;
    (void)close(f->fd);
    f->fd = fd;
    f->way = way_of(fd);
}

int logfile_reopen(struct logfile *f, struct err *e)
{
    logfile_flush(f);
    if (f->path == NULL) {
        return 0;
    }
    int fd = open_file(f->path);
    if (fd < 0) {
        return set_errno(e, f->path);
    }
    switch_to(f, fd);
    return 0;
}

void logfile_adopt(struct logfile *f, int fd)
{
    logfile_flush(f);
    if (f->path == NULL) {
        (void)close(fd);
        return;
    }
    switch_to(f, fd);
}

int logfile_descriptor(const struct logfile *f)
{
    return f->path != NULL ? f->fd : -1;
}

uint64_t logfile_lost(const struct logfile *f)
{
    return f->lost;
}

const char *logfile_trouble(const struct logfile *f)
{
    if (f->lost == 0) {
        return NULL;
    }
    switch (f->error) {
    case 0:
        return "out of memory";
    case EAGAIN:
        return "its reader does not keep up";
    default:
        return strerrordesc_np(f->error);
    }
}

void logfile_close(struct logfile *f)
{
    if (f == NULL) {
        return;
    }
    logfile_flush(f);
    if (f->fd >= 0) {
        (void)close(f->fd);
    }
    buf_release(&f->wait);
    mem_free(f->path);
    mem_free(f);
}
