/*
 * to: the addresses in To, Cc, Bcc and their Resent forms, whatever else in them looks like an
 * address (as in from), and for a received message the address it was delivered to; a /regex/ also
 * searches the whole text of these fields. Undecided as from. A recipient without a domain is
 * undecided only if a word of it at one of our domains would match: that is where it is delivered,
 * unless it is part of an unquoted display name.
 *
 * In an exempt rule every recipient in these fields must match, and be readable.
 */
#include <string.h>

#include "rules/match/conditions.h"

static bool is_set(const struct rule *rule)
{
    return rule->to_patterns != NULL;
}

static const char *find_in_route(const struct patterns *patterns, const struct route *route,
                                 struct pattern_search *search)
{
    for (size_t i = 0; i < route->n_recipients; i++) {
        const char *address = route->recipients[i].address;
        if (patterns_match(patterns, PATTERN_ANY_KIND, address, strlen(address), search))
            return address;
    }
    return NULL;
}

static enum match_result match_all(const struct match_input *in, const struct rule *rule,
                                   struct buffer *found)
{
    const struct field_facts *to = facts_get(in->facts, FACTS_TO);
    struct pattern_search search = {.work = &in->budget->header};
    const char *other = NULL;
    for (size_t i = 0; i < to->addresses.count && other == NULL; i++) {
        const char *address = to->addresses.addresses[i];
        if (!patterns_match(rule->to_patterns, PATTERN_ANY_KIND, address, strlen(address), &search))
            other = address;
    }
    bool all = other == NULL && to->addresses.count > 0 && !to->doubt && !to->names;
    match_add_text(found, all ? "every recipient is listed: " : "the message is also to ");
    match_add_addresses(found, other, to);
    match_add_limited(found, &search);
    return match_result(all, false, &search);
}

static bool name_matches(const struct patterns *patterns, const char *name, char *const *domains,
                         struct pattern_search *search)
{
    for (; *name != '\0'; name += strspn(name, " ")) {
        size_t len = strcspn(name, " ");
        for (char *const *domain = domains; domain != NULL && *domain != NULL; domain++) {
            struct buffer address = {0};
            buffer_printf(&address, "%.*s@%s", (int)len, name, *domain);
            bool hit =
                patterns_match(patterns, PATTERN_ANY_KIND, address.data, address.len, search);
            buffer_free(&address);
            if (hit)
                return true;
        }
        name += len;
    }
    return false;
}

static bool any_name_matches(const struct match_input *in, const struct rule *rule,
                             const struct field_facts *to, struct pattern_search *search)
{
    const struct address_list *list = &to->addresses;
    for (size_t i = 0; to->names && i < list->n_unreadable; i++)
        if (name_matches(rule->to_patterns, list->unreadable[i], in->set->domains, search))
            return true;
    return false;
}

static enum match_result match(const struct match_input *in, const struct rule *rule,
                               struct buffer *found)
{
    const struct field_facts *to = facts_get(in->facts, FACTS_TO);
    if (rule->exempt)
        return match_all(in, rule, found);
    struct pattern_search search = {.work = &in->budget->header};
    const char *hit = NULL;
    if (!in->route->sent) /* the recipients of a sent message are those of the fields */
        hit = find_in_route(rule->to_patterns, in->route, &search);
    if (hit == NULL)
        hit = match_fields(rule->to_patterns, to, &search);
    bool doubt = to->doubt || (hit == NULL && any_name_matches(in, rule, to, &search));
    match_add_text(found, "the message is to ");
    match_add_addresses(found, hit, to);
    match_add_limited(found, &search);
    if (hit == NULL && doubt)
        match_add_doubt(found, match_unread_why(in->message->header));
    return match_result(hit != NULL, doubt, &search);
}

static void describe(const struct rule *rule, struct buffer *wanted)
{
    match_add_patterns(wanted, rule->to);
}

const struct match match_to = {"to", NEEDS_MESSAGE, is_set, match, describe};
