/* Owns: members and names of the document. */
#include "bench/micro/sheet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "bench/document.h"
#include "bench/document_make.h"
#include "bench/environment.h"
#include "bench/micro/need.h"

#define DOCUMENT_BYTES ((size_t)1 << 20)

void sheet_add(struct sheet *s, const char *table, const char *key, const struct sheet_row *row)
{
    need(s->n < SHEET_MAX, "finding room for a row");
    struct sheet_row *to = &s->rows[s->n++];
    *to = *row;
    int n = snprintf(to->key, sizeof(to->key), "%s_%s", table, key);
    need(n > 0 && (size_t)n < sizeof(to->key), "naming a row");
    if (row->rounds != NULL) {
        double *copy = calloc(row->round_count, sizeof(*copy));
        need(copy != NULL, "asking for memory");
        memcpy(copy, row->rounds, row->round_count * sizeof(*copy));
        to->rounds = copy;
    }
}

void sheet_free(struct sheet *s)
{
    for (size_t i = 0; i < s->n; i++) {
        free(s->rows[i].rounds);
    }
    s->n = 0;
}

static void put(json_t *o, const char *key, const char *ending, double value)
{
    char name[SHEET_KEY + 16];
    (void)snprintf(name, sizeof(name), "%s%s", key, ending);
    need(json_object_set_new(o, name, json_real(value)) == 0, "making a document");
}

static json_t *summary(const struct sheet *s)
{
    json_t *o = json_object();
    for (size_t i = 0; i < s->n; i++) {
        const struct sheet_row *r = &s->rows[i];
        put(o, r->key, "_ns", r->ns);
        if (r->compared) {
            put(o, r->key, "_to_first", r->to_first);
            put(o, r->key, "_to_floor", r->to_floor);
        }
    }
    return o;
}

/* NULL: not told. */
static json_t *rounds(const struct sheet_row *r)
{
    json_t *all = r->rounds != NULL ? json_array() : NULL;
    for (size_t i = 0; all != NULL && i < r->round_count; i++) {
        need(json_array_append_new(all, json_real(r->rounds[i])) == 0, "making a document");
    }
    return all;
}

static json_t *measured(const struct sheet *s)
{
    json_t *all = json_array();
    for (size_t i = 0; i < s->n; i++) {
        const struct sheet_row *r = &s->rows[i];
        json_t *one = json_pack("{s:s, s:s, s:I, s:o*}", "key", r->key, "name", r->name, "count",
                                (json_int_t)r->count, "rounds_ns", rounds(r));
        need(json_array_append_new(all, one) == 0, "making a document");
    }
    return all;
}

static json_t *environment(const struct sheet_terms *t)
{
    struct result_environment env;
    environment_read(&env);
    (void)snprintf(env.tls, sizeof(env.tls), "TLSv%s", t->tls);
    (void)snprintf(env.server_key, sizeof(env.server_key), "%s", t->kinds.server);
    (void)snprintf(env.client_key, sizeof(env.client_key), "%s", t->kinds.client);
    env.identities = PKI_CLIENTS;
    return document_environment(&env);
}

void sheet_write(const struct sheet *s, const struct sheet_terms *terms, const char *path)
{
    json_t *o =
        json_pack("{s:s, s:o, s:o, s:{s:I, s:b, s:b}, s:o}", "format", DOCUMENT_FORMAT_PARTS,
                  "summary", summary(s), "environment", environment(terms), "options", "rounds",
                  (json_int_t)terms->rounds, "one_ca", terms->kinds.one_ca, "keep_memory",
                  terms->keep_memory, "measured", measured(s));
    struct buf text;
    buf_init(&text, DOCUMENT_BYTES);
    need(o != NULL && document_write(o, &text) == 0, "making a document");
    FILE *f = fopen(path, "we");
    bool good = f != NULL && fwrite(buf_str(&text).p, 1, buf_len(&text), f) == buf_len(&text);
    good = f != NULL && fclose(f) == 0 && good;
    need(good, path);
    buf_release(&text);
    json_decref(o);
}
