/*
 * Mailboxes for tests of the agent: an IMAP server on the test's own loop, with any number of
 * connections, whose replies a test can override command by command; and all that capture and
 * watch need beside it: a ledger in a temporary directory, rules, an account.
 *
 * An override replaces the reply to the next commands that match its pattern (fnmatch on the
 * command without its tag, literals of names excluded). Its text is sent line by line:
 *   "$ OK x"    "$" is the command's tag
 *   "CLOSE"     the connection is closed when all before it has been sent
 *   "CONTINUE"  then the usual reply
 *   ""          nothing: the server is silent
 * Include it after cmocka.h.
 */
#ifndef AGENT_CAPTURE_FAKE_MAILBOXES_H
#define AGENT_CAPTURE_FAKE_MAILBOXES_H

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <fnmatch.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/capture/spool_room.h"
#include "agent/ledger/ledger_help.h"
#include "agent/session/context.h"
#include "imapclient/text/uidset.h"
#include "rules/rule_maker.h"

#define FAKE_CLIENTS 32
#define FAKE_FOLDERS 12
#define FAKE_MAILS 1200
#define FAKE_OVERRIDES 8

struct fake_mail {
    uint32_t uid;
    char *text; /* lines end in CRLF */
    const char *flags;
    time_t internaldate;
    const char *body; /* the usual reply has this instead: "NIL", "\"\"", or NULL for the text;
                         "-": the message is left out, as if it did not exist */
};

struct fake_folder {
    const char *name, *attributes;
    uint32_t uidvalidity, uidnext;
    unsigned long long modseq; /* 0: none is reported */
    bool no_uidnext, no_uidvalidity, gone;
    struct fake_mail mails[FAKE_MAILS];
    size_t count;
};

struct fake_override {
    const char *pattern, *reply;
    unsigned times; /* left */
};

struct fake;
struct fake_client {
    struct fake *fake;
    struct bufferevent *bev;
    struct fake_folder *folder;
    size_t reported; /* messages of the folder that it knows of */
    char *idle_tag;  /* it idles */
    bool has_notify;
};

struct fake {
    struct room room; /* loop, ledger */
    struct context context;
    struct config config;
    struct server server;
    struct account account;
    char *folders_wanted[8];
    char secret[96];
    struct evconnlistener *listener;
    struct fake_client clients[FAKE_CLIENTS];
    struct fake_folder folders[FAKE_FOLDERS];
    size_t n_folders;
    struct fake_override overrides[FAKE_OVERRIDES];
    const char *capabilities; /* after the login */
    const char *greeting;     /* NULL: the usual one */
    bool idle_is_deaf;        /* no news in IDLE */
    char *received;           /* commands, one a line, without tags */
    size_t logins;
    unsigned stored, settled;
};

/* ---- the server ---- */

static inline void fake_say(struct fake_client *client, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static inline void fake_say(struct fake_client *client, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    evbuffer_add_vprintf(bufferevent_get_output(client->bev), format, arguments);
    va_end(arguments);
}

static inline void fake_leave(struct fake_client *client)
{
    if (client->bev != NULL)
        bufferevent_free(client->bev);
    free(client->idle_tag);
    *client = (struct fake_client){.fake = client->fake};
}

static inline void fake_on_written(struct bufferevent *bev, void *arg)
{
    (void)bev;
    fake_leave(arg);
}

/* Closes when all is sent. */
static inline void fake_end(struct fake_client *client)
{
    bufferevent_disable(client->bev, EV_READ);
    if (evbuffer_get_length(bufferevent_get_output(client->bev)) == 0) {
        fake_leave(client);
        return;
    }
    bufferevent_setcb(client->bev, NULL, fake_on_written, NULL, client);
}

static inline struct fake_folder *fake_find(struct fake *fake, const char *text)
{
    char name[64];
    bool quoted = *text == '"';
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(text + quoted, quoted ? "\"" : " "),
             text + quoted);
    for (size_t i = 0; i < fake->n_folders; i++)
        if (!fake->folders[i].gone && strcmp(fake->folders[i].name, name) == 0)
            return &fake->folders[i];
    return NULL;
}

static inline void fake_report_news(struct fake_client *client)
{
    if (client->folder == NULL || client->reported == client->folder->count)
        return;
    client->reported = client->folder->count;
    fake_say(client, "* %zu EXISTS\r\n", client->reported);
}

static inline void fake_say_status(struct fake_client *client, const struct fake_folder *folder)
{
    fake_say(client, "* STATUS \"%s\" (UIDNEXT %u UIDVALIDITY %u)\r\n", folder->name,
             folder->uidnext, folder->uidvalidity);
}

static inline void fake_examine(struct fake_client *client, const char *tag, const char *rest)
{
    struct fake_folder *folder = fake_find(client->fake, rest);
    client->folder = folder;
    if (folder == NULL) {
        fake_say(client, "%s NO [NONEXISTENT] no such mailbox\r\n", tag);
        return;
    }
    client->reported = folder->count;
    fake_say(client, "* FLAGS (\\Deleted)\r\n* %zu EXISTS\r\n", folder->count);
    if (!folder->no_uidvalidity)
        fake_say(client, "* OK [UIDVALIDITY %u] x\r\n", folder->uidvalidity);
    if (!folder->no_uidnext)
        fake_say(client, "* OK [UIDNEXT %u] x\r\n", folder->uidnext);
    if (folder->modseq > 0)
        fake_say(client, "* OK [HIGHESTMODSEQ %llu] x\r\n", folder->modseq);
    fake_say(client, "%s OK [READ-ONLY] done\r\n", tag);
}

/* "*" is the last message. */
static inline struct imap_uidset fake_set(const struct fake_folder *folder, const char *text)
{
    struct imap_uidset set = {0};
    uint32_t last = folder->count > 0 ? folder->mails[folder->count - 1].uid : 0;
    assert_true(imap_uidset_parse(&set, text, strcspn(text, " ")));
    for (size_t i = 0; i < set.count; i++)
        if (set.ranges[i].last == UINT32_MAX) {
            uint32_t first = set.ranges[i].first;
            set.ranges[i].first = last < first ? last : first;
            set.ranges[i].last = last < first ? first : last;
        }
    return set;
}

static inline void fake_say_body(struct fake_client *client, const struct fake_mail *mail,
                                 const char *section, size_t len)
{
    if (mail->body != NULL)
        fake_say(client, " BODY[%s] %s)\r\n", section, mail->body);
    else
        fake_say(client, " BODY[%s] {%zu}\r\n%.*s)\r\n", section, len, (int)len, mail->text);
}

static inline void fake_fetch(struct fake_client *client, const char *tag, const char *text)
{
    struct fake_folder *folder = client->folder;
    struct imap_uidset set = fake_set(folder, text);
    bool lists = strstr(text, "FLAGS") != NULL, has_body = strstr(text, "BODY") != NULL;
    for (size_t i = 0; i < folder->count; i++) {
        const struct fake_mail *mail = &folder->mails[i];
        struct tm tm;
        char date[64];
        if (!imap_uidset_contains(&set, mail->uid) || strstr(text, "CHANGEDSINCE") != NULL ||
            (has_body && mail->body != NULL && strcmp(mail->body, "-") == 0))
            continue;
        fake_say(client, "* %zu FETCH (UID %u", i + 1, mail->uid);
        gmtime_r(&mail->internaldate, &tm);
        strftime(date, sizeof(date), "%d-%b-%Y %H:%M:%S +0000", &tm);
        if (lists)
            fake_say(client, " FLAGS (%s) INTERNALDATE \"%s\"", mail->flags, date);
        if (strstr(text, "RFC822.SIZE") != NULL)
            fake_say(client, " RFC822.SIZE %zu", strlen(mail->text));
        if (strstr(text, "HEADER") != NULL)
            fake_say_body(client, mail, "HEADER",
                          (size_t)(strstr(mail->text, "\r\n\r\n") - mail->text) + 4);
        else if (has_body)
            fake_say_body(client, mail, "", strlen(mail->text));
        else
            fake_say(client, ")\r\n");
    }
    imap_uidset_clear(&set);
    fake_say(client, "%s OK fetched\r\n", tag);
}

static inline void fake_list(struct fake_client *client, const char *tag)
{
    for (size_t i = 0; i < client->fake->n_folders; i++)
        if (!client->fake->folders[i].gone)
            fake_say(client, "* LIST (%s) \"/\" \"%s\"\r\n", client->fake->folders[i].attributes,
                     client->fake->folders[i].name);
    fake_say(client, "%s OK listed\r\n", tag);
}

/* false: the usual reply is due. */
static inline bool fake_overrides(struct fake_client *client, const char *tag, const char *command)
{
    struct fake *fake = client->fake;
    struct fake_override *override = NULL;
    const char *at;
    for (size_t i = 0; i < FAKE_OVERRIDES && override == NULL; i++)
        if (fake->overrides[i].times > 0 && fnmatch(fake->overrides[i].pattern, command, 0) == 0)
            override = &fake->overrides[i];
    if (override == NULL)
        return false;
    override->times--;
    for (at = override->reply; *at != '\0'; at += strcspn(at, "\n"), at += *at == '\n') {
        int len = (int)strcspn(at, "\n");
        if (strncmp(at, "CLOSE", 5) == 0) {
            fake_end(client);
            return true;
        }
        if (strncmp(at, "CONTINUE", 8) == 0)
            return false;
        if (*at == '$')
            fake_say(client, "%s%.*s\r\n", tag, len - 1, at + 1);
        else
            fake_say(client, "%.*s\r\n", len, at);
    }
    return true;
}

static inline void fake_command(struct fake_client *client, const char *tag, const char *command)
{
    struct fake *fake = client->fake;
    if (strncmp(command, "AUTHENTICATE", 12) == 0) {
        fake->logins++;
        fake_say(client, "%s OK [CAPABILITY IMAP4rev1 %s] in\r\n", tag, fake->capabilities);
    } else if (strncmp(command, "ENABLE", 6) == 0) {
        fake_say(client, "* ENABLED %s\r\n%s OK enabled\r\n", command + 7, tag);
    } else if (strncmp(command, "NAMESPACE", 9) == 0) {
        fake_say(client, "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n%s OK done\r\n", tag);
    } else if (strncmp(command, "LIST", 4) == 0) {
        fake_list(client, tag);
    } else if (strncmp(command, "EXAMINE ", 8) == 0) {
        fake_examine(client, tag, command + 8);
    } else if (strncmp(command, "STATUS ", 7) == 0) {
        struct fake_folder *folder = fake_find(fake, command + 7);
        if (folder != NULL)
            fake_say_status(client, folder);
        fake_say(client, "%s %s\r\n", tag, folder != NULL ? "OK done" : "NO no such mailbox");
    } else if (strncmp(command, "NOTIFY", 6) == 0) {
        client->has_notify = true;
        fake_say(client, "%s OK notifying\r\n", tag);
    } else if (strncmp(command, "UID FETCH ", 10) == 0) {
        fake_report_news(client);
        fake_fetch(client, tag, command + 10);
    } else if (strcmp(command, "IDLE") == 0) {
        fake_say(client, "+ idling\r\n");
        client->idle_tag = xstrdup(tag);
        if (!fake->idle_is_deaf)
            fake_report_news(client);
    } else if (strcmp(command, "NOOP") == 0) {
        fake_report_news(client);
        fake_say(client, "%s OK done\r\n", tag);
    } else {
        fake_say(client, "%s BAD unknown: %s\r\n", tag, command);
    }
}

static inline void fake_line(struct fake_client *client, const char *line)
{
    struct fake *fake = client->fake;
    char *tag = xstrndup(line, strcspn(line, " "));
    const char *command = line + strlen(tag) + (line[strlen(tag)] != '\0');
    if (client->idle_tag != NULL && strcmp(line, "DONE") == 0) {
        char *idle_tag = client->idle_tag;
        client->idle_tag = NULL;
        if (!fake_overrides(client, idle_tag, "DONE"))
            fake_say(client, "%s OK idled\r\n", idle_tag);
        free(idle_tag);
    } else if (strcmp(line, "DONE") != 0) {
        char *more = xasprintf("%s%s\n", fake->received, command);
        free(fake->received);
        fake->received = more;
        if (!fake_overrides(client, tag, command))
            fake_command(client, tag, command);
    }
    free(tag);
}

static inline void fake_on_read(struct bufferevent *bev, void *arg)
{
    struct fake_client *client = arg;
    char *line;
    while (client->bev == bev && (bufferevent_get_enabled(bev) & EV_READ) != 0 &&
           (line = evbuffer_readln(bufferevent_get_input(bev), NULL, EVBUFFER_EOL_CRLF_STRICT)) !=
               NULL) {
        fake_line(client, line);
        free(line);
    }
}

static inline void fake_on_event(struct bufferevent *bev, short what, void *arg)
{
    (void)bev;
    (void)what;
    fake_leave(arg);
}

static inline void fake_on_accept(struct evconnlistener *listener, evutil_socket_t fd,
                                  struct sockaddr *address, int len, void *arg)
{
    struct fake *fake = arg;
    struct fake_client *client = fake->clients;
    (void)listener;
    (void)address;
    (void)len;
    while (client->bev != NULL)
        client++;
    assert_true(client < fake->clients + FAKE_CLIENTS);
    client->fake = fake;
    client->bev = bufferevent_socket_new(fake->room.base, fd, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(client->bev, fake_on_read, NULL, fake_on_event, client);
    bufferevent_enable(client->bev, EV_READ | EV_WRITE);
    fake_say(client, "%s\r\n",
             fake->greeting != NULL ? fake->greeting
                                    : "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hello");
}

/* ---- for tests ---- */

static inline void fake_override(struct fake *fake, const char *pattern, const char *reply,
                                 unsigned times)
{
    for (size_t i = 0; i < FAKE_OVERRIDES; i++)
        if (fake->overrides[i].times == 0) {
            fake->overrides[i] = (struct fake_override){pattern, reply, times};
            return;
        }
    fail_msg("too many overrides");
}

static inline void fake_clear_overrides(struct fake *fake)
{
    memset(fake->overrides, 0, sizeof(fake->overrides));
}

static inline struct fake_folder *fake_folder(struct fake *fake, const char *name,
                                              const char *attributes)
{
    struct fake_folder *folder = &fake->folders[fake->n_folders++];
    assert_true(fake->n_folders <= FAKE_FOLDERS);
    *folder = (struct fake_folder){.name = name,
                                   .attributes = attributes,
                                   .uidvalidity = 77 + (uint32_t)fake->n_folders,
                                   .uidnext = 1};
    return folder;
}

/* A message that came just now; all connections that may know of it are notified. Its UID. */
static inline uint32_t fake_deliver(struct fake *fake, struct fake_folder *folder, const char *text)
{
    assert_true(folder->count < FAKE_MAILS);
    folder->mails[folder->count++] = (struct fake_mail){
        .uid = folder->uidnext, .text = xstrdup(text), .flags = "", .internaldate = time(NULL)};
    folder->uidnext++;
    for (size_t i = 0; i < FAKE_CLIENTS; i++) {
        struct fake_client *client = &fake->clients[i];
        if (client->bev == NULL)
            continue;
        if (client->idle_tag != NULL && client->folder == folder && !fake->idle_is_deaf)
            fake_report_news(client);
        else if (client->has_notify && client->folder != folder)
            fake_say_status(client, folder);
    }
    return folder->uidnext - 1;
}

/* "From: bob...": the rules of rule_maker.h take it for incoming. n makes it different. */
static inline uint32_t fake_mail(struct fake *fake, struct fake_folder *folder)
{
    char text[512];
    snprintf(text, sizeof(text),
             RECEIVED "From: bob@partner.test\r\nTo: alice@example.org\r\nSubject: %s %u\r\n\r\n"
                      "body %u\r\n",
             folder->name, folder->uidnext, folder->uidnext);
    return fake_deliver(fake, folder, text);
}

static inline struct fake_mail *fake_nth(struct fake_folder *folder, size_t i)
{
    assert_true(i < folder->count);
    return &folder->mails[i];
}

/* The message goes without a word, unless `vanished`. */
static inline void fake_expunge(struct fake *fake, struct fake_folder *folder, uint32_t uid,
                                bool vanished)
{
    for (size_t i = 0; i < folder->count; i++) {
        if (folder->mails[i].uid != uid)
            continue;
        free(folder->mails[i].text);
        folder->count--;
        memmove(&folder->mails[i], &folder->mails[i + 1],
                (folder->count - i) * sizeof(*folder->mails));
        for (size_t k = 0; k < FAKE_CLIENTS; k++) {
            struct fake_client *client = &fake->clients[k];
            if (client->bev == NULL || client->folder != folder)
                continue;
            client->reported -= client->reported > 0;
            if (vanished)
                fake_say(client, "* VANISHED %u\r\n", uid);
        }
        return;
    }
    fail_msg("no message %u", uid);
}

static inline void fake_empty(struct fake_folder *folder)
{
    while (folder->count > 0)
        free(folder->mails[--folder->count].text);
}

/* Every connection gets that line. */
static inline void fake_announce(struct fake *fake, const char *line)
{
    for (size_t i = 0; i < FAKE_CLIENTS; i++)
        if (fake->clients[i].bev != NULL)
            fake_say(&fake->clients[i], "%s\r\n", line);
}

static inline void fake_drop(struct fake *fake)
{
    for (size_t i = 0; i < FAKE_CLIENTS; i++)
        fake_leave(&fake->clients[i]);
}

static inline size_t fake_idlers(const struct fake *fake)
{
    size_t n = 0;
    for (size_t i = 0; i < FAKE_CLIENTS; i++)
        n += fake->clients[i].idle_tag != NULL;
    return n;
}

static inline size_t fake_received(const struct fake *fake, const char *text)
{
    size_t n = 0;
    for (const char *at = strstr(fake->received, text); at != NULL; at = strstr(at + 1, text))
        n++;
    return n;
}

static inline void fake_forget(struct fake *fake)
{
    fake->received[0] = '\0';
}

static inline void fake_run(struct fake *fake, unsigned milliseconds)
{
    const struct timeval wait = {.tv_sec = milliseconds / 1000,
                                 .tv_usec = (suseconds_t)(milliseconds % 1000) * 1000};
    event_base_loopexit(fake->room.base, &wait);
    event_base_dispatch(fake->room.base);
}

/* Runs the loop until the condition holds; fails the test after twenty seconds. */
#define FAKE_AWAIT(fake, condition)                                                                \
    do {                                                                                           \
        time_t fake_limit = time(NULL) + 20;                                                       \
        while (!(condition)) {                                                                     \
            if (time(NULL) > fake_limit)                                                           \
                fail_msg("not reached: %s\n%s", #condition, (fake)->received);                     \
            fake_run(fake, 3);                                                                     \
        }                                                                                          \
    } while (0)

/* The state of a message as the ledger's files have it, enum uid_state; -1: none. */
static inline int fake_state(struct fake *fake, const struct fake_folder *folder, uint32_t uid)
{
    char *sql = xasprintf(
        "SELECT COALESCE("
        "(SELECT state FROM span s JOIN folder f ON f.id = s.folder WHERE f.name = '%1$s' AND"
        " f.uidvalidity = %2$u AND %3$u BETWEEN s.first AND s.last),"
        "(SELECT state FROM message m JOIN folder f ON f.id = m.folder WHERE f.name = '%1$s' AND"
        " f.uidvalidity = %2$u AND m.uid = %3$u),"
        "(SELECT %4$d FROM unfetched u JOIN folder f ON f.id = u.folder WHERE f.name = '%1$s' AND"
        " f.uidvalidity = %2$u AND u.uid = %3$u), -1)",
        folder->name, folder->uidvalidity, uid, UID_UNFETCHED);
    int state;
    room_figures(&fake->room); /* what was submitted is committed */
    state = (int)room_sql(&fake->room, sql);
    free(sql);
    return state;
}

static inline void fake_on_stored(void *arg, const char *target)
{
    struct fake *fake = arg;
    assert_non_null(target);
    fake->stored++;
}

static inline void fake_on_settled(void *arg)
{
    struct fake *fake = arg;
    fake->settled++;
}

static inline void fake_listen(struct fake *fake)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    fake->listener =
        evconnlistener_new_bind(fake->room.base, fake_on_accept, fake, LEV_OPT_CLOSE_ON_FREE, 64,
                                (struct sockaddr *)&address, sizeof(address));
    assert_non_null(fake->listener);
    getsockname(evconnlistener_get_fd(fake->listener), (struct sockaddr *)&address, &len);
    fake->server = (struct server){.name = (char *)"office"};
    fake->server.imap = (struct endpoint){.set = true,
                                          .security = SECURITY_PLAIN,
                                          .host = (char *)"127.0.0.1",
                                          .port = ntohs(address.sin_port)};
}

static inline void fake_open_ledger(struct fake *fake, const struct ledger_options *options)
{
    room_open_with(&fake->room, options);
    fake->context.ledger = fake->room.ledger;
    fake->context.spool_room = spool_room_new(fake->room.ledger);
}

/* An account with an INBOX and no rule. */
static inline struct fake *fake_new(void)
{
    static char *no_aliases[] = {NULL};
    struct fake *fake = xcalloc(1, sizeof(*fake));
    room_make(&fake->room);
    struct ledger_options options = room_options(&fake->room);
    fake_open_ledger(fake, &options);
    fake_listen(fake);
    snprintf(fake->secret, sizeof(fake->secret), "%s/secret", fake->room.top);
    FILE *out = fopen(fake->secret, "w");
    assert_non_null(out);
    fputs("wonder\n", out);
    fclose(out);
    chmod(fake->secret, 0600);
    fake->received = xstrdup("");
    fake->capabilities = "IDLE";
    fake->config = (struct config){.instance = (char *)"example.org",
                                   .idle_renew = 540,
                                   .poll_interval = 60,
                                   .safety_poll = 600,
                                   .rules = make_set()};
    fake->folders_wanted[0] = (char *)"INBOX";
    fake->account = (struct account){.name = (char *)"alice",
                                     .server = &fake->server,
                                     .address = (char *)"alice@example.org",
                                     .aliases = no_aliases,
                                     .login = (char *)"alice",
                                     .monitor = true,
                                     .folders = fake->folders_wanted};
    fake->account.secret.password_file = fake->secret;
    fake->context.base = fake->room.base;
    fake->context.links = links_new(fake->room.base);
    fake->context.config = &fake->config;
    fake->context.stored = fake_on_stored;
    fake->context.settled = fake_on_settled;
    fake->context.arg = fake;
    fake_folder(fake, "INBOX", "");
    return fake;
}

static inline void fake_free(struct fake *fake)
{
    fake_drop(fake);
    evconnlistener_free(fake->listener);
    links_free(fake->context.links);
    for (size_t i = 0; i < fake->n_folders; i++)
        fake_empty(&fake->folders[i]);
    free(fake->received);
    unlink(fake->secret);
    rule_set_free(fake->config.rules);
    room_close(&fake->room);
    spool_room_free(fake->context.spool_room);
    rule_counts_clear(&fake->context.exempt_by);
    room_remove(&fake->room);
    free(fake);
}

#endif
