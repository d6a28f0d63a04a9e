/* The part of the loaded configuration that is about resumed sessions. As model.h says. */
#ifndef CONF_MODEL_RESUMPTION_H
#define CONF_MODEL_RESUMPTION_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/model_text.h"

/* Resumption of TLS sessions. */
struct conf_resumption {
    bool enabled;
    uint32_t life_ms;             /* of one ticket, or id of TLS 1.2 */
    uint32_t life_total_ms;       /* from the full handshake, however often it was resumed */
    uint32_t rotate_ms;           /* a ticket key seals for so long, and opens for twice as long */
    struct conf_text secret_file; /* p NULL: a random secret of this process */
    uint32_t keep_max;            /* sessions that are kept, not put into tickets */
};

#endif
