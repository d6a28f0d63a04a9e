/* Owns: when a loss is told. Not: the counting (base/logfile.h). Worker's main thread. */
#include "proxy/proc/losses.h"

void losses_tell(struct losses *l, const struct logfile *f, const char *name, struct log *log,
                 uint64_t mono_ms)
{
    uint64_t lost = logfile_lost(f);
    if (lost == l->told || (l->any && mono_ms - l->told_at_ms < LOSSES_SILENT_MS)) {
        return;
    }
    LOG(log, LOG_LEVEL_ERROR, "log_lines_lost", LOG_TEXT("log", str_of(name)),
        LOG_NUMBER("lines", lost - l->told), LOG_TEXT("error", str_of(logfile_trouble(f))));
    *l = (struct losses){.told = lost, .told_at_ms = mono_ms, .any = true};
}
