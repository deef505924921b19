#include "app/args.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/buf.h"

static void put(FILE *file, const char *text)
{
    (void)fputs(text, file);  // stdout and stderr: nobody is left to be told
}

void om_cli_print(const char *format, ...)
{
    om_auto_buf buf;
    om_buf_init(&buf, 1 << 20);
    va_list args;
    va_start(args, format);
    om_buf_vprintf(&buf, format, args);
    va_end(args);
    put(stdout, om_buf_text(&buf));
}

// What to do where the error does not say it better.
static const char *hint_of(const struct om_error *err)
{
    if (err->hint[0])
        return err->hint;
    switch (err->status) {
    case OM_NOT_FOUND:
        return "check the name and the path";
    case OM_REFUSED:
        return "check who may read and write there";
    case OM_INVALID:
    case OM_UNSUPPORTED:
        return "'omma COMMAND --help' shows what it takes";
    case OM_TIMEOUT:
    case OM_UNREACHABLE:
        return "check the address and the network, then try again";
    case OM_EXISTS:
        return "take another name, or remove that one first";
    case OM_LIMIT:
    case OM_NO_MEMORY:
        return "ask for less at once";
    case OM_INTERNAL:
        return "this should not happen: please tell us, with this line";
    default:
        return "";
    }
}

int om_cli_fail(const struct om_error *err)
{
    (void)fflush(stdout);
    put(stderr, "omma: ");
    put(stderr, err->text);
    put(stderr, "\n");
    if (hint_of(err)[0]) {
        put(stderr, "      ");
        put(stderr, hint_of(err));
        put(stderr, "\n");
    }
    int code = om_status_exit_code(err->status);
    return code ? code : EX_SOFTWARE;
}

int om_cli_usage(const char *command, const char *format, ...)
{
    char text[240];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    put(stderr, "omma: ");
    put(stderr, text);
    // The programs beside omma are called by their own name.
    bool is_program = om_str_starts_with(om_str_from(command), OM_STR("omma-"));
    put(stderr, is_program ? "\n      see '" : "\n      see 'omma ");
    put(stderr, command);
    put(stderr, command[0] ? " --help'\n" : "--help'\n");
    return EX_USAGE;
}

static void print_help(const struct om_args *args)
{
    om_cli_print("%s\n\n", args->about);
    if (args->examples)
        om_cli_print("%s\n", args->examples);
    om_cli_print("usage: %s\n\n", args->usage);
    for (const struct om_arg *arg = args->args; arg->name; arg++) {
        char left[64];
        snprintf(left, sizeof(left), "%c%c%s--%s%s%s", arg->letter ? '-' : ' ',
                 arg->letter ? arg->letter : ' ', arg->letter ? ", " : "  ", arg->name,
                 arg->value ? " " : "", arg->value ? arg->value : "");
        om_cli_print("  %-30s %s\n", left, arg->help);
    }
    om_cli_print("  %-30s %s\n", "-h, --help", "this text");
    if (args->more_help)
        om_cli_print("\n%s", args->more_help);
}

static const struct om_arg *find(const struct om_arg *args, om_str name)
{
    for (const struct om_arg *arg = args; arg->name; arg++) {
        if (om_str_equal(om_str_from(arg->name), name) ||
            (name.n == 1 && arg->letter && arg->letter == name.p[0]))
            return arg;
    }
    return NULL;
}

static const char *guess(const struct om_arg *args, om_str name)
{
    const char *best = NULL;
    int best_distance = 3;
    for (const struct om_arg *arg = args; arg->name; arg++) {
        int distance = om_str_distance(om_str_from(arg->name), name);
        if (distance < best_distance) {
            best_distance = distance;
            best = arg->name;
        }
    }
    return best;
}

static bool in_range(const struct om_arg *arg, double value)
{
    return arg->min >= arg->max || (value >= arg->min && value <= arg->max);
}

static bool set_number(const struct om_arg *arg, const char *value, struct om_error *err)
{
    int64_t whole = 0;
    double real = 0;
    bool is_int = arg->type == OM_ARG_INT;
    bool is_number = is_int ? om_str_to_int64(om_str_from(value), &whole)
                            : om_str_to_double(om_str_from(value), &real);
    if (is_int)
        real = (double)whole;
    if (!is_number || !in_range(arg, real) ||
        (is_int && (whole < INT32_MIN || whole > INT32_MAX))) {
        char range[64] = "";
        if (arg->min < arg->max)
            snprintf(range, sizeof(range), " from %g to %g", arg->min, arg->max);
        om_error_set(err, OM_INVALID, "--%s takes a %s%s, not \"%s\"", arg->name,
                     is_int ? "whole number" : "number", range, value);
        return false;
    }
    if (is_int)
        *(int *)arg->target = (int)whole;
    else
        *(double *)arg->target = real;
    return true;
}

static bool set(const struct om_arg *arg, const char *value, struct om_error *err)
{
    switch (arg->type) {
    case OM_ARG_FLAG:
        *(bool *)arg->target = true;
        return true;
    case OM_ARG_TEXT:
        *(const char **)arg->target = value;
        return true;
    case OM_ARG_INT:
    case OM_ARG_DOUBLE:
        return set_number(arg, value, err);
    case OM_ARG_LIST: {
        struct om_arg_list *list = arg->target;
        if (list->count == OM_ARG_LIST_MAX) {
            om_error_set(err, OM_LIMIT, "--%s can be given at most %d times", arg->name,
                         OM_ARG_LIST_MAX);
            return false;
        }
        list->items[list->count++] = value;
        return true;
    }
    }
    return false;
}

// One flag at argv[*i]; takes its value from the next place if need be.
static bool take_flag(struct om_args *args, int argc, char **argv, int *i, struct om_error *err)
{
    const char *text = argv[*i] + (argv[*i][1] == '-' ? 2 : 1);
    om_str name = om_str_from(text);
    ptrdiff_t equals = om_str_find_char(name, '=');
    const char *value = equals >= 0 ? text + equals + 1 : NULL;
    if (equals >= 0)
        name = om_str_sub(name, 0, (size_t)equals);

    const struct om_arg *arg = find(args->args, name);
    if (arg && arg->type == OM_ARG_FLAG && value) {
        om_error_set(err, OM_INVALID, "--%s takes no value", arg->name);
        return false;
    }
    bool needs_value = arg ? arg->type != OM_ARG_FLAG : args->other != NULL;
    if (needs_value && !value && *i + 1 < argc)
        value = argv[++*i];
    if (arg && needs_value && !value) {
        om_error_set(err, OM_INVALID, "--%s needs a value", arg->name);
        return false;
    }
    if (arg)
        return set(arg, value, err);
    if (args->other) {
        char copy[128];
        (void)om_str_copy(copy, sizeof(copy), name);
        return args->other(args->ctx, copy, value, err);
    }
    const char *meant = guess(args->args, name);
    om_error_set(err, OM_INVALID, "there is no option \"%s\"%s%s%s", argv[*i],
                 meant ? " (did you mean \"--" : "", meant ? meant : "", meant ? "\"?)" : "");
    return false;
}

enum om_args_result om_args_parse(struct om_args *args, int argc, char **argv)
{
    struct om_error err = {0};
    bool flags_end = false;
    for (int i = 1; i < argc; i++) {
        const char *text = argv[i];
        bool is_flag = !flags_end && text[0] == '-' && text[1] != '\0';
        if (is_flag && strcmp(text, "--") == 0) {
            flags_end = true;
        } else if (is_flag && (strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0)) {
            print_help(args);
            return OM_ARGS_DONE;
        } else if (is_flag) {
            if (!take_flag(args, argc, argv, &i, &err)) {
                (void)om_cli_usage(argv[0], "%s", err.text);
                return OM_ARGS_WRONG;
            }
        } else if (args->positional_count < args->positional_max) {
            args->positionals[args->positional_count++] = text;
        } else {
            (void)om_cli_usage(argv[0], "\"%s\" is one argument too many", text);
            return OM_ARGS_WRONG;
        }
    }
    return OM_ARGS_OK;
}
