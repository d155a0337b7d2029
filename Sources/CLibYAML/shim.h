#ifndef PGADOPT_CLIBYAML_SHIM_H
#define PGADOPT_CLIBYAML_SHIM_H
#include <yaml.h>
#endif
