/* Owns: the names of the states, the moves between them, and ids. */
#include "ca/life.h"

#include <openssl/rand.h>

#include "auth/pairing.h"
#include "base/enc.h"

static const char *const names[LIFE_STATE_COUNT] = {
#define LIFE_NAME(name, text) [LIFE_##name] = (text),
    LIFE_STATES(LIFE_NAME)
#undef LIFE_NAME
};

static const bool moves[LIFE_STATE_COUNT][LIFE_STATE_COUNT] = {
#define LIFE_MOVE(from, to, who, what) [LIFE_##from][LIFE_##to] = true,
    LIFE_MOVES(LIFE_MOVE)
#undef LIFE_MOVE
};

bool life_may(enum life_state from, enum life_state to)
{
    return from < LIFE_STATE_COUNT && to < LIFE_STATE_COUNT && moves[from][to];
}

int life_move(const struct life *l, struct str id, enum life_state from, enum life_state to,
              struct err *e)
{
    if (!life_may(from, to)) {
        return err_set(e, ERR_INTERNAL, "a request that is %s does not become %s",
                       life_state_name(from), life_state_name(to));
    }
    int rc = db_query(l->db, "UPDATE request SET state = ?3 WHERE id = ?1 AND state = ?2",
                      DB_VALUES(DB_TEXT(id), DB_NUMBER(from), DB_NUMBER(to)), NULL, NULL, e);
    return rc == 0 && db_changes(l->db) != 1
               ? err_set(e, ERR_CLOSED, "the request is not %s any more", life_state_name(from))
               : rc;
}

const struct conf_identity *life_rule(const struct life *l)
{
    static const struct conf_identity usual = {.fold_domain = true};
    return l->rule != NULL ? l->rule : &usual;
}

bool life_same_user(const struct life *l, struct str a, struct str b)
{
    return str_eq(a, b) || pairing_same(a, b, life_rule(l));
}

int life_new_id(struct life_id *id, struct err *e)
{
    unsigned char octets[LIFE_ID_LEN / 2];
    if (RAND_bytes(octets, sizeof(octets)) != 1) {
        return err_set(e, ERR_CRYPTO, "the library has no random numbers");
    }
    enc_hex(octets, sizeof(octets), id->text);
    id->text[LIFE_ID_LEN] = '\0';
    return 0;
}

bool life_is_id(struct str text)
{
    size_t n = 0;
    while (n < text.n &&
           ((text.p[n] >= '0' && text.p[n] <= '9') || (text.p[n] >= 'a' && text.p[n] <= 'f'))) {
        n++;
    }
    return n == LIFE_ID_LEN && n == text.n;
}

const char *life_state_name(enum life_state s)
{
    return s < LIFE_STATE_COUNT ? names[s] : "unknown";
}

const char *life_kind_name(enum life_kind k)
{
    switch (k) {
    case LIFE_KIND_CSR:
        return "csr";
    case LIFE_KIND_REGISTERED:
        return "registered";
    case LIFE_KIND_RENEWAL:
        return "renewal";
    case LIFE_KIND_IMPORTED:
        return "imported";
    }
    return "unknown";
}

enum life_state life_state_of(struct str name)
{
    unsigned s = 0;
    while (s < LIFE_STATE_COUNT && !str_eq(name, str_of(names[s]))) {
        s++;
    }
    return (enum life_state)s;
}

const struct conf_ca_profile *life_profile(const struct life *l, struct str name)
{
    for (size_t i = 0; i < l->conf->profile_count; i++) {
        if (str_eq(name, str_of(l->conf->profiles[i].name.p))) {
            return &l->conf->profiles[i];
        }
    }
    return NULL;
}
