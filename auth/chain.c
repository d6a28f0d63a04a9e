/* Owns: checks of a built chain beyond OpenSSL's. Leaves everything else to it. Any thread. */
#include "auth/chain.h"

#include <openssl/x509v3.h>

int chain_lint(STACK_OF(X509) * built)
{
    return sk_X509_num(built) > 0 ? X509_V_OK : X509_V_ERR_UNSPECIFIED;
}
