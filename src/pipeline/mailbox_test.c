#include "pipeline/mailbox.h"

#include "base/assert.h"
#include "base/thread.h"
#include "base/time.h"
#include "loop/cancel.h"
#include "media/packet.h"
#include "pipeline/feed.h"
#include "pipeline/room_fixture.h"

static struct om_stream_ref *stream;

static void put(struct om_mailbox *box, int number, bool is_key, enum om_mailbox_policy policy,
                struct om_cancel *cancel)
{
    struct om_mail mail = {.packet = room_packet(number, is_key, 100),
                           .stream = om_stream_ref_ref(stream)};
    om_mailbox_put(box, mail, policy, cancel);
}

// The number of the next packet; -1 for an end mark, -2 when it is empty.
static int take(struct om_mailbox *box)
{
    struct om_mail mail;
    if (!om_mailbox_take(box, &mail))
        return -2;
    int number = mail.packet ? (int)mail.packet->pts_us : -1;
    om_packet_unref(&mail.packet);
    om_stream_ref_unref(&mail.stream);
    return number;
}

// Groups of 50 pictures, and a lane that sleeps.
static void test_live_goes_on_with_the_newest_group(void)
{
    om_auto(om_mailbox) box = om_mailbox_create();
    int n = 0;
    for (; n < 138; n++)
        put(box, n, n % 50 == 0, OM_MAILBOX_NEWEST_WINS, NULL);
    om_assert(om_mailbox_dropped(box) == 10);  // 128 fit
    for (int i = 0; i < 5; i++)
        om_assert(take(box) == i);
    put(box, n++, false, OM_MAILBOX_NEWEST_WINS, NULL);  // there is room, but it hangs in the air
    om_assert(om_mailbox_dropped(box) == 11);
    n = 150;
    put(box, n++, true, OM_MAILBOX_NEWEST_WINS, NULL);  // the key frame: what waited is old news
    om_assert(om_mailbox_dropped(box) == 11 + 123);
    put(box, n++, false, OM_MAILBOX_NEWEST_WINS, NULL);
    om_assert(take(box) == 150 && take(box) == 151 && take(box) == -2);
}

static void test_a_huge_packet_fits_an_empty_box(void)
{
    om_auto(om_mailbox) box = om_mailbox_create();
    for (int i = 0; i < 2; i++) {
        struct om_mail mail = {.packet = room_packet(i, true, 9 * 1024 * 1024),
                               .stream = om_stream_ref_ref(stream)};
        om_mailbox_put(box, mail, OM_MAILBOX_NEWEST_WINS, NULL);
    }
    om_assert(om_mailbox_dropped(box) == 1 && take(box) == 0 && take(box) == -2);
}

struct writer {
    struct om_mailbox *box;
    struct om_cancel cancel;
    int count;
};

static void write_all(void *ctx)
{
    struct writer *writer = ctx;
    for (int i = 0; i < writer->count && !om_cancel_is_set(&writer->cancel); i++)
        put(writer->box, i, i == 0, OM_MAILBOX_WAIT, &writer->cancel);
    om_mailbox_put(writer->box, (struct om_mail){0}, OM_MAILBOX_NEWEST_WINS, &writer->cancel);
}

static void test_files_wait_and_lose_nothing(void)
{
    struct writer writer = {.box = om_mailbox_create(), .count = 5000};
    struct om_thread thread = {0};
    om_cancel_init(&writer.cancel);
    om_assert(om_thread_start(&thread, "writer", 0, write_all, &writer));
    int next = 0;
    for (int number = 0; number != -1;) {
        number = take(writer.box);
        if (number >= 0)
            om_assert(number == next++);
        else if (number == -2)
            om_time_sleep_us(50);
    }
    om_assert(next == writer.count && om_mailbox_dropped(writer.box) == 0);
    om_thread_join(&thread);
    om_mailbox_destroy(writer.box);
    om_cancel_finish(&writer.cancel);
}

static void test_cancel_frees_a_waiting_writer(void)
{
    struct writer writer = {.box = om_mailbox_create(), .count = 1000};
    struct om_thread thread = {0};
    om_cancel_init(&writer.cancel);
    om_assert(om_thread_start(&thread, "writer", 0, write_all, &writer));
    om_time_sleep_us(50 * OM_MS);
    om_cancel_set(&writer.cancel);
    om_mailbox_wake(writer.box);
    om_thread_join(&thread);
    om_mailbox_destroy(writer.box);  // with 128 packets in it
    om_cancel_finish(&writer.cancel);
}

int main(void)
{
    stream = room_stream();
    test_live_goes_on_with_the_newest_group();
    test_a_huge_packet_fits_an_empty_box();
    test_files_wait_and_lose_nothing();
    test_cancel_frees_a_waiting_writer();
    om_stream_ref_unref(&stream);
    return 0;
}
