// Drawn shapes from their configured form to the one that counting uses.

#pragma once

struct om_conf_camera;
struct om_shapes;

// Shapes beyond OM_SHAPES_MAX are left out (the configuration refuses them before).
void om_shapes_from_conf(const struct om_conf_camera *conf, struct om_shapes *ret);
