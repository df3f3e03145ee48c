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

#endif
