#include <malloc.h>

#include "base/machine.h"
#include "base/mem.h"

// Private memory that the kernel counts as resident, and nobody asked for.
static int64_t idle_bytes(int64_t *ret_used)
{
    struct mallinfo2 info = mallinfo2();
    *ret_used = (int64_t)(info.uordblks + info.hblkhd);
    return om_machine_private_bytes() - *ret_used;
}

bool om_mem_give_back(void)
{
    enum { WORTH_BYTES = 8 << 20, WORTH_SHARE = 8 };
    static int64_t left_bytes;  // after the last time: what cannot be given back
    int64_t used, idle = idle_bytes(&used);
    if (idle < left_bytes + OM_MAX(WORTH_BYTES, used / WORTH_SHARE)) {
        left_bytes = OM_MIN(left_bytes, OM_MAX(idle, 0));
        return false;
    }
    (void)malloc_trim(0);
    left_bytes = OM_MAX(idle_bytes(&used), 0);
    return true;
}
