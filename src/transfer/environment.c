#include "transfer/environment.h"

#include <stdlib.h>
#include <string.h>

char **hdx_environment_copy(char *const *environment) {
  size_t count = 0, bytes = 0;
  for (; environment && environment[count]; count++)
    bytes += strlen(environment[count]) + 1;
  char **copy = malloc((count + 1) * sizeof *copy + bytes);
  if (!copy)
    return NULL;
  char *to = (char *)(copy + count + 1);
  for (size_t i = 0; i < count; i++) {
    size_t size = strlen(environment[i]) + 1;
    copy[i] = memcpy(to, environment[i], size);
    to += size;
  }
  copy[count] = NULL;
  return copy;
}

void hdx_environment_free(char **environment) {
  for (char **variable = environment; variable && *variable; variable++)
    explicit_bzero(*variable, strlen(*variable));
  free(environment);
}

const char *hdx_environment_get(char *const *environment, const char *name) {
  size_t size = strlen(name);
  for (; environment && *environment; environment++)
    if (strncmp(*environment, name, size) == 0 && (*environment)[size] == '=')
      return *environment + size + 1;
  return "";
}
