/*
 * addresses of an exempt rule (share/doc/design.md, "Whom to believe"). What a sender writes may
 * make a message wanted; it exempts one only where it cannot hide who else is involved:
 *
 * - the owner is listed;
 * - sent: every recipient is, and all could be read;
 * - received: the only author is (one From with one address; not Sender, Reply-To, Resent-From or a
 *   field of delivery). One from outside must have passed the server's own checks, if
 *   authserv_id says which those are; one from inside must not have failed them, nor may they
 *   have passed for another domain only;
 * - received, and that author is inside: every recipient in To, Cc, Bcc and their Resent forms is.
 *
 * A header that could not be read whole, or that programs read differently, exempts nothing.
 */
#include <string.h>

#include "rules/match/conditions.h"
#include "rules/mime/auth_results.h"

static bool is_set(const struct rule *rule)
{
    return rule->addresses_patterns != NULL;
}

static bool matches(const struct rule *rule, const char *address, struct pattern_search *search)
{
    return patterns_match(rule->addresses_patterns, PATTERN_ANY_KIND, address, strlen(address),
                          search);
}

static const char *find_owner(const struct rule *rule, const struct owner *owner,
                              struct pattern_search *search)
{
    if (matches(rule, owner->address, search))
        return owner->address;
    for (const char *const *alias = owner->aliases; alias != NULL && *alias != NULL; alias++)
        if (matches(rule, *alias, search))
            return *alias;
    return NULL;
}

bool match_exempt_owner(const struct rule *rule, const struct owner *owner)
{
    struct match_budget budget = match_budget();
    struct pattern_search search = {.work = &budget.owner};
    return is_set(rule) && find_owner(rule, owner, &search) != NULL;
}

#define UNREAD                                                                                     \
    (WARNING_UNREADABLE_RECIPIENT | WARNING_TOO_MANY_RECIPIENTS | WARNING_HEADER_TRUNCATED |       \
     WARNING_BARE_CR | WARNING_NO_BLANK_LINE)

enum basis_kind { NOTHING, BY_OWNER, BY_RECIPIENTS, BY_AUTHOR };

struct exemption {
    enum basis_kind kind;
    const char *author;   /* of a received message */
    bool authenticated;   /* he has passed the checks of authserv_id */
    const char *obstacle; /* NOTHING: why */
};

static bool all_match(const struct rule *rule, char *const *addresses, size_t count,
                      struct pattern_search *search)
{
    for (size_t i = 0; i < count; i++)
        if (!matches(rule, addresses[i], search))
            return false;
    return count > 0;
}

static struct exemption find_sent(const struct rule *rule, const struct route *route,
                                  struct pattern_search *search)
{
    if (route->filed)
        return (struct exemption){.obstacle = "it was received and filed among the sent mail"};
    if ((route->warnings & UNREAD) != 0)
        return (struct exemption){.obstacle = "not every recipient could be read for certain"};
    for (size_t i = 0; i < route->n_recipients; i++)
        if (!matches(rule, route->recipients[i].address, search))
            return (struct exemption){.obstacle = "not every recipient is listed"};
    if (route->n_recipients == 0)
        return (struct exemption){.obstacle = "no recipient is named"};
    return (struct exemption){.kind = BY_RECIPIENTS};
}

static enum auth_verdict authenticate(const struct match_input *in)
{
    const char *id = in->message->owner->authserv_id, *domain = address_domain(in->route->sender);
    if (id == NULL || domain == NULL)
        return AUTH_UNKNOWN;
    return auth_results_find(in->message->header, id, domain);
}

static struct exemption find_received(const struct match_input *in, const struct rule *rule,
                                      struct pattern_search *search)
{
    const struct route *route = in->route;
    if (!route->single_author)
        return (struct exemption){.obstacle = "it does not have one author who is certain"};
    bool internal = route_is_internal(in->set, route->sender);
    enum auth_verdict verdict = authenticate(in);
    struct exemption found = {
        .kind = BY_AUTHOR, .author = route->sender, .authenticated = verdict == AUTH_PASSED};
    bool must_pass = !internal && in->message->owner->authserv_id != NULL;
    bool fails = verdict == AUTH_FAILED || verdict == AUTH_OTHERS;
    if (fails || (must_pass && verdict != AUTH_PASSED))
        return (struct exemption){.obstacle = "its author is not authenticated by the server"};
    if (matches(rule, route->sender, search))
        return found;
    if (!internal)
        return (struct exemption){.obstacle = "its author is not listed"};
    const struct field_facts *to = facts_get(in->facts, FACTS_TO);
    if (to->doubt || to->names ||
        !all_match(rule, to->addresses.addresses, to->addresses.count, search))
        return (struct exemption){.obstacle = "neither its author nor every recipient is listed"};
    found.kind = BY_RECIPIENTS;
    return found;
}

static struct exemption find(const struct match_input *in, const struct rule *rule,
                             struct pattern_search *search)
{
    search->work = &in->budget->owner;
    if (!is_set(rule) || find_owner(rule, in->message->owner, search) != NULL)
        return (struct exemption){.kind = BY_OWNER};
    search->work = &in->budget->header;
    return in->route->sent ? find_sent(rule, in->route, search) : find_received(in, rule, search);
}

static void describe_basis(const struct exemption *exemption, struct buffer *text)
{
    const char *trust = exemption->authenticated ? " (authenticated)" : " (claimed)";
    buffer_text(text, exemption->kind == BY_OWNER        ? "owner"
                      : exemption->kind == BY_RECIPIENTS ? "every recipient"
                                                         : "");
    if (exemption->author == NULL)
        return;
    buffer_text(text, exemption->kind == BY_RECIPIENTS ? ", from " : "from ");
    buffer_text(text, exemption->author);
    buffer_text(text, trust);
}

char *match_exempt_basis(const struct match_input *in, const struct rule *rule)
{
    struct match_budget budget = match_budget(); /* what was found once is found again */
    struct match_input again = *in;
    again.budget = &budget;
    struct pattern_search search = {0};
    struct exemption exemption = find(&again, rule, &search);
    struct buffer text = {0};
    describe_basis(&exemption, &text);
    return buffer_take(&text);
}

static enum match_result match(const struct match_input *in, const struct rule *rule,
                               struct buffer *found)
{
    struct pattern_search search = {0};
    struct exemption exemption = find(in, rule, &search);
    bool exempt = exemption.kind != NOTHING;
    if (found != NULL && exempt) {
        struct buffer basis = {0};
        describe_basis(&exemption, &basis);
        buffer_text(found, "the message is exempt by ");
        match_add_quoted(found, basis.data);
        buffer_free(&basis);
    }
    if (!exempt)
        match_add_text(found, exemption.obstacle);
    match_add_limited(found, &search);
    return match_result(exempt, false, &search);
}

static void describe(const struct rule *rule, struct buffer *wanted)
{
    match_add_patterns(wanted, rule->addresses);
}

const struct match match_exempt = {"addresses", NEEDS_MESSAGE, is_set, match, describe};
