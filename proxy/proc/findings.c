/* Owns: picking single findings out of a rendered collection. Not: the findings (conf/diag). */
#include "proxy/proc/findings.h"

#include <stdint.h>
#include <stdio.h>

enum { TEXT_MAX = 1024 * 1024 };

/* True if line is the head of a finding of that level ("error: ", "warning: "): heads begin at the
 * margin, and the level stands alone or behind the place. */
static bool is_finding(struct str line, struct str level)
{
    if (line.n == 0 || line.p[0] == ' ') {
        return false;
    }
    for (size_t at = 0; at < line.n; at++) {
        struct str rest = str_slice(line, at, line.n);
        bool at_start = at == 0 || (at >= 2 && line.p[at - 1] == ' ' && line.p[at - 2] == ':');
        if (at_start && (str_starts(rest, STR("error: ")) || str_starts(rest, STR("warning: ")))) {
            return str_starts(rest, level);
        }
    }
    return false;
}

static bool next_finding(struct str *rest, struct str level, struct str *line)
{
    while (rest->n > 0) {
        (void)str_cut(*rest, '\n', line, rest);
        if (is_finding(*line, level)) {
            return true;
        }
    }
    return false;
}

void findings_first_error(const struct diags *diags, char *out, size_t size)
{
    struct buf text;
    struct str line;
    buf_init(&text, TEXT_MAX);
    (void)snprintf(out, size, "the configuration cannot be loaded");
    if (diags_render(diags, &text) == 0) {
        struct str rest = buf_str(&text);
        if (next_finding(&rest, STR("error: "), &line)) {
            (void)snprintf(out, size, "%.*s", STR_ARG(line));
        }
    }
    buf_release(&text);
}

void findings_log_warnings(const struct diags *diags, struct log *log)
{
    struct buf text;
    struct str line;
    buf_init(&text, TEXT_MAX);
    if (diags_render(diags, &text) == 0) {
        struct str rest = buf_str(&text);
        while (next_finding(&rest, STR("warning: "), &line)) {
            LOG(log, LOG_LEVEL_WARNING, "configuration_warning", LOG_TEXT("finding", line));
        }
    }
    buf_release(&text);
}
