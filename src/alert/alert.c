// What was told about each track is kept from one frame to the next in two tables that take turns:
// the new one gets an entry for each track of the frame, carried over from the old one. A track
// that is gone leaves with the old table, whatever the tracker said about it.

#include "alert/alert.h"

#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/str.h"
#include "conf/opt.h"
#include "event/event.h"
#include "scene/labels.h"
#include "scene/measure.h"
#include "scene/track.h"

enum {
    CLASSES_MAX = 8,  // that one track is seen as
    ROOM_MIN = 8,     // tracks that there is room for at first
};

struct known {
    uint64_t id;
    int looks;  // frames it was seen in
    int class_count;
    struct {
        int16_t id;
        float score_sum;
    } classes[CLASSES_MAX];
    bool is_told;  // track.started went out
    int16_t told_class_id;
    int64_t told_pts_us;
};

struct table {
    int count, room;  // grows up to OM_TRACKS_MAX
    struct known *items;
    int16_t *slots;  // of the index by id, twice the room: index into items plus one; 0 = empty
};

struct om_alert {
    struct om_alert_opts opts;
    struct table *now, *before;
    struct table tables[2];
    struct om_event event;  // the one that is being told
};

// One frame on its way through.
struct telling {
    struct om_alert *alert;
    const struct om_alert_frame *frame;
    om_alert_emit_fn *emit;
    void *ctx;
};

static const struct om_opt alert_opts[] = {
    {"update", OM_OPT_TIME, offsetof(struct om_alert_opts, update_us), 0, 3600e6, "1s",
     "least time between two updates of one track; 0 = none", NULL, false},
    {0},
};

const struct om_opt_group om_alert_opt_group = {
    .prefix = "alert",
    .about = "which events are told",
    .size = sizeof(struct om_alert_opts),
    .opts = alert_opts,
};

// ---- tables ------------------------------------------------------------------------------------

// The slot that holds `id`, or the empty one where it belongs. Half of the slots are always empty.
static int16_t *find_slot(struct table *table, uint64_t id)
{
    static_assert((ROOM_MIN & (ROOM_MIN - 1)) == 0, "a power of two, and so are its doubles");
    size_t mask = 2 * (size_t)table->room - 1;
    size_t at = (size_t)((id * 0x9e3779b97f4a7c15u) >> 32) & mask;
    while (table->slots[at] && table->items[table->slots[at] - 1].id != id)
        at = (at + 1) & mask;
    return &table->slots[at];
}

// Empties it, with room for `count`.
static void table_clear(struct table *table, int count)
{
    table->count = 0;
    if (count <= table->room && table->room > 0) {
        memset(table->slots, 0, sizeof(table->slots[0]) * 2 * (size_t)table->room);
        return;
    }
    table->room = OM_MAX(table->room, ROOM_MIN);
    while (table->room < count)
        table->room *= 2;
    om_free(table->items);
    om_free(table->slots);
    table->items = om_new_array(struct known, (size_t)table->room);
    table->slots = om_new_array(int16_t, 2 * (size_t)table->room);
}

// ---- life --------------------------------------------------------------------------------------

struct om_alert *om_alert_create(const struct om_alert_opts *opts)
{
    struct om_alert *alert = om_new(struct om_alert);
    alert->opts = *opts;
    alert->now = &alert->tables[0];
    alert->before = &alert->tables[1];
    table_clear(alert->now, 0);
    return alert;
}

void om_alert_destroy(struct om_alert *alert)
{
    if (!alert)
        return;
    for (size_t i = 0; i < OM_ARRAY_LEN(alert->tables); i++) {
        om_free(alert->tables[i].items);
        om_free(alert->tables[i].slots);
    }
    om_free(alert);
}

// ---- what is known -----------------------------------------------------------------------------

static struct known *find(struct table *table, uint64_t id)
{
    int16_t slot = *find_slot(table, id);
    return slot ? &table->items[slot - 1] : NULL;
}

static struct known *carry_over(struct om_alert *alert, uint64_t id)
{
    struct table *now = alert->now;
    const struct known *old = find(alert->before, id);
    int16_t *slot = find_slot(now, id);
    if (*slot)
        return &now->items[*slot - 1];  // the frame lists it twice
    om_assert(now->count < now->room);
    struct known *known = &now->items[now->count++];
    *slot = (int16_t)now->count;
    if (old)
        *known = *old;
    else
        *known = (struct known){.id = id};
    return known;
}

// One more look at a track. The class that was seen least makes place when all places are taken.
static void look(struct known *known, const struct om_track *track)
{
    int at = 0;
    known->looks++;
    while (at < known->class_count && known->classes[at].id != track->class_id)
        at++;
    if (at == CLASSES_MAX) {
        at = 0;
        for (int i = 1; i < CLASSES_MAX; i++) {
            if (known->classes[i].score_sum < known->classes[at].score_sum)
                at = i;
        }
        known->classes[at].score_sum = 0;
    } else if (at == known->class_count) {
        known->class_count++;
        known->classes[at].score_sum = 0;
    }
    known->classes[at].id = track->class_id;
    known->classes[at].score_sum += track->score;
}

// ---- events ------------------------------------------------------------------------------------

#define PUT(field, text) (void)om_str_copy((field), sizeof(field), om_str_from(text))

// What all events of the frame have.
static void begin_frame(struct om_alert *alert, const struct om_alert_frame *frame)
{
    struct om_event *event = &alert->event;
    *event = (struct om_event){
        .wall_us = frame->wall_us,
        .pts_us = frame->pts_us,
        .epoch = frame->epoch,
        .latency_decode_ms = frame->latency_decode_ms,
        .latency_queue_ms = frame->latency_queue_ms,
        .latency_infer_ms = frame->latency_infer_ms,
        .latency_total_ms = frame->latency_total_ms,
        .frame_width = frame->width,
        .frame_height = frame->height,
    };
    PUT(event->camera, frame->camera);
    PUT(event->model_name, frame->model_name);
    PUT(event->model_version, frame->model_version);
    PUT(event->request_id, frame->request_id);
}

// The labels it was seen as, by their mean score over all looks.
static void fill_topk(struct om_event *event, const struct known *known,
                      const struct om_labels *labels)
{
    bool is_taken[CLASSES_MAX] = {0};
    event->topk_count = OM_MIN(known->class_count, OM_EVENT_TOPK);
    for (int k = 0; k < event->topk_count; k++) {
        int best = -1;
        for (int i = 0; i < known->class_count; i++) {
            if (!is_taken[i] &&
                (best < 0 || known->classes[i].score_sum > known->classes[best].score_sum))
                best = i;
        }
        om_assert(best >= 0);  // there are topk_count classes
        is_taken[best] = true;
        PUT(event->topk[k].label, om_labels_name(labels, known->classes[best].id));
        event->topk[k].score = known->classes[best].score_sum / (float)known->looks;
    }
}

static void fill_track(const struct telling *t, const struct om_track *track,
                       const struct known *known)
{
    struct om_event *event = &t->alert->event;
    event->track_id = track->id;
    PUT(event->label, om_labels_name(t->frame->labels, track->class_id));
    event->score = track->score;
    event->has_box = om_box_is_finite(track->box);
    event->box = track->box;
    event->vx = track->vx;
    event->vy = track->vy;
    event->age_us = track->last_pts_us - track->first_pts_us;
    fill_topk(event, known, t->frame->labels);
}

static void tell(const struct telling *t, enum om_event_type type)
{
    t->alert->event.type = type;
    t->emit(t->ctx, &t->alert->event);
}

static void tell_track(const struct telling *t, enum om_event_type type,
                       const struct om_track *track, struct known *known)
{
    fill_track(t, track, known);
    tell(t, type);
    known->is_told = true;
    known->told_class_id = track->class_id;
    known->told_pts_us = t->frame->pts_us;
}

// ---- zones and lines ---------------------------------------------------------------------------

static const struct om_track *find_track(const struct om_tracks *tracks, uint64_t id)
{
    for (int i = 0; i < tracks->count; i++) {
        if (tracks->items[i].id == id)
            return &tracks->items[i];
    }
    return NULL;
}

static void tell_measure(const struct telling *t, const struct om_measure *measure,
                         const struct om_track *track)
{
    static const enum om_event_type types[] = {
        [OM_ZONE_ENTERED] = OM_EVENT_ZONE_ENTERED,
        [OM_ZONE_LEFT] = OM_EVENT_ZONE_LEFT,
        [OM_LINE_CROSSED] = OM_EVENT_LINE_CROSSED,
    };
    static const char *const directions[] = {
        [OM_DIRECTION_NONE] = "",
        [OM_LEFT_TO_RIGHT] = "left_to_right",
        [OM_RIGHT_TO_LEFT] = "right_to_left",
    };
    struct om_event *event = &t->alert->event;
    if (track) {
        fill_track(t, track, find(t->alert->now, track->id));
    } else {  // it is gone already; what the measure knows has to do
        event->track_id = measure->track_id;
        PUT(event->label, om_labels_name(t->frame->labels, measure->class_id));
    }
    PUT(event->shape, measure->shape);
    PUT(event->direction, directions[measure->direction]);
    event->dwell_us = measure->dwell_us;
    event->pts_us = measure->pts_us;
    event->wall_us = t->frame->wall_us + (measure->pts_us - t->frame->pts_us);
    tell(t, types[measure->kind]);
    begin_frame(t->alert, t->frame);
}

// ---- a frame -----------------------------------------------------------------------------------

static bool is_seen(const struct om_track *track)
{
    return track->state == OM_TRACK_TENTATIVE || track->state == OM_TRACK_CONFIRMED;
}

static bool is_update_due(const struct telling *t, const struct om_track *track,
                          const struct known *known)
{
    int64_t update_us = t->alert->opts.update_us;
    if (update_us == 0 || !known->is_told || track->state != OM_TRACK_CONFIRMED)
        return false;
    return track->class_id != known->told_class_id ||
           t->frame->pts_us - known->told_pts_us >= update_us;
}

static void tell_tracks(const struct telling *t, const struct om_tracks *tracks,
                        enum om_event_type type)
{
    for (int i = 0; i < tracks->count; i++) {
        const struct om_track *track = &tracks->items[i];
        struct known *known = find(t->alert->now, track->id);
        bool is_due = false;
        if (type == OM_EVENT_TRACK_STARTED)
            is_due = track->state == OM_TRACK_CONFIRMED && !known->is_told;
        else if (type == OM_EVENT_TRACK_UPDATED)
            is_due = is_update_due(t, track, known);
        else if (type == OM_EVENT_TRACK_ENDED)
            is_due = track->state == OM_TRACK_ENDED && known->is_told;
        if (is_due)
            tell_track(t, type, track, known);
        if (is_due && type == OM_EVENT_TRACK_ENDED)
            known->is_told = false;  // once
    }
}

void om_alert_update(struct om_alert *alert, const struct om_alert_frame *frame,
                     const struct om_tracks *tracks, const struct om_measures *measures,
                     om_alert_emit_fn *emit, void *ctx)
{
    const struct telling t = {alert, frame, emit, ctx};

    struct table *empty = alert->before;
    alert->before = alert->now;
    alert->now = empty;
    table_clear(empty, tracks->count);
    for (int i = 0; i < tracks->count; i++) {
        struct known *known = carry_over(alert, tracks->items[i].id);
        if (is_seen(&tracks->items[i]))
            look(known, &tracks->items[i]);
    }

    begin_frame(alert, frame);
    tell_tracks(&t, tracks, OM_EVENT_TRACK_STARTED);
    begin_frame(alert, frame);
    for (int i = 0; measures && i < measures->count; i++)
        tell_measure(&t, &measures->items[i], find_track(tracks, measures->items[i].track_id));
    tell_tracks(&t, tracks, OM_EVENT_TRACK_UPDATED);
    tell_tracks(&t, tracks, OM_EVENT_TRACK_ENDED);
}
