// `sink_journal_test rate` prints what the journal keeps a second and core, and what bare SQLite
// does.

#include "sink/journal.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/rand.h"
#include "base/thread.h"
#include "base/time.h"
#include "event/sample.h"
#include "sink/journal_read.h"
#include "store/sqlite.h"

enum { PRODUCERS = 4, PER_PRODUCER = 1500, KILLS = 50 };

static char folder[64];
static char path[128];

static void fresh(const char *name)
{
    snprintf(path, sizeof(path), "%s/%s.db", folder, name);
}

static struct om_journal *open_journal(const struct om_journal_opts *opts)
{
    struct om_error err = {0};
    struct om_journal *journal = om_journal_open(path, opts ? opts : &om_journal_opts_default,
                                                 &err);
    if (!journal)
        fprintf(stderr, "%s\n", err.text);
    om_assert(journal);
    return journal;
}

static struct om_event sample(enum om_event_type type, const char *camera, const char *label)
{
    struct om_event event;
    om_event_sample(type, &event);
    event.seq = 0;
    event.wall_us = om_time_wall_us();
    (void)om_str_copy(event.camera, sizeof(event.camera), om_str_from(camera));
    if (event.label[0])
        (void)om_str_copy(event.label, sizeof(event.label), om_str_from(label));
    return event;
}

// ---- rows read ---------------------------------------------------------------------------------

struct rows {
    int count, stop_at;
    uint64_t first, last;
    bool is_rising, is_falling;
    char last_json[4096];
};

static bool on_row(void *ctx, uint64_t seq, om_str json)
{
    struct rows *rows = ctx;
    if (rows->count == 0)
        *rows = (struct rows){
            .stop_at = rows->stop_at, .first = seq, .is_rising = true, .is_falling = true};
    else if (seq > rows->last)
        rows->is_falling = false;
    else
        rows->is_rising = false;
    rows->last = seq;
    rows->count++;
    om_assert(om_str_copy(rows->last_json, sizeof(rows->last_json), json));
    return rows->count != rows->stop_at;
}

static struct rows read_rows(struct om_journal *journal, struct om_journal_query query)
{
    struct om_error err = {0};
    struct rows rows = {0};
    query.limit = query.limit ? query.limit : 1000;
    enum om_status status = om_journal_read(journal, &query, on_row, &rows, &err);
    if (status != OM_OK)
        fprintf(stderr, "%s\n", err.text);
    om_assert(status == OM_OK);
    return rows;
}

// ---- tests -------------------------------------------------------------------------------------

static void test_keeps_and_numbers(void)
{
    fresh("keeps");
    struct om_journal *journal = open_journal(NULL);
    om_assert(om_journal_seq_committed(journal) == 0);
    om_assert(read_rows(journal, (struct om_journal_query){0}).count == 0);
    for (int i = 0; i < OM_EVENT_TYPE_COUNT; i++) {
        struct om_event event = sample((enum om_event_type)i, "gate", "person");
        event.id[0] = '\0';  // the journal gives one
        om_journal_put(journal, &event);
    }
    om_journal_flush(journal);
    om_assert(om_journal_seq_committed(journal) == OM_EVENT_TYPE_COUNT);
    for (int i = 0; i < OM_EVENT_TYPE_COUNT; i++) {
        struct om_error err = {0};
        struct rows rows = read_rows(
            journal, (struct om_journal_query){.after_seq = (uint64_t)i, .limit = 1});
        om_assert(rows.count == 1 && rows.first == (uint64_t)i + 1);
        om_assert(om_event_validate(om_str_from(rows.last_json), &err) == OM_OK);
        om_assert(strstr(rows.last_json, om_event_type_name((enum om_event_type)i)));
    }
    om_journal_close(journal);

    journal = open_journal(NULL);  // numbers go on
    om_assert(om_journal_seq_committed(journal) == OM_EVENT_TYPE_COUNT);
    struct om_event event = sample(OM_EVENT_DETECTION, "gate", "person");
    om_journal_put(journal, &event);  // closing commits it
    om_journal_close(journal);
    journal = open_journal(NULL);
    om_assert(om_journal_seq_committed(journal) == OM_EVENT_TYPE_COUNT + 1);
    om_journal_close(journal);
}

static void test_queries(void)
{
    static const struct {
        struct om_journal_query query;
        int count;
        uint64_t first, last;
    } rows[] = {
        {{0}, 8, 1, 8},
        {{.newest_first = true}, 8, 8, 1},
        {{.limit = 3}, 3, 1, 3},
        {{.limit = 3, .newest_first = true}, 3, 8, 6},
        {{.after_seq = 2, .before_seq = 5}, 2, 3, 4},
        {{.after_seq = UINT64_MAX}, 0, 0, 0},
        {{.camera = "gate"}, 4, 1, 7},
        {{.camera = "yard", .newest_first = true}, 4, 8, 2},
        {{.camera = "yard", .type = "zone.left"}, 1, 6, 6},
        {{.camera = "gate'; DROP TABLE events; --"}, 0, 0, 0},
        {{.type = "track"}, 2, 1, 2},
        {{.type = "track.started"}, 1, 1, 1},
        {{.type = "io.omma.track.started.v1"}, 1, 1, 1},
        {{.type = "io.omma.zone"}, 2, 5, 6},
        {{.type = "io."}, 8, 1, 8},
        {{.type = ""}, 8, 1, 8},
        {{.label = "car"}, 2, 2, 4},
        {{.label = "car", .camera = "gate"}, 0, 0, 0},
        {{.from_wall_us = 3000}, 6, 3, 8},
        {{.from_wall_us = 3000, .to_wall_us = 5000}, 2, 3, 4},
        {{.to_wall_us = 2000, .newest_first = true}, 1, 1, 1},
    };
    fresh("queries");
    struct om_journal_opts opts = om_journal_opts_default;
    opts.keep_us = 0;  // the events are of 1970
    om_auto(om_journal) journal = open_journal(&opts);
    static const enum om_event_type types[] = {
        OM_EVENT_TRACK_STARTED, OM_EVENT_TRACK_ENDED, OM_EVENT_LINE_CROSSED, OM_EVENT_LINE_CROSSED,
        OM_EVENT_ZONE_ENTERED,  OM_EVENT_ZONE_LEFT,   OM_EVENT_CAMERA_STATE, OM_EVENT_CAMERA_STATE};
    for (int i = 0; i < 8; i++) {
        struct om_event event = sample(types[i], i % 2 ? "yard" : "gate", "person");
        if (i == 1 || i == 3)
            (void)om_str_copy(event.label, sizeof(event.label), OM_STR("car"));
        event.wall_us = 1000 * (i + 1);
        om_journal_put(journal, &event);
    }
    om_journal_flush(journal);
    for (size_t i = 0; i < OM_ARRAY_LEN(rows); i++) {
        struct rows got = read_rows(journal, rows[i].query);
        if (got.count != rows[i].count)
            fprintf(stderr, "row %zu: %d\n", i, got.count);
        om_assert(got.count == rows[i].count);
        om_assert(got.first == rows[i].first && got.last == rows[i].last);
        om_assert(got.count < 2 || (rows[i].query.newest_first ? got.is_falling : got.is_rising));
    }
    struct om_error err = {0};
    struct rows stopped = {.stop_at = 2};
    const struct om_journal_query all = {.limit = 5}, odd = {.type = "trak", .limit = 5};
    om_assert(om_journal_read(journal, &all, on_row, &stopped, &err) == OM_OK);
    om_assert(stopped.count == 2);
    om_assert(om_journal_read(journal, &odd, on_row, &stopped, &err) == OM_INVALID && err.hint[0]);
}

struct producer {
    struct om_journal *journal;
    char camera[8];
    struct om_thread thread;
};

static void produce(void *ctx)
{
    struct producer *producer = ctx;
    struct om_event event = sample(OM_EVENT_TRACK_UPDATED, producer->camera, "person");
    for (int i = 0; i < PER_PRODUCER; i++) {
        event.track_id = (uint64_t)i + 1;
        om_journal_put(producer->journal, &event);
    }
}

static void on_wake(void *ctx)
{
    atomic_fetch_add((atomic_int *)ctx, 1);
}

static bool check_order(void *ctx, uint64_t seq, om_str json)
{
    uint64_t *next = ctx;
    char subject[48];
    (void)seq;
    snprintf(subject, sizeof(subject), "\"subject\":\"track/%llu\"", (unsigned long long)++*next);
    return om_str_find(json, om_str_from(subject)) >= 0;
}

static void test_many_producers(void)
{
    fresh("many");
    struct om_journal_opts opts = om_journal_opts_default;
    opts.queue_max = 64;  // they have to wait for each other
    opts.commit_us = 1000;
    om_auto(om_journal) journal = open_journal(&opts);
    atomic_int wakes = 0, other = 0;
    om_assert(om_journal_listen(journal, on_wake, &wakes));
    for (int i = 0; i < 15; i++)
        om_assert(om_journal_listen(journal, on_wake, &other));
    om_assert(!om_journal_listen(journal, on_wake, &other));
    om_journal_unlisten(journal, &other);

    struct producer producers[PRODUCERS];
    for (int i = 0; i < PRODUCERS; i++) {
        producers[i].journal = journal;
        snprintf(producers[i].camera, sizeof(producers[i].camera), "cam%d", i);
        om_assert(om_thread_start(&producers[i].thread, "producer", 0, produce, &producers[i]));
    }
    for (int i = 0; i < PRODUCERS; i++)
        om_thread_join(&producers[i].thread);
    om_journal_flush(journal);
    om_assert(om_journal_seq_committed(journal) == PRODUCERS * PER_PRODUCER);
    om_assert(wakes > 10 && other == 0);

    for (int i = 0; i < PRODUCERS; i++) {  // in order per camera
        uint64_t seen = 0;
        struct om_journal_query query = {.camera = producers[i].camera, .limit = 1000};
        om_assert(om_journal_read(journal, &query, check_order, &seen, NULL) == OM_OK);
        om_assert(seen == 1000);
    }
}

static void put_some(struct om_journal *journal, int count, int64_t wall_us)
{
    struct om_event event = sample(OM_EVENT_DETECTION, "gate", "person");
    event.wall_us = wall_us;
    for (int i = 0; i < count; i++)
        om_journal_put(journal, &event);
    om_journal_flush(journal);
}

static void test_retention(void)
{
    fresh("retention");
    struct om_journal_opts opts = om_journal_opts_default;
    opts.rows_max = 100;
    struct om_journal *journal = open_journal(&opts);
    put_some(journal, 300, om_time_wall_us());
    struct rows rows = read_rows(journal, (struct om_journal_query){0});
    om_assert(rows.count == 100 && rows.first == 201 && rows.last == 300);
    om_journal_close(journal);

    opts.rows_max = 0;
    opts.keep_us = 60 * (int64_t)OM_SECOND;
    journal = open_journal(&opts);
    put_some(journal, 50, om_time_wall_us() - opts.keep_us - OM_SECOND);
    rows = read_rows(journal, (struct om_journal_query){0});
    om_assert(rows.count == 150);  // behind younger ones: their turn has not come
    om_journal_close(journal);

    opts.keep_us = 1;
    journal = open_journal(&opts);
    put_some(journal, 1, 1);
    rows = read_rows(journal, (struct om_journal_query){0});
    om_assert(rows.count == 1 && rows.first == 351);  // the newest always stays
    om_journal_close(journal);
    journal = open_journal(&opts);
    put_some(journal, 1, 1);
    om_assert(om_journal_seq_committed(journal) == 352);
    om_journal_close(journal);
}

static void test_allocates_nothing(void)
{
    fresh("steady");
    om_auto(om_journal) journal = open_journal(NULL);
    put_some(journal, 200, om_time_wall_us());
    put_some(journal, 200, om_time_wall_us());
    uint64_t before = om_mem_alloc_count();
    for (int i = 0; i < 20; i++)
        put_some(journal, 50, om_time_wall_us());
    om_assert(om_mem_alloc_count() == before);
}

// A disk that takes nothing: nobody waits, what the queue cannot hold is lost, and it goes on by
// itself.
static void test_disk_fails(void)
{
    fresh("full");
    struct om_journal_opts opts = om_journal_opts_default;
    opts.queue_max = 100;
    om_auto(om_journal) journal = open_journal(&opts);
    put_some(journal, 10, om_time_wall_us());
    uint64_t errors = om_log_count(OM_LOG_ERROR);
    struct rlimit limit, none;
    om_assert(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = limit.rlim_max};
    om_assert(signal(SIGXFSZ, SIG_IGN) != SIG_ERR && setrlimit(RLIMIT_FSIZE, &none) == 0);
    put_some(journal, 1, om_time_wall_us());    // the writer finds out
    put_some(journal, 150, om_time_wall_us());  // and nobody waits for ever
    om_assert(om_journal_seq_committed(journal) == 10);
    om_assert(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    while (om_journal_seq_committed(journal) != 111)
        om_time_sleep_us(10 * OM_MS);
    om_assert(om_log_count(OM_LOG_ERROR) == errors + 1);
    put_some(journal, 9, om_time_wall_us());
    om_assert(read_rows(journal, (struct om_journal_query){0}).last == 120);
}

static void test_readers(void)
{
    struct om_error err = {0};
    snprintf(path, sizeof(path), "%s/no/such/place.db", folder);
    om_assert(!om_journal_open(path, &om_journal_opts_default, &err));
    om_assert(err.status == OM_NOT_FOUND && strstr(err.text, "place.db"));
    om_assert(!om_journal_reader_open(path, &err) && err.status == OM_NOT_FOUND);

    fresh("reader");
    struct om_journal *journal = open_journal(NULL);
    put_some(journal, 3, om_time_wall_us());
    om_auto(om_journal_reader) reader = om_journal_reader_open(path, &err);
    uint64_t last = 0;
    om_assert(reader && om_journal_reader_last(reader, &last, &err) == OM_OK && last == 3);
    put_some(journal, 1, om_time_wall_us());
    om_assert(om_journal_reader_last(reader, &last, &err) == OM_OK && last == 4);
    om_journal_close(journal);
}

// ---- kill -9 -----------------------------------------------------------------------------------

// The child: puts events for ever and tells each number once it is committed.
static void crash_child(void)
{
    om_auto(om_journal) journal = open_journal(NULL);
    struct om_rand rand;
    om_rand_init(&rand, (uint64_t)getpid());
    for (;;) {
        put_some(journal, 1 + (int)om_rand_below(&rand, 40), om_time_wall_us());
        uint64_t seq = om_journal_seq_committed(journal);
        if (write(STDOUT_FILENO, &seq, sizeof(seq)) != sizeof(seq))
            return;
    }
}

static pid_t start_child(int *ret_fd)
{
    int ends[2];
    om_assert(pipe2(ends, O_CLOEXEC) == 0);
    pid_t pid = fork();
    om_assert(pid >= 0);
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        execl("/proc/self/exe", "journal_test", "crash", path, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    *ret_fd = ends[0];
    return pid;
}

// What the child told before it died: the last number.
static uint64_t last_told(int fd)
{
    uint64_t seq = 0, got;
    while (read(fd, &got, sizeof(got)) == sizeof(got))
        seq = got;
    close(fd);
    return seq;
}

static void check_whole(uint64_t told)
{
    struct om_error err = {0};
    const struct om_db_opts opts = {.is_read_only = true,
                                    .migrations = (const char *const[]){"", NULL}};
    om_auto(om_db) db = om_db_open(path, &opts, &err);
    om_assert(db && om_db_check(db, &err) == OM_OK);
    om_auto(om_stmt) stmt = om_stmt_create(
        db, "SELECT count(*), min(seq), max(seq), (SELECT count(*) FROM event_json) FROM events",
        &err);
    om_assert(stmt && om_stmt_step(stmt, &err) == OM_OK);
    int64_t count = om_stmt_int(stmt, 0);
    om_assert(om_stmt_int(stmt, 1) == (count ? 1 : 0));
    om_assert(om_stmt_int(stmt, 2) == count && om_stmt_int(stmt, 3) == count);
    om_assert((uint64_t)count >= told);
}

static void test_kill(void)
{
    fresh("kill");
    om_journal_close(open_journal(NULL));
    struct om_rand rand;
    om_rand_init(&rand, 3);
    uint64_t told = 0;
    int kills = 0;
    int64_t end_us = om_time_mono_us() + 8 * OM_SECOND;
    for (; kills < KILLS && (kills < 10 || om_time_mono_us() < end_us); kills++) {
        int fd;
        pid_t pid = start_child(&fd);
        // Half of them while it opens the file or writes its first, the others in full run.
        if (kills % 2)
            om_assert(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 5000) == 1);
        om_time_sleep_us(om_rand_below(&rand, 25 * OM_MS));
        om_assert(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
        uint64_t seq = last_told(fd);
        om_assert(seq == 0 || seq > told);
        told = OM_MAX(told, seq);
        check_whole(told);
    }
    fprintf(stderr, "%d kills, %llu events told, none lost\n", kills, (unsigned long long)told);
    om_assert(told > 0);
}

// ---- rate --------------------------------------------------------------------------------------

enum { RATE_EVENTS = 100000 };

static void print_rate(const char *what, int64_t cpu_us, int64_t wall_us)
{
    printf("%-36s %8.0f events/s per core, %8.0f events/s\n", what,
           RATE_EVENTS * 1e6 / (double)cpu_us, RATE_EVENTS * 1e6 / (double)wall_us);
}

static double bare_rate(void)
{
    struct om_error err = {0};
    fresh("bare");
    const struct om_db_opts opts = {
        .migrations = (const char *const[]){
            "CREATE TABLE events(seq INTEGER PRIMARY KEY, wall_us INTEGER, type TEXT, camera TEXT,"
            " label TEXT, track_id INTEGER, json TEXT); CREATE INDEX c ON events(camera)",
            NULL}};
    om_auto(om_db) db = om_db_open(path, &opts, &err);
    om_auto(om_stmt)
        stmt = om_stmt_create(db, "INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)", &err);
    struct om_event event = sample(OM_EVENT_TRACK_UPDATED, "gate", "person");
    om_auto_buf json;
    om_buf_init(&json, 1 << 16);
    om_event_to_json(&event, &json);
    int64_t cpu_us = om_time_cpu_us(), wall_us = om_time_mono_us();
    for (int i = 1; i <= RATE_EVENTS; i++) {
        if (i % 1000 == 1)
            om_assert(om_db_exec(db, "BEGIN", &err) == OM_OK);
        om_stmt_bind_int(stmt, 1, i);
        om_stmt_bind_int(stmt, 2, event.wall_us);
        om_stmt_bind_text(stmt, 3, OM_STR("track.updated.v1"));
        om_stmt_bind_text(stmt, 4, OM_STR("gate"));
        om_stmt_bind_text(stmt, 5, OM_STR("person"));
        om_stmt_bind_int(stmt, 6, i);
        om_stmt_bind_text(stmt, 7, om_buf_str(&json));
        om_assert(om_stmt_run(stmt, &err) == OM_OK);
        if (i % 1000 == 0)
            om_assert(om_db_exec(db, "COMMIT", &err) == OM_OK);
    }
    cpu_us = om_time_cpu_us() - cpu_us;
    print_rate("bare SQLite, 1000 in a transaction", cpu_us, om_time_mono_us() - wall_us);
    return (double)cpu_us;
}

static void print_rates(void)
{
    double bare_us = bare_rate();
    fresh("rate");
    om_auto(om_journal) journal = open_journal(NULL);
    struct om_event event = sample(OM_EVENT_TRACK_UPDATED, "gate", "person");
    int64_t cpu_us = om_time_cpu_us(), wall_us = om_time_mono_us();
    for (int i = 0; i < RATE_EVENTS; i++) {
        event.track_id = (uint64_t)i;
        om_journal_put(journal, &event);
    }
    om_journal_flush(journal);
    cpu_us = om_time_cpu_us() - cpu_us;
    print_rate("journal, put to commit", cpu_us, om_time_mono_us() - wall_us);
    printf("share of SQLite %.2f\n", bare_us / (double)cpu_us);
}

static void remove_folder(void)
{
    DIR *dir = opendir(folder);
    om_assert(dir);
    for (struct dirent *entry; (entry = readdir(dir));)
        (void)unlinkat(dirfd(dir), entry->d_name, 0);  // not "." and ".."
    closedir(dir);
    om_assert(rmdir(folder) == 0);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "crash") == 0) {
        snprintf(path, sizeof(path), "%s", argv[2]);
        crash_child();
        return 1;
    }
    snprintf(folder, sizeof(folder), "/tmp/omma-journal-XXXXXX");
    om_assert(mkdtemp(folder));
    if (argc == 2 && strcmp(argv[1], "rate") == 0) {
        print_rates();
    } else {
        test_keeps_and_numbers();
        test_queries();
        test_many_producers();
        test_retention();
        test_allocates_nothing();
        test_disk_fails();
        test_readers();
        test_kill();
    }
    remove_folder();
    return 0;
}
