/* DNS messages: reading and writing, nothing else; fuzzed on its own.
 *
 * A name in a question may not be compressed and holds letters, digits, '-' and '_' only:
 * then its text has one meaning, and a rule cannot be met by a label with a dot in it. */
#include "dns_message.h"

#include <ctype.h>
#include <string.h>

#define HEADER    12
#define ROOM_MAX  4096
#define JUMPS_MAX 32

static uint16_t get16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }

static uint8_t *put16(uint8_t *p, unsigned value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
    return p + 2;
}

/* The text of a name in the message; the offset after it, or 0. */
static size_t read_name(const uint8_t *m, size_t n, size_t at, char *text)
{
    size_t used = 0, after = 0;

    for (int jumps = 0; jumps < JUMPS_MAX && at < n;) {
        uint8_t length = m[at];
        if (length >= 0xc0) {
            if (at + 2 > n)
                return 0;
            after = after ? after : at + 2;
            at = get16(m + at) & 0x3fff;
            jumps++;
            continue;
        }
        if (length > 63 || length >= n - at || used + length + 1u > 254)
            return 0;
        if (length == 0) {
            text[used ? used - 1 : 0] = 0;
            return after ? after : at + 1;
        }
        for (uint8_t i = 1; i <= length; i++)
            text[used++] = (char)tolower(m[at + i]);
        text[used++] = '.';
        at += length + 1u;
    }
    return 0;
}

static bool plain_name(const uint8_t *m, size_t from, size_t after)
{
    static const char more[] = "-_";

    for (size_t at = from; at + 1 < after; at += m[at] + 1u) {
        if (m[at] > 63)
            return false;
        for (uint8_t i = 1; i <= m[at]; i++)
            if (!isascii(m[at + i]) ||
                (!isalnum(m[at + i]) && (!m[at + i] || !strchr(more, m[at + i]))))
                return false;
    }
    return true;
}

/* An OPT record at the end says how long an answer may be. */
static uint16_t room_of(const uint8_t *m, size_t n, size_t at)
{
    if (get16(m + 10) != 1 || n - at < 11 || m[at] != 0 || get16(m + at + 1) != DNS_OPT)
        return 0;
    uint16_t room = get16(m + at + 3);
    return room < 512 ? 512 : room > ROOM_MAX ? ROOM_MAX : room;
}

int dns_parse_query(const uint8_t *m, size_t n, struct dns_question *q)
{
    memset(q, 0, sizeof(*q));
    if (n < HEADER || m[2] & 0x80)
        return -1;
    q->id = get16(m);
    q->recursion = m[2] & 1;
    if (m[2] & 0x78 || get16(m + 4) != 1 || get16(m + 6) || get16(m + 8))
        return DNS_FORMERR;
    size_t after = read_name(m, n, HEADER, q->name);
    if (!after || n - after < 4 || after + 4 - HEADER > sizeof(q->bytes))
        return DNS_FORMERR;
    if (!plain_name(m, HEADER, after))
        return DNS_REFUSED;
    q->length = (uint16_t)(after + 4 - HEADER);
    memcpy(q->bytes, m + HEADER, q->length);
    q->type = get16(m + after);
    q->room = room_of(m, n, after + 4);
    return get16(m + after + 2) == 1 ? 0 : DNS_REFUSED;
}

size_t dns_make_query(uint8_t *message, const struct dns_question *q, uint16_t id)
{
    uint8_t *p = put16(message, id);

    p = put16(p, 0x0100); /* recursion desired */
    p = put16(p, 1);
    p = put16(p, 0);
    p = put16(p, 0);
    p = put16(p, q->room != 0);
    for (uint16_t i = 0; i < q->length; i++) /* type and class are left as they are */
        *p++ = i + 4 < q->length ? (uint8_t)tolower(q->bytes[i]) : q->bytes[i];
    if (q->room) {
        *p++ = 0;
        p = put16(p, DNS_OPT);
        p = put16(p, q->room);
        p = put16(p, 0);
        p = put16(p, 0);
        p = put16(p, 0);
    }
    return (size_t)(p - message);
}

size_t dns_make_answer(uint8_t *message, const struct dns_question *q, int code, uint32_t v4)
{
    uint8_t *p = put16(message, q->id);

    p = put16(p, 0x8080u | (q->recursion ? 0x100u : 0) | (unsigned)code);
    p = put16(p, q->length != 0);
    p = put16(p, v4 != 0);
    p = put16(p, 0);
    p = put16(p, 0);
    memcpy(p, q->bytes, q->length);
    p += q->length;
    if (v4) {
        p = put16(p, 0xc000 | HEADER);
        p = put16(p, DNS_A);
        p = put16(p, 1);
        p = put16(p, 0);
        p = put16(p, 5); /* seconds: members come and go */
        p = put16(p, 4);
        p = put16(p, v4 >> 16);
        p = put16(p, v4 & 0xffff);
    }
    return (size_t)(p - message);
}

bool dns_is_answer(const uint8_t *m, size_t n, const struct dns_question *q, uint16_t id)
{
    if (n < HEADER + (size_t)q->length || get16(m) != id || !(m[2] & 0x80) || get16(m + 4) != 1)
        return false;
    for (uint16_t i = 0; i < q->length; i++)
        if (tolower(m[HEADER + i]) != tolower(q->bytes[i]))
            return false;
    return true;
}

/* Type and data of the record at *at; *at is moved behind it.  False if malformed. */
static bool next_record(const uint8_t *m, size_t n, size_t *at, char *owner, uint16_t *type,
                        size_t *data, uint16_t *length)
{
    size_t after = read_name(m, n, *at, owner);

    if (!after || n - after < 10)
        return false;
    *type = get16(m + after + 2) == 1 ? get16(m + after) : 0;
    *length = get16(m + after + 8);
    *data = after + 10;
    *at = *data + *length;
    return *at <= n;
}

bool dns_addresses(const uint8_t *m, size_t n, void (*tell)(void *context, const uint8_t ip[16]),
                   void *context)
{
    char name[256], owner[256], target[256];
    uint8_t ip[16] = {[10] = 0xff, [11] = 0xff};
    size_t at = read_name(m, n, HEADER, name), data;
    uint16_t type, length;

    at += 4;
    for (unsigned left = get16(m + 6); left; left--) {
        if (!next_record(m, n, &at, owner, &type, &data, &length))
            return false;
        if (strcmp(owner, name) != 0)
            continue;
        if (type == DNS_CNAME) {
            if (!read_name(m, data + length, data, target))
                return false;
            strcpy(name, target);
        } else if (type == DNS_A && length == 4) {
            memcpy(ip + 12, m + data, 4);
            tell(context, ip);
        } else if (type == DNS_AAAA && length == 16) {
            tell(context, m + data);
        }
    }
    return true;
}

void dns_restore(uint8_t *message, const struct dns_question *q)
{
    put16(message, q->id);
    memcpy(message + HEADER, q->bytes, q->length);
}
