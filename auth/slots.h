/* A bounded table of keys and values in shared memory: what all workers remember together. It is
 * mapped before the workers are forked, so it outlives each of them and every reload. */
#ifndef AUTH_SLOTS_H
#define AUTH_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define SLOTS_VALUE_MAX  ((UINT64_C(1) << 48) - 1)
#define SLOTS_NOTE_WORDS 10
#define SLOTS_KEY_MAX    1024

struct slots;

/* A table for about entries keys, with a random secret of its own. NULL on failure. */
struct slots *slots_new(size_t entries);

/* Unmap this process's view; NULL is fine. */
void slots_free(struct slots *s);

/* The key of n texts, none of them ambiguous with another cut: a keyed hash under the table's
 * secret, so that nobody can choose texts that meet another's key. Never 0, but for more than
 * SLOTS_KEY_MAX octets (8 more for each text). */
uint64_t slots_key(const struct slots *s, const struct str *parts, size_t n);

/* The value of key; 0: nothing is remembered. */
uint64_t slots_read(struct slots *s, uint64_t key);

/* Decides what becomes of a value (before 0: there is none). after: 1 to SLOTS_VALUE_MAX; 0: the
 * key is forgotten. Returns false to leave everything as it is. May be asked again when another
 * worker was faster. */
typedef bool (*slots_change_fn)(void *arg, uint64_t before, uint64_t *after);

/* Change the value of key in one step that no other worker can come between. note (NULL: none) is
 * kept beside a value that is new. Where there is no room, the key of the lowest value in the same
 * set of eight goes: values that grow with time make that the oldest. Returns true if change agreed
 * and its value is there; false otherwise, also when the table did not come to rest. */
bool slots_change(struct slots *s, uint64_t key, slots_change_fn change, void *arg,
                  const uint64_t note[SLOTS_NOTE_WORDS]);

/* Forget key. Returns whether it was there. */
bool slots_drop(struct slots *s, uint64_t key);

/* Calls each for every key that has a value; a key that changes meanwhile may be told with
 * another's note. */
void slots_each(const struct slots *s,
                void (*each)(void *arg, uint64_t key, uint64_t value,
                             const uint64_t note[SLOTS_NOTE_WORDS]),
                void *arg);

#endif
