#include "base/library.h"

#include "base/error.h"

#include <dlfcn.h>

enum hdx_status hdx_library_load(const char *file, const char *const *symbols, void *const *functions, size_t count,
                                 struct hdx_error *error) {
  void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return hdx_error_set(error, HDX_IO, "%s cannot be loaded: %s", file, dlerror());
  for (size_t i = 0; i < count; i++) {
    void *address = dlsym(library, symbols[i]);
    if (!address)
      return hdx_error_set(error, HDX_INTERNAL, "%s has no %s: a newer one is needed", file, symbols[i]);
    *(void **)functions[i] = address; /* as POSIX has functions taken from dlsym */
  }
  return HDX_OK;
}

enum hdx_status hdx_library_need(struct hdx_library *library, struct hdx_error *error) {
  if (atomic_load(&library->loaded))
    return HDX_OK;
  pthread_mutex_lock(&library->mutex);
  enum hdx_status status = HDX_OK;
  if (!atomic_load(&library->loaded))
    status = hdx_library_load(library->file, library->symbols, library->functions, library->count, error);
  if (status == HDX_OK)
    atomic_store(&library->loaded, true);
  pthread_mutex_unlock(&library->mutex);
  return status;
}
