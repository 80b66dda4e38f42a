/* execve, execveat, and the first program.
 *
 * Everything that can fail is done before the point of no return: the program is
 * opened, scripts are followed to their interpreter, headers are checked, arguments are
 * copied out of the old program.  After it, a failure kills the process, as on Linux. */
#include <linux/errno.h>
#include <linux/fcntl.h>

#include "kalloc.h"
#include "lib.h"
#include "ktime.h"
#include "mm.h"
#include "proc_internal.h"
#include "syscalls_gen.h"
#include "usercopy.h"
#include "vfs.h"

#define ARGS_MAX     (2UL << 20) /* a quarter of the default stack */
#define STRING_MAX   (128UL << 10)
#define SCRIPT_DEPTH 5

/* ---- the program ----------------------------------------------------------- */

/* An exec under way.  It belongs to the thread that carries it out, which after a vfork
 * is not the one that began it. */
struct exec_job {
    struct file *file;
    struct file *interp; /* that the program asks for, or NULL */
    struct elf_header header, interp_header;
    struct exec_args args;
    char path[PATH_MAX_];      /* as given, or the interpreter's */
    char name[PATH_MAX_ + 32]; /* as given: AT_EXECFN */
};

void exec_job_free(struct exec_job *job)
{
    if (job->file)
        file_put(job->file);
    if (job->interp)
        file_put(job->interp);
    kfree(job->args.data);
    kpages_free(job, sizeof(*job));
}

static long check_executable(struct file *f)
{
    if ((f->inode->mode & 0170000) != 0100000)
        return -EACCES;
    if (!(f->inode->mode & 0111))
        return -EACCES;
    return inode_permission(f->inode, MAY_EXEC);
}

static struct file *exec_open_at(int dirfd, const char *path, u32 lookup)
{
    struct path_s p;
    struct file *f;
    long rc = path_lookup_to_read(dirfd, path, lookup, &p);

    if (rc)
        return ERR_PTR(rc);
    if ((p.dentry->inode->mode & 0170000) != 0100000) {
        rc = (p.dentry->inode->mode & 0170000) == 0120000 ? -ELOOP : -EACCES;
        path_put(&p);
        return ERR_PTR(rc);
    }
    rc = inode_permission(p.dentry->inode, MAY_EXEC);
    if (rc) {
        path_put(&p);
        return ERR_PTR(rc);
    }
    f = file_open_path(&p, O_RDONLY);
    path_put(&p);
    if (IS_ERR(f))
        return f;
    rc = check_executable(f);
    if (rc == 0)
        rc = file_deny_write(f);
    if (rc) {
        file_put(f);
        return ERR_PTR(rc);
    }
    return f;
}

struct file *exec_open(const char *path) { return exec_open_at(AT_FDCWD, path, LOOKUP_FOLLOW); }

/* "#! interpreter [argument]": both end at line end; the argument is one, as Linux has
 * it.  Cuts `head` in place. */
static long parse_script(char *head, size_t n, char **interp, char **arg)
{
    char *end = memchr(head, '\n', n), *p = head + 2;

    if (!end) {
        if (n >= 256)
            end = head + 255;
        else
            end = head + n;
    }
    while (end > p && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    *end = '\0';
    while (*p == ' ' || *p == '\t')
        p++;
    if (!*p)
        return -ENOEXEC;
    *interp = p;
    *arg = NULL;
    while (*p && *p != ' ' && *p != '\t')
        p++;
    if (*p) {
        *p++ = '\0';
        while (*p == ' ' || *p == '\t')
            p++;
        if (*p)
            *arg = p;
    }
    return 0;
}

/* The interpreter that the program's header names, opened and its header checked.  `text` has room
 * for a header and for a name. */
static long open_interp(struct exec_job *prog, char *text)
{
    u32 size = prog->header.interp_size;
    long n = kernel_read(prog->file, text, size, prog->header.interp_offset);
    struct file *f;

    if (n != size || text[size - 1] != '\0')
        return -ENOEXEC;
    f = exec_open(text);
    if (IS_ERR(f))
        return PTR_ERR(f);
    prog->interp = f;
    n = kernel_read(f, text, ELF_HEADER_BYTES, 0);
    if (n < 0)
        return n;
    if (n < ELF_IDENTITY_BYTES)
        return -EIO;
    return elf_parse(text, (size_t)n, f->inode->size, &prog->interp_header) ? -ELIBBAD : 0;
}

static long find_interp(struct exec_job *prog)
{
    char *text;
    long rc = -ENOMEM;

    if (!prog->header.interp_size)
        return 0;
    text = kmalloc(ELF_HEADER_BYTES);
    if (text)
        rc = open_interp(prog, text);
    kfree(text);
    return rc;
}

/* Follows scripts to an ELF program; prog->file is open and its header checked, and so is its
 * interpreter. */
static long find_program(struct exec_job *prog)
{
    char *head = kmalloc(ELF_HEADER_BYTES + 1);
    long rc = -ENOMEM;

    for (int depth = 0; head; depth++) {
        char *interp, *arg;
        struct file *next;
        long n = kernel_read(prog->file, head, ELF_HEADER_BYTES, 0);

        rc = n < 0 ? n : 0;
        if (rc)
            break;
        if (n < 2 || head[0] != '#' || head[1] != '!') {
            rc = elf_parse(head, (size_t)n, prog->file->inode->size, &prog->header);
            break;
        }
        rc = depth == SCRIPT_DEPTH ? -ELOOP : parse_script(head, (size_t)n, &interp, &arg);
        if (rc == 0)
            rc = args_for_script(&prog->args, interp, arg, prog->path);
        if (rc)
            break;
        next = exec_open(interp);
        if (IS_ERR(next)) {
            rc = PTR_ERR(next);
            break;
        }
        file_put(prog->file);
        prog->file = next;
        strlcpy(prog->path, interp, sizeof(prog->path));
    }
    kfree(head);
    return rc ? rc : find_interp(prog);
}

/* ---- the change of program ------------------------------------------------- */

static void set_comm(struct thread *t, const char *path)
{
    const char *base = strrchr(path, '/');
    strlcpy(t->comm, base ? base + 1 : path, sizeof(t->comm));
}

static void reset_thread(struct thread *t, uptr entry, uptr sp)
{
    memset(t->regs, 0, sizeof(*t->regs));
    t->regs->rip = entry;
    t->regs->rsp = sp;
    t->regs->eflags = 0x202;
    t->regs->cs = 0x33;
    t->regs->ss = 0x2b;
    t->regs->orig_rax = NOT_A_SYSCALL;
    t->robust_list = 0;
    t->clear_child_tid = 0;
    t->sig.alt_sp = t->sig.alt_size = 0;
    t->sig.alt_flags = 2; /* SS_DISABLE */
    t->restart.valid = false;
    t->user_gs = 0;
    __atomic_fetch_and(&t->attention, ~ATTN_GS, __ATOMIC_RELAXED);
    t->fs_base = 0;
    __asm__ volatile("wrfsbase %0" ::"r"(0UL));
    arch_reset_fpu();
}

static void set_exe(struct process *p, struct file *f)
{
    struct file *old;

    lock(&p->lock); /* /proc reads it there */
    old = p->exe_file;
    p->exe_file = file_get(f);
    unlock(&p->lock);
    if (old)
        file_put(old);
}

/* The argument strings stand first in a->data. */
static void set_args(struct process *p, const struct exec_args *a)
{
    size_t len = 0;
    u32 i;

    for (i = 0; i < a->argc; i++)
        len += strlen(a->data + len) + 1;
    process_set_args(p, a->data, len);
}

/* Set-user-ID programs run without the privilege, as under no_new_privs. */
static long commit(struct exec_job *job)
{
    struct thread *t = current();
    struct process *p = t->proc;
    struct loaded l;
    uptr sp;
    long rc;

    rc = elf_load(p->mm, job->file, &job->header, job->interp, &job->interp_header, &l);
    if (rc == 0)
        rc = stack_build(p->mm, &job->args, &l, job->name, &sp);
    if (rc)
        return rc;
    set_exe(p, job->file);
    set_args(p, &job->args);
    set_comm(t, job->name);
    p->forknoexec = false; /* before the files: that they are closed may tell somebody */
    files_exec(p->files);
    sighand_exec(p->sighand);
    reset_thread(t, l.entry, sp);
    p->dumpable = true;
    vfork_done(t);
    if (unlikely(READ_ONCE(t->tracee.tracer)))
        trace_exec(t, p->pid);
    return 0;
}

/* Own tables before they are changed: CLONE_FILES and CLONE_SIGHAND end at exec. */
static long unshare_tables(struct process *p)
{
    long rc = files_unshare();

    if (rc)
        return rc;
    if (p->sighand->refs > 1) {
        struct sighand *n = sighand_copy(p->sighand);
        if (!n)
            return -ENOMEM;
        struct sighand *old = p->sighand;
        lock(&p->lock); /* senders look at it there */
        p->sighand = n;
        unlock(&p->lock);
        sighand_put(old);
    }
    return 0;
}

/* The memory is the parent's (vfork): the program goes on in an empty address space of
 * its own, on another host thread, so at the price of a small process whatever the
 * parent's size.  Returns only on failure. */
static long exec_in_new_space(struct exec_job *job)
{
    struct mm *mm = mm_new(), *old = current()->proc->mm;
    struct thread *t = current(), *heir = mm ? space_take() : NULL;
    long rc = -ENOMEM;

    if (!heir) {
        heir = thread_alloc();
        if (heir && mm)
            rc = space_prepare();
        if (rc) {
            if (heir)
                thread_free(heir);
            if (mm)
                mm_put(mm);
            return rc;
        }
    }
    mm->host_threads = 1;
    thread_inherit(heir, t);
    heir->exec_job = job;
    heir->proc->mm = mm;
    if (space_start(heir) < 0) /* nobody is left to tell but the parent */
        panic("no address space for a new program");
    thread_abandon(t, old);
}

/* On the heir, in its own address space. */
void exec_resume(struct thread *t)
{
    struct exec_job *job = t->exec_job;
    long rc;

    t->exec_job = NULL;
    t->host_pid = t->proc->host_pid = (s32)t->host_tid;
    rc = commit(job);
    exec_job_free(job);
    if (rc)
        process_exit(SIGSEGV);
}

static long exec_program(struct exec_job *job)
{
    struct thread *t = current();
    struct process *p = t->proc;
    long rc = kill_other_threads();

    if (rc)
        return rc;
    rc = unshare_tables(p);
    if (rc)
        return rc;
    fs_become_process(t);
    robust_list_exit(t);
    if (t->clear_child_tid && p->mm->host_threads > 1) {
        put_user((s32)0, t->clear_child_tid);
        futex_wake_addr(t->clear_child_tid, 1);
    }
    process_timers_exec(p);
    if (t->tid != p->pid)
        thread_take_number(t, p->pid);
    if (READ_ONCE(p->mm->users) > 1)
        return exec_in_new_space(job);
    mm_clear(p->mm);
    if (commit(job)) /* past the point of no return */
        process_exit(SIGSEGV);
    return 0;
}

/* Takes over the job. */
static long do_exec(struct exec_job *job, uptr argv, uptr envp)
{
    long rc;

    strlcpy(job->path, job->name, sizeof(job->path));
    rc = args_from_user(&job->args, argv, envp);
    if (rc == 0)
        rc = find_program(job);
    if (rc == 0)
        rc = exec_program(job);
    exec_job_free(job);
    return rc;
}

long sys_execve(uptr path, uptr argv, uptr envp)
{
    return sys_execveat(AT_FDCWD, path, argv, envp, 0);
}

long sys_execveat(int dirfd, uptr path, uptr argv, uptr envp, int flags)
{
    struct exec_job *job;
    u32 lookup = flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW;
    struct file *f;
    long rc;

    if (unlikely(user_exceeded(current())))
        return -EAGAIN;
    if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
        return -EINVAL;
    job = kpages_alloc(sizeof(*job));
    if (!job)
        return -ENOMEM;
    job->file = job->interp = NULL;
    job->args = (struct exec_args){0};
    rc = strncpy_from_user(job->name, path, PATH_MAX_);
    if (rc == 0 && !(flags & AT_EMPTY_PATH))
        rc = -ENOENT;
    if (rc >= 0) {
        f = exec_open_at(dirfd, job->name, flags & AT_EMPTY_PATH ? lookup | LOOKUP_EMPTY : lookup);
        if (!IS_ERR(f)) {
            job->file = f;
            if (rc == 0)
                snprintf(job->name, sizeof(job->name), "/dev/fd/%d", dirfd);
            return do_exec(job, argv, envp);
        }
        rc = PTR_ERR(f);
    }
    exec_job_free(job);
    return rc;
}

/* ---- the first program ------------------------------------------------------ */

/* 127 when it is not there, 126 when it cannot be run: as a shell has it. */
_Noreturn void exec_fail_first(int err, const char *what)
{
    char line[512];

    snprintf(line, sizeof(line), "%s", what);
    host_report(HOST_REPORT_EXEC, (u64)err, 0, line);
    host_space_exit();
}

/* What the sandbox was to start with isn't there: no fault of the program's. */
_Noreturn void start_fail(int err, const char *what, const char *name)
{
    char line[512];

    snprintf(line, sizeof(line), "%s %s", what, name);
    host_report(HOST_REPORT_EXEC, (u64)err, 1, line);
    host_space_exit();
}

static const char *boot_text(u32 offset) { return (const char *)(SEG_BASE + offset); }

static const char *env_value(const struct boot_strings *env, const char *name)
{
    const char *s = boot_text(env->offset);
    size_t n = strlen(name);

    for (u32 i = 0; i < env->count; i++, s += strlen(s) + 1) {
        if (strncmp(s, name, n) == 0 && s[n] == '=')
            return s + n + 1;
    }
    return NULL;
}

/* A name without a slash is looked for in PATH; the best error wins. */
static struct file *search_path(const char *name, const char *path, char *out)
{
    long best = -ENOENT;

    while (path && *path) {
        const char *colon = strchr(path, ':');
        size_t n = colon ? (size_t)(colon - path) : strlen(path);
        if (n + strlen(name) + 2 < PATH_MAX_) {
            struct file *f;
            memcpy(out, path, n);
            snprintf(out + n, PATH_MAX_ - n, "%s%s", n ? "/" : "", name);
            f = exec_open(out);
            if (!IS_ERR(f))
                return f;
            if (PTR_ERR(f) == -EACCES)
                best = -EACCES;
        }
        path = colon ? colon + 1 : NULL;
    }
    return ERR_PTR(best);
}

struct exec_job *exec_job_new(const char *name, const char *path, struct exec_args *args, long *rc)
{
    struct exec_job *job = kpages_alloc(sizeof(*job));

    if (!job) {
        *rc = -ENOMEM;
        kfree(args->data);
        return NULL;
    }
    job->args = *args;
    job->interp = NULL;
    strlcpy(job->path, name, sizeof(job->path));
    job->file = strchr(name, '/') ? exec_open(name) : search_path(name, path, job->path);
    *rc = IS_ERR(job->file) ? PTR_ERR(job->file) : 0;
    if (*rc)
        job->file = NULL;
    strlcpy(job->name, job->path, sizeof(job->name));
    if (*rc == 0)
        *rc = find_program(job);
    if (*rc == 0)
        return job;
    exec_job_free(job);
    return NULL;
}

static void add_boot_strings(struct exec_args *a, const struct boot_strings *s, u32 *count)
{
    const char *p = boot_text(s->offset);

    for (u32 i = 0; i < s->count; i++, p += strlen(p) + 1) {
        if (args_add(a, p))
            exec_fail_first(E2BIG, "arguments");
    }
    *count = s->count;
}

void exec_first(struct boot_info *b)
{
    const char *name = boot_text(b->exe);
    struct exec_args args = {0};
    struct exec_job *job;
    long rc;

    add_boot_strings(&args, &b->argv, &args.argc);
    add_boot_strings(&args, &b->envp, &args.envc);
    job = exec_job_new(name, env_value(&b->envp, "PATH"), &args, &rc);
    if (job)
        rc = commit(job);
    if (rc)
        exec_fail_first((int)-rc, name);
    exec_job_free(job);
}
