#include "media/frame.h"

#include <string.h>

#include "base/assert.h"
#include "media/packet.h"

static void test_bytes(void)
{
    static const struct {
        enum om_pixfmt format;
        int width, height;
        size_t bytes;
    } rows[] = {
        {OM_PIX_I420, 640, 360, 345600}, {OM_PIX_I420, 3, 3, 9 + 4 + 4},
        {OM_PIX_NV12, 3, 3, 9 + 8},      {OM_PIX_I422, 3, 3, 9 + 6 + 6},
        {OM_PIX_I444, 3, 3, 27},         {OM_PIX_YUYV, 3, 3, 24},
        {OM_PIX_GREY, 1, 1, 1},          {OM_PIX_RGB24, 5, 2, 30},
        {OM_PIX_GREY, 0, 5, 0},          {OM_PIX_GREY, 5, -1, 0},
        {OM_PIX_GREY, 16385, 1, 0},      {OM_PIX_NONE, 5, 5, 0},
        {OM_PIX_RGB24, 16384, 16384, 0}, {OM_PIX_GREY, 8000, 8000, 64000000},
    };
    for (size_t i = 0; i < OM_ARRAY_LEN(rows); i++)
        om_assert(om_frame_bytes(rows[i].format, rows[i].width, rows[i].height) == rows[i].bytes);
}

static void test_alloc(void)
{
    om_assert(!om_frame_alloc(OM_PIX_RGB24, 16000, 16000));
    struct om_frame *frame = om_frame_alloc(OM_PIX_I420, 101, 51);
    om_assert(frame && frame->stride[0] == 128 && frame->stride[1] == 64);
    memset(om_frame_plane_mut(frame, 2), 1, (size_t)frame->stride[2] * 26);
    for (int p = 0; p < 3; p++)
        om_assert((uintptr_t)frame->plane[p] % 64 == 0);
    frame->rotation_deg = 270;
    om_assert(om_frame_upright_width(frame) == 51 && om_frame_upright_height(frame) == 101);

    struct om_frame *again = om_frame_ref(frame);
    om_assert(!om_frame_is_writable(frame));
    om_frame_unref(&frame);
    om_assert(!frame && om_frame_is_writable(again));
    om_frame_unref(&again);
}

static void test_packet(void)
{
    struct om_packet *packet = om_packet_copy("abc", 3);
    om_assert(packet && packet->bytes == 3 && memcmp(packet->data, "abc", 3) == 0);
    for (int i = 3; i < 67; i++)
        om_assert(packet->data[i] == 0);
    struct om_packet *again = om_packet_ref(packet);
    om_packet_unref(&packet);
    om_packet_unref(&packet);  // NULL inside
    om_assert(again->data[0] == 'a');
    om_packet_unref(&again);
}

int main(void)
{
    test_bytes();
    test_alloc();
    test_packet();
    return 0;
}
