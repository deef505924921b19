// What slice.c and slice_hevc.c share.

#pragma once

#include "media/bits.h"
#include "media/slice.h"

const struct om_slice_pps *om_slice_find_pps(const struct om_slice_params *params, uint32_t id);
const struct om_slice_sps *om_slice_find_sps(const struct om_slice_params *params, uint32_t id);

bool om_slice_hevc_sps(struct om_nal nal, struct om_slice_sps *ret);
bool om_slice_hevc_pps(struct om_nal nal, struct om_slice_pps *ret);
bool om_slice_hevc_header(const struct om_slice_params *params, struct om_nal nal,
                          struct om_slice_header *ret);
