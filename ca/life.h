/* The states of a request and of the certificate that comes of it, and what everybody who changes
 * them works with. Each change is one transaction with its line in the audit record: it happened
 * wholly or not at all, and two who try at once cannot both win. request.h files and decides,
 * issue.h signs, withdraw.h ends, records.h shows. */
#ifndef CA_LIFE_H
#define CA_LIFE_H

#include <stdbool.h>

#include "base/str.h"
#include "ca/audit.h"
#include "ca/db.h"
#include "ca/key.h"
#include "conf/model_ca.h"
#include "conf/model_users.h"

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

/* Every change of state that there is: from, to, who causes it, and by what. docs/lifecycle.md
 * shows them, life_move() makes no other, and a trigger of the database lets no other happen. */
#define LIFE_MOVES(X)                                                                              \
    X(PENDING, APPROVED, OPERATOR, "the last agreement that was needed")                           \
    X(PENDING, DENIED, OPERATOR, "a no")                                                           \
    X(APPROVED, DENIED, DECIDER, "a no, or what it renews was withdrawn")                          \
    X(APPROVED, ISSUED, CA, "signed")                                                              \
    X(ISSUED, DELIVERED, HOLDER, "fetched")                                                        \
    X(ISSUED, ACTIVE, PROXY, "seen in use")                                                        \
    X(DELIVERED, ACTIVE, PROXY, "seen in use")                                                     \
    X(ISSUED, RENEWED, CA, "the next one is signed")                                               \
    X(DELIVERED, RENEWED, CA, "the next one is signed")                                            \
    X(ACTIVE, RENEWED, CA, "the next one is signed")                                               \
    X(ISSUED, WITHDRAWN, ANYBODY, "withdrawn")                                                     \
    X(DELIVERED, WITHDRAWN, ANYBODY, "withdrawn")                                                  \
    X(ACTIVE, WITHDRAWN, ANYBODY, "withdrawn")                                                     \
    X(RENEWED, WITHDRAWN, ANYBODY, "its overlap is over, or withdrawn")                            \
    X(WITHDRAWN, ISSUED, LIFTER, "a hold is lifted")                                               \
    X(WITHDRAWN, DELIVERED, LIFTER, "a hold is lifted")                                            \
    X(WITHDRAWN, ACTIVE, LIFTER, "a hold is lifted")                                               \
    X(WITHDRAWN, RENEWED, LIFTER, "a hold is lifted")                                              \
    X(ISSUED, EXPIRED, TIME, "its end")                                                            \
    X(DELIVERED, EXPIRED, TIME, "its end")                                                         \
    X(ACTIVE, EXPIRED, TIME, "its end")                                                            \
    X(RENEWED, EXPIRED, TIME, "its end")                                                           \
    X(WITHDRAWN, EXPIRED, TIME, "its end")

/* What a request is at first. */
#define LIFE_BEGINNINGS(X)                                                                         \
    X(PENDING, HOLDER, "filed")                                                                    \
    X(APPROVED, HOLDER, "filed where nobody need agree")                                           \
    X(ACTIVE, OPERATOR, "taken in, signed before")                                                 \
    X(EXPIRED, OPERATOR, "taken in after its end")

/* Who causes them. */
#define LIFE_CAUSES(X)                                                                             \
    X(HOLDER, "the holder")                                                                        \
    X(OPERATOR, "an operator")                                                                     \
    X(DECIDER, "an operator, or the CA")                                                           \
    X(CA, "the CA")                                                                                \
    X(PROXY, "the proxy")                                                                          \
    X(TIME, "time")                                                                                \
    X(LIFTER, "an operator, or an account that is open again")                                     \
    X(ANYBODY, "the holder, an operator, time, or an account that is closed")

/* How it came here; in the database by number. */
enum life_kind { LIFE_KIND_CSR = 0, LIFE_KIND_REGISTERED, LIFE_KIND_RENEWAL, LIFE_KIND_IMPORTED };

#define LIFE_ID_LEN 24 /* hex of 96 random bits: never taken for an option, easy to say aloud */

struct life_id {
    char text[LIFE_ID_LEN + 1];
};

/* Borrowed, alive as long as it is used. key NULL: nothing can be signed here. */
struct people;

struct life {
    struct db *db;
    const struct conf_ca *conf;
    const struct ca_key *key;
    struct people *people;            /* NULL: nobody has an account */
    const struct conf_identity *rule; /* when two names are one user's; NULL: domains are folded */
};

/* Whether two names are one user's. A name with a colon, as local ones have, is its own alone. */
bool life_same_user(const struct life *l, struct str a, struct str b);

/* The rule for that; never NULL. */
const struct conf_identity *life_rule(const struct life *l);

/* A new id. Returns 0 or -ERR_CRYPTO with e. */
int life_new_id(struct life_id *id, struct err *e) __attribute__((warn_unused_result));

/* Whether text has the form of an id. */
bool life_is_id(struct str text);

/* The token of a state; never NULL. */
const char *life_state_name(enum life_state s);

/* The token of a kind; never NULL. */
const char *life_kind_name(enum life_kind k);

/* The state of that token, or LIFE_STATE_COUNT. */
enum life_state life_state_of(struct str name);

/* Whether a request that is from may become to. */
bool life_may(enum life_state from, enum life_state to);

/* Make request id, which must be from, to, inside the caller's transaction. Returns 0, -ERR_CLOSED
 * (it is not from any more), -ERR_INTERNAL (there is no such move), or another, with e. */
int life_move(const struct life *l, struct str id, enum life_state from, enum life_state to,
              struct err *e) __attribute__((warn_unused_result));

/* The profile of that name, or NULL. */
const struct conf_ca_profile *life_profile(const struct life *l, struct str name);

#endif
