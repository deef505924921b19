#include "app/args.h"

#include <string.h>

#include "base/assert.h"

struct values {
    bool json;
    const char *model;
    int fps;
    double score;
    struct om_arg_list lines;
};

static enum om_args_result parse(struct values *v, const char *list, struct om_args *ret)
{
    static const char *positionals[4];
    static struct om_arg table[6];
    const struct om_arg rows[] = {
        {"json", 0, OM_ARG_FLAG, &v->json, NULL, "", 0, 0},
        {"model", 'm', OM_ARG_TEXT, &v->model, "M", "", 0, 0},
        {"fps", 0, OM_ARG_INT, &v->fps, "N", "", 1, 120},
        {"min-score", 0, OM_ARG_DOUBLE, &v->score, "S", "", 0, 1},
        {"line", 0, OM_ARG_LIST, &v->lines, "L", "", 0, 0},
        {0},
    };
    memcpy(table, rows, sizeof(rows));
    *ret = (struct om_args){
        .usage = "", .about = "", .args = table, .positionals = positionals, .positional_max = 4};
    static char text[256];
    static char *argv[16];
    (void)om_str_copy(text, sizeof(text), om_str_from(list));
    int argc = 0;
    for (char *at = text; at && *at; argc++) {
        argv[argc] = at;
        at = strchr(at, ' ');
        if (at)
            *at++ = '\0';
    }
    return om_args_parse(ret, argc, argv);
}

int main(void)
{
    struct om_args args;
    struct values v = {0};
    om_assert(parse(&v, "x a --json -m nano b --fps=5 --min-score 0.5 --line p --line q", &args) ==
              OM_ARGS_OK);
    om_assert(v.json && strcmp(v.model, "nano") == 0 && v.fps == 5 && v.score == 0.5);
    om_assert(v.lines.count == 2 && strcmp(v.lines.items[1], "q") == 0);
    om_assert(args.positional_count == 2 && strcmp(args.positionals[1], "b") == 0);

    om_assert(parse(&v, "x -- --json", &args) == OM_ARGS_OK);
    om_assert(args.positional_count == 1 && strcmp(args.positionals[0], "--json") == 0);
    om_assert(parse(&v, "x -", &args) == OM_ARGS_OK && args.positional_count == 1);

    static const char *const wrong[] = {"x --fps 0",   "x --fps 121",      "x --fps 5x",
                                        "x --fps",     "x --modle n",      "x --json=1",
                                        "x a b c d e", "x --min-score 1.5"};
    for (size_t i = 0; i < OM_ARRAY_LEN(wrong); i++)
        om_assert(parse(&v, wrong[i], &args) == OM_ARGS_WRONG);
    return 0;
}
