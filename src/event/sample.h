// One event of each type, the same in every run: what tests check and docs/events.md shows.

#pragma once

#include "event/event.h"

void om_event_sample(enum om_event_type type, struct om_event *ret);
