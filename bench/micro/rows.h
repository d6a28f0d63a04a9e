/* Single steps of a request and of a connection, in nanoseconds each. */
#ifndef BENCH_MICRO_ROWS_H
#define BENCH_MICRO_ROWS_H

#include <stddef.h>

#include "bench/micro/pki.h"
#include "bench/micro/scene.h"
#include "bench/micro/sheet.h"

/* One step. */
struct row {
    const char *key;  /* as documents have it */
    const char *name; /* as people do */
    void (*call)(void *state);
};

/* Steps that share what they need. Whatever fails ends the program. */
struct row_group {
    void *(*set_up)(const struct scene *s); /* s is borrowed until tear_down */
    void (*tear_down)(void *state);
    size_t n;
    const struct row *rows;
};

extern const struct row_group rows_of_messages;    /* rows_message.c */
extern const struct row_group rows_of_clients;     /* rows_client.c */
extern const struct row_group rows_of_withdrawal;  /* rows_withdrawal.c */
extern const struct row_group rows_of_handshakes;  /* rows_handshake.c */
extern const struct row_group rows_of_connections; /* rows_connection.c */

/* Measure all of them, print them and add them to s: medians of rounds, in each of which they take
 * turns with calls calls each. */
void rows_run(const struct pki *pki, size_t rounds, size_t calls, struct sheet *s);

#endif
