/* Basic types of the library OS. */
#ifndef LIBOS_TYPES_H
#define LIBOS_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../abi/layout.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;

/* A program address.  Never dereferenced: see usercopy.h. */
typedef unsigned long uptr;

#define ARRAY_SIZE(a)                 (sizeof(a) / sizeof((a)[0]))
#define container_of(p, type, member) ((type *)((char *)(p)-offsetof(type, member)))
#define MIN(a, b)                     ((a) < (b) ? (a) : (b))
#define MAX(a, b)                     ((a) > (b) ? (a) : (b))
#define ALIGN_UP(x, a)                (((x) + ((a)-1)) & ~((a)-1))
#define ALIGN_DOWN(x, a)              ((x) & ~((a)-1))
#define PAGE_ALIGN(x)                 ALIGN_UP((u64)(x), PAGE_SIZE)
#define likely(x)                     __builtin_expect(!!(x), 1)
#define unlikely(x)                   __builtin_expect(!!(x), 0)
#define READ_ONCE(x)                  (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v)              (*(volatile __typeof__(x) *)&(x) = (v))
/* A large, sparsely used table: kept away from data that every process touches. */
#define SPARSE_TABLE __attribute__((section(".bss.tables")))
/* One of them of which every process uses the beginning: directly behind that data. */
#define FIRST_TABLE    __attribute__((section(".bss.first")))
#define NSEC           1000000000ULL
#define __printf(a, b) __attribute__((format(printf, a, b)))

/* Errors travel as -errno in a long or, for pointers, as ERR_PTR. */
#define MAX_ERRNO 4095
static inline void *ERR_PTR(long e) { return (void *)e; }
static inline long PTR_ERR(const void *p) { return (long)p; }
static inline bool IS_ERR(const void *p) { return (unsigned long)p >= (unsigned long)-MAX_ERRNO; }

/* Internal restart codes, resolved in one place (signal/restart.c), never seen by a
 * program.  Same meaning as in Linux. */
#define ERESTARTSYS           512 /* restart if SA_RESTART or no handler, else EINTR */
#define ERESTARTNOINTR        513 /* always restart */
#define ERESTARTNOHAND        514 /* restart only if no handler runs, else EINTR */
#define ERESTART_RESTARTBLOCK 516 /* as NOHAND, with the deadline kept in t->restart */

#endif
