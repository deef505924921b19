#include "pipeline/contract.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/json.h"
#include "pipeline/costs.h"

const char *om_figure_count(int64_t count, char text[OM_FIGURE_SIZE])
{
    char digits[OM_FIGURE_SIZE];
    int n = snprintf(digits, sizeof(digits), "%lld", (long long)count), at = 0;
    for (int i = 0; i < n && at + 2 < OM_FIGURE_SIZE; i++) {
        if (i > 0 && (n - i) % 3 == 0 && digits[i - 1] != '-')
            text[at++] = ',';
        text[at++] = digits[i];
    }
    text[at] = '\0';
    return text;
}

const char *om_figure_bytes(int64_t bytes, char text[OM_FIGURE_SIZE])
{
    double mib = (double)bytes / (1 << 20);
    if (mib >= 1000)
        (void)snprintf(text, OM_FIGURE_SIZE, "%.1f GiB", mib / 1024);
    else
        (void)snprintf(text, OM_FIGURE_SIZE, mib < 10 ? "%.1f MiB" : "%.0f MiB", mib);
    return text;
}

// The first three digits are what can be known.
static int64_t about(int64_t count)
{
    int64_t step = 1;
    while (count / step >= 1000)
        step *= 10;
    return count / step * step;
}

void om_contract_text(const struct om_contract *c, struct om_buf *out)
{
    const struct om_camera_kind *usual = &om_camera_kind_usual;
    char bytes[OM_FIGURE_SIZE], count[OM_FIGURE_SIZE];
    om_buf_printf(out,
                  "%.1f cores and %s hold about %s cameras of %dx%d at %.3g fps with %.3g %% "
                  "activity: %.1f MB and %.4f cores each%s",
                  c->limit_cores, om_figure_bytes(c->limit_bytes, bytes),
                  om_figure_count(about(c->cameras_max), count), usual->width, usual->height,
                  usual->fps, c->activity * 100, (double)c->camera_bytes / 1e6, c->camera_cores,
                  c->is_measured ? " (measured)" : "");
    if (c->cameras_limit > 0)
        om_buf_printf(out, "; limits.cameras allows %s", om_figure_count(c->cameras_limit, count));
}

void om_contract_write(const struct om_contract *c, struct om_json_writer *w)
{
    om_json_object(w);
    om_json_key(w, "cameras");
    om_json_object(w);
    om_json_kv_int(w, "admitted", c->admitted);
    om_json_kv_int(w, "refused", c->refused);
    om_json_kv_int(w, "fit", c->cameras_max);
    om_json_kv_int(w, "limit", c->cameras_limit);
    om_json_kv_int(w, "active_max", c->active_max);
    om_json_object_end(w);

    om_json_key(w, "cpu");
    om_json_object(w);
    om_json_kv_double(w, "limit_cores", c->limit_cores, 3);
    om_json_kv_double(w, "available_cores", c->available_cores, 3);
    om_json_kv_double(w, "planned_cores", c->planned_cores, 3);
    om_json_kv_double(w, "used_cores", c->used_cores, 3);
    om_json_object_end(w);

    om_json_key(w, "memory");
    om_json_object(w);
    om_json_kv_int(w, "limit_bytes", c->limit_bytes);
    om_json_kv_int(w, "base_bytes", c->base_bytes);
    om_json_kv_int(w, "planned_bytes", c->planned_bytes);
    om_json_kv_int(w, "used_bytes", c->used_bytes);
    om_json_object_end(w);

    om_json_key(w, "activity");
    om_json_object(w);
    om_json_kv_double(w, "expected", c->activity, 4);
    om_json_kv_double(w, "seen", c->activity_seen, 4);
    om_json_object_end(w);

    om_json_key(w, "usual_camera");
    om_json_object(w);
    om_json_kv_int(w, "width", om_camera_kind_usual.width);
    om_json_kv_int(w, "height", om_camera_kind_usual.height);
    om_json_kv_double(w, "fps", om_camera_kind_usual.fps, 2);
    om_json_kv_double(w, "cores", c->camera_cores, 6);
    om_json_kv_int(w, "bytes", c->camera_bytes);
    om_json_kv_bool(w, "is_measured", c->is_measured);
    om_json_object_end(w);

    om_auto_buf text;
    om_buf_init(&text, 1024);
    om_contract_text(c, &text);
    om_json_kv_str(w, "contract", om_buf_str(&text));
    om_json_object_end(w);
}

static void gauge(struct om_buf *out, const char *name, const char *help, double value)
{
    om_buf_printf(out, "# HELP %s %s\n# TYPE %s gauge\n%s %.15g\n", name, help, name, name, value);
}

void om_contract_write_metrics(const struct om_contract *c, struct om_buf *out)
{
    gauge(out, "omma_limit_cores", "Cores that cameras may keep busy.", c->limit_cores);
    gauge(out, "omma_limit_memory_bytes", "Most memory of the whole server.",
          (double)c->limit_bytes);
    gauge(out, "omma_planned_cores", "Cores that the admitted cameras are expected to need.",
          c->planned_cores);
    gauge(out, "omma_planned_memory_bytes",
          "Memory that Omma and the admitted cameras are expected to need.",
          (double)c->planned_bytes);
    gauge(out, "omma_cameras_fit", "Cameras of the usual kind that the limits hold.",
          c->cameras_max);
    gauge(out, "omma_cameras_admitted", "Cameras that may run.", c->admitted);
    gauge(out, "omma_cameras_refused", "Cameras that do not fit within the limits.", c->refused);
}
