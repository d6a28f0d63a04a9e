/* What the tests of handshakes of our own share: a vocabulary of what a client says behind
 * ServerHello, rightly and wrongly. */
#ifndef TESTS_UNIT_PROXY_TLS_HANDSHAKE_LAB_H
#define TESTS_UNIT_PROXY_TLS_HANDSHAKE_LAB_H

#include "tests/unit/proxy/tls/lab.h"
#include "tests/unit/proxy/tls/lab_raw.h"

/* What a client can say. */
enum word {
    END = 0,
    CERT,           /* a good chain */
    CERT_EXPIRED,   /* one that is refused */
    CERT_NONE,      /* an empty list */
    CERT_CONTEXT,   /* with a certificate_request_context */
    CERT_GARBAGE,   /* what is no certificate */
    CERT_ZERO,      /* one of no octets */
    CERT_BEHIND,    /* an octet behind its DER */
    CERT_TRAILING,  /* an octet behind the list */
    CERT_CUT,       /* a list that is longer than the message */
    CERT_EXTENSION, /* an extension that nobody asked for */
    CERT_KEY,       /* of an unknown curve */
    CERT_BODYLESS,  /* no octet */
    CERTS_10,       /* a good one first, others that nobody needs behind it */
    CERTS_11,
    CERTS_12,
    CERTS_13,
    CERTS_360,
    CERT_TOO_LONG, /* the header of a message of more octets than there may be */
    PROOF,
    PROOF_SIGNATURE, /* of which a bit is changed */
    PROOF_SCHEME,    /* of another kind of key */
    PROOF_PKCS1,     /* of a scheme that only certificates are signed with */
    PROOF_EARLY,     /* over a transcript without the certificate */
    PROOF_EMPTY,     /* of no signature */
    PROOF_TRAILING,  /* an octet behind it */
    PROOF_CUT,       /* longer than the message */
    PROOF_TOO_LONG,
    FIN,
    FIN_CHANGED,
    FIN_SERVER, /* by the server's secret */
    FIN_SHORT,
    FIN_EMPTY,
    FIN_LONG,
    FIN_MORE, /* and a message behind it in the record */
    FIN_HALF, /* and half of one */
    CCS,
    CCS_32,
    CCS_TWO,   /* in one record */
    CCS_OTHER, /* of another value */
    CCS_EMPTY,
    CCS_SEALED, /* protected */
    PLAIN_FIN,  /* without protection */
    PLAIN_CERT,
    PLAIN_ALERT,
    PLAIN_TYPE, /* unknown */
    DATA,       /* by the keys of the handshake */
    DATA_FIN,   /* a right Finished in a record of data */
    VERSION,    /* of no TLS in a record */
    DATA_APP,   /* by those of application data */
    KEY_UPDATE,
    TICKET,
    HELLO,
    HELLO_REQUEST,
    EMPTY,   /* a record of a handshake without octets */
    NO_TYPE, /* zeros */
    NOTHING, /* a tag alone */
    BAD_TAG,
    SHORTER,  /* than a tag */
    OVERSIZE, /* more octets encrypted than there may be */
    OVERFULL, /* more octets carried than there may be */
    CLOSE_NOTIFY,
    ALERT_FATAL,
    ALERT_HALF,
    ALERT_THREE,
};

/* One handshake that a row describes. */
struct talk {
    struct lab_raw raw;
    struct buf said; /* messages that wait for a record */
    size_t piece;    /* octets of each; 0: a message */
    size_t padding;
    X509 *good; /* of lab.key; borrowed */
    X509 *expired;
};

/* Adds word to what t says. */
void handshake_lab_say(struct talk *t, enum word word);

/* Puts the messages that wait into records. */
void handshake_lab_flush(struct talk *t);

#endif
