// Feeds: a picture file of any kind (JPEG markers, BMP, GIF and WebP chunks are our own parsers).
#include "media/picture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    om_str picture = om_str_n((const char *)data, size);
    struct om_picture_info info;
    struct om_error err;

    // Large pictures are legal; here they only cost time.
    if (om_picture_probe(picture, &info, &err) != OM_OK || info.width * (long)info.height > 300000)
        return 0;
    struct om_frame *frame = om_picture_decode(picture, &err);
    om_frame_unref(&frame);
    return 0;
}
