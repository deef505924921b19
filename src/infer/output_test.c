// Families: which shapes are taken for which, and one box by hand through each decoder.

#include "infer/output.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "infer/nms.h"
#include "infer/output_vector.h"

enum { CAPACITY = 64 };

// ---- recognition -------------------------------------------------------------------------------

struct shape {
    int rank;
    int64_t dims[4];
    enum om_tensor_type type;
    const char *name;
};

struct model {
    int width, height, labels;
    struct shape outputs[13];
    enum om_output_family family;
    int classes;
};

#define F32 OM_TENSOR_F32
#define I64 OM_TENSOR_I64

static const struct model models[] = {
    {416, 416, 80, {{3, {1, 3549, 85}, F32, "output"}}, OM_OUTPUT_YOLOX, 80},
    {640, 640, 0, {{3, {1, 8400, 7}, F32, "output"}}, OM_OUTPUT_YOLOX, 2},
    {640, 640, 80, {{3, {1, 25200, 85}, F32, "output0"}}, OM_OUTPUT_YOLOV5, 80},
    {640, 640, 0, {{3, {1, 25200, 6}, F32, "output0"}}, OM_OUTPUT_YOLOV5, 1},
    {320, 256, 0, {{3, {1, 5040, 9}, F32, "output0"}}, OM_OUTPUT_YOLOV5, 4},
    {640, 640, 80, {{3, {1, 84, 8400}, F32, "output0"}}, OM_OUTPUT_YOLOV8, 80},
    {320, 320, 0, {{3, {1, 5, 2100}, F32, "output0"}}, OM_OUTPUT_YOLOV8, 1},
    {640, 640, 80, {{3, {1, 8400, 84}, F32, "output0"}}, OM_OUTPUT_YOLOV8, 80},
    {640,
     640,
     80,
     {{3, {1, 116, 8400}, F32, "output0"}, {4, {1, 32, 160, 160}, F32, "output1"}},
     OM_OUTPUT_YOLOV8,
     80},
    {640, 640, 80, {{3, {1, 300, 6}, F32, "output0"}}, OM_OUTPUT_END2END, 0},
    {416, 416, 80, {{3, {1, 3598, 112}, F32, "output"}}, OM_OUTPUT_GFL, 80},
    {320,
     320,
     3,
     {{3, {1, 1600, 3}, F32, "a"},
      {3, {1, 1600, 32}, F32, "b"},
      {3, {1, 400, 3}, F32, "c"},
      {3, {1, 400, 32}, F32, "d"},
      {3, {1, 100, 3}, F32, "e"},
      {3, {1, 100, 32}, F32, "f"}},
     OM_OUTPUT_GFL,
     3},
    {640,
     640,
     80,
     {{2, {1, 300}, I64, "labels"}, {3, {1, 300, 4}, F32, "boxes"}, {2, {1, 300}, F32, "scores"}},
     OM_OUTPUT_DETR,
     0},
    {640,
     640,
     80,
     {{3, {1, 300, 80}, F32, "pred_logits"}, {3, {1, 300, 4}, F32, "pred_boxes"}},
     OM_OUTPUT_DETR,
     80},
    {640, 640, 80, {{3, {1, 300, 84}, F32, "output0"}}, OM_OUTPUT_DETR, 80},
    {352, 352, 80, {{4, {1, 85, 22, 22}, F32, "758"}}, OM_OUTPUT_FASTESTDET, 80},
    {352, 352, 80, {{3, {1, 605, 95}, F32, "output"}}, OM_OUTPUT_YOLO_FASTESTV2, 80},
    {352,
     352,
     2,
     {{4, {1, 22, 22, 17}, F32, "794"}, {4, {1, 11, 11, 17}, F32, "796"}},
     OM_OUTPUT_YOLO_FASTESTV2,
     2},
    {320,
     240,
     0,
     {{3, {1, 4420, 2}, F32, "scores"}, {3, {1, 4420, 4}, F32, "boxes"}},
     OM_OUTPUT_ULTRAFACE,
     1},
    {224, 224, 0, {{2, {1, 1000}, F32, "logits"}}, OM_OUTPUT_CLASSIFIER, 1000},
    {128, 256, 0, {{2, {1, 512}, F32, "embedding"}}, OM_OUTPUT_EMBEDDING, 0},
    {640, 640, 0, {{3, {1, 77, 13}, F32, "what"}}, OM_OUTPUT_AUTO, 0},
    {640, 640, 0, {{4, {1, 3, 80, 80}, I64, "what"}}, OM_OUTPUT_AUTO, 0},
};

static int fill_spec(const struct model *m, struct om_output_spec *spec)
{
    *spec = (struct om_output_spec){.input_width = m->width, .input_height = m->height};
    while (spec->tensor_count < 13 && m->outputs[spec->tensor_count].rank) {
        const struct shape *s = &m->outputs[spec->tensor_count];
        struct om_tensor_info *t = &spec->tensors[spec->tensor_count++];
        om_str_copy(t->name, sizeof(t->name), om_str_from(s->name));
        t->type = s->type;
        t->rank = s->rank;
        memcpy(t->dims, s->dims, sizeof(s->dims));
    }
    return spec->tensor_count;
}

static void check_recognition(void)
{
    for (size_t i = 0; i < OM_ARRAY_LEN(models); i++) {
        struct om_output_spec spec;
        const struct om_output_facts facts = {.label_count = models[i].labels};
        fill_spec(&models[i], &spec);
        bool is_bound = om_output_bind(&spec, OM_OUTPUT_AUTO, &facts);
        om_assert(is_bound == (models[i].family != OM_OUTPUT_AUTO));
        if (is_bound) {
            om_assert(spec.ops->family == models[i].family);
            om_assert(spec.class_count == models[i].classes);
        }
        // Named, it must fit too, and another name must not crash.
        for (int f = OM_OUTPUT_YOLOX; f < OM_OUTPUT_COUNT; f++) {
            fill_spec(&models[i], &spec);
            bool fits = om_output_bind(&spec, (enum om_output_family)f, &facts);
            om_assert(fits || f != (int)models[i].family);
        }
    }
}

// A YOLOX with the grid inside gives centres all over the picture.
static void check_decoded_yolox(void)
{
    enum { ROWS = 3549, COLUMNS = 6 };
    om_auto_free float *values = om_new_array(float, ROWS *COLUMNS);
    struct om_output_spec spec;
    const struct model m = {416, 416, 1, {{3, {1, ROWS, COLUMNS}, F32, "output"}}, 0, 0};
    const struct om_tensor sample = {"output", values, NULL, 3, {1, ROWS, COLUMNS}, ROWS * COLUMNS};
    const struct om_output_facts facts = {.label_count = 1, .sample = &sample};

    fill_spec(&m, &spec);
    om_assert(om_output_bind(&spec, OM_OUTPUT_AUTO, &facts));
    om_assert(spec.ops->family == OM_OUTPUT_YOLOX);
    values[COLUMNS * (ROWS - 1)] = 400;
    fill_spec(&m, &spec);
    om_assert(om_output_bind(&spec, OM_OUTPUT_AUTO, &facts));
    om_assert(spec.ops->family == OM_OUTPUT_YOLOV5);
}

// ---- decoders ----------------------------------------------------------------------------------

struct run {
    struct om_output_spec spec;
    struct om_tensor tensors[12];
    float *values[12];
    int64_t *longs[12];
    struct om_sink sink;
    struct om_candidate items[CAPACITY];
};

static void start(struct run *r, const struct model *m)
{
    const struct om_output_facts facts = {.label_count = m->labels};

    *r = (struct run){.sink = {.score_min = 0.25f, .target_width = 1, .target_height = 1}};
    r->sink.capacity = CAPACITY;
    r->sink.items = r->items;
    fill_spec(m, &r->spec);
    om_assert(om_output_bind(&r->spec, m->family, &facts));
    for (int i = 0; i < r->spec.tensor_count; i++) {
        const struct shape *s = &m->outputs[i];
        struct om_tensor *t = &r->tensors[i];
        t->name = s->name;
        t->rank = s->rank;
        memcpy(t->dims, s->dims, sizeof(s->dims));
        t->count = om_tensor_count(t->dims, t->rank);
        if (s->type == OM_TENSOR_I64)
            t->i64 = r->longs[i] = om_new_array(int64_t, t->count);
        else
            t->f32 = r->values[i] = om_new_array(float, t->count);
    }
}

static void decode(struct run *r)
{
    om_assert(om_output_decode(&r->spec, r->tensors, r->spec.tensor_count, &r->sink));
}

static void finish(struct run *r)
{
    for (int i = 0; i < r->spec.tensor_count; i++) {
        om_free(r->values[i]);
        om_free(r->longs[i]);
    }
}

static void expect(const struct run *r, const float corners[4], float score, int class_id)
{
    om_assert(r->sink.count == 1);
    const struct om_candidate *c = &r->sink.items[0];
    om_assert(fabsf(c->x1 - corners[0]) < 0.01f && fabsf(c->y1 - corners[1]) < 0.01f);
    om_assert(fabsf(c->x2 - corners[2]) < 0.01f && fabsf(c->y2 - corners[3]) < 0.01f);
    om_assert(fabsf(c->score - score) < 1e-4f && c->class_id == class_id);
}

static void put(float *to, const float *from, size_t n)
{
    memcpy(to, from, n * sizeof(*to));
}

static void check_yolox(void)
{
    static const struct model m = {64, 64, 2, {{3, {1, 84, 7}, F32, "o"}}, OM_OUTPUT_YOLOX, 2};
    struct run r;
    start(&r, &m);
    // Level of stride 16 begins at row 64; its cell (1, 2) is row 64 + 2 * 4 + 1.
    put(r.values[0] + 7 * 73, (float[]){0.5f, 0.25f, logf(2), 0, 0.8f, 0.1f, 0.9f}, 7);
    decode(&r);
    expect(&r, (float[]){24 - 16, 36 - 8, 24 + 16, 36 + 8}, 0.72f, 1);
    finish(&r);
}

static void check_yolov5(void)
{
    static const struct model m = {64, 64, 2, {{3, {1, 252, 7}, F32, "o"}}, OM_OUTPUT_YOLOV5, 2};
    struct run r;
    start(&r, &m);
    put(r.values[0] + 7 * 251, (float[]){30, 20, 10, 8, 0.5f, 0.9f, 0.8f}, 7);
    decode(&r);
    expect(&r, (float[]){25, 16, 35, 24}, 0.45f, 0);
    r.sink.all_classes = true;
    decode(&r);
    om_assert(r.sink.count == 2 && r.sink.items[1].class_id == 1);
    finish(&r);
}

static void check_yolov8(void)
{
    static const struct model m = {64, 64, 2, {{3, {1, 6, 84}, F32, "o"}}, OM_OUTPUT_YOLOV8, 2};
    struct run r;
    start(&r, &m);
    static const float column[6] = {30, 20, 10, 8, 0.3f, 0.6f};
    for (int i = 0; i < 6; i++)
        r.values[0][84 * i + 83] = column[i];
    decode(&r);
    expect(&r, (float[]){25, 16, 35, 24}, 0.6f, 1);
    finish(&r);
}

static void check_end2end(void)
{
    static const struct model m = {64, 64, 0, {{3, {1, 30, 6}, F32, "o"}}, OM_OUTPUT_END2END, 0};
    struct run r;
    start(&r, &m);
    put(r.values[0] + 12, (float[]){1, 2, 30, 40, 0.5f, 17}, 6);
    decode(&r);
    expect(&r, (float[]){1, 2, 30, 40}, 0.5f, 17);
    finish(&r);
}

// Distances 1, 2, 3, 4 bins: a bin that dominates the softmax.
static void put_bins(float *to)
{
    for (int side = 0; side < 4; side++)
        to[8 * side + side + 1] = 50;
}

static void check_gfl(void)
{
    static const struct model split = {64,
                                       64,
                                       2,
                                       {{3, {1, 16, 2}, F32, "s16"},
                                        {3, {1, 4, 2}, F32, "s32"},
                                        {3, {1, 16, 32}, F32, "d16"},
                                        {3, {1, 4, 32}, F32, "d32"}},
                                       OM_OUTPUT_GFL,
                                       2};
    static const struct model plus = {64, 64, 80, {{3, {1, 85, 112}, F32, "o"}}, OM_OUTPUT_GFL, 80};
    struct run r;
    start(&r, &split);
    r.values[0][2 * 5 + 1] = 0.7f;  // cell (1, 1) of stride 16: its middle is 24, 24
    put_bins(r.values[2] + 32 * 5);
    decode(&r);
    expect(&r, (float[]){24 - 16, 24 - 32, 24 + 48, 24 + 64}, 0.7f, 1);
    finish(&r);
    // NanoDet-Plus measures from the corner of the cell; stride 32 begins at row 80.
    start(&r, &plus);
    om_assert(r.spec.stride_count == 4);
    r.values[0][112 * 81 + 3] = 0.9f;
    put_bins(r.values[0] + 112 * 81 + 80);
    decode(&r);
    expect(&r, (float[]){32 - 32, 0 - 64, 32 + 96, 0 + 128}, 0.9f, 3);
    finish(&r);
}

static void check_detr(void)
{
    static const struct model chosen = {
        64,
        64,
        0,
        {{2, {1, 5}, I64, "labels"}, {3, {1, 5, 4}, F32, "boxes"}, {2, {1, 5}, F32, "scores"}},
        OM_OUTPUT_DETR,
        0};
    static const struct model raw = {
        64,
        64,
        3,
        {{3, {1, 100, 3}, F32, "logits"}, {3, {1, 100, 4}, F32, "pred_boxes"}},
        OM_OUTPUT_DETR,
        3};
    struct run r;
    start(&r, &chosen);
    r.sink.target_width = 640;  // boxes come in pixels of a 640 x 320 picture
    r.sink.target_height = 320;
    r.longs[0][2] = 7;
    put(r.values[1] + 8, (float[]){10, 20, 110, 120}, 4);
    r.values[2][2] = 0.5f;
    decode(&r);
    expect(&r, (float[]){1, 4, 11, 24}, 0.5f, 7);
    finish(&r);
    start(&r, &raw);
    for (int i = 0; i < 300; i++)
        r.values[0][i] = -9;
    r.values[0][3 * 42 + 2] = 0;
    put(r.values[1] + 4 * 42, (float[]){0.5f, 0.5f, 0.25f, 0.5f}, 4);
    decode(&r);
    expect(&r, (float[]){24, 16, 40, 48}, 0.5f, 2);
    finish(&r);
}

static void check_fastest(void)
{
    static const struct model det = {64, 64, 2, {{4, {1, 7, 4, 4}, F32, "o"}}, OM_OUTPUT_FASTESTDET,
                                     2};
    static const struct model v2 = {64,
                                    64,
                                    2,
                                    {{4, {1, 2, 2, 17}, F32, "b"}, {4, {1, 4, 4, 17}, F32, "a"}},
                                    OM_OUTPUT_YOLO_FASTESTV2,
                                    2};
    struct run r;
    start(&r, &det);
    static const float cell[7] = {0.9f, 0, 0, 0, 0, 0.2f, 0.8f};
    for (int c = 0; c < 7; c++)
        r.values[0][16 * c + 6] = cell[c];  // column 2, row 1
    decode(&r);
    expect(&r, (float[]){32 - 16, 16 - 16, 32 + 16, 16 + 16}, powf(0.9f, 0.6f) * powf(0.8f, 0.4f),
           1);
    finish(&r);
    start(&r, &v2);                     // the outputs are told apart by their size, not their order
    float *row = r.values[0] + 17 * 3;  // stride 32, cell (1, 1), second anchor of that level
    put(row + 4, (float[]){0.5f, 0.5f, 0.25f, 0.5f}, 4);
    row[13] = 0.9f;
    put(row + 15, (float[]){0.5f, 1}, 2);
    decode(&r);
    float w = 0.25f * 131.57f, h = 214.55f;
    expect(&r, (float[]){48 - w / 2, 48 - h / 2, 48 + w / 2, 48 + h / 2}, 0.9f, 1);
    finish(&r);
}

static void check_faces(void)
{
    static const struct model yunet = {64,
                                       64,
                                       1,
                                       {{3, {1, 64, 1}, F32, "cls_8"},
                                        {3, {1, 16, 1}, F32, "cls_16"},
                                        {3, {1, 4, 1}, F32, "cls_32"},
                                        {3, {1, 64, 1}, F32, "obj_8"},
                                        {3, {1, 16, 1}, F32, "obj_16"},
                                        {3, {1, 4, 1}, F32, "obj_32"},
                                        {3, {1, 64, 4}, F32, "bbox_8"},
                                        {3, {1, 16, 4}, F32, "bbox_16"},
                                        {3, {1, 4, 4}, F32, "bbox_32"},
                                        {3, {1, 64, 10}, F32, "kps_8"},
                                        {3, {1, 16, 10}, F32, "kps_16"},
                                        {3, {1, 4, 10}, F32, "kps_32"}},
                                       OM_OUTPUT_YUNET,
                                       1};
    static const struct model ultra = {
        64,
        32,
        1,
        {{3, {1, 9, 2}, F32, "scores"}, {3, {1, 9, 4}, F32, "boxes"}},
        OM_OUTPUT_ULTRAFACE,
        1};
    struct run r;
    start(&r, &yunet);
    r.values[1][6] = 0.81f;
    r.values[4][6] = 1.5f;  // cut to 1
    put(r.values[7] + 24, (float[]){0.5f, 0.5f, 0, logf(2)}, 4);
    decode(&r);
    expect(&r, (float[]){40 - 8, 24 - 16, 40 + 8, 24 + 16}, 0.9f, 0);
    finish(&r);
    start(&r, &ultra);
    put(r.values[0] + 8, (float[]){0.3f, 0.7f}, 2);
    put(r.values[1] + 16, (float[]){0.25f, 0.25f, 0.5f, 0.75f}, 4);
    decode(&r);
    expect(&r, (float[]){16, 8, 32, 24}, 0.7f, 0);
    finish(&r);
}

// Garbage gives nothing; another shape than the bound one is refused.
static void check_garbage(void)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY, 1e38f, -1e38f, -1, 2};

    for (size_t i = 0; i < OM_ARRAY_LEN(models); i++) {
        if (models[i].family == OM_OUTPUT_AUTO)
            continue;
        struct run r;
        start(&r, &models[i]);
        for (size_t b = 0; b <= OM_ARRAY_LEN(bad); b++) {
            for (int t = 0; t < r.spec.tensor_count; t++)
                for (size_t k = 0; r.values[t] && k < r.tensors[t].count; k++)
                    r.values[t][k] = bad[(b < OM_ARRAY_LEN(bad) ? b : k) % OM_ARRAY_LEN(bad)];
            r.sink.all_classes = b % 2;
            decode(&r);
            for (int k = 0; k < r.sink.count; k++) {
                const struct om_candidate *c = &r.sink.items[k];
                om_assert(isfinite(c->x1) && c->x2 > c->x1 && c->y2 > c->y1);
                om_assert(k == 0 || c->score <= r.sink.items[k - 1].score);
            }
        }
        r.tensors[0].dims[r.tensors[0].rank - 1]++;
        om_assert(!om_output_decode(&r.spec, r.tensors, r.spec.tensor_count, &r.sink) ||
                  r.spec.tensors[0].dims[r.tensors[0].rank - 1] < 0);
        om_assert(!om_output_decode(&r.spec, r.tensors, r.spec.tensor_count - 1, &r.sink));
        finish(&r);
    }
}

// ---- sink, suppression, vectors ----------------------------------------------------------------

static void check_sink(void)
{
    struct om_candidate items[4];
    struct om_sink sink = {.score_min = 0.1f, .capacity = 4, .items = items};
    static const struct model m = {64, 64, 0, {{3, {1, 30, 6}, F32, "o"}}, OM_OUTPUT_END2END, 0};
    struct run r;
    start(&r, &m);
    r.sink = sink;
    for (int i = 0; i < 9; i++)
        put(r.values[0] + 6 * i, (float[]){0, 0, 1, 1, (float)(i * 7 % 9 + 1) / 10, (float)i}, 6);
    decode(&r);  // scores 1 8 6 4 2 9 7 5 3: the four best, in order
    om_assert(r.sink.count == 4);
    for (int i = 0; i < 4; i++)
        om_assert(fabsf(items[i].score - (float)(9 - i) / 10) < 1e-6f);
    finish(&r);
}

static void check_nms(void)
{
    struct om_detection boxes[] = {
        {{0, 0, 10, 10}, 0.9f, 1},   {{0, 0, 10, 6}, 0.8f, 1},  // IoU 0.6: gone
        {{0, 0, 10, 10}, 0.7f, 2},                              // another class
        {{0, 5, 10, 10}, 0.6f, 1},                              // IoU 1/3: stays
        {{100, 100, 5, 5}, 0.5f, 1}, {{0, 0, 0, 0}, 0.4f, 1},
    };
    om_assert(om_nms(boxes, 6, 0.45f, 300) == 5);
    om_assert(boxes[0].score == 0.9f && boxes[1].class_id == 2 && boxes[2].score == 0.6f);
    om_assert(om_nms(boxes, 5, 0.45f, 2) == 2);
    om_assert(om_nms(boxes, 0, 0.45f, 2) == 0);
}

static void check_vectors(void)
{
    om_auto_free struct om_result *result = om_new(struct om_result);
    om_output_topk((float[]){1, NAN, 3, 2, -INFINITY}, 5, result);
    om_assert(result->topk_count == 3 && result->topk[0].class_id == 2);
    om_assert(fabsf(result->topk[0].score - 0.66524f) < 1e-4f);
    om_output_topk((float[]){0.25f, 0.75f}, 2, result);  // probabilities stay
    om_assert(result->topk[0].class_id == 1 && result->topk[0].score == 0.75f);
    om_output_embed((float[]){3, 4}, 2, result);
    om_assert(result->embedding_count == 2 && fabsf(result->embedding[0] - 0.6f) < 1e-6f);
    om_output_embed((float[]){NAN, 4}, 2, result);
    om_assert(result->embedding[0] == 0 && result->embedding[1] == 0);
}

static void check_halves(void)
{
    for (uint32_t h = 0; h < 65536; h++) {
        bool is_nan = (h & 0x7c00) == 0x7c00 && (h & 1023);
        float f = om_half_to_float((uint16_t)h);
        om_assert(is_nan ? isnan(f) : om_half_from_float(f) == h);
    }
    om_assert(om_half_from_float(65504) == 0x7bff && om_half_from_float(70000) == 0x7c00);
    om_assert(om_half_from_float(0.1f) == 0x2e66);
}

int main(void)
{
    check_recognition();
    check_decoded_yolox();
    check_yolox();
    check_yolov5();
    check_yolov8();
    check_end2end();
    check_gfl();
    check_detr();
    check_fastest();
    check_faces();
    check_garbage();
    check_sink();
    check_nms();
    check_vectors();
    check_halves();
    return 0;
}
