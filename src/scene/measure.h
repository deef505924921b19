// A measure: what happened between a track and a zone or a line.

#pragma once

#include <stdint.h>

#include "scene/zone.h"

enum om_measure_kind { OM_ZONE_ENTERED, OM_ZONE_LEFT, OM_LINE_CROSSED };

// left_to_right: from the left hand side of a->b (in the picture, y down) to its right hand side.
enum om_direction { OM_DIRECTION_NONE, OM_LEFT_TO_RIGHT, OM_RIGHT_TO_LEFT };

struct om_measure {
    enum om_measure_kind kind;
    char shape[OM_ID_SIZE];  // name of the zone or line
    uint64_t track_id;
    int16_t class_id;
    enum om_direction direction;  // lines
    int64_t dwell_us;             // zone left: how long it was inside
    int64_t pts_us;               // when it happened (interpolated between two frames)
};

enum { OM_MEASURES_MAX = 128 };  // of one frame; more are counted, not told (om_traffic_dropped())

struct om_measures {
    int count;
    struct om_measure items[OM_MEASURES_MAX];
};
