/* The process that sends one message for the CA's. */
#ifndef CLI_CA_SEND_H
#define CLI_CA_SEND_H

/* Read a job of ca/send.h from standard input and do it; why not, on standard error. Returns the
 * exit status. */
int ca_send(void);

#endif
