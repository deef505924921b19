#include "infer/tensor.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

size_t om_tensor_type_bytes(enum om_tensor_type type)
{
    switch (type) {
    case OM_TENSOR_F32:
    case OM_TENSOR_I32:
        return 4;
    case OM_TENSOR_I64:
        return 8;
    case OM_TENSOR_F16:
        return 2;
    case OM_TENSOR_U8:
        return 1;
    case OM_TENSOR_OTHER:
        break;
    }
    return 0;
}

const char *om_tensor_type_name(enum om_tensor_type type)
{
    static const char *const names[] = {"other", "float", "float16", "uint8", "int32", "int64"};
    return (size_t)type < OM_ARRAY_LEN(names) ? names[type] : "other";
}

size_t om_tensor_count(const int64_t *dims, int rank)
{
    size_t count = 1;

    for (int i = 0; i < rank; i++) {
        if (dims[i] <= 0 || (uint64_t)dims[i] > OM_TENSOR_COUNT_MAX / count)
            return 0;
        count *= (size_t)dims[i];
    }
    return count;
}

// Appends at `at`, never past `size`; returns the new end.
static size_t put(char *text, size_t size, size_t at, const char *piece)
{
    size_t n = strlen(piece);
    if (at + 1 >= size)
        return at;
    n = OM_MIN(n, size - 1 - at);
    memcpy(text + at, piece, n);
    text[at + n] = 0;
    return at + n;
}

const char *om_tensor_shape_text(const int64_t *dims, int rank,
                                 char text[OM_TENSOR_SHAPE_TEXT_SIZE])
{
    size_t at = put(text, OM_TENSOR_SHAPE_TEXT_SIZE, 0, "[");

    for (int i = 0; i < rank && i < OM_TENSOR_RANK_MAX; i++) {
        char piece[24] = "?";
        if (dims[i] >= 0)
            snprintf(piece, sizeof(piece), "%" PRId64, dims[i]);
        if (i)
            at = put(text, OM_TENSOR_SHAPE_TEXT_SIZE, at, ",");
        at = put(text, OM_TENSOR_SHAPE_TEXT_SIZE, at, piece);
    }
    put(text, OM_TENSOR_SHAPE_TEXT_SIZE, at, "]");
    return text;
}

const char *om_tensor_list_text(const struct om_tensor_info *infos, int count, char *text,
                                size_t size)
{
    size_t at = 0;

    text[0] = 0;
    for (int i = 0; i < count; i++) {
        char shape[OM_TENSOR_SHAPE_TEXT_SIZE];
        if (i)
            at = put(text, size, at, ", ");
        at = put(text, size, at, infos[i].name);
        at = put(text, size, at, " ");
        at = put(text, size, at, om_tensor_shape_text(infos[i].dims, infos[i].rank, shape));
        if (infos[i].type != OM_TENSOR_F32) {
            at = put(text, size, at, " ");
            at = put(text, size, at, om_tensor_type_name(infos[i].type));
        }
    }
    return text;
}

float om_half_to_float(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    uint32_t exponent = (half >> 10) & 31u, mantissa = half & 1023u;
    uint32_t bits;

    if (exponent == 31) {
        bits = 0x7f800000u | mantissa << 13;
    } else if (exponent) {
        bits = (exponent + 112) << 23 | mantissa << 13;
    } else {
        float small = (float)mantissa * 0x1p-24f;
        memcpy(&bits, &small, sizeof(bits));
    }
    bits |= sign;
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

uint16_t om_half_from_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    uint32_t sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;

    if (magnitude > 0x7f800000u)
        return (uint16_t)(sign | 0x7e00u);
    if (magnitude >= 0x477ff000u)  // rounds to infinity
        return (uint16_t)(sign | 0x7c00u);
    if (magnitude < 0x38800000u) {  // subnormal: let the adder round
        float shifted;
        memcpy(&shifted, &magnitude, sizeof(shifted));
        shifted += 0.5f;
        memcpy(&magnitude, &shifted, sizeof(magnitude));
        return (uint16_t)(sign | (magnitude - 0x3f000000u));
    }
    uint32_t rounded = magnitude + 0xfffu + (magnitude >> 13 & 1u);
    return (uint16_t)(sign | (rounded - 0x38000000u) >> 13);
}
