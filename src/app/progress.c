#include "app/progress.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/time.h"

enum { BAR_CELLS = 24, REDRAW_US = 100 * OM_MS };

void om_progress_start(struct om_progress *progress, const char *unit)
{
    *progress = (struct om_progress){.is_on = isatty(STDERR_FILENO),
                                     .unit = unit,
                                     .start_us = om_time_mono_us(),
                                     .drawn_us = INT64_MIN / 2};
}

void om_progress_label(struct om_progress *progress, const char *label)
{
    const char *slash = strrchr(label, '/');
    om_str name = om_str_from(slash && slash[1] ? slash + 1 : label);
    (void)om_str_copy(progress->label, sizeof(progress->label), om_str_sub(name, 0, 30));
}

static void append_time_left(struct om_buf *line, double seconds)
{
    if (isfinite(seconds) && seconds < 360000)
        om_buf_printf(line, "  %d:%02d left", (int)seconds / 60, (int)seconds % 60);
}

static void draw(const struct om_progress *progress, double done, double share, double elapsed_s)
{
    om_auto_buf line;
    om_buf_init(&line, 512);
    om_buf_append_text(&line, "\r\033[K");
    if (share >= 0) {
        int filled = (int)(fmin(share, 1) * BAR_CELLS);
        om_buf_append_char(&line, '[');
        for (int i = 0; i < BAR_CELLS; i++)
            om_buf_append_char(&line, i < filled ? '=' : ' ');
        om_buf_printf(&line, "] %3.0f %%  ", fmin(share, 1) * 100);
    }
    om_buf_printf(&line, "%s  %.0f %s", progress->label, done, progress->unit);
    if (elapsed_s > 0.5)
        om_buf_printf(&line, "  %.1f/s", done / elapsed_s);
    if (share > 0.01 && elapsed_s > 0.5)
        append_time_left(&line, elapsed_s * (1 - share) / share);
    (void)!write(STDERR_FILENO, om_buf_text(&line), line.len);
}

void om_progress_show(struct om_progress *progress, double done, double share)
{
    if (!progress->is_on)
        return;
    int64_t now_us = om_time_mono_us();
    if (now_us - progress->drawn_us < REDRAW_US)
        return;
    progress->drawn_us = now_us;
    draw(progress, done, share, (double)(now_us - progress->start_us) / OM_SECOND);
}

void om_progress_end(struct om_progress *progress)
{
    static const char clear[] = "\r\033[K";
    if (progress->is_on)
        (void)!write(STDERR_FILENO, clear, sizeof(clear) - 1);
}
