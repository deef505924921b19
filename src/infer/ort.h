// ONNX Runtime, behind three files: the library is opened at run time, its types stay in ort*.c.
//
// A session is one graph on one or several devices (infer/device.h): a replica of it on each. A run
// belongs to one device.
//
// Threads: a session may be run from several threads at once, each with its own om_ort_run.

#pragma once

#include <stdbool.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "infer/device.h"
#include "infer/tensor.h"

struct om_ort_session;
struct om_ort_run;

struct om_ort_opts {
    const char *name;       // of the model, for the log; NULL = the file's
    int threads;            // of one run; 0 = one
    const char *providers;  // "tensorrt:0,cuda:0,cpu"; NULL = "cpu"
    // NULL = $OMMA_ORT_LIBRARY, the one beside the program, the built-in place
    const char *library;

    bool fp16;                  // where the provider can choose
    int64_t device_memory_max;  // of the session on one card; 0 = no bound
    const char *home;           // TensorRT keeps its engines below it; NULL = nothing is kept
    // For TensorRT: the inputs as declared and for one picture (infer/tensorrt.h). May be absent.
    const struct om_tensor_info *declared, *resolved;
    int input_count, batch_max;
    // Files with weights beside the graph: a built engine holds them, so they are part of its name.
    char *const *external;
    int external_count;
};

// Opens the library (once a process; sessions do it by themselves). `library` as in the options.
OM_MUST_USE bool om_ort_load(const char *library, struct om_error *err);
// "cpu, cuda": those of Omma's providers that the opened library was built with, cut to `size`.
// Returns `text`.
const char *om_ort_providers(char *text, size_t size);

// Loads a graph on the first tier of the providers of which any device works. What was tried in
// vain is logged, once, with the reasons. NULL with the reason in *err.
OM_MUST_USE struct om_ort_session *
om_ort_session_create(const char *path, const struct om_ort_opts *opts, struct om_error *err);
void om_ort_session_destroy(struct om_ort_session *session);  // accepts NULL
OM_DEFINE_AUTO(om_ort_session);

// What the graph declares; initialisers that an old exporter listed among the inputs are left out.
const struct om_tensor_info *om_ort_session_inputs(const struct om_ort_session *session,
                                                   int *ret_count);
const struct om_tensor_info *om_ort_session_outputs(const struct om_ort_session *session,
                                                    int *ret_count);
// "cpu"; changes when a device is lost.
const char *om_ort_session_provider(const struct om_ort_session *session);
// The devices it runs on.
int om_ort_session_device_count(const struct om_ort_session *session);
struct om_device om_ort_session_device(const struct om_ort_session *session, int device);

// How many operators of the (optimised) graph each provider runs on the first device.
struct om_ort_nodes {
    char provider[32];  // as ONNX Runtime calls it
    int count;
};
enum { OM_ORT_NODES_MAX = 4 };
// Returns how many providers; 0 when nobody told (the CPU alone is not asked).
int om_ort_session_nodes(const struct om_ort_session *session,
                         struct om_ort_nodes ret[OM_ORT_NODES_MAX]);
// Version of the library, "" before the first session.
const char *om_ort_version(void);

struct om_ort_run_opts {
    int batch;   // the most pictures one run will take
    int device;  // index; any number, taken round robin
};
// The tensors of one run. `inputs` are the session's with every free dim filled in; dims[0] of
// those whose batch is free is opts->batch. NULL when memory is out.
OM_MUST_USE struct om_ort_run *om_ort_run_create(struct om_ort_session *session,
                                                 const struct om_tensor_info *inputs,
                                                 const struct om_ort_run_opts *opts,
                                                 struct om_error *err);
void om_ort_run_destroy(struct om_ort_run *run);  // accepts NULL
OM_DEFINE_AUTO(om_ort_run);

// Where the data of an input goes, in the type the graph wants; 64-byte aligned.
void *om_ort_run_input(struct om_ort_run *run, int input);

// Runs the network on the first `count` pictures of the inputs (a graph of fixed batch always runs
// whole). When runs on a card fail one after the other, the card counts as lost: this run and all
// later ones are made on the CPU.
OM_MUST_USE enum om_status om_ort_run_execute(struct om_ort_run *run, int count,
                                              struct om_error *err);

// The outputs of the last execute (of all its pictures together); float16 and uint8 come as float,
// int32 as int64. Valid until the next execute. Returns how many; OM_TENSORS_MAX at the most.
int om_ort_run_outputs(struct om_ort_run *run, struct om_tensor ret[OM_TENSORS_MAX]);
