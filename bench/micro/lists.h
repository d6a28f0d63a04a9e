/* Long lists of certificates that are withdrawn, none of them one of the benchmark's. A failure
 * ends the program. */
#ifndef BENCH_MICRO_LISTS_H
#define BENCH_MICRO_LISTS_H

#include <stddef.h>
#include <stdint.h>

#include "auth/revoke/crl.h"
#include "auth/revoke/deny.h"
#include "bench/micro/scene.h"

/* A deny list of so many certificates, and one user. Caller deny_free(). */
struct deny *lists_deny(const struct scene *s, size_t entries);

/* The keys of a chain of two, the same ones in every run; sequence, which begins with any number
 * but the entries of a list that it is asked of, says which. No list holds them. */
void lists_chain(struct deny_chain *c, uint64_t *sequence);

/* A revocation list of the clients' CA with so many entries. Caller crl_set_free(). */
struct crl_set *lists_crl(const struct pki *pki, size_t entries);

#endif
