/* Sending one message by mail or webhook. It is done by a process of its own, which holds none of
 * the CA's keys: it reads what to send and how from standard input. */
#ifndef CA_SEND_H
#define CA_SEND_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "conf/model_notify.h"

#define SEND_JOB_MAX 32768

/* Append to out, as JSON, what send_job() reads: how (n: smtp or webhook) and the message (JSON, as
 * message_write() gives it). Returns 0 or -ERR_NOMEM or -ERR_FULL with e. */
int send_write_job(const struct conf_notifier *n, struct str message, struct buf *out,
                   struct err *e) __attribute__((warn_unused_result));

/* Do it: blocks for the notifier's time at most. Returns 0 (the server has taken it),
 * -ERR_MALFORMED (job), or, with e, which holds nothing of the message: -ERR_CONFIG, -ERR_DENIED,
 * -ERR_IO, -ERR_UNSUPPORTED, -ERR_NOMEM. */
int send_job(struct str job, struct err *e) __attribute__((warn_unused_result));

#endif
