/*
 * Every limit of the agent in one place, with its name and its reason. Limits of a parser are in
 * that parser's header (framing.h, header.h, address.h, body.h, pattern.h).
 */
#ifndef AGENT_SYSTEM_LIMIT_H
#define AGENT_SYSTEM_LIMIT_H

/* Watching */
#define LIMIT_IDLE_SESSIONS                                                                        \
    4 /* parked sessions an account without NOTIFY; further folders are polled */
#define LIMIT_FOLDERS 2000     /* folders of one account that are watched */
#define LIMIT_FETCH_WINDOW 500 /* messages asked for in one FETCH while a backlog is processed */
#define LIMIT_BODY (2ull * 1024 * 1024 * 1024) /* bytes of one message */
#define LIMIT_LISTED 100000                    /* messages of one list; the rest is listed next */
#define LIMIT_SUSPECT 3 /* sessions lost over one message before the others continue without it */
#define LIMIT_UNFETCHED_TRIES                                                                      \
    10                  /* of a message that its server does not deliver, before FAILED            \
                         */
#define LIMIT_LOGINS 16 /* sessions of one server that log in at the same time */

/* Delivery */
#define LIMIT_BATCH_COPIES 250              /* copies of one MULTIAPPEND */
#define LIMIT_BATCH_BYTES (8 * 1024 * 1024) /* of originals held in memory for one batch */
#define LIMIT_WHOLE_READ (1024 * 1024) /* originals up to this are read from the spool at once */
#define LIMIT_READ_PIECE (256 * 1024)  /* larger ones in pieces of this */
#define LIMIT_REFUSED_FIRST                                                                        \
    30 /* seconds before a refused copy is sent again; doubles, with jitter */
#define LIMIT_REFUSED_LAST 3600
#define LIMIT_REFUSED_IN_ROW 3     /* copies refused one after the other: the batch rests */
#define LIMIT_SEARCH_REPLIES 20000 /* of a search for copies, above twice the folder's messages */
#define LIMIT_SEARCHED_HEADER (64 * 1024) /* octets of a header that is searched for our field */
#define LIMIT_DOUBT_FIRST                                                                          \
    10 /* seconds before a search that was refused is tried again; doubles                         \
        */
#define LIMIT_DOUBT_LAST 3600
#define LIMIT_OUR_TROUBLE                                                                          \
    60 /* seconds after an original could not be read, for want of descriptors */

/* Seconds */
#define LIMIT_BACKOFF_FIRST 1 /* before the first reconnect; doubles, with jitter */
#define LIMIT_BACKOFF_LAST 300
#define LIMIT_SESSION_PROVEN                                                                       \
    15 /* a session lost after that long is no failure like the one before */
#define LIMIT_BACKOFF_AUTH 600 /* a rejected password is not tried again quickly */
#define LIMIT_BACKOFF_AUTH_LAST 3600
#define LIMIT_HEARTBEAT_LEAST 20 /* signs of life in IDLE closer together are not a heartbeat */
#define LIMIT_SETTLE 2 /* before a lost APPEND is searched for: the server may still write */
#define LIMIT_TARGET_IDLE                                                                          \
    240                   /* a session to a target with nothing to send is kept for this time      \
                           */
#define LIMIT_SHUTDOWN 20 /* SIGTERM: to complete what is in flight */
#define LIMIT_DRAFTS_INTERVAL 30  /* drafts are looked at again, or at each poll_interval */
#define LIMIT_DRAFTS_AT_ONCE 1000 /* so much rarer as there are more of them */
#define LIMIT_UNFETCHED_FIRST 30  /* before a message that could not be fetched is tried again */

#endif
