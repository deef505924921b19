// What the files of ort*.c share.

#pragma once

#include <onnxruntime_c_api.h>

#include "base/log.h"
#include "infer/ort.h"

struct om_device_counter;
struct om_device_pool;

// A graph on one device.
struct om_ort_replica {
    struct om_device device;
    OrtSession *ort;
    struct om_device_counter *counter;
    // Where tensors of ours lie: the process's pool of plain memory, or pinned memory that belongs
    // to this replica.
    struct om_device_pool *pool;
    OrtMemoryInfo *memory;
    OrtAllocator *pinned;  // NULL = plain memory
    // The provider computes in memory of its own: inputs travel each time they are bound.
    bool is_remote;
    OrtRunOptions *run_options;  // NULL = the library's
    int nodes_count;
    struct om_ort_nodes nodes[OM_ORT_NODES_MAX];
};

struct om_ort_session {
    int replica_count;
    struct om_ort_replica replicas[OM_PLAN_MAX];
    int input_count, output_count;
    struct om_tensor_info inputs[OM_TENSORS_MAX];
    struct om_tensor_info outputs[OM_TENSORS_MAX];
};

extern const struct om_log om_ort_log;
// Set by om_ort_load(), constant afterwards.
extern const OrtApi *om_ort_api;
extern OrtEnv *om_ort_env;

// Takes over `status`; true when it is no error. `doing` goes before its text; "" = nothing does.
bool om_ort_is_ok(OrtStatus *status, struct om_error *err, const char *doing);
void om_ort_log_line(void *ctx, OrtLoggingLevel severity, const char *category, const char *id,
                     const char *where, const char *message);

// Fills session->replicas. False when not even the CPU takes the graph.
OM_MUST_USE bool om_ort_open_replicas(struct om_ort_session *session, const char *path,
                                      const struct om_ort_opts *opts, struct om_error *err);
void om_ort_replica_close(struct om_ort_replica *replica);

void om_ort_read_shape(const OrtTensorTypeAndShapeInfo *shape, struct om_tensor_info *info);
ONNXTensorElementDataType om_ort_type_of(enum om_tensor_type type);
