#include "base/buf.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/mem.h"

void om_buf_init(struct om_buf *buf, size_t len_max)
{
    om_assert(len_max < SIZE_MAX / 4);
    *buf = (struct om_buf){.len_max = len_max};
}

void om_buf_finish(struct om_buf *buf)
{
    om_free(buf->data);
    *buf = (struct om_buf){.len_max = buf->len_max};
}

void om_buf_clear(struct om_buf *buf)
{
    buf->len = 0;
    buf->has_failed = false;
    if (buf->data)
        buf->data[0] = '\0';
}

char *om_buf_reserve(struct om_buf *buf, size_t n)
{
    if (buf->has_failed || n > buf->len_max - buf->len) {
        buf->has_failed = true;
        return NULL;
    }
    size_t need = buf->len + n + 1;
    if (need > buf->cap) {
        size_t cap = OM_MAX(need, OM_MIN(buf->cap * 2, buf->len_max + 1));
        cap = OM_MAX(cap, (size_t)64);
        char *data = om_try_realloc(buf->data, cap, 1);
        if (!data) {
            buf->has_failed = true;
            return NULL;
        }
        buf->data = data;
        buf->cap = cap;
    }
    return buf->data + buf->len;
}

void om_buf_add_len(struct om_buf *buf, size_t n)
{
    om_assert(buf->len + n < buf->cap);
    buf->len += n;
    buf->data[buf->len] = '\0';
}

void om_buf_append(struct om_buf *buf, const void *data, size_t n)
{
    char *at = om_buf_reserve(buf, n);
    if (!at)
        return;
    if (n)
        memcpy(at, data, n);
    om_buf_add_len(buf, n);
}

void om_buf_append_str(struct om_buf *buf, om_str s)
{
    om_buf_append(buf, s.p, s.n);
}

void om_buf_append_text(struct om_buf *buf, const char *text)
{
    om_buf_append(buf, text, strlen(text));
}

void om_buf_append_char(struct om_buf *buf, char c)
{
    om_buf_append(buf, &c, 1);
}

void om_buf_vprintf(struct om_buf *buf, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    char small[256];
    int n = vsnprintf(small, sizeof(small), format, args);
    om_assert(n >= 0);
    if ((size_t)n < sizeof(small)) {
        om_buf_append(buf, small, (size_t)n);
    } else {
        char *at = om_buf_reserve(buf, (size_t)n);
        if (at) {
            vsnprintf(at, (size_t)n + 1, format, again);
            om_buf_add_len(buf, (size_t)n);
        }
    }
    va_end(again);
}

void om_buf_printf(struct om_buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    om_buf_vprintf(buf, format, args);
    va_end(args);
}

static void append_be(struct om_buf *buf, uint64_t value, size_t n)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(value >> (8 * (n - 1 - i)));
    om_buf_append(buf, bytes, n);
}

void om_buf_append_u8(struct om_buf *buf, uint8_t value)
{
    append_be(buf, value, 1);
}

void om_buf_append_u16be(struct om_buf *buf, uint16_t value)
{
    append_be(buf, value, 2);
}

void om_buf_append_u32be(struct om_buf *buf, uint32_t value)
{
    append_be(buf, value, 4);
}

void om_buf_append_u64be(struct om_buf *buf, uint64_t value)
{
    append_be(buf, value, 8);
}

void om_buf_consume(struct om_buf *buf, size_t n)
{
    om_assert(n <= buf->len);
    if (n == 0)
        return;
    memmove(buf->data, buf->data + n, buf->len - n);
    buf->len -= n;
    buf->data[buf->len] = '\0';
}

char *om_buf_take(struct om_buf *buf, size_t *ret_len)
{
    if (buf->has_failed)
        return NULL;
    if (!buf->data && !om_buf_reserve(buf, 0))
        return NULL;
    buf->data[buf->len] = '\0';
    char *data = buf->data;
    if (ret_len)
        *ret_len = buf->len;
    *buf = (struct om_buf){.len_max = buf->len_max};
    return data;
}
