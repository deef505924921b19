#include "bench/process.h"

#include <dirent.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

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

// /proc/self/statm: "size resident shared ...", in pages.
static int64_t resident_bytes(void)
{
    om_auto_free char *text = NULL;
    size_t n = 0;
    if (!om_file_read("/proc/self/statm", 4096, &text, &n, NULL))
        return 0;
    om_str rest = om_str_n(text, n), piece;
    int64_t pages = 0;
    bool is_read = om_str_split(&rest, ' ', &piece) && om_str_split(&rest, ' ', &piece) &&
                   om_str_to_int64(piece, &pages);
    return is_read ? pages * sysconf(_SC_PAGESIZE) : 0;
}

void om_bench_process_read(struct om_bench_process *ret)
{
    ret->rss_bytes = resident_bytes();
    ret->descriptors = count_entries("/proc/self/fd") - 1;  // the folder's own
    ret->threads = count_entries("/proc/self/task");
}
