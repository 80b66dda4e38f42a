/* Text that a program maps for itself, as emulators and valgrind do, is that of the file, however
 * often the file has been run. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define RUNS 8

static void run(const char *program)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        execl(program, program, (char *)NULL);
        _exit(1);
    }
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
}

/* Each executable segment of the file, mapped and read. */
static void compare(const char *path)
{
    int fd = open(path, O_RDONLY);
    struct stat st;

    CHECK(fd >= 0 && fstat(fd, &st) == 0);
    char *bytes = malloc((size_t)st.st_size);
    CHECK(bytes && pread(fd, bytes, (size_t)st.st_size, 0) == st.st_size);
    const ElfW(Ehdr) *header = (void *)bytes;
    const ElfW(Phdr) *segment = (void *)(bytes + header->e_phoff);
    for (int i = 0; i < header->e_phnum; i++, segment++) {
        size_t skew = segment->p_offset % 4096, len = segment->p_filesz + skew;
        if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_X))
            continue;
        char *text = mmap(NULL, len, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd,
                          (off_t)(segment->p_offset - skew));
        CHECK(text != MAP_FAILED && memcmp(text, bytes + segment->p_offset - skew, len) == 0);
        munmap(text, len);
    }
    free(bytes);
    close(fd);
}

static int name_library(struct dl_phdr_info *info, size_t size, void *path)
{
    (void)size;
    if (strstr(info->dlpi_name, "libc.so"))
        *(const char **)path = info->dlpi_name;
    return 0;
}

int main(void)
{
    const char *library = NULL;

    for (int i = 0; i < RUNS; i++)
        run("/bin/true");
    dl_iterate_phdr(name_library, &library);
    CHECK(library);
    compare("/lib64/ld-linux-x86-64.so.2");
    compare(library);
    compare("/bin/true");
    return check_result();
}
