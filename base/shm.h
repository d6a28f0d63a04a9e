/* Memory shared by the master and its workers: mapped before fork, read and written with C11
 * atomics by those who own a slot. */
#ifndef BASE_SHM_H
#define BASE_SHM_H

#include <stddef.h>

/* n zeroed bytes (rounded up to pages), shared with processes forked later; NULL on failure. */
void *shm_map(size_t n);

/* Unmap what shm_map(n) gave; NULL is fine. */
void shm_unmap(void *p, size_t n);

#endif
