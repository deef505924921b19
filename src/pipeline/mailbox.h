// Mailbox between a camera's reader thread and its lane. The overload policy is part of the type:
// live video drops to the next key frame when the lane cannot keep up, and then what still waits
// before that key frame too (all counted); files wait.
//
// Threads: one putter, one taker.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"

struct om_cancel;
struct om_mailbox;
struct om_packet;
struct om_stream_ref;

enum om_mailbox_policy { OM_MAILBOX_NEWEST_WINS, OM_MAILBOX_WAIT };

enum om_mail_kind {
    OM_MAIL_PASS,   // decode it
    OM_MAIL_WAKE,   // decode the group of pictures before it, which the hub has, then it
    OM_MAIL_KEY,    // a key frame alone: look at it, then sleep on
    OM_MAIL_SLEEP,  // decode nothing from here on: the decoder can go
    OM_MAIL_IGNORE  // for nobody; never put into a mailbox
};

struct om_mail {
    struct om_packet *packet;  // NULL: the stream is over, flush
    struct om_stream_ref *stream;
    enum om_mail_kind kind;
    bool is_fallback;  // of the fallback file: show it, detect nothing
};

OM_MUST_USE struct om_mailbox *om_mailbox_create(void);
void om_mailbox_destroy(struct om_mailbox *box);  // accepts NULL
OM_DEFINE_AUTO(om_mailbox);

// Takes both references of `mail`. An end mark always waits for room: losing it would lose the
// flush. With OM_MAILBOX_WAIT blocks until there is room or `cancel` is set.
void om_mailbox_put(struct om_mailbox *box, struct om_mail mail, enum om_mailbox_policy policy,
                    struct om_cancel *cancel);
// False when it is empty. The caller owns both references.
OM_MUST_USE bool om_mailbox_take(struct om_mailbox *box, struct om_mail *ret);
// Wakes a waiting putter after a cancel.
void om_mailbox_wake(struct om_mailbox *box);
uint64_t om_mailbox_dropped(struct om_mailbox *box);
