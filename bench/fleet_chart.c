#include "bench/fleet_chart.h"

#include "base/buf.h"
#include "base/file.h"
#include "bench/fleet.h"

enum { WIDTH = 360, HEIGHT = 180, MARGIN = 40, LOAD_MAX_PERCENT = 200 };

static void draw_line(struct om_buf *svg, const float *values, int n, const char *colour)
{
    om_buf_printf(svg, "<polyline fill=\"none\" stroke=\"%s\" points=\"", colour);
    for (int i = 0; i < n; i++) {
        double load = OM_MIN(values[i] * 100.0, LOAD_MAX_PERCENT);
        om_buf_printf(svg, "%d,%.0f ", i * WIDTH / OM_MAX(n - 1, 1),
                      HEIGHT - load * HEIGHT / LOAD_MAX_PERCENT);
    }
    om_buf_append_text(svg, "\"/>\n");
}

static void draw_panel(struct om_buf *svg, int x, const char *title,
                       const struct om_fleet_result *result)
{
    om_buf_printf(svg, "<g transform=\"translate(%d,%d)\">\n<text x=\"0\" y=\"-10\">%s</text>\n", x,
                  MARGIN, title);
    for (int percent = 0; percent <= LOAD_MAX_PERCENT; percent += 50) {
        int y = HEIGHT - percent * HEIGHT / LOAD_MAX_PERCENT;
        om_buf_printf(svg,
                      "<path d=\"M0 %dH%d\" stroke=\"#ccc\"/><text x=\"-4\" y=\"%d\" "
                      "text-anchor=\"end\">%d%%</text>\n",
                      y, WIDTH, y + 4, percent);
    }
    draw_line(svg, result->day_max, result->day_points, "#c33");
    draw_line(svg, result->day_mean, result->day_points, "#36c");
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
    draw_panel(&svg, MARGIN, "a day: load of the fullest machine (red), mean (blue)", day);
    draw_panel(&svg, WIDTH + 2 * MARGIN, "an hour with 20 min of rain at the morning peak", storm);
    om_buf_append_text(&svg, "</svg>\n");
    return om_file_write(path, om_buf_str(&svg), err);
}
