/* execve, execveat, and the first program.
 *
 * Everything that can fail is done before the point of no return: the program is
 * opened, scripts are followed to their interpreter, headers are checked, arguments are
 * copied out of the old program.  After it, a failure kills the process, as on Linux. */
#include <linux/fcntl.h>

#include "kalloc.h"
#include "lib.h"
#include "ktime.h"
#include "mm.h"
#include "proc_internal.h"
#include "syscalls_gen.h"
#include "usercopy.h"
#include "vfs.h"

#define ENOENT       2
#define E2BIG        7
#define ENOEXEC      8
#define ENOMEM       12
#define EACCES       13
#define EFAULT       14
#define EINVAL       22
#define ELOOP        40
#define SIGKILL      9
#define ARGS_MAX     (2UL << 20) /* a quarter of the default stack */
#define STRING_MAX   (128UL << 10)
#define SCRIPT_DEPTH 5

/* ---- arguments ------------------------------------------------------------ */

static long args_reserve(struct exec_args *a, size_t more)
{
    size_t cap = MAX(a->cap * 2, PAGE_ALIGN(a->len + more));
    char *p;

    if (a->len + more <= a->cap)
        return 0;
    if (a->len + more > ARGS_MAX)
        return -E2BIG;
    p = krealloc(a->data, cap);
    if (!p)
        return -ENOMEM;
    a->data = p;
    a->cap = cap;
    return 0;
}

static long args_add(struct exec_args *a, const char *s)
{
    size_t n = strlen(s) + 1;
    long rc = args_reserve(a, n);

    if (rc == 0) {
        memcpy(a->data + a->len, s, n);
        a->len += n;
    }
    return rc;
}

static long args_add_user(struct exec_args *a, uptr s)
{
    size_t done = 0;

    for (;;) {
        long rc = args_reserve(a, 4096), n;
        if (rc)
            return rc;
        n = strncpy_from_user(a->data + a->len, s + done, 4096);
        if (n >= 0) {
            a->len += (size_t)n + 1;
            return 0;
        }
        if (n == -EFAULT)
            return n;
        a->len += 4095; /* longer than the piece: go on */
        done += 4095;
        if (done > STRING_MAX)
            return -E2BIG;
    }
}

static long args_add_user_vector(struct exec_args *a, uptr vector, u32 *count)
{
    for (*count = 0; vector; (*count)++) {
        uptr s;
        long rc = get_user(s, vector + *count * 8UL);
        if (rc || !s)
            return rc;
        rc = args_add_user(a, s);
        if (rc)
            return rc;
    }
    return 0;
}

/* Replaces argv[0] of a script's call by: interpreter [argument] script. */
static long args_for_script(struct exec_args *a, const char *interp, const char *arg,
                            const char *script)
{
    struct exec_args n = {0};
    size_t first = a->argc ? strlen(a->data) + 1 : 0;
    long rc = args_add(&n, interp);

    n.argc = 1;
    if (rc == 0 && arg) {
        rc = args_add(&n, arg);
        n.argc++;
    }
    if (rc == 0)
        rc = args_add(&n, script);
    n.argc++;
    if (rc == 0)
        rc = args_reserve(&n, a->len - first);
    if (rc) {
        kfree(n.data);
        return rc;
    }
    memcpy(n.data + n.len, a->data + first, a->len - first);
    n.len += a->len - first;
    n.argc += a->argc ? a->argc - 1 : 0;
    n.envc = a->envc;
    kfree(a->data);
    *a = n;
    return 0;
}

/* ---- the program ----------------------------------------------------------- */

struct program {
    struct file *file;
    struct elf_header header;
    char path[PATH_MAX_]; /* as given, or the interpreter's */
};

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
    long rc = path_lookup(dirfd, path, lookup, &p);

    if (rc)
        return ERR_PTR(rc);
    if ((p.dentry->inode->mode & 0170000) != 0100000) {
        path_put(&p);
        return ERR_PTR(-EACCES);
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

/* Follows scripts to an ELF program; prog->file is open and its header checked. */
static long find_program(struct program *prog, struct exec_args *a)
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
            rc = args_for_script(a, interp, arg, prog->path);
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
    return rc;
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
static long commit(struct program *prog, struct exec_args *a, const char *name)
{
    struct thread *t = current();
    struct process *p = t->proc;
    struct loaded l;
    uptr sp;
    long rc;

    rc = elf_load(p->mm, prog->file, &prog->header, &l);
    if (rc == 0)
        rc = stack_build(p->mm, a, &l, name, &sp);
    if (rc)
        return rc;
    set_exe(p, prog->file);
    set_args(p, a);
    set_comm(t, prog->path);
    files_exec(p->files);
    sighand_exec(p->sighand);
    reset_thread(t, l.entry, sp);
    p->dumpable = true;
    p->forknoexec = false;
    vfork_done(t);
    return 0;
}

/* Own tables before they are changed: CLONE_FILES and CLONE_SIGHAND end at exec. */
static long unshare_tables(struct process *p)
{
    if (p->files->refs > 1) {
        struct files *n = files_copy(p->files);
        if (!n)
            return -ENOMEM;
        struct files *old = p->files;
        lock(&p->lock);
        p->files = n;
        unlock(&p->lock);
        files_put(old);
    }
    if (p->sighand->refs > 1) {
        struct sighand *n = sighand_copy(p->sighand);
        if (!n)
            return -ENOMEM;
        sighand_put(p->sighand);
        p->sighand = n;
    }
    return 0;
}

static long exec_program(struct program *prog, struct exec_args *a, const char *name)
{
    struct thread *t = current();
    struct process *p = t->proc;
    long rc = kill_other_threads();

    if (rc)
        return rc;
    rc = unshare_tables(p);
    if (rc)
        return rc;
    robust_list_exit(t);
    if (t->clear_child_tid && p->mm->host_threads > 1) {
        put_user((s32)0, t->clear_child_tid);
        futex_wake_addr(t->clear_child_tid, 1);
    }
    process_timers_exec(p);
    mm_clear(p->mm);
    if (commit(prog, a, name)) /* past the point of no return */
        process_exit(SIGKILL);
    return 0;
}

static long do_exec(struct file *f, const char *name, uptr argv, uptr envp)
{
    struct program *prog = kpages_alloc(sizeof(*prog));
    struct exec_args a = {0};
    long rc = -ENOMEM;

    if (!prog)
        goto out;
    prog->file = f;
    strlcpy(prog->path, name, sizeof(prog->path));
    rc = args_add_user_vector(&a, argv, &a.argc);
    if (rc == 0)
        rc = args_add_user_vector(&a, envp, &a.envc);
    if (rc == 0 && a.argc == 0) { /* Linux gives an empty argv one empty string */
        struct exec_args n = {0};
        rc = args_add(&n, "");
        if (rc == 0)
            rc = args_reserve(&n, a.len);
        if (rc == 0) {
            memcpy(n.data + n.len, a.data, a.len);
            n.len += a.len;
            n.envc = a.envc;
            n.argc = 1;
        }
        kfree(a.data);
        a = n;
    }
    if (rc == 0)
        rc = find_program(prog, &a);
    if (rc == 0)
        rc = exec_program(prog, &a, name);
    f = prog->file;
out:
    file_put(f);
    kfree(a.data);
    if (prog)
        kpages_free(prog, sizeof(*prog));
    return rc;
}

long sys_execve(uptr path, uptr argv, uptr envp)
{
    return sys_execveat(AT_FDCWD, path, argv, envp, 0);
}

long sys_execveat(int dirfd, uptr path, uptr argv, uptr envp, int flags)
{
    char *name = kmalloc(PATH_MAX_ + 32);
    u32 lookup = LOOKUP_FOLLOW;
    struct file *f;
    long rc = -ENOMEM;

    if (!name)
        return rc;
    rc = strncpy_from_user(name, path, PATH_MAX_);
    if (rc == 0 && !(flags & AT_EMPTY_PATH))
        rc = -ENOENT;
    if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
        rc = -EINVAL;
    if (rc >= 0) {
        if (flags & AT_EMPTY_PATH)
            lookup |= LOOKUP_EMPTY;
        if (flags & AT_SYMLINK_NOFOLLOW)
            lookup &= ~LOOKUP_FOLLOW;
        f = exec_open_at(dirfd, name, lookup);
        if (rc == 0)
            snprintf(name, PATH_MAX_, "/dev/fd/%d", dirfd);
        rc = IS_ERR(f) ? PTR_ERR(f) : do_exec(f, name, argv, envp);
    }
    kfree(name);
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
    struct program *prog = kpages_alloc(sizeof(*prog));
    struct exec_args a = {0};
    long rc;

    if (!prog)
        panic("no memory for the first program");
    strlcpy(prog->path, name, sizeof(prog->path));
    prog->file = strchr(name, '/') ? exec_open(name)
                                   : search_path(name, env_value(&b->envp, "PATH"), prog->path);
    if (IS_ERR(prog->file))
        exec_fail_first((int)-PTR_ERR(prog->file), name);
    add_boot_strings(&a, &b->argv, &a.argc);
    add_boot_strings(&a, &b->envp, &a.envc);
    rc = find_program(prog, &a);
    if (rc == 0)
        rc = commit(prog, &a, prog->path);
    if (rc)
        exec_fail_first((int)-rc, name);
    file_put(prog->file);
    kfree(a.data);
    kpages_free(prog, sizeof(*prog));
}
