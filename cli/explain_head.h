/* The request that "countersign explain" asks about: written as a client would write it, read as a
 * worker reads it. */
#ifndef CLI_EXPLAIN_HEAD_H
#define CLI_EXPLAIN_HEAD_H

#include "base/arena.h"
#include "base/reason.h"
#include "base/str.h"
#include "conf/model.h"
#include "proxy/http/h1_reader.h"
#include "proxy/http/head.h"

struct explain_head {
    struct h1_reader *reader; /* owned */
    struct arena arena;       /* holds the fields */
    struct http_request *request;
};

/* The server name that a client sends for a Host value: the host without its port; empty for an
 * address (RFC 6066 3) and for what is no host. Borrows host. */
struct str explain_head_name(struct str host);

/* What goes into it; nothing holds a line end. */
struct explain_sent {
    struct str method;
    struct str target;
    struct str host;
    struct str authorization; /* p NULL: no such field */
};

/* Read a request of that under limits. Returns REASON_OK with h->request, or why a worker refuses
 * the request; OUT_OF_MEMORY may be our own want. explain_head_fini() in any case. */
enum reason explain_head_read(struct explain_head *h, const struct conf_limits *limits,
                              const struct explain_sent *sent);

/* Free it; a zeroed one is fine. */
void explain_head_fini(struct explain_head *h);

#endif
