#include "base/error.h"

#include <errno.h>
#include <string.h>

#include "base/assert.h"

static void test_statuses(void)
{
    for (int i = 0; i < OM_STATUS_COUNT; i++) {
        om_assert(om_status_name(i)[0]);
        om_assert((om_status_exit_code(i) == 0) == (i == OM_OK || i == OM_END));
    }
    om_assert(om_status_is_retriable(OM_TIMEOUT) && om_status_is_retriable(OM_UNREACHABLE));
    om_assert(!om_status_is_retriable(OM_REFUSED) && !om_status_is_retriable(OM_INVALID));
    om_assert(om_status_from_errno(ENOENT) == OM_NOT_FOUND);
    om_assert(om_status_from_errno(ECONNREFUSED) == OM_UNREACHABLE);
    om_assert(om_status_from_errno(EACCES) == OM_REFUSED);
    om_assert(om_status_from_errno(0) == OM_OK);
    om_assert(strcmp(om_errno_text(ENOENT), "No such file or directory") == 0);
}

static void test_texts(void)
{
    struct om_error err = {0};
    om_assert(om_error_set(&err, OM_INVALID, "%d is wrong", 7) == OM_INVALID);
    om_error_hint(&err, "try %d", 8);
    om_error_prefix(&err, "a.yaml:%d", 3);
    om_assert(err.status == OM_INVALID && strcmp(err.text, "a.yaml:3: 7 is wrong") == 0);
    om_assert(strcmp(err.hint, "try 8") == 0);
    (void)om_error_set(&err, OM_LIMIT, "other");
    om_assert(err.hint[0] == '\0');  // an old hint never goes with a new text

    (void)om_error_set(&err, OM_LIMIT, "%0300d", 1);
    om_assert(strlen(err.text) == sizeof(err.text) - 1);
    om_error_prefix(&err, "%0300d", 2);
    om_assert(strlen(err.text) == sizeof(err.text) - 1);

    om_assert(om_error_set(NULL, OM_REFUSED, "nobody asks") == OM_REFUSED);
    om_error_hint(NULL, "nobody asks");
    om_error_prefix(NULL, "nobody asks");
}

int main(void)
{
    test_statuses();
    test_texts();
    return 0;
}
