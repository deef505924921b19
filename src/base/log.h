// Logs: one JSON object a line, or a human line on a terminal. Every object that speaks carries a
// child log ("cam/gate/rtsp"), so a line never repeats who speaks.
//
// Levels by reader: error = someone must act; warn = we coped; info = state changes; debug = never
// per frame; trace = anything. Library folders do not log failures they return.
//
// Safe from any thread; a line is written by one write(2). Control characters in values are
// escaped.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

enum om_log_level { OM_LOG_ERROR, OM_LOG_WARN, OM_LOG_INFO, OM_LOG_DEBUG, OM_LOG_TRACE };
enum om_log_form { OM_LOG_AUTO, OM_LOG_JSON, OM_LOG_HUMAN };  // auto: human on a terminal

// A speaker. Copy it by value; `name` and `camera` are borrowed and must outlive it.
struct om_log {
    const char *name;    // "rtsp", "http"
    const char *camera;  // camera id, or NULL
};

// Extra fields of one line, all optional: {.request_id = "...", .latency_ms = 3.2, .has_latency =
// true}.
struct om_log_fields {
    const char *request_id;
    const char *model;
    const char *model_version;
    double latency_ms;
    bool has_latency;
};

// Process-wide, at start and at reload. Default: info, auto, to stderr.
void om_log_set_level(enum om_log_level level);
void om_log_set_form(enum om_log_form form);
void om_log_set_fd(int fd);
bool om_log_is_on(enum om_log_level level);
// Lines written at `level` since start; tests and metrics read it.
uint64_t om_log_count(enum om_log_level level);

// `log` may be NULL (then the line has no speaker). Use the macros.
void om_log_write(const struct om_log *log, enum om_log_level level,
                  const struct om_log_fields *fields, const char *format, ...) OM_PRINTF(4, 5);

#define om_log_at(log, level, fields, ...)                                                         \
    (om_log_is_on(level) ? om_log_write((log), (level), (fields), __VA_ARGS__) : (void)0)
#define om_log_error(log, ...) om_log_at((log), OM_LOG_ERROR, NULL, __VA_ARGS__)
#define om_log_warn(log, ...) om_log_at((log), OM_LOG_WARN, NULL, __VA_ARGS__)
#define om_log_info(log, ...) om_log_at((log), OM_LOG_INFO, NULL, __VA_ARGS__)
#define om_log_debug(log, ...) om_log_at((log), OM_LOG_DEBUG, NULL, __VA_ARGS__)
#define om_log_trace(log, ...) om_log_at((log), OM_LOG_TRACE, NULL, __VA_ARGS__)
