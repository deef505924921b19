#include "pipeline/mailbox.h"

#include "base/mem.h"
#include "base/thread.h"
#include "loop/cancel.h"
#include "media/packet.h"
#include "pipeline/feed.h"

enum { ITEMS_MAX = 128, BYTES_MAX = 8 * 1024 * 1024 };

struct om_mailbox {
    struct om_mutex lock;
    struct om_cond has_room;
    // Under `lock`.
    struct om_mail items[ITEMS_MAX];  // a circle
    int first, count;
    size_t bytes;
    bool needs_key;
    uint64_t dropped;
};

struct om_mailbox *om_mailbox_create(void)
{
    struct om_mailbox *box = om_new(struct om_mailbox);
    om_mutex_init(&box->lock);
    om_cond_init(&box->has_room);
    return box;
}

static void mail_drop(struct om_mail *mail)
{
    om_packet_unref(&mail->packet);
    om_stream_ref_unref(&mail->stream);
}

static struct om_mail take_first(struct om_mailbox *box)
{
    struct om_mail mail = box->items[box->first];
    box->first = (box->first + 1) % ITEMS_MAX;
    box->count--;
    box->bytes -= mail.packet ? mail.packet->bytes : 0;
    return mail;
}

static void clear(struct om_mailbox *box)
{
    while (box->count > 0) {
        struct om_mail mail = take_first(box);
        mail_drop(&mail);
    }
}

void om_mailbox_destroy(struct om_mailbox *box)
{
    if (!box)
        return;
    clear(box);
    om_cond_finish(&box->has_room);
    om_mutex_finish(&box->lock);
    om_free(box);
}

// One big packet always fits an empty box: a raw picture may be larger than the usual bound.
static bool has_room(const struct om_mailbox *box, size_t bytes)
{
    return box->count == 0 || (box->count < ITEMS_MAX && box->bytes + bytes <= BYTES_MAX);
}

// After a loss the stream goes on at a key frame, and what still waits before it is old news: who
// fell behind starts again with the newest picture, not with a delay that never goes away.
static void make_live_room(struct om_mailbox *box, const struct om_mail *mail)
{
    const struct om_packet *packet = mail->packet;
    if (box->needs_key && (packet->is_key || mail->kind == OM_MAIL_WAKE)) {
        box->dropped += (uint64_t)box->count;
        clear(box);
        box->needs_key = false;
    }
    box->needs_key = box->needs_key || !has_room(box, packet->bytes);
}

void om_mailbox_put(struct om_mailbox *box, struct om_mail mail, enum om_mailbox_policy policy,
                    struct om_cancel *cancel)
{
    size_t bytes = mail.packet ? mail.packet->bytes : 0;
    om_with_lock(&box->lock);
    // The end mark always waits: losing it would lose the flush.
    bool waits = policy == OM_MAILBOX_WAIT || !mail.packet;
    while (waits && !has_room(box, bytes) && !om_cancel_is_set(cancel))
        om_cond_wait(&box->has_room, &box->lock);

    if (!waits)
        make_live_room(box, &mail);
    if (!has_room(box, bytes) || (!waits && box->needs_key)) {
        box->dropped += !waits;  // else it was cancelled
        mail_drop(&mail);
        return;
    }
    box->items[(box->first + box->count) % ITEMS_MAX] = mail;
    box->count++;
    box->bytes += bytes;
}

bool om_mailbox_take(struct om_mailbox *box, struct om_mail *ret)
{
    om_with_lock(&box->lock);
    if (box->count == 0)
        return false;
    *ret = take_first(box);
    om_cond_signal(&box->has_room);
    return true;
}

void om_mailbox_wake(struct om_mailbox *box)
{
    om_with_lock(&box->lock);
    om_cond_broadcast(&box->has_room);
}

uint64_t om_mailbox_dropped(struct om_mailbox *box)
{
    om_with_lock(&box->lock);
    return box->dropped;
}
