#include "bench/process.h"

#include <dirent.h>

#include "base/machine.h"

static int count_entries(const char *folder)
{
    int n = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        n += entry->d_name[0] != '.';
    if (dir)
        (void)closedir(dir);
    return n;
}

void om_bench_process_read(struct om_bench_process *ret)
{
    ret->rss_bytes = om_machine_rss_bytes();
    ret->descriptors = count_entries("/proc/self/fd") - 1;  // the folder's own
    ret->threads = count_entries("/proc/self/task");
}
