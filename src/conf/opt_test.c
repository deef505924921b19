#include "conf/opt.h"

#include "base/assert.h"
#include "base/error.h"

struct opts {
    bool flag;
    int number, word;
    double real, share;
    int64_t time_us, bytes;
    char *text, *secret;
};

#define FIELD(name) offsetof(struct opts, name)

static const struct om_opt rows[] = {
    {"flag", OM_OPT_BOOL, FIELD(flag), 0, 0, "on", "a flag", NULL, false},
    {"number", OM_OPT_INT, FIELD(number), 1, 255, "12", "a number", NULL, false},
    {"word", OM_OPT_ENUM, FIELD(word), 0, 0, "udp", "a word", "tcp|udp|auto", false},
    {"real", OM_OPT_DOUBLE, FIELD(real), 0, 0, "-1.5", "a real number", NULL, false},
    {"share", OM_OPT_RATIO, FIELD(share), 0, 1, "0.25", "a share", NULL, false},
    {"hold-time", OM_OPT_TIME, FIELD(time_us), 0, 60e6, "2s", "a time", NULL, false},
    {"bytes", OM_OPT_BYTES, FIELD(bytes), 0, 1e12, "64KiB", "a size", NULL, false},
    {"text", OM_OPT_TEXT, FIELD(text), 1, 8, "abc", "a text", NULL, false},
    {"secret", OM_OPT_SECRET, FIELD(secret), 0, 100, NULL, "a secret", NULL, true},
    {0},
};
static const struct om_opt_group group = {"test", "for the test", sizeof(struct opts), rows};

static const struct om_opt *row(const char *name)
{
    const struct om_opt *opt = om_opt_find(&group, om_str_from(name), NULL);
    om_assert(opt);
    return opt;
}

static void test_defaults(void)
{
    struct opts opts = {0};
    om_opt_defaults(&group, &opts);
    om_assert(opts.flag && opts.number == 12 && opts.word == 1 && opts.real == -1.5);
    om_assert(opts.share == 0.25 && opts.time_us == 2000000 && opts.bytes == 65536);
    om_assert(om_str_equal(om_str_from(opts.text), OM_STR("abc")) && !opts.secret);
    om_opt_finish(&group, &opts);
    om_assert(!opts.text);
}

// Each value as a user writes it, and as it is written back; NULL = refused.
static void test_values(void)
{
    static const struct {
        const char *name, *value, *back;
    } cases[] = {
        {"flag", "no", "off"},
        {"flag", "TRUE", "on"},
        {"flag", "1", NULL},
        {"number", "255", "255"},
        {"number", "256", NULL},
        {"number", "0", NULL},
        {"number", "1.5", NULL},
        {"number", "x", NULL},
        {"number", "", NULL},
        {"word", "auto", "auto"},
        {"word", "AUTO", NULL},
        {"word", "", NULL},
        {"real", "0.1", "0.1"},
        {"real", "1e300", NULL},
        {"real", "nan", NULL},
        {"share", "1", "1"},
        {"share", "0.30000000000000004", "0.30000000000000004"},
        {"share", "-0.1", NULL},
        {"hold-time", "250ms", "250ms"},
        {"hold-time", "1m", "60s"},
        {"hold-time", "0.5", "500ms"},
        {"hold-time", "7 us", "7us"},
        {"hold-time", "2h", NULL},
        {"hold-time", "2 weeks", NULL},
        {"hold-time", "s", NULL},
        {"hold_time", "3s", "3s"},
        {"bytes", "3MB", "3000000B"},
        {"bytes", "1.5KiB", "1536B"},
        {"bytes", "2TiB", NULL},
        {"bytes", "5 XB", NULL},
        {"text", "12345678", "12345678"},
        {"text", "123456789", NULL},
        {"text", "", NULL},
        {"secret", "hunter2", "***"},
        {"secret", "", ""},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(cases); i++) {
        struct opts opts = {0};
        om_opt_defaults(&group, &opts);
        struct om_error err = {0};
        const struct om_opt *opt = row(cases[i].name);
        bool is_set = om_opt_set(opt, &opts, om_str_from(cases[i].value), &err);
        om_assert(is_set == (cases[i].back != NULL));
        om_auto_buf back;
        om_buf_init(&back, 100);
        om_opt_format(opt, &opts, &back);
        if (is_set) {
            om_assert(om_str_equal(om_buf_str(&back), om_str_from(cases[i].back)));
        } else {
            om_assert(err.status == OM_INVALID);
            om_assert(om_str_find(om_str_from(err.text), om_str_from(opt->name)) >= 0);
            struct opts before = {0};
            om_opt_defaults(&group, &before);
            om_assert(om_opt_equal(&group, &opts, &before));  // the old value stays
            om_opt_finish(&group, &before);
        }
        om_opt_finish(&group, &opts);
    }
}

static void test_messages(void)
{
    struct opts opts = {0};
    struct om_error err;
    om_assert(!om_opt_set(row("number"), &opts, OM_STR("300"), &err));
    om_assert(om_str_equal(om_str_from(err.hint), OM_STR("number takes 1 to 255")));
    om_assert(!om_opt_set(row("hold-time"), &opts, OM_STR("61s"), &err));
    om_assert(om_str_equal(om_str_from(err.hint), OM_STR("hold-time takes 0 to 60 s")));
    om_assert(!om_opt_set(row("word"), &opts, OM_STR("tpc"), &err));
    om_assert(om_str_find(om_str_from(err.hint), OM_STR("tcp|udp|auto")) > 0);
    char long_secret[200];
    memset(long_secret, 's', sizeof(long_secret));
    om_assert(!om_opt_set(row("secret"), &opts, om_str_n(long_secret, 200), &err));
    om_assert(om_str_find(om_str_from(err.text), OM_STR("sssss")) < 0);  // never told
}

static void test_find(void)
{
    const char *guess = NULL;
    om_assert(om_opt_find(&group, OM_STR("hold_time"), &guess) == row("hold-time"));
    om_assert(!om_opt_find(&group, OM_STR("nubmer"), &guess));
    om_assert(om_str_equal(om_str_from(guess), OM_STR("number")));
    om_assert(!om_opt_find(&group, OM_STR("something-else"), &guess) && !guess);
    char long_name[300];
    memset(long_name, 'x', sizeof(long_name));
    om_assert(!om_opt_find(&group, om_str_n(long_name, sizeof(long_name)), &guess));
}

static void test_copy(void)
{
    struct opts a = {0}, b = {0};
    om_opt_defaults(&group, &a);
    om_opt_defaults(&group, &b);
    om_assert(om_opt_equal(&group, &a, &b));
    om_assert(om_opt_set(row("secret"), &a, OM_STR("x"), NULL));
    om_assert(!om_opt_equal(&group, &a, &b));
    om_opt_copy(&group, &b, &a);
    om_assert(om_opt_equal(&group, &a, &b) && a.secret != b.secret && a.text != b.text);
    om_opt_finish(&group, &a);
    om_opt_finish(&group, &b);
}

int main(void)
{
    test_defaults();
    test_values();
    test_messages();
    test_find();
    test_copy();
    return 0;
}
