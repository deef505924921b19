// Clocks. All waiting and all media time uses the monotone clock; the wall clock is only a label on
// what is reported. docs/design/time.md has the whole story.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

enum { OM_MS = 1000, OM_SECOND = 1000000 };  // in microseconds

// "No time": never a valid time stamp.
#define OM_TIME_NONE INT64_MIN

// CLOCK_MONOTONIC / CLOCK_REALTIME (since 1970, UTC) in microseconds. Safe from any thread.
int64_t om_time_mono_us(void);
int64_t om_time_wall_us(void);
// CPU time used by the whole process / by the calling thread, in microseconds.
int64_t om_time_cpu_us(void);
int64_t om_time_thread_cpu_us(void);

// Sleeps at least that long (nothing when <= 0).
void om_time_sleep_us(int64_t us);

enum { OM_TIME_TEXT_SIZE = 40 };
// RFC 3339 in UTC with microseconds: "2026-11-21T10:52:40.123456Z". Returns `text`.
const char *om_time_text(int64_t wall_us, char text[OM_TIME_TEXT_SIZE]);
// The way back, with any number of fraction digits and any offset. False when it is no such time.
OM_MUST_USE _Bool om_time_parse(const char *text, size_t n, int64_t *ret_wall_us);
