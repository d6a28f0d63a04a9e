/* countersign ca serve: the CA's process, as countersign run starts it. Private to cli. */
#ifndef CLI_CA_SERVE_H
#define CLI_CA_SERVE_H

/* Serve the CA of the configuration at path until told to stop (TERM, INT), or until the process
 * that started this one ends. Returns the exit status. */
int ca_serve(const char *path);

#endif
