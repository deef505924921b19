// The picture of docs/design/fleet.md: the load of the fleet over a day and in a storm.

#pragma once

#include <stdbool.h>

struct om_error;
struct om_fleet_result;

bool om_fleet_chart_write(const char *path, const struct om_fleet_result *day,
                          const struct om_fleet_result *storm, struct om_error *err);
