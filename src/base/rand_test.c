#include "base/rand.h"

#include <string.h>

#include "base/assert.h"
#include "base/time.h"

static void test_repeats(void)
{
    struct om_rand rand;
    om_rand_init(&rand, 0);
    // The first values of the published splitmix64 from 0.
    om_assert(om_rand_u64(&rand) == 0xe220a8397b1dcdafu);
    om_assert(om_rand_u64(&rand) == 0x6e789e6aa1b965f4u);
}

static void test_even(void)
{
    struct om_rand rand;
    om_rand_init(&rand, 3);
    int counts[6] = {0};
    double sum = 0;
    for (int i = 0; i < 60000; i++) {
        uint32_t n = om_rand_below(&rand, 6);
        om_assert(n < 6);
        counts[n]++;
        double unit = om_rand_unit(&rand);
        om_assert(unit >= 0 && unit < 1);
        sum += unit;
    }
    for (int i = 0; i < 6; i++)
        om_assert(counts[i] > 9500 && counts[i] < 10500);
    om_assert(sum > 29500 && sum < 30500);
    om_assert(om_rand_below(&rand, 1) == 0);
}

static void test_uuid7(void)
{
    char a[OM_ID_TEXT_SIZE], b[OM_ID_TEXT_SIZE];
    om_rand_uuid7(a);
    om_time_sleep_us(2 * OM_MS);
    om_rand_uuid7(b);
    om_assert(strlen(a) == 36 && a[8] == '-' && a[13] == '-' && a[18] == '-' && a[23] == '-');
    om_assert(a[14] == '7' && strchr("89ab", a[19]));
    om_assert(strcmp(a, b) < 0);  // they sort by time
}

static void test_bytes(void)
{
    unsigned char a[600] = {0}, b[600] = {0};
    om_rand_bytes(a, sizeof(a));
    om_rand_bytes(b, sizeof(b));
    om_assert(memcmp(a, b, sizeof(a)) != 0 && memcmp(a + 500, b + 500, 100) != 0);
    om_rand_bytes(a, 0);
}

int main(void)
{
    test_repeats();
    test_even();
    test_uuid7();
    test_bytes();
    return 0;
}
