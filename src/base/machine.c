#include "base/machine.h"

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

enum { FILE_BYTES_MAX = 1 << 20, PATH_SIZE = 1024 };

// The text of a file of the kernel's, freed by om_free(); NULL when there is none.
static char *read_text(const char *root, const char *path)
{
    char full[PATH_SIZE];
    char *text = NULL;
    size_t n = 0;
    int length = snprintf(full, sizeof(full), "%s%s", root, path);
    if (length < 0 || (size_t)length >= sizeof(full))
        return NULL;
    return om_file_read(full, FILE_BYTES_MAX, &text, &n, NULL) ? text : NULL;
}

// A file that holds numbers in a row; how many of the `n` are there ("max" is none).
static int read_numbers(const char *root, const char *path, int64_t *out, int n)
{
    om_auto_free char *text = read_text(root, path);
    om_str rest = om_str_trim(om_str_from(text)), piece;
    int count = 0;
    while (count < n && om_str_split(&rest, ' ', &piece) && om_str_to_int64(piece, &out[count]))
        count++;
    return count;
}

// ---- control groups ----------------------------------------------------------------------------

// The folder of this process in the hierarchy of `controller` ("" = version 2), as
// /proc/self/cgroup says: "4:memory:/a/b" or "0::/a/b". False when it is in none.
static bool group_path(const char *root, const char *controller, char *out, size_t size)
{
    om_auto_free char *text = read_text(root, "/proc/self/cgroup");
    om_str rest = om_str_from(text), line;
    while (om_str_split(&rest, '\n', &line)) {
        om_str number, names, name;
        if (!om_str_split(&line, ':', &number))
            continue;
        ptrdiff_t colon = om_str_find_char(line, ':');
        if (colon < 0)
            continue;
        names = om_str_sub(line, 0, (size_t)colon);
        om_str path = om_str_sub(line, (size_t)colon + 1, line.n);
        bool is_it = names.n == 0 && controller[0] == '\0';
        while (!is_it && om_str_split(&names, ',', &name))
            is_it = om_str_equal(name, om_str_from(controller));
        if (is_it)
            return om_str_copy(out, size, path);
    }
    return false;
}

// One step up: "/a/b" -> "/a" -> "" (the root). False at the root.
static bool go_up(char *path)
{
    char *slash = strrchr(path, '/');
    if (!slash)
        return false;
    *slash = '\0';
    return true;
}

typedef void limit_fn(const char *root, const char *folder, struct om_machine *machine);

// A limit holds for everything below it, so each folder up to the root may set one. In a container
// the path may not exist, and then the root is its own.
static void limit_all(const char *root, const char *mount, const char *controller, limit_fn *fn,
                      struct om_machine *machine)
{
    char path[PATH_SIZE / 2], folder[PATH_SIZE];
    if (!group_path(root, controller, path, sizeof(path)))
        return;
    do {
        (void)snprintf(folder, sizeof(folder), "%s%s", mount, path);
        fn(root, folder, machine);
    } while (go_up(path));
}

static void limit_memory(const char *root, const char *folder, const char *file,
                         struct om_machine *machine)
{
    char path[PATH_SIZE];
    int64_t bytes;
    (void)snprintf(path, sizeof(path), "%.900s/%s", folder, file);
    if (read_numbers(root, path, &bytes, 1) == 1 && bytes > 0 &&
        (machine->memory_bytes == 0 || bytes < machine->memory_bytes))
        machine->memory_bytes = bytes;
}

static void limit_cores(int64_t quota_us, int64_t period_us, struct om_machine *machine)
{
    if (quota_us > 0 && period_us > 0)
        machine->cores = OM_MIN(machine->cores, (double)quota_us / (double)period_us);
}

static void limit_v2(const char *root, const char *folder, struct om_machine *machine)
{
    char path[PATH_SIZE];
    int64_t cpu[2];
    limit_memory(root, folder, "memory.max", machine);
    (void)snprintf(path, sizeof(path), "%.900s/cpu.max", folder);
    if (read_numbers(root, path, cpu, 2) == 2)
        limit_cores(cpu[0], cpu[1], machine);
}

static void limit_v1_memory(const char *root, const char *folder, struct om_machine *machine)
{
    limit_memory(root, folder, "memory.limit_in_bytes", machine);
}

static void limit_v1_cpu(const char *root, const char *folder, struct om_machine *machine)
{
    char path[PATH_SIZE];
    int64_t quota, period;
    (void)snprintf(path, sizeof(path), "%.900s/cpu.cfs_quota_us", folder);
    if (read_numbers(root, path, &quota, 1) != 1)
        return;
    (void)snprintf(path, sizeof(path), "%.900s/cpu.cfs_period_us", folder);
    if (read_numbers(root, path, &period, 1) == 1)
        limit_cores(quota, period, machine);
}

// ---- the machine -------------------------------------------------------------------------------

static int64_t total_memory(const char *root)
{
    om_auto_free char *text = read_text(root, "/proc/meminfo");
    om_str rest = om_str_from(text), line;
    while (om_str_split(&rest, '\n', &line)) {
        int64_t kib;
        if (!om_str_starts_with(line, OM_STR("MemTotal:")))
            continue;
        om_str value = om_str_trim(om_str_sub(line, strlen("MemTotal:"), line.n));
        ptrdiff_t blank = om_str_find_char(value, ' ');
        if (blank > 0 && om_str_to_int64(om_str_sub(value, 0, (size_t)blank), &kib))
            return kib * 1024;
    }
    return 0;
}

void om_machine_read(const char *root, struct om_machine *ret)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    ret->cores = (double)OM_MAX(online, 1);
    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        ret->cores = CPU_COUNT(&set);
    ret->memory_bytes = total_memory(root);
    limit_all(root, "/sys/fs/cgroup", "", limit_v2, ret);
    limit_all(root, "/sys/fs/cgroup/memory", "memory", limit_v1_memory, ret);
    limit_all(root, "/sys/fs/cgroup/cpu", "cpu", limit_v1_cpu, ret);
}

// ---- use ---------------------------------------------------------------------------------------

// A line "cpu7 user nice system idle iowait ..." in ticks; false when it is about another core.
static bool idle_of_line(om_str line, const cpu_set_t *set, bool counts_nice, int64_t *ret_ticks)
{
    enum { NICE = 2, IDLE = 4, IOWAIT = 5 };
    om_str piece;
    int64_t core, ticks;
    if (!om_str_starts_with(line, OM_STR("cpu")) || !om_str_split(&line, ' ', &piece) ||
        !om_str_to_int64(om_str_sub(piece, 3, piece.n), &core) || core < 0 || core >= CPU_SETSIZE ||
        !CPU_ISSET((size_t)core, set))
        return false;
    *ret_ticks = 0;
    for (int i = 1; i <= IOWAIT && om_str_split(&line, ' ', &piece); i++) {
        if ((i >= IDLE || (i == NICE && counts_nice)) && om_str_to_int64(piece, &ticks))
            *ret_ticks += ticks;
    }
    return true;
}

int64_t om_machine_idle_us(const char *root)
{
    om_auto_free char *text = read_text(root, "/proc/stat");
    cpu_set_t set;
    CPU_ZERO(&set);
    if (!text || sched_getaffinity(0, sizeof(set), &set) != 0)
        return -1;
    om_str rest = om_str_from(text), line;
    int64_t sum = 0, ticks;
    bool counts_nice = getpriority(PRIO_PROCESS, 0) <= 0;
    while (om_str_split(&rest, '\n', &line)) {
        if (idle_of_line(line, &set, counts_nice, &ticks))
            sum += ticks;
    }
    return sum * (1000000 / sysconf(_SC_CLK_TCK));
}

enum { STATM_RESIDENT = 1, STATM_SHARED = 2, STATM_COUNT = 3 };

int64_t om_machine_rss_bytes(void)
{
    int64_t pages[STATM_COUNT];
    if (read_numbers("", "/proc/self/statm", pages, STATM_COUNT) != STATM_COUNT)
        return 0;
    return pages[STATM_RESIDENT] * sysconf(_SC_PAGESIZE);
}

int64_t om_machine_private_bytes(void)
{
    int64_t pages[STATM_COUNT];
    if (read_numbers("", "/proc/self/statm", pages, STATM_COUNT) != STATM_COUNT)
        return 0;
    return (pages[STATM_RESIDENT] - pages[STATM_SHARED]) * sysconf(_SC_PAGESIZE);
}
