#include "decode/shelf.h"

#include <libavutil/frame.h>

#include "base/mem.h"
#include "base/pool.h"
#include "base/thread.h"
#include "media/packet.h"

enum { KEPT_MAX = 32 };

struct om_shelf {
    struct om_mutex lock;  // over all that follows
    struct om_shelf_frame *kept;
    int kept_n, out_n;
    bool is_dropped;
};

struct om_shelf *om_shelf_create(void)
{
    struct om_shelf *shelf = om_new(struct om_shelf);
    om_mutex_init(&shelf->lock);
    return shelf;
}

static void free_handle(struct om_shelf_frame *handle)
{
    av_frame_free(&handle->av);
    om_free(handle);
}

static void free_shelf(struct om_shelf *shelf)
{
    for (struct om_shelf_frame *handle = shelf->kept, *next; handle; handle = next) {
        next = handle->next;
        free_handle(handle);
    }
    om_mutex_finish(&shelf->lock);
    om_free(shelf);
}

void om_shelf_drop(struct om_shelf *shelf)
{
    if (!shelf)
        return;
    om_mutex_lock(&shelf->lock);
    shelf->is_dropped = true;
    bool is_last = shelf->out_n == 0;
    om_mutex_unlock(&shelf->lock);
    if (is_last)
        free_shelf(shelf);
}

static void give_back(struct om_frame *frame)
{
    struct om_shelf_frame *handle = (struct om_shelf_frame *)frame;
    struct om_shelf *shelf = handle->shelf;

    av_frame_unref(handle->av);
    om_packet_unref(&handle->packet);
    if (handle->block)
        om_pool_put(handle->pool, om_steal(&handle->block));
    om_mutex_lock(&shelf->lock);
    shelf->out_n--;
    bool is_kept = !shelf->is_dropped && shelf->kept_n < KEPT_MAX;
    bool is_last = shelf->is_dropped && shelf->out_n == 0;
    if (is_kept) {
        handle->next = shelf->kept;
        shelf->kept = handle;
        shelf->kept_n++;
    }
    om_mutex_unlock(&shelf->lock);
    if (!is_kept)
        free_handle(handle);
    if (is_last)
        free_shelf(shelf);
}

static const struct om_frame_ops shelf_ops = {.release = give_back};

static struct om_shelf_frame *take_kept(struct om_shelf *shelf)
{
    om_with_lock(&shelf->lock);
    struct om_shelf_frame *handle = shelf->kept;
    shelf->out_n++;
    if (handle) {
        shelf->kept = handle->next;
        shelf->kept_n--;
    }
    return handle;
}

static struct om_shelf_frame *new_handle(struct om_shelf *shelf)
{
    struct om_shelf_frame *handle = om_try_new(struct om_shelf_frame);
    if (handle)
        handle->av = av_frame_alloc();
    if (handle && handle->av) {
        handle->shelf = shelf;
        return handle;
    }
    om_free(handle);
    om_with_lock(&shelf->lock);
    shelf->out_n--;
    return NULL;
}

struct om_shelf_frame *om_shelf_take(struct om_shelf *shelf)
{
    struct om_shelf_frame *handle = take_kept(shelf);
    if (!handle)
        handle = new_handle(shelf);
    if (!handle)
        return NULL;
    om_frame_init(&handle->frame, &shelf_ops);
    handle->packet = NULL;
    handle->pool = NULL;
    handle->block = NULL;
    return handle;
}
