/* Contests of handshakes: who takes part, and how it is shown. */
#ifndef BENCH_MICRO_HANDSHAKES_H
#define BENCH_MICRO_HANDSHAKES_H

#include "bench/micro/contest.h"
#include "bench/micro/sheet.h"

/* Full handshakes: libssl as it is, with each trick, with all of them, and our engine. */
void handshakes_full(const struct contest *t, struct sheet *s);

/* The same, resumed. */
void handshakes_resumed(const struct contest *t, struct sheet *s);

/* Both, of our engine alone. */
void handshakes_of_engine(const struct contest *t, struct sheet *s);

#endif
