/* Addresses as they stand in a configuration, and ranges of them. */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/err.h"
#include "base/str.h"

enum addr_kind {
    ADDR_NONE = 0,
    ADDR_INET,   /* "127.0.0.1:80", "[::1]:80": literal */
    ADDR_UNIX,   /* "unix:/path" */
    ADDR_NAME,   /* "host:80": to be resolved */
    ADDR_SYSTEMD /* "systemd:NAME": a descriptor handed over (sd_listen_fds(3)) */
};

struct addr {
    enum addr_kind kind;
    uint16_t port; /* host order; ADDR_INET and ADDR_NAME */
    union {
        struct sockaddr sa;
        struct sockaddr_in in4;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
    };
    char name[254]; /* ADDR_NAME: host; ADDR_SYSTEMD: name; NUL-ended */
};

/* Read text as one of the forms above; IPv4-mapped IPv6 becomes IPv4. A port is required and
 * 1-65535 (0 if allow_port_0). Returns 0 or -ERR_MALFORMED with e saying what is wrong with it. */
int addr_parse(struct str text, bool allow_port_0, struct addr *out, struct err *e)
    __attribute__((warn_unused_result));

/* Length of the socket address in a (ADDR_INET, ADDR_UNIX), 0 for the others. */
socklen_t addr_len(const struct addr *a);

/* How many octets from its front hold all of a: a tenth of the whole for ADDR_INET. */
size_t addr_size(const struct addr *a);

#define ADDR_TEXT_MAX 264

/* "127.0.0.1:80", "[::1]:80", "unix:/path", "host:80" into out, NUL-ended; returns its span. */
struct str addr_text(const struct addr *a, char out[ADDR_TEXT_MAX]);

/* Only the address without port, "127.0.0.1" or "::1"; "unix:" for a Unix socket; the name for
 * ADDR_NAME and ADDR_SYSTEMD. */
struct str addr_host_text(const struct addr *a, char out[ADDR_TEXT_MAX]);

/* Make a from a socket address as the kernel gives it; IPv4-mapped IPv6 becomes IPv4. */
void addr_from_sockaddr(struct addr *a, const struct sockaddr *sa, socklen_t len);

/* A range: "10.0.0.0/8", "::1", "unix:" (any Unix-socket peer). */
struct addr_range {
    enum addr_kind kind;
    uint8_t bits; /* prefix length in its family */
    bool v6;
    uint8_t octets[16]; /* network order; IPv4 uses the first 4 */
};

/* Read text as a range. Host bits that are set are an error, and so is IPv4-mapped IPv6, which no
 * peer ever has here (see addr_from_sockaddr). Returns 0 or -ERR_MALFORMED with e set. */
int addr_range_parse(struct str text, struct addr_range *out, struct err *e)
    __attribute__((warn_unused_result));

/* True if a lies in r. */
bool addr_in_range(const struct addr *a, const struct addr_range *r);

/* A 64-bit key for counting by network: the IPv4 address, or the first 64 bits of IPv6; Unix
 * sockets and ::1 are all one key (0). */
uint64_t addr_count_key(const struct addr *a);

#endif
