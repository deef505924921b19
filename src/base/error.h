// Errors: a small class that says what to do, a sentence for humans, and a hint what to do next.
//
// Functions of the data plane (per packet, per frame) return enum om_status only. Functions of the
// control plane (open, parse, load, connect) also fill a struct om_error that the caller owns.

#pragma once

#include <stdbool.h>

#include "base/attr.h"

enum om_status {
    OM_OK = 0,
    OM_AGAIN,        // nothing now, ask again later
    OM_END,          // the stream is over
    OM_TIMEOUT,      // the peer did not answer in time; retriable
    OM_REFUSED,      // the peer said no: password, permission, busy
    OM_UNREACHABLE,  // no route, no listener, no name; retriable
    OM_INVALID,      // the input is malformed
    OM_UNSUPPORTED,  // well-formed, but not something Omma can do
    OM_NOT_FOUND,
    OM_EXISTS,
    OM_LIMIT,  // a bound was hit; the option that sets it is in the hint
    OM_NO_MEMORY,
    OM_CANCELLED,
    OM_INTERNAL,  // a bug, or a library that broke its promise
    OM_STATUS_COUNT
};

struct om_error {
    enum om_status status;
    char text[240];  // one sentence without a full stop; never holds a credential
    char hint[240];  // what to do next, or ""
};

// A short lower-case name: "not_found". Valid for every value of the enum.
const char *om_status_name(enum om_status status);

// Whether the same call may succeed later without anybody changing anything.
bool om_status_is_retriable(enum om_status status);

// An exit code of sysexits.h that fits `status`.
int om_status_exit_code(enum om_status status);

// Fills *err (may be NULL) and clears its hint. Returns `status`, so that a failing function can
// end with `return om_error_set(err, OM_INVALID, "...")`. Text that does not fit is cut.
enum om_status om_error_set(struct om_error *err, enum om_status status, const char *format, ...)
    OM_PRINTF(3, 4);

// Sets what to do next; `err` may be NULL.
void om_error_hint(struct om_error *err, const char *format, ...) OM_PRINTF(2, 3);

// Puts "<format>: " in front of the text of an error that travels up; `err` may be NULL.
void om_error_prefix(struct om_error *err, const char *format, ...) OM_PRINTF(2, 3);

// The text of an errno value, thread-safe; valid until the next call in this thread.
const char *om_errno_text(int errno_value);

// The class that fits an errno value.
enum om_status om_status_from_errno(int errno_value);
