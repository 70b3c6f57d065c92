/*
 * What GMime shows of messages as files, as lines of JSON: {"file": ..., "files": [[type, name]]},
 * name null where there is none.
 */
#include <gmime/gmime.h>
#include <stdio.h>
#include <string.h>

static void print_text(const char *text)
{
    char *valid = text != NULL ? g_utf8_make_valid(text, -1) : NULL;
    if (valid == NULL) {
        fputs("null", stdout);
        return;
    }
    putchar('"');
    for (const char *c = valid; *c != '\0'; c++)
        if (*c == '"' || *c == '\\' || (unsigned char)*c < ' ')
            printf("\\u%04x", (unsigned)*c);
        else
            putchar(*c);
    putchar('"');
    g_free(valid);
}

static void print_part(GMimeObject *part, gboolean *first)
{
    GMimeContentType *type = g_mime_object_get_content_type(part);
    const char *disposition = g_mime_object_get_disposition(part);
    const char *name = GMIME_IS_PART(part) ? g_mime_part_get_filename(GMIME_PART(part)) : NULL;
    char *text = g_mime_content_type_get_mime_type(type);
    gboolean text_type = g_mime_content_type_is_type(type, "text", "*");
    gboolean multipart = GMIME_IS_MULTIPART(part);

    if (name == NULL && GMIME_IS_MESSAGE_PART(part)) {
        name = g_mime_object_get_content_disposition_parameter(part, "filename");
        if (name == NULL)
            name = g_mime_object_get_content_type_parameter(part, "name");
    }
    if (name != NULL || (disposition != NULL && strcasecmp(disposition, "attachment") == 0) ||
        (!text_type && !multipart)) {
        printf(*first ? "[" : ", [");
        print_text(text);
        printf(", ");
        print_text(name);
        printf("]");
        *first = FALSE;
    }
    g_free(text);
}

/* Not by recursion: messages are nested without end. */
static void print_message(GMimeMessage *message)
{
    GPtrArray *left = g_ptr_array_new();
    gboolean first = TRUE;

    if (g_mime_message_get_mime_part(message) != NULL)
        g_ptr_array_add(left, g_mime_message_get_mime_part(message));
    while (left->len > 0) {
        GMimeObject *part = g_ptr_array_remove_index(left, left->len - 1);

        print_part(part, &first);
        if (GMIME_IS_MULTIPART(part))
            for (int i = 0; i < g_mime_multipart_get_count(GMIME_MULTIPART(part)); i++)
                g_ptr_array_add(left, g_mime_multipart_get_part(GMIME_MULTIPART(part), i));
        if (!GMIME_IS_MESSAGE_PART(part))
            continue;
        GMimeMessage *inner = g_mime_message_part_get_message(GMIME_MESSAGE_PART(part));
        if (inner != NULL && g_mime_message_get_mime_part(inner) != NULL)
            g_ptr_array_add(left, g_mime_message_get_mime_part(inner));
    }
    g_ptr_array_free(left, TRUE);
}

int main(int argc, char **argv)
{
    g_mime_init();
    for (int i = 1; i < argc; i++) {
        GMimeStream *stream = g_mime_stream_file_open(argv[i], "r", NULL);
        GMimeParser *parser = g_mime_parser_new_with_stream(stream);
        GMimeMessage *message = g_mime_parser_construct_message(parser, NULL);

        printf("{\"file\": ");
        print_text(argv[i]);
        printf(", \"files\": [");
        if (message != NULL) {
            print_message(message);
            g_object_unref(message);
        }
        printf("]}\n");
        g_object_unref(parser);
        g_object_unref(stream);
    }
    g_mime_shutdown();
    return 0;
}
