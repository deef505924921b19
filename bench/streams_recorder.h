// Writes down what a server says it sees, with the time at which it could be read, for scoring
// afterwards: while the server is measured, nothing is parsed.
//
// Threads: one of its own between start and stop; everything else by its owner.

#pragma once

#include "base/attr.h"
#include "base/error.h"

struct om_recorder;

// Reads /api/v1/boxes of the server at `port` into the file `path`: a line "<mono us> <JSON>" a
// result.
OM_MUST_USE struct om_recorder *om_recorder_start(int port, const char *path, struct om_error *err);
// Stops, writes the rest and frees. False when something is missing in the file.
bool om_recorder_stop(struct om_recorder *recorder);  // accepts NULL
