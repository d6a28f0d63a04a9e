/* The begin of a TLS 1.3 handshake as its client writes it (RFC 8446 4.1.2). Private to proxy/tls.
 * Pure functions. */
#ifndef PROXY_TLS_CLIENT_HELLO_H
#define PROXY_TLS_CLIENT_HELLO_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

/* NamedGroup (RFC 8446 4.2.7) */
enum { GROUP_P256 = 23, GROUP_X25519 = 29 };

/* What a server of TLS 1.3 needs of one; borrowed from the message. Lists are of numbers of two
 * octets each, as the client prefers them; none is empty but for cert_schemes and alpn. */
struct client_hello {
    struct str session_id; /* legacy_session_id, at most 32 octets */
    struct str suites;
    struct str groups;
    struct str schemes;      /* of signatures */
    struct str cert_schemes; /* of those in certificates; n 0: the client does not say */
    struct str shares;       /* KeyShareEntry, one after the other */
    struct str name;         /* the extension server_name; n 0: there is none */
    struct str identity; /* PskIdentity.identity, the first; n 0: no earlier session is offered */
    struct str binder;   /* PskBinderEntry of it */
    size_t binders_n;    /* octets of the list of binders, which ends the message */
    bool may_resume;     /* sessions may be resumed with a key exchange */
    struct str alpn;     /* ProtocolName, one after the other; n 0: there is no such extension */
};

/* Read body, the ClientHello without its header. False if it is not well-formed, offers no TLS 1.3,
 * or has an extension that changes how the handshake goes on (early data, a second ClientHello,
 * shorter records), or that OpenSSL looks at and this does not. */
bool client_hello_read(struct str body, struct client_hello *out)
    __attribute__((warn_unused_result));

/* True if an extension of type is one that is known to have its place in a ClientHello, and none in
 * a Certificate (RFC 8446 4.2). */
bool client_hello_knows(unsigned type);

/* True if number is in a list of numbers. */
bool client_hello_lists(struct str list, unsigned number);

/* The first of the client's shares whose group is in groups[n]; *share: its octets. 0 if there is
 * none, or a share of a group that the client has not listed before it (RFC 8446 4.2.8). */
unsigned client_hello_share(const struct client_hello *h, const unsigned *groups, size_t n,
                            struct str *share);

#endif
