#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void om_assert_failed(const char *cond, const char *file, int line)
{
    fprintf(stderr, "omma: bug: assertion '%s' failed at %s:%d\n", cond, file, line);
    abort();
}
