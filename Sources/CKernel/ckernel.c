#define _GNU_SOURCE
#include "ckernel.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef MCL_ONFAULT
#define MCL_ONFAULT 4
#endif

static int negative_errno(long result) { return result < 0 ? -errno : (int)result; }

int ck_pidfd_open(pid_t pid, unsigned flags) { return negative_errno(syscall(SYS_pidfd_open, pid, flags)); }

int ck_pidfd_send_signal(int pidfd, int signal) {
    return negative_errno(syscall(SYS_pidfd_send_signal, pidfd, signal, (void *)0, 0u));
}

int ck_set_child_subreaper(int on) { return negative_errno(prctl(PR_SET_CHILD_SUBREAPER, (unsigned long)on, 0, 0, 0)); }

int64_t ck_boottime_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int ck_timerfd_boottime(void) { return negative_errno(timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC)); }

int ck_timerfd_set(int fd, int64_t at_ns) {
    struct itimerspec spec = {{0, 0}, {at_ns / 1000000000, at_ns % 1000000000}};
    return negative_errno(timerfd_settime(fd, TFD_TIMER_ABSTIME, &spec, NULL));
}

int ck_lock_memory(void) { return negative_errno(mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)); }

int ck_accept_own_user(int listener) {
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return -errno;
    struct ucred peer;
    socklen_t length = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && (peer.uid == geteuid() || peer.uid == 0))
        return fd;
    close(fd);
    return -EPERM;
}

/* Everything below runs between fork and exec of a process with threads: async-signal-safe calls only. */

static void close_from_three(void) {
    if (syscall(SYS_close_range, 3u, ~0u, 4u /* CLOSE_RANGE_CLOEXEC */) == 0) return;
    struct rlimit limit;
    int end = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < 65536 ? (int)limit.rlim_cur : 65536;
    for (int fd = 3; fd < end; fd++) fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static void reset_signals(void) {
    for (int s = 1; s < NSIG; s++) signal(s, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static int become_user(const struct ck_spawn *s) {
    if (!s->change_user) return 0;
    /* The raw calls act on this thread alone, which is the only one after fork. */
    if (syscall(SYS_setgroups, s->group_count, s->groups) < 0) return -1;
    if (syscall(SYS_setresgid, s->gid, s->gid, s->gid) < 0) return -1;
    return (int)syscall(SYS_setresuid, s->uid, s->uid, s->uid);
}

static void exec_or_report(const struct ck_spawn *s, int report) {
    reset_signals();
    int oom = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (oom >= 0) (void)!write(oom, "0", 1);
    umask(0077);
    int null = -1, log = -1;
    if (become_user(s) == 0 && (!s->directory || chdir(s->directory) == 0)
        && (null = open("/dev/null", O_RDONLY)) >= 0
        && (log = open(s->log, O_WRONLY | O_CREAT | O_APPEND, 0600)) >= 0
        && dup2(null, 0) >= 0 && dup2(log, 1) >= 0 && dup2(log, 2) >= 0) {
        close_from_three();
        execve(s->path, s->argv, s->envp);
    }
    int error = -errno;
    (void)!write(report, &error, sizeof error);
    _exit(127);
}

static ssize_t read_int(int fd, int *value) {
    ssize_t n;
    while ((n = read(fd, value, sizeof *value)) < 0 && errno == EINTR) {}
    return n;
}

pid_t ck_spawn_detached(const struct ck_spawn *s) {
    int report[2];
    if (pipe2(report, O_CLOEXEC) < 0) return -errno;
    /* Blocked signals keep a handler of the parent from running in the child before its reset. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t child = fork();
    if (child == 0) {
        setsid();
        pid_t grandchild = fork();
        if (grandchild == 0) {
            /* A session of its own for the process itself, so that no signal to a group can reach it. */
            setsid();
            exec_or_report(s, report[1]);
        }
        int value = grandchild < 0 ? -errno : grandchild;
        (void)!write(report[1], &value, sizeof value);
        _exit(0);
    }
    int fork_error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(report[1]);
    if (child < 0) {
        close(report[0]);
        return -fork_error;
    }
    /* Two writers, any order: the middle process tells a pid, the last one an error or (by exec) nothing. */
    int pid = -EIO, error = 0, value;
    while (read_int(report[0], &value) == (ssize_t)sizeof value) {
        if (value > 0) pid = value;
        else error = value;
    }
    close(report[0]);
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
    return error ? error : pid;
}
