/* The library OS's half of the hosted contract: who the current thread is, and what the
 * real PAL does in assembly. */
#include "hosted.h"

#include "kalloc.h"
#include "lib.h"
#include "mm.h"
#include "proc.h"
#include "stats.h"
#include "thread.h"
#include "vfs.h"

__thread struct thread *hosted_current;

uint32_t *hosted_tid_word(struct thread *t) { return &t->host_tid; }

void hosted_set_current(struct thread *t)
{
    hosted_current = t;
    WRITE_ONCE(t->state, THREAD_INSIDE);
}

void hosted_thread_main(struct thread *t)
{
    hosted_set_current(t);
    if (t->kthread)
        t->kfunc(t->karg);
}

void pal_thread_init(struct thread *t)
{
    t->self = t;
    t->regs = (struct regs *)((uptr)t + SLOT_SIZE - sizeof(struct regs));
}

static void fill_boot(struct boot_info *b)
{
    b->magic = BOOT_MAGIC;
    b->version = BOOT_VERSION;
    b->ncpu = 2;
    b->memory_total = 1UL << 30;
    b->trace_handle = -1;
    b->pids_max = 1000;
    b->clktck = 100;
    for (int i = 0; i < 3; i++)
        b->stdio[i].handle = -1;
    for (int i = 0; i < 16; i++)
        b->rlimits[i][0] = b->rlimits[i][1] = ~0ULL;
    b->rlimits[7][0] = 1024; /* RLIMIT_NOFILE */
}

static struct thread *first_thread(void)
{
    struct thread *t = (struct thread *)(SEG_BASE + SEG_SLOTS);

    hosted_map();
    fill_boot(boot());
    pal_thread_init(t);
    hosted_set_current(t);
    return t;
}

void hosted_start_bare(void)
{
    struct thread *t = first_thread();
    struct process *p = kzalloc(sizeof(*p));

    list_init(&p->threads);
    list_init(&t->link);
    signal_thread_init(t);
    p->pid = t->tid = 1;
    p->leader = t;
    init_process = p;
    process_add_thread(p, t);
}

void hosted_start(void)
{
    process_init_first(first_thread());
    fs_init();
}

struct thread *hosted_new_thread(void)
{
    struct thread *t = thread_alloc();

    if (!t)
        panic("no thread slot");
    signal_thread_init(t);
    t->cred = current()->cred;
    t->tid = (s32)(((uptr)t - SEG_BASE - SEG_SLOTS) / SLOT_SIZE) + 1;
    process_add_thread(current()->proc, t);
    return t;
}

/* ---- what only a real address space can do ------------------------------------- */

_Noreturn void exit_to_program(struct thread *t) { panic("no program runs in a hosted build"); }

const char *stats_request_name(u32 nr) { return NULL; }
void note_trapped_site(struct thread *t) {}
