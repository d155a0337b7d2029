#ifndef PGADOPT_CLIBSSH2_SHIM_H
#define PGADOPT_CLIBSSH2_SHIM_H
#include <libssh2.h>
#include <sys/eventfd.h>

/* Swift imports neither function-like macros nor casts between function and data pointers. */

typedef ssize_t (*pg_ssh2_recv_callback)(libssh2_socket_t, void *, size_t, int, void **);
typedef ssize_t (*pg_ssh2_send_callback)(libssh2_socket_t, const void *, size_t, int, void **);

static inline LIBSSH2_SESSION *pg_ssh2_session_init(void *abstract) {
  return libssh2_session_init_ex(NULL, NULL, NULL, abstract);
}
static inline void pg_ssh2_set_io(LIBSSH2_SESSION *s, pg_ssh2_recv_callback r, pg_ssh2_send_callback w) {
  libssh2_session_callback_set(s, LIBSSH2_CALLBACK_RECV, (void *)r);
  libssh2_session_callback_set(s, LIBSSH2_CALLBACK_SEND, (void *)w);
}
static inline LIBSSH2_CHANNEL *pg_ssh2_open_session(LIBSSH2_SESSION *s) { return libssh2_channel_open_session(s); }
static inline int pg_ssh2_exec(LIBSSH2_CHANNEL *c, const char *cmd) { return libssh2_channel_exec(c, cmd); }
static inline int pg_ssh2_disconnect(LIBSSH2_SESSION *s, const char *d) { return libssh2_session_disconnect(s, d); }
/* Glibc's module leaves <sys/eventfd.h> out. */
static inline int pg_wake_descriptor(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }
#endif
