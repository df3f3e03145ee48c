/* Libraries that are loaded when they are first needed.
 *
 * A query that is answered from the store needs neither network nor XML, and loading the libraries for them with all
 * that they link costs more than the answer. So their functions are looked up at run time; their headers still give
 * types and constants. A library is never unloaded. */
#ifndef HDX_BASE_LIBRARY_H
#define HDX_BASE_LIBRARY_H

#include "heliodex.h"

#include <pthread.h>
#include <stdatomic.h>

/* Loads `file` ("libcurl.so.4") and stores the address of each of the `count` symbols at functions[i], each the address
 * of a pointer to a function. IO: there is no such library, or it cannot be loaded now; INTERNAL: it lacks a symbol. */
enum hdx_status hdx_library_load(const char *file, const char *const *symbols, void *const *functions, size_t count,
                                 struct hdx_error *error);

/* A library that several threads may need, with what hdx_library_load is to be told. */
struct hdx_library {
  const char *file;
  const char *const *symbols;
  void *const *functions;
  size_t count;
  atomic_bool loaded;
  pthread_mutex_t mutex;
};
#define HDX_LIBRARY(name, symbol_list, function_list)                                                                  \
  {                                                                                                                    \
    .file = (name), .symbols = (symbol_list), .functions = (function_list),                                            \
    .count = sizeof(symbol_list) / sizeof *(symbol_list), .mutex = PTHREAD_MUTEX_INITIALIZER                           \
  }

/* Loads the library unless that is done. A failure, which may have been a lack of memory or of descriptors, is not for
 * good. Thread-safe. Errors as above. */
enum hdx_status hdx_library_need(struct hdx_library *library, struct hdx_error *error);

#endif
