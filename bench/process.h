// What the process holds, as the kernel counts it.

#pragma once

#include <stdint.h>

struct om_bench_process {
    int64_t rss_bytes;
    int descriptors, threads;
};

void om_bench_process_read(struct om_bench_process *ret);
