// For tests only: where the libraries of fake_ort.c and fake_nvml.c lie, as seen from a test.

#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"

static inline void om_fake_path(const char *name, char *path, size_t size)
{
    char self[2048];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    om_assert(n > 0);
    self[n] = 0;
    *strrchr(self, '/') = 0;
    snprintf(path, size, "%s/src/infer/lib%s.so", self, name);
}
