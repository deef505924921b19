#include "traffic/counts.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"

enum { COUNTS_MIN = 8 };

void om_counts_init(struct om_counts *counts)
{
    *counts = (struct om_counts){0};
    om_mutex_init(&counts->lock);
}

void om_counts_finish(struct om_counts *counts)
{
    om_free(counts->items);
    om_mutex_finish(&counts->lock);
}

void om_counts_filter(struct om_counts *counts,
                      bool (*keep)(void *ctx, const struct om_count *count), void *ctx)
{
    om_with_lock(&counts->lock);
    int kept = 0;
    for (int i = 0; i < counts->count; i++) {
        if (keep(ctx, &counts->items[i]))
            counts->items[kept++] = counts->items[i];
    }
    counts->count = kept;
}

static struct om_count *find(struct om_counts *counts, const char *shape, const char *label,
                             bool is_line)
{
    for (int i = 0; i < counts->count; i++) {
        struct om_count *c = &counts->items[i];
        if (c->is_line == is_line && strcmp(c->shape, shape) == 0 && strcmp(c->label, label) == 0)
            return c;
    }
    return NULL;
}

// NULL when there is no room.
static struct om_count *get(struct om_counts *counts, const char *shape, const char *label,
                            bool is_line)
{
    om_mutex_assert_held(&counts->lock);
    struct om_count *c = find(counts, shape, label, is_line);
    // The last places are for "other", one a shape.
    if (!c && counts->count >= OM_COUNTS_MAX - 2 * OM_SHAPES_MAX) {
        label = "other";
        c = find(counts, shape, label, is_line);
    }
    if (c || counts->count == OM_COUNTS_MAX)
        return c;
    if (counts->count == counts->room) {
        counts->room = OM_MIN(OM_MAX(2 * counts->room, COUNTS_MIN), OM_COUNTS_MAX);
        counts->items = om_realloc(counts->items, (size_t)counts->room, sizeof(*counts->items));
    }
    c = &counts->items[counts->count++];
    *c = (struct om_count){.is_line = is_line};
    (void)om_str_copy(c->shape, sizeof(c->shape), om_str_from(shape));
    (void)om_str_copy(c->label, sizeof(c->label), om_str_from(label));
    return c;
}

void om_counts_cross(struct om_counts *counts, const char *line, const char *label,
                     enum om_direction direction)
{
    om_with_lock(&counts->lock);
    struct om_count *c = get(counts, line, label, true);
    if (!c)
        return;
    c->left_to_right += direction == OM_LEFT_TO_RIGHT;
    c->right_to_left += direction == OM_RIGHT_TO_LEFT;
}

void om_counts_enter(struct om_counts *counts, const char *zone, const char *label)
{
    om_with_lock(&counts->lock);
    struct om_count *c = get(counts, zone, label, false);
    if (!c)
        return;
    c->entered++;
    c->inside++;
}

void om_counts_leave(struct om_counts *counts, const char *zone, const char *label,
                     int64_t dwell_us)
{
    om_with_lock(&counts->lock);
    struct om_count *c = get(counts, zone, label, false);
    if (!c || c->inside == 0)
        return;
    c->inside--;
    c->left++;
    double dwell_s = (double)dwell_us / OM_SECOND;
    c->dwell_mean_s += (dwell_s - c->dwell_mean_s) / (double)c->left;
}

int om_counts_copy(struct om_counts *counts, struct om_count *out, int n)
{
    om_with_lock(&counts->lock);
    if (n > 0 && counts->count > 0)
        memcpy(out, counts->items, sizeof(out[0]) * (size_t)OM_MIN(n, counts->count));
    return counts->count;
}

static void write_count(struct om_json_writer *w, const struct om_count *count)
{
    om_json_object(w);
    om_json_kv_text(w, "shape", count->shape);
    om_json_kv_text(w, "kind", count->is_line ? "line" : "zone");
    om_json_kv_text(w, "label", count->label);
    if (count->is_line) {
        om_json_kv_int(w, "left_to_right", (int64_t)count->left_to_right);
        om_json_kv_int(w, "right_to_left", (int64_t)count->right_to_left);
    } else {
        om_json_kv_int(w, "entered", (int64_t)count->entered);
        om_json_kv_int(w, "left", (int64_t)count->left);
        om_json_kv_int(w, "inside", count->inside);
        om_json_kv_double(w, "dwell_mean_s", count->dwell_mean_s, 3);
    }
    om_json_object_end(w);
}

void om_counts_write(struct om_counts *counts, struct om_json_writer *w)
{
    om_with_lock(&counts->lock);
    om_json_array(w);
    for (int i = 0; i < counts->count; i++)
        write_count(w, &counts->items[i]);
    om_json_array_end(w);
}
