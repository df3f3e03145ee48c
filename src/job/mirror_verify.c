/* Checks what was mirrored against the journal, on workers, without a network. */
#include "job/mirror.h"
#include "transfer/loop.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
  TASK_FILES = 128,
  TASK_BYTES = 16 << 20 /* a task with so many bytes is full: large files go to several workers */
};

struct checked {
  char *location, *path;
  uint64_t size;
  uint32_t crc32c;
  enum hdx_status status;
  char *message; /* NULL: out of memory, or all is well */
};

struct verifying;

/* Files that one worker looks at. */
struct task {
  struct hdx_work work;
  struct task *next; /* among the free ones */
  struct verifying *verifying;
  struct hdx_folders folders;
  size_t count;
  uint64_t bytes;
  struct checked files[TASK_FILES];
};

struct verifying {
  struct hdx_session *session;
  struct hdx_destination destination;
  uv_loop_t loop;
  uv_timer_t watch;
  struct hdx_workers *workers;
  struct task *tasks, *free, *filling;
  size_t task_count, under_way;
  void (*visit)(void *user, const struct hdx_mirror_check *check);
  void *user;
  uint64_t files, files_total, bytes, failed, started_ns, told_ns;
  enum hdx_status gravest, status; /* of files; of the run itself */
  struct hdx_error first_error, *error;
};

/* ---- on a worker ---- */

static enum hdx_status check(struct checked *file, struct hdx_folders *folders, const atomic_bool *cancelled,
                             struct hdx_error *error) {
  struct stat info;
  uint32_t crc32c = 0;
  int fd;
  enum hdx_status status = hdx_destination_read(folders, file->path, &fd, error);
  if (status != HDX_OK)
    return status;
  if (fstat(fd, &info) != 0)
    status = hdx_error_set(error, HDX_IO, "%s: it cannot be looked at", file->path);
  else if ((uint64_t)info.st_size != file->size)
    status = hdx_error_set(error, HDX_INTEGRITY, "%s: %llu bytes, expected %llu", file->path,
                           (unsigned long long)info.st_size, (unsigned long long)file->size);
  else
    status = hdx_mirror_read_through(fd, file->path, 0, file->size, NULL, &crc32c, cancelled, error);
  if (status == HDX_OK && crc32c != file->crc32c)
    status = hdx_error_set(error, HDX_INTEGRITY, "%s: crc32c %08x, expected %08x as when it was mirrored", file->path,
                           (unsigned)crc32c, (unsigned)file->crc32c);
  close(fd);
  return status;
}

static void run_task(struct hdx_work *work) {
  struct task *task = (struct task *)work;
  struct hdx_error error;
  for (size_t i = 0; i < task->count; i++) {
    struct checked *file = &task->files[i];
    if (atomic_load(&task->verifying->session->cancelled)) {
      file->status = HDX_INTERRUPTED;
      continue;
    }
    file->status = check(file, &task->folders, &task->verifying->session->cancelled, &error);
    file->message = file->status != HDX_OK ? strdup(error.message) : NULL;
  }
}

/* ---- on the caller's thread ---- */

static void tell_progress(struct verifying *verifying) {
  const struct hdx_progress progress = {.files_done = verifying->files,
                                        .files_total = verifying->files_total,
                                        .bytes = verifying->bytes,
                                        .failures = verifying->failed};
  hdx_progress_tell(verifying->session, verifying->started_ns, &verifying->told_ns, &progress);
}

static void tell(struct verifying *verifying, const struct checked *file) {
  const struct hdx_mirror_check told = {.location = file->location,
                                        .path = file->path,
                                        .size = file->size,
                                        .status = file->status,
                                        .message = file->status == HDX_OK ? ""
                                                   : file->message        ? file->message
                                                                          : hdx_status_text(file->status)};
  if (file->status == HDX_INTERRUPTED)
    return;
  if (file->status == HDX_MEMORY) { /* which says nothing of the file */
    verifying->status = hdx_error_set(verifying->error, HDX_MEMORY, "%s", told.message);
    return;
  }
  verifying->files++;
  verifying->bytes += file->status == HDX_OK ? file->size : 0;
  if (file->status != HDX_OK) {
    if (!verifying->failed++)
      hdx_error_set(&verifying->first_error, file->status, "%s", told.message);
    verifying->gravest = hdx_status_graver(verifying->gravest, file->status);
  }
  if (verifying->visit)
    verifying->visit(verifying->user, &told);
}

static void empty(struct task *task) {
  for (size_t i = 0; i < task->count; i++) {
    free(task->files[i].location);
    free(task->files[i].path);
    free(task->files[i].message);
  }
  task->count = 0;
  task->bytes = 0;
}

static void on_task(struct hdx_work *work) {
  struct task *task = (struct task *)work;
  struct verifying *verifying = task->verifying;
  for (size_t i = 0; i < task->count; i++)
    tell(verifying, &task->files[i]);
  empty(task);
  task->next = verifying->free;
  verifying->free = task;
  verifying->under_way--;
  tell_progress(verifying);
}

static void submit(struct verifying *verifying) {
  struct task *task = verifying->filling;
  verifying->filling = NULL;
  if (!task)
    return;
  task->work = (struct hdx_work){.run = run_task, .done = on_task};
  verifying->under_way++;
  hdx_workers_submit(verifying->workers, &task->work);
}

static bool add(void *user, const struct hdx_journal_file *from) {
  struct verifying *verifying = user;
  while (!verifying->filling && !verifying->free)
    uv_run(&verifying->loop, UV_RUN_ONCE);
  if (!verifying->filling) {
    verifying->filling = verifying->free;
    verifying->free = verifying->free->next;
  }
  struct task *task = verifying->filling;
  struct checked *file = &task->files[task->count++];
  *file = (struct checked){.location = hdx_text_dup(from->location),
                           .path = hdx_text_dup(from->path),
                           .size = from->size,
                           .crc32c = from->crc32c};
  task->bytes += from->size;
  if (!file->location || !file->path) {
    verifying->status = hdx_error_memory(verifying->error, from->path.size);
    empty(task);
    return false;
  }
  if (task->count == TASK_FILES || task->bytes >= TASK_BYTES)
    submit(verifying);
  return verifying->status == HDX_OK && !hdx_session_cancelled(verifying->session);
}

static enum hdx_status start(struct verifying *verifying, struct hdx_error *error) {
  unsigned threads = hdx_session_threads(verifying->session);
  verifying->task_count = 2 * (size_t)threads;
  verifying->tasks = calloc(verifying->task_count, sizeof *verifying->tasks);
  if (!verifying->tasks)
    return hdx_error_memory(error, verifying->task_count * sizeof *verifying->tasks);
  for (size_t i = 0; i < verifying->task_count; i++) {
    struct task *task = &verifying->tasks[i];
    task->verifying = verifying;
    hdx_folders_init(&task->folders, &verifying->destination);
    task->next = verifying->free;
    verifying->free = task;
  }
  return hdx_workers_open(&verifying->loop, threads, &verifying->workers, error);
}

static void stop(struct verifying *verifying) {
  hdx_workers_close(verifying->workers);
  for (size_t i = 0; i < verifying->task_count && verifying->tasks; i++) {
    empty(&verifying->tasks[i]);
    hdx_folders_deinit(&verifying->tasks[i].folders);
  }
  free(verifying->tasks);
}

static enum hdx_status verify(struct verifying *verifying, const struct hdx_journal *journal, struct hdx_error *error) {
  enum hdx_status status = start(verifying, error);
  if (status == HDX_OK)
    status = hdx_journal_files(journal, add, verifying, error);
  if (status == HDX_OK) {
    submit(verifying);
    while (verifying->under_way)
      uv_run(&verifying->loop, UV_RUN_ONCE);
    status = verifying->status;
  }
  stop(verifying);
  if (status != HDX_OK)
    return status;
  if (atomic_load(&verifying->session->cancelled))
    return hdx_error_set(error, HDX_INTERRUPTED, "interrupted");
  if (!verifying->failed)
    return HDX_OK;
  return verifying->failed < verifying->files
             ? hdx_error_set(error, HDX_PARTIAL, "%llu of %llu files are not sound; the first: %s",
                             (unsigned long long)verifying->failed, (unsigned long long)verifying->files,
                             verifying->first_error.message)
             : hdx_error_set(error, verifying->gravest, "%s", verifying->first_error.message);
}

enum hdx_status hdx_mirror_verify(struct hdx_session *session, const char *dest,
                                  void (*visit)(void *user, const struct hdx_mirror_check *check), void *user,
                                  uint64_t *files, uint64_t *bytes, struct hdx_error *error) {
  struct hdx_error ignored;
  struct hdx_journal *journal = NULL;
  struct verifying verifying = {.session = session,
                                .destination = HDX_DESTINATION_NONE,
                                .visit = visit,
                                .user = user,
                                .started_ns = uv_hrtime(),
                                .error = error ? error : &ignored};
  enum hdx_status status = hdx_loop_open(&verifying.loop, error);
  if (status != HDX_OK)
    return status;
  hdx_session_watch(session, &verifying.loop, &verifying.watch);
  status = hdx_destination_open(dest, NULL, false, &verifying.destination, error);
  if (status == HDX_OK)
    status = hdx_journal_open(verifying.destination.state, verifying.destination.path, NULL,
                              session->config.memory_bytes, &session->log, &journal, error);
  if (status == HDX_OK) {
    verifying.files_total = hdx_journal_file_count(journal);
    status = verify(&verifying, journal, error);
  }
  if (files)
    *files = verifying.files;
  if (bytes)
    *bytes = verifying.bytes;
  hdx_journal_close(journal);
  hdx_destination_close(&verifying.destination);
  uv_close((uv_handle_t *)&verifying.watch, NULL);
  uv_run(&verifying.loop, UV_RUN_DEFAULT);
  uv_loop_close(&verifying.loop);
  return status;
}
