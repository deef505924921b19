// Bounded byte buffer for building. The maximum is given at init; the first append that does not
// fit (or finds no memory) sets a sticky failure, later appends do nothing, so callers check once.
//
// Not thread-safe; different buffers may be used in parallel.

#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct om_buf {
    char *data;  // NUL-terminated when not NULL; the NUL is not counted in len
    size_t len;
    size_t cap;
    size_t len_max;
    bool has_failed;
};

// An empty buffer that will hold at most `len_max` bytes; allocates nothing yet.
void om_buf_init(struct om_buf *buf, size_t len_max);
// Frees the bytes; the buffer may be init'ed again. Accepts an all-zero struct.
void om_buf_finish(struct om_buf *buf);
#define om_auto_buf __attribute__((cleanup(om_buf_finish))) struct om_buf

// Back to empty and not failed; keeps the memory for reuse.
void om_buf_clear(struct om_buf *buf);

void om_buf_append(struct om_buf *buf, const void *data, size_t n);
void om_buf_append_str(struct om_buf *buf, om_str s);
void om_buf_append_text(struct om_buf *buf, const char *text);
void om_buf_append_char(struct om_buf *buf, char c);
void om_buf_printf(struct om_buf *buf, const char *format, ...) OM_PRINTF(2, 3);
void om_buf_vprintf(struct om_buf *buf, const char *format, va_list args) OM_PRINTF(2, 0);
// Big-endian integers, for wire and box formats.
void om_buf_append_u8(struct om_buf *buf, uint8_t value);
void om_buf_append_u16be(struct om_buf *buf, uint16_t value);
void om_buf_append_u32be(struct om_buf *buf, uint32_t value);
void om_buf_append_u64be(struct om_buf *buf, uint64_t value);

// Makes room for `n` more bytes and returns where they go; NULL sets the failure. After writing up
// to n bytes there, call om_buf_add_len().
OM_MUST_USE char *om_buf_reserve(struct om_buf *buf, size_t n);
void om_buf_add_len(struct om_buf *buf, size_t n);

// Drops the first `n` bytes (n <= len).
void om_buf_consume(struct om_buf *buf, size_t n);

// A slice of what is there; valid until the next change. om_buf_text() is never NULL.
static inline om_str om_buf_str(const struct om_buf *buf)
{
    return om_str_n(buf->data ? buf->data : "", buf->len);
}
static inline const char *om_buf_text(const struct om_buf *buf)
{
    return buf->data ? buf->data : "";
}

// Moves the bytes out (NUL-terminated, freed by om_free()), leaving the buffer empty. NULL when the
// buffer has failed.
OM_MUST_USE char *om_buf_take(struct om_buf *buf, size_t *ret_len);
