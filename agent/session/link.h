/*
 * A link: one signed-in session to a server for one login, from its turn in the queue to its end.
 *
 * A link waits until fewer than LIMIT_SIGN_INS of its server are signing in and fewer than the
 * server's max_sessions are open, gets the secret (a file or a command), connects and signs in.
 * Then exactly one of on_ready and on_closed of the events is called, and on_closed once later, as
 * session.h says. What goes wrong before there is a session comes as on_closed too.
 *
 * struct links holds what all of them share: the event loop, DNS, one TLS context for each CA file,
 * and the count of sessions for each server.
 * Ownership: a link belongs to its maker, who calls link_free() at any time, in callbacks too. The
 * configuration that the login points into must outlive the link's making only.
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
/* After a reload: CA files are read anew for sessions from now on. */
void links_renew_tls(struct links *links);
struct event_base *links_base(const struct links *links);
struct evdns_base *links_dns(const struct links *links);
/* The context for that CA file (NULL: the system's); lives as long as links. NULL: *why, caller
 * frees. */
SSL_CTX *links_tls(struct links *links, const char *ca_file, char **why);

/* How imapclient names the security of an endpoint. */
enum imap_security link_security(const struct endpoint *endpoint);

struct link_login {
    const struct server *server;
    const char *login;
    const struct secret_source *secret;
    bool qresync;
    bool urgent; /* a target's: of the server's max_sessions one is kept for such */
};

/* events is copied; its callbacks get arg. */
struct link *link_new(struct links *links, const struct link_login *login,
                      const struct imap_events *events, void *arg);
void link_free(struct link *link);
/* Between on_ready and on_closed; NULL else. */
struct imap_session *link_session(const struct link *link);

#endif
