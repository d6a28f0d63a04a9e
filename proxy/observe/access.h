/* The access log: one line a request, and one for every connection that ended before a request. */
#ifndef PROXY_OBSERVE_ACCESS_H
#define PROXY_OBSERVE_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/logfile.h"
#include "base/reason.h"
#include "base/str.h"
#include "conf/model.h"

/* All texts borrowed for the call; empty ones are left out (or "-"). Peer octets are escaped. */
struct access_record {
    int64_t wall_ms; /* when the request began */
    struct str request_id;
    struct str client; /* address without port */
    struct str listener;
    struct str user; /* proven user; written after the verdict only */
    struct str method;
    struct str target;
    struct str host;
    unsigned minor;
    unsigned status;          /* 0: none was sent */
    enum reason reason;       /* REASON_OK or why refused or ended */
    struct str step;          /* of the gate that decided */
    bool allowed;             /* let through, whatever came behind it */
    enum reason would;        /* why it would have been refused; REASON_OK (or 0): it would not */
    uint64_t received_octets; /* body */
    uint64_t sent_octets;     /* body */
    uint64_t duration_us;
    uint64_t upstream_us; /* request sent to answer's head; 0: none */
    struct str upstream;  /* address of the server */
    struct str tls_version;
    struct str tls_cipher;
    struct str tls_name;
    bool tls_resumed;
    struct str client_serial;
    struct str client_fingerprint;
    struct str user_agent;
    struct str referer;
    struct str traceparent;
};

struct access_log;

/* Lines go to file (borrowed). NULL without memory. */
struct access_log *access_new(struct logfile *file, enum conf_access_format format);
void access_free(struct access_log *a);

/* Write one line. a NULL: nothing. */
void access_write(struct access_log *a, const struct access_record *r);

#endif
