// Files as whole things: read all, write atomically, make folders. Paths here come from the user's
// own command line or are made from ids, never from the network.

#pragma once

#include "base/buf.h"

struct om_error;

// Reads the whole file; refuses one above `len_max` bytes before reading. *ret is NUL-terminated
// and freed by om_free(); untouched on failure.
OM_MUST_USE _Bool om_file_read(const char *path, size_t len_max, char **ret, size_t *ret_len,
                               struct om_error *err);
// Writes a temporary file beside it, syncs, renames: readers see the old or the new, whole.
OM_MUST_USE _Bool om_file_write(const char *path, om_str content, struct om_error *err);
// Like mkdir -p with mode 0700 for what it makes.
OM_MUST_USE _Bool om_dir_make(const char *path, struct om_error *err);
_Bool om_file_exists(const char *path);
