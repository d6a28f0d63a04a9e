/* Owns: from what the deny list holds to a reason. Leaves the list to revoke/deny, names to
 * pairing. Loop thread, master or command line. */
#include "auth/withdrawal.h"

#include "auth/pairing.h"
#include "auth/revoke/deny.h"

static bool normalise(struct str name, const struct conf_identity *rule, char *out, size_t *n)
{
    return pairing_normalise(name, rule, out, n);
}

struct deny *withdrawal_load(const struct conf *conf, const struct deny *base, struct files *files,
                             struct diags *diags)
{
    const struct deny_source source = {&conf->revocation, &conf->identity, normalise, base};
    return deny_load(&source, files, diags);
}

enum reason withdrawal_of_chain(const struct deny *deny, const struct deny_chain *chain)
{
    return deny_chain(deny, chain) == DENY_NOT_LISTED ? REASON_OK : REASON_CLIENT_CERT_WITHDRAWN;
}

enum reason withdrawal_of_user(const struct deny *deny, struct str user)
{
    char normal[PAIRING_NAME_MAX];
    size_t n = 0;
    if (user.n == 0 || deny_count(deny, DENY_USER) == 0) {
        return REASON_OK;
    }
    struct conf_identity rule = deny_rule(deny);
    if (!pairing_normalise(user, &rule, normal, &n)) {
        return REASON_USER_WITHDRAWN;
    }
    return deny_user(deny, (struct str){normal, n}) == DENY_NOT_LISTED ? REASON_OK
                                                                       : REASON_USER_WITHDRAWN;
}
