#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/assert.h"
#include "base/str.h"

static const struct {
    const char *name;
    bool is_retriable;
    int exit_code;
} statuses[OM_STATUS_COUNT] = {
    [OM_OK] = {"ok", false, EX_OK},
    [OM_AGAIN] = {"again", true, EX_TEMPFAIL},
    [OM_END] = {"end", false, EX_OK},
    [OM_TIMEOUT] = {"timeout", true, EX_UNAVAILABLE},
    [OM_REFUSED] = {"refused", false, EX_NOPERM},
    [OM_UNREACHABLE] = {"unreachable", true, EX_UNAVAILABLE},
    [OM_INVALID] = {"invalid", false, EX_DATAERR},
    [OM_UNSUPPORTED] = {"unsupported", false, EX_DATAERR},
    [OM_NOT_FOUND] = {"not_found", false, EX_NOINPUT},
    [OM_EXISTS] = {"exists", false, EX_CANTCREAT},
    [OM_LIMIT] = {"limit", false, EX_UNAVAILABLE},
    [OM_NO_MEMORY] = {"no_memory", false, EX_OSERR},
    [OM_CANCELLED] = {"cancelled", false, EX_TEMPFAIL},
    [OM_INTERNAL] = {"internal", false, EX_SOFTWARE},
};

const char *om_status_name(enum om_status status)
{
    om_assert(status >= 0 && status < OM_STATUS_COUNT);
    return statuses[status].name;
}

bool om_status_is_retriable(enum om_status status)
{
    om_assert(status >= 0 && status < OM_STATUS_COUNT);
    return statuses[status].is_retriable;
}

int om_status_exit_code(enum om_status status)
{
    om_assert(status >= 0 && status < OM_STATUS_COUNT);
    return statuses[status].exit_code;
}

enum om_status om_error_set(struct om_error *err, enum om_status status, const char *format, ...)
{
    if (!err)
        return status;
    err->status = status;
    err->hint[0] = '\0';
    va_list args;
    va_start(args, format);
    vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    return status;
}

void om_error_hint(struct om_error *err, const char *format, ...)
{
    if (!err)
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(err->hint, sizeof(err->hint), format, args);
    va_end(args);
}

void om_error_prefix(struct om_error *err, const char *format, ...)
{
    if (!err)
        return;
    char prefix[sizeof(err->text) / 2], old[sizeof(err->text)];
    memcpy(old, err->text, sizeof(old));
    va_list args;
    va_start(args, format);
    vsnprintf(prefix, sizeof(prefix), format, args);
    va_end(args);
    size_t n = strlen(prefix);
    memcpy(err->text, prefix, n);
    // What does not fit of the old text is cut, as anywhere else.
    memcpy(err->text + n, ": ", 2);
    (void)om_str_copy(err->text + n + 2, sizeof(err->text) - n - 2, om_str_from(old));
}

const char *om_errno_text(int errno_value)
{
    static _Thread_local char text[96];
    return strerror_r(errno_value, text, sizeof(text));
}

enum om_status om_status_from_errno(int errno_value)
{
    switch (errno_value) {
    case 0:
        return OM_OK;
    case EAGAIN:
    case EINTR:
        return OM_AGAIN;
    case ENOENT:
    case ENODEV:
    case ENXIO:
    case ENOTDIR:
        return OM_NOT_FOUND;
    case EEXIST:
        return OM_EXISTS;
    case EACCES:
    case EPERM:
    case EBUSY:
        return OM_REFUSED;
    case ENOMEM:
        return OM_NO_MEMORY;
    case ETIMEDOUT:
        return OM_TIMEOUT;
    case ECONNREFUSED:
    case ECONNRESET:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EADDRNOTAVAIL:
        return OM_UNREACHABLE;
    case EMFILE:
    case ENFILE:
    case ENOSPC:
    case EFBIG:
        return OM_LIMIT;
    case EINVAL:
        return OM_INVALID;
    default:
        return OM_INTERNAL;
    }
}
