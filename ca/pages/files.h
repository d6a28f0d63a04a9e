/* Certificates as files. Each returns 0 or a negative err_code with the call's err. Private to
 * ca/pages. */
#ifndef CA_PAGES_FILES_H
#define CA_PAGES_FILES_H

#include "ca/pages/page.h"

/* With the chain as PEM; with the chain as PKCS#7 in DER; alone in DER. */
int files_pem(struct page *p) __attribute__((warn_unused_result));
int files_p7b(struct page *p) __attribute__((warn_unused_result));
int files_cer(struct page *p) __attribute__((warn_unused_result));

#endif
