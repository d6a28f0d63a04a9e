/* The error log: one line an event, as logfmt or JSON, with stable event and reason tokens.
 * Field values are escaped; callers never pass a password, key, token or Authorization value. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdint.h>

#include "base/logfile.h"
#include "base/reason.h"
#include "base/str.h"

enum log_level { LOG_LEVEL_ERROR = 0, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

enum log_format { LOG_FORMAT_LOGFMT = 0, LOG_FORMAT_JSON };

struct log;

struct log_field {
    const char *key;
    struct str text; /* used when is_number is false */
    int64_t number;
    int is_number;
};

#define LOG_TEXT(k, s)   ((struct log_field){.key = (k), .text = (s)})
#define LOG_NUMBER(k, v) ((struct log_field){.key = (k), .number = (int64_t)(v), .is_number = 1})

/* A log that writes to file (borrowed, outlives the log) lines of level and more severe, tagged
 * with role ("master", "worker 0"; borrowed). NULL when there is no memory. */
struct log *log_new(struct logfile *file, enum log_level level, enum log_format format,
                    const char *role);

/* Free it; NULL is fine. */
void log_free(struct log *l);

/* One event. event: stable token ("listener_open"); fields: n of them. l NULL: nothing. */
void log_event(struct log *l, enum log_level level, const char *event,
               const struct log_field *fields, size_t n);

/* log_event with the fields given in place: LOG(l, LOG_LEVEL_INFO, "start", LOG_NUMBER("pid", p)).
 */
#define LOG(l, level, event, ...)                                                                  \
    log_event((l), (level), (event), (const struct log_field[]){__VA_ARGS__},                      \
              sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))

/* The level that a reason's class asks for. */
enum log_level log_level_of(enum reason r);

/* True if a line of this level would be written: to spare the work otherwise. */
bool log_wants(const struct log *l, enum log_level level);

#endif
