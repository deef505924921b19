#include "base/arena.h"

#include "base/assert.h"
#include "base/mem.h"

enum { ALIGN = 16, BLOCK_BYTES = 4096 };

struct block {
    struct block *next;
    size_t cap, used;
    _Alignas(ALIGN) char bytes[];
};

struct om_arena {
    size_t total_max, total;
    struct block *blocks;  // the newest first
};

static struct block *block_create(size_t cap, struct block *next)
{
    struct block *block = om_try_new_flex(struct block, bytes, cap);
    if (block) {
        block->cap = cap;
        block->next = next;
    }
    return block;
}

struct om_arena *om_arena_create(size_t total_max)
{
    struct om_arena *arena = om_new(struct om_arena);
    arena->total_max = total_max;
    return arena;
}

static void free_blocks(struct block *block)
{
    while (block) {
        struct block *next = block->next;
        om_free(block);
        block = next;
    }
}

void om_arena_destroy(struct om_arena *arena)
{
    if (!arena)
        return;
    free_blocks(arena->blocks);
    om_free(arena);
}

void *om_arena_alloc(struct om_arena *arena, size_t size)
{
    size_t left = arena->total_max - arena->total;
    if (size > left || left == 0)
        return NULL;
    size_t need = (OM_MAX(size, (size_t)1) + ALIGN - 1) / ALIGN * ALIGN;
    if (need < size)
        return NULL;
    struct block *block = arena->blocks;
    if (!block || block->cap - block->used < need) {
        block = block_create(OM_MAX(need, (size_t)BLOCK_BYTES), arena->blocks);
        if (!block)
            return NULL;
        arena->blocks = block;
    }
    void *at = block->bytes + block->used;
    memset(at, 0, need);
    block->used += need;
    arena->total += OM_MIN(need, left);  // many small pieces count with their padding
    return at;
}

char *om_arena_strdup(struct om_arena *arena, om_str s)
{
    if (s.n == SIZE_MAX)
        return NULL;
    char *copy = om_arena_alloc(arena, s.n + 1);
    if (copy && s.n)
        memcpy(copy, s.p, s.n);
    return copy;
}

void om_arena_reset(struct om_arena *arena)
{
    arena->total = 0;
    if (!arena->blocks)
        return;
    free_blocks(arena->blocks->next);
    arena->blocks->next = NULL;
    arena->blocks->used = 0;
}

size_t om_arena_used(const struct om_arena *arena)
{
    return arena->total;
}
