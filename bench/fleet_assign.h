// Which machine reads which camera. Every rule is a pure function of what the store holds (members,
// cameras, present owners), so that all machines reach the same answer without a coordinator.

#pragma once

#include <stdbool.h>
#include <stdint.h>

enum om_fleet_rule {
    OM_FLEET_RENDEZVOUS,  // highest weighted hash of the pair; loads as they fall
    OM_FLEET_BOUNDED,     // the same, skipping machines that are full
    OM_FLEET_STICKY,      // bounded, and a camera stays where it is while its machine has room
    OM_FLEET_RING,        // consistent hashing, 128 points a machine and unit of weight
    OM_FLEET_BIN_PACK,    // the dearest camera first, each to the emptiest machine
    OM_FLEET_RULE_COUNT
};

struct om_fleet_member {
    uint64_t id;
    double weight;  // cores
    bool is_up;     // takes cameras
    bool is_new;    // sticky: joined just now, so cameras that prefer it come
};

struct om_fleet_item {
    uint64_t id;
    double cost;  // cores, on the average
};

struct om_fleet_assignment {
    enum om_fleet_rule rule;
    double slack;  // bounded: the most a machine takes, as a multiple of its fair share (1.1)
    const struct om_fleet_member *members;
    int member_count;
    const struct om_fleet_item *items;
    int item_count;
};

const char *om_fleet_rule_name(enum om_fleet_rule rule);
uint64_t om_fleet_hash(uint64_t a, uint64_t b);
// owners[i] is the present owner of item i (or -1) and becomes the new one (-1 = no member is up).
void om_fleet_assign(const struct om_fleet_assignment *assignment, int *owners);
// Load of the fullest member over its fair share.
double om_fleet_skew(const struct om_fleet_assignment *assignment, const int *owners);
