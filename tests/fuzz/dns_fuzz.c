/* Fuzzes the messages of the DNS (net/dns_message.c) and the text of addresses: what comes
 * from the sandbox and from name servers.  With -DWITH_LIBFUZZER it is a libFuzzer target;
 * otherwise main() makes up inputs from a seed, most of them nearly well-formed.
 *
 *   dns_fuzz [ROUNDS [SEED]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../net/dns_message.h"
#include "../../net/net.h"

static unsigned long told;

static void tell(void *context, const uint8_t ip[16])
{
    (void)context;
    for (int i = 0; i < 16; i++)
        told += ip[i];
}

static void check(int holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "%s\n", what);
    abort();
}

static void as_query(const uint8_t *data, size_t size)
{
    static struct dns_question q, again;
    uint8_t message[DNS_QUESTION_MAX + 32];
    int code = dns_parse_query(data, size, &q);

    if (code < 0)
        return;
    size_t n = dns_make_answer(message, &q, code, 0x0a000001);
    check(n <= sizeof(message), "an answer longer than its buffer");
    if (code)
        return;
    for (const char *c = q.name; *c; c++)
        check((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || strchr("-_.", *c) != NULL,
              "a name that is not plain");
    n = dns_make_query(message, &q, 7);
    check(n <= sizeof(message), "a query longer than its buffer");
    check(dns_parse_query(message, n, &again) == 0, "our own query is not understood");
    check(!strcmp(q.name, again.name) && q.type == again.type, "another query went out");
    n = dns_make_answer(message, &q, 0, 0x0a000001);
    check(dns_is_answer(message, n, &q, q.id), "our own answer is none");
    check(dns_addresses(message, n, tell, NULL), "our own answer is malformed");
}

/* Behind the question of q, whatever there is. */
static void as_answer(const uint8_t *data, size_t size)
{
    static const uint8_t asked[] = {0, 9,   1, 0,   0,   1,   0,   0, 0, 0, 0, 0,
                                    1, 'a', 4, 't', 'e', 's', 't', 0, 0, 1, 0, 1};
    static uint8_t message[70000];
    static struct dns_question q;
    size_t n = sizeof(asked) + size;

    check(dns_parse_query(asked, sizeof(asked), &q) == 0, "a plain query");
    if (n > sizeof(message))
        return;
    uint8_t *exact = malloc(n); /* so that a sanitizer sees the end */
    memcpy(exact, asked, sizeof(asked));
    memcpy(exact + sizeof(asked), data, size);
    exact[2] = 0x81;
    exact[7] = size ? data[0] : 0;
    if (dns_is_answer(exact, n, &q, 9)) {
        dns_addresses(exact, n, tell, NULL);
        dns_restore(exact, &q);
    }
    free(exact);
    exact = malloc(size ? size : 1);
    memcpy(exact, data, size);
    if (dns_is_answer(exact, size, &q, 9))
        dns_addresses(exact, size, tell, NULL);
    free(exact);
}

static void as_address(const uint8_t *data, size_t size)
{
    struct sockaddr_storage name;
    struct host_address a, b;
    char text[128];

    if (size >= sizeof(text))
        size = sizeof(text) - 1;
    memcpy(text, data, size);
    text[size] = 0;
    if (!address_parse(text, &a))
        return;
    address_to_host(&a, AF_UNSPEC, &name);
    check(address_from_host(&name, &b), "an address that cannot be told back");
    check(a.port == b.port, "another port");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    as_query(data, size);
    as_answer(data, size);
    as_address(data, size);
    return 0;
}

#ifndef WITH_LIBFUZZER
#include "../random.h"

static size_t put_name(uint8_t *to)
{
    size_t n = 0;

    for (uint64_t labels = below(5); labels; labels--) {
        uint8_t length = (uint8_t)(below(20) ? 1 + below(8) : below(256));
        if (n + length > 230)
            break;
        to[n++] = length;
        for (uint8_t i = 0; i < length; i++)
            to[n++] = below(30) ? (uint8_t) "abcXYZ0-_t"[below(10)] : (uint8_t)below(256);
    }
    if (below(4) == 0) {
        to[n++] = (uint8_t)(0xc0 | below(2));
        to[n++] = (uint8_t)below(256);
    } else {
        to[n++] = 0;
    }
    return n;
}

static size_t put_record(uint8_t *to, uint8_t type, uint8_t size)
{
    size_t n = put_name(to);
    const uint8_t fixed[] = {0, type, 0, 1, 0, 0, 0, 9, 0, size};

    memcpy(to + n, fixed, sizeof(fixed));
    n += sizeof(fixed);
    if (type == DNS_CNAME)
        return n + put_name(to + n);
    for (uint8_t i = 0; i < size; i++)
        to[n++] = (uint8_t)below(256);
    return n;
}

static size_t make_input(uint8_t *to)
{
    static const uint8_t types[] = {DNS_A, DNS_AAAA, DNS_CNAME, DNS_OPT};
    const uint8_t query[] = {0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, (uint8_t)below(2)};
    size_t n = 0;

    if (below(8) == 0)
        return (size_t)snprintf((char *)to, 128, "%s%u.%u.%u.%u:%u",
                                below(2) ? "" : "::ffff:", (unsigned)below(300),
                                (unsigned)below(300), (unsigned)below(300), (unsigned)below(300),
                                (unsigned)below(70000));
    if (below(2)) { /* a query */
        memcpy(to, query, sizeof(query));
        n = sizeof(query);
        n += put_name(to + n);
        memcpy(to + n, (const uint8_t[]){0, types[below(4)], 0, 1}, 4);
        n += 4;
    }
    for (uint64_t records = below(4); records; records--)
        n += put_record(to + n, types[below(4)],
                        (uint8_t)(below(3)   ? 4
                                  : below(2) ? 16
                                             : below(40)));
    if (n && below(4) == 0)
        to[below(n)] = (uint8_t)below(256);
    return below(8) ? n : below(n + 1);
}

int main(int argc, char **argv)
{
    static uint8_t input[8192];
    unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 0) : 200000;

    random_state = argc > 2 ? strtoul(argv[2], NULL, 0) : 88172645463325252ull;
    for (unsigned long i = 0; i < rounds; i++)
        LLVMFuzzerTestOneInput(input, make_input(input));
    return told == 42;
}
#endif
