/* Owns: the rows that are about speed alone. Constant data. */
#include "conf/keys_rows.h"
#include "conf/model.h"
#include "conf/syntax.h"

static const struct key tuning_keys[] = {
    {.name = "remember_chains",
     .type = KEY_DURATION,
     AT(conf_tuning, remember_chains_ms),
     .min = 1000,
     .max = HOURS(24),
     .zero_ok = true,
     .fallback = "1h",
     .meaning =
         "How long it is remembered at most that a chain of certificates was good, so that "
         "its signatures need not be verified again. The client's own signature is verified "
         "in every full handshake, and dates, revocation lists, deny list and OCSP are asked "
         "as ever. 0s verifies every chain in every full handshake."},
    {.name = "remember_chains_max",
     .type = KEY_COUNT,
     AT(conf_tuning, remember_chains_max),
     .min = 1,
     .max = 1000000,
     .fallback = "8192",
     .meaning = "Chains that each worker remembers, at about 280 octets each; the one that was not "
                "seen for longest makes room."},
    {.name = "narrow_crypto",
     .type = KEY_BOOL,
     AT(conf_tuning, narrow_crypto),
     .fallback = "true",
     .meaning =
         "With OpenSSL 3.0 and 3.1, show its TLS only the algorithms that it needs, so that "
         "reading a certificate does not try all others, and P-256 is not set up anew for each "
         "key. It is tried at the start; where it does not work, and with a key in a token, "
         "OpenSSL is used as it is."},
    {.name = "own_key_schedule",
     .type = KEY_BOOL,
     AT(conf_tuning, own_key_schedule),
     .fallback = "true",
     .meaning =
         "With OpenSSL up to 3.6, derive the keys of TLS 1.3 in a shorter way where libssl does "
         "the handshake; own_handshake does so in any case. It comes with narrow_crypto, and is "
         "tried at the start. Otherwise OpenSSL derives them, and own_records works nevertheless."},
    {.name = "fixed_chain",
     .type = KEY_BOOL,
     AT(conf_tuning, fixed_chain),
     .fallback = "true",
     .meaning = "Send the certificates of the certificate file as they are. Otherwise, where the "
                "file holds only one, OpenSSL looks among client.ca for who has signed it, anew in "
                "each handshake, and sends what it finds."},
    {.name = "aes_128_first",
     .type = KEY_BOOL,
     AT(conf_tuning, aes_128_first),
     .fallback = "true",
     .meaning = "Prefer AES-128-GCM with SHA-256; otherwise AES-256-GCM with SHA-384 comes first. "
                "Both are taken in any case."},
    {.name = "release_buffers",
     .type = KEY_BOOL,
     AT(conf_tuning, release_buffers),
     .fallback = "true",
     .meaning = "Give OpenSSL's buffers of a connection back while it is idle."},
    {.name = "own_lists",
     .type = KEY_BOOL,
     AT(conf_tuning, own_lists),
     .fallback = "true",
     .meaning = "Ask revocation lists (client.crl) by look-ups in sorted serial numbers that all "
                "workers share. Otherwise they are in OpenSSL's store as well, and each chain that "
                "is verified has to be good by both: OpenSSL then verifies each list's signature "
                "anew in each such handshake, and each worker keeps each list for itself, at "
                "about 250 octets an entry. Nobody who is refused with true is let in with false; "
                "somebody may be refused because OpenSSL does not take a list."},
    {.name = "own_bio",
     .type = KEY_BOOL,
     AT(conf_tuning, own_bio),
     .fallback = "true",
     .meaning = "Let OpenSSL read where octets were received and write where they are sent from. "
                "Otherwise all that it reads and writes goes through buffers of its own (memory "
                "BIOs), which is a copy more each way. With own_records that is the handshake "
                "only, and with own_handshake only where libssl does it."},
    {.name = "own_records",
     .type = KEY_BOOL,
     AT(conf_tuning, own_records),
     .fallback = "true",
     .meaning =
         "With TLS 1.3, frame the records of an open connection without OpenSSL's libssl; the "
         "ciphers are still OpenSSL's. No connection object of libssl stays behind the handshake, "
         "and an idle connection takes a fifth of the memory. It comes with narrow_crypto, and is "
         "tried at the start. Otherwise, and with TLS 1.2, libssl frames them."},
    {.name = "own_handshake",
     .type = KEY_BOOL,
     AT(conf_tuning, own_handshake),
     .fallback = "true",
     .meaning =
         "With OpenSSL 3.0 and 3.1, do the handshake of TLS 1.3 without its libssl where the "
         "client begins it in the usual way; all cryptography is still OpenSSL's. Anything unusual "
         "goes to libssl, and so does TLS 1.2. It takes narrow_crypto, own_records, fixed_chain, "
         "no other groups than X25519 and P-256, a key of P-256, P-384, Ed25519, Ed448 or RSA, and "
         "resumption that "
         "is off or keeps its sessions (keep_max). countersign check tells of listeners where it "
         "is in vain."},
    {.name = "remember_certificates_max",
     .type = KEY_COUNT,
     AT(conf_tuning, remember_certificates_max),
     .max = 65536,
     .fallback = "2048",
     .meaning = "With own_handshake, certificates of clients that each worker keeps decoded, at "
                "5 to 8 KiB each, so that the same octets are not decoded again; the one that did "
                "not come for longest makes room. They stay over a reload; where it sets fewer, "
                "the others are forgotten little by little. 0 = none."},
    {.name = "keep_memory",
     .type = KEY_BOOL,
     AT(conf_tuning, keep_memory),
     .fallback = "true",
     .meaning =
         "Let each worker keep pieces of memory that were given back, OpenSSL's too, for who "
         "asks for such a size next: 64 of each small size and 8 of each larger one, seldom "
         "more than 1 MiB in all. Otherwise each goes back to the C library."},
    {.name = "handshake_steps",
     .type = KEY_COUNT,
     AT(conf_tuning, handshake_steps),
     .max = 10000,
     .fallback = "2",
     .meaning = "Handshakes that a worker goes on with before it looks again for requests of "
                "connections that are open, and one more for every 8 requests that it has served: "
                "so those who connect, however many, do not keep the others waiting. A handshake "
                "takes two such steps. 0 = as they come."},
    {.name = "groups",
     .type = KEY_TEXTS,
     AT(conf_tuning, groups),
     .check = syntax_group_name,
     .example = "X25519",
     .fallback_note = "X25519, P-256",
     .meaning = "Groups of key exchange, the best first, of X25519, P-256, P-384, P-521. A client "
                "may pick any of them, and the last two cost several times as much."},
};

const struct key_section keys_tuning = {
    .intro = "Speed. The defaults are the fast ones; each can be taken back to see what it saves, "
             "or to rule it out. Nothing here lets anybody in who would be refused without it.",
    .keys = tuning_keys,
    .count = COUNT(tuning_keys),
    .at_offset = KEY_NOWHERE};
