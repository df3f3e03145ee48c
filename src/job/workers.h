/* Threads that do the work which would hold up the loop: scanning, encoding, writing.
 *
 * The loop thread submits; any worker runs; the loop thread is told. Items are begun in the order of submission. */
#ifndef HDX_JOB_WORKERS_H
#define HDX_JOB_WORKERS_H

#include "base/error.h"

#include <uv.h>

struct hdx_work {
  void (*run)(struct hdx_work *work);  /* on a worker */
  void (*done)(struct hdx_work *work); /* then on the loop thread; may submit the same item again */
  struct hdx_work *next;
};

struct hdx_workers;

enum hdx_status hdx_workers_open(uv_loop_t *loop, unsigned threads, struct hdx_workers **workers,
                                 struct hdx_error *error);
/* Nothing may be under way. NULL is allowed. Runs the loop until it has let go. */
void hdx_workers_close(struct hdx_workers *workers);

void hdx_workers_submit(struct hdx_workers *workers, struct hdx_work *work);

#endif
