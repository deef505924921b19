// Boxes of ISO/IEC 14496-12: each is opened, filled by appending to the buffer, and closed, which
// writes its size.

#pragma once

#include "base/buf.h"

// Returns what the end needs. `type` has four letters.
static inline size_t om_mp4_begin(struct om_buf *buf, const char *type)
{
    size_t at = buf->len;
    om_buf_append_u32be(buf, 0);
    om_buf_append(buf, type, 4);
    return at;
}

static inline size_t om_mp4_begin_full(struct om_buf *buf, const char *type, uint8_t version,
                                       uint32_t flags)
{
    size_t at = om_mp4_begin(buf, type);
    om_buf_append_u32be(buf, (uint32_t)version << 24 | flags);
    return at;
}

// Overwrites four bytes that were appended before.
static inline void om_mp4_patch_u32be(struct om_buf *buf, size_t at, uint32_t value)
{
    if (buf->has_failed)
        return;
    for (int i = 0; i < 4; i++)
        buf->data[at + (size_t)i] = (char)(uint8_t)(value >> (24 - 8 * i));
}

static inline void om_mp4_end(struct om_buf *buf, size_t at)
{
    om_mp4_patch_u32be(buf, at, (uint32_t)(buf->len - at));
}

static inline void om_mp4_zeros(struct om_buf *buf, size_t n)
{
    static const char zeros[64];
    for (; n > 0; n -= OM_MIN(n, sizeof(zeros)))
        om_buf_append(buf, zeros, OM_MIN(n, sizeof(zeros)));
}
