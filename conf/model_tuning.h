/* The part of the loaded configuration that is about speed. As model.h says: cleared, nothing is
 * done for it. None of this lets anybody in who would be refused without it. */
#ifndef CONF_MODEL_TUNING_H
#define CONF_MODEL_TUNING_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/model_text.h"

struct conf_tuning {
    uint32_t remember_chains_ms; /* 0: no chain is remembered */
    uint32_t remember_chains_max;
    bool narrow_crypto;
    bool own_key_schedule;
    bool fixed_chain;
    bool aes_128_first;
    bool release_buffers;
    bool own_lists;
    bool own_bio;
    bool own_records;
    bool own_handshake;
    uint32_t remember_certificates_max; /* decoded; 0: none */
    bool keep_memory;
    uint32_t handshake_steps; /* in one turn of a worker's loop; 0: any number */
    struct conf_texts groups; /* of key exchange; none: X25519 and P-256 */
};

#endif
