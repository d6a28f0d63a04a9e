/* Owns: the grammar of a line of an htpasswd file. Pure, any thread. */
#include "auth/store/htpasswd_line.h"

#include <stddef.h>

struct str htpasswd_without_cr(struct str line)
{
    return str_ends(line, STR("\r")) ? str_slice(line, 0, line.n - 1) : line;
}

bool htpasswd_is_comment(struct str line)
{
    return str_trim(htpasswd_without_cr(line)).n == 0 || line.p[0] == '#';
}

const char *htpasswd_name_fault(struct str name)
{
    if (name.n == 0) {
        return "the name is empty";
    }
    if (name.n > HTPASSWD_NAME_MAX) {
        return "the name is longer than 255 octets";
    }
    if (!str_is_utf8(name)) {
        return "the name is not UTF-8";
    }
    if (str_has_control(name) || str_chr(name, ':') != STR_NPOS) {
        return "the name holds a control character or a colon";
    }
    if (str_trim(name).n != name.n) {
        return "the name begins or ends with a blank";
    }
    if (name.p[0] == '#') {
        return "the name begins with '#', which makes the line a comment";
    }
    return NULL;
}
