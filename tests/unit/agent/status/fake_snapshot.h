/*
 * A view of an agent that does not run: accounts, targets, probes and reflectors as a test says.
 * What is opaque elsewhere is defined here, with the functions that look into it; the library's own
 * are not linked then. Included after cmocka.h.
 */
#ifndef AGENT_STATUS_FAKE_SNAPSHOT_H
#define AGENT_STATUS_FAKE_SNAPSHOT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/status/page.h"
#include "agent/status/snapshot.h"
#include "agent/status/status.h"
#include "rules/util/memory.h"

#define FAKE_MAX 4

struct watch {
    struct watch_status status;
    struct folder folder; /* each watches one */
};
struct account_watch {
    struct account account;
    struct watch watches[2];
    size_t n;
    char *missing[3];
    bool had_sent;
};
struct deliver {
    struct target target;
    struct deliver_status status;
};
struct probes {
    struct probe probes[FAKE_MAX];
    struct probe_view views[FAKE_MAX];
    struct probe_state states[FAKE_MAX];
    size_t n;
    struct reflector reflectors[FAKE_MAX];
    struct reflector_view reflector_views[FAKE_MAX];
    size_t n_reflectors;
    struct alerts_count alerts;
};
struct ledger {
    const char *blocked;
};

size_t account_watch_count(const struct account_watch *account)
{
    return account->n;
}

const struct watch *account_watch_nth(const struct account_watch *account, size_t i)
{
    return &account->watches[i];
}

const struct account *account_watch_account(const struct account_watch *account)
{
    return &account->account;
}

char *const *account_watch_missing(const struct account_watch *account)
{
    return account->missing;
}

bool account_watch_misses(const struct account_watch *account, const char *missing)
{
    return strcmp(missing, "\\Sent") != 0 || account->had_sent;
}

void watch_status(const struct watch *watch, struct watch_status *status)
{
    *status = watch->status;
}

size_t watch_folder_count(const struct watch *watch)
{
    (void)watch;
    return 1;
}

const struct folder *watch_folder(const struct watch *watch, size_t i)
{
    (void)i;
    return &watch->folder;
}

const char *watch_state_text(enum watch_state state)
{
    static const char *const texts[] = {"connecting", "working", "watching", "down"};

    return texts[state];
}

const char *watch_mode_text(enum watch_mode mode)
{
    static const char *const texts[] = {"notify", "idle", "poll"};

    return texts[mode];
}

const struct target *deliver_target(const struct deliver *deliver)
{
    return &deliver->target;
}

void deliver_status(const struct deliver *deliver, struct deliver_status *status)
{
    *status = deliver->status;
}

const char *deliver_state_text(enum deliver_state state)
{
    static const char *const texts[] = {"idle", "connecting", "sending", "down"};

    return texts[state];
}

const char *ledger_is_blocked(const struct ledger *ledger, time_t *since)
{
    if (since != NULL)
        *since = ledger->blocked != NULL ? time(NULL) - 60 : 0;
    return ledger->blocked;
}

const char *uid_state_text(enum uid_state state)
{
    static const char *const texts[] = {"zero", "one",   "two",   "three", "four", "five",
                                        "six",  "seven", "eight", "nine",  "ten",  "eleven"};

    return texts[state];
}

const char *uid_state_name(enum uid_state state)
{
    return uid_state_text(state);
}

size_t probes_count(const struct probes *probes)
{
    return probes->n;
}

struct probe_view probes_view(const struct probes *probes, size_t i)
{
    return probes->views[i];
}

size_t probes_reflectors(const struct probes *probes)
{
    return probes->n_reflectors;
}

struct reflector_view probes_reflector_view(const struct probes *probes, size_t i)
{
    return probes->reflector_views[i];
}

struct alerts_count probes_alerts(const struct probes *probes)
{
    return probes->alerts;
}

/* ---- a fake ---- */

struct fake {
    struct config config;
    struct rule_set rules;
    struct ledger ledger;
    struct context context;
    struct account_watch accounts[FAKE_MAX];
    struct account_watch *account_list[FAKE_MAX];
    struct deliver deliveries[FAKE_MAX];
    struct deliver *delivery_list[FAKE_MAX];
    struct probes probes;
    struct snapshot snapshot;
    struct ledger_figures figures;
    struct ledger_target_figures targets[FAKE_MAX];
    size_t n_targets;
    char *none[1];
};

/* One account, one target, nothing wrong, no probes. */
static inline void fake_make(struct fake *fake)
{
    memset(fake, 0, sizeof(*fake));
    fake->config.instance = "example.org";
    fake->config.rules = &fake->rules;
    fake->context.config = &fake->config;
    fake->context.ledger = &fake->ledger;
    for (size_t i = 0; i < FAKE_MAX; i++) {
        fake->account_list[i] = &fake->accounts[i];
        fake->delivery_list[i] = &fake->deliveries[i];
    }
    fake->accounts[0].account =
        (struct account){.name = "alice", .address = "alice@example.org", .monitor = true};
    fake->accounts[0].n = 1;
    fake->accounts[0].watches[0].status =
        (struct watch_status){.state = WATCH_WATCHING, .mode = WATCH_MODE_IDLE, .trouble = ""};
    fake->accounts[0].watches[0].folder.name = "INBOX";
    fake->deliveries[0].target.name = "compliance";
    fake->deliveries[0].status.trouble = "";
    fake->snapshot = (struct snapshot){.context = &fake->context,
                                       .accounts = fake->account_list,
                                       .n_accounts = 1,
                                       .deliveries = fake->delivery_list,
                                       .n_deliveries = 1,
                                       .started = time(NULL) - 100,
                                       .reload_trouble = "",
                                       .probes = &fake->probes};
}

/* One more probe that has not run yet. */
static inline struct probe_view *fake_probe(struct fake *fake, char *name, enum probe_type type)
{
    size_t i = fake->probes.n++;

    assert_true(i < FAKE_MAX);
    fake->probes.probes[i] = (struct probe){.name = name,
                                            .type = type,
                                            .every = 60,
                                            .timeout = 10000,
                                            .expect_capability = fake->none,
                                            .account = &fake->accounts[0].account};
    fake->probes.views[i] =
        (struct probe_view){.probe = &fake->probes.probes[i], .state = &fake->probes.states[i]};
    return &fake->probes.views[i];
}

static inline struct reflector_view *fake_reflector(struct fake *fake, char *name)
{
    size_t i = fake->probes.n_reflectors++;

    assert_true(i < FAKE_MAX);
    fake->probes.reflectors[i].name = name;
    fake->probes.reflector_views[i].reflector = &fake->probes.reflectors[i];
    return &fake->probes.reflector_views[i];
}

/* Text that is written to a stream: begin, write, end; the caller frees it. */
struct written {
    char *text;
    size_t len;
    FILE *out;
};

static inline FILE *written_begin(struct written *written)
{
    *written = (struct written){0};
    written->out = open_memstream(&written->text, &written->len);
    assert_non_null(written->out);
    return written->out;
}

static inline char *written_end(struct written *written)
{
    assert_int_equal(fclose(written->out), 0);
    return written->text;
}

static inline void assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("there is no \"%s\" in:\n%s", part, text);
}

static inline void assert_has_not(const char *text, const char *part)
{
    if (strstr(text, part) != NULL)
        fail_msg("there is \"%s\" in:\n%s", part, text);
}

/* Runs a command of the shell with the text as its standard input; what it says when it fails. */
static inline void assert_read_by(const char *command, const char *text)
{
    char path[] = "/tmp/mailvigil-test-XXXXXX";
    int fd = mkstemp(path);
    size_t len = strlen(text);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), (ssize_t)len);
    close(fd);
    char *line = xasprintf("%s < %s", command, path);
    int status = system(line);
    free(line);
    unlink(path);
    if (status != 0)
        fail_msg("refused by %s:\n%s", command, text);
}

#endif
