/* The rows of a query, forwards: those of one dataset as they come from its cursor, those of several merged by a heap
 * of their next rows. (Backwards: query_back.c.)
 *
 * A batch of several ends where the rows that it points to would go. A dataset with few rows in the range is copied and
 * its cursor closed, so that many datasets do not need as many blocks in memory. Where the memory for cursors is used
 * up, rows are copied in portions, and the cursor is opened anew for each.
 *
 * Of the session's memory a half is for what is copied (twice what is planned, as buffers grow by doubling), and a half
 * for cursors: of several datasets a quarter for those that stay open, and another one for the one that is read. */
#include "job/query.h"

#include "base/heap.h"

#include <malloc.h>
#include <stdlib.h>

enum {
  PORTION_ROWS_MIN = 16,
  SHARE_BYTES_MIN = 4 << 10,    /* that the kept rows of a dataset may take, however many there are */
  MERGED_PART_BYTES = 12 << 10, /* of memory, of a dataset whose rows are merged with others', at the most */
  TRIM_SHARE = 8,               /* a cursor that took more than this part of the memory */
  KEPT_ROWS = 1024,             /* of a dataset that are copied when there are several */
  MERGED_ROWS = 4096            /* of a batch of several datasets */
};

/* ---- memory ---- */

uint64_t hdx_query_memory(const struct hdx_query *query) {
  return hdx_session_memory(query->session) / (query->part_count == 1 ? 2 : 4);
}

static uint64_t kept_max(const struct hdx_query *query) {
  return hdx_session_memory(query->session) / 4;
}

/* That the kept rows of a dataset may take, whatever others keep. */
uint64_t hdx_query_share(const struct hdx_query *query) {
  uint64_t share = kept_max(query) / query->part_count;
  return share > SHARE_BYTES_MIN ? share : SHARE_BYTES_MIN;
}

/* ---- one dataset ---- */

enum hdx_status hdx_query_ask(struct hdx_query_part *part, unsigned wanted, struct hdx_error *error) {
  const struct hdx_query *query = part->query;
  const struct hdx_range range = {query->options.start, query->options.stop, query->options.match, part->years};
  enum hdx_status status = part->cursor ? HDX_OK : hdx_cursor_open(part->reader, &range, &part->cursor, error);
  if (status != HDX_OK)
    return status;
  hdx_cursor_range(part->cursor, &range);
  hdx_cursor_memory(part->cursor, (size_t)hdx_query_memory(query));
  return hdx_cursor_filter(part->cursor, &query->filter, wanted, error);
}

/* A snapshot that was tampered with must not lead a walk in circles. */
enum hdx_status hdx_query_out_of_order(const struct hdx_query_part *part, struct hdx_error *error) {
  return hdx_error_set(error, HDX_INTEGRITY, "%s: its rows are out of order", part->path);
}

/* Notes what the cursor of a part takes now; whether all cursors together may stay open. */
static bool cursors_fit(struct hdx_query_part *part) {
  size_t bytes = part->cursor ? hdx_cursor_bytes(part->cursor) : 0;
  part->query->cursor_bytes += bytes - part->cursor_bytes;
  part->cursor_bytes = bytes;
  return part->query->cursor_bytes <= hdx_query_memory(part->query);
}

void hdx_query_close_cursor(struct hdx_query_part *part) {
  size_t bytes = part->cursor ? hdx_cursor_bytes(part->cursor) : 0;
  hdx_cursor_close(part->cursor);
  part->cursor = NULL;
  cursors_fit(part);
  hdx_reader_rest(part->reader);
  if (bytes > hdx_session_memory(part->query->session) / TRIM_SHARE)
    malloc_trim(0); /* rows that were copied beside it would keep its memory from being given back */
}

/* ---- forwards ---- */

static size_t row_bytes(const struct hdx_batch *batch, size_t i) {
  size_t bytes = 4 * sizeof(int64_t) + (1 + batch->extra_count) * sizeof(struct hdx_text) + batch->key[i].size;
  for (size_t c = 0; c < batch->extra_count; c++)
    bytes += batch->extra[c][i].size;
  return bytes;
}

/* Notes what the kept rows of a part take now; how much more all together may. */
static uint64_t kept_room(struct hdx_query_part *part) {
  struct hdx_query *query = part->query;
  size_t bytes = hdx_kept_rows_bytes(&part->kept);
  query->kept_bytes += bytes - part->kept_bytes;
  part->kept_bytes = bytes;
  return query->kept_bytes < kept_max(query) ? kept_max(query) - query->kept_bytes : 0;
}

/* How many rows of a batch, from `from` on, are copied: until they are more than the share of a dataset, but not so few
 * that those of one instant, which were handed out and are passed over each time, are ever more in comparison. */
static size_t portion_end(struct hdx_query_part *part, const struct hdx_batch *batch, size_t from) {
  uint64_t share = hdx_query_share(part->query), room = kept_room(part), more = 0;
  uint64_t bytes = hdx_kept_rows_used_bytes(&part->kept);
  for (size_t rows = part->kept.count; from < batch->count; from++, rows++) {
    size_t row = row_bytes(batch, from);
    bool few = rows < PORTION_ROWS_MIN || (rows < part->skipped / 4 && more + row <= room);
    if (bytes + row > share && !few)
      break;
    bytes += row;
    more += row;
  }
  return from;
}

/* Whether all rows of a batch can be kept beside those of other datasets. */
static bool batch_fits(struct hdx_query_part *part, const struct hdx_batch *batch) {
  uint64_t room = kept_room(part), bytes = 0;
  for (size_t i = 0; i < batch->count && bytes <= room; i++)
    bytes += row_bytes(batch, i);
  return bytes <= room;
}

/* Copies rows of a batch, all of them if there is `room`; else as many as a portion has, after which, as after the last
 * row, the cursor is closed. */
static enum hdx_status copy(struct hdx_query_part *part, const struct hdx_batch *batch, bool room,
                            struct hdx_error *error) {
  size_t from = part->to_skip < batch->count ? part->to_skip : batch->count;
  part->to_skip -= from;
  size_t to = room ? batch->count : portion_end(part, batch, from);
  enum hdx_status status = hdx_kept_rows_add(&part->kept, batch, from, to, part->info.extra_count, error);
  kept_room(part);
  part->ended = batch->count == 0;
  if (part->ended || to < batch->count)
    hdx_query_close_cursor(part);
  return status;
}

/* Hands rows out, and notes where they end, for a cursor that is opened anew. */
static enum hdx_status hand_out(struct hdx_query_part *part, struct hdx_batch batch, struct hdx_error *error) {
  int64_t last = part->after;
  size_t same = 0;
  part->batch = batch;
  for (size_t i = 0; i < batch.count; i++) { /* or a walk from here would not end */
    if (batch.start[i] < last)
      return hdx_query_out_of_order(part, error);
    same = batch.start[i] == last ? same + 1 : 1;
    last = batch.start[i];
  }
  if (!batch.count)
    return HDX_OK;
  part->skipped = same == batch.count && batch.start[0] == part->after ? part->skipped + same : same;
  part->after = batch.start[batch.count - 1];
  return HDX_OK;
}

/* The part's cursor, opened anew where the rows that were handed out end. */
static enum hdx_status resume(struct hdx_query_part *part, unsigned wanted, struct hdx_error *error) {
  if (part->cursor)
    return HDX_OK;
  enum hdx_status status = hdx_query_ask(part, wanted, error);
  if (status == HDX_OK)
    hdx_cursor_window(part->cursor, part->after, INT64_MAX);
  part->to_skip = part->skipped;
  return status;
}

/* The next rows of one dataset of several: a batch of its cursor, if that may stay open, or copies. */
static enum hdx_status next_of_several(struct hdx_query_part *part, unsigned wanted, struct hdx_error *error) {
  struct hdx_kept_rows *rows = &part->kept;
  if (part->ended || hdx_kept_rows_bytes(rows) > hdx_query_share(part->query))
    hdx_kept_rows_deinit(rows);
  hdx_kept_rows_clear(rows);
  kept_room(part);
  enum hdx_status status = part->ended ? HDX_OK : resume(part, wanted, error);
  for (bool room = true; status == HDX_OK && part->cursor && (!room || rows->count < KEPT_ROWS);) {
    struct hdx_batch batch;
    if (hdx_session_cancelled(part->query->session))
      return hdx_error_set(error, HDX_INTERRUPTED, "interrupted");
    status = hdx_cursor_next(part->cursor, &batch, error);
    room = cursors_fit(part);
    if (status == HDX_OK && room && !rows->count && !part->to_skip && batch.count >= KEPT_ROWS)
      return hand_out(part, batch, error);
    room = room && status == HDX_OK && batch_fits(part, &batch);
    if (status == HDX_OK)
      status = copy(part, &batch, room, error);
  }
  return status == HDX_OK ? hand_out(part, hdx_kept_rows_batch(rows, wanted), error) : status;
}

/* The next rows of the only dataset. */
static enum hdx_status next_of_one(struct hdx_query_part *part, unsigned wanted, struct hdx_error *error) {
  enum hdx_status status = part->cursor ? HDX_OK : hdx_query_ask(part, wanted, error);
  return status == HDX_OK ? hdx_cursor_next(part->cursor, &part->batch, error) : status;
}

static enum hdx_status next_of(struct hdx_query_part *part, unsigned wanted, struct hdx_error *error) {
  part->at = 0;
  if (part->query->options.reverse)
    return hdx_query_next_window(part, wanted, error);
  return part->query->part_count == 1 ? next_of_one(part, wanted, error) : next_of_several(part, wanted, error);
}

/* ---- several datasets ---- */

static bool before(const void *context, size_t a, size_t b) {
  const struct hdx_query *query = context;
  const struct hdx_query_part *x = &query->parts[a], *y = &query->parts[b];
  int order = hdx_row_compare(x->batch.start[x->at], x->batch.stop[x->at], x->batch.key[x->at], y->batch.start[y->at],
                              y->batch.stop[y->at], y->batch.key[y->at]);
  order = order ? order : a < b ? -1 : 1;
  return query->options.reverse ? order > 0 : order < 0;
}

static enum hdx_status refill(struct hdx_query *query, size_t part, struct hdx_error *error) {
  enum hdx_status status = next_of(&query->parts[part], query->wanted | HDX_COLUMN_KEY, error);
  if (status == HDX_OK && query->parts[part].batch.count)
    hdx_heap_push(query->heap, &query->heap_count, part, before, query);
  return status;
}

static enum hdx_status begin_merging(struct hdx_query *query, struct hdx_error *error) {
  size_t extra_count = query->info.extra_count;
  enum hdx_status status = hdx_query_fits(query, query->part_count, MERGED_PART_BYTES, error);
  if (status == HDX_OK)
    status = hdx_kept_rows_reserve(&query->merged, MERGED_ROWS, extra_count, error);
  if (status == HDX_OK && !query->heap) {
    query->heap = calloc(query->part_count, sizeof *query->heap);
    if (!query->heap)
      status = hdx_error_memory(error, query->part_count * sizeof *query->heap);
  }
  query->heap_count = 0;
  query->drained = SIZE_MAX;
  for (size_t i = 0; status == HDX_OK && i < query->part_count; i++)
    status = refill(query, i, error);
  return status;
}

static void copy_row(struct hdx_query *query, const struct hdx_query_part *part, size_t i) {
  struct hdx_kept_rows *merged = &query->merged;
  const struct hdx_batch *batch = &part->batch;
  size_t row = part->at;
  merged->start[i] = batch->start[row];
  merged->stop[i] = batch->stop[row];
  if (query->wanted & HDX_COLUMN_SIZE)
    merged->size[i] = batch->size[row];
  merged->key[i] = batch->key[row];
  merged->dataset[i] = (uint32_t)(part - query->parts);
  for (size_t c = 0; query->wanted & HDX_COLUMN_EXTRA && c < merged->extra_count; c++) {
    size_t place = hdx_query_column(part, c);
    merged->extra[c][i] = place == SIZE_MAX ? HDX_TEXT("") : batch->extra[place][row];
  }
}

static enum hdx_status next_merged(struct hdx_query *query, struct hdx_batch *batch, struct hdx_error *error) {
  size_t count = 0;
  if (query->drained != SIZE_MAX) {
    enum hdx_status status = refill(query, query->drained, error);
    if (status != HDX_OK)
      return status;
    query->drained = SIZE_MAX;
  }
  while (count < MERGED_ROWS && query->heap_count && query->drained == SIZE_MAX) {
    struct hdx_query_part *part = &query->parts[query->heap[0]];
    copy_row(query, part, count++);
    if (++part->at == part->batch.count)
      query->drained = hdx_heap_pop(query->heap, &query->heap_count, before, query);
    else
      hdx_heap_settle(query->heap, query->heap_count, before, query);
  }
  query->merged.count = count;
  *batch = hdx_kept_rows_batch(&query->merged, query->wanted);
  batch->dataset = query->merged.dataset;
  return HDX_OK;
}

/* ---- all of it ---- */

void hdx_query_begin(struct hdx_query *query, unsigned wanted) {
  query->wanted = wanted | (query->options.latest_version ? HDX_COLUMN_KEY : 0u);
  if (query->options.no_extras)
    query->wanted &= ~HDX_COLUMN_EXTRA;
  query->handed_out = 0;
  query->begun = false;
  query->taken = (struct hdx_batch){0};
  query->taken_rows = 0;
  query->failure.status = HDX_OK;
}

static enum hdx_status begin(struct hdx_query *query, struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  bool several = query->part_count > 1;
  if (query->options.latest_version)
    status = hdx_latest_begin(query, error);
  for (size_t i = 0; status == HDX_OK && i < query->part_count; i++) {
    struct hdx_query_part *part = &query->parts[i];
    part->ended = false;
    part->before = INT64_MAX;
    part->after = INT64_MIN;
    part->skipped = part->to_skip = 0;
    part->cut_count = 0;
    part->batch = (struct hdx_batch){0};
    part->at = 0;
    if (part->cursor && (!several || cursors_fit(part)))
      status = hdx_query_ask(part, query->wanted | (several ? HDX_COLUMN_KEY : 0u), error);
    else if (part->cursor)
      hdx_query_close_cursor(part);
  }
  if (status == HDX_OK && several)
    status = begin_merging(query, error);
  query->begun = status == HDX_OK;
  return status;
}

/* The next rows with all their versions. */
static enum hdx_status next_rows(void *user, struct hdx_batch *batch, struct hdx_error *error) {
  struct hdx_query *query = user;
  if (query->part_count > 1)
    return next_merged(query, batch, error);
  enum hdx_status status = next_of(&query->parts[0], query->wanted, error);
  if (status == HDX_OK)
    *batch = query->parts[0].batch;
  return status;
}

/* Begins where nothing was asked for yet, and goes on. */
static enum hdx_status go_on(struct hdx_query *query, struct hdx_batch *batch, struct hdx_error *error) {
  if (hdx_session_cancelled(query->session))
    return hdx_error_set(error, HDX_INTERRUPTED, "interrupted");
  enum hdx_status status = query->begun ? HDX_OK : begin(query, error);
  if (status != HDX_OK)
    return status;
  return query->latest ? hdx_latest_next(query, next_rows, query, batch, error) : next_rows(query, batch, error);
}

/* What failed or was interrupted may have lost rows that were on their way: nobody goes on behind them. */
enum hdx_status hdx_query_rows(struct hdx_query *query, struct hdx_batch *batch, struct hdx_error *error) {
  struct hdx_error *failure = &query->failure;
  if (failure->status == HDX_OK)
    failure->status = go_on(query, batch, failure);
  return failure->status == HDX_OK ? HDX_OK : hdx_error_set(error, failure->status, "%s", failure->message);
}
