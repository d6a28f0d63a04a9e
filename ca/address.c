/* Owns: which octets an address may have. */
#include "ca/address.h"

bool address_is(struct str s)
{
    struct str local;
    struct str domain;
    if (s.n > ADDRESS_MAX || !str_cut(s, '@', &local, &domain) || local.n == 0 || domain.n == 0) {
        return false;
    }
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] <= ' ' || s.p[i] > '~' || strchr("\"(),:;<>[\\]", s.p[i]) != NULL) {
            return false;
        }
    }
    return local.p[0] != '-' && domain.p[0] != '.' && domain.p[0] != '-' &&
           str_chr(domain, '@') == STR_NPOS;
}
