/* Whether a reload must interrupt a session: whatever the login depends on counts, nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/config/same.h"

struct mailbox_login {
    struct server server;
    const char *login;
    struct secret_source secret;
};

static struct mailbox_login usual(void)
{
    return (struct mailbox_login){
        .server = {.name = "office",
                   .file = "a.conf",
                   .line = 3,
                   .imap = {.set = true,
                            .security = SECURITY_TLS,
                            .host = "mail.example.org",
                            .port = 993,
                            .url = "imaps://mail.example.org"},
                   .ca_file = "ca.pem",
                   .master_user = "vigil",
                   .master = {.password_file = "master.secret"}},
        .login = "alice",
        .secret = {.password_file = "alice.secret", .file = "a.conf", .line = 9},
    };
}

static bool same(const struct mailbox_login *a, const struct mailbox_login *b)
{
    bool forth = same_login(&a->server, a->login, &a->secret, &b->server, b->login, &b->secret);
    bool back = same_login(&b->server, b->login, &b->secret, &a->server, a->login, &a->secret);
    assert_int_equal(forth, back);
    return forth;
}

static void set_name(struct mailbox_login *login)
{
    login->server.name = "other";
}
static void set_host(struct mailbox_login *login)
{
    login->server.imap.host = "mail.example.net";
}
static void set_port(struct mailbox_login *login)
{
    login->server.imap.port = 1993;
}
static void set_security(struct mailbox_login *login)
{
    login->server.imap.security = SECURITY_STARTTLS;
}
static void set_ca(struct mailbox_login *login)
{
    login->server.ca_file = NULL;
}
static void set_master(struct mailbox_login *login)
{
    login->server.master_user = NULL;
}
static void set_master_secret(struct mailbox_login *login)
{
    login->server.master.password_file = "new.secret";
}
static void set_login(struct mailbox_login *login)
{
    login->login = "bob";
}
static void set_file(struct mailbox_login *login)
{
    login->secret.password_file = "bob.secret";
}
static void set_kind(struct mailbox_login *login)
{
    login->secret.password_file = NULL;
    login->secret.password_command = "alice.secret";
}
static void set_token(struct mailbox_login *login)
{
    login->secret.oauth_token_command = "token";
}

static void each_of_them_is_another_login(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        void (*set)(struct mailbox_login *login);
    } changes[] = {
        {"server", set_name},
        {"host", set_host},
        {"port", set_port},
        {"security", set_security},
        {"ca_file", set_ca},
        {"master_user", set_master},
        {"login", set_login},
        {"master_password_file", set_master_secret},
        {"password_file", set_file},
        {"password_command", set_kind},
        {"oauth_token_command", set_token},
    };
    for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
        struct mailbox_login a = usual(), b = usual();
        changes[i].set(&b);
        if (same(&a, &b))
            fail_msg("a changed %s is taken for the same login", changes[i].what);
    }
}

static void equal_texts_elsewhere_are_the_same(void **state)
{
    (void)state;
    char host[] = "mail.example.org", login[] = "alice", ca[] = "ca.pem";
    struct mailbox_login a = usual(), b = usual();
    b.server.imap.host = host;
    b.login = login;
    b.server.ca_file = ca;
    assert_true(same(&a, &b));
}

static void where_it_is_written_does_not_matter(void **state)
{
    (void)state;
    struct mailbox_login a = usual(), b = usual();
    b.server.file = b.secret.file = "b.conf";
    b.server.line = b.secret.line = 77;
    b.server.imap.url = "imaps://mail.example.org:993";
    b.server.max_sessions = 5;
    b.server.smtp.set = true;
    b.server.smtp.host = "smtp.example.org";
    assert_true(same(&a, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_of_them_is_another_login),
        cmocka_unit_test(equal_texts_elsewhere_are_the_same),
        cmocka_unit_test(where_it_is_written_does_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
