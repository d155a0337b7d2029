#ifndef PGADOPT_CLIBSSH2_SHIM_H
#define PGADOPT_CLIBSSH2_SHIM_H
#include <libssh2.h>
#endif
