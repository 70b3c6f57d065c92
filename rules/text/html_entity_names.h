/*
 * The table of html_entity.c: all named character references, HTML Standard section 13.5.
 */
#ifndef RULES_MIME_HTML_ENTITY_NAMES_H
#define RULES_MIME_HTML_ENTITY_NAMES_H

#include <stddef.h>

#define HTML_ENTITY_NAME_MAX 31
#define HTML_UNTERMINATED_MAX 6

struct html_entity {
    const char *name, *text; /* name: without "&" and ";"; text: UTF-8 */
};

extern const struct html_entity html_entities[]; /* sorted by name, by octets */
extern const size_t html_entities_count;
extern const char *const html_unterminated[]; /* names that need no ";"; NULL-terminated */

#endif
