/* Allocations that fail.
 *
 * malloc() is called before the real one is known, and dlsym(), which finds it, may allocate: what is asked for then
 * comes from a small area that is never given back. */
#include "faults.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { EARLY_BYTES = 1 << 16, EARLY_ALIGNMENT = 16 };

static struct {
  void *(*malloc)(size_t);
  void *(*calloc)(size_t, size_t);
  void *(*realloc)(void *, size_t);
  void (*free)(void *);
} real_heap;

static _Alignas(EARLY_ALIGNMENT) char early[EARLY_BYTES];
static atomic_size_t early_used;

static bool is_early(const void *data) {
  return (uintptr_t)data - (uintptr_t)early < EARLY_BYTES;
}

/* Zeroed. The size is kept before the bytes. */
static void *early_new(size_t size) {
  size_t whole = EARLY_ALIGNMENT + (size + EARLY_ALIGNMENT - 1) / EARLY_ALIGNMENT * EARLY_ALIGNMENT;
  size_t at = atomic_fetch_add(&early_used, whole);
  if (size > EARLY_BYTES || at + whole > EARLY_BYTES)
    abort();
  memcpy(early + at, &size, sizeof size);
  return early + at + EARLY_ALIGNMENT;
}

/* Whether the real functions are known. False while they are looked for, by the first thread, in one of its calls. */
static bool ready(void) {
  static enum { UNKNOWN, LOOKING, KNOWN } state;
  if (state == UNKNOWN) {
    state = LOOKING;
    *(void **)&real_heap.malloc = dlsym(RTLD_NEXT, "malloc");
    *(void **)&real_heap.calloc = dlsym(RTLD_NEXT, "calloc");
    *(void **)&real_heap.realloc = dlsym(RTLD_NEXT, "realloc");
    *(void **)&real_heap.free = dlsym(RTLD_NEXT, "free");
    state = KNOWN;
  }
  return state == KNOWN;
}

void *malloc(size_t size) {
  if (!ready())
    return early_new(size);
  FAIL(fault(CALL_malloc), NULL);
  return real_heap.malloc(size);
}

void *calloc(size_t count, size_t size) {
  if (!ready())
    return early_new(count * size);
  FAIL(fault(CALL_calloc), NULL);
  return real_heap.calloc(count, size);
}

void *realloc(void *data, size_t size) {
  if (is_early(data) || !ready()) {
    size_t old = 0;
    if (data)
      memcpy(&old, (char *)data - EARLY_ALIGNMENT, sizeof old);
    void *moved = ready() ? real_heap.malloc(size) : early_new(size);
    if (moved && data)
      memcpy(moved, data, old < size ? old : size);
    return moved;
  }
  FAIL(fault(CALL_realloc), NULL);
  return real_heap.realloc(data, size);
}

void free(void *data) {
  if (data && !is_early(data) && ready())
    real_heap.free(data);
}

void *reallocarray(void *data, size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) {
    errno = ENOMEM;
    return NULL;
  }
  return realloc(data, bytes);
}

int posix_memalign(void **data, size_t alignment, size_t size) {
  REAL(posix_memalign);
  int code = fault(CALL_memalign);
  return code ? code : real(data, alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
  REAL(aligned_alloc);
  FAIL(fault(CALL_memalign), NULL);
  return real(alignment, size);
}

void *memalign(size_t alignment, size_t size) {
  REAL(memalign);
  FAIL(fault(CALL_memalign), NULL);
  return real(alignment, size);
}

/* AddressSanitizer's own strdup does not call malloc. */

char *strndup(const char *text, size_t max) {
  size_t size = strnlen(text, max);
  char *copy = malloc(size + 1);
  if (copy) {
    memcpy(copy, text, size);
    copy[size] = 0;
  }
  return copy;
}

char *strdup(const char *text) {
  return strndup(text, SIZE_MAX);
}

/* C++: operators new and new[], which throw (std::__throw_bad_alloc) or, as nothrow, do not. The real ones may be made
 * of malloc, and that is not to count twice. */

static void throw_bad_alloc(void) {
  void (*throw)(void);
  faults_pause();
  *(void **)&throw = dlsym(RTLD_DEFAULT, "_ZSt17__throw_bad_allocv");
  faults_resume();
  throw();
}

#define OPERATOR_NEW(name, on_failure)                                                                                 \
  void *name(size_t size, const void *option);                                                                         \
  void *name(size_t size, const void *option) {                                                                        \
    REAL(name);                                                                                                        \
    if (fault(CALL_new)) {                                                                                             \
      on_failure;                                                                                                      \
      return NULL;                                                                                                     \
    }                                                                                                                  \
    faults_pause();                                                                                                    \
    void *data = real(size, option);                                                                                   \
    faults_resume();                                                                                                   \
    return data;                                                                                                       \
  }
OPERATOR_NEW(_Znwm, throw_bad_alloc())
OPERATOR_NEW(_Znam, throw_bad_alloc())
OPERATOR_NEW(_ZnwmRKSt9nothrow_t, )
OPERATOR_NEW(_ZnamRKSt9nothrow_t, )
