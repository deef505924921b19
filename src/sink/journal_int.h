// The database of the journal: one narrow table to search in and one wide one that holds the JSON,
// so that a search by type, label or time reads 60 bytes an event and not a thousand.

#pragma once

// For om_db_opts.migrations; ended by NULL.
extern const char *const om_journal_migrations[];
