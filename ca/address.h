/* E-mail addresses that mail is sent to. Pure. */
#ifndef CA_ADDRESS_H
#define CA_ADDRESS_H

#include <stdbool.h>

#include "base/str.h"

#define ADDRESS_MAX 254 /* octets (RFC 5321 4.5.3.1.3) */

/* Whether s is local@domain of printable ASCII, with none of the octets that mean something in a
 * header or to a mail server, and none that begins an option. */
bool address_is(struct str s);

#endif
