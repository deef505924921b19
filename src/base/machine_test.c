#include "base/machine.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/time.h"

enum { GIB = 1 << 30, CORES_MAX = 1024 };

static char root[64];

static void put(const char *path, const char *text)
{
    char full[256], folder[256];
    snprintf(full, sizeof(full), "%s%s", root, path);
    (void)om_str_copy(folder, sizeof(folder), om_str_from(full));
    *strrchr(folder, '/') = '\0';
    om_assert(om_dir_make(folder, NULL));
    om_assert(om_file_write(full, om_str_from(text), NULL));
}

static struct om_machine look(void)
{
    struct om_machine machine;
    om_machine_read(root, &machine);
    return machine;
}

static void test_machine_alone(double cores)
{
    om_assert(look().memory_bytes == 0);  // nothing is there
    put("/proc/meminfo", "MemTotal:        8388608 kB\nMemFree:  1 kB\n");
    om_assert(look().memory_bytes == 8LL * GIB);
    put("/proc/self/cgroup", "0::/\n");
    put("/sys/fs/cgroup/memory.max", "max\n");
    put("/sys/fs/cgroup/cpu.max", "max 100000\n");
    om_assert(look().memory_bytes == 8LL * GIB && look().cores == cores);
}

static void test_version_2(double cores)
{
    put("/proc/self/cgroup", "0::/system.slice/omma.service\n");
    put("/sys/fs/cgroup/system.slice/omma.service/memory.max", "4294967296\n");
    put("/sys/fs/cgroup/system.slice/omma.service/cpu.max", "50000 100000\n");
    om_assert(look().memory_bytes == 4LL * GIB && look().cores == 0.5);
    put("/sys/fs/cgroup/system.slice/memory.max", "2147483648\n");  // the parent's is smaller
    put("/sys/fs/cgroup/system.slice/omma.service/cpu.max", "max 100000\n");
    om_assert(look().memory_bytes == 2LL * GIB && look().cores == cores);
}

static void test_version_1(double cores)
{
    put("/proc/self/cgroup", "12:memory:/docker/f00\n3:cpu,cpuacct:/docker/f00\nnonsense\n");
    put("/sys/fs/cgroup/memory/docker/f00/memory.limit_in_bytes", "1073741824\n");
    put("/sys/fs/cgroup/cpu/docker/f00/cpu.cfs_quota_us", "25000\n");
    put("/sys/fs/cgroup/cpu/docker/f00/cpu.cfs_period_us", "100000\n");
    om_assert(look().memory_bytes == GIB && look().cores == 0.25);
    put("/sys/fs/cgroup/cpu/docker/f00/cpu.cfs_quota_us", "-1\n");
    put("/sys/fs/cgroup/memory/docker/f00/memory.limit_in_bytes", "9223372036854771712\n");
    om_assert(look().memory_bytes == 8LL * GIB && look().cores == cores);
    // Inside of a container the path is not there, and its limits are those of the root.
    put("/proc/self/cgroup", "12:memory:/docker/gone\n3:cpu,cpuacct:/docker/gone\n");
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "3221225472\n");
    om_assert(look().memory_bytes == 3LL * GIB);
}

static void test_use(int cores)
{
    om_assert(om_machine_idle_us(root) < 0);
    static char text[1 << 16] = "cpu  1 1 1 1 1 1 1\n";
    size_t n = strlen(text);
    for (int i = 0; i < CORES_MAX; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "cpu%d 9 20 9 60 20 9\n", i);
    put("/proc/stat", text);
    int idle_ticks = getpriority(PRIO_PROCESS, 0) <= 0 ? 100 : 80;
    om_assert(om_machine_idle_us(root) == cores * idle_ticks * 10 * (int64_t)OM_MS);

    int64_t before = om_machine_rss_bytes(), idle = om_machine_idle_us("");
    om_assert(before > 100 * 1024 && idle >= 0);
    enum { BLOCK = 32 << 20 };
    char *block = om_new_array(char, BLOCK);
    memset(block, 1, BLOCK);
    om_assert(om_machine_rss_bytes() > before + BLOCK * 3 / 4);
    om_free(block);
}

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *at)
{
    (void)about, (void)type, (void)at;
    return remove(path);
}

int main(void)
{
    (void)om_str_copy(root, sizeof(root), OM_STR("/tmp/omma-machine-XXXXXX"));
    om_assert(mkdtemp(root));
    struct om_machine machine;
    om_machine_read("", &machine);
    om_assert(machine.cores > 0 && machine.memory_bytes > GIB / 16);
    double cores = look().cores;  // no quota there: only the affinity
    test_machine_alone(cores);
    test_version_2(cores);
    test_version_1(cores);
    test_use((int)cores);
    om_assert(nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0);
    return 0;
}
