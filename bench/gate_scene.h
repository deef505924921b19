// Scene: one view of a clip (a window of it, perhaps mirrored, faster or slower) as pictures of a
// 5 fps camera, taken apart into what stands still and the objects that move through it. Any
// picture can then be made again with one of its objects or with none, so a busy street gives
// quiet hours too.
//
// Blocks of 4 x 4 pixels that ever leave the background (the median over time) show the background
// with noise of the clip's strength, but for the object's own; the others are the clip's.
//
// Threads: a scene belongs to one thread.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "scene/region.h"

struct om_error;
struct om_rand;

enum {
    OM_GATE_WIDTH = 640,
    OM_GATE_HEIGHT = 360,
    OM_GATE_PICTURE_BYTES = OM_GATE_WIDTH * OM_GATE_HEIGHT * 3 / 2,
    OM_GATE_BLOCK = 4,
    OM_GATE_THUMB_WIDTH = OM_GATE_WIDTH / OM_GATE_BLOCK,
    OM_GATE_THUMB_HEIGHT = OM_GATE_HEIGHT / OM_GATE_BLOCK,
    OM_GATE_THUMB_PIXELS = OM_GATE_THUMB_WIDTH * OM_GATE_THUMB_HEIGHT,
    OM_GATE_GAP_US = 200000,
    OM_GATE_OBJECT_MAX = 64  // pictures
};

struct om_gate_view {
    const char *path;        // of the clip, or "test:"
    double left, top, size;  // of the window, shares of the clip's sides
    bool is_mirrored;
    double speed;  // 2: twice as fast as the clip
};

// Something that moves, from its first picture on.
struct om_gate_object {
    int start, count;                         // pictures
    struct om_region at[OM_GATE_OBJECT_MAX];  // in thumb pixels
};

struct om_gate_scene {
    int count;        // pictures
    uint8_t *pixels;  // of them, I420
    uint8_t *thumbs;  // of them
    uint8_t *masks;   // of them, the size of a thumb: 1 where it is not background
    uint8_t *paths;   // 1 where any of the masks is
    uint8_t *plate;   // the background, I420
    uint8_t *plate_thumb;
    int8_t *noise;  // to be added to the plate
    struct om_gate_object *objects;
    int object_count;
};

// Reads the clip. False with *err when it cannot be read or is too short.
bool om_gate_scene_load(struct om_gate_scene *scene, const struct om_gate_view *view,
                        struct om_error *err);
void om_gate_scene_finish(struct om_gate_scene *scene);

// Picture i with that one object (NULL: with none), as I420 and as a thumb.
void om_gate_scene_picture(const struct om_gate_scene *scene, int i,
                           const struct om_gate_object *object, struct om_rand *rand, uint8_t *out);
void om_gate_scene_thumb(const struct om_gate_scene *scene, int i,
                         const struct om_gate_object *object, uint8_t *out);
