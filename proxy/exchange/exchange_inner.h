/* One exchange as the files of this folder see it. Private to proxy/exchange. */
#ifndef PROXY_EXCHANGE_EXCHANGE_INNER_H
#define PROXY_EXCHANGE_EXCHANGE_INNER_H

#include "base/arena.h"
#include "proxy/exchange/exchange.h"

/* In the order of a request's life: a state >= CONNECT was let through or answered. */
enum exchange_state {
    EXCHANGE_HEAD = 0, /* the head is not complete */
    EXCHANGE_GATE,     /* being decided; perhaps a password is being checked */
    EXCHANGE_CONNECT,  /* let through, waits for a server */
    EXCHANGE_STREAM,   /* request and answer are under way */
    EXCHANGE_REPLY,    /* an answer of our own is being given */
    EXCHANGE_DONE      /* finished; the record is written */
};

/* What the access record needs from the head, whose fields change on the way. Borrowed from it. */
struct exchange_note {
    int64_t wall_ms;
    uint64_t begin_us;
    uint64_t sent_us;   /* the upstream was ready for the request; 0: never */
    uint64_t answer_us; /* its final head was there; 0: never */
    struct str user_agent;
    struct str referer;
    struct str traceparent;
    struct str server; /* copied to the arena */
};

struct exchange {
    struct env *env;
    struct runtime *runtime;
    const struct exchange_peer *peer;
    const struct sink_ops *ops;
    void *sink;
    struct arena arena;
    enum exchange_state state;
    enum reason outcome; /* INTERNAL until it is known */
    const char *step;    /* the gate's, "" elsewhere */
    struct http_request *head;
    const struct conf_route *route;
    enum route_method method_fits;
    enum reason
        would; /* what was not carried out on a route that only reports; REASON_OK: nothing */
    uint64_t retry_ms; /* REASON_LOCKED_OUT: when the client may try again */
    struct gate_question question;
    struct gate *gate;
    struct gate *standing;   /* asks what a report does not let pass; NULL: was not needed */
    struct gate *spare_gate; /* memory for it; NULL once gate is there */
    struct upstream_call *call;
    struct str request_id;
    struct str user;          /* proven; set by the verdict only, copied to the arena */
    struct str password_user; /* whose password was right, though refused; for the log; the same */
    struct exchange_note note;
    uint64_t body_max;
    uint64_t received; /* body octets, both ways */
    uint64_t sent;
    unsigned status;    /* of the final head that was sent; 0: none yet */
    bool allowed;       /* by the gate, or for a report */
    bool counted;       /* in METRIC_REQUESTS_ACTIVE */
    bool body_complete; /* nothing of the request's body is to come */
    bool answer_paused; /* the sink was full */
};

#endif
