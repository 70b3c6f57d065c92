#include "rules/sameness.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "rules/field_digest.h"
#include "rules/util/sha256.h"

/*
 * Line ends enter the digest as LF, and only once other text follows: those at the end of the body
 * never do. A CR is part of a line end only before an LF.
 */
struct sameness {
    EVP_MD_CTX *body;
    uint64_t line_ends;   /* not yet in the digest */
    bool carriage_return; /* the last octet, held back */
};

struct sameness *sameness_new(void)
{
    struct sameness *sameness = xcalloc(1, sizeof(*sameness));
    sameness->body = sha256_new();
    return sameness;
}

static void flush_line_ends(struct sameness *sameness)
{
    char feeds[64];
    memset(feeds, '\n', sizeof(feeds));
    while (sameness->line_ends > 0) {
        uint64_t count = sameness->line_ends < sizeof(feeds) ? sameness->line_ends : sizeof(feeds);
        sha256_add(sameness->body, feeds, (size_t)count);
        sameness->line_ends -= count;
    }
}

static void add_text(struct sameness *sameness, const char *text, size_t len)
{
    if (len == 0)
        return;
    flush_line_ends(sameness);
    sha256_add(sameness->body, text, len);
}

/* The CR held back was not part of a line end. */
static void flush_carriage_return(struct sameness *sameness)
{
    if (sameness->carriage_return)
        add_text(sameness, "\r", 1);
    sameness->carriage_return = false;
}

/* Text without a line feed; a CR at its end is held back. */
static void add_line(struct sameness *sameness, const char *line, size_t len)
{
    if (len == 0)
        return;
    flush_carriage_return(sameness);
    sameness->carriage_return = line[len - 1] == '\r';
    add_text(sameness, line, sameness->carriage_return ? len - 1 : len);
}

void sameness_body(struct sameness *sameness, const void *data, size_t len)
{
    if (len == 0)
        return;
    const char *text = data, *end = text + len;
    while (text < end) {
        const char *feed = memchr(text, '\n', (size_t)(end - text));
        add_line(sameness, text, (size_t)((feed != NULL ? feed : end) - text));
        if (feed == NULL)
            return;
        sameness->carriage_return = false;
        sameness->line_ends++;
        text = feed + 1;
    }
}

void sameness_end(struct sameness *sameness, const struct header *header, unsigned char digest[32])
{
    static const char *const names[] = {"From", "To", "Cc", "Subject", "Date", "Message-ID", NULL};
    unsigned char parts[64];
    flush_carriage_return(sameness);
    field_digest(header, names, parts);
    sha256_end(sameness->body, parts + 32);
    sameness->body = NULL;
    EVP_MD_CTX *both = sha256_new();
    sha256_add(both, parts, sizeof(parts));
    sha256_end(both, digest);
    sameness_free(sameness);
}

void sameness_free(struct sameness *sameness)
{
    if (sameness == NULL)
        return;
    EVP_MD_CTX_free(sameness->body);
    free(sameness);
}
