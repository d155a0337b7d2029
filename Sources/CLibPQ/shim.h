#ifndef PGADOPT_CLIBPQ_SHIM_H
#define PGADOPT_CLIBPQ_SHIM_H
/* Found without pkg-config, so that the same file serves the host and a sysroot. */
#if __has_include(<libpq-fe.h>)
#include <libpq-fe.h>
#else
#include <postgresql/libpq-fe.h>
#endif
#endif
