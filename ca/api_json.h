/* What the API reads and writes as JSON. Private to ca. */
#ifndef CA_API_JSON_H
#define CA_API_JSON_H

#include <stdbool.h>

#include <jansson.h>

#include "base/err.h"
#include "base/str.h"
#include "ca/http.h"
#include "ca/life.h"
#include "ca/records.h"

/* Parse an object; no member twice. NULL with e, which says where it is wrong. */
json_t *api_parse(struct str text, struct err *e);

/* A text of an object, borrowed from it; p NULL: there is none of that name, or it is no text. */
struct str api_member(const json_t *root, const char *name);

/* A request as the API shows it: id, status (PENDING, APPROVED, REJECTED, EXECUTED), approvedBy,
 * notYetApprovedBy, rejectedBy, executionTime, result and what else is known. full: with the
 * certificate. NULL without memory, or if the database
 * does not answer. */
json_t *api_record(const struct life *l, const struct record *r, bool full);

/* Fill reply with v, which is taken over; NULL: -ERR_NOMEM. Returns 0 or -ERR_NOMEM with e. */
int api_reply(struct http_reply *reply, unsigned status, json_t *v, struct err *e)
    __attribute__((warn_unused_result));

/* Fill reply with a problem document (RFC 9457). */
void api_problem(struct http_reply *reply, unsigned status, const char *detail);

/* As api_problem(), 405: allowed names the methods that there are ("GET, POST"). */
void api_not_allowed(struct http_reply *reply, const char *allowed);

/* The code of a reason's name of RFC 5280 5.3.1 ("keyCompromise"); empty: 0; another: -1. */
int api_reason(struct str name);

#endif
