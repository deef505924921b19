// Sources: cameras and files in, packets out. A source is a blocking reader that belongs to one
// thread; what happens when it fails (back-off, fallback) is the camera's business (pipeline/).
//
// Allowed: rtsp:// rtsps:// http:// https:// (MJPEG, HLS), /dev/videoN or a bare camera index, a
// media file, a folder of pictures, test:. Every open sets libavformat's protocol and format
// allow-lists; no option of libav's can be given by a user. Credentials are split off the URL when
// it is parsed and never come back in a text.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "media/stream.h"

struct om_cancel;
struct om_error;
struct om_packet;
struct om_source;

enum om_rtsp_transport { OM_RTSP_TCP, OM_RTSP_UDP };

struct om_source_opts {
    enum om_rtsp_transport rtsp_transport;
    bool rtsp_by_library;          // leave all RTSP to libavformat; benchmarks compare the two
    int64_t connect_timeout_us;    // to the first byte of an answer (5 s)
    int64_t first_key_timeout_us;  // from connected to the first key frame (10 s)
    int64_t stall_min_us;      // no packet for longer than max(this, 3 x usual gap) = stalled (2 s)
    bool as_fast_as_possible;  // files: do not pace by time stamps (omma detect)
    bool loop;                 // files: start again at the end (also by "?loop" behind the name)
    double test_fps;           // test: (25)
};

extern const struct om_source_opts om_source_opts_default;

enum om_source_kind {
    OM_SOURCE_RTSP,
    OM_SOURCE_HTTP,
    OM_SOURCE_USB,
    OM_SOURCE_FILE,
    OM_SOURCE_FOLDER,
    OM_SOURCE_TEST
};

enum { OM_SOURCE_TEXT_SIZE = 256 };

// Which kind `url` is, without opening anything, and a form of it that may be shown (no
// credentials, no query values) in `safe`. OM_INVALID / OM_UNSUPPORTED with a hint for what is none
// of the above.
OM_MUST_USE enum om_status om_source_classify(const char *url, enum om_source_kind *ret_kind,
                                              char safe[OM_SOURCE_TEXT_SIZE], struct om_error *err);

// Opens and reads as far as the stream's parameters; blocks up to connect_timeout + first bytes,
// ends at once when cancelled. NULL with the class that says what to do: OM_REFUSED (401, 403,
// 453), OM_UNREACHABLE (refused port, no name), OM_TIMEOUT, OM_NOT_FOUND (404, no file),
// OM_UNSUPPORTED (codec, scheme), OM_INVALID (no video in it). `opts` is copied, `cancel` borrowed
// until close.
OM_MUST_USE struct om_source *om_source_open(const char *url, const struct om_source_opts *opts,
                                             struct om_cancel *cancel, struct om_error *err);
// Ends the session (RTSP TEARDOWN) and frees. Accepts NULL.
void om_source_close(struct om_source *source);
static inline void om_source_destroy(struct om_source *source)
{
    om_source_close(source);
}
OM_DEFINE_AUTO(om_source);

enum om_source_kind om_source_kind(const struct om_source *source);
// Lives as long as the source; a change of format in mid-stream opens a new epoch and changes it.
const struct om_stream_info *om_source_info(const struct om_source *source);

// The next packet of the video stream, owned by the caller, stamped by the media clock. Blocks;
// files are paced to their own speed unless as_fast_as_possible. OM_OK; OM_END (end of a file);
// OM_TIMEOUT (stalled: no packet for too long); OM_CANCELLED; other classes with *err when the
// connection broke.
OM_MUST_USE enum om_status om_source_read(struct om_source *source, struct om_packet **ret_packet,
                                          struct om_error *err);
