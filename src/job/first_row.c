#include "job/first_row.h"

#include "base/error.h"
#include "job/form.h"
#include "parse/unpack.h"

struct reading {
  struct hdx_arena *arena;
  struct hdx_probe *probe;
  struct hdx_csv *csv;
};

static enum hdx_status on_rows(void *user, const struct hdx_csv_batch *batch, struct hdx_error *error) {
  const struct reading *reading = user;
  struct hdx_probe *probe = reading->probe;
  if (probe->has_row || !batch->count)
    return HDX_OK;
  probe->key = hdx_arena_copy(reading->arena, batch->key[0]);
  if (!probe->key.data)
    return hdx_error_memory(error, batch->key[0].size);
  probe->has_row = true;
  probe->start = batch->start[0];
  probe->stop = batch->stop[0];
  probe->size = batch->size[0];
  return HDX_OK;
}

static enum hdx_status on_unpacked(void *user, const char *data, size_t size, struct hdx_error *error) {
  return hdx_csv_feed(((struct reading *)user)->csv, data, size, error);
}

static enum hdx_status feed(const struct reading *reading, struct hdx_unpack *unpack, struct hdx_text head, bool whole,
                            struct hdx_error *error) {
  enum hdx_status status = hdx_unpack_feed(unpack, head.data, head.size, error);
  if (status == HDX_OK && whole)
    status = hdx_unpack_finish(unpack, error);
  if (status == HDX_OK && whole)
    status = hdx_csv_finish(reading->csv, error);
  return status;
}

/* Says what was found, or why nothing was. */
static enum hdx_status describe(const struct reading *reading, const struct hdx_unpack *unpack, size_t size, bool whole,
                                struct hdx_error *error) {
  const struct hdx_csv_result *result = hdx_csv_result(reading->csv);
  const struct hdx_csv_bad_row *bad = &result->samples[0];
  struct hdx_buffer form;
  if (!reading->probe->has_row && result->bad_rows)
    return hdx_error_set(error, HDX_INTEGRITY, "line %llu, column %lu: %s", (unsigned long long)bad->line,
                         (unsigned long)bad->column, bad->reason);
  if (!reading->probe->has_row && whole)
    return hdx_error_set(error, HDX_EMPTY, "the file has no row");
  if (!reading->probe->has_row)
    return hdx_error_set(error, HDX_EMPTY, "there is no row in its first %zu bytes", size);
  hdx_buffer_init(&form, HDX_ERROR_TEXT_MAX);
  hdx_form_put(hdx_csv_dialect(reading->csv), hdx_packing_name(hdx_unpack_packing(unpack)), &form);
  struct hdx_text copy = hdx_arena_copy(reading->arena, hdx_buffer_text(&form));
  bool lost = form.status == HDX_MEMORY || !copy.data;
  hdx_buffer_deinit(&form);
  if (lost)
    return hdx_error_memory(error, HDX_ERROR_TEXT_MAX);
  reading->probe->form = copy.data;
  return HDX_OK;
}

enum hdx_status hdx_first_row(struct hdx_text head, bool whole, struct hdx_arena *arena, struct hdx_probe *probe,
                              struct hdx_error *error) {
  struct reading reading = {.arena = arena, .probe = probe};
  const struct hdx_csv_options options = {.kernel = hdx_csv_kernel(hdx_cpu_level()), .rows = on_rows, .user = &reading};
  struct hdx_unpack *unpack = NULL;
  enum hdx_status status = hdx_csv_open(&options, &reading.csv, error);
  if (status == HDX_OK)
    status = hdx_unpack_open(on_unpacked, &reading, &unpack, error);
  if (status == HDX_OK)
    status = feed(&reading, unpack, head, whole, error);
  if (status == HDX_OK)
    status = describe(&reading, unpack, head.size, whole, error);
  probe->has_row &= status == HDX_OK; /* what a damaged file gave does not count */
  if (unpack)
    hdx_unpack_close(unpack);
  hdx_csv_close(reading.csv);
  return status;
}
