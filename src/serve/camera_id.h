// Camera id: a name for a camera whose user gave none, made from its source.

#pragma once

#include "base/str.h"

struct om_conf;

enum { OM_CAMERA_ID_SIZE = 65 };

// "rtsp://10.0.0.7/gate" -> "gate", "/data/Yard 2.mp4" -> "yard-2", "test:" -> "test"; with -2, -3
// ... when `conf` has it already. Always an id; never holds what is secret in a source (user,
// password, query).
void om_camera_id_suggest(const struct om_conf *conf, const char *source,
                          char id[OM_CAMERA_ID_SIZE]);
