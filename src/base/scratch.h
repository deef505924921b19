// Scratch: working memory of a thread, for calls that need much room but keep nothing in it. Many
// objects that work on few threads share it instead of each holding its own.
//
//     static struct om_scratch scratch = OM_SCRATCH(sizeof(struct work));
//     struct work *work = om_scratch_get(&scratch);
//
// Threads: any; each has its own block, freed when the thread ends.

#pragma once

#include <stdatomic.h>
#include <stddef.h>

#include "base/attr.h"

struct om_scratch {
    size_t bytes;
    atomic_uint key_and_one;  // 0 = not made yet
};

#define OM_SCRATCH(bytes_)                                                                         \
    {                                                                                              \
        .bytes = (bytes_)                                                                          \
    }

// This thread's block: zeroed the first time, later as the last user left it. Only until the
// calling function returns: whoever is called next may use the same scratch.
OM_MUST_USE void *om_scratch_get(struct om_scratch *scratch);
