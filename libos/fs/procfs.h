/* What the files of /proc share.  fs/proc.c
 *
 * The proc_*() accessors find the process again at every use and take references under
 * its lock; they answer NULL when it is gone or has let go of the thing (zombie).
 */
#ifndef LIBOS_FS_PROCFS_H
#define LIBOS_FS_PROCFS_H

#include "mm.h"
#include "pseudo.h"

/* False if p is about a process or thread that is no more. */
bool proc_alive(const struct pseudo *p);
struct process *proc_get(const struct pseudo *p); /* process_put() it */
u32 proc_thread_count(const struct pseudo *p);
struct mm *proc_mm(const struct pseudo *p);       /* mm_put() */
struct fs_ctx *proc_fs(const struct pseudo *p);   /* fs_ctx_put() */
struct files *proc_files(const struct pseudo *p); /* files_put() */
/* Copies the cwd (root == false) or root of the process; 0 or -errno. */
long proc_fs_path(const struct pseudo *p, bool root, struct path_s *out);
void proc_owner(const struct pseudo *p, u32 *uid, u32 *gid);
/* May the caller look into the process's memory and descriptors?  0 or -EACCES. */
long proc_may_access(const struct pseudo *p);
/* The thread meant (the leader for a process), with proc->lock held; NULL: unlocked. */
struct thread *proc_lock_thread(const struct pseudo *p, struct process **proc);
void proc_unlock_thread(struct process *proc);

/* "R", "S" ...: and the name in status. */
char proc_state(const struct process *proc, const struct thread *t);

/* A number written to a file: *err is 0 or -EINVAL. */
s64 pseudo_number(const char *text, s64 min, s64 max, long *err);

/* Text of a read-only host stream ("host:loadavg"), NUL-terminated; its length or -errno. */
long host_text(const char *uri, char *buf, size_t len);

/* CPU time in ns of the thread meant, or of the whole process; holding no lock. */
struct cpu_use {
    u64 user, system;
};
long proc_cpu(const struct pseudo *p, struct cpu_use *use);

/* Sizes of a process in bytes. */
struct mem_use {
    u64 total, resident, anon, file, shmem, data, stack, text, lib, locked, peak;
    u64 guessed_anon, guessed_file; /* what the mappings alone would say */
};
void proc_mem_use(const struct pseudo *p, struct mem_use *use); /* zeros for a zombie */
/* The part of a mapping that is thought to be in memory, in bytes. */
u64 vma_resident(const struct vma *v, const struct mem_use *use);
bool vma_private_data(const struct vma *v);

/* Memory of the whole sandbox in bytes. */
struct mem_info {
    u64 total, free, shmem, anon, slab;
};
void system_memory(struct mem_info *m);
u32 count_processes(u32 *threads, u32 *running);

/* Characters of `escape` become \\ooo. */
void text_escaped(struct textbuf *b, const char *s, const char *escape);

extern const struct pseudo_node proc_root_table[], proc_pid_table[], proc_tid_table[],
    proc_sys_table[], proc_net_table[], proc_ns_table[];
extern const struct pseudo_dir proc_task_dir, proc_fd_dir, proc_fdinfo_dir;

/* Shown by several directories. */
long proc_show_mounts(const struct pseudo *p, struct textbuf *b);
long proc_show_mountinfo(const struct pseudo *p, struct textbuf *b);
long proc_show_mountstats(const struct pseudo *p, struct textbuf *b);
long proc_show_maps(const struct pseudo *p, struct textbuf *b);
long proc_show_smaps(const struct pseudo *p, struct textbuf *b);
long proc_show_smaps_rollup(const struct pseudo *p, struct textbuf *b);
long proc_show_stat(const struct pseudo *p, struct textbuf *b);
long proc_show_statm(const struct pseudo *p, struct textbuf *b);
long proc_show_status(const struct pseudo *p, struct textbuf *b);
long proc_show_limits(const struct pseudo *p, struct textbuf *b);
long proc_show_sched(const struct pseudo *p, struct textbuf *b);
long proc_show_cmdline(const struct pseudo *p, struct textbuf *b);
long proc_show_environ(const struct pseudo *p, struct textbuf *b);
long proc_show_auxv(const struct pseudo *p, struct textbuf *b);
long proc_link_exe(const struct pseudo *p, char *buf, size_t len);
long proc_follow_exe(const struct pseudo *p, struct path_s *out);
long proc_link_fs(const struct pseudo *p, char *buf, size_t len); /* arg 1: root */
long proc_follow_fs(const struct pseudo *p, struct path_s *out);
long proc_link_self(const struct pseudo *p, char *buf, size_t len);
long proc_link_thread_self(const struct pseudo *p, char *buf, size_t len);
extern const struct file_ops proc_mem_fops, proc_pagemap_fops;

#endif
