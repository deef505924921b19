#include "pipeline/gate.h"

#include <stdatomic.h>

#include "base/assert.h"
#include "base/attr.h"
#include "base/time.h"
#include "loop/cancel.h"

static struct om_connect_gate gate;
static struct om_cancel cancel;
static atomic_int passed;

static void pass(void *ctx)
{
    (void)ctx;
    for (int i = 0; i < 5; i++)
        atomic_fetch_add(&passed, om_connect_gate_wait(&gate, &cancel));
}

static void test_so_many_a_second(void)
{
    struct om_thread threads[4] = {0};
    om_connect_gate_init(&gate, 50);
    int64_t start_us = om_time_mono_us();
    for (size_t i = 0; i < OM_ARRAY_LEN(threads); i++)
        om_assert(om_thread_start(&threads[i], "camera", 0, pass, NULL));
    for (size_t i = 0; i < OM_ARRAY_LEN(threads); i++)
        om_thread_join(&threads[i]);
    // 20 turns, 20 ms apart, the first one at once.
    om_assert(atomic_load(&passed) == 20 && om_time_mono_us() - start_us >= 380 * OM_MS);
    om_connect_gate_finish(&gate);
}

static void test_cancel_ends_the_wait(void)
{
    om_connect_gate_init(&gate, 1);
    om_assert(om_connect_gate_wait(&gate, &cancel));
    struct om_thread thread = {0};
    atomic_store(&passed, 0);
    int64_t start_us = om_time_mono_us();
    om_assert(om_thread_start(&thread, "camera", 0, pass, NULL));
    om_cancel_set(&cancel);
    om_thread_join(&thread);
    om_assert(atomic_load(&passed) == 0 && om_time_mono_us() - start_us < OM_SECOND);
    om_connect_gate_finish(&gate);
}

int main(void)
{
    om_cancel_init(&cancel);
    test_so_many_a_second();
    test_cancel_ends_the_wait();
    om_cancel_finish(&cancel);
    return 0;
}
