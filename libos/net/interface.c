/* Interfaces, as the ioctls of a socket show them: the loopback. */
#include <linux/errno.h>
#include <linux/sockios.h>

#include "inet.h"
#include "lib.h"
#include "usercopy.h"

#define LOOPBACK_INDEX 1
#define LOOPBACK_MTU   65536
#define LOOPBACK_FLAGS                                                                             \
    0x49 /* IFF_UP, IFF_LOOPBACK, IFF_RUNNING: <linux/if.h> needs a C library                      \
          */
#define ARPHRD_LOOPBACK_ 772

struct request { /* = struct ifreq */
    char name[16];
    u8 value[24];
};

static void put_address(u8 *value, u8 a, u8 b, u8 c, u8 d)
{
    memset(value, 0, 16);
    *(u16 *)value = AF_INET;
    value[4] = a;
    value[5] = b;
    value[6] = c;
    value[7] = d;
}

/* SIOCGIFCONF: the list of interfaces with an IPv4 address. */
static long configuration(uptr arg)
{
    struct request r = {.name = "lo"};
    struct {
        s32 len, pad;
        uptr buf;
    } conf;

    if (copy_from_user(&conf, arg, sizeof(conf)))
        return -EFAULT;
    put_address(r.value, 127, 0, 0, 1);
    if (conf.buf) {
        conf.len = conf.len >= (s32)sizeof(r) ? (s32)sizeof(r) : 0;
        if (conf.len && copy_to_user(conf.buf, &r, sizeof(r)))
            return -EFAULT;
    } else {
        conf.len = sizeof(r);
    }
    return copy_to_user(arg, &conf, sizeof(conf));
}

static long fill(u32 cmd, struct request *r)
{
    switch (cmd) {
    case SIOCGIFNAME:
    case SIOCGIFINDEX:
        *(s32 *)r->value = LOOPBACK_INDEX;
        return 0;
    case SIOCGIFFLAGS:
        *(u16 *)r->value = LOOPBACK_FLAGS;
        return 0;
    case SIOCGIFADDR:
        put_address(r->value, 127, 0, 0, 1);
        return 0;
    case SIOCGIFNETMASK:
        put_address(r->value, 255, 0, 0, 0);
        return 0;
    case SIOCGIFDSTADDR:
        put_address(r->value, 127, 0, 0, 1);
        return 0;
    case SIOCGIFBRDADDR:
        put_address(r->value, 0, 0, 0, 0);
        return 0;
    case SIOCGIFMTU:
        *(s32 *)r->value = LOOPBACK_MTU;
        return 0;
    case SIOCGIFMETRIC:
        *(s32 *)r->value = 0;
        return 0;
    case SIOCGIFTXQLEN:
        *(s32 *)r->value = 1000;
        return 0;
    case SIOCGIFHWADDR:
        memset(r->value, 0, 16);
        *(u16 *)r->value = ARPHRD_LOOPBACK_;
        return 0;
    case SIOCGIFMAP:
        memset(r->value, 0, sizeof(r->value));
        return 0;
    default:
        return -ENOTTY;
    }
}

long interface_ioctl(u32 cmd, uptr arg)
{
    struct request r;
    long rc;

    if (cmd == SIOCGIFCONF)
        return configuration(arg);
    if (cmd < SIOCGIFNAME || cmd > SIOCGIFTXQLEN + 1)
        return -ENOTTY;
    if (copy_from_user(&r, arg, sizeof(r)))
        return -EFAULT;
    r.name[sizeof(r.name) - 1] = 0;
    if (cmd == SIOCGIFNAME) {
        if (*(s32 *)r.value != LOOPBACK_INDEX)
            return -ENODEV;
        strlcpy(r.name, "lo", sizeof(r.name));
    } else if (strcmp(r.name, "lo") != 0) {
        return -ENODEV;
    }
    rc = fill(cmd, &r);
    return rc ? rc : copy_to_user(arg, &r, sizeof(r));
}

long inet_ioctl(struct socket *s, u32 cmd, uptr arg) { return interface_ioctl(cmd, arg); }
