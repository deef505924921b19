// Feeds: the camera simulator's RTSP requests (with interleaved packets between), the camera number
// of their URI, their Transport and Authorization headers. The input is what a client sends.
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "bench/sim/auth.h"
#include "bench/sim/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct om_sim_auth auth;
    om_assert(om_sim_auth_init(&auth, "viewer:secret", NULL));
    om_str rest = om_str_n((const char *)data, size);
    struct om_sim_request request;
    for (;;) {
        enum om_sim_parsed parsed = om_sim_request_parse(rest, &request);
        if (parsed == OM_SIM_MORE || parsed == OM_SIM_BAD)
            return 0;
        om_assert(request.bytes > 0 && request.bytes <= rest.n);
        if (parsed == OM_SIM_REQUEST) {
            om_assert(request.method.n > 0);
            om_assert(om_sim_request_camera(request.uri) >= -1);
            int channel = om_sim_request_channel(request.transport);
            om_assert(channel >= -1 && channel <= 254);
            (void)om_sim_auth_is_good(&auth, "abc", request.method, request.authorization);
        }
        rest = om_str_sub(rest, request.bytes, rest.n);
    }
}
