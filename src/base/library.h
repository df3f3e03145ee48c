/* Libraries that are loaded when they are first needed.
 *
 * A query that is answered from the store needs neither network nor XML, and loading the libraries for them with all
 * that they link costs more than the answer. So their functions are looked up at run time; their headers still give
 * types and constants. A library is never unloaded. */
#ifndef HDX_BASE_LIBRARY_H
#define HDX_BASE_LIBRARY_H

#include "heliodex.h"

/* Loads `file` ("libcurl.so.4") and stores the address of each of the `count` symbols at functions[i], each the address
 * of a pointer to a function. INTERNAL: there is no such library, or it lacks a symbol. To be called once (as by
 * pthread_once) for each table. */
enum hdx_status hdx_library_load(const char *file, const char *const *symbols, void *const *functions, size_t count,
                                 struct hdx_error *error);

#endif
