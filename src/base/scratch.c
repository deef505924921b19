#include "base/scratch.h"

#include <pthread.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/thread.h"

static struct om_mutex lock = OM_MUTEX_INIT;

static unsigned make_key(struct om_scratch *scratch)
{
    om_with_lock(&lock);
    unsigned key_and_one = atomic_load_explicit(&scratch->key_and_one, memory_order_relaxed);
    if (key_and_one)
        return key_and_one;  // another thread was first
    pthread_key_t key;
    int failed = pthread_key_create(&key, om_free);
    om_assert(!failed);  // there are 1024, and a handful of static scratches
    atomic_store_explicit(&scratch->key_and_one, (unsigned)key + 1, memory_order_release);
    return (unsigned)key + 1;
}

void *om_scratch_get(struct om_scratch *scratch)
{
    unsigned key_and_one = atomic_load_explicit(&scratch->key_and_one, memory_order_acquire);
    if (!key_and_one)
        key_and_one = make_key(scratch);
    void *block = pthread_getspecific((pthread_key_t)(key_and_one - 1));
    if (block)
        return block;
    block = om_alloc(1, scratch->bytes);
    int failed = pthread_setspecific((pthread_key_t)(key_and_one - 1), block);
    om_assert(!failed);
    return block;
}
