// What this process may use of the machine, and what it uses: cores (affinity and CPU quota),
// memory (of the machine or of its cgroup, version 1 or 2), idle time, resident memory.
//
// Threads: any.

#pragma once

#include <stdint.h>

struct om_machine {
    double cores;          // may be a fraction: a quota of 1.5
    int64_t memory_bytes;  // 0 when the kernel does not say
};

// `root` stands before /proc and /sys, "" for the real ones; tests give a folder.
void om_machine_read(const char *root, struct om_machine *ret);
// Time that the cores this process may use had left since the machine started, summed over them:
// idle, or given to programs that stand back (nice) while this one does not. Negative when the
// kernel does not say.
int64_t om_machine_idle_us(const char *root);
// Resident bytes of this process, 0 when the kernel does not say.
int64_t om_machine_rss_bytes(void);
// Those of them that are no file's: heap and stacks.
int64_t om_machine_private_bytes(void);
