/* Owns: Client-Cert and Client-Cert-Chain (RFC 9440): the DER as a Byte Sequence of structured
 * fields, the chain as a List of them. Any thread. */
#include "auth/headers/dialect.h"

static const char *const names[] = {"Client-Cert", "Client-Cert-Chain", NULL};

static void byte_sequence(struct render *out, struct str der)
{
    render_put(out, STR(":"));
    render_base64(out, der);
    render_put(out, STR(":"));
}

static void render(const struct facts *facts, bool chain, struct render *out)
{
    if (facts == NULL) {
        return;
    }
    byte_sequence(out, facts->der);
    render_field(out, names[0]);
    for (size_t i = 0; chain && i < facts->chain_count; i++) {
        render_put(out, i > 0 ? STR(", ") : STR(""));
        byte_sequence(out, facts->chain[i]);
    }
    render_field(out, names[1]);
}

const struct dialect dialect_rfc9440 = {"rfc9440", names, render};
