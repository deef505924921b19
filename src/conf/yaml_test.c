#include "conf/yaml.h"

#include "base/assert.h"
#include "base/buf.h"
#include "base/error.h"

static const char text[] = "name: nano\n"
                           "input_size: [416, 416]\n"
                           "nms: no\n"
                           "country: \"no\"\n"
                           "empty:\n"
                           "lines:\n"
                           "  road: {points: [[0.1, 0.5], [0.9, 0.5]]}\n";

static void test_tree(void)
{
    struct om_error err;
    om_auto(om_yaml) doc = om_yaml_parse(om_str_from(text), "t.yaml", &err);
    om_assert(doc);
    const struct om_yaml_node *root = om_yaml_root(doc);
    om_assert(om_yaml_len(root) == 6);
    om_assert(om_str_equal(om_yaml_str(om_yaml_get(root, "name"), OM_STR("")), OM_STR("nano")));
    int64_t width;
    om_assert(om_yaml_int(om_yaml_at(om_yaml_get(root, "input_size"), 1), &width) && width == 416);
    bool nms = true, country = true;
    om_assert(om_yaml_bool(om_yaml_get(root, "nms"), &nms) && !nms);
    om_assert(!om_yaml_bool(om_yaml_get(root, "country"), &country));  // Norway stays Norway
    om_assert(om_yaml_type(om_yaml_get(root, "empty")) == OM_YAML_NULL);
    om_assert(om_yaml_get(root, "nothing") == NULL && om_yaml_at(NULL, 0) == NULL);
    const struct om_yaml_node *road = om_yaml_get(om_yaml_get(root, "lines"), "road");
    om_assert(om_yaml_line(road) == 7);
    double y;
    om_assert(om_yaml_double(om_yaml_at(om_yaml_at(om_yaml_get(road, "points"), 1), 1), &y));
    om_assert(y == 0.5);
    om_str key;
    int line;
    om_assert(om_yaml_pair(root, 5, &key, &line) == om_yaml_get(root, "lines") && line == 6);
}

static void test_json_is_yaml(void)
{
    om_str json = OM_STR("{\"a\": [1, true, null, \"x\\n\"], \"b\": {\"c\": -2.5e1}}");
    om_auto(om_yaml) doc = om_yaml_parse(json, "t.json", NULL);
    om_assert(doc);
    const struct om_yaml_node *list = om_yaml_get(om_yaml_root(doc), "a");
    om_assert(om_yaml_len(list) == 4 && om_yaml_type(om_yaml_at(list, 2)) == OM_YAML_NULL);
    om_assert(om_str_equal(om_yaml_str(om_yaml_at(list, 3), OM_STR("")), OM_STR("x\n")));
    double c;
    om_assert(om_yaml_double(om_yaml_get(om_yaml_get(om_yaml_root(doc), "b"), "c"), &c) &&
              c == -25);
}

static void test_refused(void)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"a: 1\nb: 2\na: 3\n", "t:3: \"a\" stands here twice"},
        {"a: &x [1]\nb: *x\n", "t:2: aliases"},
        {"a: [1\nb: 2\n", "t:"},
        {"---\na: 1\n---\nb: 2\n", "t:4: one document only"},
        {"? [1]\n: 2\n", "t:1: a key must be a plain text"},
        {"a: \"\xff\xfe\"\n", "t:"},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(cases); i++) {
        struct om_error err = {0};
        om_assert(!om_yaml_parse(om_str_from(cases[i].text), "t", &err));
        om_assert(err.status == OM_INVALID);
        om_assert(om_str_starts_with(om_str_from(err.text), om_str_from(cases[i].says)));
    }
    om_auto_buf deep;
    om_buf_init(&deep, 1000);
    for (int i = 0; i < 100; i++)
        om_buf_append_char(&deep, '[');
    om_assert(!om_yaml_parse(om_buf_str(&deep), "t", NULL));
}

// What takes others quadratic time is refused or done at once.
static void test_large(void)
{
    om_auto_buf large;
    om_buf_init(&large, 1 << 22);
    for (int i = 0; i < 50000; i++)
        om_buf_printf(&large, "%%TAG !t%d! tag:\r", i);
    struct om_error err = {0};
    om_assert(!om_yaml_parse(om_buf_str(&large), "t", &err) && err.status == OM_LIMIT);
    om_buf_clear(&large);
    for (int i = 0; i < 50000; i++)
        om_buf_printf(&large, "k%d: v\n", i);
    om_auto(om_yaml) doc = om_yaml_parse(om_buf_str(&large), "t", &err);
    om_assert(doc && om_yaml_len(om_yaml_root(doc)) == 50000);
    om_buf_append_text(&large, "k777: w\n");
    om_assert(!om_yaml_parse(om_buf_str(&large), "t", &err));
    om_assert(om_str_equal(om_str_from(err.text), OM_STR("t:50001: \"k777\" stands here twice")));
    om_assert(om_str_equal(om_str_from(err.hint), OM_STR("the first one is in line 778")));
}

int main(void)
{
    test_large();
    test_tree();
    test_json_is_yaml();
    test_refused();
    om_auto(om_yaml) empty = om_yaml_parse(OM_STR(""), "t", NULL);
    om_assert(empty && om_yaml_type(om_yaml_root(empty)) == OM_YAML_NULL);
    return 0;
}
