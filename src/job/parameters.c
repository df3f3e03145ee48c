#include "job/parameters.h"

#include "catalog/parameters.h"

#include <stdlib.h>

struct hdx_parameters {
  struct hdx_dataset_job *job;
  bool json;        /* asked for as .json: there is no .info */
  bool asked_again; /* there was none, although rows are named by one */
  bool first;       /* before the years, which begin once it has answered */
  bool answered;
  enum hdx_status status;
  struct hdx_error error;
  struct hdx_target target;
  struct hdx_buffer body;
  struct hdx_parameters_doc doc; /* empty: there is none */
  uint64_t fingerprint;          /* of it */
  struct hdx_year_job *waiting;
};

const char *hdx_parameter_type_name(enum hdx_parameter_type type) {
  static const char *const names[] = {"", "string", "int", "double"};
  return names[type];
}

/* With the last year that goes on, or begins, the dataset may be done, and this be freed. */
static void answer(struct hdx_parameters *it, enum hdx_status status) {
  struct hdx_year_job *year = it->waiting;
  struct hdx_dataset_job *job = it->first ? it->job : NULL;
  if (status == HDX_OK)
    status = hdx_snapshot_fingerprint(it->doc.names, it->doc.parameters, it->doc.count, &it->fingerprint, &it->error);
  it->answered = true;
  it->status = status;
  it->waiting = NULL;
  hdx_buffer_deinit(&it->body);
  while (year) {
    struct hdx_year_job *next = year->next_waiting;
    hdx_year_go_on(year);
    year = next;
  }
  if (job)
    hdx_dataset_begin_years(job);
}

/* A document that says nothing that can be understood is as none: only its publisher could help, and the rows are good
 * without it. */
static void read_document(struct hdx_parameters *it) {
  const struct hdx_log *log = &it->job->run->session->log;
  enum hdx_status status = hdx_buffer_status(&it->body, it->target.url, &it->error);
  if (status == HDX_OK)
    status = hdx_parameters_doc_parse(hdx_buffer_text(&it->body), it->target.url, log, &it->doc, &it->error);
  if (status == HDX_INTEGRITY) {
    hdx_log_write(log, HDX_LOG_WARNING, "%s; the extra columns have the names that are made up", it->error.message);
    status = HDX_OK;
  }
  answer(it, status);
}

static void on_begin(void *user, const struct hdx_fetch_head *head) {
  struct hdx_parameters *it = user;
  (void)head;
  hdx_buffer_clear(&it->body);
}

static void on_block(void *user, struct hdx_block *block) {
  struct hdx_parameters *it = user;
  hdx_buffer_append(&it->body, block->data, block->size);
  hdx_engine_release(it->job->run->session->engine, block);
}

static void ask(struct hdx_parameters *it);

static uint64_t held_fingerprint(const struct hdx_dataset_job *job) {
  return job->old ? hdx_reader_subject(job->old)->parameters : 0;
}

/* It is nowhere. Names are not dropped because one answer of many servers behind a name says so. */
static void missing(struct hdx_parameters *it) {
  if (it->first && held_fingerprint(it->job) && !it->asked_again) {
    it->asked_again = true;
    it->json = false;
    ask(it);
  } else {
    answer(it, HDX_OK);
  }
}

static void on_done(void *user, const struct hdx_fetch_result *result) {
  struct hdx_parameters *it = user;
  /* Index files beside it are read: what is refused alone is not there, as with the years. */
  bool absent = (result->status == HDX_NOT_FOUND || (result->status == HDX_DENIED && result->http_status == 403)) &&
                !result->not_of_object;
  if (result->status == HDX_OK) {
    read_document(it);
  } else if (absent && !it->json) {
    it->json = true;
    ask(it);
  } else if (absent) {
    missing(it);
  } else if (result->status == HDX_LIMIT) {
    hdx_log_write(&it->job->run->session->log, HDX_LOG_WARNING, "%s; the extra columns have the names that are made up",
                  result->message);
    answer(it, HDX_OK);
  } else {
    hdx_error_set(&it->error, result->status, "%s", result->message);
    answer(it, result->status);
  }
}

static enum hdx_status locate(struct hdx_parameters *it, struct hdx_error *error) {
  const struct hdx_index_run *run = it->job->run;
  const struct hdx_dataset *dataset = it->job->dataset;
  struct hdx_buffer location;
  struct hdx_address address;
  hdx_address_init(&address);
  hdx_buffer_init(&location, HDX_URL_BYTES_MAX);
  hdx_target_deinit(&it->target);
  it->target = (struct hdx_target){0};
  enum hdx_status status = hdx_parameters_url(dataset->index, dataset->id, it->json, &location, error);
  if (status == HDX_OK)
    status = hdx_source_locate(&run->catalog->source, hdx_buffer_text(&location), HDX_TEXT(""), false, &address, error);
  if (status == HDX_OK)
    status = hdx_session_target(run->session, &address, &it->target, error);
  hdx_buffer_deinit(&location);
  hdx_address_deinit(&address);
  return status;
}

static void ask(struct hdx_parameters *it) {
  if (it->job->run->session->config.offline) { /* and the rows are in the cache: an index run asks later */
    answer(it, HDX_OK);
    return;
  }
  enum hdx_status status = locate(it, &it->error);
  const struct hdx_fetch_request request = {.url = it->target.url,
                                            .bucket = it->target.bucket,
                                            .key = it->target.key,
                                            .optional = true,
                                            .bytes_max = HDX_PARAMETERS_BYTES_MAX,
                                            .begin = on_begin,
                                            .block = on_block,
                                            .done = on_done,
                                            .user = it};
  if (status == HDX_OK)
    status = hdx_fetch(it->job->run->session->engine, &request, &it->error);
  if (status != HDX_OK)
    answer(it, status);
}

bool hdx_parameters_answered(const struct hdx_dataset_job *job) {
  return job->parameters && job->parameters->answered;
}

/* NULL, out of memory: told by hdx_parameters_status. */
static struct hdx_parameters *make(struct hdx_dataset_job *job) {
  struct hdx_parameters *it = job->parameters = calloc(1, sizeof *it);
  if (!it)
    return NULL;
  it->job = job;
  hdx_buffer_init(&it->body, HDX_PARAMETERS_BYTES_MAX);
  return it;
}

void hdx_parameters_wait(struct hdx_year_job *year) {
  struct hdx_dataset_job *job = year->dataset;
  bool asked = job->parameters != NULL;
  struct hdx_parameters *it = asked ? job->parameters : make(job);
  if (!it) {
    hdx_year_go_on(year);
    return;
  }
  year->next_waiting = it->waiting;
  it->waiting = year;
  if (!asked)
    ask(it);
}

/* ---- before the years ---- */

bool hdx_parameters_come_first(const struct hdx_dataset_job *job) {
  return job->old && !job->run->unknown_only && hdx_reader_info(job->old)->extra_count;
}

void hdx_parameters_ask(struct hdx_dataset_job *job) {
  struct hdx_parameters *it = make(job);
  if (it) {
    it->first = true;
    ask(it);
  } else {
    hdx_dataset_begin_years(job);
  }
}

bool hdx_parameters_changed(const struct hdx_dataset_job *job) {
  const struct hdx_parameters *it = job->parameters;
  return it && it->first && it->answered && !it->status && it->fingerprint != held_fingerprint(job);
}

/* Whether rows are kept as they were named, of a file that could still be named anew. */
static bool keeps_names(const struct hdx_dataset_job *job) {
  bool keeps = false;
  for (size_t i = 0; i < job->kept_count; i++)
    for (size_t k = 0; k < job->state_count; k++)
      keeps |= job->states[k].year == job->kept[i] && job->states[k].state != HDX_YEAR_VANISHED;
  return keeps && hdx_reader_info(job->old)->extra_count;
}

/* What the new snapshot goes by; NULL: what the older one did, as nothing else was learnt, or nothing read with it. */
static const struct hdx_parameters *taken(const struct hdx_dataset_job *job) {
  const struct hdx_parameters *it = job->parameters;
  bool read = false;
  if (!it || it->status != HDX_OK)
    return NULL;
  for (const struct hdx_year_job *year = job->years; year; year = year->next)
    read |= year->outcome == HDX_OUTCOME_NEW;
  return read || it->fingerprint == held_fingerprint(job) || !keeps_names(job) ? it : NULL;
}

uint64_t hdx_parameters_fingerprint(const struct hdx_dataset_job *job) {
  const struct hdx_parameters *it = taken(job);
  uint64_t held = held_fingerprint(job);
  if (!it)
    return held;
  return it->fingerprint != held && keeps_names(job) ? HDX_FINGERPRINT_SEVERAL : it->fingerprint;
}

/* ---- what it says ---- */

enum hdx_status hdx_parameters_status(const struct hdx_dataset_job *job, const char **message) {
  *message = job->parameters ? job->parameters->error.message : "out of memory";
  return job->parameters ? job->parameters->status : HDX_MEMORY;
}

const struct hdx_text *hdx_parameters_names(const struct hdx_dataset_job *job, size_t *count) {
  *count = job->parameters ? job->parameters->doc.count : 0;
  return *count ? job->parameters->doc.names : NULL;
}

static enum hdx_status describe(struct hdx_writer *writer, const struct hdx_text *names,
                                const struct hdx_parameter *parameters, size_t count, struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  for (size_t i = 0; status == HDX_OK && i < count; i++)
    status = hdx_writer_describe(writer, names[i], &parameters[i], error);
  return status;
}

enum hdx_status hdx_parameters_describe(const struct hdx_dataset_job *job, struct hdx_error *error) {
  const struct hdx_snapshot_info *old = job->old ? hdx_reader_info(job->old) : NULL;
  const struct hdx_parameters *it = taken(job);
  enum hdx_status status = HDX_OK;
  if (old && (!it || keeps_names(job)))
    status = describe(job->writer, old->extra_names, old->extras, old->extra_count, error);
  if (it && status == HDX_OK)
    status = describe(job->writer, it->doc.names, it->doc.parameters, it->doc.count, error);
  return status;
}

void hdx_parameters_free(struct hdx_parameters *parameters) {
  if (!parameters)
    return;
  hdx_target_deinit(&parameters->target);
  hdx_buffer_deinit(&parameters->body);
  hdx_parameters_doc_deinit(&parameters->doc);
  free(parameters);
}
