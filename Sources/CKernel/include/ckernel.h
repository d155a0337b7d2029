#ifndef PGADOPT_CKERNEL_H
#define PGADOPT_CKERNEL_H
#include <sys/types.h>

/* Calls that Swift cannot import: variadic syscalls and fork. All return -errno on failure. */

int ck_pidfd_open(pid_t pid, unsigned flags);

#endif
