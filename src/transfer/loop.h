/* Loops and threads of libuv, begun with care. Where it has no descriptors as it starts, or no memory for its table of
 * watched descriptors, libuv ends the program: so both are tried beforehand. */
#ifndef HDX_TRANSFER_LOOP_H
#define HDX_TRANSFER_LOOP_H

#include "base/error.h"

#include <uv.h>

/* LIMIT: there are no descriptors left; MEMORY. */
enum hdx_status hdx_loop_open(uv_loop_t *loop, struct hdx_error *error);

/* Whether there is memory for the loop to watch a descriptor: to be asked before uv_poll_start. */
bool hdx_loop_room(const uv_loop_t *loop, int fd);

/* Starts a thread whose stack does not depend on the limit (ulimit -s), which may be too small. An error of libuv's. */
int hdx_thread_start(uv_thread_t *thread, void (*run)(void *user), void *user);

#endif
