// One client of the simulator: its connection, its session, what it plays.

#pragma once

#include "base/buf.h"
#include "base/list.h"
#include "bench/sim/rtp_pack.h"
#include "loop/loop.h"

struct om_sim;
struct om_sim_request;
struct om_sim_timeline;

enum om_sim_conn_state {
    OM_SIM_CONN_OPEN,     // requests are answered
    OM_SIM_CONN_READY,    // SETUP was done
    OM_SIM_CONN_PLAYING,  // pictures are sent
    OM_SIM_CONN_SILENT,   // by request: nothing is answered
    OM_SIM_CONN_CLOSING,  // what is left is sent, then it goes
};

struct om_sim_conn {
    struct om_sim *sim;
    struct om_list link;
    struct om_loop_fd watch;
    enum om_sim_conn_state state;
    uint32_t id;
    struct om_buf in, out;  // what is not parsed yet; what the socket did not take yet
    char nonce[33];

    // From SETUP on.
    int camera;
    const struct om_sim_timeline *timeline;
    struct om_sim_stamp stamp;
    uint32_t stamp_base;  // RTP time of timeline time 0 in the first round

    // While playing.
    struct om_loop_timer timer;
    int step;                         // the next one
    int64_t loop_ticks;               // of the rounds before this one, less the start's own time
    int64_t play_us;                  // when the first picture is due
    int64_t due_us;                   // when the next one is, without jitter
    int64_t report_us;                // when the next sender report is
    bool is_dropping;                 // until the next key frame
    uint32_t packets, payload_bytes;  // for sender reports
};

// Takes over the socket.
void om_sim_conn_create(struct om_sim *sim, int fd);
void om_sim_conn_destroy(struct om_sim_conn *conn);
// Sends, and keeps what the socket does not take; the caller has looked at the room. False when the
// connection is gone: then it was destroyed.
OM_MUST_USE bool om_sim_conn_send(struct om_sim_conn *conn, const void *data, size_t n);
// How much more it may owe.
size_t om_sim_conn_room(const struct om_sim_conn *conn);

// Answers a request. False when the connection is gone.
OM_MUST_USE bool om_sim_rtsp_answer(struct om_sim_conn *conn, const struct om_sim_request *request);

// Chooses where to start and says so; pictures flow from the loop then.
void om_sim_play_start(struct om_sim_conn *conn);
void om_sim_play_stop(struct om_sim_conn *conn);
