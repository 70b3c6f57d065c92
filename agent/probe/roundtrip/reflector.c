#include "agent/probe/roundtrip/reflector.h"

#include <assert.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "agent/ledger/probe.h"
#include "agent/probe/dialogue/submission.h"
#include "agent/probe/inbox/probe_box.h"
#include "agent/reflect/answer.h"
#include "agent/system/limit.h"
#include "agent/system/log.h"
#include "agent/util/backoff.h"
#include "rules/util/memory.h"

#define TIMEOUT 60000  /* milliseconds of one submission */
#define TRIES_FOR 3600 /* seconds during which an answer is tried */
#define JOBS_MAX 1000  /* probes waiting for their answers; more get none */
#define WAIT_FIRST 5   /* seconds before the second try */
#define WAIT_LAST 600
#define HOUR INT64_C(3600)

/* A probe that is to be answered. */
struct job {
    uint32_t uid;
    struct probe_mail mail;
    struct probe_token token;
    uint64_t received_us;
    time_t first, due;
    struct backoff backoff;
    TAILQ_ENTRY(job) entry;
};

struct reflector_watch {
    struct links *links;
    struct ledger *ledger;
    const struct reflector *reflector;
    struct probe_box *box;
    struct reflector_counts counts;
    TAILQ_HEAD(, job) jobs;
    size_t n_jobs;
    struct job *job;                /* the one in progress */
    struct ledger_request *request; /* that notes the nonce of the job; NULL: none */
    struct submission *submission;
    struct event *timer;
    struct event *cleaner;
    time_t no_auth_before; /* a password was rejected: not tried again soon */
    /* When the last answers were sent, a ring: the oldest is overwritten next. */
    time_t answers[REFLECTOR_PER_HOUR];
    size_t next_answer;
};

static uint64_t wall_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static struct answer_rules rules_of(const struct reflector *reflector,
                                    const struct token_keys *keys)
{
    return (struct answer_rules){
        .keys = keys, .address = reflector->address, .reply_to = reflector->reply_to};
}

static bool read_keys(const struct reflector_watch *watch, struct token_keys *keys)
{
    char why[512];

    if (token_keys_read(watch->reflector->secret_file, keys, why, sizeof(why)))
        return true;
    log_event(LOG_LEVEL_WARNING, "reflector-key-missing", "reflector", watch->reflector->name,
              "reason", why, (char *)NULL);
    return false;
}

static bool use_rate(struct reflector_watch *watch)
{
    time_t now = time(NULL), *oldest = &watch->answers[watch->next_answer];

    if (*oldest > now - HOUR && *oldest <= now)
        return false;
    *oldest = now;
    watch->next_answer = (watch->next_answer + 1) % REFLECTOR_PER_HOUR;
    return true;
}

/* ---- one job ---- */

static void work(struct reflector_watch *watch);

static void work_in(struct reflector_watch *watch, time_t seconds)
{
    struct timeval wait = {.tv_sec = seconds};

    event_add(watch->timer, &wait);
}

/* The next one from a clean stack. */
static void end_job(struct reflector_watch *watch, bool again)
{
    struct job *job = watch->job;

    assert(job != NULL && watch->request == NULL);
    submission_free(watch->submission);
    watch->submission = NULL;
    watch->job = NULL;
    if (!again) {
        TAILQ_REMOVE(&watch->jobs, job, entry);
        watch->n_jobs--;
        free(job);
        probe_box_note(watch->box);
    }
    work_in(watch, 0);
}

/* It certainly was not sent. */
static void retry_or_fail(struct reflector_watch *watch, const char *reason, bool may_retry)
{
    struct job *job = watch->job;
    time_t now = time(NULL);
    bool again = may_retry && now - job->first < TRIES_FOR;

    log_event(again ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
              again ? "answer-delayed" : "answer-failed", "reflector", watch->reflector->name,
              "reason", reason, (char *)NULL);
    if (again)
        job->due = now + backoff_next(&job->backoff).tv_sec;
    else
        watch->counts.failed++;
    end_job(watch, again);
}

static void on_done(void *arg, const struct dialogue_outcome *outcome)
{
    struct reflector_watch *watch = arg;

    /* What may have been sent is not sent twice. */
    if (submission_was_accepted(outcome) || outcome->uncertain) {
        watch->counts.answered++;
        end_job(watch, false);
        return;
    }
    ledger_reflect_forget(watch->ledger, watch->reflector->name, token_nonce(&watch->job->token));
    if (outcome->end == DIALOGUE_AUTH)
        watch->no_auth_before = time(NULL) + LIMIT_BACKOFF_AUTH;
    retry_or_fail(watch, outcome->reason, outcome->end != DIALOGUE_REFUSED || outcome->temporary);
}

static void hand_over(struct reflector_watch *watch)
{
    const struct job *job = watch->job;
    struct stamp stamp = {.received_us = job->received_us};
    struct answer_rules rules;
    struct token_keys keys;
    unsigned char unique[16];
    char answer[ANSWER_MAX];
    size_t len;

    if (!read_keys(watch, &keys) || RAND_bytes(unique, sizeof(unique)) != 1) {
        ledger_reflect_forget(watch->ledger, watch->reflector->name, token_nonce(&job->token));
        retry_or_fail(watch, "the answer cannot be signed", true);
        return;
    }
    rules = rules_of(watch->reflector, &keys);
    stamp.handed_us = wall_us();
    if (stamp.handed_us < stamp.received_us) /* the clock was set back */
        stamp.handed_us = stamp.received_us;
    len = answer_write(&rules, &job->mail, &job->token, &stamp, unique, false, answer);
    token_keys_wipe(&keys);
    submission_send(watch->submission, answer, len);
}

static void on_noted(void *arg, bool is_new)
{
    struct reflector_watch *watch = arg;

    watch->request = NULL;
    if (!is_new) {
        watch->counts.replayed++;
        end_job(watch, false);
        return;
    }
    hand_over(watch);
}

/* The secret is available: the nonce is recorded, then the answer is sent. */
static void on_ready(void *arg, const char *why)
{
    struct reflector_watch *watch = arg;

    if (why != NULL) {
        retry_or_fail(watch, why, true);
        return;
    }
    watch->request = ledger_reflect(watch->ledger, watch->reflector->name,
                                    token_nonce(&watch->job->token), time(NULL), on_noted, watch);
}

static void begin(struct reflector_watch *watch, struct job *job)
{
    static const struct submission_events events = {.ready = on_ready, .done = on_done};
    const struct reflector *reflector = watch->reflector;
    struct submission_options options = {
        .server = reflector->server,
        .login = reflector->account->login,
        .secret = &reflector->account->secret,
        .timeout = TIMEOUT,
        .mail_from = reflector->sender != NULL ? reflector->sender : "",
        .rcpt_to = reflector->reply_to,
    };

    assert(watch->job == NULL && watch->submission == NULL && watch->request == NULL);
    watch->job = job;
    watch->submission = submission_new(watch->links, &options, &events, watch);
}

static void work(struct reflector_watch *watch)
{
    time_t now = time(NULL), next = 0;
    struct job *job;

    if (watch->job != NULL || TAILQ_EMPTY(&watch->jobs))
        return;
    if (now < watch->no_auth_before) {
        work_in(watch, watch->no_auth_before - now);
        return;
    }
    TAILQ_FOREACH(job, &watch->jobs, entry) {
        if (job->due <= now) {
            begin(watch, job);
            return;
        }
        if (next == 0 || job->due < next)
            next = job->due;
    }
    if (next > 0)
        work_in(watch, next - now);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    work(arg);
}

/* ---- arrivals ---- */

/* A person may have replied to a probe, with its token in the Subject: only the field counts. */
static void expunge_later(struct reflector_watch *watch, const struct inbox_message *message,
                          const struct probe_mail *mail, const struct token_keys *keys)
{
    struct probe_token token;

    if (!mail->strange && !message->cut && mail->has_probe_field &&
        token_read(&token, mail->probe_field, TOKEN_LEN) &&
        token_verify(&token, keys, watch->reflector->address, watch->reflector->reply_to))
        probe_box_expunge_later(watch->box, message, (time_t)(token_sent_ms(&token) / 1000));
}

static void add_job(struct reflector_watch *watch, const struct inbox_message *message,
                    const struct probe_mail *mail, const struct probe_token *token,
                    uint64_t received_us)
{
    struct job *job;

    if (watch->n_jobs == JOBS_MAX || !use_rate(watch)) {
        log_event(LOG_LEVEL_WARNING, "probe-rate-exceeded", "reflector", watch->reflector->name,
                  (char *)NULL);
        watch->counts.refused++;
        return;
    }
    job = xcalloc(1, sizeof(*job));
    job->uid = message->uid;
    job->mail = *mail;
    job->token = *token;
    job->received_us = received_us;
    job->first = time(NULL);
    job->backoff = (struct backoff){.first = WAIT_FIRST, .last = WAIT_LAST};
    TAILQ_INSERT_TAIL(&watch->jobs, job, entry);
    watch->n_jobs++;
    work_in(watch, 0);
}

static void on_message(void *arg, const struct inbox_message *message, bool was_seen)
{
    struct reflector_watch *watch = arg;
    uint64_t received_us = wall_us();
    struct probe_mail mail;
    struct probe_token token;
    struct token_keys keys;
    struct answer_rules rules;
    enum answer_decision decision;

    probe_mail_parse(&mail, message->header, message->len);
    if (!mail.has_probe_field && *mail.subject_probe == '\0')
        return;
    if (!read_keys(watch, &keys)) {
        watch->counts.failed++;
        return;
    }
    rules = rules_of(watch->reflector, &keys);
    decision = answer_decide(&rules, &mail, false, received_us, &token);
    expunge_later(watch, message, &mail, &keys);
    token_keys_wipe(&keys);
    if (was_seen)
        return;
    if (decision == ANSWER_YES) {
        add_job(watch, message, &mail, &token, received_us);
        return;
    }
    watch->counts.refused++;
    log_event(LOG_LEVEL_INFO, "probe-not-answered", "reflector", watch->reflector->name, "reason",
              answer_decision_text(decision), (char *)NULL);
}

/* Jobs are in the order of their messages. */
static uint32_t unfinished(void *arg)
{
    const struct reflector_watch *watch = arg;
    const struct job *job = TAILQ_FIRST(&watch->jobs);

    return job != NULL ? job->uid : 0;
}

static void clean(struct reflector_watch *watch)
{
    struct timeval wait = {.tv_sec = 600};
    time_t before = time(NULL) - (time_t)watch->reflector->keep, oldest;

    probe_box_clean(watch->box, before);
    oldest = probe_box_oldest_leftover(watch->box);
    if (oldest > before && oldest - before < wait.tv_sec)
        wait.tv_sec = oldest - before;
    event_add(watch->cleaner, &wait);
}

static void on_cleaner(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    clean(arg);
}

static void on_looked(void *arg)
{
    clean(arg);
}

static void on_trouble(void *arg, const char *why)
{
    (void)arg;
    (void)why;
}

/* ---- life ---- */

struct reflector_watch *reflector_watch_new(struct links *links, struct ledger *ledger,
                                            const struct reflector *reflector)
{
    static const struct probe_box_events events = {.on_message = on_message,
                                                   .on_looked = on_looked,
                                                   .on_trouble = on_trouble,
                                                   .unfinished = unfinished};
    struct reflector_watch *watch = xcalloc(1, sizeof(*watch));
    char *who = xasprintf("reflector %s", reflector->name);
    struct probe_box_options options = {
        .account = reflector->account,
        .folder = reflector->folder,
        .dedicated = reflector->dedicated,
        .who = who,
    };

    watch->links = links;
    watch->ledger = ledger;
    watch->reflector = reflector;
    TAILQ_INIT(&watch->jobs);
    watch->timer = evtimer_new(links_base(links), on_timer, watch);
    watch->cleaner = evtimer_new(links_base(links), on_cleaner, watch);
    watch->box = probe_box_new(links, ledger, &options, &events, watch);
    probe_box_open(watch->box);
    free(who);
    return watch;
}

void reflector_watch_free(struct reflector_watch *watch)
{
    struct job *job;

    if (watch == NULL)
        return;
    submission_free(watch->submission);
    ledger_cancel(watch->request);
    probe_box_free(watch->box);
    while ((job = TAILQ_FIRST(&watch->jobs)) != NULL) {
        TAILQ_REMOVE(&watch->jobs, job, entry);
        free(job);
    }
    event_free(watch->timer);
    event_free(watch->cleaner);
    free(watch);
}

struct reflector_counts reflector_watch_counts(const struct reflector_watch *watch)
{
    return watch->counts;
}

const char *reflector_watch_trouble(const struct reflector_watch *watch)
{
    return probe_box_trouble(watch->box);
}
