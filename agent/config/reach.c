#include "agent/config/reach.h"

#include <string.h>

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_secret(const struct secret_source *a, const struct secret_source *b)
{
    return same_text(a->password_file, b->password_file) &&
           same_text(a->password_command, b->password_command) &&
           same_text(a->oauth_token_command, b->oauth_token_command);
}

static bool same_server(const struct server *a, const struct server *b)
{
    return same_text(a->name, b->name) && same_text(a->imap.host, b->imap.host) &&
           a->imap.port == b->imap.port && a->imap.security == b->imap.security &&
           same_text(a->ca_file, b->ca_file) && same_text(a->master_user, b->master_user) &&
           same_secret(&a->master, &b->master);
}

bool same_reach(const struct server *server_a, const char *login_a,
                const struct secret_source *secret_a, const struct server *server_b,
                const char *login_b, const struct secret_source *secret_b)
{
    return same_server(server_a, server_b) && same_text(login_a, login_b) &&
           same_secret(secret_a, secret_b);
}
