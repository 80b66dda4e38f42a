/* Arguments and environment of exec, copied out of the old program before it goes. */
#include "kalloc.h"
#include "lib.h"
#include "proc_internal.h"
#include "usercopy.h"

#define E2BIG      7
#define ENOMEM     12
#define EFAULT     14
#define ARGS_MAX   (2UL << 20) /* a quarter of the default stack */
#define STRING_MAX (128UL << 10)

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

long args_add(struct exec_args *a, const char *s)
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

static long add_user_vector(struct exec_args *a, uptr vector, u32 *count)
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
long args_for_script(struct exec_args *a, const char *interp, const char *arg, const char *script)
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

long args_from_user(struct exec_args *a, uptr argv, uptr envp)
{
    long rc = add_user_vector(a, argv, &a->argc);

    if (rc == 0 && a->argc == 0) { /* Linux gives an empty argv one empty string */
        rc = args_add(a, "");
        a->argc = 1;
    }
    return rc ? rc : add_user_vector(a, envp, &a->envc);
}
