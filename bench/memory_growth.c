#include <math.h>

#include "base/machine.h"
#include "base/mem.h"
#include "bench/memory.h"

void om_growth_look(struct om_growth *growth, double done, double total)
{
    if (growth->count == OM_GROWTH_SAMPLES ||
        done < total * (growth->count + 1) / OM_GROWTH_SAMPLES)
        return;
    (void)om_mem_give_back();
    growth->done[growth->count] = done;
    growth->bytes[growth->count] = (double)om_machine_private_bytes();
    growth->count++;
}

struct om_slope om_growth_slope(const struct om_growth *growth)
{
    int first = growth->count / 4, n = growth->count - first;
    double x = 0, y = 0, xx = 0, xy = 0, off = 0;
    if (n < 3)
        return (struct om_slope){NAN, NAN};
    for (int i = first; i < growth->count; i++) {
        x += growth->done[i] / n;
        y += growth->bytes[i] / n;
    }
    for (int i = first; i < growth->count; i++) {
        xx += (growth->done[i] - x) * (growth->done[i] - x);
        xy += (growth->done[i] - x) * (growth->bytes[i] - y);
    }
    double slope = xy / xx;
    for (int i = first; i < growth->count; i++)
        off += pow(growth->bytes[i] - y - slope * (growth->done[i] - x), 2);
    return (struct om_slope){slope, sqrt(off / (n - 2) / xx)};
}
