#include <string.h>

#include "media/picture_int.h"

// GIF, first picture only: a screen size, a palette, then blocks; a picture block has its place on
// the screen, perhaps a palette of its own, and LZW codes of growing width in sub-blocks of up to
// 255 bytes. Rows may come interlaced.
enum {
    SCREEN_HEADER = 13,
    CODES = 4096,
    BLOCK_EXTENSION = 0x21,
    BLOCK_PICTURE = 0x2c,
    PICTURE_HEADER = 10,
    HAS_PALETTE = 0x80,
    IS_INTERLACED = 0x40,
};

struct gif {
    const uint8_t *p, *end;
    const uint8_t *palette;
    int colours;
    uint8_t background[3];    // what the screen shows around the picture
    int x, y, width, height;  // of the first picture on the screen
    bool is_interlaced;
};

static bool take_palette(struct gif *gif, unsigned flags)
{
    if (!(flags & HAS_PALETTE))
        return true;
    int colours = 2 << (flags & 7);
    if (gif->end - gif->p < 3 * colours)
        return false;
    gif->palette = gif->p;
    gif->colours = colours;
    gif->p += 3 * colours;
    return true;
}

static bool skip_sub_blocks(struct gif *gif)
{
    while (gif->p < gif->end && *gif->p != 0) {
        if (gif->end - gif->p <= *gif->p)
            return false;
        gif->p += *gif->p + 1;
    }
    return gif->p++ < gif->end;
}

// Moves to the LZW data of the first picture.
static bool find_picture(struct gif *gif)
{
    while (gif->end - gif->p >= 2 && *gif->p == BLOCK_EXTENSION) {
        gif->p += 2;
        if (!skip_sub_blocks(gif))
            return false;
    }
    if (gif->end - gif->p < PICTURE_HEADER || *gif->p != BLOCK_PICTURE)
        return false;
    gif->x = (int)om_u16le(gif->p + 1);
    gif->y = (int)om_u16le(gif->p + 3);
    gif->width = (int)om_u16le(gif->p + 5);
    gif->height = (int)om_u16le(gif->p + 7);
    unsigned flags = gif->p[9];
    gif->is_interlaced = flags & IS_INTERLACED;
    gif->p += PICTURE_HEADER;
    return take_palette(gif, flags);
}

static bool open_gif(struct gif *gif, om_str data)
{
    *gif = (struct gif){.p = om_bytes(data), .end = om_bytes(data) + data.n};
    if (data.n < SCREEN_HEADER)
        return false;
    unsigned flags = gif->p[10];
    int background = gif->p[11];
    gif->p += SCREEN_HEADER;
    if (!take_palette(gif, flags))
        return false;
    if (background < gif->colours)
        memcpy(gif->background, gif->palette + 3 * background, 3);
    return find_picture(gif);
}

static enum om_status probe(om_str data, struct om_picture_info *ret, struct om_error *err)
{
    struct gif gif;

    if (data.n < SCREEN_HEADER)
        return om_picture_broken(err, "GIF", "its header is cut");
    int width = (int)om_u16le(om_bytes(data) + 6), height = (int)om_u16le(om_bytes(data) + 8);
    if (!open_gif(&gif, data)) {
        enum om_status status = om_picture_check_size(width, height, err);
        return status != OM_OK ? status
                               : om_picture_broken(err, "GIF", "there is no picture in it");
    }
    // A picture that stands over the edge widens the screen, as everywhere else.
    ret->width = OM_MAX(width, gif.x + gif.width);
    ret->height = OM_MAX(height, gif.y + gif.height);
    return OM_OK;
}

// Bits of the sub-blocks, least significant first.
struct bits {
    struct gif *gif;
    uint32_t held;
    int held_n, block_left;
};

static int take_byte(struct bits *bits)
{
    struct gif *gif = bits->gif;

    if (bits->block_left == 0) {
        if (gif->p >= gif->end || *gif->p == 0)
            return -1;
        bits->block_left = *gif->p++;
    }
    if (gif->p >= gif->end)
        return -1;
    bits->block_left--;
    return *gif->p++;
}

static int take_code(struct bits *bits, int width)
{
    while (bits->held_n < width) {
        int byte = take_byte(bits);
        if (byte < 0)
            return -1;
        bits->held |= (uint32_t)byte << bits->held_n;
        bits->held_n += 8;
    }
    int code = (int)(bits->held & ((1u << width) - 1));
    bits->held >>= width;
    bits->held_n -= width;
    return code;
}

// Where the picture's pixels go, in the order they come.
struct canvas {
    const struct gif *gif;
    struct om_frame *frame;
    int x, y, pass;
};

static void next_row(struct canvas *canvas)
{
    static const int start[4] = {0, 4, 2, 1}, step[4] = {8, 8, 4, 2};

    canvas->x = 0;
    if (!canvas->gif->is_interlaced) {
        canvas->y++;
        return;
    }
    canvas->y += step[canvas->pass];
    while (canvas->y >= canvas->gif->height && canvas->pass < 3)
        canvas->y = start[++canvas->pass];
}

static void put_pixel(struct canvas *canvas, uint8_t index)
{
    const struct gif *gif = canvas->gif;
    int x = gif->x + canvas->x, y = gif->y + canvas->y;

    if (x < canvas->frame->width && y < canvas->frame->height && index < gif->colours)
        memcpy(om_frame_plane_mut(canvas->frame, 0) + (ptrdiff_t)y * canvas->frame->stride[0] +
                   3 * x,
               gif->palette + 3 * index, 3);
    if (++canvas->x == gif->width)
        next_row(canvas);
}

struct lzw {
    uint16_t prefix[CODES];
    uint8_t last[CODES], stack[CODES + 1];
    int clear, next, width;
};

static void lzw_clear(struct lzw *lzw, int root_bits)
{
    lzw->clear = 1 << root_bits;
    lzw->next = lzw->clear + 2;
    lzw->width = root_bits + 1;
}

// Writes the string of `code` and returns its first byte. A chain of prefixes only falls, so it
// ends.
static uint8_t put_string(struct lzw *lzw, int code, struct canvas *canvas)
{
    int n = 0;

    for (; code >= lzw->clear; code = lzw->prefix[code])
        lzw->stack[n++] = lzw->last[code];
    lzw->stack[n] = (uint8_t)code;
    uint8_t first = lzw->stack[n];
    for (; n >= 0 && canvas->y < canvas->gif->height; n--)
        put_pixel(canvas, lzw->stack[n]);
    return first;
}

static void lzw_add(struct lzw *lzw, int prefix, uint8_t last)
{
    if (lzw->next >= CODES)
        return;
    lzw->prefix[lzw->next] = (uint16_t)prefix;
    lzw->last[lzw->next] = last;
    lzw->next++;
    if (lzw->next == 1 << lzw->width && lzw->width < 12)
        lzw->width++;
}

static uint8_t first_of(const struct lzw *lzw, int code)
{
    while (code >= lzw->clear)
        code = lzw->prefix[code];
    return (uint8_t)code;
}

// Returns whether the picture is whole.
static bool decode_lzw(struct gif *gif, struct om_frame *frame)
{
    struct lzw lzw;
    struct bits bits = {.gif = gif};
    struct canvas canvas = {.gif = gif, .frame = frame};
    int root_bits = gif->p < gif->end ? *gif->p++ : 0, previous = -1;

    if (root_bits < 1 || root_bits > 11)
        return false;
    lzw_clear(&lzw, root_bits);
    while (canvas.y < gif->height) {
        int code = take_code(&bits, lzw.width);
        if (code < 0 || code == lzw.clear + 1 || code > lzw.next ||
            (code == lzw.next && previous < 0))
            return false;
        if (code == lzw.clear) {
            lzw_clear(&lzw, root_bits);
            previous = -1;
            continue;
        }
        bool is_known = code < lzw.next;
        if (previous >= 0 && !is_known)
            lzw_add(&lzw, previous, first_of(&lzw, previous));
        if (code >= lzw.next)
            return false;  // the table is full
        uint8_t first = put_string(&lzw, code, &canvas);
        if (previous >= 0 && is_known)
            lzw_add(&lzw, previous, first);
        previous = code;
    }
    return true;
}

static void fill(struct om_frame *frame, const uint8_t rgb[3])
{
    for (int y = 0; y < frame->height; y++) {
        uint8_t *row = om_frame_plane_mut(frame, 0) + (ptrdiff_t)y * frame->stride[0];
        for (int x = 0; x < frame->width; x++)
            memcpy(row + 3 * x, rgb, 3);
    }
}

static struct om_frame *decode(om_str data, const struct om_picture_info *info,
                               struct om_error *err)
{
    struct gif gif;

    if (!open_gif(&gif, data) || !gif.palette || gif.width == 0 || gif.height == 0) {
        om_picture_broken(err, "GIF", "there is no picture in it");
        return NULL;
    }
    struct om_frame *frame = om_frame_alloc(OM_PIX_RGB24, info->width, info->height);
    if (!frame) {
        om_error_set(err, OM_NO_MEMORY, "no memory for a picture of %d x %d", info->width,
                     info->height);
        return NULL;
    }
    frame->is_full_range = true;
    fill(frame, gif.background);
    frame->is_corrupt = !decode_lzw(&gif, frame);
    return frame;
}

const struct om_picture_ops om_picture_gif = {OM_PICTURE_GIF, "GIF", probe, decode};
