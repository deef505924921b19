// The schema texts that the build puts into the program (proto/embed.py makes the table).

#pragma once

struct om_event_schema_text {
    const char *name;  // "io.omma.track.started.v1", "envelope"
    const char *text;
};

// Ended by an all-zero row.
extern const struct om_event_schema_text om_event_schema_texts[];
