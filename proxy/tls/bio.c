/* Owns: the BIO between OpenSSL and the octets of a session: memory only, no socket, no buffer of
 * its own, so that an idle connection keeps none. */
#include "proxy/tls/bio.h"

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
    return buf_len(&e->kept) + e->lent.n;
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
    e->mark = buf_len(&e->out);
    if (!e->started) {
        e->started = true;
        e->first = out[0];
    }
    return 1;
}

static int on_write(BIO *b, const char *octets, size_t count, size_t *n)
{
    struct bio_ends *e = BIO_get_data(b);
    BIO_clear_retry_flags(b);
    if (buf_append(&e->out, (struct str){octets, count}) != 0) {
        e->out_full = true;
        return 0;
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
