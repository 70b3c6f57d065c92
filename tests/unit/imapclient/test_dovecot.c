/* Sessions with a real Dovecot: what the scripted server can only pretend. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "imapclient/scripted_client.h"
#include "imapclient/scripted_dovecot.h"

#define BIG (20 * 1024 * 1024)

/* A small quarantine: test_big_message measures memory. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=1";
}

static struct dovecot *dovecot;
static SSL_CTX *tls;

static int set_up(void **state)
{
    (void)state;
    char *why;
    dovecot = dovecot_start();
    tls = imap_tls_context_new(dovecot_ca_file(dovecot), &why);
    return tls != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    SSL_CTX_free(tls);
    dovecot_stop(dovecot);
    return 0;
}

static void log_in(struct client *client, enum imap_security security, const char *user)
{
    client->options.security = security;
    client->options.tls = tls;
    client->options.port =
        security == IMAP_SECURITY_TLS ? dovecot_imaps_port(dovecot) : dovecot_imap_port(dovecot);
    client->options.login = user;
    client->options.reply_timeout = 20;
    client->options.enable_qresync = true;
    client_start(client);
    client_await(client, "ready");
}

/* ---- messages ---- */

struct text_source {
    const char *text;
    size_t given, len;
};

static ssize_t give_text(void *arg, struct evbuffer *out, size_t want)
{
    struct text_source *source = arg;
    size_t left = source->len - source->given;
    size_t now = want < left ? want : left;
    evbuffer_add(out, source->text + source->given, now);
    source->given += now;
    return (ssize_t)now;
}

static void append_text(struct client *client, const char *mailbox, const char *text, size_t len,
                        const char *name)
{
    struct text_source source = {.text = text, .len = len};
    struct imap_append_message message = {
        .flags = "\\Seen $MDNSent", .size = len, .read = give_text, .arg = &source};
    imap_append(client->session, mailbox, &message, 1, client_done, client_named(client, name));
    char awaited[64];
    snprintf(awaited, sizeof(awaited), "%s: OK", name);
    client_await(client, awaited);
}

static void examine(struct client *client, const char *mailbox, const char *name)
{
    imap_examine(client->session, mailbox, NULL, client_selected, client_named(client, name));
    char awaited[64];
    snprintf(awaited, sizeof(awaited), "%s: OK", name);
    client_await(client, awaited);
}

static void fetch(struct client *client, uint32_t first, uint32_t last, const char *items,
                  const char *name)
{
    struct imap_uidset set = {0};
    imap_uidset_add(&set, first, last);
    imap_uid_fetch(client->session, &set, items, client_done, client_named(client, name));
    imap_uidset_clear(&set);
    char awaited[64];
    snprintf(awaited, sizeof(awaited), "%s: OK", name);
    client_await(client, awaited);
}

static const char hello[] = "Subject: hello\r\n\r\nworld\r\n";

/* ---- login ---- */

static void test_tls(void **state)
{
    (void)state;
    struct client client;
    client_init(&client);
    log_in(&client, IMAP_SECURITY_TLS, "alice");
    assert_string_equal(imap_session_tls_version(client.session), "TLSv1.3");
    assert_string_equal(imap_session_server_id(client.session), "Dovecot");
    client_finish(&client);
}

static void test_starttls(void **state)
{
    (void)state;
    struct client client;
    client_init(&client);
    log_in(&client, IMAP_SECURITY_STARTTLS, "alice");
    assert_string_equal(imap_session_tls_version(client.session), "TLSv1.3");
    assert_false(imap_session_has(client.session, "STARTTLS"));
    client_finish(&client);
}

static void test_master_user(void **state)
{
    (void)state;
    struct client bob;
    client_init(&bob);
    log_in(&bob, IMAP_SECURITY_TLS, "bob");
    imap_create(bob.session, "only bob has this", client_done, client_named(&bob, "create"));
    client_await(&bob, "create: OK");
    struct client master;
    client_init(&master);
    master.options.authorize_as = "bob";
    master.options.secret = "master";
    log_in(&master, IMAP_SECURITY_TLS, "vigil");
    examine(&master, "only bob has this", "examine");
    client_finish(&master);
    client_finish(&bob);
}

static void test_wrong_password(void **state)
{
    (void)state;
    struct client client;
    client_init(&client);
    client.options.secret = "guess";
    client.options.login = "alice";
    client.options.port = dovecot_imap_port(dovecot);
    client_start(&client);
    client_await(&client, "closed AUTH auth: login as alice was refused");
    client_finish(&client);
}

static void test_wrong_ca(void **state)
{
    (void)state;
    struct client client;
    struct scripted_ca *ca = scripted_ca_new();
    char *why;
    client_init(&client);
    client.options.tls = imap_tls_context_new(scripted_ca_file(ca), &why);
    client.options.security = IMAP_SECURITY_TLS;
    client.options.port = dovecot_imaps_port(dovecot);
    client_start(&client);
    client_await(&client, "closed TLS tls: the server's certificate was issued by an unknown CA");
    SSL_CTX_free(client.options.tls);
    client_finish(&client);
    scripted_ca_free(ca);
}

/* ---- a big message ---- */

struct digest {
    EVP_MD_CTX *context;
    unsigned char value[32];
};

static size_t resident_kib(void)
{
    char line[200];
    size_t kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof(line), file) != NULL)
        if (sscanf(line, "VmHWM: %zu", &kib) == 1)
            break;
    fclose(file);
    return kib;
}

static struct digest arriving;

static void hash_arrived(struct client *client)
{
    size_t len = evbuffer_get_length(client->body);
    EVP_DigestUpdate(arriving.context, evbuffer_pullup(client->body, -1), len);
    evbuffer_drain(client->body, len);
}

/* Lines of random letters, the same with the same seed. */
static ssize_t give_big(void *arg, struct evbuffer *out, size_t want)
{
    struct digest *sent = arg;
    static uint64_t seed = 42;
    char block[8192];
    size_t now = want < sizeof(block) ? want : sizeof(block);
    for (size_t i = 0; i < now; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        block[i] = i % 72 == 70 ? '\r' : i % 72 == 71 ? '\n' : (char)('a' + (seed >> 60));
    }
    if (now < sizeof(block) && now > 0) /* no bare CR at the end */
        block[now - 1] = 'z';
    EVP_DigestUpdate(sent->context, block, now);
    evbuffer_add(out, block, now);
    return (ssize_t)now;
}

static void test_big_message(void **state)
{
    (void)state;
    struct client client;
    struct digest sent = {.context = EVP_MD_CTX_new()};
    arriving.context = EVP_MD_CTX_new();
    EVP_DigestInit_ex(sent.context, EVP_sha256(), NULL);
    EVP_DigestInit_ex(arriving.context, EVP_sha256(), NULL);
    client_init(&client);
    log_in(&client, IMAP_SECURITY_TLS, "carol");
    size_t before = resident_kib();
    struct imap_append_message message = {.size = BIG, .read = give_big, .arg = &sent};
    imap_append(client.session, "INBOX", &message, 1, client_done, client_named(&client, "append"));
    client_await(&client, "append: OK");
    examine(&client, "INBOX", "examine");
    client.on_data = hash_arrived;
    fetch(&client, 1, UINT32_MAX, "(UID BODY.PEEK[])", "fetch");
    assert_int_equal(client.body_size, BIG);
    EVP_DigestFinal_ex(sent.context, sent.value, NULL);
    EVP_DigestFinal_ex(arriving.context, arriving.value, NULL);
    assert_memory_equal(sent.value, arriving.value, sizeof(sent.value));
    assert_true(resident_kib() - before < 8 * 1024); /* even with AddressSanitizer */
    EVP_MD_CTX_free(sent.context);
    EVP_MD_CTX_free(arriving.context);
    client_finish(&client);
}

/* ---- notifications ---- */

static void test_idle_news(void **state)
{
    (void)state;
    struct client watcher, sender;
    client_init(&watcher);
    client_init(&sender);
    log_in(&watcher, IMAP_SECURITY_TLS, "dave");
    log_in(&sender, IMAP_SECURITY_NONE, "dave");
    examine(&watcher, "INBOX", "examine");
    imap_idle(watcher.session, client_idling, client_done, client_named(&watcher, "idle"));
    client_await(&watcher, "idle: idling");
    append_text(&sender, "INBOX", hello, strlen(hello), "append");
    client_await(&watcher, "exists 1");
    fetch(&watcher, 1, UINT32_MAX, "(UID FLAGS BODY.PEEK[])", "fetch"); /* ends IDLE */
    assert_true(client_logged(&watcher, "idle: OK"));
    assert_int_equal(evbuffer_get_length(watcher.body), strlen(hello));
    assert_memory_equal(evbuffer_pullup(watcher.body, -1), hello, strlen(hello));
    client_finish(&watcher);
    client_finish(&sender);
}

static void notify_news(const char *user, const char *const *names, size_t n)
{
    struct client watcher, sender;
    client_init(&watcher);
    client_init(&sender);
    log_in(&sender, IMAP_SECURITY_NONE, user);
    imap_create(sender.session, "Other box", client_done, client_named(&sender, "create"));
    client_await(&sender, "create: OK");
    log_in(&watcher, IMAP_SECURITY_TLS, user);
    examine(&watcher, "INBOX", "examine");
    imap_notify(watcher.session, names, n, client_done, client_named(&watcher, "notify"));
    client_await(&watcher, "notify: OK");
    assert_true(client_logged(&watcher, "status Other box messages 0 uidnext 1"));
    imap_idle(watcher.session, client_idling, client_done, client_named(&watcher, "idle"));
    client_await(&watcher, "idle: idling");
    append_text(&sender, "Other box", hello, strlen(hello), "other");
    client_await(&watcher, "status Other box messages 1 uidnext 2");
    append_text(&sender, "INBOX", hello, strlen(hello), "inbox");
    client_await(&watcher, "exists 1");
    client_await(&watcher, "fetch 1 uid 1");
    client_finish(&watcher);
    client_finish(&sender);
}

static void test_notify_of_named_mailboxes(void **state)
{
    (void)state;
    static const char *const names[] = {"Sent", "Other box"};
    notify_news("nora", names, 2);
}

static void test_notify_of_all_mailboxes(void **state)
{
    (void)state;
    notify_news("nils", NULL, 0);
}

/* ---- MULTIAPPEND, QRESYNC, LIST ---- */

static char append_uids[64];
static uint32_t append_uidvalidity;

static void appended(void *arg, const struct imap_result *result)
{
    if (result->text != NULL && result->text->code == IMAP_CODE_APPENDUID) {
        size_t range = 0;
        char *uids = imap_uidset_text(&result->text->uids, &range, 60);
        snprintf(append_uids, sizeof(append_uids), "%s", uids != NULL ? uids : "");
        append_uidvalidity = result->text->uidvalidity;
        free(uids);
    }
    client_done(arg, result);
}

static void test_multiappend(void **state)
{
    (void)state;
    struct client client;
    client_init(&client);
    log_in(&client, IMAP_SECURITY_TLS, "mia");
    struct text_source sources[3];
    struct imap_append_message messages[3];
    for (size_t i = 0; i < 3; i++) {
        sources[i] = (struct text_source){.text = hello, .len = strlen(hello)};
        messages[i] = (struct imap_append_message){.flags = "$MDNSent",
                                                   .has_date = true,
                                                   .date = 1700000000,
                                                   .date_zone = -330,
                                                   .size = strlen(hello),
                                                   .read = give_text,
                                                   .arg = &sources[i]};
    }
    imap_select(client.session, "INBOX", client_selected, client_named(&client, "select"));
    imap_append(client.session, "INBOX", messages, 3, appended, client_named(&client, "append"));
    client_await(&client, "append: OK");
    assert_string_equal(append_uids, "1:3");
    assert_int_not_equal(append_uidvalidity, 0);
    assert_true(client_logged(&client, "keywords 1"));
    for (size_t i = 0; i < 3; i++)
        sources[i].given = 0;
    imap_append(client.session, "No such", messages, 3, client_done, client_named(&client, "lost"));
    client_await(&client, "lost: NO");
    imap_noop(client.session, client_done, client_named(&client, "noop"));
    client_await(&client, "noop: OK");
    client_finish(&client);
}

static struct imap_resync known;

static void remember(void *arg, const struct imap_result *result,
                     const struct imap_mailbox *mailbox)
{
    known = (struct imap_resync){.uidvalidity = mailbox->uidvalidity,
                                 .modseq = mailbox->highestmodseq,
                                 .known_first = 1,
                                 .known_last = 3};
    client_selected(arg, result, mailbox);
}

static void test_qresync_vanished(void **state)
{
    (void)state;
    struct client client, other;
    client_init(&client);
    client_init(&other);
    log_in(&other, IMAP_SECURITY_NONE, "quin");
    append_text(&other, "INBOX", hello, strlen(hello), "one");
    append_text(&other, "INBOX", hello, strlen(hello), "two");
    append_text(&other, "INBOX", hello, strlen(hello), "three");
    log_in(&client, IMAP_SECURITY_TLS, "quin");
    imap_examine(client.session, "INBOX", NULL, remember, client_named(&client, "first"));
    imap_unselect(client.session, client_done, client_named(&client, "unselect"));
    client_await(&client, "unselect: OK");
    struct imap_uidset set = {0};
    imap_uidset_add(&set, 2, 2);
    imap_select(other.session, "INBOX", client_selected, client_named(&other, "select"));
    imap_uid_store(other.session, &set, "+FLAGS.SILENT (\\Deleted)", client_done,
                   client_named(&other, "store"));
    imap_uid_expunge(other.session, &set, client_done, client_named(&other, "expunge"));
    imap_uidset_clear(&set);
    client_await(&other, "expunge: OK");
    assert_true(client_logged(&other, "vanished 2"));
    imap_examine(client.session, "INBOX", &known, client_selected, client_named(&client, "again"));
    client_await(&client, "again: OK exists 2");
    assert_true(client_logged(&client, "vanished earlier 2"));
    client_finish(&client);
    client_finish(&other);
}

static void test_list(void **state)
{
    (void)state;
    struct client client;
    client_init(&client);
    log_in(&client, IMAP_SECURITY_TLS, "lisa");
    append_text(&client, "Sent", hello, strlen(hello), "append");
    imap_create(client.session, "Entw\xc3\xbcrfe/\xe6\x97\xa5", client_done,
                client_named(&client, "create"));
    imap_list(client.session, "*", IMAP_STATUS_MESSAGES | IMAP_STATUS_UIDNEXT, client_done,
              client_named(&client, "list"));
    imap_namespace(client.session, client_done, client_named(&client, "namespace"));
    imap_uid_search(client.session, "ALL", client_done, client_named(&client, "search"));
    client_await(&client, "search: BAD"); /* nothing is selected */
    assert_true(client_logged(&client, "list Sent sent\n"));
    assert_true(client_logged(&client, "status Sent messages 1 uidnext 2"));
    assert_true(client_logged(&client, "list Entw\xc3\xbcrfe/\xe6\x97\xa5\n"));
    imap_select(client.session, "Sent", client_selected, client_named(&client, "select"));
    imap_uid_search(client.session, "ALL", client_done, client_named(&client, "again"));
    client_await(&client, "again: OK");
    assert_true(client_logged(&client, "search 1\n"));
    client_finish(&client);
}

static void test_logout(void **state)
{
    (void)state;
    struct client client;
    client_init(&client);
    log_in(&client, IMAP_SECURITY_TLS, "logan");
    imap_session_logout(client.session);
    client_await(&client, "closed LOGOUT ready: logged out");
    client_finish(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tls),
        cmocka_unit_test(test_starttls),
        cmocka_unit_test(test_master_user),
        cmocka_unit_test(test_wrong_password),
        cmocka_unit_test(test_wrong_ca),
        cmocka_unit_test(test_big_message),
        cmocka_unit_test(test_idle_news),
        cmocka_unit_test(test_notify_of_named_mailboxes),
        cmocka_unit_test(test_notify_of_all_mailboxes),
        cmocka_unit_test(test_multiappend),
        cmocka_unit_test(test_qresync_vanished),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_logout),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
