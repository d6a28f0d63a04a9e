/* Contests of handshakes: who takes part, and how it is shown. */
#ifndef BENCH_MICRO_HANDSHAKES_H
#define BENCH_MICRO_HANDSHAKES_H

#include "bench/micro/contest.h"
#include "bench/micro/sheet.h"

/* Full handshakes: libssl as it is, with each trick, with all of them, and our engine. */
void handshakes_full(const struct contest *t, struct sheet *s);

/* The same, resumed. */
void handshakes_resumed(const struct contest *t, struct sheet *s);

/* Full ones: libssl with all tricks, and our engine with its own handshake and with OpenSSL's, the
 * client's identity made. */
void handshakes_to_floor(const struct contest *t, struct sheet *s);

/* The same, resumed. */
void handshakes_to_floor_resumed(const struct contest *t, struct sheet *s);

/* Full and resumed ones of our engine alone. */
void handshakes_of_engine(const struct contest *t, struct sheet *s);

#endif
