// Camera JSON: the body of a camera call, read into a configuration, and the drawings of a
// configuration written back. Strict: unknown keys are named with what was probably meant, numbers
// have their range, and nothing is taken from the environment, unlike in a file of the user's own.
//
// Pure; different configurations may be worked on in parallel.

#pragma once

#include "base/attr.h"

struct om_conf_camera;
struct om_conf_shape;
struct om_error;
struct om_json;
struct om_json_writer;

// Lays the members of the object `body` over `cam`: what is not named stays; null empties
// `fallback` and `model`; `zones` and `lines` are replaced as a whole. A `source` equal to the form
// that Omma shows of the present one leaves it as it is, password included, so that a client may
// send back what it got. On failure (OM_INVALID with *err) `cam` is half changed, whole as a value,
// and to be thrown away.
OM_MUST_USE _Bool om_camera_json_read(const struct om_json *body, struct om_conf_camera *cam,
                                      struct om_error *err);

// {"name":{"points":[[x,y],...],"classes":[...]},...}
void om_camera_json_write_shapes(struct om_json_writer *w, const struct om_conf_shape *shapes,
                                 int count);
