// Runs: tensors of ours, bound to the network once for each number of pictures. On the CPU the
// network reads and writes them in place; a card reads and writes page-locked memory.

#include <string.h>

#include "base/mem.h"
#include "base/time.h"
#include "infer/device_memory.h"
#include "infer/ort_int.h"

enum { BATCH_MAX = 64 };

// The tensors bound for one number of pictures.
struct shape {
    OrtIoBinding *binding;
    OrtValue *in[OM_TENSORS_MAX];
    OrtValue *out[OM_TENSORS_MAX];  // NULL where the library brings the memory
    bool is_bound[OM_TENSORS_MAX];  // out[i] is
};

struct om_ort_run {
    // Constant after create.
    struct om_ort_session *session;  // borrowed, like the pool
    struct om_device_pool *pool;     // of the replica it began on
    OrtMemoryInfo *host;             // where the library puts outputs that we bring no memory for
    int batch;
    struct om_tensor_info inputs[OM_TENSORS_MAX];
    void *input_data[OM_TENSORS_MAX];

    struct om_ort_replica *replica;  // borrowed; another one when the first was lost
    bool can_preallocate;            // until a graph turns out to answer with other shapes
    void *output_data[OM_TENSORS_MAX];
    size_t output_bytes[OM_TENSORS_MAX];
    void *converted[OM_TENSORS_MAX];
    size_t converted_bytes[OM_TENSORS_MAX];
    struct shape *shapes[BATCH_MAX + 1];  // by number of pictures, made when first needed
    OrtValue *last[OM_TENSORS_MAX];       // of the last run: ours (a shape's) or the library's
    bool last_is_ours[OM_TENSORS_MAX];
};

// ---- create and destroy ------------------------------------------------------------------------

static OrtValue *wrap(struct om_ort_run *run, void *data, const struct om_tensor_info *info,
                      struct om_error *err)
{
    size_t bytes = om_tensor_count(info->dims, info->rank) * om_tensor_type_bytes(info->type);
    OrtValue *value = NULL;
    if (!om_ort_is_ok(om_ort_api->CreateTensorWithDataAsOrtValue(
                          run->replica->memory, data, bytes, info->dims, (size_t)info->rank,
                          om_ort_type_of(info->type), &value),
                      err, "tensor"))
        return NULL;
    return value;
}

static bool alloc_inputs(struct om_ort_run *run, const struct om_tensor_info *inputs,
                         struct om_error *err)
{
    for (int i = 0; i < run->session->input_count; i++) {
        run->inputs[i] = inputs[i];
        size_t bytes = om_tensor_count(inputs[i].dims, inputs[i].rank) *
                       om_tensor_type_bytes(inputs[i].type);
        if (bytes)
            run->input_data[i] = om_device_pool_take(run->pool, bytes);
        if (!run->input_data[i]) {
            om_error_set(err, OM_NO_MEMORY, "no memory for the input \"%s\" (%zu bytes)",
                         inputs[i].name, bytes);
            return false;
        }
    }
    return true;
}

struct om_ort_run *om_ort_run_create(struct om_ort_session *session,
                                     const struct om_tensor_info *inputs,
                                     const struct om_ort_run_opts *opts, struct om_error *err)
{
    struct om_ort_run *made = om_try_new(struct om_ort_run);
    if (!made || opts->batch < 1 || opts->batch > BATCH_MAX) {
        om_error_set(err, made ? OM_LIMIT : OM_NO_MEMORY, "no run of %d pictures", opts->batch);
        om_free(made);
        return NULL;
    }
    made->session = session;
    made->replica = &session->replicas[opts->device % session->replica_count];
    made->pool = made->replica->pool;
    made->batch = opts->batch;
    made->can_preallocate = true;
    om_device_counter_instances(made->replica->counter, 1);
    om_auto(om_ort_run) run = made;
    if (!om_ort_is_ok(
            om_ort_api->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &run->host), err,
            "memory") ||
        !alloc_inputs(run, inputs, err))
        return NULL;
    return om_steal(&run);
}

static void destroy_shape(struct shape *shape)
{
    if (!shape)
        return;
    if (shape->binding)
        om_ort_api->ReleaseIoBinding(shape->binding);
    for (int i = 0; i < OM_TENSORS_MAX; i++) {
        if (shape->in[i])
            om_ort_api->ReleaseValue(shape->in[i]);
        if (shape->out[i])
            om_ort_api->ReleaseValue(shape->out[i]);
    }
    om_free(shape);
}

static void forget_last(struct om_ort_run *run)
{
    for (int i = 0; i < run->session->output_count; i++) {
        if (run->last[i] && !run->last_is_ours[i])
            om_ort_api->ReleaseValue(run->last[i]);
        run->last[i] = NULL;
    }
}

void om_ort_run_destroy(struct om_ort_run *run)
{
    if (!run)
        return;
    forget_last(run);
    for (int n = 0; n <= BATCH_MAX; n++)
        destroy_shape(run->shapes[n]);
    for (int i = 0; i < OM_TENSORS_MAX; i++) {
        om_device_pool_put(run->pool, run->input_data[i]);
        om_device_pool_put(run->pool, run->output_data[i]);
        om_free(run->converted[i]);
    }
    if (run->host)
        om_ort_api->ReleaseMemoryInfo(run->host);
    om_device_counter_instances(run->replica->counter, -1);
    om_free(run);
}

void *om_ort_run_input(struct om_ort_run *run, int input)
{
    return run->input_data[input];
}

// ---- binding -----------------------------------------------------------------------------------

static bool bind_inputs(struct om_ort_run *run, struct shape *shape, struct om_error *err)
{
    for (int i = 0; i < run->session->input_count; i++) {
        if (!om_ort_is_ok(
                om_ort_api->BindInput(shape->binding, run->session->inputs[i].name, shape->in[i]),
                err, "bind"))
            return false;
    }
    return true;
}

// Ours stay bound. What the library brought the last time would stay bound, too, as if it were
// ours, so such an output is bound to nothing but a place again each time.
static bool bind_outputs(struct om_ort_run *run, struct shape *shape, struct om_error *err)
{
    for (int i = 0; i < run->session->output_count; i++) {
        const char *name = run->session->outputs[i].name;
        bool is_ours = run->can_preallocate && shape->out[i];
        if (is_ours && shape->is_bound[i])
            continue;
        OrtStatus *status = is_ours
                                ? om_ort_api->BindOutput(shape->binding, name, shape->out[i])
                                : om_ort_api->BindOutputToDevice(shape->binding, name, run->host);
        if (!om_ort_is_ok(status, err, "bind"))
            return false;
        shape->is_bound[i] = is_ours;
    }
    return true;
}

static struct shape *create_shape(struct om_ort_run *run, int count, struct om_error *err)
{
    struct shape *shape = om_new(struct shape);
    bool is_ok = om_ort_is_ok(om_ort_api->CreateIoBinding(run->replica->ort, &shape->binding), err,
                              "bind");
    for (int i = 0; is_ok && i < run->session->input_count; i++) {
        struct om_tensor_info info = run->inputs[i];
        if (info.rank > 0 && run->session->inputs[i].dims[0] < 0)
            info.dims[0] = count;
        shape->in[i] = wrap(run, run->input_data[i], &info, err);
        is_ok = shape->in[i];
    }
    is_ok = is_ok && bind_inputs(run, shape, err);
    if (!is_ok) {
        destroy_shape(shape);
        return NULL;
    }
    return shape;
}

// Whether output `i` has the same shape in every run of `count` pictures, so that it may be written
// into a buffer of ours: nothing is free but the batch.
static bool is_repeatable(const struct om_ort_run *run, int i, int count,
                          const struct om_tensor_info *seen)
{
    const struct om_tensor_info *info = &run->session->outputs[i];
    if (info->rank != seen->rank || info->rank < 1)
        return false;
    for (int d = 1; d < info->rank; d++)
        if (info->dims[d] != seen->dims[d])
            return false;
    return info->dims[0] == seen->dims[0] ||
           (info->dims[0] < 0 && info->rank > 1 && seen->dims[0] == count);
}

static bool describe(const OrtValue *value, struct om_tensor_info *ret)
{
    OrtTensorTypeAndShapeInfo *shape = NULL;
    *ret = (struct om_tensor_info){0};
    if (!value || !om_ort_is_ok(om_ort_api->GetTensorTypeAndShape(value, &shape), NULL, ""))
        return false;
    om_ort_read_shape(shape, ret);
    om_ort_api->ReleaseTensorTypeAndShapeInfo(shape);
    return ret->rank <= OM_TENSOR_RANK_MAX;
}

// After the first run of `count` pictures: buffers of our own for the outputs that always look
// alike.
static void preallocate(struct om_ort_run *run, struct shape *shape, int count)
{
    for (int i = 0; run->can_preallocate && i < run->session->output_count; i++) {
        struct om_tensor_info seen;
        if (shape->out[i] || !describe(run->last[i], &seen) || !is_repeatable(run, i, count, &seen))
            continue;
        size_t bytes = om_tensor_count(seen.dims, seen.rank) * om_tensor_type_bytes(seen.type);
        size_t total = seen.dims[0] == count ? bytes / (size_t)count * (size_t)run->batch : bytes;
        if (!bytes || (run->output_data[i] && run->output_bytes[i] < bytes))
            continue;
        if (!run->output_data[i]) {
            run->output_data[i] = om_device_pool_take(run->pool, total);
            run->output_bytes[i] = total;
        }
        if (run->output_data[i])
            shape->out[i] = wrap(run, run->output_data[i], &seen, NULL);
    }
}

// ---- run ---------------------------------------------------------------------------------------

static bool run_once(struct om_ort_run *run, struct shape *shape, struct om_error *err)
{
    const struct om_ort_replica *replica = run->replica;
    const char *doing = "the network does not run";
    if (!bind_outputs(run, shape, err))
        return false;
    // What lies in memory of ours travels to the card when it is bound.
    if (replica->is_remote &&
        (!bind_inputs(run, shape, err) ||
         !om_ort_is_ok(om_ort_api->SynchronizeBoundInputs(shape->binding), err, doing)))
        return false;
    return om_ort_is_ok(
               om_ort_api->RunWithBinding(replica->ort, replica->run_options, shape->binding), err,
               doing) &&
           (!replica->is_remote ||
            om_ort_is_ok(om_ort_api->SynchronizeBoundOutputs(shape->binding), err, doing));
}

static bool is_all_ours(const struct om_ort_run *run, const struct shape *shape)
{
    for (int i = 0; i < run->session->output_count; i++)
        if (!shape->is_bound[i])
            return false;
    return true;
}

static bool take_outputs(struct om_ort_run *run, const struct shape *shape, struct om_error *err)
{
    const char *doing = "the network's outputs";
    OrtAllocator *allocator = NULL;
    OrtValue **values = NULL;
    size_t n = 0;
    if (!is_all_ours(run, shape) &&
        (!om_ort_is_ok(om_ort_api->GetAllocatorWithDefaultOptions(&allocator), err, doing) ||
         !om_ort_is_ok(om_ort_api->GetBoundOutputValues(shape->binding, allocator, &values, &n),
                       err, doing)))
        return false;
    for (int i = 0; i < run->session->output_count; i++) {
        OrtValue *value = (size_t)i < n ? values[i] : NULL;
        run->last_is_ours[i] = shape->is_bound[i];
        run->last[i] = shape->is_bound[i] ? shape->out[i] : value;
        if (shape->is_bound[i] && value)
            om_ort_api->ReleaseValue(value);
    }
    if (values)
        (void)om_ort_is_ok(om_ort_api->AllocatorFree(allocator, values), NULL, "");
    return true;
}

// One try, and another one without our own output buffers, because they are the only thing that can
// differ from run to run.
static bool run_here(struct om_ort_run *run, int count, struct om_error *err)
{
    if (!run->shapes[count])
        run->shapes[count] = create_shape(run, count, err);
    struct shape *shape = run->shapes[count];
    if (!shape)
        return false;
    forget_last(run);
    bool has_run = run_once(run, shape, err);
    if (!has_run && run->can_preallocate) {
        run->can_preallocate = false;
        has_run = run_once(run, shape, err);
    }
    return has_run && take_outputs(run, shape, err);
}

// The tensors stay where they are: the CPU can read page-locked memory like any other.
static bool move_to_fallback(struct om_ort_run *run, struct om_error *err)
{
    struct om_ort_replica *fallback = om_ort_fallback(run->session, err);
    if (!fallback)
        return false;
    forget_last(run);
    for (int n = 0; n <= BATCH_MAX; n++)
        destroy_shape(om_steal(&run->shapes[n]));
    om_device_counter_instances(run->replica->counter, -1);
    om_device_counter_instances(fallback->counter, 1);
    run->replica = fallback;
    run->can_preallocate = true;
    return true;
}

enum om_status om_ort_run_execute(struct om_ort_run *run, int count, struct om_error *err)
{
    struct om_error failure = {0};
    if (count < 1 || count > run->batch)
        return om_error_set(err, OM_LIMIT, "a run of %d pictures where %d fit", count, run->batch);
    if (atomic_load(&run->replica->is_lost) && !move_to_fallback(run, err))
        return OM_INVALID;
    int64_t start_us = om_time_mono_us();
    bool has_run = run_here(run, count, &failure);
    if (om_ort_replica_judge(run->session, run->replica, has_run ? NULL : &failure))
        has_run = move_to_fallback(run, &failure) && run_here(run, count, &failure);
    if (!has_run) {
        if (err)
            *err = failure;
        return OM_INVALID;
    }
    om_device_counter_add(run->replica->counter, count, om_time_mono_us() - start_us);
    preallocate(run, run->shapes[count], count);
    return OM_OK;
}

// ---- outputs -----------------------------------------------------------------------------------

static void *converted_buffer(struct om_ort_run *run, int i, size_t bytes)
{
    if (run->converted_bytes[i] < bytes) {
        om_free(run->converted[i]);
        run->converted[i] = om_try_alloc_aligned(bytes);
        run->converted_bytes[i] = run->converted[i] ? bytes : 0;
    }
    return run->converted[i];
}

static void to_floats(const void *data, enum om_tensor_type type, float *to, size_t count)
{
    const uint16_t *halves = data;
    const uint8_t *bytes = data;
    for (size_t i = 0; i < count; i++)
        to[i] = type == OM_TENSOR_F16 ? om_half_to_float(halves[i]) : (float)bytes[i];
}

static void to_longs(const int32_t *from, int64_t *to, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = from[i];
}

static void fill_output(struct om_ort_run *run, int i, struct om_tensor *ret)
{
    struct om_tensor_info info;
    void *data = NULL;
    *ret = (struct om_tensor){.name = run->session->outputs[i].name};
    if (!describe(run->last[i], &info) ||
        !om_ort_is_ok(om_ort_api->GetTensorMutableData(run->last[i], &data), NULL, "") || !data)
        return;
    size_t count = om_tensor_count(info.dims, info.rank);
    ret->rank = info.rank;
    memcpy(ret->dims, info.dims, sizeof(info.dims));
    if (info.type == OM_TENSOR_F32) {
        ret->f32 = data;
    } else if (info.type == OM_TENSOR_I64) {
        ret->i64 = data;
    } else if (info.type == OM_TENSOR_I32 && count) {
        int64_t *longs = converted_buffer(run, i, count * sizeof(int64_t));
        if (longs)
            to_longs(data, longs, count);
        ret->i64 = longs;
    } else if (om_tensor_type_bytes(info.type) && count) {
        float *floats = converted_buffer(run, i, count * sizeof(float));
        if (floats)
            to_floats(data, info.type, floats, count);
        ret->f32 = floats;
    }
    ret->count = ret->f32 || ret->i64 ? count : 0;
}

int om_ort_run_outputs(struct om_ort_run *run, struct om_tensor ret[OM_TENSORS_MAX])
{
    for (int i = 0; i < run->session->output_count; i++)
        fill_output(run, i, &ret[i]);
    return run->session->output_count;
}
