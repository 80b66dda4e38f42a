/* System V shared memory: attaching, sharing over fork, counts over fork, exec and exit,
 * read-only and replacing attachments, removal, permissions. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define PAGE 4096UL

static long attached(int id)
{
    struct shmid_ds ds;

    return shmctl(id, IPC_STAT, &ds) ? -1 : (long)ds.shm_nattch;
}

static int wait_child(pid_t pid)
{
    int status;

    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void keys(void)
{
    key_t key = 0x5e600000 + (getpid() & 0xffff);
    int id, other;

    CHECK_ERR(shmget(key, PAGE, 0600), ENOENT);
    id = shmget(key, 5000, IPC_CREAT | 0600);
    CHECK(id >= 0);
    CHECK(shmget(key, 100, 0600) == id);
    CHECK(shmget(key, 0, 0) == id);
    CHECK(shmget(key, 5000, IPC_CREAT | 0600) == id);
    CHECK_ERR(shmget(key, 5000, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
    CHECK_ERR(shmget(key, 5001, 0600), EINVAL);
    CHECK_ERR(shmget(IPC_PRIVATE, 0, 0600), EINVAL);
    CHECK(shmctl(id, IPC_RMID, NULL) == 0);
    CHECK_ERR(shmget(key, PAGE, 0600), ENOENT);
    CHECK_ERR(shmctl(id, IPC_RMID, NULL), EINVAL);
    CHECK_ERR(shmat(id, NULL, 0), EINVAL);
    other = shmget(key, PAGE, IPC_CREAT | 0600);
    CHECK(other >= 0 && other != id);
    CHECK(shmctl(other, IPC_RMID, NULL) == 0);
    CHECK_ERR(shmctl(-1, IPC_RMID, NULL), EINVAL);
}

static void contents(void)
{
    int id = shmget(IPC_PRIVATE, 3 * PAGE, 0640);
    char *a = shmat(id, NULL, 0), *b = shmat(id, NULL, 0);
    struct shmid_ds ds;

    CHECK(a != (void *)-1 && b != (void *)-1 && a != b);
    CHECK(a[0] == 0 && a[3 * PAGE - 1] == 0);
    strcpy(a + PAGE, "shared");
    CHECK(!strcmp(b + PAGE, "shared"));
    CHECK(shmctl(id, IPC_STAT, &ds) == 0);
    CHECK(ds.shm_segsz == 3 * PAGE && ds.shm_nattch == 2 && ds.shm_cpid == getpid());
    CHECK(ds.shm_lpid == getpid() && ds.shm_atime && !ds.shm_dtime && ds.shm_ctime);
    CHECK((ds.shm_perm.mode & 0777) == 0640 && ds.shm_perm.cuid == geteuid());
    CHECK(shmdt(b) == 0);
    CHECK_ERR(shmdt(b), EINVAL);
    CHECK_ERR(shmdt(a + PAGE), EINVAL);
    CHECK_ERR(shmdt(a + 1), EINVAL);
    ds.shm_perm.mode = 0600;
    CHECK(shmctl(id, IPC_SET, &ds) == 0);
    CHECK(shmctl(id, IPC_STAT, &ds) == 0);
    CHECK((ds.shm_perm.mode & 0777) == 0600 && ds.shm_dtime && ds.shm_nattch == 1);
    /* pieces of an attachment count, and go together */
    CHECK(mprotect(a + PAGE, PAGE, PROT_READ) == 0);
    CHECK(attached(id) == 3);
    CHECK(munmap(a + 2 * PAGE, PAGE) == 0);
    CHECK(attached(id) == 2);
    CHECK(shmdt(a) == 0);
    CHECK(attached(id) == 0);
    a = shmat(id, NULL, 0);
    CHECK(!strcmp(a + PAGE, "shared"));
    CHECK(shmdt(a) == 0);
    CHECK(shmctl(id, IPC_RMID, NULL) == 0);
}

static sigjmp_buf jump;

static void on_fault(int sig) { siglongjmp(jump, sig); }

static void places(void)
{
    int id = shmget(IPC_PRIVATE, 2 * PAGE, 0600);
    char *hole = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *a, *r;

    CHECK_ERR(shmat(id, hole, 0), EINVAL);
    CHECK_ERR(shmat(id, hole + 1, 0), EINVAL);
    CHECK_ERR(shmat(id, NULL, SHM_REMAP), EINVAL);
    CHECK(shmat(id, hole, SHM_REMAP) == hole);
    CHECK(shmat(id, hole + 2 * PAGE + 5, SHM_REMAP | SHM_RND) == hole + 2 * PAGE);
    hole[0] = 'x';
    CHECK(hole[2 * PAGE] == 'x' && attached(id) == 2);
    CHECK(shmdt(hole) == 0 && attached(id) == 1);
    a = shmat(id, hole, 0);
    CHECK(a == hole && attached(id) == 2);
    r = shmat(id, NULL, SHM_RDONLY);
    CHECK(r[0] == 'x');
    signal(SIGSEGV, on_fault);
    if (!sigsetjmp(jump, 1)) {
        *(volatile char *)r = 'y';
        CHECK(0);
    }
    CHECK(r[0] == 'x');
    CHECK_ERR(mprotect(r, PAGE, PROT_READ | PROT_WRITE), EACCES);
    CHECK(shmdt(r) == 0);
    if (!sigsetjmp(jump, 1)) {
        CHECK(*(volatile char *)r == 0);
        CHECK(0);
    }
    signal(SIGSEGV, SIG_DFL);
    CHECK(shmdt(a) == 0 && shmdt(hole + 2 * PAGE) == 0 && attached(id) == 0);
    CHECK(shmctl(id, IPC_RMID, NULL) == 0);
}

static void processes(char *self)
{
    int id = shmget(IPC_PRIVATE, PAGE, 0600), go[2], done[2];
    volatile char *a = shmat(id, NULL, 0);
    struct shmid_ds ds;
    char c;
    pid_t pid;

    CHECK(pipe(go) == 0 && pipe(done) == 0);
    pid = fork();
    if (!pid) {
        a[0] = 'c';
        write(done[1], "x", 1);
        read(go[0], &c, 1);
        _exit(a[1] == 'p' ? 0 : 1);
    }
    CHECK(read(done[0], &c, 1) == 1);
    CHECK(a[0] == 'c' && attached(id) == 2);
    a[1] = 'p';
    CHECK(write(go[1], "x", 1) == 1);
    CHECK(wait_child(pid) == 0);
    CHECK(shmctl(id, IPC_STAT, &ds) == 0);
    CHECK(ds.shm_nattch == 1 && ds.shm_lpid == pid && ds.shm_cpid == getpid());
    pid = fork();
    if (!pid) {
        char text[16];

        snprintf(text, sizeof(text), "%d", id);
        execl(self, self, text, NULL);
        _exit(9);
    }
    CHECK(wait_child(pid) == 0); /* it saw one attachment: ours */
    CHECK(attached(id) == 1);
    /* a removed segment lives while attached, children get it, and new attachments too */
    CHECK(shmctl(id, IPC_RMID, NULL) == 0);
    CHECK(shmctl(id, IPC_STAT, &ds) == 0 && (ds.shm_perm.mode & SHM_DEST) &&
          ds.shm_perm.__key == 0);
    pid = fork();
    if (!pid) {
        char *again = shmat(id, NULL, 0);

        _exit(again != (void *)-1 && again[0] == 'c' && attached(id) == 3 ? 0 : 1);
    }
    CHECK(wait_child(pid) == 0);
    CHECK(attached(id) == 1 && a[0] == 'c');
    CHECK(shmdt((char *)a) == 0);
    CHECK_ERR(shmctl(id, IPC_STAT, &ds), EINVAL);
}

static void killed(void)
{
    int id = shmget(IPC_PRIVATE, PAGE, 0600), status;
    pid_t pid = fork();

    if (!pid) {
        shmat(id, NULL, 0);
        kill(getpid(), SIGKILL);
    }
    CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
    CHECK(attached(id) == 0);
    CHECK(shmctl(id, IPC_RMID, NULL) == 0);
}

static void information(void)
{
    int id = shmget(IPC_PRIVATE, 10 * PAGE, 0600), last, found = 0;
    struct shminfo limits;
    struct shm_info usage;
    struct shmid_ds ds;

    CHECK(shmctl(0, IPC_INFO, (struct shmid_ds *)&limits) >= 0);
    CHECK(limits.shmmni == 4096 && limits.shmmin == 1);
    last = shmctl(0, SHM_INFO, (struct shmid_ds *)&usage);
    CHECK(last >= 0 && usage.used_ids >= 1 && usage.shm_tot >= 10);
    for (int i = 0; i <= last; i++)
        found += shmctl(i, SHM_STAT, &ds) == id && ds.shm_segsz == 10 * PAGE;
    CHECK(found == 1);
    CHECK_ERR(shmctl(id, 77, &ds), EINVAL);
    CHECK_ERR(shmctl(id, IPC_STAT, (void *)8), EFAULT);
    CHECK_ERR(shmctl(id, IPC_SET, (void *)8), EFAULT);
    CHECK(shmctl(id, SHM_LOCK, NULL) == 0 && shmctl(id, IPC_STAT, &ds) == 0);
    CHECK(ds.shm_perm.mode & SHM_LOCKED);
    CHECK(shmctl(id, SHM_UNLOCK, NULL) == 0 && shmctl(id, IPC_STAT, &ds) == 0);
    CHECK(!(ds.shm_perm.mode & SHM_LOCKED));
    CHECK(shmctl(id, IPC_RMID, NULL) == 0);
}

/* As somebody else: nothing that the mode doesn't give. */
static void permissions(void)
{
    int id, shut;
    pid_t pid;

    if (geteuid())
        return;
    id = shmget(IPC_PRIVATE, PAGE, 0604);
    shut = shmget(IPC_PRIVATE, PAGE, 0600);
    pid = fork();
    if (!pid) {
        struct shmid_ds ds;

        CHECK(setgid(12345) == 0 && setuid(12345) == 0);
        CHECK(shmat(id, NULL, SHM_RDONLY) != (void *)-1);
        CHECK_ERR(shmat(id, NULL, 0), EACCES);
        CHECK_ERR(shmat(shut, NULL, SHM_RDONLY), EACCES);
        CHECK(shmctl(id, IPC_STAT, &ds) == 0);
        CHECK_ERR(shmctl(shut, IPC_STAT, &ds), EACCES);
        CHECK_ERR(shmctl(id, IPC_SET, &ds), EPERM);
        CHECK_ERR(shmctl(id, IPC_RMID, NULL), EPERM);
        _exit(check_failures != 0);
    }
    CHECK(wait_child(pid) == 0);
    CHECK(shmctl(id, IPC_RMID, NULL) == 0 && shmctl(shut, IPC_RMID, NULL) == 0);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return attached(atoi(argv[1])) == 1 ? 0 : 1;
    keys();
    contents();
    places();
    processes(argv[0]);
    killed();
    information();
    permissions();
    return check_result();
}
