#include "cli/signals.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#define FILES_MAX 8

static _Atomic(struct hdx_session *) running;
static atomic_int pending;
static _Atomic(const char *) files[FILES_MAX];

static void remove_files(void) {
  for (size_t i = 0; i < FILES_MAX; i++) {
    const char *path = atomic_load(&files[i]);
    if (path)
      unlink(path);
  }
}

static void on_signal(int number) {
  int code = errno, none = 0;
  if (!atomic_compare_exchange_strong(&pending, &none, number)) {
    remove_files();
    _exit(128 + number);
  }
  struct hdx_session *session = atomic_load(&running);
  if (session)
    hdx_session_cancel(session);
  errno = code;
}

/* Snapshots and journals are mapped, so that this is how a disk tells that it cannot read them. The kernel sends it
 * synchronously: the instruction that wants the bytes cannot go on. */
static void on_bus_error(int number) {
  static const char told[] = "heliodex: a snapshot or journal cannot be read any more: its disk fails, or it was cut "
                             "while it was in use\n";
  (void)number;
  remove_files();
  ssize_t written = write(STDERR_FILENO, told, sizeof told - 1);
  (void)written;
  _exit(hdx_status_exit_code(HDX_IO));
}

void cli_signals_install(void) {
  struct sigaction bus = {.sa_handler = on_bus_error};
  sigemptyset(&bus.sa_mask);
  sigaction(SIGBUS, &bus, NULL);
  static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN); /* what is beyond a limit of files cannot be written, which is told */
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    struct sigaction before, action = {.sa_handler = on_signal};
    /* No SA_RESTART: a write to a consumer that does not read must end too. */
    sigemptyset(&action.sa_mask);
    if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
      sigaction(numbers[i], &action, NULL);
  }
}

void cli_signals_session(struct hdx_session *session) {
  atomic_store(&running, session);
  /* A signal that came while the session was being opened found none to cancel. */
  if (session && atomic_load(&pending))
    hdx_session_cancel(session);
}

int cli_signals_pending(void) {
  return atomic_load(&pending);
}

void cli_signals_remember(const char *path) {
  for (size_t i = 0; i < FILES_MAX; i++) {
    const char *none = NULL;
    if (atomic_compare_exchange_strong(&files[i], &none, path))
      return;
  }
}

void cli_signals_forget(const char *path) {
  for (size_t i = 0; i < FILES_MAX; i++) {
    const char *same = path;
    if (atomic_compare_exchange_strong(&files[i], &same, NULL))
      return;
  }
}
