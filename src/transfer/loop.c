#include "transfer/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
  DESCRIPTORS = 8,  /* of a loop and of libuv's signals, which are six, and two to spare */
  SPARE_ROOM = 128, /* descriptors that others may get meanwhile */
  STACK_BYTES = 1 << 20
};

/* libuv's table has a power of two of pointers. Volatile: compilers may take an allocation that nobody uses for one
 * that succeeds. */
static bool has_room(size_t descriptors) {
  void *volatile table = malloc(2 * descriptors * sizeof(void *));
  bool had = table != NULL;
  free(table);
  return had;
}

bool hdx_loop_room(const uv_loop_t *loop, int fd) {
  return (unsigned)fd < loop->nwatchers || has_room((size_t)fd + SPARE_ROOM);
}

static enum hdx_status check_descriptors(struct hdx_error *error) {
  int list[DESCRIPTORS], count = 0, code = 0;
  while (count < DESCRIPTORS && !code) {
    list[count] = eventfd(0, EFD_CLOEXEC);
    if (list[count] < 0)
      code = errno;
    else
      count++;
  }
  while (count > 0)
    close(list[--count]);
  if (!code)
    return HDX_OK;
  return hdx_error_set(error, code == ENOMEM ? HDX_MEMORY : HDX_LIMIT, "the event loop needs %d descriptors: %s",
                       DESCRIPTORS, strerror(code));
}

enum hdx_status hdx_loop_open(uv_loop_t *loop, struct hdx_error *error) {
  enum hdx_status status = check_descriptors(error);
  if (status != HDX_OK)
    return status;
  if (!has_room(SPARE_ROOM))
    return hdx_error_memory(error, SPARE_ROOM * sizeof(void *));
  int code = uv_loop_init(loop);
  if (code == 0)
    return HDX_OK;
  return hdx_error_set(error, code == UV_ENOMEM ? HDX_MEMORY : HDX_LIMIT, "the event loop does not start: %s",
                       uv_strerror(code));
}

int hdx_thread_start(uv_thread_t *thread, void (*run)(void *user), void *user) {
  const uv_thread_options_t options = {.flags = UV_THREAD_HAS_STACK_SIZE, .stack_size = STACK_BYTES};
  return uv_thread_create_ex(thread, &options, run, user);
}
