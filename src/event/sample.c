#include "event/sample.h"

#include "base/attr.h"

static void put(char *dst, size_t size, const char *text)
{
    (void)om_str_copy(dst, size, om_str_from(text));
}
#define PUT(field, text) put((field), sizeof(field), (text))

static void fill_picture(struct om_event *event)
{
    PUT(event->model_name, "yolox_nano_416");
    PUT(event->model_version, "1");
    event->pts_us = 84120000;
    event->epoch = 1;
    event->latency_decode_ms = 2.415;
    event->latency_queue_ms = 0.388;
    event->latency_infer_ms = 9.731;
    event->latency_total_ms = 13.902;
    event->frame_width = 1280;
    event->frame_height = 720;
    event->has_box = true;
    event->box = (struct om_box){412.5F, 180, 96.25F, 244};
}

static void fill_track(struct om_event *event)
{
    event->track_id = 17;
    PUT(event->label, "person");
    event->score = 0.8125F;
    event->vx = -41.5F;
    event->vy = 3;
    event->age_us = 2360000;
    event->topk_count = 2;
    PUT(event->topk[0].label, "person");
    event->topk[0].score = 0.9375F;
    PUT(event->topk[1].label, "bicycle");
    event->topk[1].score = 0.0625F;
}

void om_event_sample(enum om_event_type type, struct om_event *ret)
{
    *ret = (struct om_event){.type = type, .seq = 4711, .wall_us = 1795257760123456};
    PUT(ret->id, "019e0b3c-6f2b-7c41-9a53-2b8f4d6e1a70");
    PUT(ret->request_id, "019e0b3c-6f1d-7a02-8e11-5c9d7b3f0e42");
    PUT(ret->camera, "gate");
    if (type == OM_EVENT_CAMERA_STATE) {
        PUT(ret->state, "backoff");
        PUT(ret->state_before, "live");
        PUT(ret->reason, "no data for 2 s");
        return;
    }
    fill_picture(ret);
    if (type == OM_EVENT_MOTION_STARTED || type == OM_EVENT_MOTION_ENDED) {
        ret->model_name[0] = '\0';
        ret->dwell_us = type == OM_EVENT_MOTION_ENDED ? 6200000 : 0;
        return;
    }
    fill_track(ret);
    if (type == OM_EVENT_ZONE_ENTERED || type == OM_EVENT_ZONE_LEFT) {
        PUT(ret->shape, "door");
        ret->dwell_us = type == OM_EVENT_ZONE_LEFT ? 4480000 : 0;
    } else if (type == OM_EVENT_LINE_CROSSED) {
        PUT(ret->shape, "in");
        PUT(ret->direction, "left_to_right");
    }
}
