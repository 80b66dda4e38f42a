/* Messages of the DNS, as far as a resolver that only passes on needs them.  Both sides'
 * are hostile: queries come from the sandbox, answers from the network. */
#ifndef BAILEY_NET_DNS_MESSAGE_H
#define BAILEY_NET_DNS_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_QUESTION_MAX 260 /* a name of 255 bytes, type and class */
enum { DNS_FORMERR = 1, DNS_SERVFAIL = 2, DNS_REFUSED = 5 };
enum { DNS_A = 1, DNS_CNAME = 5, DNS_AAAA = 28, DNS_OPT = 41 };

struct dns_question {
    uint16_t id, type;
    uint16_t room; /* for an answer, by EDNS; 0: without EDNS */
    bool recursion;
    uint16_t length;                 /* of bytes */
    uint8_t bytes[DNS_QUESTION_MAX]; /* as the client wrote it */
    char name[256];                  /* lower case, no dot at the end */
};

/* 0; a DNS_* code to answer with (then only id and bytes are set); -1: not to be answered. */
int dns_parse_query(const uint8_t *message, size_t n, struct dns_question *q);
/* The messages made: at most DNS_QUESTION_MAX + 32 bytes. */
size_t dns_make_query(uint8_t *message, const struct dns_question *q, uint16_t id);
size_t dns_make_answer(uint8_t *message, const struct dns_question *q, int code, uint32_t v4);
/* Does it answer what dns_make_query asked? */
bool dns_is_answer(const uint8_t *message, size_t n, const struct dns_question *q, uint16_t id);
/* Tells every address the answer gives for the name or what it is an alias of; false if
 * it is malformed. */
bool dns_addresses(const uint8_t *message, size_t n,
                   void (*tell)(void *context, const uint8_t ip[16]), void *context);
/* Puts the client's number and spelling into an answer. */
void dns_restore(uint8_t *message, const struct dns_question *q);

#endif
