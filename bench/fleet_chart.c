#include "bench/fleet_chart.h"

#include "base/buf.h"
#include "base/file.h"
#include "bench/fleet.h"

enum { WIDTH = 360, HEIGHT = 180, MARGIN = 40 };

struct panel {
    const char *title;
    const struct om_fleet_result *result;
    int x, percent_max;
};

static void draw_line(struct om_buf *svg, const struct panel *panel, const float *values,
                      const char *colour)
{
    int n = panel->result->day_points;
    om_buf_printf(svg, "<polyline fill=\"none\" stroke=\"%s\" points=\"", colour);
    for (int i = 0; i < n; i++) {
        double load = OM_MIN(values[i] * 100.0, panel->percent_max);
        om_buf_printf(svg, "%d,%.0f ", i * WIDTH / OM_MAX(n - 1, 1),
                      HEIGHT - load * HEIGHT / panel->percent_max);
    }
    om_buf_append_text(svg, "\"/>\n");
}

static void draw_panel(struct om_buf *svg, const struct panel *panel)
{
    om_buf_printf(svg, "<g transform=\"translate(%d,%d)\">\n<text x=\"0\" y=\"-10\">%s</text>\n",
                  panel->x, MARGIN, panel->title);
    for (int percent = 0; percent <= panel->percent_max; percent += panel->percent_max / 4) {
        int y = HEIGHT - percent * HEIGHT / panel->percent_max;
        om_buf_printf(svg,
                      "<path d=\"M0 %dH%d\" stroke=\"#ccc\"/><text x=\"-4\" y=\"%d\" "
                      "text-anchor=\"end\">%d%%</text>\n",
                      y, WIDTH, y + 4, percent);
    }
    draw_line(svg, panel, panel->result->day_max, "#c33");
    draw_line(svg, panel, panel->result->day_mean, "#36c");
    om_buf_append_text(svg, "</g>\n");
}

bool om_fleet_chart_write(const char *path, const struct om_fleet_result *day,
                          const struct om_fleet_result *storm, struct om_error *err)
{
    om_auto_buf svg;
    om_buf_init(&svg, 1 << 20);
    om_buf_printf(&svg,
                  "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
                  "font-family=\"sans-serif\" font-size=\"11\">\n"
                  "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
                  2 * WIDTH + 3 * MARGIN, HEIGHT + 2 * MARGIN);
    const struct panel panels[] = {
        {"a day: load of the fullest machine (red), mean (blue)", day, MARGIN, 160},
        {"an hour with 20 min of rain at the morning peak", storm, WIDTH + 2 * MARGIN, 400},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(panels); i++)
        draw_panel(&svg, &panels[i]);
    om_buf_append_text(&svg, "</svg>\n");
    return om_file_write(path, om_buf_str(&svg), err);
}
