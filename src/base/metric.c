#include "base/metric.h"

#include <math.h>
#include <stdbool.h>

#include "base/assert.h"
#include "base/thread.h"

enum { COLLECTORS_MAX = 32 };

static struct om_mutex lock = OM_MUTEX_INIT;
// Under `lock`.
static struct om_metric *first;
static struct collector {
    om_metric_collect_fn *fn;
    void *ctx;
} collectors[COLLECTORS_MAX];
static int collector_count;

void om_metric_register(struct om_metric *metric)
{
    if (atomic_exchange(&metric->is_registered, true))
        return;
    om_with_lock(&lock);
    struct om_metric **at = &first;
    while (*at && om_str_compare(om_str_from((*at)->name), om_str_from(metric->name)) < 0)
        at = &(*at)->next;
    metric->next = *at;
    *at = metric;
}

void om_metric_collector_add(om_metric_collect_fn *fn, void *ctx)
{
    om_with_lock(&lock);
    om_assert(collector_count < COLLECTORS_MAX);
    collectors[collector_count++] = (struct collector){fn, ctx};
}

void om_metric_collector_remove(om_metric_collect_fn *fn, void *ctx)
{
    om_with_lock(&lock);
    for (int i = 0; i < collector_count; i++) {
        if (collectors[i].fn == fn && collectors[i].ctx == ctx) {
            collectors[i] = collectors[--collector_count];
            return;
        }
    }
}

void om_metric_render(struct om_buf *out)
{
    om_with_lock(&lock);
    for (const struct om_metric *metric = first; metric; metric = metric->next)
        om_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %lld\n", metric->name, metric->help,
                      metric->name, metric->type == OM_METRIC_COUNTER ? "counter" : "gauge",
                      metric->name, (long long)om_metric_get(metric));
    // A collector may not register or remove: the lock makes sure that what it reads is still
    // there.
    for (int i = 0; i < collector_count; i++)
        collectors[i].fn(collectors[i].ctx, out);
}

// Bucket i holds [2^(i/8), 2^((i+1)/8)) microseconds.
enum { PER_OCTAVE = 8 };

void om_hist_add(struct om_hist *hist, int64_t us)
{
    double octaves = us > 1 ? log2((double)us) : 0;
    int bucket = OM_CLAMP((int)(octaves * PER_OCTAVE), 0, OM_HIST_BUCKETS - 1);
    atomic_fetch_add_explicit(&hist->buckets[bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&hist->sum_us, (uint64_t)OM_MAX(us, 0), memory_order_relaxed);
    atomic_fetch_add_explicit(&hist->count, 1, memory_order_relaxed);
}

double om_hist_quantile_us(const struct om_hist *hist, double q)
{
    uint64_t count = 0;
    for (int i = 0; i < OM_HIST_BUCKETS; i++)
        count += atomic_load_explicit(&hist->buckets[i], memory_order_relaxed);
    if (count == 0)
        return 0;
    double wanted = q * (double)count;
    uint64_t below = 0;
    for (int i = 0; i < OM_HIST_BUCKETS; i++) {
        below += atomic_load_explicit(&hist->buckets[i], memory_order_relaxed);
        if ((double)below >= wanted && below > 0)
            return exp2((i + 1.0) / PER_OCTAVE);
    }
    return exp2((double)OM_HIST_BUCKETS / PER_OCTAVE);
}
