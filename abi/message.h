/* Messages of the control plane: library OS to monitor and back.
 *
 * A control call is "system call" HOST_MONITOR_NR through the gate with
 *     a1  enum host_call (abi/contract.h)
 *     a2  offset of the message from SEG_BASE, multiple of 8
 *     a3  length of the message in bytes
 *     a4..a6  per call, see below
 * The message lies wholly in the message buffer of a thread slot (SLOT_MESSAGE).  The
 * monitor copies it once, then works on its copy; the reply is written over the message
 * and never longer than max(length, the size the request asked for) within the buffer.
 * The result is the system call's result: >= 0, or a negated errno.  Calls that return a
 * descriptor return its number.  A message that is malformed (offset, length, missing NUL,
 * unknown call) ends the sandbox; everything else is an errno.
 *
 * Strings follow the fixed part, NUL-terminated; URIs are "dir:N/path" or one of
 *     host:cpuinfo host:meminfo host:loadavg host:stat host:uptime host:version
 * which can only be opened, read-only: they give a private in-memory copy; or of the network,
 *     tcp:ADDR:PORT  a connection on its way: writable or in error when it is decided; the
 *                    reply's attr.ino, .dev and .rdev are the two halves (as they lie in
 *                    memory) and the port of the local address
 *                    (127.0.0.53:53 is the resolver, over a stream that is no TCP socket)
 *     udp:4 udp:6    datagrams, each behind a struct host_datagram
 *     publish:N      published port N of boot_info: a listening socket, or datagrams
 *     named:PORT     connections from the named network, as SCM_RIGHTS
 *     sockets:       where sockets are lent for HOST_LENT
 *     job:N/K        stream K of job N (job.h), once
 * where N and PORT are decimal, ADDR as inet_ntop writes it, and flags are O_RDONLY.
 * The length of a message counts its strings with their NUL.
 */
#ifndef BAILEY_ABI_MESSAGE_H
#define BAILEY_ABI_MESSAGE_H

#include <stdint.h>
#include "host_abi.h"

#define MESSAGE_URI_MAX  4352 /* with NUL: PATH_MAX and the scheme */
#define MESSAGE_DATA_MAX 0x7f00

/* HOST_CALL_OPEN: the handle.  Reply: attr. */
struct message_open {
    int32_t flags;
    uint32_t mode;
    struct host_attr attr;
    char uri[];
};

/* HOST_CALL_CONTROL: in and out data, `size` bytes. */
struct message_control {
    int32_t handle;
    uint32_t op; /* enum host_control_op */
    uint64_t a, b, c;
    uint32_t size;
    uint32_t reserved;
    uint8_t data[];
};

enum message_attributes {
    MESSAGE_ATTRIBUTES = 0, /* reply: attr; result 0 */
    MESSAGE_READLINK = 1,   /* reply: link text over `text`, no NUL; result its length */
    MESSAGE_WALK = 2,       /* reply: records over `text`, as host_walk; result their number */
    MESSAGE_WALK_OPEN = 3,  /* the same; result the last one's descriptor, or 0 */
};

/* HOST_CALL_ATTRIBUTES_GET: by handle if >= 0 (text then unused), else by URI. */
struct message_attributes_get {
    int32_t handle; /* reply to WALK: the number of records */
    uint32_t what;  /* enum message_attributes */
    struct host_attr attr;
    uint32_t size;  /* READLINK, WALK: bytes wanted at most; reply to WALK: bytes of records */
    uint32_t known; /* WALK: bytes of the URI that were looked up before; reply: 1 if absent */
    char text[];
};

/* HOST_CALL_ATTRIBUTES_SET */
struct message_attributes_set {
    int32_t handle;
    uint32_t mask; /* HOST_SET_* */
    struct host_attr attr;
    char uri[];
};

/* HOST_CALL_LIST: struct host_dirent records over `data`, at most `size` bytes; reply also
 * updates cookie; the result is the number of bytes, 0 at the end. */
struct message_list {
    uint64_t cookie;
    uint32_t size;
    uint32_t reserved;
    char data[]; /* request: the URI */
};

/* HOST_CALL_MAKE: strings: the URI, then the target (or ""). */
struct message_make {
    uint32_t kind; /* enum host_make_kind */
    uint32_t mode;
    char uri[];
};

/* HOST_CALL_RENAME: strings: from, to; both in one export. */
struct message_rename {
    uint32_t flags; /* RENAME_NOREPLACE, RENAME_EXCHANGE */
    uint32_t reserved;
    char from[];
};

/* HOST_CALL_REMOVE */
struct message_remove {
    uint32_t dir; /* 1: rmdir */
    uint32_t reserved;
    char uri[];
};

/* HOST_CALL_RANDOM: a4 = bytes wanted (<= 256), written over the message. */

/* HOST_CALL_REPORT: a4 = kind (enum host_report_kind), a5 = a, a6 = b; the message is
 * the text with its NUL, or length 0. */

/* HOST_CALL_THREAD_INTERRUPT: a4 = host pid, a5 = host tid; length 0.  ESRCH if gone. */

/* HOST_CALL_FREEZE_READY: a4 = offset from SEG_BASE of an array of struct host_space,
 * a5 = how many, a6 = 0 or an errno: the sandbox did not come to rest.  The message is text
 * about what is saved, or empty.  Answered when the original may go on. */

/* HOST_CALL_SPACE_BLANK: ENOSYS for now. */

#endif
