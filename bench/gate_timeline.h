// Timeline: hours of a quiet camera made of one scene. The clip runs forward and backward without
// anything that moves in it, until one object passes as it was filmed, and so on, so that what
// moves is a small share. Jumps between unlike moments fall on key frames, where they cost a
// camera's encoder nothing.
//
// Threads: a timeline belongs to one thread.

#pragma once

#include <stdbool.h>
#include <stdint.h>

struct om_error;
struct om_gate_object;
struct om_gate_scene;
struct om_rand;

enum { OM_GATE_GROUP = 20 };  // pictures from key frame to key frame

struct om_gate_event {
    int start, end;  // pictures; `end` is not part of it
};

struct om_gate_shot {
    int picture;  // of the scene
    const struct om_gate_object *object;
};

struct om_gate_timeline {
    int count;
    struct om_gate_shot *shots;
    int objects;  // that pass
    bool *moves;  // as the motion watch sees the whole timeline, before any coding
    int moving;   // how many
    struct om_gate_event *events;
    int event_count;
};

struct om_gate_plan {
    double activity;  // the share that may move
    int objects_max;
    bool with_sudden;  // also objects that are there when the clip begins: they appear at once
};

// A scene where nothing moves gives one quiet stretch.
void om_gate_timeline_make(struct om_gate_timeline *timeline, const struct om_gate_scene *scene,
                           const struct om_gate_plan *plan, struct om_rand *rand);
void om_gate_timeline_finish(struct om_gate_timeline *timeline);

enum om_gate_variant {
    OM_GATE_PLAIN,
    OM_GATE_NOISE,
    OM_GATE_CBR,
    OM_GATE_NOISE_CBR,
    OM_GATE_VARIANT_COUNT
};
extern const char *const om_gate_variant_names[OM_GATE_VARIANT_COUNT];

// Codes all variants with FFmpeg in one go, into DIR/VARIANT.ts.
bool om_gate_timeline_encode(const struct om_gate_timeline *timeline,
                             const struct om_gate_scene *scene, const char *dir,
                             struct om_rand *rand, struct om_error *err);
