/* Owns: the table of octet classes; each number is the sum of the classes in octet.h. The unit test
 * derives every entry again from the RFCs' wording. */
#include "proxy/http/octet.h"

const unsigned char octet_classes[256] = {
    /* 00 */ 0,  0,  0,  0,  0,  0,  0,  0,  0,  2,  0,  0,  0,  0,  0,  0,
    /* 10 */ 0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
    /* 20 */ 2,  15, 6,  7,  15, 15, 15, 15, 14, 14, 15, 15, 14, 31, 31, 14,
    /* 30 */ 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 14, 14, 6,  14, 6,  14,
    /* 40 */ 14, 63, 63, 63, 63, 63, 63, 31, 31, 31, 31, 31, 31, 31, 31, 31,
    /* 50 */ 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 14, 6,  14, 7,  31,
    /* 60 */ 7,  63, 63, 63, 63, 63, 63, 31, 31, 31, 31, 31, 31, 31, 31, 31,
    /* 70 */ 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 6,  7,  6,  31, 0,
    /* 80 */ 2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
    /* 90 */ 2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
    /* a0 */ 2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
    /* b0 */ 2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
    /* c0 */ 2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
    /* d0 */ 2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
    /* e0 */ 2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
    /* f0 */ 2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
};

/* Eight at a time, as long as none is a control character or DEL; a HTAB is left to the table. No
 * octet of the word is below 0x20 if none has its highest bit set after 0x20 was taken from it,
 * leaving aside those that had it set before; none is 0x7f if none is 0 after the comparison. A
 * borrow goes only past an octet that is found anyway. */
size_t octet_value_len(struct str s)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t tops = ones << 7;
    size_t at = 0;
    while (s.n - at >= sizeof(uint64_t)) {
        uint64_t w;
        memcpy(&w, s.p + at, sizeof(w));
        uint64_t rubout = w ^ (ones * 0x7f);
        uint64_t low = (w - ones * 0x20) & ~w;
        uint64_t deleted = (rubout - ones) & ~rubout;
        if (((low | deleted) & tops) == 0) {
            at += sizeof(w);
            continue;
        }
        size_t end = at + sizeof(w);
        while (at < end && octet_is(s.p[at], OCTET_VALUE)) {
            at++;
        }
        if (at < end) {
            return at;
        }
    }
    while (at < s.n && octet_is(s.p[at], OCTET_VALUE)) {
        at++;
    }
    return at;
}
