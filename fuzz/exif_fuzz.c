// Feeds: the TIFF block of an EXIF segment.
#include "base/assert.h"
#include "media/picture_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int orientation = om_exif_orientation(om_str_n((const char *)data, size));
    om_assert(orientation >= 1 && orientation <= 8);
    return 0;
}
