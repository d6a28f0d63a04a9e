/* Owns: the form of an error-log line. Not: the descriptor (logfile), nor what is worth a line.
 * One thread a log. */
#include "base/log.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/enc.h"
#include "base/mem.h"

enum {
    LINE_MAX_OCTETS = 16384,
    TEXT_MAX_OCTETS = 1024 /* of one value, before escaping */
};

struct log {
    struct logfile *file; /* borrowed */
    const char *role;     /* borrowed; may be NULL */
    enum log_level level;
    enum log_format format;
    struct buf line;
};

static const char *level_name(enum log_level level)
{
    switch (level) {
    case LOG_LEVEL_ERROR:
        return "error";
    case LOG_LEVEL_WARNING:
        return "warning";
    case LOG_LEVEL_INFO:
        return "info";
    case LOG_LEVEL_DEBUG:
        return "debug";
    }
    return "error";
}

struct log *log_new(struct logfile *file, enum log_level level, enum log_format format,
                    const char *role)
{
    struct log *l = mem_calloc(1, sizeof(*l));
    if (l == NULL) {
        return NULL;
    }
    l->file = file;
    l->role = role;
    l->level = level;
    l->format = format;
    /* All of it now, so that an event about missing memory can still be logged. */
    buf_init(&l->line, LINE_MAX_OCTETS);
    if (buf_reserve(&l->line, LINE_MAX_OCTETS) == NULL) {
        mem_free(l);
        return NULL;
    }
    logfile_set_json(file, format == LOG_FORMAT_JSON);
    return l;
}

void log_free(struct log *l)
{
    if (l != NULL) {
        buf_release(&l->line);
        mem_free(l);
    }
}

bool log_wants(const struct log *l, enum log_level level)
{
    return l != NULL && level <= l->level;
}

enum log_level log_level_of(enum reason r)
{
    switch (reason_class(r)) {
    case REASON_CLASS_SELF:
        return LOG_LEVEL_ERROR;
    case REASON_CLASS_PEER:
        return LOG_LEVEL_INFO;
    case REASON_CLASS_SECURITY:
    case REASON_CLASS_UPSTREAM:
        return LOG_LEVEL_WARNING;
    }
    return LOG_LEVEL_ERROR;
}

/* A value that may stand bare in logfmt: not empty, and nothing in it that separates or escapes. */
static bool is_bare(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c <= 0x20 || c >= 0x7f || c == '"' || c == '\\' || c == '=') {
            return false;
        }
    }
    return s.n > 0;
}

static int add_logfmt_text(struct buf *out, struct str text)
{
    if (is_bare(text)) {
        return buf_append(out, text);
    }
    int rc = buf_append(out, STR("\""));
    if (rc == 0) {
        rc = enc_log_text(out, text);
    }
    return rc == 0 ? buf_append(out, STR("\"")) : rc;
}

static int add_key(struct log *l, const char *key)
{
    bool first = buf_len(&l->line) == 0;
    if (l->format == LOG_FORMAT_JSON) {
        return buf_printf(&l->line, "%s\"%s\":", first ? "{" : ",", key);
    }
    return buf_printf(&l->line, "%s%s=", first ? "" : " ", key);
}

static int add_field(struct log *l, const struct log_field *f)
{
    int rc = add_key(l, f->key);
    if (rc != 0) {
        return rc;
    }
    if (f->is_number) {
        return buf_printf(&l->line, "%" PRId64, f->number);
    }
    struct str text = str_slice(f->text, 0, TEXT_MAX_OCTETS);
    if (l->format == LOG_FORMAT_JSON) {
        return enc_json_string(&l->line, text);
    }
    return add_logfmt_text(&l->line, text);
}

/* Time, level, role and event; they fit into any line. */
static int add_start(struct log *l, enum log_level level, const char *event)
{
    char now[CLOCK_RFC3339_LEN + 1];
    clock_rfc3339(clock_wall_ms(), now);
    buf_clear(&l->line);
    int rc = add_field(l, &LOG_TEXT("time", str_of(now)));
    if (rc == 0) {
        rc = add_field(l, &LOG_TEXT("level", str_of(level_name(level))));
    }
    if (rc == 0 && l->role != NULL) {
        rc = add_field(l, &LOG_TEXT("role", str_of(l->role)));
    }
    return rc == 0 ? add_field(l, &LOG_TEXT("event", str_of(event))) : rc;
}

void log_event(struct log *l, enum log_level level, const char *event,
               const struct log_field *fields, size_t n)
{
    if (!log_wants(l, level)) {
        return;
    }
    if (add_start(l, level, event) != 0) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        size_t whole = buf_len(&l->line);
        /* An event with fewer fields is worth more than none; one octet stays for the brace. */
        if (add_field(l, &fields[i]) != 0 || buf_len(&l->line) == LINE_MAX_OCTETS) {
            l->line.tail = l->line.head + whole;
            break;
        }
    }
    if (l->format != LOG_FORMAT_JSON || buf_append(&l->line, STR("}")) == 0) {
        logfile_line(l->file, buf_str(&l->line));
    }
}
