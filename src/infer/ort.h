// ONNX Runtime, behind one file: the library is opened at run time, its types stay in ort.c.
//
// Threads: a session may be run from several threads at once, each with its own om_ort_run.

#pragma once

#include <stdbool.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "infer/tensor.h"

struct om_ort_session;
struct om_ort_run;

struct om_ort_opts {
    int threads;            // of one run; 0 = one
    const char *providers;  // "cuda,cpu": the first that works; NULL = "cpu"
    const char
        *library;  // NULL = $OMMA_ORT_LIBRARY, the one beside the program, the built-in place
};

// Opens the library (once a process; sessions do it by themselves). `library` as in the options.
OM_MUST_USE bool om_ort_load(const char *library, struct om_error *err);

// Loads a graph. NULL with the reason in *err.
OM_MUST_USE struct om_ort_session *
om_ort_session_create(const char *path, const struct om_ort_opts *opts, struct om_error *err);
void om_ort_session_destroy(struct om_ort_session *session);  // accepts NULL
OM_DEFINE_AUTO(om_ort_session);

// What the graph declares; initialisers that an old exporter listed among the inputs are left out.
const struct om_tensor_info *om_ort_session_inputs(const struct om_ort_session *session,
                                                   int *ret_count);
const struct om_tensor_info *om_ort_session_outputs(const struct om_ort_session *session,
                                                    int *ret_count);
const char *om_ort_session_provider(const struct om_ort_session *session);  // "cpu"
// Version of the library, "" before the first session.
const char *om_ort_version(void);

// The tensors of one run. `inputs` are the session's with every free dim filled in; dims[0] of
// those whose batch is free is `batch`, the most pictures one run will take. NULL when memory is
// out.
OM_MUST_USE struct om_ort_run *om_ort_run_create(struct om_ort_session *session,
                                                 const struct om_tensor_info *inputs, int batch,
                                                 struct om_error *err);
void om_ort_run_destroy(struct om_ort_run *run);  // accepts NULL
OM_DEFINE_AUTO(om_ort_run);

// Where the data of an input goes, in the type the graph wants; 64-byte aligned.
void *om_ort_run_input(struct om_ort_run *run, int input);

// Runs the network on the first `count` pictures of the inputs (a graph of fixed batch always runs
// whole).
OM_MUST_USE enum om_status om_ort_run_execute(struct om_ort_run *run, int count,
                                              struct om_error *err);

// The outputs of the last execute (of all its pictures together); float16 and uint8 come as float,
// int32 as int64. Valid until the next execute. Returns how many; OM_TENSORS_MAX at the most.
int om_ort_run_outputs(struct om_ort_run *run, struct om_tensor ret[OM_TENSORS_MAX]);
