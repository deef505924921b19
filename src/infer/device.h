// Devices: which execution providers a model shall run on, in which order, and what each did.
//
// A plan is read from a list like "tensorrt:0,tensorrt:1,cuda,cpu". Neighbours of the same kind are
// one *tier*: the model's instances are spread over all of its devices that work. When none of a
// tier works, the next tier is tried; the CPU always is the last. Within a tier ONNX Runtime still
// gives every operator that the provider cannot run to the next one (TensorRT to CUDA to CPU).

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

struct om_buf;
struct om_opt_group;

enum om_provider { OM_PROVIDER_CPU, OM_PROVIDER_CUDA, OM_PROVIDER_TENSORRT, OM_PROVIDER_OPENVINO };

enum { OM_PLAN_MAX = 16, OM_DEVICE_TEXT_SIZE = 24 };

struct om_device {
    enum om_provider provider;
    int id;  // of the card; -1 = the provider's own choice (cpu, openvino)
};

struct om_device_plan {
    int count;
    struct om_device items[OM_PLAN_MAX];  // the last is the CPU
};

// Reads the list (NULL or empty: the CPU). False with a hint: no such provider, no such number, too
// many, the same twice. What comes after the CPU would never be tried and is left out. A list with
// TensorRT gets CUDA on the same cards behind it.
OM_MUST_USE bool om_device_plan_parse(const char *list, struct om_device_plan *ret,
                                      struct om_error *err);
// How many items from `from` on are one tier; 0 at the end.
int om_device_plan_tier(const struct om_device_plan *plan, int from);
// "cuda", "cpu".
const char *om_provider_name(enum om_provider provider);
// "cuda:1", "cpu". Returns `text`.
const char *om_device_text(struct om_device device, char text[OM_DEVICE_TEXT_SIZE]);

// ---- options -----------------------------------------------------------------------------------

// What a server's configuration says about inference.
struct om_infer_opts {
    char *providers;
    int threads;            // of one run on the CPU; 0 = chosen
    int instances;          // on each device; 0 = chosen
    bool fp16;              // TensorRT and OpenVINO compute in half precision
    bool engine_cache;      // keep what TensorRT builds
    int64_t device_memory;  // bytes that one model may take on one card; 0 = no bound
};
extern const struct om_opt_group om_infer_opt_group;
// Fills in what is to be chosen (0), for a machine with `cores`: on the CPU alone runs of one
// thread, as many as cores.
void om_infer_opts_choose(struct om_infer_opts *opts, int cores);

// ---- counters ----------------------------------------------------------------------------------

// What all runs on one device did, over all models. Never freed: a handful for the process.
struct om_device_counter;
// The device's counter; made when first asked for. NULL when there are too many devices.
struct om_device_counter *om_device_counter_get(struct om_device device);
// One instance more or less that may run there.
void om_device_counter_instances(struct om_device_counter *counter, int more);  // accepts NULL
// A run of `pictures` took `us`. Accepts NULL.
void om_device_counter_add(struct om_device_counter *counter, int pictures, int64_t us);

struct om_device_stats {
    struct om_device device;
    int instances;
    uint64_t runs, pictures;
    int64_t busy_us;
};
// Every device that was ever asked for. Returns how many; at most `max`.
int om_device_stats(struct om_device_stats *ret, int max);

// Appends the metrics of the devices, of device memory and of the cards; a om_metric_collect_fn.
void om_device_collect(void *ctx, struct om_buf *out);
// Makes om_device_collect() part of the process's metrics; again does no harm.
void om_device_metrics_register(void);
