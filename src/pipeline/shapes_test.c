#include "pipeline/shapes.h"

#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/mem.h"
#include "conf/config.h"
#include "pipeline/options.h"
#include "scene/zone.h"

static const char yaml[] = "cameras:\n"
                           "  gate:\n"
                           "    source: 'test:'\n"
                           "    zones:\n"
                           "      yard:\n"
                           "        points: [[0.1, 0.2], [0.9, 0.2], [0.5, 0.8]]\n"
                           "        classes: [car, person]\n"
                           "    lines:\n"
                           "      road: {points: [[0, 0.5], [1, 0.25]]}\n";

int main(void)
{
    struct om_error err = {0};
    om_conf_register(om_pipeline_opt_groups);
    om_auto(om_conf) conf = om_conf_parse(om_str_from(yaml), "test", &err);
    om_assert(conf);
    struct om_shapes *shapes = om_new(struct om_shapes);
    shapes->zone_count = 7;  // whatever was there before
    om_shapes_from_conf(&conf->cameras[0], shapes);

    om_assert(shapes->zone_count == 1 && shapes->line_count == 1);
    const struct om_zone *zone = &shapes->zones[0];
    om_assert(strcmp(zone->name, "yard") == 0 && zone->point_count == 3);
    om_assert(zone->points[2].x == 0.5f && zone->points[2].y == 0.8f);
    om_assert(zone->classes.count == 2 && strcmp(zone->classes.names[1], "person") == 0);
    const struct om_line *line = &shapes->lines[0];
    om_assert(strcmp(line->name, "road") == 0 && line->classes.count == 0);
    om_assert(line->a.y == 0.5f && line->b.x == 1 && line->b.y == 0.25f);

    struct om_conf_camera bare = {0};
    om_shapes_from_conf(&bare, shapes);
    om_assert(shapes->zone_count == 0 && shapes->line_count == 0);
    om_free(shapes);
    return 0;
}
