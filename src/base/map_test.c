#include "base/map.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/rand.h"

enum { KEYS = 500, STEPS = 50000 };

static int values[KEYS];

static om_str key_of(int i, char text[16])
{
    snprintf(text, 16, "key-%d", i);
    return om_str_from(text);
}

static size_t count_by_walk(const struct om_map *map)
{
    size_t at = 0, n = 0;
    om_str key;
    void *value;
    while (om_map_next(map, &at, &key, &value)) {
        om_assert(om_map_get(map, key) == value);
        n++;
    }
    return n;
}

// Random puts and removes, compared with a plain array.
static void test_against_array(void)
{
    struct om_map *map = om_map_create();
    void *wanted[KEYS] = {0};
    size_t len = 0;
    struct om_rand rand;
    om_rand_init(&rand, 7);
    for (int step = 0; step < STEPS; step++) {
        int i = (int)om_rand_below(&rand, KEYS);
        char text[16];
        om_str key = key_of(i, text);
        om_assert(om_map_get(map, key) == wanted[i]);
        if (om_rand_below(&rand, 2)) {
            void *value = &values[om_rand_below(&rand, KEYS)];
            om_assert(om_map_put(map, key, value) == wanted[i]);
            len += !wanted[i];
            wanted[i] = value;
        } else {
            om_assert(om_map_remove(map, key) == wanted[i]);
            len -= wanted[i] != NULL;
            wanted[i] = NULL;
        }
        om_assert(om_map_len(map) == len);
    }
    om_assert(count_by_walk(map) == len);
    for (int i = 0; i < KEYS; i++) {
        char text[16];
        om_assert(om_map_get(map, key_of(i, text)) == wanted[i]);
    }
    om_map_destroy(map);
}

static void test_odd_keys(void)
{
    struct om_map *map = om_map_create();
    om_assert(!om_map_put(map, OM_STR(""), &values[0]));
    om_assert(!om_map_put(map, om_str_n("a\0b", 3), &values[1]));
    om_assert(!om_map_put(map, om_str_n("a\0c", 3), &values[2]));
    om_assert(!om_map_get(map, OM_STR("a")));
    om_assert(om_map_get(map, om_str_n("a\0b", 3)) == &values[1]);
    om_assert(om_map_get(map, om_str_from(NULL)) == &values[0]);
    om_assert(om_map_remove(map, OM_STR("")) == &values[0] && om_map_len(map) == 2);
    om_map_destroy(map);
    om_map_destroy(NULL);
}

int main(void)
{
    test_against_array();
    test_odd_keys();
    return 0;
}
