#include "pipeline/room_fixture.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "loop/workers.h"
#include "media/packet.h"
#include "media/stream.h"
#include "pipeline/feed.h"
#include "pipeline/models.h"
#include "pipeline/pipeline.h"
#include "sink/journal.h"

void room_init(struct room *room)
{
    struct om_error err = {0};
    om_log_set_level(OM_LOG_ERROR);
    snprintf(room->home, sizeof(room->home), "/tmp/omma-room-XXXXXX");
    om_assert(mkdtemp(room->home));
    char path[128];
    snprintf(path, sizeof(path), "%s/events.db", room->home);
    room->journal = om_journal_open(path, &om_journal_opts_default, &err);
    om_assert(room->journal);
    room->workers = om_workers_create("worker", 2, 1024 * 1024);
    const struct om_engines_opts engines = {.home = room->home};
    room->engines = om_engines_create(&engines);
    const struct om_pipeline_opts pipeline = {.workers = room->workers,
                                              .journal = room->journal,
                                              .engines = room->engines,
                                              .connects_per_s = 100};
    room->pipeline = om_pipeline_create(&pipeline);
}

static int room_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

void room_finish(struct room *room)
{
    om_pipeline_destroy(room->pipeline);
    om_engines_destroy(room->engines);
    om_workers_destroy(room->workers);
    om_journal_close(room->journal);
    om_assert(nftw(room->home, room_remove, 8, FTW_DEPTH | FTW_PHYS) == 0);
}

const char *room_text(char *out, size_t size, const struct room *room, const char *name)
{
    snprintf(out, size, "%s/%s", room->home, name);
    return out;
}

struct om_packet *room_packet(int number, bool is_key, size_t bytes)
{
    char *data = om_new_array(char, bytes);
    struct om_packet *packet = om_packet_copy(data, bytes);
    om_free(data);
    om_assert(packet);
    packet->pts_us = packet->dts_us = number;
    packet->is_key = is_key;
    return packet;
}

struct om_stream_ref *room_stream(void)
{
    const struct om_stream_info info = {.codec = OM_CODEC_H264, .width = 64, .height = 48};
    return om_stream_ref_create(&info);
}
