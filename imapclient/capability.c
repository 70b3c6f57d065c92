/* What the server offers: CAPABILITY, ID, and what IMAP4rev2 implies (RFC 9051 appendix E). */
#include "imapclient/session_private.h"

#include <ctype.h>
#include <errno.h>
#include <strings.h>

#include "imapclient/text/printable.h"

#define CAPABILITIES_MAX (16 * 1024)
#define ID_VALUE_MAX 200

static const char *const implied_by_rev2[] = {
    "ENABLE",    "ESEARCH", "IDLE",      "LIST-EXTENDED", "LIST-STATUS", "LITERAL-", "MOVE",
    "NAMESPACE", "SASL-IR", "SEARCHRES", "SPECIAL-USE",   "UIDPLUS",     "UNSELECT",
};

static bool is_hidden(const struct imap_session *session, const char *word, size_t len)
{
    return (session->hide_idle && len == 4 && strncasecmp(word, "IDLE", len) == 0) ||
           (session->hide_notify && len == 6 && strncasecmp(word, "NOTIFY", len) == 0);
}

void capability_set(struct imap_session *session, const char *atoms)
{
    size_t room = strnlen(atoms, CAPABILITIES_MAX);
    char *list = xmalloc(room + 1);
    size_t used = 0;
    for (const char *at = atoms, *end = atoms + room; at < end;) {
        size_t len = strcspn(at, " ");
        if (at + len > end)
            break; /* cut by the limit within a word */
        if (len > 0 && !is_hidden(session, at, len)) {
            if (used > 0)
                list[used++] = ' ';
            memcpy(list + used, at, len);
            used += len;
        }
        at += len + (at[len] != '\0' ? 1 : 0);
    }
    list[used] = '\0';
    free(session->capabilities);
    session->capabilities = xrealloc(list, used + 1);
}

void capability_set_words(struct imap_session *session, const char *const *words, size_t n)
{
    char *list = xcalloc(1, CAPABILITIES_MAX + 2);
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(words[i]);
        if (used + len + 1 > CAPABILITIES_MAX)
            break;
        memcpy(list + used, words[i], len);
        used += len;
        list[used++] = ' ';
    }
    capability_set(session, list);
    free(list);
}

static const char *find_word(const char *list, const char *word, size_t len, bool prefix)
{
    for (const char *at = list; *at != '\0'; at += strspn(at, " ")) {
        size_t this_len = strcspn(at, " ");
        if ((prefix ? this_len >= len : this_len == len) && strncasecmp(at, word, len) == 0)
            return at;
        at += this_len;
    }
    return NULL;
}

bool imap_session_has(const struct imap_session *session, const char *capability)
{
    if (find_word(session->capabilities, capability, strlen(capability), false) != NULL)
        return true;
    if (is_hidden(session, capability, strlen(capability)) ||
        find_word(session->capabilities, "IMAP4rev2", 9, false) == NULL)
        return false;
    for (size_t i = 0; i < sizeof(implied_by_rev2) / sizeof(*implied_by_rev2); i++)
        if (strcasecmp(implied_by_rev2[i], capability) == 0)
            return true;
    return false;
}

const char *imap_session_capabilities(const struct imap_session *session)
{
    return session->capabilities;
}

uint64_t imap_session_append_limit(const struct imap_session *session)
{
    static const char key[] = "APPENDLIMIT=";
    const char *at = find_word(session->capabilities, key, sizeof(key) - 1, true);
    if (at == NULL || !isdigit((unsigned char)at[sizeof(key) - 1]))
        return 0;
    errno = 0;
    unsigned long long limit = strtoull(at + sizeof(key) - 1, NULL, 10);
    return errno == 0 ? limit : 0;
}

static const char *id_value(const char *const *words, size_t n, const char *key)
{
    for (size_t i = 0; i + 1 < n; i += 2)
        if (words[i] != NULL && strcasecmp(words[i], key) == 0 && words[i + 1] != NULL)
            return words[i + 1];
    return "";
}

void capability_set_id(struct imap_session *session, const char *const *words, size_t n)
{
    const char *name = id_value(words, n, "name"), *version = id_value(words, n, "version");
    free(session->server_id);
    session->server_id = xasprintf("%.*s%s%.*s", ID_VALUE_MAX, name, *version != '\0' ? " " : "",
                                   ID_VALUE_MAX, version);
    text_printable(session->server_id, PRINTABLE_UTF8);
}

const char *imap_session_server_id(const struct imap_session *session)
{
    return session->server_id != NULL ? session->server_id : "";
}
