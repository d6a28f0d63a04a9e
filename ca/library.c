/* Owns: reading OpenSSL's notes of errors. */
#include "ca/library.h"

#include <errno.h>

#include <openssl/err.h>

/* Not every call notes that it got no memory; whatever gets none leaves errno so. */
static bool starved(void)
{
    bool is = errno == ENOMEM;
    for (unsigned long note = ERR_get_error(); note != 0; note = ERR_get_error()) {
        is = is || ERR_GET_REASON(note) == ERR_R_MALLOC_FAILURE;
    }
    return is;
}

void library_forget(void)
{
    ERR_clear_error();
    errno = 0;
}

int library_failed(struct err *e, enum err_code code, const char *words)
{
    return starved() ? err_set(e, ERR_NOMEM, "out of memory") : err_set(e, code, "%s", words);
}

int library_judge(int rc, const struct err *mine, struct err *e)
{
    bool is = starved();
    if (rc == 0) {
        return 0;
    }
    return is ? err_set(e, ERR_NOMEM, "out of memory")
              : err_set(e, (enum err_code) - rc, "%s", mine->text);
}
