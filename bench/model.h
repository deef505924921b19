// The model of a benchmark: the one that --model names, else the nano detector of the data folder.

#pragma once

struct om_bench_opts;
struct om_error;
struct om_model;
struct om_model_opts;

// NULL with the reason and what to do.
struct om_model *om_bench_model(const struct om_bench_opts *opts,
                                const struct om_model_opts *model_opts, struct om_error *err);
