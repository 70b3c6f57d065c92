/*
 * One watched account: its main watch, and as many more as its folders need.
 *
 * With NOTIFY one session watches all folders. With IDLE each of the first LIMIT_IDLE_SESSIONS
 * folders has a session of its own (INBOX, then Sent, then the others); the main watch polls the
 * rest, and all of them if the server accepts no more sessions.
 */
#ifndef AGENT_WATCH_ACCOUNT_WATCH_H
#define AGENT_WATCH_ACCOUNT_WATCH_H

#include "agent/watch/watch.h"

struct account_watch;

struct account_watch *account_watch_new(struct context *context, const struct account *account);
void account_watch_free(struct account_watch *watch);
const struct account *account_watch_account(const struct account_watch *watch);

/*
 * After a reload. true: server and login are the same; the new configuration is in use and nothing
 * is interrupted. false: they differ; free this and make a new one.
 */
bool account_watch_update(struct account_watch *watch, const struct account *account);

/* Watches, the main one first. */
size_t account_watch_count(const struct account_watch *watch);
const struct watch *account_watch_nth(const struct account_watch *watch, size_t i);
/* Folders that are configured and that the server does not have; NULL-terminated. */
char *const *account_watch_missing(const struct account_watch *watch);
/* Whether one of those is missed: it is configured by its name, or it is a folder of sent mail
 * and there was one since this watch began. An account that never had one loses nothing. */
bool account_watch_misses(const struct account_watch *watch, const char *missing);

#endif
