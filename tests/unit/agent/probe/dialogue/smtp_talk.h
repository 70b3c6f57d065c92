/*
 * What the tests of SMTP share: what a client named client.test receives and sends. Include it
 * after cmocka.h.
 */
#ifndef AGENT_PROBE_DIALOGUE_SMTP_TALK_H
#define AGENT_PROBE_DIALOGUE_SMTP_TALK_H

#include "agent/probe/dialogue/dialogue_talk.h"
#include "agent/probe/dialogue/smtp.h"

#define SAYS_HELLO "S 220 mail.test ESMTP", "D EHLO client.test"
#define OFFERS(last) "S 250-mail.test", "S 250-PIPELINING", "S 250 " last
#define OPENS SAYS_HELLO, OFFERS("8BITMIME")
#define OPENS_AUTH(mechanisms) SAYS_HELLO, OFFERS("AUTH " mechanisms)
#define TAKES_SENDER "D MAIL FROM:<me@client.test>", "S 250 2.1.0 fine"
#define TAKES_RECIPIENT "D RCPT TO:<you@mail.test>", "S 250 2.1.5 fine"
#define QUITS "D QUIT", "S 221 bye"
#define SIGNED_IN "S 235 2.7.0 welcome", "D NOOP", "S 250 fine"

/* alice, secret */
#define PLAIN_RESPONSE "AGFsaWNlAHNlY3JldA=="
#define LOGIN_RESPONSE "YWxpY2U="
#define PASSWORD_RESPONSE "c2VjcmV0"

static const char mail[] = "Subject: x\n\n.dot\r\n..two\nend";
static const char mail_as_sent[] = "Subject: x\r\n\r\n..dot\r\n...two\r\nend\r\n.\r\n";
#define TAKES_MAIL "L 37"
#define MAIL_SIZE "32"

enum kind { CHECK, SEND, NOTHING, PASSWORD, TOKEN };

static inline void free_smtp(struct talk *talk)
{
    smtp_free(talk->dialogue);
    talk->dialogue = NULL;
}

static inline struct smtp_options options_of(const struct talk *talk, enum kind kind)
{
    struct smtp_options options = {.peer = talk->peer,
                                   .helo = "client.test",
                                   .mail_from = "me@client.test",
                                   .committing = talk_committing};
    if (kind == CHECK || kind == SEND)
        options.rcpt_to = "you@mail.test";
    if (kind == SEND) {
        options.message = mail;
        options.message_len = sizeof(mail) - 1;
    }
    if (kind == PASSWORD || kind == TOKEN)
        options.login =
            (struct dialogue_login){.login = "alice", .secret = "secret", .token = kind == TOKEN};
    return options;
}

static inline void start(struct talk *talk, const struct smtp_options *options)
{
    talk->free_now = free_smtp;
    talk->dialogue = smtp_new(options, &talk_events, talk);
    assert_int_equal(talk->ended, 0);
    assert_string_equal(talk->phases, "");
}

static inline void run(struct talk *talk, enum kind kind)
{
    struct smtp_options options = options_of(talk, kind);
    start(talk, &options);
    talk_run(talk);
}

static inline void finish(struct talk *talk)
{
    free_smtp(talk);
    talk_end(talk);
}

#endif
