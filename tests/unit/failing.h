/* What is tested, done again and again, each time with another of its calls failing, until none does. Programs that are
 * named test_failing_*.c are linked with e2e/faults/, which counts the calls and has them fail: those of the library
 * and of what it stands on. HDX_FAULTS_TOLD=/dev/stderr tells which one failed last, and its stack. */
#ifndef HDX_TEST_FAILING_H
#define HDX_TEST_FAILING_H

#include "base/error.h"
#include "e2e/faults/faults.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { FAILING_RUNS_MAX = 100000 };

/* Does something from the begin to the end and asserts, where it ends well, that all is as it should be. Everything
 * that was opened is closed, after an error too: AddressSanitizer sees what is not. */
typedef enum hdx_status failing_body(void *user, struct hdx_error *error);

/* Runs the body with the 1st, 2nd, 3rd … call failing, until it makes fewer, and asserts that each run ends either
 * well, as if no call had failed, or with `expected` and a message; that at least one does; and that the last one ends
 * well. `call`: "pwrite", as HDX_FAULTS has it; `rest`: what follows the number there, ":EINTR", ":EIO:on" or "".
 * Returns how many runs ended with the error. */
static inline unsigned failing_calls(const char *call, const char *rest, failing_body *body, void *user,
                                     enum hdx_status expected) {
  unsigned errors = 0;
  for (unsigned n = 1; n < FAILING_RUNS_MAX; n++) {
    char what[64];
    struct hdx_error error = {0};
    snprintf(what, sizeof what, "%s:%u%s", call, n, rest);
    faults_begin(what);
    enum hdx_status status = body(user, &error);
    bool failed = faults_end() > 0;
    if (status != HDX_OK && (!failed || status != expected || error.status != status || !*error.message))
      fail_msg("%s: status %d, and in the error %d: \"%s\"", what, status, error.status, error.message);
    errors += status != HDX_OK;
    if (!failed)
      break;
  }
  assert_true(errors > 0);
  return errors;
}

/* The same for each allocation: alone, and with all that follow. Returns how many runs ended with MEMORY. */
static inline unsigned failing_memory(failing_body *body, void *user) {
  return failing_calls("alloc", "", body, user, HDX_MEMORY) +
         failing_calls("alloc", ":ENOMEM:on", body, user, HDX_MEMORY);
}

#endif
