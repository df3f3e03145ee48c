/* Cancellations, by hdx_session_cancel or because the caller says so when it is asked, and what comes after. */
#include "base/error.h"
#include "job/session.h"

/* Of the 100 ms that the interface promises, half are for what the loop or a worker is at. */
enum { ASK_MS = 50 };

void hdx_session_cancel(struct hdx_session *session) {
  atomic_store(&session->cancelled, true);
  if (atomic_load(&session->wake_ready))
    uv_async_send(&session->wake);
}

void hdx_session_resume(struct hdx_session *session) {
  atomic_store(&session->cancelled, false);
  if (session->engine)
    hdx_engine_resume(session->engine);
}

static void ask(struct hdx_session *session) {
  const struct hdx_config *config = &session->config;
  session->asked_ns = uv_hrtime();
  if (!atomic_load(&session->cancelled) && config->interrupted(config->interrupted_user))
    hdx_session_cancel(session);
}

bool hdx_session_cancelled(struct hdx_session *session) {
  if (session->heedless)
    return false;
  if (session->config.interrupted && uv_hrtime() - session->asked_ns >= ASK_MS * UINT64_C(1000000))
    ask(session);
  return atomic_load(&session->cancelled);
}

enum hdx_status hdx_session_pause(struct hdx_session *session, struct hdx_error *error) {
  if (hdx_session_cancelled(session))
    return hdx_error_set(error, HDX_INTERRUPTED, "interrupted");
  uv_sleep(ASK_MS);
  return HDX_OK;
}

static void on_time(uv_timer_t *timer) {
  ask(timer->data);
}

void hdx_session_watch(struct hdx_session *session, uv_loop_t *loop, uv_timer_t *timer) {
  uv_timer_init(loop, timer);
  timer->data = session;
  uv_unref((uv_handle_t *)timer);
  if (session->config.interrupted)
    uv_timer_start(timer, on_time, ASK_MS, ASK_MS);
}
