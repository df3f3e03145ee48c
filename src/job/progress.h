/* Tells the caller of a long call how far it is, every now and then while the loop runs. */
#ifndef HDX_JOB_PROGRESS_H
#define HDX_JOB_PROGRESS_H

#include "job/session.h"

struct hdx_progress_timer {
  uv_timer_t timer;
  bool open; /* its handle is in the loop */
  const struct hdx_session *session;
  uint64_t started_ns;
  /* Fills in what the call has done: the members that are not of requests or time. */
  void (*fill)(void *user, struct hdx_progress *progress);
  void *user;
};

/* Begins to tell, if the session's configuration asks for it; the session is online. */
void hdx_progress_start(struct hdx_progress_timer *timer, const struct hdx_session *session, uint64_t started_ns,
                        void (*fill)(void *user, struct hdx_progress *progress), void *user);
/* Tells once more, and ends. Nothing happens if it was not begun. */
void hdx_progress_stop(struct hdx_progress_timer *timer);

/* The same for a call that goes on without the loop, and calls this as often as it likes: `progress` (but for its time)
 * is told when it is due. *told_ns is when it was last, 0 at first. */
void hdx_progress_tell(const struct hdx_session *session, uint64_t started_ns, uint64_t *told_ns,
                       const struct hdx_progress *progress);

#endif
