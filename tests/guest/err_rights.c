/* What a user without rights may not: search a directory, change another's file, signal another's
 * process, raise a limit.  Root becomes another user first and leaves files of its own behind;
 * an ordinary user takes the rights away from itself, where that is the same. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

#define CALL(name, ...) syscall(SYS_##name, ##__VA_ARGS__)
#define BAD             ((char *)8)
#define NOBODY          65534

static struct stat st;
static struct statfs sfs;
static char text[64];

/* A directory that may not be searched. */
static void searching(const char *p, int error)
{
    CHECK_ERR(CALL(open, p, O_RDONLY), error);
    CHECK_ERR(CALL(creat, p, 0600), error);
    CHECK_ERR(CALL(stat, p, &st), error);
    CHECK_ERR(CALL(lstat, p, &st), error);
    CHECK_ERR(CALL(statx, AT_FDCWD, p, 0, STATX_BASIC_STATS, text), error);
    CHECK_ERR(CALL(statfs, p, &sfs), error);
    CHECK_ERR(CALL(access, p, F_OK), error);
    CHECK_ERR(CALL(readlink, p, text, sizeof(text)), error);
    CHECK_ERR(CALL(chdir, p), error);
    CHECK_ERR(CALL(chmod, p, 0600), error);
    CHECK_ERR(CALL(chown, p, -1, -1), error);
    CHECK_ERR(CALL(truncate, p, 0), error);
    CHECK_ERR(CALL(utimensat, AT_FDCWD, p, NULL, 0), error);
    CHECK_ERR(CALL(mkdir, p, 0700), error);
    CHECK_ERR(CALL(rmdir, p), error);
    CHECK_ERR(CALL(unlink, p), error);
    CHECK_ERR(CALL(mknod, p, S_IFIFO | 0600, 0), error);
    CHECK_ERR(CALL(symlink, "f", p), error);
    CHECK_ERR(CALL(link, "own", p), error);
    CHECK_ERR(CALL(link, p, "new"), error);
    CHECK_ERR(CALL(rename, p, "new"), error);
    CHECK_ERR(CALL(rename, "own", p), error);
    CHECK_ERR(CALL(execve, p, NULL, NULL), error);
    CHECK_ERR(CALL(getxattr, p, "user.a", text, sizeof(text)), error);
    CHECK_ERR(CALL(acct, p), EPERM);
}

static void sockets(const char *p)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int s = socket(AF_UNIX, SOCK_STREAM, 0);

    strcpy(a.sun_path, p);
    CHECK_ERR(CALL(bind, s, &a, sizeof(a)), EACCES);
    CHECK_ERR(CALL(connect, s, &a, sizeof(a)), EACCES);
    strcpy(a.sun_path, "closed.sock");
    CHECK_ERR(CALL(connect, s, &a, sizeof(a)), EACCES);
    close(s);
    CHECK_ERR(CALL(socket, AF_INET, SOCK_RAW, 1), EPERM);
}

/* A directory that may be searched but not written. */
static void writing(void)
{
    CHECK_ERR(CALL(creat, "readonly/new", 0600), EACCES);
    CHECK_ERR(CALL(mkdir, "readonly/new", 0700), EACCES);
    CHECK_ERR(CALL(mkdir, "readonly/f", 0700), EEXIST);
    CHECK_ERR(CALL(mknod, "readonly/new", S_IFIFO | 0600, 0), EACCES);
    CHECK_ERR(CALL(symlink, "f", "readonly/new"), EACCES);
    CHECK_ERR(CALL(link, "own", "readonly/new"), EACCES);
    CHECK_ERR(CALL(unlink, "readonly/f"), EACCES);
    CHECK_ERR(CALL(rmdir, "readonly/d"), EACCES);
    CHECK_ERR(CALL(rename, "readonly/f", "new"), EACCES);
    CHECK_ERR(CALL(rename, "own", "readonly/new"), EACCES);
    CHECK_ERR(CALL(open, ".", O_TMPFILE | O_RDONLY, 0600), EINVAL);
    CHECK_ERR(CALL(open, "readonly", O_TMPFILE | O_RDWR, 0600), EACCES);
    CHECK(CALL(open, "readonly/f", O_CREAT | O_RDONLY, 0600) >= 0);
}

/* A file that may be neither read nor written. */
static void closed_file(void)
{
    int in = inotify_init1(0);

    CHECK_ERR(CALL(open, "closed", O_RDONLY), EACCES);
    CHECK_ERR(CALL(open, "closed", O_WRONLY), EACCES);
    CHECK_ERR(CALL(access, "closed", R_OK), EACCES);
    CHECK_ERR(CALL(faccessat2, AT_FDCWD, "closed", W_OK, AT_EACCESS), EACCES);
    CHECK_ERR(CALL(truncate, "closed", 0), EACCES);
    CHECK_ERR(CALL(inotify_add_watch, in, "closed", IN_MODIFY), EACCES);
    CHECK_ERR(CALL(execve, "closed", NULL, NULL), EACCES);
    CHECK_ERR(CALL(execve, ".", NULL, NULL), EACCES);
    CHECK_ERR(CALL(execve, "own", NULL, NULL), EACCES);
    CHECK_ERR(CALL(chroot, "."), EPERM);
    close(in);
}

/* Another's file, though it may be written. */
static void another_owner(void)
{
    struct timespec then[2] = {{1, 0}, {1, 0}};
    struct timeval before[2] = {{1, 0}, {1, 0}};
    int fd = open("theirs", O_RDWR);

    CHECK(fd >= 0);
    CHECK_ERR(CALL(chmod, "theirs", 0777), EPERM);
    CHECK_ERR(CALL(fchmod, fd, 0777), EPERM);
    CHECK_ERR(CALL(chown, "theirs", NOBODY, -1), EPERM);
    CHECK_ERR(CALL(fchown, fd, NOBODY, -1), EPERM);
    CHECK_ERR(CALL(utimensat, AT_FDCWD, "theirs", then, 0), EPERM);
    CHECK_ERR(CALL(utimes, "theirs", before), EPERM);
    CHECK_ERR(CALL(utime, "theirs", before), EPERM);
    CHECK(CALL(utimensat, AT_FDCWD, "theirs", NULL, 0) == 0);
    CHECK_ERR(CALL(utimensat, AT_FDCWD, "readonly/f", NULL, 0), EACCES);
    CHECK_ERR(CALL(open, "theirs", O_RDONLY | O_NOATIME), EPERM);
    CHECK_ERR(CALL(fcntl, fd, F_SETLEASE, F_RDLCK), EACCES);
    CHECK_ERR(CALL(fcntl, fd, F_SETFL, O_NOATIME), EPERM);
    CHECK_ERR(CALL(unlink, "sticky/f"), EPERM);
    CHECK_ERR(CALL(rename, "sticky/f", "sticky/g"), EPERM);
    CHECK_ERR(CALL(rmdir, "sticky/d"), EPERM);
    close(fd);
}

/* Process 1 and the one that was root are another's. */
static void another_process(pid_t theirs)
{
    struct sched_param param = {0};
    struct rlimit limit;
    cpu_set_t set;
    siginfo_t info = {.si_signo = SIGTERM, .si_code = -1};
    struct iovec one = {text, 1};
    int pidfd = (int)CALL(pidfd_open, theirs, 0);

    CHECK_ERR(CALL(kill, theirs, 0), EPERM);
    CHECK_ERR(CALL(kill, theirs, SIGTERM), EPERM);
    CHECK_ERR(CALL(tkill, theirs, SIGTERM), EPERM);
    CHECK_ERR(CALL(tgkill, theirs, theirs, SIGTERM), EPERM);
    CHECK_ERR(CALL(rt_sigqueueinfo, theirs, SIGTERM, &info), EPERM);
    CHECK_ERR(CALL(rt_tgsigqueueinfo, theirs, theirs, SIGTERM, &info), EPERM);
    CHECK_ERR(CALL(setpriority, PRIO_PROCESS, theirs, 5), EPERM);
    CHECK_ERR(CALL(ioprio_set, 1, theirs, (2 << 13) | 4), EPERM);
    CHECK_ERR(CALL(sched_setscheduler, theirs, SCHED_OTHER, &param), EPERM);
    CHECK_ERR(CALL(sched_setparam, theirs, &param), EPERM);
    CHECK(CALL(sched_getaffinity, theirs, sizeof(set), &set) > 0);
    CHECK_ERR(CALL(sched_setaffinity, theirs, sizeof(set), &set), EPERM);
    CHECK_ERR(CALL(prlimit64, theirs, RLIMIT_NOFILE, NULL, &limit), EPERM);
    CHECK_ERR(CALL(process_vm_readv, theirs, text, 1, text, 1, 1), EINVAL);
    CHECK_ERR(CALL(pidfd_getfd, pidfd, 0, 0), EPERM);
    CHECK_ERR(CALL(pidfd_send_signal, pidfd, SIGTERM, NULL, 0), EPERM);
    CHECK_ERR(CALL(ptrace, 16 /* ATTACH */, theirs, 0, 0), EPERM);
    CHECK_ERR(CALL(process_vm_readv, theirs, &one, 1, &one, 1, 0), EPERM);
    CHECK_ERR(CALL(process_vm_writev, theirs, &one, 1, &one, 1, 0), EPERM);
    if (CALL(kcmp, getpid(), getpid(), 0, 0, 0) == 0) /* forbidden in some containers */
        CHECK_ERR(CALL(kcmp, getpid(), theirs, 1, 0, 0), EPERM);
    CHECK_ERR(CALL(get_robust_list, theirs, text, text + 16), EPERM);
}

/* What the owner of everything alone may. */
static void for_root_alone(void)
{
    struct rlimit limit = {0};
    struct timespec now = {0};
    struct timeval tv = {0};
    gid_t group = 0;
    struct timex change = {.modes = ADJ_FREQUENCY};
    struct clone_args args = {.exit_signal = SIGCHLD, .flags = CLONE_NEWNET};
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t times[3];
    } attr = {.size = 48, .nice = -20};

    CHECK_ERR(CALL(adjtimex, &change), EPERM);
    CHECK_ERR(CALL(clock_adjtime, CLOCK_REALTIME, &change), EPERM);
    CHECK_ERR(CALL(clone, CLONE_NEWNET | SIGCHLD, 0, 0, 0, 0), EPERM);
    CHECK_ERR(CALL(clone, CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0), EPERM);
    CHECK_ERR(CALL(unshare, CLONE_NEWNET), EPERM);
    CHECK_ERR(CALL(unshare, CLONE_NEWNS), EPERM);
    if (CALL(clone3, BAD, sizeof(args)) < 0 && errno != ENOSYS) { /* as in some containers */
        CHECK_ERR(CALL(clone3, &args, sizeof(args)), EPERM);
        args = (struct clone_args){.set_tid = (uintptr_t)&limit, .set_tid_size = 1};
        args.exit_signal = SIGCHLD;
        *(pid_t *)&limit = 300;
        CHECK_ERR(CALL(clone3, &args, sizeof(args)), EPERM);
    }
    CHECK_ERR(CALL(sched_setattr, 0, &attr, 0), EPERM);
    CHECK_ERR(CALL(prctl, PR_CAPBSET_DROP, 0, 0, 0, 0), EPERM);
    CHECK_ERR(CALL(prctl, PR_SET_SECUREBITS, 1, 0, 0, 0), EPERM);
    CHECK_ERR(CALL(prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 0, 0, 0), EPERM);
    CHECK_ERR(CALL(prctl, PR_SET_MM, PR_SET_MM_BRK, 0, 0, 0), EPERM);
    limit = (struct rlimit){0, 0};
    CHECK(getrlimit(RLIMIT_CORE, &limit) == 0);
    limit.rlim_max = limit.rlim_cur = 4096;
    CHECK(setrlimit(RLIMIT_CORE, &limit) == 0);
    limit.rlim_max = 8192;
    CHECK_ERR(CALL(setrlimit, RLIMIT_CORE, &limit), EPERM);
    CHECK_ERR(CALL(prlimit64, 0, RLIMIT_CORE, &limit, NULL), EPERM);
    CHECK_ERR(CALL(setpriority, PRIO_PROCESS, 0, -20), EACCES);
    CHECK_ERR(CALL(ioprio_set, 1, 0, 1 << 13), EPERM);
    CHECK_ERR(CALL(setuid, 0), EPERM);
    CHECK_ERR(CALL(setgid, 0), EPERM);
    CHECK_ERR(CALL(setreuid, 0, 0), EPERM);
    CHECK_ERR(CALL(setregid, 0, 0), EPERM);
    CHECK_ERR(CALL(setresuid, 0, 0, 0), EPERM);
    CHECK_ERR(CALL(setresgid, 0, 0, 0), EPERM);
    CHECK_ERR(CALL(setgroups, 1, &group), EPERM);
    CHECK_ERR(CALL(sethostname, "x", 1), EPERM);
    CHECK_ERR(CALL(setdomainname, "x", 1), EPERM);
    CHECK_ERR(CALL(clock_settime, CLOCK_REALTIME, &now), EPERM);
    CHECK_ERR(CALL(settimeofday, &tv, NULL), EPERM);
    CHECK_ERR(CALL(timerfd_create, CLOCK_REALTIME_ALARM, 0), EPERM);
    CHECK_ERR(CALL(mount, "none", "d", "tmpfs", 0, NULL), EPERM);
    CHECK_ERR(CALL(umount2, "d", 0), EPERM);
    CHECK_ERR(CALL(swapon, "own", 0), EPERM);
    CHECK_ERR(CALL(swapoff, "own"), EPERM);
    CHECK_ERR(CALL(reboot, 0, 0, 0, NULL), EPERM);
    CHECK_ERR(CALL(vhangup), EPERM);
    CHECK_ERR(CALL(mknod, "dev", S_IFCHR | 0600, 0x103), EPERM);
    CHECK_ERR(CALL(mknod, "dev", S_IFBLK | 0600, 0x103), EPERM);
}

static void locked_memory(void)
{
    struct rlimit limit = {0, 0};
    char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(setrlimit(RLIMIT_MEMLOCK, &limit) == 0);
    CHECK_ERR(CALL(mlock, p, 4096), EPERM);
    CHECK_ERR(CALL(mlockall, MCL_CURRENT), EPERM);
    CHECK_ERR(CALL(mmap, 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0),
              EPERM);
    CHECK_ERR(CALL(shmctl, 0x7ffffff, SHM_LOCK, NULL), EINVAL);
}

static void make_files(void)
{
    umask(0);
    close(open("f", O_CREAT | O_RDWR, 0644));
    close(open("theirs", O_CREAT | O_RDWR, 0666));
    close(open("closed", O_CREAT | O_RDWR, 0));
    mkdir("readonly", 0755);
    mkdir("readonly/d", 0755);
    close(open("readonly/f", O_CREAT | O_RDWR, 0644));
    mkdir("sticky", 01777);
    mkdir("sticky/d", 0777);
    close(open("sticky/f", O_CREAT | O_RDWR, 0666));
    mkdir("d", 0700);
    mkdir("d/e", 0777);
    chmod("d", 0);

    struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "closed.sock"};
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(bind(s, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(s, 1) == 0);
    chmod("closed.sock", 0);
    chmod("readonly", 0555);
    chmod(".", 0777);
}

static void without_rights(pid_t theirs)
{
    umask(0);
    close(open("own", O_CREAT | O_RDWR, 0644));
    searching("d/e", EACCES);
    searching("d/none", EACCES);
    sockets("d/s");
    writing();
    closed_file();
    if (theirs) {
        another_owner();
        another_process(theirs);
        for_root_alone();
        locked_memory();
    }
}

int main(void)
{
    pid_t root = getpid();

    make_files();
    if (geteuid()) {
        without_rights(0);
    } else {
        pid_t child = fork();
        int status;

        if (!child) {
            CHECK(setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0);
            CHECK(setresuid(NOBODY, NOBODY, NOBODY) == 0);
            without_rights(root);
            _exit(check_failures != 0);
        }
        CHECK(waitpid(child, &status, 0) == child && status == 0);
    }
    chmod("readonly", 0755);
    chmod("d", 0755);
    return check_result();
}
