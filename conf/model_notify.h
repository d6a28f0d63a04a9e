/* The part of the configuration that says how people are told what concerns them. As model.h. */
#ifndef CONF_MODEL_NOTIFY_H
#define CONF_MODEL_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/model_text.h"

/* A way to tell them: one of program, smtp and webhook is given. */
struct conf_notifier {
    struct conf_text name;
    struct conf_texts program;      /* its path and its arguments */
    struct conf_text smtp;          /* smtps://HOST[:PORT], or smtp:// and STARTTLS */
    struct conf_text webhook;       /* https://... */
    struct conf_text from;          /* smtp: the sender's address */
    struct conf_text user;          /* smtp: p NULL: no login */
    struct conf_text password_file; /* smtp */
    struct conf_text secret_file;   /* webhook: signs */
    struct conf_text ca_file;       /* of the server's certificate; p NULL: the system's */
    bool insecure_plain;            /* smtp without TLS */
    uint32_t timeout_ms;
    struct conf_pos at;
};

/* What is told by which of them, by name; p NULL: not at all, or shown to an operator. */
struct conf_notify {
    struct conf_text code;     /* one-time codes */
    struct conf_text password; /* of PKCS#12 files */
    struct conf_text notices;  /* decisions, and ends that come near */
    struct conf_texts before;  /* so many days before the end */
    struct conf_pos at;
};

#endif
