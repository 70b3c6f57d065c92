#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "imapclient/text/special.h"
#include "imapclient/text/special_names.h"

struct name {
    const char *mailbox;
    char delimiter;
    bool known;
};

static void check(enum imap_special use, const struct name *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (imap_special_name(use, names[i].mailbox, names[i].delimiter) != names[i].known)
            fail_msg("\"%s\" should be %s", names[i].mailbox, names[i].known ? "known" : "unknown");
}

#define CHECK(use, names) check(use, names, sizeof(names) / sizeof(*(names)))

static void sent_is_known_in_many_languages(void **state)
{
    (void)state;
    static const struct name names[] = {
        {"Sent", '/', true},
        {"Sent Items", '/', true},
        {"Sent Messages", '/', true},
        {"Gesendet", '/', true},
        {"Gesendete Objekte", '/', true},
        {"Gesendete Elemente", '/', true},
        {"Éléments envoyés", '/', true},
        {"Envoyés", '/', true},
        {"Messages envoyés", '/', true},
        {"Enviados", '/', true},
        {"Elementos enviados", '/', true},
        {"Itens enviados", '/', true},
        {"Posta inviata", '/', true},
        {"Inviati", '/', true},
        {"Verzonden", '/', true},
        {"Verzonden items", '/', true},
        {"Skickat", '/', true},
        {"Skickade", '/', true},
        {"Sendt", '/', true},
        {"Sendte elementer", '/', true},
        {"Lähetetyt", '/', true},
        {"Wysłane", '/', true},
        {"Elementy wysłane", '/', true},
        {"Odeslané", '/', true},
        {"Odeslaná pošta", '/', true},
        {"Odoslané", '/', true},
        {"Elküldött", '/', true},
        {"Elküldött elemek", '/', true},
        {"Trimise", '/', true},
        {"Отправленные", '/', true},
        {"Надіслані", '/', true},
        {"Изпратени", '/', true},
        {"Απεσταλμένα", '/', true},
        {"Gönderilmiş Öğeler", '/', true},
        {"Gönderilenler", '/', true},
        {"送信済み", '/', true},
        {"送信済みアイテム", '/', true},
        {"已发送", '/', true},
        {"已发送邮件", '/', true},
        {"寄件備份", '/', true},
        {"보낸 편지함", '/', true},
        {"ارسال شده", '/', true},
        {"البريد المرسل", '/', true},
        {"נשלחו", '/', true},
        {"Išsiųsti", '/', true},
        {"Nosūtītie", '/', true},
        {"Saadetud", '/', true},
        {"Poslano", '/', true},
        {"Послато", '/', true},
        {"Đã gửi", '/', true},
        {"Terkirim", '/', true},
        {"Dihantar", '/', true},
        {"ส่งแล้ว", '/', true},
        {"Enviats", '/', true},
        {"Bidalita", '/', true},
        {"Адпраўленыя", '/', true},
        {"Ուղարկված", '/', true},
        {"გაგზავნილი", '/', true},
        {"भेजा गया", '/', true},
        {"Të dërguara", '/', true},
    };
    CHECK(IMAP_SPECIAL_SENT, names);
}

static void case_does_not_matter(void **state)
{
    (void)state;
    static const struct name names[] = {
        {"SENT ITEMS", '/', true},
        {"ÉLÉMENTS ENVOYÉS", '/', true},
        {"ОТПРАВЛЕННЫЕ", '/', true},
        {"ΑΠΕΣΤΑΛΜΈΝΑ", '/', true},
        {"GÖNDERİLMİŞ ÖĞELER", '/', true},
        {"gönderilmiş öğeler", '/', true},
        {"WYSŁANE", '/', true},
        {"ĐÃ GỬI", '/', true},
        {"ՈՒՂԱՐԿՎԱԾ", '/', true},
        {"ODOSLANÁ POŠTA", '/', true},
        {"Sent\u00a0Items", '/', true},
    };
    CHECK(IMAP_SPECIAL_SENT, names);
}

static void composed_and_decomposed_forms_are_one(void **state)
{
    (void)state;
    static const struct name names[] = {
        {"E\u0301le\u0301ments envoye\u0301s", '/', true},
        {"\u0110a\u0303 gu\u031b\u0309i", '/', true},
        {"\u1107\u1169\u1102\u1162\u11ab \u1111\u1167\u11ab\u110c\u1175\u1112\u1161\u11b7", '/',
         true},
        {"Go\u0308nderilmis\u0327 O\u0308g\u0306eler", '/', true},
        {"GO\u0308NDERI\u0307LMI\u0307S\u0327 O\u0308G\u0306ELER", '/', true},
        {"\u0391\u03c0\u03b5\u03c3\u03c4\u03b1\u03bb\u03bc\u03b5\u0301\u03bd\u03b1", '/', true},
        {"Odeslana\u0301 pos\u030cta", '/', true},
    };
    CHECK(IMAP_SPECIAL_SENT, names);
}

static void the_place_counts(void **state)
{
    (void)state;
    static const struct name names[] = {
        {"INBOX.Sent", '.', true},
        {"inbox/Gesendet", '/', true},
        {"[Gmail]/Sent Mail", '/', true},
        {"[Google Mail]/Gesendet", '/', true},
        {"mail/sent-mail", '/', true},
        {"Projects/Sent", '/', false},
        {"INBOX/Projects/Sent", '/', false},
        {"Sent/2019", '/', false},
        {"INBOX.Sent", '/', false},
        {"Sent", '\0', true},
        {"/Sent", '/', false},
        {"Sent/", '/', false},
    };
    CHECK(IMAP_SPECIAL_SENT, names);
}

static void other_names_are_unknown(void **state)
{
    (void)state;
    static const struct name names[] = {
        {"", '/', false},        {"INBOX", '/', false},    {"Sen", '/', false},
        {"Sents", '/', false},   {"Sent ", '/', false},    {"Outbox", '/', false},
        {"Drafts", '/', false},  {"Se\xffnt", '/', false}, {"Sent\xc3", '/', false},
        {"Archive", '/', false}, {"Envoyes2", '/', false}, {"Projekte", '/', false},
    };
    CHECK(IMAP_SPECIAL_SENT, names);
}

static void the_other_uses_have_their_names(void **state)
{
    (void)state;
    static const struct name drafts[] = {
        {"Drafts", '/', true},
        {"Entwürfe", '/', true},
        {"Brouillons", '/', true},
        {"Borradores", '/', true},
        {"Bozze", '/', true},
        {"Черновики", '/', true},
        {"下書き", '/', true},
        {"草稿箱", '/', true},
        {"임시보관함", '/', true},
        {"Taslaklar", '/', true},
        {"پیش‌نویس", '/', true},
        {"Sent", '/', false},
    };
    static const struct name junk[] = {
        {"Junk", '/', true},
        {"Spam", '/', true},
        {"Junk-E-Mail", '/', true},
        {"Courrier indésirable", '/', true},
        {"Lixo eletrônico", '/', true},
        {"迷惑メール", '/', true},
        {"垃圾邮件", '/', true},
        {"스팸메일함", '/', true},
        {"INBOX.spam", '.', true},
        {"Trash", '/', false},
    };
    static const struct name trash[] = {
        {"Trash", '/', true},      {"Deleted Items", '/', true}, {"Papierkorb", '/', true},
        {"Corbeille", '/', true},  {"Papelera", '/', true},      {"Cestino", '/', true},
        {"Корзина", '/', true},    {"ゴミ箱", '/', true},        {"コ\u3099ミ箱", '/', true},
        {"已删除邮件", '/', true}, {"휴지통", '/', true},        {"Çöp Kutusu", '/', true},
        {"Junk", '/', false},
    };
    CHECK(IMAP_SPECIAL_DRAFTS, drafts);
    CHECK(IMAP_SPECIAL_JUNK, junk);
    CHECK(IMAP_SPECIAL_TRASH, trash);
}

/* A name with two uses would make the outcome a matter of order. */
static void no_name_has_two_uses(void **state)
{
    (void)state;
    for (int use = IMAP_SPECIAL_SENT; use <= IMAP_SPECIAL_TRASH; use++)
        for (const char *const *name = special_names((enum imap_special)use); *name != NULL; name++)
            for (int other = use + 1; other <= IMAP_SPECIAL_TRASH; other++)
                if (imap_special_name((enum imap_special)other, *name, '/'))
                    fail_msg("\"%s\" has two uses", *name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sent_is_known_in_many_languages),
        cmocka_unit_test(case_does_not_matter),
        cmocka_unit_test(composed_and_decomposed_forms_are_one),
        cmocka_unit_test(the_place_counts),
        cmocka_unit_test(other_names_are_unknown),
        cmocka_unit_test(the_other_uses_have_their_names),
        cmocka_unit_test(no_name_has_two_uses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
