#include "pipeline/shapes.h"

#include "base/str.h"
#include "conf/config.h"
#include "scene/zone.h"

static void classes_from_conf(const struct om_conf_shape *shape, struct om_class_filter *ret)
{
    ret->count = OM_MIN(shape->class_count, OM_SHAPE_CLASSES_MAX);
    for (int i = 0; i < ret->count; i++)
        (void)om_str_copy(ret->names[i], sizeof(ret->names[i]), om_str_from(shape->classes[i]));
}

static struct om_point point_from_conf(struct om_conf_point p)
{
    return (struct om_point){(float)p.x, (float)p.y};
}

static void zone_from_conf(const struct om_conf_shape *shape, struct om_zone *ret)
{
    (void)om_str_copy(ret->name, sizeof(ret->name), om_str_from(shape->name));
    ret->point_count = OM_MIN(shape->point_count, OM_ZONE_POINTS_MAX);
    for (int i = 0; i < ret->point_count; i++)
        ret->points[i] = point_from_conf(shape->points[i]);
    classes_from_conf(shape, &ret->classes);
}

static void line_from_conf(const struct om_conf_shape *shape, struct om_line *ret)
{
    (void)om_str_copy(ret->name, sizeof(ret->name), om_str_from(shape->name));
    ret->a = point_from_conf(shape->points[0]);
    ret->b = point_from_conf(shape->points[1]);
    classes_from_conf(shape, &ret->classes);
}

void om_shapes_from_conf(const struct om_conf_camera *conf, struct om_shapes *ret)
{
    *ret = (struct om_shapes){0};
    ret->zone_count = OM_MIN(conf->zone_count, OM_SHAPES_MAX);
    for (int i = 0; i < ret->zone_count; i++)
        zone_from_conf(&conf->zones[i], &ret->zones[i]);
    ret->line_count = OM_MIN(conf->line_count, OM_SHAPES_MAX);
    for (int i = 0; i < ret->line_count; i++)
        line_from_conf(&conf->lines[i], &ret->lines[i]);
}
