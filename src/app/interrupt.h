// Ctrl-C and SIGTERM for commands that work through a list: the first one cancels in good order, a
// second one ends the process.

#pragma once

#include "loop/cancel.h"

// Installs the handlers; the cancel lives as long as the process.
struct om_cancel *om_interrupt_start(void);
// As if the user had pressed Ctrl-C.
void om_interrupt_now(void);
