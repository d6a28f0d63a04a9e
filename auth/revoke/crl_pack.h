/* A set of CRLs as octets, for processes that did not read the lists themselves. */
#ifndef AUTH_REVOKE_CRL_PACK_H
#define AUTH_REVOKE_CRL_PACK_H

#include "auth/revoke/crl.h"
#include "conf/derived.h"

#define CRL_PACK_DIGEST 32

/* s as one block; NULL with e. The form is ours alone and lives no longer than the program. */
struct derived *crl_pack(const struct crl_set *s, struct err *e);

/* The set in a block that crl_pack() made. Serials stay where they are: the set keeps a reference
 * to block, which is not read through. NULL with e if it is no such block, or without memory. */
struct crl_set *crl_unpack(struct derived *block, struct err *e);

/* SHA-256 over all that is in the block: two with the same digest answer alike. CRL_PACK_DIGEST
 * octets, borrowed. block must be one that crl_unpack() took. */
const unsigned char *crl_pack_digest(const struct derived *block);

#endif
