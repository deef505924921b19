// Plans of devices, pools of tensor memory with their accounts, counters and metrics.

#include "infer/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/mem.h"
#include "conf/opt.h"
#include "infer/device_memory.h"

// ---- plans -------------------------------------------------------------------------------------

static void plan_text(const struct om_device_plan *plan, char *text, size_t size)
{
    om_auto_buf out;
    om_buf_init(&out, size);
    for (int at = 0; at < plan->count; at += om_device_plan_tier(plan, at)) {
        om_buf_append_text(&out, at ? " | " : "");
        for (int i = 0; i < om_device_plan_tier(plan, at); i++) {
            char device[OM_DEVICE_TEXT_SIZE];
            om_buf_printf(&out, "%s%s", i ? " " : "", om_device_text(plan->items[at + i], device));
        }
    }
    om_assert(om_str_copy(text, size, om_buf_str(&out)));
}

static void check_plans(void)
{
    static const struct {
        const char *list, *wanted;
    } rows[] = {
        {NULL, "cpu"},
        {"", "cpu"},
        {" cpu ", "cpu"},
        {"cuda", "cuda:0 | cpu"},
        {"cuda:0,cuda:1,cpu", "cuda:0 cuda:1 | cpu"},
        {"CUDA:3", "cuda:3 | cpu"},
        {"tensorrt", "tensorrt:0 | cuda:0 | cpu"},
        {"tensorrt:0,tensorrt:1", "tensorrt:0 tensorrt:1 | cuda:0 cuda:1 | cpu"},
        {"tensorrt:1, cuda:0", "tensorrt:1 | cuda:0 | cpu"},
        {"openvino", "openvino | cpu"},
        {"openvino:0,cuda:0,cuda:1", "openvino:0 | cuda:0 cuda:1 | cpu"},
        {"cpu,cuda", "cpu"},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(rows); i++) {
        struct om_device_plan plan;
        struct om_error err;
        char text[256];
        om_assert(om_device_plan_parse(rows[i].list, &plan, &err));
        plan_text(&plan, text, sizeof(text));
        if (strcmp(text, rows[i].wanted) != 0)
            printf("%s gave %s\n", rows[i].list, text);
        om_assert(strcmp(text, rows[i].wanted) == 0);
    }
}

static void check_wrong_plans(void)
{
    static const char *const rows[] = {
        "gpu",
        "cuda:",
        "cuda:x",
        "cuda:-1",
        "cuda,,",
        "cpu:0",
        "cuda:256",
        "cuda:0,cuda:0",
        "cuda 1",
        "cuda:0:1",
        "tensorrt:1e",
        "cuda:0,cuda:1,cuda",
        "cuda:0,cuda:1,cuda:2,cuda:3,cuda:4,cuda:5,cuda:6,cuda:7,cuda:8,cuda:9,cuda:10,cuda:11,"
        "cuda:12,cuda:13,cuda:14,cuda:15",
        // With CUDA on the same cards there are too many.
        "tensorrt:0,tensorrt:1,tensorrt:2,tensorrt:3,tensorrt:4,tensorrt:5,tensorrt:6,tensorrt:7",
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(rows); i++) {
        struct om_device_plan plan = {.count = 77};
        struct om_error err = {0};
        bool was_read = om_device_plan_parse(rows[i], &plan, &err);
        if (was_read)
            printf("%s was read\n", rows[i]);
        om_assert(!was_read && plan.count == 77 && err.text[0] && err.hint[0]);
    }
}

// ---- memory ------------------------------------------------------------------------------------

struct source {
    int allocs, releases;
    bool is_empty;
};

static void *source_alloc(void *ctx, size_t bytes)
{
    struct source *source = ctx;
    if (source->is_empty)
        return NULL;
    source->allocs++;
    void *block = om_try_alloc_aligned(bytes);
    memset(block, 0xaa, bytes);
    return block;
}

static void source_release(void *ctx, void *block)
{
    struct source *source = ctx;
    source->releases++;
    om_free(block);
}

static void check_accounts(void)
{
    static const struct om_device_pool_ops ops = {source_alloc, source_release};
    struct source source = {0};
    struct om_device_pool *pool = om_device_pool_create(OM_MEMORY_PINNED, &ops, &source, 2500);
    unsigned char *a = om_device_pool_take(pool, 1000);
    om_assert(a && a[0] == 0 && a[999] == 0);
    void *b = om_device_pool_take(pool, 2000);
    struct om_device_memory_stats stats = om_device_memory_stats(OM_MEMORY_PINNED);
    om_assert(stats.bytes_out == 3000 && stats.bytes_kept == 0 && stats.takes == 2);
    a[5] = 7;
    om_device_pool_put(pool, a);
    om_device_pool_put(pool, b);  // does not fit beside a
    stats = om_device_memory_stats(OM_MEMORY_PINNED);
    om_assert(stats.bytes_out == 0 && stats.bytes_kept == 1000 && stats.bytes_out_max == 3000);
    om_assert(source.releases == 1);

    // Reused and clean; a block that is much too big is not given.
    unsigned char *c = om_device_pool_take(pool, 900);
    om_assert(c == a && c[5] == 0);
    void *d = om_device_pool_take(pool, 100);
    om_assert(d && source.allocs == 3);
    stats = om_device_memory_stats(OM_MEMORY_PINNED);
    om_assert(stats.reuses == 1 && stats.bytes_out == 1100 && stats.bytes_kept == 0);
    source.is_empty = true;
    om_assert(!om_device_pool_take(pool, 5000));
    om_assert(om_device_memory_stats(OM_MEMORY_PINNED).bytes_out == 1100);
    om_device_pool_put(pool, c);
    om_device_pool_put(pool, d);
    om_device_pool_put(pool, NULL);
    om_device_pool_destroy(pool);
    stats = om_device_memory_stats(OM_MEMORY_PINNED);
    om_assert(stats.bytes_out == 0 && stats.bytes_kept == 0 && source.allocs == source.releases);
}

static void check_host_pool(void)
{
    struct om_device_pool *pool = om_device_pool_host();
    om_assert(pool == om_device_pool_host() && om_device_pool_kind(pool) == OM_MEMORY_HOST);
    void *a = om_device_pool_take(pool, 100);
    om_assert(a && (uintptr_t)a % 64 == 0);
    om_assert(om_device_memory_stats(OM_MEMORY_HOST).bytes_out == 100);
    om_device_pool_put(pool, a);
    om_assert(om_device_memory_stats(OM_MEMORY_HOST).bytes_out == 0);
}

// ---- counters ----------------------------------------------------------------------------------

static void check_counters(void)
{
    const struct om_device card = {OM_PROVIDER_CUDA, 1}, cpu = {OM_PROVIDER_CPU, -1};
    struct om_device_counter *counter = om_device_counter_get(card);
    om_assert(counter && counter == om_device_counter_get(card));
    om_assert(om_device_counter_get(cpu) != counter);
    om_device_counter_instances(counter, 2);
    om_device_counter_add(counter, 8, 4000);
    om_device_counter_add(counter, 3, 1000);
    om_device_counter_add(NULL, 1, 1);
    struct om_device_stats stats[4];
    om_assert(om_device_stats(stats, 4) == 2);
    om_assert(stats[0].instances == 2 && stats[0].runs == 2 && stats[0].pictures == 11);
    om_assert(stats[0].busy_us == 5000 && stats[1].runs == 0);

    om_auto_buf out;
    om_buf_init(&out, 1 << 16);
    om_device_collect(NULL, &out);
    static const char *const lines[] = {
        "# TYPE omma_infer_pictures_total counter\n",
        "omma_infer_pictures_total{device=\"cuda:1\"} 11\n",
        "omma_infer_busy_seconds_total{device=\"cuda:1\"} 0.005\n",
        "omma_infer_instances{device=\"cpu\"} 0\n",
        "omma_infer_memory_bytes{kind=\"pinned\",state=\"out\"} 0\n",
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(lines); i++)
        om_assert(om_str_find(om_buf_str(&out), om_str_from(lines[i])) >= 0);
}

static void check_options(void)
{
    struct om_infer_opts opts = {0};
    om_opt_defaults(&om_infer_opt_group, &opts);
    om_assert(strcmp(opts.providers, "cpu") == 0 && opts.engine_cache && !opts.fp16);
    om_opt_finish(&om_infer_opt_group, &opts);
}

int main(void)
{
    om_assert(setenv("OMMA_NVML_LIBRARY", "/nonexistent", 1) == 0);
    check_plans();
    check_wrong_plans();
    check_accounts();
    check_host_pool();
    check_counters();
    check_options();
    return 0;
}
