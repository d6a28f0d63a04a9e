/* Owns: the findings of one load and the sources that they point into; their printed form. Not:
 * what is a mistake. One thread a collection. */
#include "conf/diag.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"

enum {
    SHOWN_MAX = 160, /* octets of a source line that are printed */
    WORD_MAX = 64,   /* longest word that diag_nearest compares */
    RENDER_MAX = 64 * 1024 * 1024
};

struct source {
    char *name;
    char *text;
    size_t n;
    size_t *lines; /* offset of the start of each line */
    size_t line_count;
};

struct finding {
    enum diag_level level;
    struct conf_pos at;
    char *key;
    char *suggestion;
    char *text;
};

struct diags {
    struct source *sources;
    size_t source_count;
    struct finding *findings;
    size_t finding_count;
    size_t finding_size;
    size_t errors;
    size_t warnings;
    bool lost; /* a finding was not recorded for want of memory */
};

struct diags *diags_new(void)
{
    return mem_calloc(1, sizeof(struct diags));
}

void diags_free(struct diags *d)
{
    if (d == NULL) {
        return;
    }
    for (size_t i = 0; i < d->source_count; i++) {
        mem_free(d->sources[i].name);
        mem_free(d->sources[i].text);
        mem_free(d->sources[i].lines);
    }
    for (size_t i = 0; i < d->finding_count; i++) {
        mem_free(d->findings[i].key);
        mem_free(d->findings[i].suggestion);
        mem_free(d->findings[i].text);
    }
    mem_free(d->sources);
    mem_free(d->findings);
    mem_free(d);
}

/* Length of the line break at the front of s, as YAML 1.1 counts breaks (so that our lines are the
 * parser's): CR LF, CR, LF, NEL, LS, PS. 0 if there is none. */
static size_t break_len(struct str s)
{
    if (s.n >= 1 && s.p[0] == '\n') {
        return 1;
    }
    if (s.n >= 1 && s.p[0] == '\r') {
        return s.n >= 2 && s.p[1] == '\n' ? 2 : 1;
    }
    if (str_starts(s, STR("\xc2\x85"))) {
        return 2;
    }
    return str_starts(s, STR("\xe2\x80\xa8")) || str_starts(s, STR("\xe2\x80\xa9")) ? 3 : 0;
}

static size_t count_lines(struct str text, size_t *starts)
{
    size_t count = 1;
    if (starts != NULL) {
        starts[0] = 0;
    }
    for (size_t i = 0; i < text.n;) {
        size_t n = break_len(str_slice(text, i, text.n));
        i += n > 0 ? n : 1;
        if (n > 0) {
            if (starts != NULL) {
                starts[count] = i;
            }
            count++;
        }
    }
    return count;
}

uint32_t diags_source(struct diags *d, const char *name, struct str text)
{
    struct source *grown = mem_realloc(d->sources, (d->source_count + 1) * sizeof(*grown));
    if (grown == NULL) {
        d->lost = true;
        return UINT32_MAX;
    }
    d->sources = grown;
    struct source *s = &grown[d->source_count];
    *s = (struct source){.name = mem_dup(name, strlen(name))};
    s->text = mem_dup(text.p != NULL ? text.p : "", text.n);
    s->lines = mem_calloc(count_lines(text, NULL), sizeof(*s->lines));
    d->lost |= s->name == NULL;
    if (s->text != NULL && s->lines != NULL) {
        s->n = text.n;
        s->line_count = count_lines(text, s->lines);
    } else {
        d->lost = true;
    }
    return (uint32_t)d->source_count++;
}

void diags_mask(struct diags *d, uint32_t file, struct str key)
{
    if (file >= d->source_count || d->sources[file].text == NULL) {
        return;
    }
    char *text = d->sources[file].text;
    size_t n = d->sources[file].n;
    for (size_t at = 0; at + key.n <= n; at++) {
        if (str_ieq((struct str){text + at, key.n}, key)) {
            for (at += key.n; at < n && str_chr(STR(" \t\r\n"), text[at]) == STR_NPOS; at++) {
                text[at] = '*';
            }
        }
    }
}

const char *diags_source_name(const struct diags *d, uint32_t file)
{
    return file < d->source_count ? d->sources[file].name : NULL;
}

/* The line without its break; empty if there is no such line. */
static struct str line_of(const struct diags *d, uint32_t file, uint32_t line)
{
    if (file >= d->source_count || line == 0 || line > d->sources[file].line_count) {
        return STR("");
    }
    const struct source *s = &d->sources[file];
    size_t from = s->lines[line - 1];
    struct str rest = {s->text + from, s->n - from};
    size_t n = 0;
    while (n < rest.n && break_len(str_slice(rest, n, rest.n)) == 0) {
        n++;
    }
    return str_slice(rest, 0, n);
}

uint32_t diags_column(const struct diags *d, uint32_t file, uint32_t line, size_t characters)
{
    struct str s = line_of(d, file, line);
    size_t at = 0;
    for (size_t i = 0; i < characters && at < s.n; i++) {
        size_t n = str_utf8_len(str_slice(s, at, s.n));
        at += n > 0 ? n : 1;
    }
    return (uint32_t)at + 1;
}

struct conf_pos diags_place(const struct diags *d, uint32_t file, size_t offset)
{
    struct conf_pos at = {.file = file};
    if (file >= d->source_count || d->sources[file].line_count == 0) {
        return at;
    }
    const struct source *s = &d->sources[file];
    size_t line = 0;
    while (line + 1 < s->line_count && s->lines[line + 1] <= offset) {
        line++;
    }
    at.line = (uint32_t)line + 1;
    at.column = (uint32_t)(offset - s->lines[line]) + 1;
    return at;
}

/* printf into fresh memory. */
static char *format_new(const char *format, va_list args) __attribute__((format(printf, 1, 0)));
static char *format_new(const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    char *text = n < 0 ? NULL : mem_alloc((size_t)n + 1);
    if (text != NULL) {
        (void)vsnprintf(text, (size_t)n + 1, format, again);
    }
    va_end(again);
    return text;
}

static struct finding *next_finding(struct diags *d)
{
    if (d->finding_count == d->finding_size) {
        size_t size = d->finding_size == 0 ? 16 : d->finding_size * 2;
        struct finding *grown = mem_realloc(d->findings, size * sizeof(*grown));
        if (grown == NULL) {
            return NULL;
        }
        d->findings = grown;
        d->finding_size = size;
    }
    return &d->findings[d->finding_count];
}

void diag_add(struct diags *d, enum diag_level level, struct conf_pos at, const char *key,
              const char *suggestion, const char *format, ...)
{
    if (level == DIAG_ERROR) {
        d->errors++;
    } else {
        d->warnings++;
    }
    struct finding *f = next_finding(d);
    if (f == NULL) {
        d->lost = true;
        return;
    }
    va_list args;
    va_start(args, format);
    *f = (struct finding){.level = level, .at = at, .text = format_new(format, args)};
    va_end(args);
    if (key != NULL) {
        f->key = mem_dup(key, strlen(key));
    }
    if (suggestion != NULL) {
        f->suggestion = mem_dup(suggestion, strlen(suggestion));
    }
    if (f->text == NULL || (key != NULL && f->key == NULL) ||
        (suggestion != NULL && f->suggestion == NULL)) {
        d->lost = true;
    }
    if (f->text == NULL) {
        mem_free(f->key);
        mem_free(f->suggestion);
        return;
    }
    d->finding_count++;
}

size_t diags_errors(const struct diags *d)
{
    return d->errors;
}

size_t diags_warnings(const struct diags *d)
{
    return d->warnings;
}

/* The source line with what would confuse a terminal replaced, and below it the caret. A long line
 * is cut around the column. */
static int render_line(struct buf *out, struct str line, uint32_t number, size_t column)
{
    size_t at = column > 0 ? column - 1 : 0;
    size_t from = at > SHOWN_MAX / 2 && line.n > SHOWN_MAX ? at - SHOWN_MAX / 2 : 0;
    while (from > 0 && from < line.n && ((unsigned char)line.p[from] & 0xc0) == 0x80) {
        from--;
    }
    struct str shown = str_slice(line, from, from + SHOWN_MAX);
    char text[SHOWN_MAX + 1];
    char caret[SHOWN_MAX + 2];
    size_t n = 0;
    size_t carets = 0;
    for (size_t i = 0; i < shown.n;) {
        struct str rest = str_slice(shown, i, shown.n);
        size_t width = str_utf8_len(rest);
        bool strange =
            width == 0 || (rest.p[0] != '\t' && str_has_control(str_slice(rest, 0, width)));
        width = width == 0 ? 1 : width;
        if (i < at - from) {
            caret[carets++] = rest.p[0] == '\t' ? '\t' : ' ';
        }
        if (strange) {
            text[n++] = '?';
        } else {
            memcpy(text + n, rest.p, width);
            n += width;
        }
        i += width;
    }
    text[n] = '\0';
    caret[carets] = '\0';
    return buf_printf(out, "%5u | %s\n      | %s^\n", number, text, caret);
}

static int render_one(const struct diags *d, const struct finding *f, struct buf *out)
{
    const char *level = f->level == DIAG_ERROR ? "error" : "warning";
    const char *name = f->at.line > 0 ? diags_source_name(d, f->at.file) : NULL;
    int rc = 0;
    if (name != NULL) {
        rc = buf_printf(out, "%s:%u:%u: ", name, f->at.line, f->at.column);
    }
    if (rc == 0) {
        rc = buf_printf(out, "%s: %s%s%s\n", level, f->key != NULL ? f->key : "",
                        f->key != NULL ? ": " : "", f->text);
    }
    struct str line = line_of(d, f->at.file, f->at.line);
    if (rc == 0 && name != NULL && line.n > 0) {
        rc = render_line(out, line, f->at.line, f->at.column);
    }
    if (rc == 0 && f->suggestion != NULL) {
        rc = buf_printf(out, "  help: %s\n", f->suggestion);
    }
    return rc;
}

static int by_number(size_t a, size_t b)
{
    return (a > b) - (a < b);
}

/* A finding's place in the order of printing. */
struct turn {
    struct conf_pos at;
    size_t index;
};

static int by_turn(const void *a, const void *b)
{
    const struct turn *x = a;
    const struct turn *y = b;
    int order = by_number(x->at.file, y->at.file);
    order = order != 0 ? order : by_number(x->at.line, y->at.line);
    order = order != 0 ? order : by_number(x->at.column, y->at.column);
    return order != 0 ? order : by_number(x->index, y->index);
}

int diags_render(const struct diags *d, struct buf *out)
{
    struct turn *turns = mem_calloc(d->finding_count + 1, sizeof(*turns));
    if (turns == NULL) {
        return -ERR_NOMEM;
    }
    for (size_t i = 0; i < d->finding_count; i++) {
        turns[i] = (struct turn){d->findings[i].at, i};
    }
    qsort(turns, d->finding_count, sizeof(*turns), by_turn);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < d->finding_count; i++) {
        rc = render_one(d, &d->findings[turns[i].index], out);
    }
    mem_free(turns);
    if (rc == 0 && d->lost) {
        rc = buf_append(out, STR("error: out of memory, not every finding is shown\n"));
    }
    return rc;
}

void diags_print(const struct diags *d, FILE *to)
{
    struct buf out;
    buf_init(&out, RENDER_MAX);
    int rc = diags_render(d, &out);
    struct str text = buf_str(&out);
    (void)fwrite(text.p, 1, text.n, to);
    if (rc != 0) {
        (void)fprintf(to, "error: %s, not every finding is shown\n", err_name(rc));
    }
    buf_release(&out);
}

static size_t min_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Optimal string alignment distance: insertions, deletions, substitutions and swapped neighbours,
 * letters without case. */
static size_t distance(struct str a, struct str b)
{
    size_t rows[3][WORD_MAX + 1];
    for (size_t j = 0; j <= b.n; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a.n; i++) {
        size_t *now = rows[i % 3];
        const size_t *last = rows[(i + 2) % 3];
        const size_t *before = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            char x = str_lower(a.p[i - 1]);
            char y = str_lower(b.p[j - 1]);
            now[j] = min_of(min_of(last[j], now[j - 1]) + 1, last[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == str_lower(b.p[j - 2]) && y == str_lower(a.p[i - 2])) {
                now[j] = min_of(now[j], before[j - 2] + 1);
            }
        }
    }
    return rows[a.n % 3][b.n];
}

const char *diag_nearest(struct str word, const char *const *candidates, size_t n)
{
    const char *best = NULL;
    size_t best_distance = word.n / 3 + 1;
    if (word.n == 0 || word.n > WORD_MAX) {
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        struct str candidate = str_of(candidates[i]);
        if (candidate.n == 0 || candidate.n > WORD_MAX) {
            continue;
        }
        size_t d = distance(word, candidate);
        if (d < candidate.n && (d < best_distance || (d == best_distance && best == NULL))) {
            best = candidates[i];
            best_distance = d;
        }
    }
    for (size_t i = 0; i < n && best == NULL && word.n >= 3; i++) {
        best = str_starts(str_of(candidates[i]), word) ? candidates[i] : NULL;
    }
    return best;
}
