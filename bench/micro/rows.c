/* Owns: the list of single steps. */
#include "bench/micro/rows.h"

void rows_run(const struct pki *pki)
{
    (void)pki;
}
