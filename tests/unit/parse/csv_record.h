/* Scans an input with a given kernel, cut and placed as the caller likes, and writes all that came of it (rows,
 * dialect, counts, reasons, error) as text, so that two scans are equal if their records are. For tests, the fuzz
 * target and the program that checks kernels under an emulator. */
#ifndef HDX_TESTS_CSV_RECORD_H
#define HDX_TESTS_CSV_RECORD_H

#include "base/buffer.h"
#include "base/error.h"
#include "parse/csv.h"

#include <inttypes.h>
#include <stdlib.h>

struct csv_record {
  struct hdx_csv *csv;
  struct hdx_buffer text, bad; /* of bad rows apart: they are told before the rows of their batch */
};

static inline void csv_record_text(struct hdx_buffer *out, struct hdx_text text) {
  hdx_buffer_append_format(out, "[%zu:", text.size);
  hdx_buffer_append_text(out, text);
  hdx_buffer_append_byte(out, ']');
}

static inline enum hdx_status csv_record_rows(void *user, const struct hdx_csv_batch *batch, struct hdx_error *error) {
  struct csv_record *record = user;
  struct hdx_buffer *out = &record->text;
  (void)error;
  if (batch->count == 0 || batch->count > HDX_CSV_BATCH_ROWS)
    abort();
  for (size_t i = 0; i < batch->count; i++) {
    hdx_buffer_append_format(out, "line %" PRIu64 ": %" PRId64 " %" PRId64 " %" PRId64 " ", batch->line[i],
                             batch->start[i], batch->stop[i], batch->size[i]);
    csv_record_text(out, batch->key[i]);
    for (size_t j = 0; j < hdx_csv_dialect(record->csv)->extra_count; j++)
      csv_record_text(out, batch->extra[j][i]);
    hdx_buffer_append_byte(out, '\n');
  }
  return HDX_OK;
}

static inline void csv_record_bad(void *user, const struct hdx_csv_bad_row *bad) {
  struct csv_record *record = user;
  hdx_buffer_append_format(&record->bad, "bad line %" PRIu64 " byte %" PRIu64 " column %" PRIu32 ": %s\n", bad->line,
                           bad->byte, bad->column, bad->reason);
}

/* The rows that are kept are the first ones of those that were told of. */
static inline void csv_record_check_samples(const struct hdx_csv_result *result, struct hdx_text told) {
  size_t expected = result->bad_rows < HDX_CSV_SAMPLE_MAX ? (size_t)result->bad_rows : HDX_CSV_SAMPLE_MAX, at = 0;
  if (result->sample_count != expected)
    abort();
  for (size_t i = 0; i < result->sample_count; i++) {
    struct csv_record sample;
    hdx_buffer_init(&sample.bad, 1024);
    csv_record_bad(&sample, &result->samples[i]);
    if (told.size - at < sample.bad.size || memcmp(told.data + at, sample.bad.data, sample.bad.size) != 0)
      abort();
    at += sample.bad.size;
    hdx_buffer_deinit(&sample.bad);
  }
}

static inline void csv_record_end(struct csv_record *record, enum hdx_status status, const struct hdx_error *error) {
  const struct hdx_csv_result *r = hdx_csv_result(record->csv);
  const struct hdx_csv_dialect *d = hdx_csv_dialect(record->csv);
  struct hdx_buffer *out = &record->text;
  hdx_buffer_append_format(out, "status %s %s\n", hdx_status_name(status), status == HDX_OK ? "" : error->message);
  if (status != HDX_OK)
    return; /* how much was read before a failure depends on the cut */
  hdx_buffer_append_format(out, "header %d no_stop %d bom %d crlf %d quote %d extras %zu ", d->header, d->no_stop,
                           d->bom, d->crlf, d->quote, d->extra_count);
  for (size_t i = 0; i < d->extra_count; i++) {
    csv_record_text(out, d->extra_names[i]);
    for (size_t j = 0; j < i; j++)
      if (hdx_text_equal(d->extra_names[i], d->extra_names[j]))
        abort();
  }
  hdx_buffer_append_format(out,
                           "\nrows %" PRIu64 " bad %" PRIu64 " lines %" PRIu64 " bytes %" PRIu64 " duplicates %" PRIu64
                           " reversed %" PRIu64 " digits %d unsorted %d first %" PRId64 " last %" PRId64 "\n",
                           r->rows, r->bad_rows, r->lines, r->bytes, r->duplicates, r->reversed, r->time_digits,
                           r->unsorted, r->first, r->last);
  for (int i = 0; i < HDX_CSV_REPAIR_COUNT; i++)
    if (r->repairs[i])
      hdx_buffer_append_format(out, "%" PRIu64 " %s\n", r->repairs[i], hdx_csv_repair_text((enum hdx_csv_repair)i));
  csv_record_check_samples(r, hdx_buffer_text(&record->bad));
  hdx_buffer_append_text(out, hdx_buffer_text(&record->bad));
}

/* The kernel's scanner, made once and reset for each file. */
static inline struct csv_record *csv_record_begin(enum hdx_cpu_level kernel) {
  static struct csv_record records[HDX_CPU_AVX512 + 1];
  struct csv_record *record = &records[kernel];
  struct hdx_csv_options options = {
      .kernel = kernel, .rows = csv_record_rows, .bad = csv_record_bad, .user = record, .lines = true};
  hdx_buffer_init(&record->text, SIZE_MAX / 2);
  if (record->csv)
    hdx_buffer_clear(&record->bad);
  else
    hdx_buffer_init(&record->bad, SIZE_MAX / 2);
  if (!record->csv && hdx_csv_open(&options, &record->csv, NULL) != HDX_OK)
    abort();
  hdx_csv_reset(record->csv);
  return record;
}

/* Feeds data[0, size) in pieces that end at the `count` rising positions of `cuts` and at the end, each piece from a
 * block of its own size, so that a sanitizer sees every read outside of it. The text is the caller's. */
static inline struct hdx_buffer csv_record_scan(enum hdx_cpu_level kernel, const char *data, size_t size,
                                                const size_t *cuts, size_t count) {
  struct csv_record *record = csv_record_begin(kernel);
  struct hdx_error error = {0};
  enum hdx_status status = HDX_OK;
  size_t from = 0;
  for (size_t i = 0; i <= count && status == HDX_OK; i++) {
    size_t to = i < count ? cuts[i] : size;
    char *piece = malloc(to - from + (to == from));
    if (!piece)
      abort();
    memcpy(piece, data + from, to - from);
    status = hdx_csv_feed(record->csv, piece, to - from, &error);
    free(piece);
    from = to;
  }
  if (status == HDX_OK)
    status = hdx_csv_finish(record->csv, &error);
  csv_record_end(record, status, &error);
  return record->text;
}

/* Feeds the bytes where they lie, in one piece. */
static inline struct hdx_buffer csv_record_place(enum hdx_cpu_level kernel, const char *data, size_t size) {
  struct csv_record *record = csv_record_begin(kernel);
  struct hdx_error error = {0};
  enum hdx_status status = hdx_csv_feed(record->csv, data, size, &error);
  if (status == HDX_OK)
    status = hdx_csv_finish(record->csv, &error);
  csv_record_end(record, status, &error);
  return record->text;
}

static inline bool csv_record_same(const struct hdx_buffer *a, const struct hdx_buffer *b) {
  return a->status == HDX_OK && b->status == HDX_OK && hdx_text_equal(hdx_buffer_text(a), hdx_buffer_text(b));
}

/* A file with every oddity that published index files have, and rows of the usual shape between them. */
static inline struct hdx_text csv_record_oddities(void) {
#define USUAL                                                                                                          \
  "2010-05-13T00:00:00.000Z,2010-05-13T00:04:00.000Z,s3://b/sdo/aia/20100513/sdo_aia_20100513T000000_v1.fits,"
#define BRIEF "2010-05-13T00:04:00Z,2010-05-13T00:08:00Z,s3://b/k.fits,"
  return HDX_TEXT(
      "\xef\xbb\xbf# start, stop, datakey, filesize, checksum\r\n" USUAL "12345600\n" USUAL "1,abc\r\n" BRIEF
      "12\n" BRIEF "1234567890123456,x\n" BRIEF "12345678901234567\n" BRIEF "9223372036854775807,\n" BRIEF
      "9223372036854775808\n"
      "'2010-05-13T00:08:00.000Z','2010-05-13T00:12:00.000Z','s3://b/it''s,k.fits','77',\"a \"\"b\"\"\"\n"
      " \"2010-05-13T00:12:00Z\" , \"2010-05-13T00:16:00Z\",\t\"s3://b/q k.fits\", \"78\"\n"
      "\xe2\x80\x98"
      "2010-05-13T00:16:00Z\xe2\x80\x99,\xe2\x80\x99"
      "2010-05-13T00:20:00Z\xe2\x80\x99,\xe2\x80\x99s3://b/t.fits\xe2\x80\x99,\xe2\x80\x99"
      "79\xe2\x80\x99\n"
      "'2010-05-13T00:20:00Z,'2010-05-13T00:24:00Z','s3://b/u.fits,80'\n"
      "\n   \r\n# a remark, with, commas\n"
      "1996-01-01T00:00.00Z,2023-05-04:00:00:00Z,s3://b/%20+\xc3\xa9 k.cdf,12.75\n"
      "1980-01-01,1980-032,s3://b/d.cdf,\nstatic,static,s3://b/m.cdf,1\n" USUAL "\n" USUAL "1,2,3\n" USUAL
      "1,2,,\n2010-05-13T00:00:00.000Z,2010-05-13T00:04:00.000Z\n" BRIEF "a\n" BRIEF "-1\n"
      "2010-02-29T00:00:00.000Z,2010-05-13T00:04:00.000Z,s3://b/k,1\n"
      "2012-02-29T24:00:00.000Z,2012-03-01T00:00:00.000Z,s3://b/k,1\n"
      "2016-12-31T23:59:60.000Z,2017-01-01T00:00:00.000Z,s3://b/k,1\n"
      "1677-01-01T00:00:00.000Z,9999-12-31T00:00:00.000Z,s3://b/k,1\n"
      "1678-01-01T00:00:00.000Z,9999-12-31T00:00:00.000Z,s3://b/k,1\n"
      "2261-12-31T23:59:59.999Z,1600-01-01T00:00:00.000Z,s3://b/k,1\n"
      "2010-05-13T00:00:00.000+01:00,2010-05-13T00:04:00.000Z,s3://b/k,1\n"
      "start, stop, datakey, filesize, checksum\n#start,stop,datakey,filesize\n"
      "2010-05-13T00:00:00.123456Z,2010-05-13T00:04:00.000000001Z,s3://b/k,1\n"
      "2010-05-13T00:04:00.000Z,2010-05-13T00:00:00.000Z,s3://b/reversed,1\n" USUAL "0\n" BRIEF "5,'\n" BRIEF
      "5,\"\"\n2010-05-13T00:04:00Z,2010-05-13T00:08:00Z,,5\n"
      "2010-05-13T00:04:00Z,2010-05-13T00:08:00Z,s3://b/nul\0.fits,5\n"
      "1996-01-01T00.00.00Z,1996-01-01:00:00.00z,s3://b/mended twice,5.5\n"
      "1996-01-01,1996-01-01T24:00:00Z,s3://b/tidy,5\n'1996-01-01','1996-12-31T23:59:60Z','s3://b/tidy','5'\n" USUAL
      "77\n" USUAL "78\n'2010-05-13T00:00:00.000Z','2010-05-13T00:04:00.000Z','s3://b/sdo/aia/"
      "20100513/sdo_aia_20100513T000000_v1.fits','79'\n"
      "2010-05-13T00:04:00.5Z,2010-05-13T00:08Z,s3://b/last\xe2\x80\x99,5");
#undef USUAL
#undef BRIEF
}

/* Four columns, as short as rows can be: their times end less than a vector before the end, or begin the input. */
static inline struct hdx_text csv_record_short_rows(void) {
  return HDX_TEXT("2010-05-13T00:00:00Z,2010-05-13T00:04:00Z,k,1\n2010-05-13T00:04:00Z,2010-05-14T00:08:00Z,k,12\n"
                  "2010-05-13T00:00:00.000Z,2010-05-13T00:04:00.000Z,k,1\n2017,2018,k,1\n2018,2019,k,12345678\n"
                  "2010-05-13T00:04:00.000Z,2010-05-14T00:08:00.001Z,key,12\n"
                  "2010-05-13T00:04:00Z,2010-05-14T00:08:00.010Z,key,12\n");
}

/* One quoted row alone says that there are quotes and carriage returns. */
static inline struct hdx_text csv_record_tidy_rows(void) {
  return HDX_TEXT("2010-05-13T00:00:00Z,2010-05-13T00:04:00Z,s3://b/a.fits,1\n"
                  "\"2010-05-13T00:04:00Z\" , \"2010-05-13T00:08:00Z\",\t'b c d', \"2\"\r\n"
                  "'2010-05-13T00:04:00Z','2010-05-13T00:08:00Z','s3://b/d.fits','3'\n"
                  "'2010-05-13','2010-05-13T24:00:00Z','s3://b/d.fits','3'\n"
                  "'2010-05-13','2010-05-13T24:00:00Z','s3://b/d.fits','4'\n");
}

#endif
