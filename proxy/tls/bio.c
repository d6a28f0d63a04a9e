/* Owns: the BIO between OpenSSL and the octets of a session: memory only, no socket, no buffer of
 * its own, so that an idle connection keeps none; and the way there and back by OpenSSL's memory
 * BIOs. On the worker's thread. */
#include "proxy/tls/bio.h"

#include <openssl/buffer.h>

/* What is fed at a time: the longest record of TLS 1.2 with its header (RFC 5246 6.2.3). */
#define FEED_MAX ((size_t)5 + 16384 + 2048)

void bio_ends_init(struct bio_ends *e, size_t kept_max, size_t out_max)
{
    *e = (struct bio_ends){.lent = STR_NONE};
    buf_init(&e->kept, kept_max);
    buf_init(&e->out, out_max);
}

void bio_ends_fini(struct bio_ends *e)
{
    buf_release(&e->kept);
    buf_release(&e->out);
    e->lent = STR_NONE;
}

size_t bio_ends_unread(const struct bio_ends *e)
{
    size_t fed = e->memory_in != NULL ? BIO_ctrl_pending(e->memory_in) : 0;
    return fed + buf_len(&e->kept) + e->lent.n;
}

/* Moves up to max octets of *from to out. */
static size_t take(struct str from, char *out, size_t max)
{
    size_t n = from.n < max ? from.n : max;
    if (n > 0) {
        memcpy(out, from.p, n);
    }
    return n;
}

size_t bio_ends_peek(const struct bio_ends *e, char *out, size_t n)
{
    size_t from_kept = take(buf_str(&e->kept), out, n);
    return from_kept + take(e->lent, out + from_kept, n - from_kept);
}

const char *bio_ends_front(struct bio_ends *e, size_t n)
{
    size_t kept = buf_len(&e->kept);
    if (kept == 0) {
        return e->lent.p;
    }
    if (kept < n) {
        if (buf_append(&e->kept, str_slice(e->lent, 0, n - kept)) != 0) {
            return NULL;
        }
        e->lent = str_slice(e->lent, n - kept, e->lent.n);
    }
    return buf_str(&e->kept).p;
}

void bio_ends_consume(struct bio_ends *e, size_t n)
{
    size_t kept = buf_len(&e->kept);
    size_t from_kept = n < kept ? n : kept;
    buf_consume(&e->kept, from_kept);
    e->lent = str_slice(e->lent, n - from_kept, e->lent.n);
}

struct str bio_ends_written(const struct bio_ends *e)
{
    return str_slice(buf_str(&e->out), e->mark, buf_len(&e->out));
}

/* Input, the first octet of which is given, is being read. */
static void note_reading(struct bio_ends *e, char first)
{
    e->mark = buf_len(&e->out);
    if (!e->started) {
        e->started = true;
        e->first = first;
    }
}

static int on_read(BIO *b, char *out, size_t max, size_t *n)
{
    struct bio_ends *e = BIO_get_data(b);
    BIO_clear_retry_flags(b);
    size_t from_kept = take(buf_str(&e->kept), out, max);
    buf_consume(&e->kept, from_kept);
    size_t from_lent = take(e->lent, out + from_kept, max - from_kept);
    e->lent = str_slice(e->lent, from_lent, e->lent.n);
    *n = from_kept + from_lent;
    if (*n == 0) {
        BIO_set_retry_read(b);
        return 0;
    }
    note_reading(e, out[0]);
    return 1;
}

static int on_write(BIO *b, const char *octets, size_t count, size_t *n)
{
    struct bio_ends *e = BIO_get_data(b);
    BIO_clear_retry_flags(b);
    if (buf_append(&e->out, (struct str){octets, count}) != 0) {
        e->out_full = true;
        return -1; /* 0 is success to OpenSSL 3.2 and later, with the octets lost */
    }
    *n = count;
    return 1;
}

static long on_control(BIO *b, int command, long number, void *p)
{
    (void)b;
    (void)number;
    (void)p;
    return command == BIO_CTRL_FLUSH;
}

BIO_METHOD *bio_method_new(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "countersign");
    if (m == NULL || BIO_meth_set_read_ex(m, on_read) != 1 ||
        BIO_meth_set_write_ex(m, on_write) != 1 || BIO_meth_set_ctrl(m, on_control) != 1) {
        BIO_meth_free(m);
        return NULL;
    }
    return m;
}

BIO *bio_new(const BIO_METHOD *method, struct bio_ends *e)
{
    BIO *b = BIO_new(method);
    if (b != NULL) {
        BIO_set_data(b, e);
        BIO_set_init(b, 1);
    }
    return b;
}

bool bio_ends_use_memory(struct bio_ends *e)
{
    e->memory_in = BIO_new(BIO_s_mem());
    e->memory_out = BIO_new(BIO_s_mem());
    if (e->memory_in == NULL || e->memory_out == NULL) {
        BIO_free(e->memory_in);
        BIO_free(e->memory_out);
        bio_ends_forget_memory(e);
        return false;
    }
    return true;
}

void bio_ends_forget_memory(struct bio_ends *e)
{
    e->memory_in = NULL;
    e->memory_out = NULL;
}

bool bio_ends_feed(struct bio_ends *e)
{
    if (e->memory_in == NULL || BIO_ctrl_pending(e->memory_in) > 0) {
        return false;
    }
    struct str next = buf_len(&e->kept) > 0 ? buf_str(&e->kept) : e->lent;
    next = str_slice(next, 0, FEED_MAX);
    if (next.n == 0) {
        return false;
    }
    if (BIO_write(e->memory_in, next.p, (int)next.n) != (int)next.n) {
        e->stuck = true;
        return false;
    }
    note_reading(e, next.p[0]);
    bio_ends_consume(e, next.n);
    return true;
}

void bio_ends_drain(struct bio_ends *e)
{
    size_t n = e->memory_out != NULL ? BIO_ctrl_pending(e->memory_out) : 0;
    e->stuck = false;
    if (n == 0) {
        return;
    }
    char *room = buf_reserve(&e->out, n);
    if (room == NULL) {
        e->stuck = true;
        return;
    }
    int moved = BIO_read(e->memory_out, room, (int)n);
    buf_commit(&e->out, moved > 0 ? (size_t)moved : 0);
}

bool bio_ends_take_back(struct bio_ends *e)
{
    size_t fed = e->memory_in != NULL ? BIO_ctrl_pending(e->memory_in) : 0;
    if (fed == 0) {
        return true;
    }
    struct str behind = buf_str(&e->kept);
    struct buf all;
    buf_init(&all, e->kept.cap);
    char *room = buf_reserve(&all, fed + behind.n);
    if (room == NULL || BIO_read(e->memory_in, room, (int)fed) != (int)fed) {
        buf_release(&all);
        return false;
    }
    (void)take(behind, room + fed, behind.n);
    buf_commit(&all, fed + behind.n);
    buf_release(&e->kept);
    e->kept = all;
    return true;
}

/* BIO_reset() would keep what was allocated. */
static void renew(BIO *b)
{
    BUF_MEM *fresh = b != NULL && BIO_ctrl_pending(b) == 0 ? BUF_MEM_new() : NULL;
    if (fresh != NULL) {
        BIO_set_mem_buf(b, fresh, BIO_CLOSE);
    }
}

void bio_ends_idle_memory(struct bio_ends *e)
{
    renew(e->memory_in);
    renew(e->memory_out);
}
