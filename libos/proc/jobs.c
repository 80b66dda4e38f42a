/* Programs that are started from outside while the sandbox runs (abi/job.h).
 *
 * The monitor leaves a bit in boot_info and rings; whoever looks at the mailbox starts a
 * thread of the library OS for the new job.  That one reads the job, makes a process that
 * is nobody's child and leads a session of its own, and starts it in an empty address
 * space, as an exec after a vfork is.  With a terminal, the thread stays and relays.
 *
 * Locking: jobs_lock, a leaf, protects the table.  A job's number belongs to the monitor
 * again as soon as its end (or failure) has been reported, so the entry is cleared before.
 *
 * A resumed sandbox has no jobs: their processes go on, their terminals hang up, and nobody
 * asks how they end.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>

#include "../../abi/job.h"
#include "../fs/fs.h"
#include "freeze.h"
#include "ipc.h"
#include "kalloc.h"
#include "lib.h"
#include "mm.h"
#include "proc_internal.h"
#include "tty.h"
#include "vfs.h"

struct job {
    u64 early;          /* signals that came before it was there */
    struct relay relay; /* with a terminal */
    s32 pid;            /* 0: not there yet, or any more */
    int status;
};

static struct lock jobs_lock;
static struct job jobs[BOOT_JOBS]; /* 0 is program 1's and unused */

static void report(u32 n, enum host_job what, u64 value)
{
    host_report(HOST_REPORT_JOB, (u64)n << 32 | what, value, NULL);
}

/* ---- reading a job ---------------------------------------------------------------------- */

struct order {
    struct job_header *job;
    const char *cwd, *argv, *envp; /* first strings */
};

/* Checks that all strings end within the job.  What came from outside is no more trusted
 * than a program's memory is. */
static long check(struct order *o, size_t size)
{
    const struct job_header *j = o->job;
    const char *p = (const char *)(j + 1), *end = (const char *)j + size;
    u64 count = 1 + (u64)j->argc + j->envc;

    if (size < sizeof(*j) || j->magic != JOB_MAGIC || j->size != size || j->argc == 0)
        return -EINVAL;
    o->cwd = o->argv = o->envp = p;
    for (u64 i = 0; i < count; i++) {
        if (i == 1)
            o->argv = p;
        p += strnlen(p, (size_t)(end - p)) + 1;
        if (p > end)
            return -EINVAL;
        if (i == j->argc)
            o->envp = p;
    }
    return 0;
}

static void uri_of(char *uri, size_t size, u32 n, u32 stream)
{
    snprintf(uri, size, "job:%u/%u", n, stream);
}

static long read_order(u32 n, struct order *o)
{
    struct host_iovec v;
    struct host_attr attr;
    char uri[32];
    size_t done = 0;
    long handle, rc = 0;

    uri_of(uri, sizeof(uri), n, 0);
    handle = host_open(uri, O_RDONLY, 0, &attr);
    if (handle < 0)
        return handle;
    if (attr.size < sizeof(*o->job) || attr.size > JOB_SIZE_MAX)
        rc = -E2BIG;
    o->job = rc ? NULL : kmalloc(attr.size);
    if (!rc && !o->job)
        rc = -ENOMEM;
    while (!rc && done < attr.size) {
        v = (struct host_iovec){(u8 *)o->job + done, attr.size - done};
        long got = host_read((int)handle, &v, 1, done, 0);
        if (got <= 0)
            rc = got < 0 ? got : -EINVAL;
        else
            done += (size_t)got;
    }
    host_close((int)handle);
    return rc ? rc : check(o, done);
}

static bool same_name(const char *a, const char *b)
{
    while (*a == *b && *a && *a != '=')
        a++, b++;
    return (*a == '=' || !*a) && (*b == '=' || !*b);
}

/* The setting among `count` that b's name has, or NULL. */
static const char *setting(const char *list, u32 count, const char *name)
{
    for (; count--; list += strlen(list) + 1)
        if (same_name(list, name))
            return list;
    return NULL;
}

static long add_strings(struct exec_args *a, const char *s, u32 count, u32 *counted)
{
    long rc = 0;

    for (; count-- && rc == 0; s += strlen(s) + 1) {
        rc = args_add(a, s);
        ++*counted;
    }
    return rc;
}

/* Arguments, and the environment of program 1 with the job's settings on top. */
static long build_args(const struct order *o, struct exec_args *a)
{
    const struct boot_strings *env = &boot()->envp;
    const char *s = (const char *)(SEG_BASE + env->offset);
    long rc = add_strings(a, o->argv, o->job->argc, &a->argc);

    for (u32 i = 0; i < env->count && rc == 0; i++, s += strlen(s) + 1)
        if (!setting(o->envp, o->job->envc, s))
            rc = add_strings(a, s, 1, &a->envc);
    return rc ? rc : add_strings(a, o->envp, o->job->envc, &a->envc);
}

static const char *path_of(const struct order *o)
{
    const struct boot_strings *env = &boot()->envp;
    const char *path = setting(o->envp, o->job->envc, "PATH");

    if (!path)
        path = setting((const char *)(SEG_BASE + env->offset), env->count, "PATH");
    return path && strchr(path, '=') ? strchr(path, '=') + 1 : NULL;
}

/* ---- its descriptors ------------------------------------------------------------------------ */

static struct file *open_stream(u32 n, u32 stream, u32 flags)
{
    struct boot_stream s = {.flags = flags};
    struct host_attr a;
    struct file *f;
    char uri[32];
    long handle;

    uri_of(uri, sizeof(uri), n, stream);
    handle = host_open(uri, O_RDWR, 0, &a);
    if (handle < 0)
        return ERR_PTR(handle);
    s.handle = (s32)handle;
    s.type = a.mode >> 12 & 15; /* a terminal is no more than a stream of characters here */
    s.ino = a.ino;
    s.dev = a.dev;
    s.rdev = a.rdev;
    s.mode = a.mode;
    f = hostio_file_new(&s);
    if (IS_ERR(f))
        host_close((int)handle);
    else
        hostio_own(f);
    return f;
}

/* current() is of the new process. */
static long give_streams(u32 n)
{
    static const u32 flags[] = {O_RDONLY, O_WRONLY, O_WRONLY};

    for (u32 i = 0; i < 3; i++) {
        struct file *f = open_stream(n, i + 1, flags[i]);
        long rc = IS_ERR(f) ? PTR_ERR(f) : fd_install_at(f, (int)i, false);
        if (rc < 0) {
            if (!IS_ERR(f))
                file_put(f);
            return rc;
        }
    }
    return 0;
}

static long give_terminal(u32 n, const struct job_header *j, struct relay *r)
{
    struct file *in = open_stream(n, 1, O_RDONLY | O_NONBLOCK), *out, *slave;
    long rc = IS_ERR(in) ? PTR_ERR(in) : 0;

    if (rc)
        return rc;
    out = open_stream(n, 2, O_WRONLY | O_NONBLOCK);
    if (IS_ERR(out)) {
        file_put(in);
        return PTR_ERR(out);
    }
    rc = relay_open(r, in, out, j->rows, j->cols);
    if (rc)
        return rc;
    slave = relay_slave(r);
    if (IS_ERR(slave))
        return PTR_ERR(slave);
    for (int fd = 0; fd < 3 && rc >= 0; fd++) {
        rc = fd_install_at(file_get(slave), fd, false);
        if (rc < 0)
            file_put(slave);
    }
    file_put(slave);
    return rc < 0 ? rc : 0;
}

/* ---- the process -------------------------------------------------------------------------------
 */

static long enter_directory(const char *cwd)
{
    const char *first = boot()->cwd ? (const char *)(SEG_BASE + boot()->cwd) : "/";
    struct path_s p;
    long rc = path_lookup(AT_FDCWD, *cwd ? cwd : first, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &p);

    if (rc)
        return rc;
    fs_set_cwd(&p);
    path_put(&p);
    return 0;
}

/* The calling thread looks with the eyes of the process it makes. */
static void become(struct process *p, const struct cred *c)
{
    current()->proc = p;
    current()->cred = *c;
}

/* Everything that can fail, as the new process: directory, program, descriptors, memory. */
static long furnish(u32 n, const struct order *o, struct thread *t, struct relay *r)
{
    struct exec_args args = {0};
    struct exec_job *job;
    long rc = enter_directory(o->cwd);

    if (rc == 0)
        rc = build_args(o, &args);
    if (rc) {
        kfree(args.data);
        return rc;
    }
    job = exec_job_new(o->argv, path_of(o), &args, &rc);
    if (!job)
        return rc;
    rc = o->job->flags & JOB_TTY ? give_terminal(n, o->job, r) : give_streams(n);
    if (rc == 0) {
        t->proc->mm = mm_new();
        rc = t->proc->mm ? space_prepare() : -ENOMEM;
    }
    if (rc)
        exec_job_free(job);
    else
        t->exec_job = job;
    return rc;
}

static void discard(struct process *p, struct thread *t)
{
    pty_session_end(p);
    if (p->mm)
        mm_put(p->mm);
    process_discard(p);
    pid_free(t->tid, t);
    t->proc = NULL;
    thread_free(t);
}

static struct thread *new_thread(void)
{
    struct thread *t = thread_alloc();

    if (!t)
        return NULL;
    t->tid = pid_alloc(t);
    if (t->tid < 0) {
        thread_free(t);
        return NULL;
    }
    signal_thread_init(t);
    return t;
}

/* From here on the process can be signalled; what came before is delivered first. */
static void publish(u32 n, struct process *p)
{
    u64 early;

    lock(&jobs_lock);
    early = jobs[n].early;
    jobs[n].pid = p->pid;
    unlock(&jobs_lock);
    for (int sig = 1; early; sig++, early >>= 1)
        if (early & 1)
            signal_process(p, sig, NULL);
}

/* 0: it runs. */
static long start(u32 n, const struct order *o)
{
    struct process *own = current()->proc;
    const struct cred own_cred = current()->cred;
    const struct job_header *j = o->job;
    struct thread *t = new_thread();
    struct process *p = t ? process_new_alone(t) : NULL;
    long rc;

    if (!p) {
        if (t) {
            pid_free(t->tid, t);
            thread_free(t);
        }
        return -EAGAIN;
    }
    p->job = n;
    first_cred(&t->cred, j->flags & JOB_USER ? j->uid : boot()->uid,
               j->flags & JOB_USER ? j->gid : boot()->gid);
    become(p, &t->cred);
    rc = furnish(n, o, t, &jobs[n].relay);
    become(own, &own_cred);
    if (rc) {
        discard(p, t);
        return rc;
    }
    p->mm->host_threads = 1;
    process_table_set(p->pid, p);
    publish(n, p);
    report(n, HOST_JOB_STARTED, (u64)p->pid);
    if (space_start(t) < 0)
        panic("no address space for a new program");
    return 0;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void clear(u32 n)
{
    struct relay relay;

    lock(&jobs_lock);
    relay = jobs[n].relay;
    jobs[n] = (struct job){0};
    unlock(&jobs_lock);
    relay_close(&relay);
}

struct diff_job {
    int handle;
    long result;
};

static void write_diff(void *arg)
{
    struct diff_job *d = arg;

    d->result = diff_write(d->handle, false);
}

/* What changed, while nothing changes. */
static long run_diff(u32 n)
{
    struct host_attr a;
    char uri[32];

    uri_of(uri, sizeof(uri), n, 2);
    long handle = host_open(uri, O_RDWR, 0, &a);
    if (handle < 0)
        return handle;
    struct diff_job d = {(int)handle, 0};
    long rc = freeze_while(write_diff, &d);
    host_close(d.handle);
    return rc ? rc : d.result;
}

/* The thread of a job that is no program. */
static void diff_thread(u32 n)
{
    long rc = run_diff(n);

    clear(n);
    report(n, rc ? HOST_JOB_FAILED : HOST_JOB_ENDED, rc ? (u64)-rc : 0);
}

static void program_thread(u32 n, const struct order *o)
{
    bool terminal = o->job->flags & JOB_TTY;
    long rc = start(n, o);

    if (rc) {
        clear(n);
        report(n, HOST_JOB_FAILED, (u64)-rc);
    } else if (terminal) {
        relay_run(&jobs[n].relay);
        int status = jobs[n].status;
        clear(n);
        report(n, HOST_JOB_ENDED, (u64)status);
    }
}

static void job_thread(void *arg)
{
    u32 n = (u32)(uptr)arg;
    struct order o = {0};
    long rc;

    current()->save = SLOT_SAVE_NOTHING; /* who ordered it isn't there after a resume */
    rc = read_order(n, &o);
    if (rc) {
        clear(n);
        report(n, HOST_JOB_FAILED, (u64)-rc);
    } else if (o.job->flags & JOB_DIFF) {
        diff_thread(n);
    } else {
        program_thread(n, &o);
    }
    kfree(o.job);
    signal_flush(&current()->sig.pending);
}

void jobs_end(struct process *p, int status)
{
    struct job *job = &jobs[p->job];
    bool ours, terminal;

    lock(&jobs_lock);
    ours = job->pid == p->pid;
    terminal = job->relay.master;
    if (ours) {
        job->pid = 0;
        job->status = status;
    }
    unlock(&jobs_lock);
    if (ours && terminal) {
        relay_end(&job->relay);
    } else if (ours) {
        clear(p->job);
        report(p->job, HOST_JOB_ENDED, (u64)status);
    }
}

/* Alone. */
void jobs_forget(void)
{
    for (u32 n = 1; n < BOOT_JOBS; n++)
        relay_close(&jobs[n].relay);
    memset(jobs, 0, sizeof(jobs));
}

/* ---- the mailbox ------------------------------------------------------------------------------
 */

static void send_all(s32 pid, u64 signals)
{
    struct process *p = signals ? process_find(pid) : NULL;

    for (int sig = 1; p && signals; sig++, signals >>= 1)
        if (signals & 1)
            signal_process(p, sig, NULL);
    if (p)
        process_put(p);
}

static void job_mail(u32 n)
{
    struct boot_job *mail = &boot()->jobs[n];
    u64 signals = __atomic_exchange_n(&mail->signals, 0, __ATOMIC_ACQ_REL);
    u32 window = __atomic_exchange_n(&mail->window, 0, __ATOMIC_ACQ_REL);
    struct pty *pty = NULL;
    s32 pid = 1;

    if (n) {
        lock(&jobs_lock);
        pid = jobs[n].pid;
        if (!pid)
            jobs[n].early |= signals;
        if (window && jobs[n].relay.pty)
            pty = relay_hold(&jobs[n].relay);
        unlock(&jobs_lock);
    }
    if (pty)
        relay_resize(pty, window >> 16, window & 0xffff);
    if (pid)
        send_all(pid, signals);
}

/* What an earlier job of the number was still to be told is not meant for this one. */
static void begin(u32 n)
{
    clear(n);
    if (!kthread_start(job_thread, (void *)(uptr)n, "job"))
        report(n, HOST_JOB_FAILED, EAGAIN);
}

void jobs_mail(u64 which)
{
    u64 fresh = __atomic_exchange_n(&boot()->job_new, 0, __ATOMIC_ACQ_REL);

    for (u32 n = 0; n < BOOT_JOBS; n++) {
        if (n && (fresh >> n & 1))
            begin(n);
        if (which >> n & 1)
            job_mail(n);
    }
}
