/* A file, pipe or standard stream that takes log lines. Never blocks on a slow reader and never
 * fails its caller: a full pipe makes lines wait up to a bound; what cannot be written (full disk,
 * closed pipe, past the bound) is counted as lost, and one line says how many as soon as writing
 * works again. SIGPIPE must be ignored by the process. One owner, one thread. */
#ifndef BASE_LOGFILE_H
#define BASE_LOGFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct logfile;

/* Open path for appending, or "stderr", "stdout", "off". batch_bytes: lines are kept
 * until so many bytes wait (0 = each line is written at once) or logfile_flush() is called. A file
 * that is not there is made with mode 0640 whatever the umask, so that a group may be given to
 * those who read logs. Returns NULL with e set. */
struct logfile *logfile_open(const char *path, size_t batch_bytes, struct err *e);

/* Let the line that tells of lost lines be JSON instead of logfmt. */
void logfile_set_json(struct logfile *f, bool json);

/* Take a line, without its newline and with none inside. */
void logfile_line(struct logfile *f, struct str line);

/* Write what waits. */
void logfile_flush(struct logfile *f);

/* True if something waits to be written. */
bool logfile_is_waiting(const struct logfile *f);

/* Write what waits as far as it goes in one call, and change nothing: for the handler of a signal
 * that ends the process. A line that was being added is left out, or cut. */
void logfile_rescue(const struct logfile *f);

/* Write what waits, then open the path again (after rotation); on failure the old file stays in use
 * and e is set. Returns 0 or a negative err_code. */
int logfile_reopen(struct logfile *f, struct err *e);

/* Write what waits, then go on with fd (taken over), which another process opened for the same
 * path: for a process that may not open it itself. Closes fd if f does not stand for a path. */
void logfile_adopt(struct logfile *f, int fd);

/* The descriptor in use, to be handed to logfile_adopt() of another process; f's. -1 if f does not
 * stand for a path. */
int logfile_descriptor(const struct logfile *f);

/* Lines lost since the start. */
uint64_t logfile_lost(const struct logfile *f);

/* Why lines were lost the last time, in the system's words; NULL if none was. */
const char *logfile_trouble(const struct logfile *f);

/* Flush and close; NULL is fine. */
void logfile_close(struct logfile *f);

#endif
