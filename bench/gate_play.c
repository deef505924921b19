#include "bench/gate_play.h"

#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/time.h"
#include "bench/gate_scene.h"
#include "bench/gate_timeline.h"
#include "decode/decoder.h"
#include "decode/packet_gate.h"
#include "media/frame.h"
#include "media/packet.h"
#include "media/param_sets.h"
#include "media/slice.h"
#include "media/thumb.h"
#include "motion/watch.h"
#include "source/source.h"

enum {
    SECOND_PICTURES = OM_SECOND / OM_GATE_GAP_US,
    NEAR = 10,  // a wake so many pictures from motion is not idle
};

struct play {
    const struct om_gate_timeline *timeline;
    struct om_stream_info info;
    struct om_packet **packets;
    int count;
    struct om_packet_gate *gate;
    struct om_decoder *decoder;
    struct om_watch *watch;
    int sent;  // the decoder has had all of its group up to here; -1: nothing
    bool *decoded, *awake;
    uint8_t luma[OM_GATE_THUMB_PIXELS];
};

void om_gate_tally_add(struct om_gate_tally *sum, const struct om_gate_tally *part)
{
    sum->packets += part->packets;
    sum->decoded += part->decoded;
    sum->moving += part->moving;
    sum->events += part->events;
    sum->kept += part->kept;
    sum->prompt += part->prompt;
    sum->wakes += part->wakes;
    sum->idle_wakes += part->idle_wakes;
    sum->bytes += part->bytes;
    sum->judge_us += part->judge_us;
    sum->slice_us += part->slice_us;
    sum->judged += part->judged;
    sum->sliced += part->sliced;
}

// ---- reading -----------------------------------------------------------------------------------

static bool read_packets(struct play *play, const char *path, struct om_error *err)
{
    struct om_source_opts opts = om_source_opts_default;
    opts.as_fast_as_possible = true;
    om_auto(om_source) source = om_source_open(path, &opts, NULL, err);
    if (!source)
        return false;
    om_stream_info_copy(&play->info, om_source_info(source));
    struct om_packet *packet = NULL;
    while (play->count < play->timeline->count && om_source_read(source, &packet, err) == OM_OK)
        play->packets[play->count++] = om_steal(&packet);
    if (play->count == play->timeline->count)
        return true;
    om_error_set(err, OM_INVALID, "%s: %d packets of %d", path, play->count, play->timeline->count);
    return false;
}

// ---- the pipeline's part -----------------------------------------------------------------------

static int index_of(const struct play *play, int64_t pts_us)
{
    int64_t since_us = pts_us - play->packets[0]->pts_us;
    return (int)((since_us + OM_GATE_GAP_US / 2) / OM_GATE_GAP_US);
}

static void look(struct play *play, const struct om_frame *frame)
{
    struct om_watch_result result;
    struct om_thumb thumb = {frame->pts_us, OM_GATE_THUMB_WIDTH, OM_GATE_THUMB_HEIGHT, play->luma};
    om_thumb_fill(&thumb, frame);
    om_watch_update(play->watch, &thumb, &result);
    int at = index_of(play, frame->pts_us);
    if (at >= 0 && at < play->count)
        play->decoded[at] = true;
    om_packet_gate_saw(play->gate, frame->pts_us, result.is_moving);
}

static void decode(struct play *play, int from, int to)
{
    for (int i = from; i <= to; i++) {
        struct om_frame *frame = NULL;
        (void)!om_decoder_send(play->decoder, play->packets[i]);
        while (om_decoder_take(play->decoder, &frame) == OM_OK) {
            look(play, frame);
            om_frame_unref(&frame);
        }
    }
    play->sent = to;
}

static int group_start(const struct play *play, int at)
{
    while (at > 0 && !play->packets[at]->is_key)
        at--;
    return at;
}

// As pipeline/stages.c: what stands there when all is quiet is the background of what comes next.
static void settle(struct play *play)
{
    const struct om_thumb thumb = {play->packets[play->sent]->pts_us, OM_GATE_THUMB_WIDTH,
                                   OM_GATE_THUMB_HEIGHT, play->luma};
    om_watch_settle(play->watch, &thumb);
}

static void play_all(struct play *play)
{
    for (int i = 0; i < play->count; i++) {
        struct om_gate_judgement judgement = om_packet_gate_judge(play->gate, play->packets[i]);
        play->awake[i] = judgement.verdict == OM_GATE_FULL;
        if (i > 0 && play->awake[i - 1] && !play->awake[i])
            settle(play);
        if (judgement.verdict == OM_GATE_KEY)
            decode(play, i, i);
        if (judgement.verdict == OM_GATE_FULL)
            decode(play, OM_MAX(group_start(play, i), play->sent + 1), i);
    }
}

// ---- results -----------------------------------------------------------------------------------

static void count_event(const struct play *play, struct om_gate_event event,
                        struct om_gate_tally *tally)
{
    int decoded = 0;
    bool has_start = false, is_prompt = false;
    for (int i = event.start; i < event.end; i++) {
        decoded += play->decoded[i];
        has_start |= play->decoded[i] && i < event.start + SECOND_PICTURES;
        is_prompt |= play->awake[i] && i <= event.start + SECOND_PICTURES;
    }
    tally->events++;
    tally->kept += has_start && 2 * decoded >= event.end - event.start;
    tally->prompt += is_prompt;
}

static void count_wakes(const struct play *play, struct om_gate_tally *tally)
{
    for (int i = 1; i < play->count; i++) {
        if (!play->awake[i] || play->awake[i - 1])
            continue;
        bool has_motion = false;
        int to = OM_MIN(i + NEAR, play->count);
        for (int k = OM_MAX(i - NEAR, 0); k < to; k++)
            has_motion |= play->timeline->moves[k];
        tally->wakes++;
        tally->idle_wakes += !has_motion;
    }
}

static void count(const struct play *play, struct om_gate_tally *tally)
{
    for (int i = 0; i < play->timeline->event_count; i++)
        count_event(play, play->timeline->events[i], tally);
    for (int i = 0; i < play->count; i++) {
        tally->decoded += play->decoded[i];
        tally->bytes += (int64_t)play->packets[i]->bytes;
    }
    tally->packets += play->count;
    tally->moving += play->timeline->moving;
    count_wakes(play, tally);
}

// ---- time --------------------------------------------------------------------------------------

// The same packets through a gate that is told what it was told in play_all(), and nothing else.
static void time_judge(const struct play *play, const struct om_packet_gate_opts *opts,
                       struct om_gate_tally *tally)
{
    om_auto(om_packet_gate) gate = om_packet_gate_create(&play->info, opts);
    int full = 0;
    int64_t start_us = om_time_thread_cpu_us();
    for (int i = 0; i < play->count; i++) {
        full += om_packet_gate_judge(gate, play->packets[i]).verdict == OM_GATE_FULL;
        if (play->awake[i])
            om_packet_gate_saw(gate, play->packets[i]->pts_us, play->timeline->moves[i]);
    }
    tally->judge_us += om_time_thread_cpu_us() - start_us;
    tally->judged += play->count;
    om_assert(full <= play->count);
}

static void time_slices(const struct play *play, struct om_gate_tally *tally)
{
    struct om_slice_params *params = om_new(struct om_slice_params);
    om_slice_params_init(params, play->info.codec);
    int64_t start_us = om_time_thread_cpu_us();
    for (int i = 0; i < play->count; i++) {
        const struct om_packet *packet = play->packets[i];
        struct om_slice_header header;
        struct om_nal_reader reader;
        struct om_nal nal;
        om_nal_reader_init(&reader, packet->data, packet->bytes, 0);
        while (om_nal_next(&reader, &nal)) {
            (void)om_slice_params_learn(params, nal);
            if (om_nal_kind_of(play->info.codec, nal) == OM_NAL_PICTURE) {
                tally->sliced += om_slice_header_parse(params, nal, &header);
                break;
            }
        }
    }
    tally->slice_us += om_time_thread_cpu_us() - start_us;
    om_free(params);
}

// ---- all of it ---------------------------------------------------------------------------------

static bool run(struct play *play, const char *path, struct om_gate_tally *tally,
                struct om_error *err)
{
    if (!read_packets(play, path, err))
        return false;
    struct om_packet_gate_opts opts;
    struct om_watch_opts watch_opts;
    om_packet_gate_opts_default(&opts);
    om_watch_opts_default(&watch_opts);
    const struct om_decoder_opts decoder_opts = {.threads = 1};
    play->decoder = om_decoder_create(&play->info, &decoder_opts, err);
    if (!play->decoder)
        return false;
    play->watch = om_watch_create(&watch_opts);
    play->gate = om_packet_gate_create(&play->info, &opts);
    play->sent = -1;
    play_all(play);
    count(play, tally);
    time_judge(play, &opts, tally);
    time_slices(play, tally);
    return true;
}

bool om_gate_play(const char *path, const struct om_gate_timeline *timeline,
                  struct om_gate_tally *tally, struct om_error *err)
{
    struct play *play = om_new(struct play);
    play->timeline = timeline;
    play->packets = om_new_array(struct om_packet *, (size_t)timeline->count);
    play->decoded = om_new_array(bool, (size_t)timeline->count);
    play->awake = om_new_array(bool, (size_t)timeline->count);
    bool is_ok = run(play, path, tally, err);
    om_packet_gate_destroy(play->gate);
    om_watch_destroy(play->watch);
    om_decoder_destroy(play->decoder);
    for (int i = 0; i < play->count; i++)
        om_packet_unref(&play->packets[i]);
    om_stream_info_finish(&play->info);
    om_free(play->packets);
    om_free(play->decoded);
    om_free(play->awake);
    om_free(play);
    return is_ok;
}
