/*
 * A link: one logged-in IMAP session for one login, from the queue for a slot to the end of the
 * session.
 *
 * A link waits until fewer than LIMIT_LOGINS links of its server are logging in and fewer than
 * the server's max_sessions are open, gets the secret (from a file or a command), connects and logs
 * in. Then either on_ready is called, and on_closed once later, or on_closed alone, as session.h
 * describes. Failures before there is a session are reported by on_closed too.
 *
 * struct links holds what all links share: the event loop, DNS, one TLS context per CA file, and
 * the session counts of each server.
 * Ownership: a link belongs to its maker, who may call link_free() at any time, from callbacks too.
 * What the login points to is copied.
 */
#ifndef AGENT_SESSION_LINK_H
#define AGENT_SESSION_LINK_H

#include <event2/dns.h>
#include <event2/event.h>

#include "agent/config/config.h"
#include "imapclient/session.h"

struct links;
struct link;

struct links *links_new(struct event_base *base);
void links_free(struct links *links); /* after all links */
/* After a reload: new sessions read their CA files again. */
void links_renew_tls(struct links *links);
struct event_base *links_base(const struct links *links);
struct evdns_base *links_dns(const struct links *links);
/* The context for that CA file (NULL: the system's), which lives as long as links. On failure
 * NULL, and *why, which the caller frees. */
SSL_CTX *links_tls(struct links *links, const char *ca_file, char **why);

/* The security of an endpoint in terms of imapclient. */
enum imap_security link_security(const struct endpoint *endpoint);

struct link_login {
    const struct server *server;
    const char *login;
    const struct secret_source *secret;
    bool qresync;
    bool urgent; /* a target's: one of the server's max_sessions is reserved for these */
};

/* events is copied; its callbacks are passed arg. */
struct link *link_new(struct links *links, const struct link_login *login,
                      const struct imap_events *events, void *arg);
void link_free(struct link *link);
/* Between on_ready and on_closed; NULL else. */
struct imap_session *link_session(const struct link *link);

#endif
