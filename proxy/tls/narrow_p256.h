/* Reading of P-256 keys in certificates, without making their curve anew each time. Private to
 * proxy/tls, for the narrow context. */
#ifndef PROXY_TLS_NARROW_P256_H
#define PROXY_TLS_NARROW_P256_H

#include <openssl/core_dispatch.h>
#include <openssl/types.h>

/* What of base is built upon, and how the core reads for providers. */
struct narrow_p256 {
    OSSL_PROVIDER *base;
    const OSSL_DISPATCH *keys;    /* its key manager for EC */
    const OSSL_DISPATCH *decoder; /* its decoder of EC keys in DER, SubjectPublicKeyInfo */
    const OSSL_DISPATCH *core;    /* what the core gave to the provider that shows the result */
};

/* A decoder in place of from->decoder, which is asked for all that is no P-256 key in the usual
 * form: such a key becomes a copy of one kept key of this curve, given the point, which is checked
 * to lie on the curve as ever. Called once; constant afterwards. from->decoder itself if base is
 * not as it has to be. */
const OSSL_DISPATCH *narrow_p256_decoder(const struct narrow_p256 *from);

#endif
