// Feeds: shapes and values of a network's outputs to recognition, to every family's decoder and to
// the suppression. First come the shapes, then values that are repeated to fill the tensors.

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "infer/nms.h"
#include "infer/output.h"

enum { TENSORS_MAX = 13, COUNT_MAX = 20000, SINK_MAX = 512 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *at;
    size_t left;
};

static unsigned byte(struct input *in)
{
    if (!in->left)
        return 0;
    in->left--;
    return *in->at++;
}

// Mostly small, now and then of a size that families look for.
static int64_t dim(struct input *in)
{
    static const int64_t usual[] = {1, 4, 5, 6, 10, 32, 84, 85, 95, 112, 64, 16, 21, 84, 252, 300};
    unsigned b = byte(in);
    return b < 128 ? usual[b % OM_ARRAY_LEN(usual)] : (int64_t)(b - 127);
}

static void shapes(struct input *in, struct om_output_spec *spec)
{
    spec->tensor_count = 1 + (int)(byte(in) % TENSORS_MAX);
    for (int i = 0; i < spec->tensor_count; i++) {
        struct om_tensor_info *t = &spec->tensors[i];
        t->type = byte(in) % 8 ? OM_TENSOR_F32 : OM_TENSOR_I64;
        t->rank = 1 + (int)(byte(in) % 4);
        memcpy(t->name, "labels", 7);
        t->name[byte(in) % 7] = 0;
        for (int d = 0; d < t->rank; d++)
            t->dims[d] = d == 0 ? 1 : dim(in);
    }
}

static void fill(struct input *in, struct om_tensor *t, void *memory)
{
    static const float usual[] = {0, 1, 0.5f, -1, NAN, INFINITY, -INFINITY, 1e30f, 0.9f, 100};
    for (size_t i = 0; i < t->count; i++) {
        unsigned b = in->left ? in->at[i % in->left] : 0;
        float value = b < 64 ? usual[b % OM_ARRAY_LEN(usual)] : (float)b / 128.0f - 1;
        if (t->f32)
            ((float *)memory)[i] = value;
        else
            ((int64_t *)memory)[i] = (int64_t)b * (b & 1 ? 1 : -1000000007);
    }
}

static void decode(struct om_output_spec *spec, const struct om_tensor *tensors, bool all_classes)
{
    static struct om_candidate items[SINK_MAX];
    static struct om_detection boxes[SINK_MAX];
    struct om_sink sink = {.score_min = 0.2f,
                           .all_classes = all_classes,
                           .target_width = 640,
                           .target_height = 480,
                           .capacity = SINK_MAX,
                           .items = items};

    if (!om_output_decode(spec, tensors, spec->tensor_count, &sink))
        return;
    om_assert(sink.count <= SINK_MAX);
    for (int i = 0; i < sink.count; i++) {
        const struct om_candidate *c = &items[i];
        om_assert(c->x2 > c->x1 && c->y2 > c->y1 && c->score >= 0.2f && c->class_id >= 0);
        om_assert(i == 0 || c->score <= items[i - 1].score);
        boxes[i] = (struct om_detection){
            {c->x1, c->y1, c->x2 - c->x1, c->y2 - c->y1}, c->score, (int16_t)c->class_id};
    }
    om_assert(om_nms(boxes, sink.count, 0.45f, 300) <= 300);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct om_output_spec spec = {0}, bound;
    struct om_tensor tensors[OM_TENSORS_MAX] = {{0}};
    void *memory[OM_TENSORS_MAX] = {0};
    unsigned head = byte(&in);

    spec.input_width = 64 << (head & 1);
    spec.input_height = 64;
    const struct om_output_facts facts = {.label_count = head & 2 ? 80 : (int)(head >> 4)};
    enum om_output_family family = (enum om_output_family)(byte(&in) % OM_OUTPUT_COUNT);
    shapes(&in, &spec);
    bool fits = true;
    for (int i = 0; i < spec.tensor_count; i++) {
        struct om_tensor *t = &tensors[i];
        t->name = spec.tensors[i].name;
        t->rank = spec.tensors[i].rank;
        memcpy(t->dims, spec.tensors[i].dims, sizeof(t->dims));
        t->count = om_tensor_count(t->dims, t->rank);
        fits = fits && t->count && t->count <= COUNT_MAX;
        bool is_long = spec.tensors[i].type == OM_TENSOR_I64;
        memory[i] = fits ? om_alloc(t->count, is_long ? sizeof(int64_t) : sizeof(float)) : NULL;
        t->f32 = is_long ? NULL : memory[i];
        t->i64 = is_long ? memory[i] : NULL;
        if (fits)
            fill(&in, t, memory[i]);
    }
    bound = spec;
    if (fits && om_output_bind(&bound, family, &facts)) {
        decode(&bound, tensors, false);
        decode(&bound, tensors, true);
    }
    for (int i = 0; i < spec.tensor_count; i++)
        om_free(memory[i]);
    return 0;
}
