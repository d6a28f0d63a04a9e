/* Owns: nothing. Which CA a worker tells of certificates in use. The worker's main thread. */
#include "proxy/observe/sightings.h"
#include "proxy/proc/worker_inner.h"

/* A CA without a process hears nothing; one that cannot be told does not keep the proxy from
 * serving. */
void worker_set_sightings(struct worker *w)
{
    const char *socket = w->env.runtime->conf->ca.socket.p;
    if (sightings_is_for(w->env.sightings, socket)) {
        return;
    }
    sightings_free(w->env.sightings);
    w->env.sightings = socket != NULL ? sightings_new(socket) : NULL;
}
