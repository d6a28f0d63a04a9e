/* What comes of a step of a TLS connection. */
#ifndef PROXY_TLS_RESULT_H
#define PROXY_TLS_RESULT_H

enum tls_result {
    TLS_FAILED = 0, /* tls_session_reason(); the alert, if any, is in tls_session_out() */
    TLS_OK,         /* handshake: finished; read and write: progress was made */
    TLS_WANT,       /* needs more cipher octets */
    TLS_CLOSED      /* read: the peer sent close_notify */
};

#endif
