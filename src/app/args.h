// Command lines: one table of flags per command, from which parser and --help come. Flags may stand
// anywhere;
// "--" ends them; "--flag=value" and "--flag value" are the same.

#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/str.h"

enum om_arg_type {
    OM_ARG_FLAG,    // bool *: true when given
    OM_ARG_TEXT,    // const char **
    OM_ARG_INT,     // int *
    OM_ARG_DOUBLE,  // double *
    OM_ARG_LIST,    // struct om_arg_list *: may be given several times
};

enum { OM_ARG_LIST_MAX = 64, OM_ARG_POSITIONALS_MAX = 4096 };

struct om_arg_list {
    const char *items[OM_ARG_LIST_MAX];
    int count;
};

// One flag; a table is ended by an all-zero row. Targets keep their value when the flag is not
// given.
struct om_arg {
    const char *name;  // without "--"
    char letter;       // of the short form, or 0
    enum om_arg_type type;
    void *target;
    const char *value;  // how help calls the value, NULL for flags
    const char *help;
    double min, max;  // of numbers, when min < max
};

struct om_args {
    const char *usage;     // "omma detect INPUT... [options]"
    const char *about;     // one sentence
    const char *examples;  // lines, each with its newline
    const struct om_arg *args;
    const char *more_help;  // behind the flags, or NULL
    // What is no flag lands here, in order; borrowed from argv.
    const char **positionals;
    int positional_count, positional_max;
    // Flags that are not in the table (may be NULL): `value` is NULL when none follows. False with
    // *err.
    bool (*other)(void *ctx, const char *name, const char *value, struct om_error *err);
    void *ctx;
};

enum om_args_result {
    OM_ARGS_OK,
    OM_ARGS_DONE,   // --help was printed: exit with 0
    OM_ARGS_WRONG,  // the message was printed: exit with 64
};

// argv[0] is the command's name.
OM_MUST_USE enum om_args_result om_args_parse(struct om_args *args, int argc, char **argv);

// Prints "omma: <text>" and the hint to stderr; returns the exit code that fits.
int om_cli_fail(const struct om_error *err);
// A wrong command line: prints the sentence and where help is; returns 64.
int om_cli_usage(const char *command, const char *format, ...) OM_PRINTF(2, 3);
// Formatted text to stdout, like printf. Failures (a closed pipe) are the exit code's business.
void om_cli_print(const char *format, ...) OM_PRINTF(1, 2);
