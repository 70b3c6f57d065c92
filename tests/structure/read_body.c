/*
 * What rules/mime/body.h reads from messages, as lines of JSON:
 * {"file": ..., "attachments": [{"type": ..., "names": [...]}], "doubt": 0, "why": "...", ...}
 */
#include <stdio.h>

#include "rules/mime/body.h"
#include "rules/util/buffer.h"

static struct body_facts *read_file(const char *path)
{
    char piece[8192];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    struct body_scan *scan = body_scan_new(true);
    for (size_t n; (n = fread(piece, 1, sizeof(piece), file)) > 0;)
        body_scan_feed(scan, piece, n);
    fclose(file);
    return body_scan_end(scan);
}

/* Valid UTF-8. */
static void print_text(const char *text)
{
    putchar('"');
    for (; *text != '\0'; text++)
        if (*text == '"' || *text == '\\' || (unsigned char)*text < ' ')
            printf("\\u%04x", (unsigned)*text);
        else
            putchar(*text);
    putchar('"');
}

static void print_attachment(const struct attachment *attachment)
{
    printf("{\"type\": ");
    print_text(attachment->type);
    printf(", \"names\": [");
    for (size_t i = 0; i < attachment->n_names; i++) {
        fputs(i > 0 ? ", " : "", stdout);
        print_text(attachment->names[i]);
    }
    printf("]}");
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct body_facts *facts = read_file(argv[i]);
        printf("{\"file\": ");
        print_text(argv[i]);
        printf(", \"attachments\": [");
        for (size_t n = 0; n < facts->count; n++) {
            fputs(n > 0 ? ", " : "", stdout);
            print_attachment(&facts->attachments[n]);
        }
        printf("], \"doubt\": %u, \"bare_cr\": %s, \"why\": ", facts->doubt,
               facts->bare_cr ? "true" : "false");
        print_text(facts->doubt_why != NULL ? facts->doubt_why : "");
        printf("}\n");
        body_facts_free(facts);
    }
    return 0;
}
