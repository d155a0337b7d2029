# Sourced by demo and test, from the root of the repository.

# Hosts are booted by root. sudo loses PATH, in which the Swift toolchain is.
become_root() {
  [ "$(id -u)" = 0 ] || exec sudo env "PATH=$PATH" "CI=${CI:-}" "PGADOPT_LAB_FAULTS=${PGADOPT_LAB_FAULTS:-}" \
    "PGADOPT_LAB_KILLS=${PGADOPT_LAB_KILLS:-}" "$0" "$@"
}

require_swift() {
  command -v swift >/dev/null || {
    echo "$(basename "$0"): no swift in PATH; install the Swift 6 toolchain from https://swift.org/install" >&2
    exit 1
  }
}
