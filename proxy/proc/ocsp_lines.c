/* Owns: whose turn it is, and how long a responder is left alone. Leaves threads and their lock to
 * ocsp_helper. The helper, under that lock. */
#include "proxy/proc/ocsp_lines.h"

#include <string.h>

#include "base/list.h"
#include "base/mem.h"
#include "base/str.h"

enum { REST_MIN_MS = 1000, REST_MAX_MS = 60000, DOUBLINGS_MAX = 16 };

struct waiting {
    struct list link; /* in line.questions */
    struct ocsp_question q;
};

/* One responder. */
struct line {
    char responder[OCSP_URL_MAX + 1]; /* "": the place is free */
    struct list questions;
    unsigned busy;     /* threads that ask it */
    bool proven;       /* it answered last time */
    unsigned failures; /* one after the other; such as went on side by side are one */
    uint64_t failed_ms;
    uint64_t rest_until_ms;
    uint64_t used_ms;
};

/* A question under way. */
struct asking {
    struct line *line; /* NULL: none */
    unsigned char key[OCSP_KEY];
    uint64_t since_ms;
};

struct ocsp_lines {
    struct line v[OCSP_RESPONDERS];
    struct asking asking[OCSP_THREADS];
    size_t waiting;
    unsigned doubtful; /* threads with responders that are not proven */
    size_t next;       /* the line whose turn it is */
};

struct ocsp_lines *ocsp_lines_new(void)
{
    struct ocsp_lines *l = mem_calloc(1, sizeof(*l));
    for (size_t i = 0; l != NULL && i < OCSP_RESPONDERS; i++) {
        list_init(&l->v[i].questions);
    }
    return l;
}

static void drop_waiting(struct ocsp_lines *l, struct line *line)
{
    while (!list_empty(&line->questions)) {
        struct waiting *w = LIST_ENTRY(list_pop_front(&line->questions), struct waiting, link);
        ocsp_question_release(&w->q);
        mem_free(w);
        l->waiting--;
    }
}

void ocsp_lines_free(struct ocsp_lines *l)
{
    for (size_t i = 0; l != NULL && i < OCSP_RESPONDERS; i++) {
        drop_waiting(l, &l->v[i]);
    }
    mem_free(l);
}

/* Host and port: other paths of one host are no other responder. */
static struct str responder_of(const struct ocsp_question *q)
{
    struct str url = {q->url, strlen(q->url)};
    size_t at = str_starts(url, STR("http://")) ? sizeof("http://") - 1 : 0;
    struct str host = str_slice(url, at, url.n);
    size_t end = str_chr(host, '/');
    return str_slice(host, 0, end != STR_NPOS ? end : host.n);
}

/* The line of name: its own, a free one, or the one that was idle longest. NULL: none is idle. */
static struct line *line_of(struct ocsp_lines *l, struct str name)
{
    struct line *best = NULL;
    for (size_t i = 0; i < OCSP_RESPONDERS; i++) {
        struct line *line = &l->v[i];
        if (str_eq(str_of(line->responder), name)) {
            return line;
        }
        bool idle = line->busy == 0 && list_empty(&line->questions);
        if (idle && (best == NULL || line->used_ms < best->used_ms)) {
            best = line;
        }
    }
    if (best != NULL && name.p != NULL) {
        *best = (struct line){.proven = false};
        list_init(&best->questions);
        memcpy(best->responder, name.p, name.n);
    }
    return best;
}

static bool is_asked(const struct ocsp_lines *l, const struct line *line,
                     const struct ocsp_question *q)
{
    for (size_t i = 0; i < OCSP_THREADS; i++) {
        if (l->asking[i].line != NULL && memcmp(l->asking[i].key, q->key, OCSP_KEY) == 0) {
            return true;
        }
    }
    for (struct list *at = line->questions.next; at != &line->questions; at = at->next) {
        if (memcmp(LIST_ENTRY(at, struct waiting, link)->q.key, q->key, OCSP_KEY) == 0) {
            return true;
        }
    }
    return false;
}

bool ocsp_lines_put(struct ocsp_lines *l, const struct ocsp_question *q, uint64_t mono_ms)
{
    struct str name = responder_of(q);
    struct line *line =
        l->waiting < OCSP_WAITING && name.n > 0 && name.n <= OCSP_URL_MAX ? line_of(l, name) : NULL;
    if (line == NULL || mono_ms < line->rest_until_ms || is_asked(l, line, q)) {
        return false;
    }
    struct waiting *w = mem_calloc(1, sizeof(*w));
    if (w == NULL) {
        return false;
    }
    w->q = *q;
    list_push_back(&line->questions, &w->link);
    line->used_ms = mono_ms;
    l->waiting++;
    return true;
}

/* Whether another thread may ask line's responder. */
static bool may_ask(const struct ocsp_lines *l, const struct line *line)
{
    if (list_empty(&line->questions)) {
        return false;
    }
    return line->proven ? line->busy < OCSP_SHARE : line->busy == 0 && l->doubtful < OCSP_DOUBTFUL;
}

static struct asking *free_place(struct ocsp_lines *l)
{
    for (size_t i = 0; i < OCSP_THREADS; i++) {
        if (l->asking[i].line == NULL) {
            return &l->asking[i];
        }
    }
    return NULL;
}

bool ocsp_lines_take(struct ocsp_lines *l, struct ocsp_question *out, uint64_t mono_ms)
{
    struct asking *place = free_place(l);
    for (size_t i = 0; place != NULL && i < OCSP_RESPONDERS; i++) {
        struct line *line = &l->v[(l->next + i) % OCSP_RESPONDERS];
        if (!may_ask(l, line)) {
            continue;
        }
        struct waiting *w = LIST_ENTRY(line->questions.next, struct waiting, link);
        list_remove(&w->link);
        *out = w->q;
        mem_free(w);
        *place = (struct asking){.line = line, .since_ms = mono_ms};
        memcpy(place->key, out->key, OCSP_KEY);
        l->waiting--;
        l->doubtful += line->proven ? 0 : 1;
        line->busy++;
        l->next = (l->next + i + 1) % OCSP_RESPONDERS;
        return true;
    }
    return false;
}

/* A line changes between proven and doubtful with all its threads. */
static void set_proven(struct ocsp_lines *l, struct line *line, bool proven)
{
    if (line->proven != proven) {
        l->doubtful = proven ? l->doubtful - line->busy : l->doubtful + line->busy;
        line->proven = proven;
    }
}

static uint64_t rest_of(uint64_t took_ms, unsigned failures)
{
    unsigned doublings = failures < DOUBLINGS_MAX ? failures : DOUBLINGS_MAX;
    took_ms = took_ms < REST_MAX_MS ? took_ms : REST_MAX_MS;
    uint64_t rest_ms = took_ms << doublings;
    rest_ms = rest_ms > REST_MIN_MS ? rest_ms : REST_MIN_MS;
    return rest_ms < REST_MAX_MS ? rest_ms : REST_MAX_MS;
}

void ocsp_lines_done(struct ocsp_lines *l, const struct ocsp_question *q, bool answered,
                     uint64_t mono_ms)
{
    struct asking *place = NULL;
    for (size_t i = 0; i < OCSP_THREADS && place == NULL; i++) {
        bool same = l->asking[i].line != NULL && memcmp(l->asking[i].key, q->key, OCSP_KEY) == 0;
        place = same ? &l->asking[i] : NULL;
    }
    if (place == NULL) {
        return;
    }
    struct line *line = place->line;
    place->line = NULL;
    line->busy--;
    l->doubtful -= line->proven ? 0 : 1;
    set_proven(l, line, answered);
    line->used_ms = mono_ms;
    line->rest_until_ms = 0;
    if (answered) {
        line->failures = 0;
    } else {
        line->failures += place->since_ms >= line->failed_ms ? 1 : 0;
        line->failed_ms = mono_ms;
        line->rest_until_ms = mono_ms + rest_of(mono_ms - place->since_ms, line->failures);
        drop_waiting(l, line);
    }
}
