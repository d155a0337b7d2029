#ifndef PGADOPT_CKERNEL_H
#define PGADOPT_CKERNEL_H
#include <stdint.h>
#include <sys/types.h>

/* Calls that Swift cannot import: variadic syscalls, fork, and struct-heavy timer calls.
 * All return -errno on failure. Syscall numbers are used instead of newer libc wrappers, so that the
 * binary keeps running on an old glibc. */

/* pidfd_open(2): Linux 5.3. The descriptor is close-on-exec. */
int ck_pidfd_open(pid_t pid, unsigned flags);
/* pidfd_send_signal(2): Linux 5.1. Signal 0 asks whether the process exists. */
int ck_pidfd_send_signal(int pidfd, int signal);
/* prctl(PR_SET_CHILD_SUBREAPER). */
int ck_set_child_subreaper(int on);
/* Nanoseconds on CLOCK_BOOTTIME. */
int64_t ck_boottime_ns(void);
/* A timer on CLOCK_BOOTTIME, non-blocking and close-on-exec. */
int ck_timerfd_boottime(void);
/* Fires at an absolute CLOCK_BOOTTIME nanosecond, at once when that is past; 0 disarms. */
int ck_timerfd_set(int fd, int64_t at_ns);
/* Keeps pages in memory once they have been touched (MCL_ONFAULT): small, where permitted. */
int ck_lock_memory(void);

/* accept4(2), non-blocking and close-on-exec; a peer that is neither our user nor root is turned away
 * with -EPERM (SO_PEERCRED, unix(7)). */
int ck_accept_own_user(int listener);

/* What a detached process is to be. */
struct ck_spawn {
    const char *path;
    char *const *argv;
    char *const *envp;
    const char *directory; /* NULL: unchanged */
    const char *log;       /* stdout and stderr, appended, created 0600 */
    int change_user;       /* 0: keep; else the three below are set, before the log is opened */
    uid_t uid;
    gid_t gid;
    const gid_t *groups;
    size_t group_count;
};

/* Starts a process that is not our child: double fork, own session, stdin /dev/null, no inherited
 * descriptor above 2, default signals, oom_score_adj 0. Returns its pid, or -errno of the step that failed. */
pid_t ck_spawn_detached(const struct ck_spawn *spawn);

/* Runs a program as a child, passes signals on to it, reaps every child, and returns the program's exit status
 * (128 + signal; 127: cannot be run). For a process without other threads. */
int ck_run_as_init(const char *path, char *const *argv);

#endif
