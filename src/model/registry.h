// Model registry: the models a machine has, as folders below the state directory.
//
//     <home>/models/<name>/<version>/   model.onnx, its external data, model.json (a manifest that
//     says
//                                       everything), reference.json (what it gave at import),
//                                       state.json
//     <home>/models/<name>/current      the version that the bare name means
//
// A version is the first 12 hex digits of the graph's SHA-256. Nothing is ever changed in place: a
// version is put together in a folder of its own and renamed, so that readers see all of it or
// nothing.
//
// Threads: no shared state but the disk; calls may run at once, also in several processes.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "infer/model.h"

struct om_verify_report;

enum { OM_REGISTRY_MODELS_MAX = 1024, OM_REGISTRY_PATH_SIZE = 4096 };

struct om_registry_entry {
    char name[65], version[65];
    bool is_current;
    char sha256[65];  // of the graph
    char added[40];   // RFC 3339
    char from[512];   // file or URL it came from, without credentials
    int64_t bytes;    // of the graph
    enum om_model_kind kind;
    enum om_output_family family;
    int input_width, input_height;
    int class_count;  // 0 = not known
    char licence[128];
    char path[OM_REGISTRY_PATH_SIZE];  // of the graph; its manifest is beside it
};

// Called now and then while a URL is fetched, from the calling thread; `total` is 0 when not known.
typedef void om_registry_progress_fn(void *ctx, int64_t done, int64_t total);

struct om_registry_add_opts {
    const char
        *source;  // an .onnx file, a folder with one, an https:// URL, a name of the catalogue
    const char *manifest;  // file, or NULL: the one beside it, or what the graph says
    const char *name;      // NULL = the manifest's
    const char *sha256;    // what the graph must have; needed for URLs
    struct om_model_opts model;
    om_registry_progress_fn *progress;  // may be NULL
    void *ctx;
};

// Brings a model in through the parity gate (model/verify.h) and makes it current. False with the
// reason in *err; then nothing has changed. *report (may be NULL) is filled as far as the gate
// came.
OM_MUST_USE bool om_registry_add(const char *home, const struct om_registry_add_opts *opts,
                                 struct om_registry_entry *ret, struct om_verify_report *report,
                                 struct om_error *err);

// Every version of every model, by name, newest first; freed by om_free(). NULL (and *ret_count 0)
// when there is none.
struct om_registry_entry *om_registry_list(const char *home, int *ret_count);

// "name" or "name@version" (a beginning that is unique will do). OM_NOT_FOUND with what there is.
OM_MUST_USE bool om_registry_find(const char *home, const char *reference,
                                  struct om_registry_entry *ret, struct om_error *err);

// A version, or with the bare name all of them. Runs under way keep what they have loaded.
OM_MUST_USE bool om_registry_remove(const char *home, const char *reference, struct om_error *err);

// The graph file that `reference` means: a path (an .onnx file, or a folder with one), else a model
// of the registry. `path` has OM_REGISTRY_PATH_SIZE bytes.
OM_MUST_USE bool om_registry_resolve(const char *home, const char *reference, char *path,
                                     struct om_error *err);
// Resolves and loads.
OM_MUST_USE struct om_model *om_registry_load(const char *home, const char *reference,
                                              const struct om_model_opts *opts,
                                              struct om_error *err);
