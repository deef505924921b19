// Clips for reels: the pictures of a video at the size and rate of the benchmark's cameras, and
// what is known of them: where something moves, the picture without what passes by, the noise.
//
// /usr/bin/ffmpeg reads them, so that any size, rate and codec comes out alike.
//
// Threads: a clip belongs to one thread.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"

struct om_frame;
struct om_oracle;

enum {
    OM_CLIP_WIDTH = 640,
    OM_CLIP_HEIGHT = 360,
    OM_CLIP_FPS = 5,
    OM_CLIP_PICTURE_BYTES = OM_CLIP_WIDTH * OM_CLIP_HEIGHT * 3 / 2,  // I420, tight rows
    OM_CLIP_PICTURES_MAX = 60 * OM_CLIP_FPS,
    OM_CLIP_PICTURES_MIN = 2 * OM_CLIP_FPS,
};

extern const char om_ffmpeg_path[];

struct om_clip {
    char name[64];
    uint8_t *pictures;  // owned, `count` of them
    int count;
    bool *moves;      // owned: whether an event moves in each picture
    bool *is_quiet;   // owned: whether nothing at all does
    double activity;  // share of them
    uint8_t *still;   // owned: temporal median; NULL before om_clip_make_still()
    float noise_std;  // of its samples, in levels
};
void om_clip_finish(struct om_clip *clip);  // accepts an all-zero struct

// Reads `path` ("test:" = the test scene) cut to the shape of the cameras, at most
// OM_CLIP_PICTURES_MAX pictures. OM_UNSUPPORTED for what is no use (not decodable, too short, the
// camera moves); `clip` then is empty.
OM_MUST_USE enum om_status om_clip_read(struct om_clip *clip, const char *path,
                                        struct om_error *err);
// Lets the oracle find where something moves; `key` names the clip in its cache.
OM_MUST_USE bool om_clip_judge(struct om_clip *clip, struct om_oracle *oracle, const char *key,
                               struct om_error *err);
// Makes `still` and `noise_std`.
void om_clip_make_still(struct om_clip *clip);
// `still` with noise as the clip has it, drawn anew for each `i`.
void om_clip_draw_still(const struct om_clip *clip, int i, uint8_t *picture);
// A frame with a copy of an I420 picture with tight rows.
OM_MUST_USE struct om_frame *om_clip_frame(const uint8_t *picture);
