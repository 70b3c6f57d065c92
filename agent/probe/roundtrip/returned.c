#include <string.h>

#include "agent/probe/roundtrip/delivery_facts.h"
#include "agent/probe/roundtrip/private.h"
#include "agent/reflect/probe_mail.h"
#include "agent/system/log.h"
#include "rules/util/memory.h"

#define SECOND 1e6 /* in microseconds */

/* A verified message of this probe. */
struct sighting {
    struct probe_token token;
    struct stamp stamp; /* by_reflector only */
    bool by_reflector;
    bool may_delete;
    struct book_time seen;
};

/* ---- whether it is ours ---- */

static bool find_return(const struct probe *probe, const struct token_keys *keys,
                        const struct probe_mail *mail, struct sighting *sighting)
{
    const char *const texts[] = {mail->has_return_field ? mail->return_field : "",
                                 mail->subject_return};

    for (size_t i = 0; i < 2; i++) {
        if (!return_verify(texts[i], strlen(texts[i]), keys, probe->to, probe->reply_to,
                           &sighting->token, &sighting->stamp))
            continue;
        sighting->by_reflector = true;
        sighting->may_delete = i == 0 || strcasecmp(mail->from, probe->to) == 0;
        return true;
    }
    return false;
}

static bool find_probe(const struct probe *probe, const struct token_keys *keys,
                       const struct probe_mail *mail, struct sighting *sighting)
{
    const char *const texts[] = {mail->has_probe_field ? mail->probe_field : "",
                                 mail->subject_probe};

    /* Vacation replies and bounces quote the Subject: they are not the message itself. */
    if (mail->auto_submitted || mail->null_sender || mail->from_daemon)
        return false;
    for (size_t i = 0; i < 2; i++) {
        if (!token_read(&sighting->token, texts[i], strlen(texts[i])) ||
            !token_verify(&sighting->token, keys, probe->to, probe->reply_to))
            continue;
        sighting->may_delete = i == 0 || strcasecmp(mail->from, probe->from) == 0;
        return true;
    }
    return false;
}

/* A person may have replied to a test message, with its token in the Subject: a message that has
 * the token only there is deleted only if its sender is the one that sends such messages. A
 * malformed message is evaluated, but not deleted. */
static bool identify(const struct roundtrip *roundtrip, const struct inbox_message *message,
                     struct sighting *sighting)
{
    const struct probe *probe = roundtrip->probe;
    struct probe_mail mail;
    struct token_keys keys;
    char why[512];
    bool found;

    probe_mail_parse(&mail, message->header, message->len);
    if (!mail.has_return_field && !mail.has_probe_field && *mail.subject_return == '\0' &&
        *mail.subject_probe == '\0')
        return false;
    if (!token_keys_read(probe->secret_file, &keys, why, sizeof(why))) {
        log_event(LOG_LEVEL_WARNING, "probe-not-verified", "probe", probe->name, "reason", why,
                  (char *)NULL);
        return false;
    }
    found = find_return(probe, &keys, &mail, sighting) || find_probe(probe, &keys, &mail, sighting);
    token_keys_wipe(&keys);
    sighting->may_delete = sighting->may_delete && !mail.strange && !message->cut;
    return found && memcmp(token_probe(&sighting->token), roundtrip->probe_id, TOKEN_PROBE_ID) == 0;
}

/* ---- its facts ---- */

static void set_delays(struct roundtrip *roundtrip, struct roundtrip_facts *facts,
                       const struct sighting *sighting, int64_t handed_us)
{
    struct path_delay_sample sample = {.t1 = handed_us,
                                       .t2 = (int64_t)sighting->stamp.received_us,
                                       .t3 = (int64_t)sighting->stamp.handed_us,
                                       .t4 = sighting->seen.wall_us};
    struct path_delay_bounds bounds;

    if (!sighting->by_reflector || handed_us == 0 ||
        !path_delay_add(&roundtrip->delay, &sample, &bounds))
        return;
    facts->has_delays = true;
    for (size_t i = 0; i < PATH_PARTS; i++) {
        facts->delay_min[i] = (double)bounds.min[i] / SECOND;
        facts->delay_max[i] = (double)bounds.max[i] / SECOND;
    }
    facts->offset_min = (double)bounds.offset_min / SECOND;
    facts->offset_max = (double)bounds.offset_max / SECOND;
}

static void set_header_facts(struct roundtrip_facts *facts, const struct inbox_message *message)
{
    struct header *header = header_parse(message->header, message->len);

    facts->n_hops = delivery_hops(header, facts->hop_seconds);
    delivery_auth(header, NULL, facts->auth);
    header_free(header);
}

static enum roundtrip_verdict verdict_of(const struct book_entry *entry)
{
    switch (entry->state) {
    case BOOK_RETURNED:
        return ROUNDTRIP_RETURNED;
    case BOOK_LATE:
        return ROUNDTRIP_LATE;
    case BOOK_UNCERTAIN:
        return ROUNDTRIP_UNCERTAIN;
    default:
        return ROUNDTRIP_LOST;
    }
}

static bool is_being_sent(const struct roundtrip *roundtrip, const unsigned char *nonce)
{
    const struct sending *sending = roundtrip->sending;

    return sending != NULL && memcmp(sending->nonce, nonce, TOKEN_NONCE) == 0;
}

/* When it was handed over, wall clock; 0: unknown. */
static int64_t handed_at(const struct roundtrip *roundtrip, const struct book_entry *entry)
{
    const struct awaited *awaited = roundtrip_find_awaited(roundtrip, entry->nonce);

    if (is_being_sent(roundtrip, entry->nonce))
        return roundtrip->sending->handed.wall_us;
    return awaited != NULL && awaited->handed.wall_us != 0 ? awaited->handed.wall_us
                                                           : entry->accepted_us;
}

/* ---- the verdict ---- */

static void report_return(struct roundtrip *roundtrip, const unsigned char *nonce,
                          const struct roundtrip_facts *facts)
{
    struct awaited *awaited = roundtrip_find_awaited(roundtrip, nonce);
    struct probe_result *result;

    if (is_being_sent(roundtrip, nonce)) {
        roundtrip->sending->has_returned = true;
        roundtrip->sending->facts = *facts;
        return;
    }
    if (awaited == NULL)
        return;
    result = awaited->result;
    awaited->result = NULL;
    if (!awaited->reported) {
        if (result == NULL) {
            result = probe_result_new(roundtrip->probe);
            result->at = (time_t)(awaited->began.wall_us / 1000000);
        }
        roundtrip_report(roundtrip, result, facts);
    }
    roundtrip_drop_awaited(roundtrip, awaited);
}

static void settle(struct roundtrip_place *place, const struct inbox_message *message,
                   const struct sighting *sighting, const struct book_entry *entry, bool is_verdict)
{
    struct roundtrip *roundtrip = place->roundtrip;
    struct roundtrip_facts facts = roundtrip_facts_now(roundtrip, verdict_of(entry));

    facts.duration = entry->duration_us;
    facts.placement = place->placement;
    facts.by_reflector = sighting->by_reflector;
    facts.seen_by = message->seen_by;
    set_header_facts(&facts, message);
    set_delays(roundtrip, &facts, sighting, handed_at(roundtrip, entry));
    roundtrip->last = facts;
    roundtrip->has_last = true;
    roundtrip->last_placement = place->placement;
    if (is_verdict)
        report_return(roundtrip, entry->nonce, &facts);
}

static void handle_return(struct roundtrip_place *place, const struct inbox_message *message,
                          const struct sighting *sighting)
{
    struct roundtrip *roundtrip = place->roundtrip;
    struct book_place where = {.uidvalidity = message->uidvalidity, .uid = message->uid};
    const struct book_entry *entry;
    enum book_return outcome;

    snprintf(where.folder, sizeof(where.folder), "%s", place->folder);
    outcome = roundtrip_book_returned(roundtrip->book, token_nonce(&sighting->token), &where,
                                      &sighting->seen, &entry);
    switch (outcome) {
    case BOOK_IS_RETURNED:
    case BOOK_IS_LATE:
        settle(place, message, sighting, entry, true);
        break;
    case BOOK_IS_AFTER_VERDICT:
        log_event(LOG_LEVEL_NOTICE, "probe-after-verdict", "probe", roundtrip->probe->name,
                  "seconds", log_number(entry->duration_us / 1000000), (char *)NULL);
        settle(place, message, sighting, entry, false);
        break;
    case BOOK_IS_DUPLICATE:
        log_event(LOG_LEVEL_NOTICE, "probe-duplicate", "probe", roundtrip->probe->name,
                  (char *)NULL);
        break;
    case BOOK_IS_KNOWN:
    case BOOK_IS_FOREIGN:
        break;
    }
    roundtrip_mind(roundtrip);
}

void roundtrip_on_message(void *arg, const struct inbox_message *message, bool was_seen)
{
    struct roundtrip_place *place = arg;
    struct sighting sighting = {0};

    book_time_now(&sighting.seen);
    if (!identify(place->roundtrip, message, &sighting))
        return;
    if (sighting.may_delete)
        probe_box_expunge_later(place->box, message,
                                (time_t)(token_sent_ms(&sighting.token) / 1000));
    if (!was_seen)
        handle_return(place, message, &sighting);
}
