#include "base/map.h"

#include <sodium.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/rand.h"

// Open addressing with linear probing; at most 3/4 full; removal shifts the run back, so there are
// no grave stones.
struct entry {
    char *key;  // NULL = free
    size_t key_len;
    uint64_t hash;
    void *value;
};

struct om_map {
    struct entry *entries;
    size_t cap, len;  // cap is a power of two
    unsigned char seed[crypto_shorthash_KEYBYTES];
};

struct om_map *om_map_create(void)
{
    enum { CAP_START = 16 };
    struct om_map *map = om_new(struct om_map);
    map->cap = CAP_START;
    map->entries = om_new_array(struct entry, map->cap);
    om_rand_bytes(map->seed, sizeof(map->seed));
    return map;
}

void om_map_destroy(struct om_map *map)
{
    if (!map)
        return;
    for (size_t i = 0; i < map->cap; i++)
        om_free(map->entries[i].key);
    om_free(map->entries);
    om_free(map);
}

size_t om_map_len(const struct om_map *map)
{
    return map->len;
}

// SipHash-2-4: who does not know the seed cannot choose keys that collide.
static uint64_t hash_of(const struct om_map *map, om_str key)
{
    static_assert(crypto_shorthash_BYTES == sizeof(uint64_t), "a hash fits 64 bits");
    uint64_t hash;
    (void)crypto_shorthash((unsigned char *)&hash, (const unsigned char *)(key.n ? key.p : ""),
                           key.n, map->seed);
    return hash;
}

// The entry with that key, or the free one where it would go.
static struct entry *find(const struct om_map *map, om_str key, uint64_t hash)
{
    size_t mask = map->cap - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        struct entry *entry = &map->entries[i];
        if (!entry->key ||
            (entry->hash == hash && om_str_equal(om_str_n(entry->key, entry->key_len), key)))
            return entry;
    }
}

void *om_map_get(const struct om_map *map, om_str key)
{
    return find(map, key, hash_of(map, key))->value;
}

static void grow(struct om_map *map)
{
    struct entry *old = map->entries;
    size_t old_cap = map->cap;
    map->cap *= 2;
    map->entries = om_new_array(struct entry, map->cap);
    for (size_t i = 0; i < old_cap; i++) {
        if (old[i].key)
            *find(map, om_str_n(old[i].key, old[i].key_len), old[i].hash) = old[i];
    }
    om_free(old);
}

void *om_map_put(struct om_map *map, om_str key, void *value)
{
    om_assert(value);
    if (map->len + 1 > map->cap / 4 * 3)
        grow(map);
    uint64_t hash = hash_of(map, key);
    struct entry *entry = find(map, key, hash);
    void *before = entry->value;
    if (!entry->key) {
        entry->key = om_alloc(key.n + 1, 1);
        if (key.n)
            memcpy(entry->key, key.p, key.n);
        entry->key_len = key.n;
        entry->hash = hash;
        map->len++;
    }
    entry->value = value;
    return before;
}

void *om_map_remove(struct om_map *map, om_str key)
{
    struct entry *entry = find(map, key, hash_of(map, key));
    if (!entry->key)
        return NULL;
    void *value = entry->value;
    om_free(entry->key);
    *entry = (struct entry){0};
    map->len--;
    size_t mask = map->cap - 1, hole = (size_t)(entry - map->entries);
    for (size_t i = (hole + 1) & mask; map->entries[i].key; i = (i + 1) & mask) {
        size_t home = map->entries[i].hash & mask;
        bool can_move = ((i - home) & mask) >= ((i - hole) & mask);
        if (!can_move)
            continue;
        map->entries[hole] = map->entries[i];
        map->entries[i] = (struct entry){0};
        hole = i;
    }
    return value;
}

bool om_map_next(const struct om_map *map, size_t *at, om_str *ret_key, void **ret_value)
{
    for (; *at < map->cap; ++*at) {
        const struct entry *entry = &map->entries[*at];
        if (!entry->key)
            continue;
        *ret_key = om_str_n(entry->key, entry->key_len);
        *ret_value = entry->value;
        ++*at;
        return true;
    }
    return false;
}
