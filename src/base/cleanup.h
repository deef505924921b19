// Cleanup by scope: a local declared `om_auto(om_clip) clip = ...` is destroyed when it leaves its
// scope, unless om_steal() took it out first.

#pragma once

#include "base/attr.h"

// After `OM_DEFINE_AUTO(om_clip)`, om_auto(om_clip) works. om_clip_destroy() must accept NULL.
#define OM_DEFINE_AUTO(type)                                                                       \
    static inline OM_UNUSED void type##_auto_cleanup(struct type **p)                              \
    {                                                                                              \
        type##_destroy(*p);                                                                        \
    }                                                                                              \
    struct type

#define om_auto(type) __attribute__((cleanup(type##_auto_cleanup))) struct type *

// For counted things: om_auto_ref(om_frame) unrefs at the end of the scope.
#define OM_DEFINE_AUTO_REF(type)                                                                   \
    static inline OM_UNUSED void type##_auto_ref_cleanup(struct type **p)                          \
    {                                                                                              \
        type##_unref(p);                                                                           \
    }                                                                                              \
    struct type

#define om_auto_ref(type) __attribute__((cleanup(type##_auto_ref_cleanup))) struct type *

// Returns *(ptr) and leaves NULL behind: ownership moves to the caller.
#define om_steal(ptr)                                                                              \
    ({                                                                                             \
        typeof(*(ptr)) om_taken_ = *(ptr);                                                         \
        *(ptr) = NULL;                                                                             \
        om_taken_;                                                                                 \
    })
