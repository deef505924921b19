// Bytes on their way out: appended at the end, dropped at the front without moving the rest each
// time.

#pragma once

#include "base/buf.h"

struct om_queue {
    struct om_buf buf;
    size_t at;  // bytes at the front that are gone already
};

static inline void om_queue_init(struct om_queue *queue)
{
    *queue = (struct om_queue){0};
    om_buf_init(&queue->buf, SIZE_MAX / 8);  // the write budget bounds it, not the buffer
}

static inline void om_queue_finish(struct om_queue *queue)
{
    om_buf_finish(&queue->buf);
    om_queue_init(queue);
}

static inline size_t om_queue_len(const struct om_queue *queue)
{
    return queue->buf.len - queue->at;
}

static inline om_str om_queue_front(const struct om_queue *queue)
{
    return om_str_sub(om_buf_str(&queue->buf), queue->at, queue->buf.len);
}

static inline void om_queue_drop(struct om_queue *queue, size_t n)
{
    queue->at += n;
    if (queue->at == queue->buf.len) {
        om_buf_clear(&queue->buf);
        queue->at = 0;
    } else if (queue->at > queue->buf.len / 2) {
        om_buf_consume(&queue->buf, queue->at);
        queue->at = 0;
    }
}

// Moves everything of `from` behind what `to` holds; when `to` is empty the two only swap memory.
static inline void om_queue_move(struct om_queue *to, struct om_queue *from)
{
    if (om_queue_len(to) == 0 && to->at == 0) {
        struct om_queue old = *to;
        *to = *from;
        *from = old;
        return;
    }
    om_buf_append_str(&to->buf, om_queue_front(from));
    om_queue_drop(from, om_queue_len(from));
}
