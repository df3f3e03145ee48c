/* Work that blocks, done by a thread of its own while the loop goes on.
 *
 * libuv has a pool of threads for this, but ends the program where it cannot have them. */
#ifndef HDX_TRANSFER_ERRAND_H
#define HDX_TRANSFER_ERRAND_H

#include <stdbool.h>
#include <uv.h>

struct hdx_errand {
  uv_async_t wake;
  uv_thread_t thread;
  void (*run)(struct hdx_errand *errand);
  void (*done)(struct hdx_errand *errand);
  void *user;
  int failure; /* of libuv's codes: there was no thread, and `run` was not called; 0: it was */
};

/* Has `run` called on a thread, and then `done` on the loop's, which may begin the errand anew or free it. The loop
 * does not end before. false: it cannot be begun, and nothing is called. */
bool hdx_errand_start(struct hdx_errand *errand, uv_loop_t *loop, void (*run)(struct hdx_errand *errand),
                      void (*done)(struct hdx_errand *errand), void *user);

#endif
