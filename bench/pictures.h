// Pictures of a video at a size of one's own, and clips made of them.

#pragma once

#include <stdbool.h>
#include <stdint.h>

struct om_error;
struct om_frame;

struct om_bench_pictures_opts {
    const char *video;  // starts again at its end
    int width, height;  // of the pictures given (I420)
    int count;
};

// Borrows the frame to `fn` for the call; fn may take a reference. False ends it.
typedef bool om_bench_picture_fn(void *ctx, struct om_frame *frame);
// Decodes and scales `count` pictures, in order. False with the reason when fewer could be had, or
// fn ended it.
bool om_bench_pictures(const struct om_bench_pictures_opts *opts, om_bench_picture_fn *fn,
                       void *ctx, struct om_error *err);

// One picture at another size, as I420 and not turned; NULL when memory is out.
struct om_frame *om_bench_picture_scale(const struct om_frame *from, int width, int height);

// Writes them as an H.264 clip of 25 frames/s as cameras make it (a key frame every two seconds, no
// B-frames) to `path` (.mp4).
bool om_bench_clip_make(const struct om_bench_pictures_opts *opts, const char *path,
                        struct om_error *err);
