// Reads a journal's file: what om_journal_read() is made of, and what `omma events` uses beside a
// running server.
//
// Threads: a reader belongs to one thread at a time.

#pragma once

#include "base/cleanup.h"
#include "base/error.h"
#include "sink/journal.h"

struct om_journal_reader;

// The file must exist and is never changed. NULL with *err.
OM_MUST_USE struct om_journal_reader *om_journal_reader_open(const char *path,
                                                             struct om_error *err);
void om_journal_reader_destroy(struct om_journal_reader *reader);  // accepts NULL
OM_DEFINE_AUTO(om_journal_reader);

// As om_journal_read().
OM_MUST_USE enum om_status om_journal_reader_read(struct om_journal_reader *reader,
                                                  const struct om_journal_query *query,
                                                  om_journal_row_fn *fn, void *ctx,
                                                  struct om_error *err);
// The number of the last event; 0 when there is none.
OM_MUST_USE enum om_status om_journal_reader_last(struct om_journal_reader *reader, uint64_t *ret,
                                                  struct om_error *err);
