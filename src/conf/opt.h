// Option tables: one typed row per option, owned by the component that uses it. From the rows come
// the parsers (YAML, environment, command line), range errors with file and line, --help, the
// example config, docs/options.md, the JSON schema and live reload.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct om_error;

enum om_opt_type {
    OM_OPT_BOOL,    // bool; on/off, yes/no, true/false
    OM_OPT_INT,     // int
    OM_OPT_DOUBLE,  // double
    OM_OPT_RATIO,   // double in the row's range, usually [0, 1]
    OM_OPT_TIME,    // int64_t microseconds; "250ms", "2s", "5m", "1h", bare numbers are seconds
    OM_OPT_BYTES,   // int64_t; "64KiB", "3MB", "2GiB"
    OM_OPT_TEXT,    // char *, owned by the options struct (om_strdup)
    OM_OPT_SECRET,  // char *, as text but printed as *** and never logged
    OM_OPT_ENUM,    // int; `names` lists the words, separated by '|'
};

struct om_opt {
    const char *name;  // kebab-case in help and env, the same in YAML
    enum om_opt_type type;
    size_t offset;         // in the options struct
    double min, max;       // numbers, times in microseconds, bytes; text: length
    const char *fallback;  // default, in the form a user would write
    const char *help;      // one line, lower case, no full stop
    const char *names;     // OM_OPT_ENUM only
    bool needs_restart;    // cannot be changed while running
};

// A table is ended by an all-zero row.
struct om_opt_group {
    const char *prefix;  // "motion": YAML section, OMMA_MOTION_..., --motion-...; "" = top level
    const char *about;   // one line for the docs page
    size_t size;         // of the options struct
    const struct om_opt *opts;
};

// Puts every default into `options` (zeroed memory of group->size).
void om_opt_defaults(const struct om_opt_group *group, void *options);
// Parses `value` into the field of `opt`; range-checked; *err says what is allowed. The old value
// stays on failure.
OM_MUST_USE bool om_opt_set(const struct om_opt *opt, void *options, om_str value,
                            struct om_error *err);
// NULL when there is none; then the nearest name is put into *ret_guess (may come out NULL).
const struct om_opt *om_opt_find(const struct om_opt_group *group, om_str name,
                                 const char **ret_guess);
void om_opt_copy(const struct om_opt_group *group, void *dst, const void *src);
void om_opt_finish(const struct om_opt_group *group, void *options);  // frees the texts
bool om_opt_equal(const struct om_opt_group *group, const void *a, const void *b);
// The shortest decimal that reads back as the same double.
void om_opt_format_number(double value, struct om_buf *out);
// Appends the value in the form a user would write; secrets come as ***.
void om_opt_format(const struct om_opt *opt, const void *options, struct om_buf *out);
