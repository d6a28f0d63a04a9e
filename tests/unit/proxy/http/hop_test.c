/* What ends at this hop, and what a Connection field cannot take away. */
#include "base/buf.h"
#include "proxy/http/hop.h"
#include "tests/support/check.h"

/* "Name=value;" pairs to fields. */
static void read_fields(const char *text, struct fields *f)
{
    struct str rest = str_of(text);
    while (rest.n > 0) {
        struct str pair;
        struct str name;
        struct str value;
        (void)str_cut(rest, ';', &pair, &rest);
        (void)str_cut(pair, '=', &name, &value);
        assert_int_equal(fields_add(f, name, value), 0);
    }
}

static void write_fields(const struct fields *f, struct buf *out)
{
    for (size_t i = 0; i < f->n; i++) {
        assert_int_equal(
            buf_printf(out, "%.*s=%.*s;", STR_ARG(f->v[i].name), STR_ARG(f->v[i].value)), 0);
    }
}

static void test_strip(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const char *before;
        const char *after;
    } rows[] = {
        {"nothing to remove", "Host=a;X=b;X=c;", "Host=a;X=b;X=c;"},
        {"no fields", "", ""},
        {"the fixed list, any case",
         "A=1;CONNECTION=x;Keep-Alive=1;proxy-connection=1;Proxy-Authenticate=1;"
         "Proxy-Authorization=1;te=trailers;TRAILER=x;Transfer-Encoding=chunked;upgrade=h2c;B=2;",
         "A=1;B=2;"},
        {"nominated", "X=1;Connection=x, y;Y=2;Z=3;", "Z=3;"},
        {"nominated in a later field", "Connection=;X=1;Y=2;connection=,, Y ,;", "X=1;"},
        {"nominated before and behind", "X=1;Connection=X;X=2;A=1;X=3;B=2;", "A=1;B=2;"},
        {"several Connection fields among what they remove",
         "A=1;Connection=B;B=1;Connection=C;C=1;B=2;Connection=A;D=1;A=2;", "D=1;"},
        {"Connection nominates itself", "Connection=Connection, X;X=1;Y=2;", "Y=2;"},
        {"Connection nominates itself and what comes later", "Connection=Connection, X;A=1;X=1;",
         "A=1;"},
        {"what must stay",
         "Connection=Host, Content-Length, Content-Type, Content-Encoding, content-location;"
         "Host=a;Content-Length=5;Content-Type=t;Content-Encoding=e;Content-Location=l;",
         "Host=a;Content-Length=5;Content-Type=t;Content-Encoding=e;Content-Location=l;"},
        {"members are tokens, not parts", "Connection=close-x;close=1;X=2;", "close=1;X=2;"},
        {"an underscore nominates nothing else", "Connection=X_Y;X-Y=1;", "X-Y=1;"},
        {"Authorization can be nominated", "Connection=authorization;Authorization=Basic x;", ""},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena a;
        struct fields f;
        struct buf out;
        arena_init(&a, 65536);
        fields_init(&f, &a);
        buf_init(&out, 4096);
        read_fields(rows[i].before, &f);
        hop_strip(&f);
        write_fields(&f, &out);
        CHECK_STR(rows[i].says, buf_str(&out), str_of(rows[i].after));
        buf_release(&out);
        arena_release(&a);
    }
}

static void test_has(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const char *fields;
        bool has;
    } rows[] = {
        {"alone", "Connection=close;", true},
        {"other case", "connection=CLOSE;", true},
        {"in a list", "Connection=a , close,b;", true},
        {"in the second field", "Connection=a;Connection=close;", true},
        {"part of a token", "Connection=closed;", false},
        {"other field", "Proxy-Connection=close;", false},
        {"none", "", false},
        {"empty", "Connection=;", false},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena a;
        struct fields f;
        arena_init(&a, 65536);
        fields_init(&f, &a);
        read_fields(rows[i].fields, &f);
        CHECK_ROW(rows[i].says, hop_connection_has(&f, STR("close")) == rows[i].has);
        arena_release(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strip),
        cmocka_unit_test(test_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
