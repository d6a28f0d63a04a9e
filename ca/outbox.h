/* What people are to be told, kept until it is sent or given up: rows without texts and secrets. */
#ifndef CA_OUTBOX_H
#define CA_OUTBOX_H

#include <stddef.h>

#include "ca/life.h"
#include "ca/message.h"

/* A row. */
struct outbox_row {
    int64_t id;
    enum message_kind kind;
    struct life_id request;
    uint32_t tries; /* with the one that begins */
};

/* Put a message of a request in, to be sent from next_ms (wall clock) on; inside a transaction or
 * by itself. Returns 0 with *id, or a negative err_code with e. */
int outbox_put(const struct life *l, struct str request, enum message_kind kind, int64_t next_ms,
               int64_t *id, struct err *e) __attribute__((warn_unused_result));

/* Take rows that hold no secret and are due, at most n; nobody else takes them for lease_ms.
 * Returns 0 with *taken, or a negative err_code with e. */
int outbox_take(const struct life *l, uint32_t lease_ms, struct outbox_row *rows, size_t n,
                size_t *taken, struct err *e) __attribute__((warn_unused_result));

/* What has become of a try: error NULL: it is sent; otherwise the words for why not, and it is
 * tried again at next_ms, or given up (0). Returns 0 or a negative err_code with e. */
int outbox_result(const struct life *l, int64_t id, const char *error, int64_t next_ms,
                  struct err *e) __attribute__((warn_unused_result));

/* A row needs no message after all. */
int outbox_drop(const struct life *l, int64_t id, struct err *e)
    __attribute__((warn_unused_result));

/* Forget the notices that wait: nobody sends any. Returns 0 or a negative err_code with e. */
int outbox_forget(const struct life *l, struct err *e) __attribute__((warn_unused_result));

/* A process that has secrets to send begins: those that another had in its memory are lost, and so
 * is what waits although nobody sends notices (notices false). Returns 0 or a negative err_code
 * with e. */
int outbox_begin(const struct life *l, bool notices, struct err *e)
    __attribute__((warn_unused_result));

/* A message of a request, as it stands; borrowed for the call. Times: 0: not yet. */
struct outbox_shown {
    enum message_kind kind;
    int64_t made_ms;
    int64_t sent_ms;
    int64_t failed_ms; /* given up */
    uint32_t tries;
    struct str error;
};
typedef bool (*outbox_each_fn)(void *arg, const struct outbox_shown *s);

/* Those of a request, in order, but for notices that wait where nobody sends any. Returns 0 or a
 * negative err_code with e. */
int outbox_each(const struct life *l, struct str request, outbox_each_fn each, void *arg,
                struct err *e) __attribute__((warn_unused_result));

#endif
