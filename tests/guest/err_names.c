/* What calls on names say where paths get too long, where a file system hasn't got what is asked
 * for, and of flags and sizes that no other test tries; running programs and what they are named
 * by. */
#define _GNU_SOURCE
#include <elf.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define CALL(name, ...) syscall(SYS_##name, ##__VA_ARGS__)
#define BAD             ((char *)8)
#define NOBODY          65534

static char buf[8192], name[256];

/* Directories so deep that no path names them: the kernel won't, the library asks each parent. */
static void too_deep(void)
{
    int levels = 0;

    memset(name, 'd', 250);
    mkdir("deep", 0755);
    CHECK(chdir("deep") == 0);
    while (levels < 18) {
        CHECK(mkdir(name, 0755) == 0 && chdir(name) == 0);
        levels++;
    }
    CHECK_ERR(CALL(getcwd, buf, sizeof(buf)), ENAMETOOLONG);
    CHECK(getcwd(buf, sizeof(buf)) == buf && strlen(buf) > 18 * 251);
    CHECK(chmod("../..", 0300) == 0);
    if (fork() == 0) {
        if (!geteuid())
            CHECK(setgroups(0, NULL) == 0 && setresuid(NOBODY, NOBODY, NOBODY) == 0);
        errno = 0;
        CHECK(getcwd(buf, sizeof(buf)) == NULL && errno == EACCES);
        _exit(check_failures != 0);
    }
    int status;
    CHECK(wait(&status) > 0 && status == 0);
    CHECK(chmod("../..", 0755) == 0);
    while (levels-- > 0)
        CHECK(chdir("..") == 0 && rmdir(name) == 0);
    CHECK(chdir("..") == 0 && rmdir("deep") == 0);
    errno = 0;
    CHECK(getcwd(buf, 0) == NULL && errno == EINVAL);
}

static void sockets(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "long/s"};
    int s = socket(AF_UNIX, SOCK_STREAM, 0);

    memset(buf, 'l', 300);
    buf[300] = 0;
    CHECK(symlink(buf, "long") == 0);
    CHECK_ERR(CALL(bind, s, &a, sizeof(a)), ENAMETOOLONG);
    CHECK_ERR(CALL(connect, s, &a, sizeof(a)), ENAMETOOLONG);
    CHECK_ERR(CALL(open, "long", O_RDONLY), ENAMETOOLONG);
    close(s);
    unlink("long");
}

static void unsupported(void)
{
    struct {
        unsigned bytes;
        int type;
        char handle[8];
    } handle = {8, 0, ""};
    struct open_how how = {.flags = O_CREAT | O_WRONLY, .mode = 0600, .resolve = RESOLVE_CACHED};
    struct stat st;
    int mount;

    CHECK(symlink("f", "link") == 0 && symlink("loop", "loop") == 0);
    CHECK_ERR(fchmodat(AT_FDCWD, "link", 0600, AT_SYMLINK_NOFOLLOW), EOPNOTSUPP);
    CHECK_ERR(fchmodat(AT_FDCWD, "link", 0600, 0x100000), EINVAL);
    if (!geteuid())
        CHECK_ERR(CALL(open, "/proc", O_TMPFILE | O_RDWR, 0600), EOPNOTSUPP);
    else
        CHECK_ERR(CALL(open, "/proc", O_TMPFILE | O_RDWR, 0600), EACCES);
    CHECK_ERR(CALL(openat2, AT_FDCWD, "new", &how, sizeof(how)), EAGAIN);
    CHECK_ERR(CALL(name_to_handle_at, AT_FDCWD, "none", &handle, &mount, 0), ENOENT);
    CHECK_ERR(CALL(name_to_handle_at, AT_FDCWD, "loop/x", &handle, &mount, 0), ELOOP);
    CHECK_ERR(CALL(name_to_handle_at, AT_FDCWD, BAD, &handle, &mount, 0), EFAULT);
    CHECK_ERR(CALL(name_to_handle_at, AT_FDCWD, "f", &handle, &mount, 0x100000), EINVAL);
    CHECK_ERR(CALL(name_to_handle_at, AT_FDCWD, "/proc/self", &handle, &mount, 0), EOPNOTSUPP);
    CHECK_ERR(CALL(ustat, 0x7fff, buf), EINVAL);
    CHECK(stat("/proc", &st) == 0);
    CHECK_ERR(CALL(ustat, (unsigned)st.st_dev, BAD), EFAULT);
    unlink("link");
    unlink("loop");
}

/* An ELF file that asks for this interpreter. */
static void write_elf(const char *file, const char *interpreter)
{
    struct {
        Elf64_Ehdr e;
        Elf64_Phdr p[2];
        char name[64];
    } f = {0};
    int fd = open(file, O_CREAT | O_TRUNC | O_WRONLY, 0755);

    memcpy(f.e.e_ident, "\177ELF\2\1\1", 7);
    f.e.e_type = ET_EXEC;
    f.e.e_machine = EM_X86_64;
    f.e.e_version = 1;
    f.e.e_phoff = sizeof(f.e);
    f.e.e_phnum = 2;
    f.e.e_ehsize = sizeof(f.e);
    f.e.e_phentsize = sizeof(f.p[0]);
    f.p[0].p_type = PT_INTERP;
    f.p[0].p_offset = sizeof(f.e) + sizeof(f.p);
    f.p[0].p_filesz = strlen(interpreter) + 1;
    f.p[1].p_type = PT_LOAD;
    f.p[1].p_vaddr = 0x400000;
    f.p[1].p_filesz = f.p[1].p_memsz = sizeof(f);
    f.p[1].p_flags = PF_R;
    f.p[1].p_align = 4096;
    strcpy(f.name, interpreter);
    CHECK(write(fd, &f, sizeof(f)) == sizeof(f));
    close(fd);
}

static void interpreters(void)
{
    char *args[] = {"x", NULL};
    int fd = open("no_elf", O_CREAT | O_WRONLY, 0755);

    memset(buf, 'n', 4096);
    CHECK(write(fd, buf, 4096) == 4096);
    close(fd);
    write_elf("text", "./no_elf");
    write_elf("none", "./not there");
    write_elf("directory", "/");
    CHECK_ERR(CALL(execve, "text", args, NULL), ELIBBAD);
    CHECK_ERR(CALL(execve, "none", args, NULL), ENOENT);
    CHECK_ERR(CALL(execve, "directory", args, NULL), EACCES);
    CHECK_ERR(CALL(open, "/proc/self/exe", O_WRONLY), ETXTBSY);
}

/* Who became a user with more processes than it may have can't run a program. */
static void too_many_processes(void)
{
    struct rlimit none = {0, 0};
    char *args[] = {"true", NULL};
    int status;

    pid_t other;
    int p[2];

    if (geteuid())
        return;
    CHECK(pipe(p) == 0);
    other = fork();
    if (!other) {
        CHECK(setresuid(NOBODY, NOBODY, NOBODY) == 0 && write(p[1], "", 1) == 1);
        for (;;)
            pause();
    }
    CHECK(read(p[0], buf, 1) == 1);
    if (fork() == 0) {
        CHECK(setrlimit(RLIMIT_NPROC, &none) == 0);
        CHECK(setresuid(NOBODY, NOBODY, NOBODY) == 0);
        CHECK_ERR(CALL(execve, "/bin/true", args, NULL), EAGAIN);
        _exit(check_failures != 0);
    }
    CHECK(wait(&status) > 0 && status == 0);
    kill(other, SIGKILL);
    CHECK(waitpid(other, NULL, 0) == other);
    close(p[0]);
    close(p[1]);
}

int main(void)
{
    chmod(".", 0777);
    close(open("f", O_CREAT | O_RDWR, 0644));
    too_deep();
    sockets();
    unsupported();
    interpreters();
    too_many_processes();
    return check_result();
}
