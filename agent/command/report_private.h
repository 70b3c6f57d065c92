/* What report.c and command/verify.c share. */
#ifndef AGENT_COMMAND_REPORT_PRIVATE_H
#define AGENT_COMMAND_REPORT_PRIVATE_H

#include <sqlite3.h>

#include "agent/command/report.h"

struct report {
    sqlite3 *db;
    int spool_fd; /* -1: there is none */
};

/* NULL when the database cannot be read: every use accepts that and finds no row. */
sqlite3_stmt *report_query(const struct report *report, const char *sql);
const char *report_text(sqlite3_stmt *query, int column); /* "" for NULL */

#endif
