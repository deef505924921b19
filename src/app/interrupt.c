#include "app/interrupt.h"

#include <signal.h>
#include <unistd.h>

#include "base/assert.h"

static struct om_cancel cancel;
static bool is_started;

// Only async-signal-safe things: an atomic and a write to the cancel's eventfd.
static void on_signal(int signal_number)
{
    if (om_cancel_is_set(&cancel))
        _exit(128 + signal_number);
    om_cancel_set(&cancel);
}

struct om_cancel *om_interrupt_start(void)
{
    if (!is_started) {
        om_cancel_init(&cancel);
        struct sigaction action = {.sa_handler = on_signal};
        om_assert(sigaction(SIGINT, &action, NULL) == 0);
        om_assert(sigaction(SIGTERM, &action, NULL) == 0);
        is_started = true;
    }
    return &cancel;
}

void om_interrupt_now(void)
{
    om_cancel_set(&cancel);
}
