/* Small snapshots made in memory, block by block, with all that blocks may be: what a writer would make of them only
 * together with tens of thousands of rows. */
#ifndef HDX_TEST_SNAPSHOT_SMALL_H
#define HDX_TEST_SNAPSHOT_SMALL_H

#include "codec/bytes.h"
#include "model.h"
#include "snapshot/reader.h"

enum { SMALL_BLOCKS_MAX = 8 };

/* How the rows of a small snapshot are. */
enum small_kind {
  SMALL_REGULAR, /* names by time, one size */
  SMALL_CHAIN,   /* each row begins where the one before ended; sizes by duration */
  SMALL_DAYS,    /* starts and stops at times of the day, versions */
  SMALL_NO_STOP,
  SMALL_SOME_STOPS,
  SMALL_NOISE, /* symbols with levels, random texts in a heap, extra columns */
  SMALL_BACKWARD,
  SMALL_ONE, /* row */
  SMALL_KINDS
};

struct small {
  struct hdx_footer footer;
  struct hdx_book book;
  struct hdx_zone zones[SMALL_BLOCKS_MAX];
  struct hdx_year years[2];
  struct hdx_text names[MODEL_EXTRAS], templates[64];
  uint32_t ids[MODEL_EXTRAS];
  struct hdx_parameter parameters[MODEL_EXTRAS];
  struct hdx_buffer blocks; /* header and blocks */
  struct hdx_buffer file;
  struct model model;
};

#define SMALL_SECOND INT64_C(1000000000)
#define SMALL_DAY (86400 * SMALL_SECOND)

static inline void small_row(struct small *small, enum small_kind kind, size_t i, int64_t *time, uint64_t *seed) {
  struct model *model = &small->model;
  static const int64_t lasts[] = {30 * SMALL_SECOND, 61 * SMALL_SECOND, 600 * SMALL_SECOND};
  int64_t last = lasts[model_below(seed, 3)], stop = *time + last, size = 2880 * (int64_t)(40 + last / SMALL_SECOND);
  if (kind == SMALL_DAYS)
    stop = *time / SMALL_DAY * SMALL_DAY + SMALL_DAY - 1;
  if (kind == SMALL_NO_STOP || (kind == SMALL_SOME_STOPS && model_below(seed, 3) == 0))
    stop = HDX_TIME_NONE;
  if (kind == SMALL_BACKWARD && model_below(seed, 4) == 0)
    stop = *time - 1000;
  if (kind == SMALL_NOISE || kind == SMALL_SOME_STOPS)
    size = model_below(seed, 4) ? (int64_t)model_below(seed, 1u << 28) : -1;
  if (kind == SMALL_NO_STOP)
    size = -1;
  long long day = *time / SMALL_DAY, second = *time / SMALL_SECOND % 86400;
  struct model_row *row = model_add(model, 2000 + (int)(i % 3 == 2), *time, stop, size);
  if (kind == SMALL_NOISE)
    row->key = model_text(model, "%0*llx", (int)model_below(seed, 40), (unsigned long long)model_random(seed));
  else
    row->key = model_text(model, "b/197001%02lld/f_%02lld%02lld%02lld_v%d.fits", day + 1, second / 3600,
                          second / 60 % 60, second % 60, (int)(i / 50));
  if (model->extra_count) {
    row->extra[0] = model_below(seed, 3) ? HDX_TEXT("") : model_text(model, "%d", (int)model_below(seed, 9000));
    row->extra[1] = HDX_TEXT("MD5");
    row->extra[2] = model_text(model, "%d%06d", (int)(i % 7), (int)model_below(seed, 1000000));
  }
  *time = kind == SMALL_CHAIN                 ? stop
          : kind == SMALL_DAYS                ? *time + (1 + (int64_t)model_below(seed, 2)) * SMALL_DAY / 8
          : kind == SMALL_NOISE && i % 3 == 0 ? *time
                                              : *time + 720 * SMALL_SECOND;
}

static inline void small_block(struct small *small, struct hdx_block_encoder *encoder, struct hdx_block_habit *habit,
                               size_t from, size_t to, size_t n) {
  struct hdx_error error = {0};
  struct hdx_rows rows;
  size_t columns[MODEL_EXTRAS] = {0};
  hdx_rows_init(&rows, SIZE_MAX);
  /* Every other block lacks the extra columns; the first one and each fourth behind it mixes years. */
  bool mixed = n % 4 == 0;
  size_t extra_count = n % 2 ? 0 : small->model.extra_count;
  for (uint32_t c = 0; c < extra_count; c++)
    assert_int_equal(hdx_rows_column(&rows, small->ids[c], &columns[c], &error), HDX_OK);
  for (size_t i = from; i < to; i++) {
    struct model_row *row = &small->model.rows[i];
    const struct hdx_text *extra[] = {&row->extra[0], &row->extra[1], &row->extra[2]};
    for (size_t c = extra_count; c < MODEL_EXTRAS; c++)
      row->extra[c] = HDX_TEXT("");
    struct hdx_csv_batch batch = {
        .count = 1, .start = &row->start, .stop = &row->stop, .size = &row->size, .key = &row->key, .extra = extra};
    row->year = mixed ? row->year : 2000;
    assert_int_equal(hdx_rows_append(&rows, &batch, 0, 1, columns, extra_count, row->year, &error), HDX_OK);
  }
  struct hdx_zone *zone = &small->zones[n];
  size_t offset = small->blocks.size;
  assert_int_equal(hdx_rows_sort(&rows, &error), HDX_OK);
  if (hdx_block_encode(encoder, &small->book, habit, &rows, 0, rows.count, mixed, &small->blocks, zone, &error))
    fail_msg("%s", error.message);
  zone->offset = offset;
  if (zone->flags & (HDX_BLOCK_NO_STOP | HDX_BLOCK_SOME_STOPS))
    zone->max_stop = INT64_MAX; /* a bound is all it has to be */
  hdx_rows_deinit(&rows);
}

/* Puts the footer, as it says, behind the blocks: small->file. */
static inline void small_finish(struct small *small, struct hdx_zstd *zstd) {
  struct hdx_error error = {0};
  hdx_buffer_clear(&small->file);
  hdx_buffer_append_text(&small->file, hdx_buffer_text(&small->blocks));
  if (hdx_footer_encode(&small->footer, small->blocks.size, zstd, &small->file, &error) != HDX_OK)
    fail_msg("%s", error.message);
}

/* `count` rows in at most `blocks` blocks, one behind the other. */
static inline void small_make(struct small *small, enum small_kind kind, size_t count, size_t blocks, uint64_t seed) {
  *small = (struct small){.ids = {9, 2, 4}, .names = {HDX_TEXT("alpha"), HDX_TEXT("mid"), HDX_TEXT("zeta")}};
  struct hdx_block_encoder *encoder = hdx_block_encoder_take();
  struct hdx_block_habit habit = {.next = NULL};
  int64_t time = 3 * SMALL_SECOND;
  char header[HDX_HEADER_BYTES];
  model_init(&small->model);
  hdx_book_init(&small->book);
  hdx_buffer_init(&small->blocks, SIZE_MAX);
  hdx_buffer_init(&small->file, SIZE_MAX);
  hdx_footer_header(header);
  hdx_buffer_append(&small->blocks, header, sizeof header);
  small->model.extra_count = kind == SMALL_NOISE || kind == SMALL_NO_STOP ? MODEL_EXTRAS : 0;
  count = kind == SMALL_ONE ? 1 : count;
  for (size_t i = 0; i < count; i++)
    small_row(small, kind, i, &time, &seed);
  size_t each = (count + blocks - 1) / blocks, n = 0;
  for (size_t from = 0; from < count; from += each, n++)
    small_block(small, encoder, &habit, from, from + each < count ? from + each : count, n);
  for (size_t t = 0; t < small->book.count; t++)
    small->templates[t] = small->book.templates[t]->bytes;
  small->years[0] = (struct hdx_year){.year = 2000, .url = "u", .etag = "e", .last_modified = "", .reason = ""};
  small->years[1] = (struct hdx_year){.year = 2001, .url = "v", .etag = "", .last_modified = "m", .reason = "r"};
  /* Of years and columns, more is known where there are extra columns. */
  bool more = small->model.extra_count > 0;
  if (more) {
    small->years[0].form = "csv, header";
    small->years[1] = (struct hdx_year){.year = 2001, .url = "v", .form = "f", .repairs = 300, .duplicates = 2};
    small->years[1].unsorted = true;
    small->parameters[0] = (struct hdx_parameter){HDX_PARAMETER_INTEGER, HDX_TEXT("km"), HDX_TEXT("")};
    small->parameters[2] = (struct hdx_parameter){HDX_PARAMETER_DOUBLE, HDX_TEXT(""), HDX_TEXT("said")};
  }
  small->footer = (struct hdx_footer){.subject = model_subject(),
                                      .time_digits = 3,
                                      .zone_count = n,
                                      .zones = small->zones,
                                      .year_count = 2,
                                      .years = small->years,
                                      .column_count = small->model.extra_count,
                                      .column_names = small->names,
                                      .column_ids = small->ids,
                                      .parameters = more ? small->parameters : NULL,
                                      .template_count = small->book.count,
                                      .templates = small->templates};
  small->footer.subject.parameters = more ? 0x0123456789abcdef : 0;
  struct hdx_zstd *zstd = hdx_block_encoder_zstd(encoder);
  small_finish(small, zstd);
  hdx_block_encoder_give(encoder);
  hdx_block_habit_deinit(&habit);
}

static inline void small_free(struct small *small) {
  hdx_buffer_deinit(&small->blocks);
  hdx_buffer_deinit(&small->file);
  hdx_book_deinit(&small->book);
  model_deinit(&small->model);
}

#endif
