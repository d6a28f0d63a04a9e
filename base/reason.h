/* The one list of reasons (reason.def): why something was refused or ended. The same token stands
 * in the error log, the access log and the metrics. */
#ifndef BASE_REASON_H
#define BASE_REASON_H

#include <stdbool.h>

/* Whose doing it was: picks the log level. */
enum reason_class {
    REASON_CLASS_SELF = 0, /* ours: logged as error */
    REASON_CLASS_PEER,     /* the client's: logged as info */
    REASON_CLASS_SECURITY, /* the client's, and worth an alarm: logged as warning */
    REASON_CLASS_UPSTREAM  /* the upstream's: logged as warning */
};

enum reason {
#define REASON(name, status, token, class, text) REASON_##name,
#include "base/reason.def"
#undef REASON
    REASON_COUNT
};

/* HTTP status for the client; 0 where no HTTP answer is possible (the connection just ends). */
unsigned reason_status(enum reason r);

/* Stable lower-case token for logs and metric labels, e.g. "pairing_mismatch". */
const char *reason_token(enum reason r);

/* Whose doing. */
enum reason_class reason_class(enum reason r);

/* A text that the client may see: never says which factor failed beyond the status. */
const char *reason_text(enum reason r);

#endif
