/* Where things sit in every address space of a sandbox.
 *
 * One reserved range, INSIDE_BASE..INSIDE_END, holds all that is Bailey's: the
 * program can neither map nor see anything there.  It lies where neither Linux's
 * own layout (0x55.., 0x7f..) nor the shadow memory of the sanitizers wants to be.
 * Its first 8 GB stay empty: the host filter adds the high halves of an address and a length
 * without the carry, and may so be wrong by less than that.
 *
 *   IMAGE_BASE    library OS + PAL: text and constants, file-backed, shared, r-x
 *   HOSTVDSO_BASE the host's vvar and vDSO, moved here at start
 *   SEG_BASE      the kernel segment: MAP_SHARED memory object, rw-
 *   POOL_BASE     the page pool: MAP_SHARED memory object, rw-
 *   ROOT_IMAGE_BASE  the root's image file, if there is one, r--
 *
 * The image's writable data is linked at SEG_DATA, so every host process of a
 * sandbox sees the same globals.  Text and SEG_DATA are within 2 GB of each other
 * so that ordinary rip-relative code works.
 */
#ifndef BAILEY_ABI_LAYOUT_H
#define BAILEY_ABI_LAYOUT_H

#define PAGE_SHIFT  12
#define PAGE_SIZE   4096UL
#define PAGE_MASK   (~(PAGE_SIZE - 1))

#define INSIDE_BASE 0x69fe00000000UL
#define INSIDE_END  0x6b0000000000UL

#define IMAGE_BASE  0x6a0000000000UL /* first page: the gate */
/* In the image's last page table, as is the next: at most 448 KB. */
#define HOSTVDSO_BASE 0x6a0000180000UL

/* Private to a process: the stack of the first one until slot 0 is filled, and the signal stack of
 * each in its last instructions, when its slot is given back. */
#define EXIT_STACK_BASE 0x6a00001f0000UL
#define EXIT_STACK_SIZE 0x8000UL

#define SEG_BASE        0x6a0040000000UL
#define SEG_SIZE        0x1000000000UL /* 64 GB, sparse */
#define SEG_BOOT        0x0UL          /* struct boot_info, 1 MB at most */
#define SEG_DATA        0x100000UL     /* .data and .bss of the image */
#define SEG_HEAP        0x1000000UL    /* library-OS heap: 16 MB .. 32 GB */
#define SEG_HEAP_END    0x800000000UL
/* The heap's first pages in use, which the monitor makes present while the first host process
 * is still being set up: every program needs about as much. */
#define SEG_HEAP_WARM      0x9000000UL
#define SEG_HEAP_WARM_SIZE 0x29000UL
#define SEG_SLOTS          0x800000000UL /* thread slots: 32 GB .. 64 GB */

#define POOL_BASE          0x6a8000000000UL
#define POOL_SIZE          0x4000000000UL /* 256 GB, sparse */

/* The image the root file system is read from, mapped read-only as a whole. */
#define ROOT_IMAGE_BASE 0x6ac000000000UL
#define ROOT_IMAGE_SIZE 0x2000000000UL /* 128 GB */

/* A thread slot: everything one host thread needs, aligned to its size, so that
 * `address & ~(SLOT_SIZE - 1)` finds the thread from any of its stacks. */
#define SLOT_SIZE         0x20000UL /* 128 KB, touched on demand */
#define SLOT_HOST_TID     0x2cUL /* u32 in struct thread the host clears when the thread is gone */
#define SLOT_SAVE         0x60UL /* u32 in struct thread: what of the slot a save keeps, SLOT_SAVE_* */
#define SLOT_THREAD       0x0UL    /* struct thread, 8 KB */
#define SLOT_ALTSTACK     0x2000UL /* host signal stack, 24 KB */
#define SLOT_MESSAGE      0x8000UL /* control-plane message buffer, 32 KB */
#define SLOT_MESSAGE_SIZE 0x8000UL
#define SLOT_STACK        0x10000UL /* library-OS stack, 64 KB, grows down from the end */
#define SLOT_SAVE_ALL     0u        /* struct thread, and the registers on the library-OS stack */
#define SLOT_SAVE_THREAD  1u        /* struct thread: it begins anew */
#define SLOT_SAVE_NOTHING 2u        /* reads as zero after a resume */
#define SLOT_MAX          ((SEG_SIZE - SEG_SLOTS) / SLOT_SIZE)

/* Program addresses: [USER_MIN, USER_MAX) without the inside range. */
#define USER_MIN 0x10000UL
#define USER_MAX 0x7ffffffff000UL

#endif
