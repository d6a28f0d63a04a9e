/* The states of a request and of the certificate that comes of it, and what everybody who changes
 * them works with. Each change is one transaction with its line in the audit record: it happened
 * wholly or not at all, and two who try at once cannot both win. request.h files and decides,
 * issue.h signs, withdraw.h ends, records.h shows. */
#ifndef CA_LIFE_H
#define CA_LIFE_H

#include "base/str.h"
#include "ca/audit.h"
#include "ca/db.h"
#include "ca/key.h"
#include "conf/model_ca.h"

/* In the database by number: new ones go to the end. */
#define LIFE_STATES(X)                                                                             \
    X(PENDING, "pending")     /* waits for operators */                                            \
    X(APPROVED, "approved")   /* may be signed */                                                  \
    X(DENIED, "denied")       /* an operator said no; the end */                                   \
    X(ISSUED, "issued")       /* signed, not fetched yet */                                        \
    X(DELIVERED, "delivered") /* fetched */                                                        \
    X(ACTIVE, "active")       /* seen in use, or imported */                                       \
    X(RENEWED, "renewed")     /* another has taken its place; good until its overlap ends */       \
    X(WITHDRAWN, "withdrawn")                                                                      \
    X(EXPIRED, "expired")

enum life_state {
#define LIFE_ENUM(name, text) LIFE_##name,
    LIFE_STATES(LIFE_ENUM)
#undef LIFE_ENUM
        LIFE_STATE_COUNT
};

/* How it came here; in the database by number. */
enum life_kind { LIFE_KIND_CSR = 0, LIFE_KIND_REGISTERED, LIFE_KIND_RENEWAL, LIFE_KIND_IMPORTED };

#define LIFE_ID_LEN 24 /* hex of 96 random bits: never taken for an option, easy to say aloud */

struct life_id {
    char text[LIFE_ID_LEN + 1];
};

/* Borrowed, alive as long as it is used. key NULL: nothing can be signed here. */
struct life {
    struct db *db;
    const struct conf_ca *conf;
    const struct ca_key *key;
};

/* A new id. Returns 0 or -ERR_CRYPTO with e. */
int life_new_id(struct life_id *id, struct err *e) __attribute__((warn_unused_result));

/* The token of a state; never NULL. */
const char *life_state_name(enum life_state s);

/* The state of that token, or LIFE_STATE_COUNT. */
enum life_state life_state_of(struct str name);

/* The profile of that name, or NULL. */
const struct conf_ca_profile *life_profile(const struct life *l, struct str name);

#endif
