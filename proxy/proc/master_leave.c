/* Owns: what a fork of the master drops of what is the master's alone. In the fork. */
#include <unistd.h>

#include "proxy/proc/master_inner.h"

void master_leave(struct master *m)
{
    m->in_worker = true;
    control_server_forget(m->control);
    m->control = NULL;
    children_fini(&m->children);
    (void)close(m->signal_fd);
    m->signal_fd = -1;
    files_free(m->watched);
    m->watched = NULL;
    files_free(m->files);
    m->files = NULL;
    master_deny_forget(m);
}
