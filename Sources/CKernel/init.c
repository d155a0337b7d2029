#define _GNU_SOURCE
#include "ckernel.h"
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int status_of(int wait_status) {
    return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

/* Every child that has ended; the program's status goes to *status. Returns whether the program was among them. */
static int reap(pid_t program, int *status) {
    int ended = 0, wait_status;
    pid_t pid;
    while ((pid = waitpid(-1, &wait_status, WNOHANG)) > 0) {
        if (pid == program) {
            *status = status_of(wait_status);
            ended = 1;
        }
    }
    return ended;
}

int ck_run_as_init(const char *path, char *const *argv) {
    const int passed_on[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCONT, SIGWINCH};
    sigset_t waited, before;
    sigemptyset(&waited);
    sigaddset(&waited, SIGCHLD);
    for (unsigned i = 0; i < sizeof passed_on / sizeof *passed_on; i++) sigaddset(&waited, passed_on[i]);
    sigprocmask(SIG_BLOCK, &waited, &before);
    pid_t program = fork();
    if (program < 0) return 127;
    if (program == 0) {
        sigprocmask(SIG_SETMASK, &before, NULL);
        execve(path, argv, environ);
        _exit(127);
    }
    int status = 127;
    for (;;) {
        siginfo_t info;
        int number = sigwaitinfo(&waited, &info);
        if (number < 0) continue;
        if (number == SIGCHLD) {
            if (reap(program, &status)) break;
        } else {
            kill(program, number);
        }
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    return status;
}
