#include "bench/home.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"

bool om_bench_home_make(struct om_bench_home *home, struct om_error *err)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(home->path, sizeof(home->path), "%.200s/omma-bench-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(home->path)) {
        om_error_set(err, om_status_from_errno(errno), "%s: %s", home->path, om_errno_text(errno));
        home->path[0] = '\0';
        return false;
    }
    snprintf(home->journal_path, sizeof(home->journal_path), "%s/events.db", home->path);
    return true;
}

void om_bench_home_remove(struct om_bench_home *home)
{
    static const char *const tails[] = {"", "-wal", "-shm"};
    if (!home->path[0])
        return;
    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        char path[320];
        snprintf(path, sizeof(path), "%s%s", home->journal_path, tails[i]);
        (void)unlink(path);  // may never have been there
    }
    (void)rmdir(home->path);
}
