#include "bench/fleet.h"

#include <math.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/time.h"
#include "bench/fleet_assign.h"
#include "bench/fleet_node.h"
#include "bench/fleet_queue.h"

enum what {
    BOUT,       // who: camera; stamp 1: only think again
    WET,        // camera: its gate opens or closes for the rain; stamp: which
    CLAIM,      // camera: the new owner takes its row in the store
    CONNECTED,  // camera: the first key frame is there, a new epoch begins
    STALE_END,  // camera: its former owner sees that it is one; stamp: the machine
    EXPIRE,     // machine: its lease ran out on the store's clock
    LAPSE,      // machine: its lease ran out on its own clock
    BACK,       // machine: up again
    HEAL,       // machine: reaches the store again
    THAW,       // machine
    DRAIN,      // machine; stamp 1: begins, 0: ends
    DELIVER,    // machine: a batch goes to the brokers
    FAULT,      // who: index in the scenario
    FAULT_END,
    SAMPLE
};

enum {
    RETHINK_US = 600 * OM_SECOND,
    SAMPLE_US = 5 * OM_SECOND,
    SEND_US = 100 * OM_MS,
    NOTE_US = 50 * OM_MS,  // from the brokers' answer to its note in the journal
    RAIN_SPREAD_US = 60 * OM_SECOND
};

struct camera {
    uint64_t id;
    double share;  // of its time in which something moves, on the average
    int time_zone;
    bool is_active, is_wet, is_outdoor, is_dark_by_fault;
    int target;  // who shall read it
    int owner;   // the store's row
    int reader;  // who reads it in the present epoch, or -1
    int stale;   // who still reads it in an older one, or -1
    int frozen;  // who read it when it froze, or -1
    uint32_t epoch, reader_epoch, stale_epoch;
    uint32_t stamp;   // of the move under way
    int64_t dark_us;  // since when nobody reads it
};

struct batch {
    int64_t at_us;  // when it happened in the scene
    uint32_t count;
};

struct machine {
    double drift, load;  // cores
    int64_t phase_us, connect_free_us, delivered_us;
    int zone, rack;
    bool is_up, is_member, is_draining, is_new, is_frozen, has_store, is_sending;
    uint32_t lease, delivered_last, resend;
    struct batch *spool;  // a ring
    size_t head, len, cap;
    uint64_t spooled;
};

struct fleet {
    const struct om_fleet_plan *plan;
    const struct om_fleet_scenario *scenario;
    struct om_fleet_result *ret;
    struct om_fleet_queue queue;
    struct om_rand rand;
    struct camera *cameras;
    struct machine *machines;
    int machine_count, join_count;
    uint32_t *connects;  // by second
    size_t seconds;
    uint64_t *partitions;
    int64_t now_us, brokers_back_us, store_back_us;
    bool store_is_up, brokers_are_up, is_raining;
    uint64_t accepted_before, spooled;
    double load_sum, overload_sum, skipped_sum, sample_count;
};

// ---- small things ------------------------------------------------------------------------------

static void put(struct fleet *f, int64_t at_us, enum what what, int who, uint32_t stamp)
{
    const struct om_fleet_event event = {.at_us = at_us, .kind = what, .who = who, .stamp = stamp};
    om_fleet_queue_put(&f->queue, event);
}

static double exponential(struct fleet *f, double mean)
{
    return -mean * log(1 - om_rand_unit(&f->rand));
}

// Hours of a day in a town: quiet night, morning and evening rush. Mean 1.
static double busy_at(double hour)
{
    static const double curve[24] = {.25,  .18,  .15,  .15,  .22,  .50,  1.05, 1.75,
                                     1.90, 1.45, 1.20, 1.20, 1.30, 1.25, 1.20, 1.30,
                                     1.60, 1.85, 1.60, 1.20, .95,  .75,  .60,  .40};
    hour -= 24 * floor(hour / 24);
    int i = (int)hour % 24;
    return curve[i] + (hour - floor(hour)) * (curve[(i + 1) % 24] - curve[i]);
}

double om_fleet_busy(int time_zones, double hour)
{
    double sum = 0;
    for (int i = 0; i < time_zones; i++)
        sum += busy_at(hour - i);
    return sum / time_zones;
}

static double hour_of(const struct fleet *f)
{
    return f->scenario->from_hour + (double)f->now_us / OM_SECOND / 3600;
}

static int64_t seconds_us(double seconds)
{
    return (int64_t)(seconds * OM_SECOND);
}

// The next, or the last, time that a machine talks to the store.
static int64_t beat_after(const struct fleet *f, const struct machine *m)
{
    int64_t beat_us = f->plan->heartbeat_us;
    return f->now_us + beat_us - (f->now_us + m->phase_us) % beat_us;
}
static int64_t beat_before(const struct fleet *f, const struct machine *m)
{
    return beat_after(f, m) - f->plan->heartbeat_us;
}

static double camera_load(const struct fleet *f, const struct camera *cam)
{
    return cam->is_active || cam->is_wet ? f->plan->active_cores : f->plan->quiet_cores;
}

static void add_load(struct fleet *f, const struct camera *cam, double sign)
{
    if (cam->reader >= 0)
        f->machines[cam->reader].load += sign * camera_load(f, cam);
    if (cam->stale >= 0)
        f->machines[cam->stale].load += sign * camera_load(f, cam);
}

static void note_failover(struct om_fleet_result *ret, double seconds)
{
    if ((ret->failover_count & (ret->failover_count - 1)) == 0)  // full at powers of two
        ret->failover_s = om_realloc(ret->failover_s, 2 * (size_t)ret->failover_count + 1,
                                     sizeof(*ret->failover_s));
    ret->failover_s[ret->failover_count++] = seconds;
}

static void set_readers(struct fleet *f, struct camera *cam, int reader, int stale)
{
    add_load(f, cam, -1);
    if (cam->reader >= 0 && reader < 0) {
        cam->dark_us = f->now_us;
    } else if (cam->reader < 0 && reader >= 0) {
        f->ret->dark_s += (double)(f->now_us - cam->dark_us) / OM_SECOND;
        if (cam->is_dark_by_fault)
            note_failover(f->ret, (double)(f->now_us - cam->dark_us) / OM_SECOND);
    }
    if (reader >= 0)
        cam->is_dark_by_fault = false;
    cam->reader = reader;
    cam->stale = stale;
    add_load(f, cam, 1);
}

static void go_dark(struct fleet *f, struct camera *cam)
{
    set_readers(f, cam, -1, cam->stale);
    cam->is_dark_by_fault = true;
}

// ---- events: journal, spool, brokers -----------------------------------------------------------

static void spool_put(struct machine *m, struct batch batch, bool merges)
{
    struct batch *last = m->len ? &m->spool[(m->head + m->len - 1) % m->cap] : NULL;
    m->spooled += batch.count;
    if (merges && last && batch.at_us - last->at_us < OM_SECOND) {
        last->count += batch.count;
        return;
    }
    if (m->len == m->cap) {
        size_t cap = m->cap ? 2 * m->cap : 16;
        struct batch *spool = om_new_array(struct batch, cap);
        for (size_t i = 0; i < m->len; i++)
            spool[i] = m->spool[(m->head + i) % m->cap];
        om_free(m->spool);
        m->spool = spool;
        m->cap = cap;
        m->head = 0;
    }
    m->spool[(m->head + m->len++) % m->cap] = batch;
}

static uint32_t spool_take(struct machine *m, uint32_t max, int64_t *ret_at_us)
{
    struct batch *first = &m->spool[m->head];
    uint32_t n = OM_MIN(first->count, max);
    *ret_at_us = first->at_us;
    first->count -= n;
    m->spooled -= n;
    if (first->count == 0) {
        m->head = (m->head + 1) % m->cap;
        m->len--;
    }
    return n;
}

static void start_sending(struct fleet *f, int m, int64_t wait_us)
{
    struct machine *machine = &f->machines[m];
    if (machine->is_sending || !machine->is_up || !f->brokers_are_up || machine->spooled == 0)
        return;
    machine->is_sending = true;
    put(f, f->now_us + wait_us, DELIVER, m, 0);
}

// The journal has it. Its delay up to here is drawn from the machine's frames at its load.
static void accept(struct fleet *f, const struct camera *cam, int m, uint32_t count)
{
    struct machine *machine = &f->machines[m];
    const struct om_fleet_delays *delays = f->plan->delays;
    int row = om_fleet_delays_row(machine->load / f->plan->cores);
    double delay_ms = delays->ms[row][om_rand_below(&f->rand, OM_FLEET_SAMPLES)];
    spool_put(machine, (struct batch){f->now_us - (int64_t)(delay_ms * OM_MS), count},
              !f->brokers_are_up);
    f->ret->accepted += count;
    f->partitions[om_fleet_hash(cam->id, 'K') % (uint64_t)f->plan->partitions] += count;
    double bytes = (double)machine->spooled * f->plan->event_bytes;
    while (bytes > f->plan->spool_bytes_max) {  // the oldest goes first
        int64_t at_us;
        uint32_t n = spool_take(machine, UINT32_MAX, &at_us);
        f->ret->lost += n;
        bytes -= n * f->plan->event_bytes;
    }
    f->ret->spool_peak_bytes = OM_MAX(f->ret->spool_peak_bytes, bytes);
    start_sending(f, m, f->plan->batch_us);
}

static void emit(struct fleet *f, const struct camera *cam, uint32_t count)
{
    bool is_read = cam->reader >= 0, is_stale = cam->stale >= 0;
    if (is_read && is_stale && cam->reader_epoch == cam->stale_epoch)
        f->ret->double_owners++;
    if (is_read && cam->reader_epoch != cam->epoch)
        f->ret->double_owners++;
    if (!is_read)
        f->ret->unseen += count;
    else
        accept(f, cam, cam->reader, count);
    if (is_stale) {
        f->ret->stale += count;
        accept(f, cam, cam->stale, count);
    }
}

static void deliver(struct fleet *f, int m)
{
    struct machine *machine = &f->machines[m];
    machine->is_sending = false;
    if (!machine->is_up || machine->is_frozen || !f->brokers_are_up)
        return;
    uint32_t room = (uint32_t)OM_MAX(f->plan->sink_per_s * SEND_US / OM_SECOND, 1.0);
    machine->delivered_last = 0;
    machine->delivered_us = f->now_us;
    while (room > 0 && machine->len > 0) {
        int64_t at_us;
        uint32_t n = spool_take(machine, room, &at_us);
        room -= n;
        machine->delivered_last += n;
        for (uint32_t i = 0; i < n; i++)
            om_hist_add(&f->ret->delay, f->now_us - at_us);
        f->ret->delay_max_s = OM_MAX(f->ret->delay_max_s, (double)(f->now_us - at_us) / OM_SECOND);
        if (at_us < f->brokers_back_us)
            f->ret->drain_s = (double)(f->now_us - f->brokers_back_us) / OM_SECOND;
    }
    f->ret->delivered += machine->delivered_last;
    start_sending(f, m, SEND_US);
}

// ---- what happens before the cameras -----------------------------------------------------------

static void plan_bout(struct fleet *f, int i)
{
    const struct camera *cam = &f->cameras[i];
    double share = OM_MIN(cam->share * busy_at(hour_of(f) - cam->time_zone), 0.9);
    double mean_s = f->plan->bout_s * (cam->is_active ? 1 : (1 - share) / share);
    int64_t us = seconds_us(exponential(f, mean_s));
    // The hour changes what is usual, so a long calm is drawn in pieces.
    bool is_long = !cam->is_active && us > RETHINK_US;
    put(f, f->now_us + (is_long ? RETHINK_US : us), BOUT, i, is_long);
}

static void turn_bout(struct fleet *f, int i)
{
    struct camera *cam = &f->cameras[i];
    add_load(f, cam, -1);
    cam->is_active = !cam->is_active;
    add_load(f, cam, 1);
    f->ret->bouts += cam->is_active;
    double more = f->plan->events_per_bout - 1;
    uint32_t count = cam->is_active ? 1 : (uint32_t)(more + om_rand_unit(&f->rand));
    if (count > 0)
        emit(f, cam, count);
}

static void turn_wet(struct fleet *f, struct camera *cam, bool is_wet)
{
    add_load(f, cam, -1);
    cam->is_wet = is_wet;
    add_load(f, cam, 1);
}

// ---- leases, moves -----------------------------------------------------------------------------

static void change_view(struct fleet *f)
{
    int n = f->plan->cameras, count = f->machine_count + f->join_count;
    struct om_fleet_member *members = om_new_array(struct om_fleet_member, (size_t)count);
    struct om_fleet_item *items = om_new_array(struct om_fleet_item, (size_t)n);
    int *owners = om_new_array(int, (size_t)n);
    for (int m = 0; m < count; m++) {
        struct machine *machine = &f->machines[m];
        members[m] = (struct om_fleet_member){.id = om_fleet_hash((uint64_t)m, 'M'),
                                              .weight = f->plan->cores,
                                              .is_up = machine->is_member && !machine->is_draining,
                                              .is_new = machine->is_new};
        machine->is_new = false;
    }
    for (int i = 0; i < n; i++) {
        const struct camera *cam = &f->cameras[i];
        items[i].id = cam->id;
        items[i].cost = f->plan->quiet_cores +
                        cam->share * (f->plan->active_cores - f->plan->quiet_cores);
        owners[i] = cam->target;
    }
    const struct om_fleet_assignment assignment = {OM_FLEET_STICKY, f->plan->slack, members,
                                                   count,           items,          n};
    om_fleet_assign(&assignment, owners);
    f->ret->view_changes++;
    for (int i = 0; i < n; i++) {
        struct camera *cam = &f->cameras[i];
        if (owners[i] == cam->target || owners[i] < 0)
            continue;
        f->ret->moves++;
        f->ret->moves_planned += cam->target >= 0 && f->machines[cam->target].is_member;
        cam->target = owners[i];
        put(f, beat_after(f, &f->machines[cam->target]), CLAIM, i, ++cam->stamp);
    }
    om_free(owners);
    om_free(items);
    om_free(members);
}

static bool reaches_store(const struct fleet *f, const struct machine *m)
{
    return m->is_up && !m->is_frozen && m->has_store && f->store_is_up;
}

static void connect_camera(struct fleet *f, int i)
{
    const struct camera *cam = &f->cameras[i];
    struct machine *m = &f->machines[cam->target];
    int64_t slot_us = OM_MAX(f->now_us, m->connect_free_us);
    m->connect_free_us = slot_us + (int64_t)(OM_SECOND / f->plan->connects_per_s);
    size_t second = OM_MIN((size_t)(slot_us / OM_SECOND), f->seconds - 1);
    f->connects[second]++;
    double wait_us = (double)f->plan->connect_us * (0.5 + om_rand_unit(&f->rand)) +
                     (double)f->plan->key_gap_us * om_rand_unit(&f->rand);
    put(f, slot_us + (int64_t)wait_us, CONNECTED, i, cam->stamp);
}

static void claim(struct fleet *f, int i, uint32_t stamp)
{
    struct camera *cam = &f->cameras[i];
    if (stamp != cam->stamp)
        return;
    if (!reaches_store(f, &f->machines[cam->target])) {
        put(f, f->now_us + f->plan->heartbeat_us, CLAIM, i, stamp);
        return;
    }
    cam->owner = cam->target;
    connect_camera(f, i);
}

static void end_stale(struct fleet *f, struct camera *cam, int m)
{
    if (cam->stale != m)
        return;
    f->ret->twice_s += (double)f->now_us / OM_SECOND;
    set_readers(f, cam, cam->reader, -1);
}

// The first key frame opens the epoch: until then what a former owner still reports is the only
// report there is, and valid.
static void connected(struct fleet *f, int i, uint32_t stamp)
{
    struct camera *cam = &f->cameras[i];
    const struct machine *m = &f->machines[cam->target];
    if (stamp != cam->stamp || !m->is_up || m->is_frozen || cam->reader == cam->target)
        return;
    int former = cam->reader;
    if (cam->stale >= 0)
        end_stale(f, cam, cam->stale);
    cam->stale_epoch = cam->reader_epoch;
    cam->reader_epoch = ++cam->epoch;
    set_readers(f, cam, cam->target, former);
    if (former < 0)
        return;
    f->ret->twice_s -= (double)f->now_us / OM_SECOND;
    if (reaches_store(f, &f->machines[former]))
        put(f, beat_after(f, &f->machines[former]), STALE_END, i, (uint32_t)former);
}

static void expire(struct fleet *f, int m, uint32_t lease)
{
    struct machine *machine = &f->machines[m];
    if (lease != machine->lease || !machine->is_member)
        return;
    // While the store is down nobody can say so, and afterwards everyone has a whole lease.
    if (!f->store_is_up || f->now_us < f->store_back_us + f->plan->lease_us) {
        put(f, f->now_us + f->plan->lease_us, EXPIRE, m, lease);
        return;
    }
    machine->is_member = false;
    change_view(f);
}

// A machine talks to the store again: as the member it was, or as a new one.
static void renew(struct fleet *f, int m)
{
    struct machine *machine = &f->machines[m];
    if (!reaches_store(f, machine)) {
        put(f, f->now_us + f->plan->heartbeat_us, HEAL, m, 0);
        return;
    }
    machine->lease++;
    for (int i = 0; i < f->plan->cameras; i++) {
        struct camera *cam = &f->cameras[i];
        if (cam->stale == m)
            put(f, beat_after(f, machine), STALE_END, i, (uint32_t)m);
        if (machine->is_member && cam->target == m && cam->owner == m && cam->reader < 0)
            connect_camera(f, i);
    }
    if (!machine->is_member) {
        machine->is_member = machine->is_new = true;
        change_view(f);
    }
}

static void lose_cameras(struct fleet *f, int m)
{
    for (int i = 0; i < f->plan->cameras; i++) {
        end_stale(f, &f->cameras[i], m);
        if (f->cameras[i].reader == m)
            go_dark(f, &f->cameras[i]);
    }
}

static void lapse(struct fleet *f, int m, uint32_t lease)
{
    if (lease == f->machines[m].lease)
        lose_cameras(f, m);
}

// ---- faults ------------------------------------------------------------------------------------

static void count_on_lease(struct fleet *f, int m)
{
    struct machine *machine = &f->machines[m];
    int64_t beat_us = beat_before(f, machine);
    put(f, beat_us + f->plan->lease_us, EXPIRE, m, machine->lease);
    double own = (double)f->plan->lease_us * (1 - f->plan->lease_margin) * (1 + machine->drift);
    if (f->scenario->stops_without_store)
        put(f, OM_MAX(beat_us + (int64_t)own, f->now_us), LAPSE, m, machine->lease);
}

static void crash(struct fleet *f, int m, bool with_disk)
{
    struct machine *machine = &f->machines[m];
    lose_cameras(f, m);
    machine->is_up = false;
    // What the brokers had taken but the journal had not yet noted goes out again.
    bool is_noted = f->now_us - machine->delivered_us > NOTE_US;
    machine->resend = is_noted ? 0 : machine->delivered_last;
    count_on_lease(f, m);
    if (!with_disk)
        return;
    f->ret->lost += machine->spooled;
    machine->spooled = 0;
    machine->len = 0;
}

static void freeze(struct fleet *f, int m)
{
    for (int i = 0; i < f->plan->cameras; i++) {
        end_stale(f, &f->cameras[i], m);
        if (f->cameras[i].reader == m) {
            f->cameras[i].frozen = m;
            go_dark(f, &f->cameras[i]);
        }
    }
    f->machines[m].is_frozen = true;
    count_on_lease(f, m);
}

// It goes on where it stood, with what the sockets kept for it; what it reads is of an old epoch if
// the camera has a new owner. It sees that when it checks its lease.
static void thaw(struct fleet *f, int m)
{
    f->machines[m].is_frozen = false;
    start_sending(f, m, f->plan->batch_us);
    for (int i = 0; i < f->plan->cameras; i++) {
        struct camera *cam = &f->cameras[i];
        if (cam->frozen != m)
            continue;
        cam->frozen = -1;
        if (cam->reader < 0) {
            set_readers(f, cam, m, cam->stale);
        } else if (cam->stale < 0) {
            cam->stale_epoch = cam->reader_epoch - 1;
            set_readers(f, cam, cam->reader, m);
            f->ret->twice_s -= (double)f->now_us / OM_SECOND;
            put(f, f->now_us + f->plan->check_us, STALE_END, i, (uint32_t)m);
        }
    }
    renew(f, m);
}

static void back(struct fleet *f, int m)
{
    struct machine *machine = &f->machines[m];
    machine->is_up = true;
    f->ret->resent += machine->resend;
    renew(f, m);
    start_sending(f, m, f->plan->batch_us);
}

static void drain(struct fleet *f, int m, bool begins)
{
    f->machines[m].is_draining = begins;
    f->machines[m].is_new = !begins;
    change_view(f);
}

static void hit_machine(struct fleet *f, const struct om_fleet_fault *fault, int m)
{
    int64_t end_us = f->now_us + seconds_us(fault->for_s);
    switch (fault->kind) {
    case OM_FLEET_CRASH:
        crash(f, m, false);
        put(f, end_us, BACK, m, 0);
        break;
    case OM_FLEET_LOSE:
        crash(f, m, true);
        break;
    case OM_FLEET_PARTITION:
        f->machines[m].has_store = false;
        count_on_lease(f, m);
        put(f, end_us, HEAL, m, 1);
        break;
    case OM_FLEET_FREEZE:
        freeze(f, m);
        put(f, end_us, THAW, m, 0);
        break;
    case OM_FLEET_STORE_DOWN:
        count_on_lease(f, m);
        put(f, end_us, HEAL, m, 1);
        break;
    default:
        break;
    }
}

static bool is_in_scope(const struct fleet *f, const struct om_fleet_fault *fault, int m)
{
    const struct machine *machine = &f->machines[m];
    switch (fault->scope) {
    case OM_FLEET_MACHINE:
        return m == 0;
    case OM_FLEET_RACK:
        return machine->rack == 0;
    case OM_FLEET_ZONE:
        return machine->zone == 0;
    default:
        return true;
    }
}

static void rain(struct fleet *f, bool begins)
{
    for (int i = 0; i < f->plan->cameras; i++) {
        int64_t wait_us = (int64_t)(om_rand_unit(&f->rand) * RAIN_SPREAD_US);
        if (f->cameras[i].is_outdoor)
            put(f, f->now_us + wait_us, WET, i, begins);
    }
}

static void begin_fault(struct fleet *f, int index)
{
    const struct om_fleet_fault *fault = &f->scenario->faults[index];
    double gap_s = OM_MIN(fault->gap_s, (f->scenario->hours * 3600 - 900) / f->machine_count);
    f->store_is_up &= fault->kind != OM_FLEET_STORE_DOWN;
    f->brokers_are_up &= fault->kind != OM_FLEET_BROKER_DOWN;
    for (int m = 0; m < f->machine_count; m++) {
        int64_t start_us = f->now_us + seconds_us(m * gap_s);
        if (fault->kind == OM_FLEET_DRAIN) {
            put(f, start_us, DRAIN, m, 1);
            put(f, start_us + seconds_us(fault->for_s), DRAIN, m, 0);
        } else if (is_in_scope(f, fault, m)) {
            hit_machine(f, fault, m);
        }
    }
    for (int m = f->machine_count; m < f->machine_count + f->join_count; m++)  // kind JOIN only
        f->machines[m].is_up = f->machines[m].is_member = f->machines[m].is_new = true;
    if (fault->kind == OM_FLEET_JOIN)
        change_view(f);
    if (fault->kind == OM_FLEET_STORM)
        rain(f, true);
    if (fault->for_s > 0)
        put(f, f->now_us + seconds_us(fault->for_s), FAULT_END, index, 0);
}

static void end_fault(struct fleet *f, int index)
{
    switch (f->scenario->faults[index].kind) {
    case OM_FLEET_STORE_DOWN:
        f->store_is_up = true;
        f->store_back_us = f->now_us;
        break;
    case OM_FLEET_BROKER_DOWN:
        f->brokers_are_up = true;
        f->brokers_back_us = f->now_us;
        for (int m = 0; m < f->machine_count; m++)
            start_sending(f, m, (int64_t)(om_rand_unit(&f->rand) * OM_SECOND));
        break;
    case OM_FLEET_STORM:
        rain(f, false);
        break;
    default:
        break;
    }
}

// ---- the run -----------------------------------------------------------------------------------

static void sample(struct fleet *f)
{
    struct om_fleet_result *ret = f->ret;
    double sum = 0, most = 0, up = 0;
    for (int m = 0; m < f->machine_count + f->join_count; m++) {
        const struct machine *machine = &f->machines[m];
        if (!machine->is_up)
            continue;
        double load = machine->load / f->plan->cores;
        up++;
        sum += load;
        most = OM_MAX(most, load);
        f->overload_sum += load > 1;
        f->skipped_sum += load * f->plan->delays->skipped[om_fleet_delays_row(load)];
    }
    f->sample_count += up;
    f->load_sum += sum;
    ret->load_max = OM_MAX(ret->load_max, most);
    double rate = (double)(ret->accepted - f->accepted_before) * OM_SECOND / SAMPLE_US;
    ret->events_peak_per_s = OM_MAX(ret->events_peak_per_s, rate);
    f->accepted_before = ret->accepted;
    int at = (int)((double)f->now_us / OM_SECOND / (f->scenario->hours * 3600) *
                   OM_FLEET_DAY_POINTS);
    at = OM_MIN(at, OM_FLEET_DAY_POINTS - 1);
    ret->day_mean[at] = (float)(sum / OM_MAX(up, 1));
    ret->day_max[at] = OM_MAX(ret->day_max[at], (float)most);
    ret->day_points = at + 1;
    put(f, f->now_us + SAMPLE_US, SAMPLE, 0, 0);
}

static void happen(struct fleet *f, const struct om_fleet_event *event)
{
    int who = event->who;
    switch ((enum what)event->kind) {
    case BOUT:
        if (!event->stamp)
            turn_bout(f, who);
        plan_bout(f, who);
        return;
    case WET:
        turn_wet(f, &f->cameras[who], event->stamp);
        return;
    case CLAIM:
        claim(f, who, event->stamp);
        return;
    case CONNECTED:
        connected(f, who, event->stamp);
        return;
    case STALE_END:
        end_stale(f, &f->cameras[who], (int)event->stamp);
        return;
    case EXPIRE:
        expire(f, who, event->stamp);
        return;
    case LAPSE:
        lapse(f, who, event->stamp);
        return;
    case BACK:
        back(f, who);
        return;
    case HEAL:
        f->machines[who].has_store |= event->stamp;
        renew(f, who);
        return;
    case THAW:
        thaw(f, who);
        return;
    case DRAIN:
        drain(f, who, event->stamp);
        return;
    case DELIVER:
        deliver(f, who);
        return;
    case FAULT:
        begin_fault(f, who);
        return;
    case FAULT_END:
        end_fault(f, who);
        return;
    case SAMPLE:
        sample(f);
        return;
    }
}

static void make_machines(struct fleet *f)
{
    const struct om_fleet_plan *plan = f->plan;
    f->machine_count = plan->machines;
    for (int i = 0; i < 2; i++) {
        if (f->scenario->faults[i].kind == OM_FLEET_JOIN)
            f->join_count = plan->rack_machines;
    }
    int count = f->machine_count + f->join_count;
    f->machines = om_new_array(struct machine, (size_t)count);
    for (int m = 0; m < count; m++) {
        struct machine *machine = &f->machines[m];
        machine->zone = m % plan->zones;
        machine->rack = m / plan->rack_machines;
        machine->phase_us = (int64_t)(om_rand_unit(&f->rand) * (double)plan->heartbeat_us);
        machine->drift = plan->clock_drift * (2 * om_rand_unit(&f->rand) - 1);
        machine->has_store = true;
        machine->is_up = machine->is_member = m < f->machine_count;
    }
}

// Few cameras see most of what happens: the share of a camera is spread log-normally.
static void make_cameras(struct fleet *f)
{
    const struct om_fleet_plan *plan = f->plan;
    double sum = 0;
    f->cameras = om_new_array(struct camera, (size_t)plan->cameras);
    for (int i = 0; i < plan->cameras; i++) {
        double normal = -6;
        for (int k = 0; k < 12; k++)
            normal += om_rand_unit(&f->rand);
        f->cameras[i] = (struct camera){.id = om_fleet_hash((uint64_t)i, 'C'),
                                        .share = OM_CLAMP(exp(0.8 * normal), 0.05, 5),
                                        .time_zone = i % plan->time_zones,
                                        .is_outdoor = om_rand_unit(&f->rand) < plan->outdoor_share,
                                        .target = -1,
                                        .owner = -1,
                                        .reader = -1,
                                        .stale = -1,
                                        .frozen = -1};
        sum += f->cameras[i].share;
    }
    for (int i = 0; i < plan->cameras; i++) {
        struct camera *cam = &f->cameras[i];
        cam->share *= plan->activity * plan->cameras / sum;
        double now = cam->share * busy_at(hour_of(f) - cam->time_zone);
        cam->is_active = om_rand_unit(&f->rand) < OM_MIN(now, 0.9);
        plan_bout(f, i);
    }
}

// The fleet as it stands after its first day: everybody reads what is his.
static void settle(struct fleet *f)
{
    change_view(f);
    for (int i = 0; i < f->plan->cameras; i++) {
        struct camera *cam = &f->cameras[i];
        cam->owner = cam->target;
        cam->stamp++;
        cam->reader_epoch = ++cam->epoch;
        set_readers(f, cam, cam->target, -1);
    }
    f->ret->moves = f->ret->view_changes = 0;
    f->ret->dark_s = 0;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double om_fleet_failover_s(const struct om_fleet_result *result, double share)
{
    int last = result->failover_count - 1;
    return last < 0 ? 0 : result->failover_s[(int)(share * last)];
}

void om_fleet_result_finish(struct om_fleet_result *result)
{
    om_free(result->failover_s);
    result->failover_s = NULL;
}

static void finish(struct fleet *f)
{
    struct om_fleet_result *ret = f->ret;
    double sum = 0, most = 0;
    for (int p = 0; p < f->plan->partitions; p++) {
        sum += (double)f->partitions[p];
        most = OM_MAX(most, (double)f->partitions[p]);
    }
    ret->partition_skew = sum > 0 ? most * f->plan->partitions / sum : 0;
    for (size_t i = 0; i < f->seconds; i++)
        ret->connects_peak_per_s = OM_MAX(ret->connects_peak_per_s, (double)f->connects[i]);
    for (int m = 0; m < f->machine_count + f->join_count; m++) {
        ret->spooled += f->machines[m].spooled;
        om_free(f->machines[m].spool);
    }
    for (int i = 0; i < f->plan->cameras; i++) {
        if (f->cameras[i].reader < 0)
            ret->dark_s += (double)(f->now_us - f->cameras[i].dark_us) / OM_SECOND;
        if (f->cameras[i].stale >= 0)
            ret->twice_s += (double)f->now_us / OM_SECOND;
    }
    if (ret->failover_count > 0)
        qsort(ret->failover_s, (size_t)ret->failover_count, sizeof(double), compare);
    ret->load_mean = f->load_sum / OM_MAX(f->sample_count, 1);
    ret->overload_share = f->overload_sum / OM_MAX(f->sample_count, 1);
    ret->skipped_share = f->load_sum > 0 ? f->skipped_sum / f->load_sum : 0;
    om_assert(ret->accepted == ret->delivered + ret->lost + ret->spooled);
}

void om_fleet_run(const struct om_fleet_plan *plan, const struct om_fleet_scenario *scenario,
                  struct om_fleet_result *ret)
{
    *ret = (struct om_fleet_result){.machines = plan->machines};
    struct fleet f = {.plan = plan,
                      .scenario = scenario,
                      .ret = ret,
                      .store_is_up = true,
                      .brokers_are_up = true,
                      .brokers_back_us = INT64_MIN,
                      .store_back_us = INT64_MIN / 2};
    om_rand_init(&f.rand, plan->seed);
    f.seconds = (size_t)(scenario->hours * 3600) + 1;
    f.connects = om_new_array(uint32_t, f.seconds);
    f.partitions = om_new_array(uint64_t, (size_t)plan->partitions);
    make_machines(&f);
    make_cameras(&f);
    settle(&f);
    for (int i = 0; i < 2; i++) {
        if (scenario->faults[i].kind != OM_FLEET_NONE)
            put(&f, seconds_us(scenario->faults[i].at_s), FAULT, i, 0);
    }
    put(&f, SAMPLE_US, SAMPLE, 0, 0);
    struct om_fleet_event event;
    while (om_fleet_queue_take(&f.queue, &event) &&
           event.at_us < seconds_us(scenario->hours * 3600)) {
        f.now_us = event.at_us;
        ret->sim_events++;
        happen(&f, &event);
    }
    finish(&f);
    om_fleet_queue_finish(&f.queue);
    om_free(f.cameras);
    om_free(f.machines);
    om_free(f.connects);
    om_free(f.partitions);
}
