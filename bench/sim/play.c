// Pictures of one session. Times are kept in ticks and counted from PLAY, so that nothing drifts;
// the timer is set to a grid of a few milliseconds, so that one wake-up serves many cameras.

#include <math.h>

#include "base/json.h"
#include "base/time.h"
#include "bench/sim/conn.h"
#include "bench/sim/faults.h"
#include "bench/sim/sim.h"
#include "bench/sim/sim_int.h"
#include "bench/sim/timeline.h"

enum {
    GRID_US = 2 * OM_MS,
    REPORT_US = 5 * OM_SECOND,
    NTP_UNIX_S = 2208988800u,  // 1900 to 1970
    REPORT_BYTES = OM_SIM_FRAME_HEAD + 28 + 16,
};

// Its multiples spread the cameras' first pictures; not the golden ratio, which spreads their
// places in the timeline: the two must not go together.
static const double SQRT2 = 0.41421356237309505;

static const struct om_sim_step *step_of(const struct om_sim_conn *conn)
{
    return &conn->timeline->steps[conn->step];
}

static void arm(struct om_sim_conn *conn)
{
    int64_t jitter_us = conn->sim->faults->jitter_us;
    int64_t at_us = conn->due_us;
    if (jitter_us > 0)
        at_us += (int64_t)(om_rand_unit(&conn->sim->rand) * (double)jitter_us);
    om_loop_timer_set(conn->sim->loop, &conn->timer, (at_us + GRID_US - 1) / GRID_US * GRID_US);
}

static void set_due(struct om_sim_conn *conn)
{
    conn->due_us = conn->play_us + om_sim_ticks_to_us(conn->loop_ticks + step_of(conn)->send);
}

static void advance(struct om_sim_conn *conn)
{
    if (++conn->step == conn->timeline->count) {
        conn->step = 0;
        conn->loop_ticks += conn->timeline->period;
    }
    set_due(conn);
}

// ---- sender reports ----------------------------------------------------------------------------

static uint8_t *put_u32(uint8_t *p, uint32_t value)
{
    *p++ = (uint8_t)(value >> 24);
    *p++ = (uint8_t)(value >> 16);
    *p++ = (uint8_t)(value >> 8);
    *p++ = (uint8_t)value;
    return p;
}

// RFC 3550, 6.4.1 and 6.5: what time it is on both clocks, and a name.
static void write_report(const struct om_sim_conn *conn, uint8_t bytes[REPORT_BYTES])
{
    int64_t wall_us = om_time_wall_us(), mono_us = om_time_mono_us();
    uint32_t stamp = conn->stamp_base + (uint32_t)((mono_us - conn->play_us) * 9 / 100);
    uint8_t *p = bytes;
    *p++ = '$';
    *p++ = (uint8_t)(conn->stamp.channel + 1);
    *p++ = 0;
    *p++ = REPORT_BYTES - OM_SIM_FRAME_HEAD;
    p = put_u32(p, 0x80u << 24 | 200u << 16 | 6);
    p = put_u32(p, conn->stamp.ssrc);
    p = put_u32(p, (uint32_t)(wall_us / OM_SECOND) + NTP_UNIX_S);
    p = put_u32(p, (uint32_t)(((uint64_t)(wall_us % OM_SECOND) << 32) / OM_SECOND));
    p = put_u32(p, stamp);
    p = put_u32(p, conn->packets);
    p = put_u32(p, conn->payload_bytes);
    p = put_u32(p, 0x81u << 24 | 202u << 16 | 3);
    p = put_u32(p, conn->stamp.ssrc);
    static const uint8_t name[] = {1, 4, 'o', 'm', 'm', 'a', 0, 0};
    memcpy(p, name, sizeof(name));
}

static bool send_report(struct om_sim_conn *conn)
{
    conn->report_us += REPORT_US;
    uint8_t bytes[REPORT_BYTES];
    if (om_sim_conn_room(conn) < sizeof(bytes))
        return true;  // the next one then
    write_report(conn, bytes);
    return om_sim_conn_send(conn, bytes, sizeof(bytes));
}

// ---- pictures ----------------------------------------------------------------------------------

// Leaves out packets by chance; the sequence numbers show the gaps.
static bool send_with_losses(struct om_sim_conn *conn, const uint8_t *wire, size_t bytes)
{
    struct om_sim *sim = conn->sim;
    om_buf_clear(&sim->scratch);
    for (size_t at = 0, n; at < bytes; at += n) {
        n = om_sim_packet_bytes(wire + at);
        if (om_rand_unit(&sim->rand) >= sim->faults->drop)
            om_buf_append(&sim->scratch, wire + at, n);
        else
            om_sim_count(&sim->stats->packets_lost, 1);
    }
    return sim->scratch.len == 0 ||
           om_sim_conn_send(conn, om_buf_text(&sim->scratch), sim->scratch.len);
}

static void count_sent(struct om_sim_conn *conn, size_t bytes)
{
    struct om_sim_stats *stats = conn->sim->stats;
    struct om_sim_camera_stats *camera = &stats->cameras[conn->camera];
    int64_t late_us = om_time_mono_us() - conn->due_us;
    om_sim_count(&stats->pictures, 1);
    om_sim_count(&stats->bytes, bytes);
    om_sim_note_max(&stats->late_us_max, late_us);
    om_sim_count(&camera->pictures, 1);
    om_sim_count(&camera->bytes, bytes);
    om_sim_note_max(&camera->late_us_max, late_us);
}

static void count_dropped(struct om_sim_conn *conn)
{
    conn->is_dropping = true;
    om_sim_count(&conn->sim->stats->pictures_dropped, 1);
    om_sim_count(&conn->sim->stats->cameras[conn->camera].pictures_dropped, 1);
}

static bool is_stalled(const struct om_sim_conn *conn)
{
    const struct om_sim_rule *rule = om_sim_faults_rule(conn->sim->faults, OM_SIM_STALL,
                                                        conn->camera);
    int64_t since_us = conn->due_us - conn->play_us;
    return rule && since_us >= rule->after_us && since_us - rule->after_us < rule->for_us;
}

static bool is_closing_due(const struct om_sim_conn *conn)
{
    const struct om_sim_rule *rule = om_sim_faults_rule(conn->sim->faults, OM_SIM_CLOSE,
                                                        conn->camera);
    return rule && conn->due_us - conn->play_us >= rule->after_us;
}

static bool send_picture(struct om_sim_conn *conn)
{
    const struct om_sim_step *step = step_of(conn);
    const struct om_sim_picture *picture = step->picture;
    if (picture->is_key)
        conn->is_dropping = false;
    if (conn->is_dropping || om_sim_conn_room(conn) < picture->bytes) {
        count_dropped(conn);
        return true;
    }
    uint8_t *wire = (uint8_t *)step->reel->wire.data + picture->at;
    conn->stamp.timestamp = conn->stamp_base + (uint32_t)(conn->loop_ticks + step->shown);
    uint16_t seq = conn->stamp.seq;
    om_sim_stamp(&conn->stamp, wire, picture->bytes);
    uint32_t packets = (uint16_t)(conn->stamp.seq - seq);
    conn->packets += packets;
    conn->payload_bytes += (uint32_t)(picture->bytes - packets * OM_SIM_PACKET_HEAD);
    count_sent(conn, picture->bytes);
    if (conn->sim->faults->drop > 0)
        return send_with_losses(conn, wire, picture->bytes);
    return om_sim_conn_send(conn, wire, picture->bytes);
}

static void on_timer(void *ctx)
{
    struct om_sim_conn *conn = ctx;
    int64_t now_us = om_loop_now_us(conn->sim->loop);
    do {
        if (is_closing_due(conn)) {
            om_sim_conn_destroy(conn);
            return;
        }
        if (!is_stalled(conn)) {
            if (now_us >= conn->report_us && !send_report(conn))
                return;
            if (!send_picture(conn))
                return;
        }
        advance(conn);
    } while (conn->due_us <= now_us);
    arm(conn);
}

// ---- start and stop ----------------------------------------------------------------------------

// The next time on this camera's own place of the grid that all cameras share.
static int64_t first_due_us(const struct om_sim_conn *conn, int64_t now_us)
{
    enum om_sim_spread spread = conn->sim->opts->spread;
    if (spread == OM_SIM_SPREAD_NONE)
        return now_us;
    int64_t every_us = om_sim_ticks_to_us(spread == OM_SIM_SPREAD_GOP ? conn->timeline->gop
                                                                      : conn->timeline->interval);
    double share = conn->camera * SQRT2;
    int64_t phase_us = (int64_t)((share - floor(share)) * (double)every_us);
    int64_t since_us = now_us - conn->sim->start_us - phase_us;
    int64_t rounds = since_us <= 0 ? 0 : (since_us + every_us - 1) / every_us;
    return conn->sim->start_us + phase_us + rounds * every_us;
}

static void put_play(struct om_sim_conn *conn, int64_t offset_us)
{
    om_auto_buf line = {0};
    om_buf_init(&line, 8192);
    struct om_json_writer w;
    om_json_begin(&w, &line);
    om_json_object(&w);
    om_json_kv_int(&w, "camera", conn->camera);
    om_json_kv_int(&w, "play_mono_us", conn->play_us);
    om_json_kv_int(&w, "offset_us", offset_us);
    om_json_kv_int(&w, "period_us", om_sim_ticks_to_us(conn->timeline->period));
    om_json_kv_text(&w, "reel", conn->timeline->name);
    om_json_object_end(&w);
    om_sim_put_json(conn->sim, &line);
}

void om_sim_play_start(struct om_sim_conn *conn)
{
    struct om_sim *sim = conn->sim;
    int64_t now_us = om_time_mono_us();
    conn->state = OM_SIM_CONN_PLAYING;
    conn->step = sim->opts->has_no_offset
                     ? 0
                     : om_sim_timeline_start(conn->timeline, conn->camera / sim->timeline_count);
    conn->play_us = first_due_us(conn, now_us);
    conn->report_us = now_us;
    int64_t offset = step_of(conn)->send;
    conn->loop_ticks = -offset;
    set_due(conn);

    struct om_sim_camera_stats *camera = &sim->stats->cameras[conn->camera];
    atomic_store(&camera->play_mono_us, conn->play_us);
    atomic_store(&camera->offset_us, om_sim_ticks_to_us(offset));
    om_sim_count(&sim->stats->plays, 1);
    atomic_fetch_add(&camera->plays, 1);
    put_play(conn, om_sim_ticks_to_us(offset));
    conn->timer.fn = on_timer;
    arm(conn);
}

void om_sim_play_stop(struct om_sim_conn *conn)
{
    om_loop_timer_clear(conn->sim->loop, &conn->timer);
}
