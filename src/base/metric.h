// Metrics: each component has a static table of rows; a process-wide registry of tables renders
// them for Prometheus. Counters and gauges are plain atomics: incrementing costs one relaxed add.
//
//     static struct om_metric frames = OM_COUNTER("omma_decode_frames_total", "Frames decoded.");
//     om_metric_register(&frames);   // once, from the component's init; again does no harm
//     om_metric_add(&frames, 1);
//
// Metrics with labels (by camera, by reason) are written at scrape time by a collector, from the
// object's own numbers; nothing per label is kept here. Label values come from ids only (bounded).

#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "base/buf.h"

enum om_metric_type { OM_METRIC_COUNTER, OM_METRIC_GAUGE };

struct om_metric {
    const char *name;  // omma_..., base units, counters end in _total
    const char *help;
    enum om_metric_type type;
    atomic_int_fast64_t value;
    struct om_metric *next;  // the registry's
    atomic_bool is_registered;
};

#define OM_COUNTER(name_, help_)                                                                   \
    {                                                                                              \
        .name = (name_), .help = (help_), .type = OM_METRIC_COUNTER                                \
    }
#define OM_GAUGE(name_, help_)                                                                     \
    {                                                                                              \
        .name = (name_), .help = (help_), .type = OM_METRIC_GAUGE                                  \
    }

void om_metric_register(struct om_metric *metric);
static inline void om_metric_add(struct om_metric *metric, int64_t n)
{
    atomic_fetch_add_explicit(&metric->value, n, memory_order_relaxed);
}
static inline void om_metric_set(struct om_metric *metric, int64_t value)
{
    atomic_store_explicit(&metric->value, value, memory_order_relaxed);
}
static inline int64_t om_metric_get(const struct om_metric *metric)
{
    return atomic_load_explicit(&metric->value, memory_order_relaxed);
}

// Latency histogram with fixed log-spaced buckets (8 per octave, 1 us to 1000 s), wait-free to add.
enum { OM_HIST_BUCKETS = 240 };
struct om_hist {
    atomic_uint_fast64_t count, sum_us;
    atomic_uint_fast32_t buckets[OM_HIST_BUCKETS];
};
void om_hist_add(struct om_hist *hist, int64_t us);
// The value below which the share `q` in [0, 1] lies, in microseconds (within 9 %); 0 when empty.
double om_hist_quantile_us(const struct om_hist *hist, double q);

// Called at scrape time; appends whole metric families in Prometheus text form.
// It must not register, add or remove; after om_metric_collector_remove() it is never called again.
typedef void om_metric_collect_fn(void *ctx, struct om_buf *out);
void om_metric_collector_add(om_metric_collect_fn *fn, void *ctx);
void om_metric_collector_remove(om_metric_collect_fn *fn, void *ctx);
// Everything that is registered, in Prometheus text exposition format 0.0.4.
void om_metric_render(struct om_buf *out);
