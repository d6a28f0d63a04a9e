/* What is written down about an exchange: access record, metrics, error log. Private to
 * proxy/exchange. */
#ifndef PROXY_EXCHANGE_RECORD_H
#define PROXY_EXCHANGE_RECORD_H

#include "proxy/exchange/exchange_inner.h"

/* Note when x began, and count it in. */
void record_begin(struct exchange *x);

/* Note the fields of head that the access record shows. */
void record_head(struct exchange *x, const struct http_request *head);

/* Note the server that x->call uses. */
void record_server(struct exchange *x);

/* Tell and count that x->would was not carried out. */
void record_would_refuse(const struct exchange *x);

/* Write everything down and count x out. Exactly once an exchange: on entering EXCHANGE_DONE. */
void record_write(struct exchange *x);

#endif
