/*
 * A post office for tests: an IMAP server with two folders (INBOX, and Junk, marked so) and a
 * submission server, on the test's own loop, for any number of connections, with knobs for what may
 * go wrong. Everything that IMAP clients sent is in `heard`, one command a line without its tag.
 * Include it after cmocka.h.
 */
#ifndef AGENT_PROBE_INBOX_FAKE_POST_H
#define AGENT_PROBE_INBOX_FAKE_POST_H

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/session/link.h"
#include "imapclient/text/uidset.h"
#include "rules/util/memory.h"

#define POST_GUESTS 64
#define POST_MAILS 2048

struct post_mail {
    uint32_t uid;
    bool deleted;
    char *header;
};
struct post_folder {
    const char *name;
    uint32_t uidvalidity, uidnext;
    struct post_mail mails[POST_MAILS];
    size_t count;
};

struct post;
struct post_guest {
    struct post *post;
    struct bufferevent *bev;
    bool is_smtp, in_data;
    struct post_folder *folder;
    size_t told;    /* messages of the folder that it knows of */
    char *idle_tag; /* it idles */
    struct evbuffer *message;
    char from[128], to[128];
};

struct post {
    struct event_base *base;
    struct links *links;
    struct evconnlistener *imap, *smtp;
    struct post_guest guests[POST_GUESTS];
    struct post_folder inbox, junk;
    char *heard;
    char dir[64], secret[96], key[96];
    struct server server;
    struct account account;

    /* IMAP */
    const char *capabilities; /* after login */
    bool idle_is_deaf;        /* sends nothing during IDLE */
    bool refuse_fetch;
    bool has_no_junk;
    size_t sign_ins;

    /* SMTP */
    const char *refuse; /* the command that gets `refusal` */
    const char *refusal;
    unsigned refusals; /* so many times; 0: always */
    unsigned cut;      /* so many times: the connection is lost after the last dot, and the message
                          with it */
    bool keep_when_cut;
    bool hold; /* the reply to the last dot waits for post_release() */
    void (*on_mail)(struct post *post, const char *from, const char *to, const char *message);
    void *arg;
    size_t mails; /* taken */
    size_t dialogues;
};

static inline void post_say(struct post_guest *guest, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static inline void post_say(struct post_guest *guest, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    evbuffer_add_vprintf(bufferevent_get_output(guest->bev), format, arguments);
    va_end(arguments);
}

static inline void post_leave(struct post_guest *guest)
{
    if (guest->bev != NULL)
        bufferevent_free(guest->bev);
    if (guest->message != NULL)
        evbuffer_free(guest->message);
    free(guest->idle_tag);
    *guest = (struct post_guest){.post = guest->post};
}

/* Closes when all is sent. */
static inline void post_on_written(struct bufferevent *bev, void *arg)
{
    (void)bev;
    post_leave(arg);
}

static inline void post_end(struct post_guest *guest)
{
    bufferevent_setcb(guest->bev, NULL, post_on_written, NULL, guest);
    bufferevent_disable(guest->bev, EV_READ);
}

/* ---- IMAP ---- */

static inline void post_tell_news(struct post_guest *guest)
{
    if (guest->folder == NULL || guest->told == guest->folder->count)
        return;
    guest->told = guest->folder->count;
    post_say(guest, "* %zu EXISTS\r\n", guest->told);
}

static inline void post_select(struct post_guest *guest, const char *tag, const char *name)
{
    struct post *post = guest->post;
    if (strcasestr(name, "INBOX") != NULL)
        guest->folder = &post->inbox;
    else if (strstr(name, "Junk") != NULL && !post->has_no_junk)
        guest->folder = &post->junk;
    else
        guest->folder = NULL;
    if (guest->folder == NULL) {
        post_say(guest, "%s NO there is no such folder\r\n", tag);
        return;
    }
    guest->told = guest->folder->count;
    post_say(guest,
             "* FLAGS (\\Deleted)\r\n* %zu EXISTS\r\n* OK [UIDVALIDITY %u] x\r\n"
             "* OK [UIDNEXT %u] x\r\n%s OK [READ-WRITE] in\r\n",
             guest->told, guest->folder->uidvalidity, guest->folder->uidnext, tag);
}

/* "*" is the last message. */
static inline struct imap_uidset post_set(const struct post_folder *folder, const char *text)
{
    struct imap_uidset set = {0};
    uint32_t last = folder->count > 0 ? folder->mails[folder->count - 1].uid : 0;
    assert_true(imap_uidset_parse(&set, text, strcspn(text, " ")));
    for (size_t i = 0; i < set.count; i++)
        if (set.ranges[i].last == UINT32_MAX) {
            set.ranges[i].last = last > set.ranges[i].first ? last : set.ranges[i].first;
            if (last < set.ranges[i].first)
                set.ranges[i].first = last;
        }
    return set;
}

static inline void post_fetch(struct post_guest *guest, const char *tag, const char *text)
{
    struct post_folder *folder = guest->folder;
    struct imap_uidset set = post_set(folder, text);
    for (size_t i = 0; i < folder->count && !guest->post->refuse_fetch; i++) {
        const struct post_mail *mail = &folder->mails[i];
        size_t len = strlen(mail->header);
        if (!imap_uidset_contains(&set, mail->uid))
            continue;
        if (strstr(text, "<0.65536>") != NULL && len > 65536)
            len = 65536;
        post_say(guest,
                 "* %zu FETCH (UID %u INTERNALDATE \"01-Jan-2026 00:00:00 +0000\""
                 " BODY[HEADER]<0> {%zu}\r\n%.*s)\r\n",
                 i + 1, mail->uid, len, (int)len, mail->header);
    }
    imap_uidset_clear(&set);
    post_say(guest, "%s %s\r\n", tag, guest->post->refuse_fetch ? "NO not now" : "OK fetched");
}

static inline void post_search(struct post_guest *guest, const char *tag, const char *text)
{
    struct post_folder *folder = guest->folder;
    struct imap_uidset set = post_set(folder, text + strlen("UID "));
    post_say(guest, "* SEARCH");
    for (size_t i = 0; i < folder->count; i++)
        if (imap_uidset_contains(&set, folder->mails[i].uid) &&
            strcasestr(folder->mails[i].header, "mailvigil") != NULL)
            post_say(guest, " %u", folder->mails[i].uid);
    post_say(guest, "\r\n%s OK searched\r\n", tag);
    imap_uidset_clear(&set);
}

static inline void post_store(struct post_guest *guest, const char *tag, const char *text)
{
    struct imap_uidset set = post_set(guest->folder, text);
    assert_non_null(strstr(text, "+FLAGS.SILENT (\\Deleted)"));
    for (size_t i = 0; i < guest->folder->count; i++)
        if (imap_uidset_contains(&set, guest->folder->mails[i].uid))
            guest->folder->mails[i].deleted = true;
    imap_uidset_clear(&set);
    post_say(guest, "%s OK stored\r\n", tag);
}

static inline void post_expunge(struct post_guest *guest, const char *tag, const char *text)
{
    struct post_folder *folder = guest->folder;
    struct imap_uidset set = post_set(folder, text != NULL ? text : "1:*");
    for (size_t i = 0; i < folder->count;) {
        if (!folder->mails[i].deleted || !imap_uidset_contains(&set, folder->mails[i].uid)) {
            i++;
            continue;
        }
        free(folder->mails[i].header);
        folder->count--;
        memmove(&folder->mails[i], &folder->mails[i + 1],
                (folder->count - i) * sizeof(*folder->mails));
        post_say(guest, "* %zu EXPUNGE\r\n", i + 1);
        guest->told--;
    }
    imap_uidset_clear(&set);
    post_say(guest, "%s OK expunged\r\n", tag);
}

static inline void post_imap(struct post_guest *guest, const char *line)
{
    struct post *post = guest->post;
    char *tag = xstrndup(line, strcspn(line, " "));
    const char *command = line + strlen(tag) + (line[strlen(tag)] != '\0');
    if (guest->idle_tag != NULL) {
        assert_string_equal(line, "DONE");
        post_say(guest, "%s OK idled\r\n", guest->idle_tag);
        free(guest->idle_tag);
        guest->idle_tag = NULL;
        free(tag);
        return;
    }
    char *more = xasprintf("%s%s\n", post->heard, command);
    free(post->heard);
    post->heard = more;
    if (strncmp(command, "AUTHENTICATE", 12) == 0) {
        post->sign_ins++;
        post_say(guest, "%s OK [CAPABILITY IMAP4rev1 %s] in\r\n", tag, post->capabilities);
    } else if (strncmp(command, "LIST", 4) == 0) {
        post_say(guest, "* LIST () \"/\" INBOX\r\n%s%s OK listed\r\n",
                 post->has_no_junk ? "" : "* LIST (\\Junk) \"/\" \"Junk mail\"\r\n", tag);
    } else if (strncmp(command, "SELECT", 6) == 0) {
        post_select(guest, tag, command + 7);
    } else if (strncmp(command, "UID FETCH", 9) == 0) {
        post_tell_news(guest);
        post_fetch(guest, tag, command + 10);
    } else if (strncmp(command, "UID SEARCH", 10) == 0) {
        post_search(guest, tag, command + 11);
    } else if (strncmp(command, "UID STORE", 9) == 0) {
        post_store(guest, tag, command + 10);
    } else if (strncmp(command, "UID EXPUNGE", 11) == 0) {
        post_expunge(guest, tag, command + 12);
    } else if (strcmp(command, "EXPUNGE") == 0) {
        post_expunge(guest, tag, NULL);
    } else if (strcmp(command, "IDLE") == 0) {
        post_say(guest, "+ idling\r\n");
        guest->idle_tag = xstrdup(tag);
        if (!post->idle_is_deaf)
            post_tell_news(guest);
    } else if (strcmp(command, "NOOP") == 0) {
        post_tell_news(guest);
        post_say(guest, "%s OK done\r\n", tag);
    } else {
        post_say(guest, "%s BAD what is that\r\n", tag);
    }
    free(tag);
}

/* ---- SMTP ---- */

static inline void post_take(struct post_guest *guest)
{
    struct post *post = guest->post;
    evbuffer_add(guest->message, "", 1);
    post->mails++;
    if (post->on_mail != NULL)
        post->on_mail(post, guest->from, guest->to,
                      (const char *)evbuffer_pullup(guest->message, -1));
}

static inline bool post_refuses(struct post_guest *guest, const char *command)
{
    struct post *post = guest->post;
    if (post->refuse == NULL || strcasecmp(command, post->refuse) != 0)
        return false;
    post_say(guest, "%s\r\n", post->refusal);
    if (post->refusals > 0 && --post->refusals == 0)
        post->refuse = NULL;
    return true;
}

static inline void post_dot(struct post_guest *guest)
{
    struct post *post = guest->post;
    guest->in_data = false;
    if (post->cut > 0) {
        post->cut--;
        if (post->keep_when_cut)
            post_take(guest);
        post_leave(guest);
        return;
    }
    if (post_refuses(guest, "."))
        return;
    post_take(guest);
    if (!post->hold)
        post_say(guest, "250 taken\r\n");
}

static inline void post_smtp(struct post_guest *guest, const char *line)
{
    char *command = xstrndup(line, strcspn(line, " "));
    const char *address = strchr(line, '<');
    if (guest->in_data && strcmp(line, ".") == 0)
        post_dot(guest);
    else if (guest->in_data)
        evbuffer_add_printf(guest->message, "%s\n", line + (line[0] == '.'));
    else if (post_refuses(guest, command))
        ;
    else if (strcmp(command, "EHLO") == 0)
        post_say(guest, "250-post\r\n250 AUTH PLAIN\r\n");
    else if (strcmp(command, "AUTH") == 0)
        post_say(guest, "235 in\r\n");
    else if (strcmp(command, "MAIL") == 0 || strcmp(command, "RCPT") == 0) {
        assert_non_null(address);
        snprintf(command[0] == 'M' ? guest->from : guest->to, sizeof(guest->to), "%.*s",
                 (int)strcspn(address + 1, ">"), address + 1);
        post_say(guest, "250 well\r\n");
    } else if (strcmp(command, "DATA") == 0) {
        guest->in_data = true;
        guest->message = evbuffer_new();
        post_say(guest, "354 go\r\n");
    } else if (strcmp(command, "QUIT") == 0) {
        post_say(guest, "221 bye\r\n");
        post_end(guest);
    } else
        fail_msg("SMTP: %s", line);
    free(command);
}

/* ---- connections ---- */

static inline void post_on_line(struct bufferevent *bev, void *arg)
{
    struct post_guest *guest = arg;
    char *line;
    while (guest->bev == bev && (line = evbuffer_readln(bufferevent_get_input(bev), NULL,
                                                        EVBUFFER_EOL_CRLF_STRICT)) != NULL) {
        (guest->is_smtp ? post_smtp : post_imap)(guest, line);
        free(line);
    }
}

static inline void post_on_gone(struct bufferevent *bev, short what, void *arg)
{
    (void)bev;
    (void)what;
    post_leave(arg);
}

static inline void post_on_guest(struct evconnlistener *listener, evutil_socket_t fd,
                                 struct sockaddr *address, int len, void *arg)
{
    struct post *post = arg;
    struct post_guest *guest = post->guests;
    (void)address;
    (void)len;
    while (guest->bev != NULL)
        guest++;
    assert_true(guest < post->guests + POST_GUESTS);
    guest->post = post;
    guest->is_smtp = listener == post->smtp;
    guest->bev = bufferevent_socket_new(post->base, fd, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(guest->bev, post_on_line, NULL, post_on_gone, guest);
    bufferevent_enable(guest->bev, EV_READ | EV_WRITE);
    post->dialogues += guest->is_smtp;
    if (!guest->is_smtp)
        post_say(guest, "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hello\r\n");
    else if (!post_refuses(guest, "greeting"))
        post_say(guest, "220 post ESMTP\r\n");
}

static inline uint16_t post_listen(struct post *post, struct evconnlistener **listener)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    *listener = evconnlistener_new_bind(post->base, post_on_guest, post, LEV_OPT_CLOSE_ON_FREE, 64,
                                        (struct sockaddr *)&address, sizeof(address));
    assert_non_null(*listener);
    getsockname(evconnlistener_get_fd(*listener), (struct sockaddr *)&address, &len);
    return ntohs(address.sin_port);
}

/* ---- for tests ---- */

static inline void post_write(const char *path, const char *text)
{
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
    chmod(path, 0600);
}

static inline void post_open(struct post *post, struct event_base *base)
{
    *post = (struct post){.base = base, .capabilities = "IDLE UIDPLUS SPECIAL-USE"};
    post->heard = xstrdup("");
    post->inbox = (struct post_folder){.name = "INBOX", .uidvalidity = 7, .uidnext = 1};
    post->junk = (struct post_folder){.name = "Junk mail", .uidvalidity = 8, .uidnext = 1};
    strcpy(post->dir, "/tmp/mailvigil-test-XXXXXX");
    assert_non_null(mkdtemp(post->dir));
    snprintf(post->secret, sizeof(post->secret), "%s/secret", post->dir);
    snprintf(post->key, sizeof(post->key), "%s/key", post->dir);
    post_write(post->secret, "wonder\n");
    post_write(post->key, "a key of sufficient length\n");
    post->links = links_new(base);
    post->server = (struct server){.name = (char *)"post"};
    post->server.imap = (struct endpoint){.set = true,
                                          .security = SECURITY_PLAIN,
                                          .host = (char *)"127.0.0.1",
                                          .port = post_listen(post, &post->imap)};
    post->server.smtp = post->server.imap;
    post->server.smtp.port = post_listen(post, &post->smtp);
    post->account = (struct account){.name = (char *)"box",
                                     .server = &post->server,
                                     .address = (char *)"box@example.org",
                                     .login = (char *)"box"};
    post->account.secret.password_file = post->secret;
}

static inline void post_empty(struct post_folder *folder)
{
    for (size_t i = 0; i < folder->count; i++)
        free(folder->mails[i].header);
    folder->count = 0;
}

static inline void post_close(struct post *post)
{
    for (size_t i = 0; i < POST_GUESTS; i++)
        post_leave(&post->guests[i]);
    evconnlistener_free(post->imap);
    evconnlistener_free(post->smtp);
    links_free(post->links);
    post_empty(&post->inbox);
    post_empty(&post->junk);
    free(post->heard);
    unlink(post->secret);
    unlink(post->key);
    rmdir(post->dir);
}

/* Takes header, lines with LF; its UID. */
static inline uint32_t post_deliver(struct post *post, struct post_folder *folder,
                                    const char *header)
{
    struct evbuffer *lines = evbuffer_new();
    assert_true(folder->count < POST_MAILS);
    for (const char *at = header; *at != '\0'; at += strcspn(at, "\n") + 1) {
        evbuffer_add(lines, at, strcspn(at, "\n"));
        evbuffer_add(lines, "\r\n", 2);
        if (at[strcspn(at, "\n")] == '\0' || *at == '\n')
            break;
    }
    evbuffer_add(lines, "", 1);
    folder->mails[folder->count++] = (struct post_mail){
        .uid = folder->uidnext, .header = xstrdup((const char *)evbuffer_pullup(lines, -1))};
    evbuffer_free(lines);
    for (size_t i = 0; i < POST_GUESTS; i++)
        if (post->guests[i].idle_tag != NULL && post->guests[i].folder == folder &&
            !post->idle_is_deaf)
            post_tell_news(&post->guests[i]);
    return folder->uidnext++;
}

static inline bool post_has(const struct post_folder *folder, uint32_t uid)
{
    for (size_t i = 0; i < folder->count; i++)
        if (folder->mails[i].uid == uid)
            return true;
    return false;
}

static inline bool post_idles(const struct post *post)
{
    for (size_t i = 0; i < POST_GUESTS; i++)
        if (post->guests[i].idle_tag != NULL)
            return true;
    return false;
}

/* Every connection is lost. */
static inline void post_drop(struct post *post)
{
    for (size_t i = 0; i < POST_GUESTS; i++)
        post_leave(&post->guests[i]);
}

/* Clients that wait for the reply to their final dot get it. */
static inline void post_release(struct post *post)
{
    post->hold = false;
    for (size_t i = 0; i < POST_GUESTS; i++)
        if (post->guests[i].bev != NULL && post->guests[i].is_smtp)
            post_say(&post->guests[i], "250 taken\r\n");
}

static inline size_t post_heard(const struct post *post, const char *text)
{
    size_t n = 0;
    for (const char *at = strstr(post->heard, text); at != NULL; at = strstr(at + 1, text))
        n++;
    return n;
}

static inline void post_forget(struct post *post)
{
    post->heard[0] = '\0';
}

static inline void post_run(struct post *post, unsigned milliseconds)
{
    const struct timeval wait = {.tv_sec = milliseconds / 1000,
                                 .tv_usec = (suseconds_t)(milliseconds % 1000) * 1000};
    event_base_loopexit(post->base, &wait);
    event_base_dispatch(post->base);
}

/* Runs the loop until the condition holds; fails the test after ten seconds. */
#define POST_AWAIT(post, condition)                                                                \
    do {                                                                                           \
        time_t post_limit = time(NULL) + 10;                                                       \
        while (!(condition)) {                                                                     \
            if (time(NULL) > post_limit)                                                           \
                fail_msg("it does not come: %s\n%s", #condition, (post)->heard);                   \
            post_run(post, 5);                                                                     \
        }                                                                                          \
    } while (0)

#endif
