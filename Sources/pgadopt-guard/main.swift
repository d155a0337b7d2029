import Glibc
import Guard

exit(runGuard(arguments: Array(CommandLine.arguments.dropFirst())))
