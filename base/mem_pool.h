/* Memory that was given back, kept by size for who asks next: a thread that asks for much and for
 * little time, as TLS handshakes do, finds it without the C library's allocator. What is kept is
 * bounded. Pieces are the C library's own: any thread may free or resize what any other has got,
 * and using it may begin and end at any time. */
#ifndef BASE_MEM_POOL_H
#define BASE_MEM_POOL_H

#include <stdbool.h>
#include <stddef.h>

/* Have OpenSSL take its memory from here. Before anything else of OpenSSL is used; later it does
 * nothing. Until a thread begins, all is as it was. */
void mem_pool_install(void);

/* From here on all memory that OpenSSL gives back in this process is wiped first: it leaves copies
 * of keys behind when it encodes them. After mem_pool_install(), before there are threads. */
void mem_pool_wipe(void);

/* The same for this thread only, from here (on) until it is called again (off). */
void mem_pool_wipe_here(bool on);

/* From here on this thread keeps what it frees (on), or gives back all that it has kept, and keeps
 * nothing any more. A thread that has begun must end it before it ends itself. Does nothing in a
 * program with AddressSanitizer, which has to see each piece freed. */
void mem_pool_use(bool on);

/* As malloc() and free(); n is not 0. */
void *mem_pool_take(size_t n) __attribute__((malloc, warn_unused_result));
void mem_pool_give(void *p);

/* Octets that this thread keeps. */
size_t mem_pool_kept(void);

#endif
