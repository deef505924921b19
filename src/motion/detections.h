// Moving regions as detections, for cameras without a model: one class, "motion".

#pragma once

struct om_detections;
struct om_frame;
struct om_regions;
struct om_thumb;

// `regions` in pixels of `thumb`, the thumb of `frame`; boxes in pixels of the upright picture,
// class 0, score 1.
void om_motion_detections(const struct om_regions *regions, const struct om_thumb *thumb,
                          const struct om_frame *frame, struct om_detections *ret);
