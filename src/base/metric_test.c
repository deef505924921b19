#include "base/metric.h"

#include <math.h>

#include "base/assert.h"

static struct om_metric frames = OM_COUNTER("omma_test_frames_total", "Frames.");
static struct om_metric depth = OM_GAUGE("omma_test_depth", "Depth.");

static void collect(void *ctx, struct om_buf *out)
{
    om_buf_printf(out, "omma_test_by{camera=\"%s\"} 1\n", (const char *)ctx);
}

static bool rendered_has(const char *part)
{
    om_auto_buf out;
    om_buf_init(&out, 1 << 20);
    om_metric_render(&out);
    return om_str_find(om_buf_str(&out), om_str_from(part)) >= 0;
}

static void test_registry(void)
{
    om_metric_register(&frames);
    om_metric_register(&frames);  // again does no harm
    om_metric_register(&depth);
    om_metric_add(&frames, 2);
    om_metric_add(&frames, 3);
    om_metric_set(&depth, -4);
    om_assert(om_metric_get(&frames) == 5);
    om_assert(rendered_has("# HELP omma_test_frames_total Frames.\n"
                           "# TYPE omma_test_frames_total counter\nomma_test_frames_total 5\n"));
    om_assert(rendered_has("# TYPE omma_test_depth gauge\nomma_test_depth -4\n"));
}

static void test_collectors(void)
{
    char gate[] = "gate", yard[] = "yard";
    om_metric_collector_add(collect, gate);
    om_metric_collector_add(collect, yard);
    om_assert(rendered_has("{camera=\"gate\"} 1\n") && rendered_has("{camera=\"yard\"} 1\n"));
    om_metric_collector_remove(collect, gate);
    om_assert(!rendered_has("gate") && rendered_has("yard"));
    om_metric_collector_remove(collect, yard);
    om_assert(!rendered_has("yard"));
}

// Every quantile of a known distribution comes out within 9 %.
static void test_histogram(void)
{
    static struct om_hist hist;
    om_assert(om_hist_quantile_us(&hist, 0.5) == 0);
    for (int i = 1; i <= 100000; i++)
        om_hist_add(&hist, i);
    for (double q = 0.01; q < 1; q += 0.01) {
        double got = om_hist_quantile_us(&hist, q), wanted = q * 100000;
        om_assert(fabs(got - wanted) <= 0.095 * wanted);
    }
    om_assert(atomic_load(&hist.count) == 100000 && atomic_load(&hist.sum_us) == 5000050000);

    static struct om_hist ends;
    om_hist_add(&ends, -5);
    om_hist_add(&ends, 0);
    om_hist_add(&ends, INT64_MAX / 2);
    om_assert(om_hist_quantile_us(&ends, 0) <= 2 && om_hist_quantile_us(&ends, 1) > 9e8);
}

int main(void)
{
    test_registry();
    test_collectors();
    test_histogram();
    return 0;
}
