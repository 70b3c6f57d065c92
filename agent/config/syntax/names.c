#include "agent/config/syntax/names.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "agent/config/syntax/units.h"

enum { NAME_MAX_BYTES = 64, DOMAIN_MAX_BYTES = 253, LABEL_MAX = 63, LOCAL_MAX = 64 };

static bool is_name_char(char c)
{
    return isalnum((unsigned char)c) || strchr("._-@+", c) != NULL;
}

const char *names_section(const char *text)
{
    size_t len = strlen(text);

    for (size_t i = 0; i < len; i++)
        if (!is_name_char(text[i]))
            return "a name of letters, digits and . _ - @ +";
    if (len == 0 || len > NAME_MAX_BYTES)
        return "a name of 1 to 64 characters";
    return NULL;
}

/* RFC 5321 section 4.1.2 and RFC 1123 section 2.1; the underscore is not allowed there, but occurs.
 */
static bool is_domain(const char *text)
{
    size_t label = 0;

    if (strlen(text) > DOMAIN_MAX_BYTES)
        return false;
    for (const char *p = text;; p++) {
        if (*p == '.' || *p == '\0') {
            if (label == 0 || label > LABEL_MAX || p[-1] == '-')
                return false;
            label = 0;
            if (*p == '\0')
                return true;
        } else if (isalnum((unsigned char)*p) || *p == '_' || (*p == '-' && label > 0)) {
            label++;
        } else {
            return false;
        }
    }
}

static bool is_not_ascii(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text >= 0x80)
            return true;
    return false;
}

const char *names_domain(const char *text)
{
    if (strchr(text, '@') != NULL)
        return "a domain such as example.org, without \"@\"";
    if (is_not_ascii(text))
        return "an ASCII domain; write an internationalized one in its xn-- form";
    return is_domain(text) ? NULL : "a domain such as example.org";
}

const char *names_address(const char *text)
{
    static const char form[] = "an address such as alice@example.org";
    static const char special[] = "\"(),:;<>@[\\] \t"; /* RFC 5322 section 3.2.3 */
    const char *at = strrchr(text, '@');

    if (at == NULL || at == text || at - text > LOCAL_MAX)
        return form;
    for (const char *p = text; p < at; p++)
        if (strchr(special, *p) != NULL || (unsigned char)*p < ' ' || *p == 0x7f)
            return form;
    if (is_not_ascii(at))
        return "an address with an ASCII domain; write an internationalized one in its xn-- form";
    return is_domain(at + 1) ? NULL : form;
}

const char *names_host(const char *text)
{
    unsigned char address[16];

    if (inet_pton(AF_INET6, text, address) == 1 || inet_pton(AF_INET, text, address) == 1)
        return NULL;
    if (text[strspn(text, "0123456789.")] == '\0' || !is_domain(text))
        return "a host name, an IPv4 address, or an IPv6 address in brackets";
    return NULL;
}

/* Names may resolve to another machine tomorrow: only addresses, and the one name that cannot. */
static bool is_listen_host(const char *host, bool brackets)
{
    unsigned char address[16];

    if (brackets)
        return inet_pton(AF_INET6, host, address) == 1;
    return inet_pton(AF_INET, host, address) == 1 || strcasecmp(host, "localhost") == 0;
}

const char *names_listen(const char *text)
{
    static const char form[] = "an address and a port such as 127.0.0.1:8025 or [::1]:8025";
    const char *colon = strrchr(text, ':');
    size_t len = colon != NULL ? (size_t)(colon - text) : 0;
    size_t brackets = len > 2 && text[0] == '[' && text[len - 1] == ']' ? 1 : 0;
    char host[DOMAIN_MAX_BYTES + 1];
    unsigned port;

    if (len == 0 || len >= sizeof(host) || (brackets == 0 && memchr(text, ':', len) != NULL))
        return form;
    memcpy(host, text + brackets, len - 2 * brackets);
    host[len - 2 * brackets] = '\0';
    if (!is_listen_host(host, brackets != 0) || units_count(colon + 1, &port) != NULL ||
        port == 0 || port > 65535)
        return form;
    return NULL;
}

const char *names_field(const char *text)
{
    size_t len = strlen(text);

    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] > '~' || text[i] == ':')
            return "the name of a header field, without \":\"";
    return len > 0 ? NULL : "the name of a header field";
}

void names_lower(char *text)
{
    for (; *text != '\0'; text++)
        *text = (char)tolower((unsigned char)*text);
}

void names_lower_domain(char *address)
{
    char *at = strrchr(address, '@');

    names_lower(at != NULL ? at : address);
}
