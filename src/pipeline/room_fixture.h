// For tests only: what a camera needs around it - a state folder with a journal, workers, engines,
// a pipeline - and packets made of nothing.

#pragma once

#include <stdbool.h>
#include <stddef.h>

struct om_packet;
struct om_stream_ref;

struct room {
    char home[64];
    struct om_journal *journal;
    struct om_workers *workers;
    struct om_engines *engines;
    struct om_pipeline *pipeline;
};

void room_init(struct room *room);
// Removes the folder too.
void room_finish(struct room *room);
// The path of `name` in the room's folder. Returns `out`.
const char *room_text(char *out, size_t size, const struct room *room, const char *name);
// A packet of `bytes` bytes; its pts is `number`.
struct om_packet *room_packet(int number, bool is_key, size_t bytes);
struct om_stream_ref *room_stream(void);
