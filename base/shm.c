/* Owns: anonymous mappings shared across fork. Any thread. */
#include "base/shm.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* n rounded up to whole pages; 0 on overflow or n 0. */
static size_t whole_pages(size_t n)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return n > SIZE_MAX - page ? 0 : (n + page - 1) / page * page;
}

void *shm_map(size_t n)
{
    size_t size = whole_pages(n);
    if (size == 0) {
        return NULL;
    }
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return p != MAP_FAILED ? p : NULL;
}

void shm_unmap(void *p, size_t n)
{
    if (p != NULL) {
        (void)munmap(p, whole_pages(n));
    }
}
