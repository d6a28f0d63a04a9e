/* The rule that gives the project its name: certificate and password name the same user. */
#ifndef AUTH_PAIRING_H
#define AUTH_PAIRING_H

#include <stdbool.h>

#include "base/str.h"
#include "conf/model.h"

#define PAIRING_NAME_MAX 255

/* Normalise name by rule into out (not NUL-ended): ASCII letters behind the last @ folded to lower
 * case if fold_domain, those before it if fold_local_part, a name without @ counts as local part;
 * all other octets as they are. *n: octets. Returns false for an empty name, one over
 * PAIRING_NAME_MAX, or one that is not UTF-8 or holds a control character or colon. */
bool pairing_normalise(struct str name, const struct conf_identity *rule,
                       char out[PAIRING_NAME_MAX], size_t *n);

/* True if both names normalise to the same octets. A name that does not normalise equals nothing,
 * itself included. */
bool pairing_same(struct str a, struct str b, const struct conf_identity *rule);

#endif
