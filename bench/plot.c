/* Owns: the child, and cutting its SVG to what HTML wants. */
#include "bench/plot.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define NOT_THERE 127
#define PIECE     65536

/* ---- The child ---- */

/* A descriptor from which script can be read, or -1. */
static int as_file(struct str script)
{
    int fd = memfd_create("plot", MFD_CLOEXEC);
    size_t done = 0;
    while (fd >= 0 && done < script.n) {
        ssize_t n = write(fd, script.p + done, script.n - done);
        if (n <= 0) {
            close(fd);
            return -1;
        }
        done += (size_t)n;
    }
    if (fd >= 0 && lseek(fd, 0, SEEK_SET) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* -d: no start-up files of the user. */
static void become_gnuplot(int from, int to)
{
    static char name[] = "gnuplot";
    static char no_files[] = "-d";
    char *argv[] = {name, no_files, NULL};
    if (dup2(from, STDIN_FILENO) >= 0 && dup2(to, STDOUT_FILENO) >= 0 &&
        freopen("/dev/null", "w", stderr) != NULL) {
        execvp(name, argv);
    }
    _exit(NOT_THERE);
}

static pid_t start(struct str script, int *from)
{
    int ends[2];
    int in = as_file(script);
    if (in < 0) {
        return -1;
    }
    if (pipe2(ends, O_CLOEXEC) != 0) {
        close(in);
        return -1;
    }
    pid_t child = fork();
    if (child == 0) {
        become_gnuplot(in, ends[1]);
    }
    close(in);
    close(ends[1]);
    if (child < 0) {
        close(ends[0]);
        return -1;
    }
    *from = ends[0];
    return child;
}

/* All that comes from fd until its end. Returns 0 or a negative err_code. */
static int gather(int fd, struct buf *out)
{
    uint64_t end_ms = clock_mono_ms() + PLOT_PATIENCE_S * UINT64_C(1000);
    for (;;) {
        uint64_t now_ms = clock_mono_ms();
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (now_ms >= end_ms || poll(&p, 1, (int)(end_ms - now_ms)) == 0) {
            return -ERR_IO;
        }
        char *room = buf_reserve(out, PIECE);
        if (room == NULL) {
            return -ERR_NOMEM;
        }
        ssize_t n = read(fd, room, PIECE);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n == 0 ? 0 : -ERR_IO;
        }
        buf_commit(out, (size_t)n);
    }
}

static int run(struct str script, struct buf *out)
{
    int from = -1;
    int status = 0;
    pid_t child = start(script, &from);
    if (child < 0) {
        return -ERR_IO;
    }
    int rc = gather(from, out);
    close(from);
    if (rc != 0) {
        kill(child, SIGKILL);
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (rc == 0 && WIFEXITED(status) && WEXITSTATUS(status) == NOT_THERE) {
        return -ERR_NOT_FOUND;
    }
    return rc == 0 && status != 0 ? -ERR_IO : rc;
}

/* ---- What it drew ---- */

/* s from behind the first what; empty if it is not there. */
static struct str behind(struct str s, const char *what)
{
    const char *at = s.n > 0 ? memmem(s.p, s.n, what, strlen(what)) : NULL;
    return at != NULL ? str_slice(s, (size_t)(at - s.p) + strlen(what), s.n) : STR_NONE;
}

/* The value of an attribute of the element that begins svg: name="...". */
static struct str attribute(struct str svg, const char *name)
{
    struct str value = STR_NONE;
    struct str rest = STR_NONE;
    str_cut(behind(svg, name), '"', &value, &rest);
    return value;
}

/* drawing without its <title> elements: they would name the parts of the plot in tooltips. */
static int append_untitled(struct str drawing, struct buf *out)
{
    int rc = 0;
    while (drawing.n > 0 && rc == 0) {
        struct str rest = behind(drawing, "<title>");
        size_t before =
            rest.p != NULL ? (size_t)(rest.p - drawing.p) - strlen("<title>") : drawing.n;
        rc = buf_append(out, str_slice(drawing, 0, before));
        drawing = rest.p != NULL ? behind(rest, "</title>") : STR_NONE;
    }
    return rc;
}

/* Its own head and the definitions of point symbols go: the latter have the same names in every
 * plot. */
static int embed(struct str svg, const char *css_class, const char *label, struct buf *out)
{
    struct str box = attribute(behind(svg, "<svg"), "viewBox=\"");
    struct str drawing = behind(svg, "</defs>");
    if (box.n == 0 || box.n > 40 || behind(drawing, "</svg>").p == NULL) {
        return -ERR_MALFORMED;
    }
    int rc =
        buf_printf(out, "<svg class=\"%s\" viewBox=\"%.*s\" role=\"img\" aria-label=\"%s\">\n<g>",
                   css_class, STR_ARG(box), label);
    return rc == 0 ? append_untitled(drawing, out) : rc;
}

int plot_svg(struct str script, const char *css_class, const char *label, struct buf *out)
{
    struct buf drawn;
    buf_init(&drawn, PLOT_BYTES_MAX);
    int rc = run(script, &drawn);
    if (rc == 0) {
        rc = embed(buf_str(&drawn), css_class, label, out);
    }
    buf_release(&drawn);
    return rc;
}
