// What the files of ort*.c share.

#pragma once

#include <onnxruntime_c_api.h>
#include <stdatomic.h>

#include "base/log.h"
#include "base/thread.h"
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
    atomic_int failures;         // runs that failed one after the other
    atomic_bool is_lost;         // too many: its runs go to the session's fallback
    int nodes_count;
    struct om_ort_nodes nodes[OM_ORT_NODES_MAX];
};

struct om_ort_session {
    int replica_count;
    struct om_ort_replica replicas[OM_PLAN_MAX];
    char *path, *name;  // for the fallback
    int threads;
    struct om_mutex lock;
    struct om_ort_replica fallback;  // on the CPU; opened under `lock` when a device was lost
    bool has_fallback;               // under `lock`
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
// The CPU instead of a device that was lost; opened when first asked for. NULL when it does not
// take the graph.
struct om_ort_replica *om_ort_fallback(struct om_ort_session *session, struct om_error *err);
// Notes how a run on `replica` ended. True when that was one failure too many: the device counts as
// lost, which is told once.
bool om_ort_replica_judge(struct om_ort_session *session, struct om_ort_replica *replica,
                          const struct om_error *failure);
void om_ort_replica_close(struct om_ort_replica *replica);

void om_ort_read_shape(const OrtTensorTypeAndShapeInfo *shape, struct om_tensor_info *info);
ONNXTensorElementDataType om_ort_type_of(enum om_tensor_type type);
