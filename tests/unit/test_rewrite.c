/* The instruction decoder and the planning of system-call sites, on hand-made code and on
 * all of the C library, where objdump says what is right. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <gnu/lib-names.h>
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../pal/rewrite_plan.h"

/* ---- hand-made code --------------------------------------------------------- */

struct sample {
    const char *what, *bytes;
    size_t length;
};
#define SAMPLE(what, bytes)                                                                        \
    {                                                                                              \
        what, bytes, sizeof(bytes) - 1                                                             \
    }

static const struct sample samples[] = {
    SAMPLE("nop", "\x90"),
    SAMPLE("xor eax, eax", "\x31\xc0"),
    SAMPLE("mov eax, imm32", "\xb8\x01\0\0\0"),
    SAMPLE("mov rax, imm64", "\x48\xb8\1\2\3\4\5\6\7\x8"),
    SAMPLE("mov ax, imm16", "\x66\xb8\1\2"),
    SAMPLE("mov rax, imm32 with a useless 66", "\x66\x48\xc7\xc0\1\0\0\0"),
    SAMPLE("test byte [rdi], imm8", "\xf6\x07\x01"),
    SAMPLE("not byte [rdi]", "\xf6\x17"),
    SAMPLE("test [rip], imm32", "\xf7\x05\1\0\0\0\2\0\0\0"),
    SAMPLE("[rax*8 + disp32]", "\x8b\x04\xc5\1\2\3\4"),
    SAMPLE("[rsp + disp8]", "\x48\x8b\x44\x24\x10"),
    SAMPLE("moffs64", "\x48\xa1\1\2\3\4\5\6\7\x8"),
    SAMPLE("moffs with 67", "\x67\xa1\1\2\3\4"),
    SAMPLE("enter", "\xc8\1\0\0"),
    SAMPLE("call with data16 prefixes", "\x66\x66\x48\xe8\1\2\3\4"),
    SAMPLE("vzeroupper", "\xc5\xf8\x77"),
    SAMPLE("vpshufd ymm, ymm, imm8", "\xc5\xfd\x70\xc0\x1b"),
    SAMPLE("vpinsrb", "\xc4\xe3\x79\x20\xc0\1"),
    SAMPLE("vmovdqu64 zmm, [rsi + disp8*64]", "\x62\xf1\xfe\x48\x6f\x46\x01"),
    SAMPLE("vpternlogq zmm", "\x62\xf3\xf5\x48\x25\xc1\x96"),
    SAMPLE("pshufb mm", "\x0f\x38\x00\xc1"),
    SAMPLE("palignr xmm", "\x66\x0f\x3a\x0f\xc1\x08"),
    SAMPLE("long nop", "\x66\x2e\x0f\x1f\x84\0\0\0\0\0"),
    SAMPLE("endbr64", "\xf3\x0f\x1e\xfa"),
    SAMPLE("lock cmpxchg16b", "\xf0\x48\x0f\xc7\x0f"),
    SAMPLE("pop [rax]", "\x8f\x00"),
    SAMPLE("xbegin", "\xc7\xf8\0\0\0\0"),
};

static void lengths(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        const struct sample *s = &samples[i];
        uint8_t code[32];
        memset(code, 0x90, sizeof(code));
        memcpy(code, s->bytes, s->length);
        if (insn_decode(code, sizeof(code)).length != s->length)
            fail_msg("%s: %u bytes, not %zu", s->what, insn_decode(code, sizeof(code)).length,
                     s->length);
        for (size_t n = 0; n < s->length; n++) /* cut off */
            assert_int_equal(insn_decode(code, n).length, 0);
    }
}

/* Sanitizers see a read past the end of the exactly sized buffer. */
static void random_bytes_stay_inside(void **state)
{
    (void)state;
    srand(5);
    for (int i = 0; i < 200000; i++) {
        size_t n = (size_t)rand() % 18;
        uint8_t *p = malloc(n ? n : 1);
        for (size_t k = 0; k < n; k++)
            p[k] = (uint8_t)rand();
        struct insn in = insn_decode(p, n);
        assert_true(in.length <= n && in.length <= 15);
        free(p);
    }
}

static bool plan(const char *bytes, size_t len, size_t site, struct rewrite_plan *out)
{
    return rewrite_plan((const uint8_t *)bytes, len, 0x1000, 0x1000 + site, out);
}
#define PLAN(bytes, site, out) plan(bytes, sizeof(bytes) - 1, site, out)

static void plans(void **state)
{
    struct rewrite_plan p;

    (void)state;
    /* push; mov $1, %eax; syscall; ret */
    assert_true(PLAN("\x53\xb8\x01\0\0\0\x0f\x05\xc3", 6, &p));
    assert_true(p.count == 1 && !p.split && p.at[1] == 5 && p.patch == 0x1001);
    /* mov %rcx, %rsi; mov %rbx, %rdi; syscall */
    assert_true(PLAN("\x48\x89\xce\x48\x89\xdf\x0f\x05", 6, &p));
    assert_true(p.count == 2 && p.split && p.at[1] == 3 && p.at[2] == 6 && p.patch == 0x1000);
    /* cmpb $0, 0x10(%rip); je +4; xor %eax, %eax; syscall: as glibc's read begins */
    assert_true(PLAN("\x80\x3d\x10\0\0\0\0\x74\x04\x31\xc0\x0f\x05", 11, &p));
    assert_true(p.count == 3 && !p.split && p.at[1] == 7 && p.at[2] == 9 && p.at[3] == 11);
    /* a jump to behind the changed instruction does no harm: its bytes stay */
    assert_true(PLAN("\x80\x3d\x10\0\0\0\0\x74\x04\x31\xc0\x0f\x05\xeb\xfa", 11, &p));
    /* too short: xor %eax, %eax; syscall at the start of a function */
    assert_false(PLAN("\x31\xc0\x0f\x05", 2, &p));
    /* relative to itself: mov 1(%rip), %eax */
    assert_true(PLAN("\x90\x8b\x05\1\0\0\0\x0f\x05", 7, &p));
    /* a call before it */
    assert_false(PLAN("\xe8\1\0\0\0\x0f\x05", 5, &p));
    /* jmp into the boundary between two stolen ones: jmp +3; mov; mov; syscall */
    assert_false(PLAN("\xeb\x03\x48\x89\xce\x48\x89\xdf\x0f\x05", 8, &p));
    /* jmp to the first of them, or to the syscall itself, is fine */
    assert_true(PLAN("\xeb\x00\x48\x89\xce\x48\x89\xdf\x0f\x05", 8, &p));
    assert_true(PLAN("\xeb\x06\x48\x89\xce\x48\x89\xdf\x0f\x05", 8, &p));
    /* a jump behind the site back into the boundary: jmp -7 */
    assert_false(PLAN("\x48\x89\xce\x48\x89\xdf\x0f\x05\xeb\xf9", 6, &p));
    /* a jump through a table may lead between two, but not into one instruction */
    assert_false(PLAN("\xff\xe0\x48\x89\xce\x48\x89\xdf\x0f\x05", 8, &p));
    assert_true(PLAN("\xff\xe0\xb8\x01\0\0\0\x0f\x05", 7, &p));
    /* CPUID as well: mov $0x80000000, %eax; cpuid */
    assert_true(PLAN("\xb8\0\0\0\x80\x0f\xa2", 5, &p));
    assert_true(p.count == 1 && !p.split && p.patch == 0x1000);
    /* but nothing else: rdtsc would be two bytes, too */
    assert_false(PLAN("\xb8\0\0\0\x80\x0f\x31", 5, &p));
    /* 0f 05 inside another instruction is no site */
    assert_false(PLAN("\xb8\x01\0\0\0\xb8\x0f\x05\0\0", 6, &p));
}

/* Moved instructions read the same: displacements and short jumps follow. */
static void moves(void **state)
{
    static const uint8_t code[] = "\x80\x3d\x10\0\0\0\0\x74\x04\x31\xc0\x0f\x05";
    uint8_t out[64], moved[STOLEN_MAX + 1];
    struct rewrite_plan p;

    (void)state;
    assert_true(rewrite_plan(code, sizeof(code) - 1, 0x1000, 0x100b, &p));
    assert_int_equal(rewrite_move(&p, code, 0x2000, out, sizeof(out), moved), 15);
    assert_memory_equal(out, "\x80\x3d\x10\xf0\xff\xff\0\x0f\x84\x00\xf0\xff\xff\x31\xc0", 15);
    assert_true(moved[0] == 0 && moved[1] == 7 && moved[2] == 13 && moved[3] == 15);
    assert_int_equal(rewrite_move(&p, code, 0x200000000, out, sizeof(out), moved), 0);
}

/* ---- the C library ------------------------------------------------------------- */

static struct {
    uint8_t *bytes; /* the file */
    size_t size;
    uint64_t *insn; /* addresses of instructions, ascending, as objdump says */
    bool *bad;      /* objdump couldn't decode it */
    size_t count;
    uint64_t *site; /* of `syscall` */
    size_t sites;
} libc;

static char libc_path[4096];

static int find_libc(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    (void)data;
    if (strstr(info->dlpi_name, LIBC_SO))
        snprintf(libc_path, sizeof(libc_path), "%s", info->dlpi_name);
    return 0;
}

static void read_objdump(void)
{
    char command[4200], *line = NULL;
    size_t n = 0, cap = 1 << 20;

    snprintf(command, sizeof(command), "objdump -d -w --no-show-raw-insn -j .text %s 2>/dev/null",
             libc_path);
    FILE *f = popen(command, "r");
    libc.insn = malloc(cap * sizeof(*libc.insn));
    libc.bad = malloc(cap);
    libc.site = malloc(4096 * sizeof(*libc.site));
    while (f && getline(&line, &n, f) > 0 && libc.count < cap) {
        char *end;
        uint64_t addr = strtoull(line, &end, 16);
        if (*line != ' ' || *end != ':')
            continue;
        libc.bad[libc.count] = strstr(end, "(bad)") || strstr(end, "rex.W\n");
        libc.insn[libc.count++] = addr;
        if (!strncmp(end, ":\tsyscall", 9) && libc.sites < 4096)
            libc.site[libc.sites++] = addr;
    }
    free(line);
    if (f)
        pclose(f);
}

static int load_libc(void **state)
{
    struct stat st;

    (void)state;
    dl_iterate_phdr(find_libc, NULL);
    int fd = open(libc_path, O_RDONLY);
    if (fd < 0 || fstat(fd, &st) < 0)
        return 0;
    libc.size = (size_t)st.st_size;
    libc.bytes = mmap(NULL, libc.size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    read_objdump();
    return 0;
}

/* File offset of an address: .text's segment is all that is asked for. */
static uint64_t to_offset(uint64_t vaddr)
{
    const Elf64_Ehdr *e = (const void *)libc.bytes;
    const Elf64_Phdr *p = (const void *)(libc.bytes + e->e_phoff);

    for (int i = 0; i < e->e_phnum; i++) {
        if (p[i].p_type == PT_LOAD && vaddr - p[i].p_vaddr < p[i].p_filesz)
            return vaddr - p[i].p_vaddr + p[i].p_offset;
    }
    return 0;
}

static void agrees_with_objdump(void **state)
{
    size_t wrong = 0;

    (void)state;
    if (!libc.count)
        skip();
    for (size_t i = 0; i + 1 < libc.count; i++) {
        uint64_t length = libc.insn[i + 1] - libc.insn[i];
        uint64_t off = to_offset(libc.insn[i]);
        if (libc.bad[i] || length > 15)
            continue;
        if (insn_decode(libc.bytes + off, libc.size - off).length != length && wrong++ < 10)
            print_message("# %lx: %u bytes, objdump says %lu\n", libc.insn[i],
                          insn_decode(libc.bytes + off, libc.size - off).length, length);
    }
    print_message("# %zu instructions of %s\n", libc.count, libc_path);
    assert_int_equal(wrong, 0);
}

static long read_libc(void *ctx, uint64_t offset, void *buf, size_t n)
{
    (void)ctx;
    if (offset > libc.size)
        return -1;
    n = n < libc.size - offset ? n : libc.size - offset;
    memcpy(buf, libc.bytes + offset, n);
    return (long)n;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static bool is_boundary(uint64_t vaddr)
{
    return bsearch(&vaddr, libc.insn, libc.count, sizeof(vaddr), compare);
}

static void sites_of_libc(void **state)
{
    struct code_reader r = {read_libc, NULL, libc.size};
    size_t one = 0, two = 0, unknown = 0;

    (void)state;
    if (!libc.sites)
        skip();
    for (size_t i = 0; i < libc.sites; i++) {
        uint64_t off = to_offset(libc.site[i]), bias = libc.site[i] - off, start, end;
        struct rewrite_plan p;
        if (!code_range(&r, off, &start, &end)) {
            unknown++;
            continue;
        }
        assert_true(start <= off && off < end && end <= libc.size);
        if (!rewrite_plan(libc.bytes + start, end - start, start, off, &p))
            continue;
        if (!is_boundary(p.patch + bias))
            fail_msg("site %lx: patch at %lx is no boundary", libc.site[i], p.patch + bias);
        assert_true(p.patch + p.at[p.count] == off && p.at[p.count] >= 5);
        assert_true(p.split || p.at[1] >= 5);
        *(p.split ? &two : &one) += 1;
    }
    print_message(
        "# %zu sites: %zu within one instruction, %zu over two, %zu of unknown functions\n",
        libc.sites, one, two, unknown);
    assert_true((one + two) * 10 >= libc.sites * 9);
}

/* What unwinders recognise signal frames by stays as it is. */
static void signal_return_is_left_alone(void **state)
{
    static const uint8_t restorer[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};
    struct code_reader r = {read_libc, NULL, libc.size};
    uint64_t start, end;
    uint8_t *at = libc.bytes ? memmem(libc.bytes, libc.size, restorer, sizeof(restorer)) : NULL;

    (void)state;
    if (!at)
        skip();
    uint64_t site = (uint64_t)(at - libc.bytes) + 7;
    struct rewrite_plan p;
    assert_false(code_range(&r, site, &start, &end) &&
                 rewrite_plan(libc.bytes + start, end - start, start, site, &p));
}

/* Damaged files: whatever the tables say, nothing is read outside the file. */
static long read_damaged(void *ctx, uint64_t offset, void *buf, size_t n)
{
    unsigned *seed = ctx;
    long got = read_libc(NULL, offset, buf, n);

    assert_true(offset <= libc.size && n <= libc.size - offset);
    for (long i = 0; i < got; i++) {
        if ((*seed = *seed * 1103515245 + 12345) >> 16 & 7)
            continue;
        ((uint8_t *)buf)[i] ^= (uint8_t)(1u << (*seed >> 20 & 7));
    }
    return got;
}

static void damaged_tables(void **state)
{
    (void)state;
    if (!libc.sites)
        skip();
    for (unsigned round = 1; round < 20000; round++) {
        unsigned seed = round * 7919;
        struct code_reader r = {read_damaged, &seed, libc.size};
        uint64_t start, end, off = to_offset(libc.site[round % libc.sites]);
        if (code_range(&r, off, &start, &end))
            assert_true(start <= off && off < end);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths),
        cmocka_unit_test(random_bytes_stay_inside),
        cmocka_unit_test(plans),
        cmocka_unit_test(moves),
        cmocka_unit_test(agrees_with_objdump),
        cmocka_unit_test(sites_of_libc),
        cmocka_unit_test(signal_return_is_left_alone),
        cmocka_unit_test(damaged_tables),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, load_libc, NULL);
}
