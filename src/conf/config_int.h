// What config.c, config_parse.c and config_write.c share.

#pragma once

#include "conf/config.h"
#include "conf/opt.h"

struct om_buf;
struct om_yaml_node;

// The top-level options, fields of struct om_conf.
extern const struct om_opt_group om_conf_top_group;
// The registered groups, ended by NULL; never NULL itself.
const struct om_opt_group *const *om_conf_groups(void);
void *om_conf_section_mut(struct om_conf *conf, const struct om_opt_group *group);

// Defaults only.
struct om_conf *om_conf_create(void);
// Lays a YAML document over `conf`.
bool om_conf_parse_over(struct om_conf *conf, om_str yaml, const char *name, struct om_error *err);
// One camera from its YAML value; `cam` is zeroed but for id.
bool om_conf_parse_camera(struct om_conf_camera *cam, const struct om_yaml_node *node,
                          const char *name, struct om_error *err);
// One camera as a YAML map entry, indented by two blanks.
void om_conf_write_camera(const struct om_conf_camera *cam, struct om_buf *out);
