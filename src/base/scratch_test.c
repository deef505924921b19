#include "base/scratch.h"

#include <string.h>

#include "base/assert.h"
#include "base/thread.h"

enum { BYTES = 100000, THREADS = 4 };

static struct om_scratch first = OM_SCRATCH(BYTES);
static struct om_scratch second = OM_SCRATCH(16);

struct seat {
    struct om_thread thread;
    char mark;
    char *block;
};

// Each thread finds its own marks again, whatever the others wrote.
static void work(void *ctx)
{
    struct seat *seat = ctx;
    seat->block = om_scratch_get(&first);
    for (size_t i = 0; i < BYTES; i++)
        om_assert(seat->block[i] == 0);
    for (int turn = 0; turn < 100; turn++) {
        memset(seat->block, seat->mark, BYTES);
        char *other = om_scratch_get(&second);
        om_assert(other != seat->block);
        other[0] = seat->mark;
        om_assert(om_scratch_get(&first) == seat->block);
        om_assert(seat->block[0] == seat->mark && seat->block[BYTES - 1] == seat->mark);
    }
}

int main(void)
{
    struct seat seats[THREADS] = {0};
    for (int i = 0; i < THREADS; i++) {
        seats[i].mark = (char)('a' + i);
        om_assert(om_thread_start(&seats[i].thread, "worker", 0, work, &seats[i]));
    }
    struct seat mine = {.mark = 'z'};
    work(&mine);
    for (int i = 0; i < THREADS; i++)
        om_thread_join(&seats[i].thread);
    om_assert(mine.block[0] == 'z');
    return 0;
}
