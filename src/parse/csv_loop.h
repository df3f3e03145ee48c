/* The scan loop, included once by each vector kernel, which defines before it:
 *
 *   KERNEL                      the name of the kernel's scan function
 *   TARGET                      the function attribute that allows its instructions
 *   lowest(m), without_lowest(m), bits(m)   position of the lowest bit (any value for 0), m without it, how many
 *   block_masks(p)              of 64 bytes: where the newlines and commas are, and whether there is a NUL
 *   struct times, read_times, most_digits   both times of a row: hdx_csv_times of csv_values.h, or a vector form of it
 *
 *   window --block_masks--> positions of newlines and commas --> row by row: quick_rows, else hdx_csv_tidy_row, else
 *                                                                            hdx_csv_line
 *
 * The usual shape is a line with as many commas as there are columns, start and stop as YYYY-MM-DDThh:mm:ss[.sss]Z, a
 * size of no more than 16 digits, and fields that neither begin nor end with a blank, a quote or a byte beyond ASCII;
 * no byte of such a row can mean anything but itself. A window begins at a line's beginning, so no row spans two of
 * them. */

/* Most blocks have no more newlines and commas than are stored without asking; returns the end of the real ones. */
TARGET static inline uint16_t *store_newlines(uint16_t *out, uint64_t mask, size_t base) {
  uint16_t *end = out + bits(mask);
  *out = (uint16_t)(base + lowest(mask));
  for (mask = without_lowest(mask); mask; mask = without_lowest(mask))
    *++out = (uint16_t)(base + lowest(mask));
  return end;
}

TARGET static inline uint16_t *store_commas(uint16_t *out, uint64_t mask, size_t base) {
  uint16_t *end = out + bits(mask);
  out[0] = (uint16_t)(base + lowest(mask));
  mask = without_lowest(mask);
  out[1] = (uint16_t)(base + lowest(mask));
  mask = without_lowest(mask);
  out[2] = (uint16_t)(base + lowest(mask));
  mask = without_lowest(mask);
  out[3] = (uint16_t)(base + lowest(mask));
  for (out += 4, mask = without_lowest(mask); mask; mask = without_lowest(mask))
    *out++ = (uint16_t)(base + lowest(mask));
  return end;
}

/* Indexes `size` bytes, no more than a window, with sentinels behind the commas; returns the number of newlines. */
TARGET static size_t index_window(struct hdx_csv_index *index, const char *data, size_t size, size_t columns,
                                  bool *has_nul) {
  uint16_t *newline = index->newlines, *comma = index->commas;
  uint64_t nul = 0;
  size_t at = 0;
  for (; size - at >= 64; at += 64) {
    struct hdx_csv_masks masks = block_masks(data + at);
    newline = store_newlines(newline, masks.newline, at);
    comma = store_commas(comma, masks.comma, at);
    nul |= masks.nul;
  }
  if (at < size) {
    char tail[64];
    memset(tail, ' ', sizeof tail);
    memcpy(tail, data + at, size - at);
    struct hdx_csv_masks masks = block_masks(tail);
    newline = store_newlines(newline, masks.newline, at);
    comma = store_commas(comma, masks.comma, at);
    nul |= masks.nul;
  }
  for (size_t i = 0; i < columns; i++)
    comma[i] = UINT16_MAX;
  *has_nul = nul != 0;
  return (size_t)(newline - index->newlines);
}

/* While rows are read the memory would rest until the next window is indexed. As an address, since it may be beyond the
 * input, where prefetching does nothing. */
TARGET static inline void prefetch_next_window(const char *line) {
  uintptr_t next = (uintptr_t)line + HDX_CSV_WINDOW_BYTES;
  __builtin_prefetch((const void *)next);        /* NOLINT(performance-no-int-to-ptr) */
  __builtin_prefetch((const void *)(next + 64)); /* NOLINT(performance-no-int-to-ptr) */
}

/* Reads rows while they are of the usual shape and the batch has room; returns how many. */
TARGET __attribute__((always_inline)) static inline size_t quick_rows(struct hdx_csv *csv, const char *window,
                                                                      size_t window_size, size_t from,
                                                                      const uint16_t *newlines, const uint16_t *commas,
                                                                      size_t rows, size_t columns) {
  size_t first = csv->count, i, carriage_returns = 0;
  int64_t *start = csv->start + first, *stop = csv->stop + first, *size = csv->size + first;
  struct hdx_text *key = csv->key + first;
  struct times times = {0};
  rows = rows < HDX_CSV_BATCH_ROWS - first ? rows : HDX_CSV_BATCH_ROWS - first;
  for (i = 0; i < rows; i++, commas += columns - 1) {
    size_t newline = newlines[i];
    prefetch_next_window(window + from);
    if (commas[columns - 2] > newline || commas[columns - 1] < newline)
      break;
    if (!read_times(csv, &times, window + from, window_size - from, commas[0] - from, commas[1] - from, &start[i],
                    &stop[i]))
      break;
    key[i] = (struct hdx_text){window + commas[1] + 1, (size_t)commas[2] - commas[1] - 1};
    if (key[i].size == 0 || !hdx_csv_plain(key[i]))
      break;
    size_t end = newline - (window[newline - 1] == '\r');
    size_t size_end = columns == 4 ? end : commas[3];
    size[i] = -1;
    if (size_end > commas[2] + 1u && !hdx_csv_digits(window + size_end, size_end - commas[2] - 1, &size[i]))
      break;
    bool plain = true;
    for (size_t j = 4; j < columns; j++) {
      size_t field = commas[j - 1] + 1u, field_end = j + 1 == columns ? end : commas[j];
      csv->extra[j - 4][first + i] = (struct hdx_text){window + field, field_end - field};
      plain &= field == field_end || hdx_csv_plain(csv->extra[j - 4][first + i]);
    }
    if (!plain)
      break;
    carriage_returns += newline - end;
    from = newline + 1;
    keep_digits(&times);
  }
  int digits = most_digits(&times);
  csv->result.time_digits = digits > csv->result.time_digits ? digits : csv->result.time_digits;
  csv->dialect.crlf |= carriage_returns > 0;
  for (size_t j = 0; csv->line && j < i; j++)
    csv->line[first + j] = csv->result.lines + 1 + j;
  csv->result.lines += i;
  csv->count += i;
  return i;
}

/* Reads the rows of a window by the shortest way that each of them allows. */
TARGET static enum hdx_status scan_rows(struct hdx_csv *csv, const char *window, size_t size, size_t rows, bool has_nul,
                                        struct hdx_error *error) {
  const uint16_t *newlines = csv->index.newlines, *commas = csv->index.commas;
  enum hdx_status status = HDX_OK;
  size_t from = 0, row = 0, columns = csv->columns;
  bool quick = !csv->dialect.no_stop && !has_nul;
  while (row < rows && status == HDX_OK) {
    size_t done = !quick || !hdx_csv_end_bytes[(unsigned char)window[from]] ? 0
                  : columns == 4 ? quick_rows(csv, window, size, from, newlines + row, commas, rows - row, 4)
                                 : quick_rows(csv, window, size, from, newlines + row, commas, rows - row, columns);
    if (done == 0 && !has_nul)
      done = hdx_csv_tidy_row(csv, window + from, commas, from, newlines[row]);
    if (done) {
      row += done;
      commas += done * (columns - 1);
      if (csv->count == HDX_CSV_BATCH_ROWS)
        status = hdx_csv_flush(csv, error);
    } else {
      uint64_t at = csv->chunk_at + (uint64_t)(window - csv->chunk) + from;
      status = hdx_csv_line(csv, window + from, newlines[row] - from, at, error);
      while (*commas < newlines[row])
        commas++;
      row++;
    }
    from = newlines[row - 1] + 1u;
  }
  return status;
}

/* One line that no window holds, or that comes before the layout is known; false if it has no end. */
static bool scan_line(struct hdx_csv *csv, const char **data, const char *end, size_t known, enum hdx_status *status,
                      struct hdx_error *error) {
  size_t left = (size_t)(end - *data);
  const char *newline = known < left ? memchr(*data + known, '\n', left - known) : NULL;
  if (!newline)
    return false;
  uint64_t at = csv->chunk_at + (uint64_t)(*data - csv->chunk);
  *status = hdx_csv_line(csv, *data, (size_t)(newline - *data), at, error);
  *data = newline + 1;
  return true;
}

TARGET enum hdx_status KERNEL(struct hdx_csv *csv, const char *data, const char *end, const char **rest,
                              struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  while (!csv->settled && status == HDX_OK && scan_line(csv, &data, end, 0, &status, error))
    continue;
  while (csv->settled && data < end && status == HDX_OK) {
    size_t left = (size_t)(end - data), size = left < HDX_CSV_WINDOW_BYTES ? left : HDX_CSV_WINDOW_BYTES;
    bool has_nul;
    size_t rows = index_window(&csv->index, data, size, csv->columns, &has_nul);
    if (rows > 0) {
      status = scan_rows(csv, data, size, rows, has_nul, error);
      data += csv->index.newlines[rows - 1] + 1;
    } else if (!scan_line(csv, &data, end, size, &status, error)) {
      break;
    }
  }
  *rest = data;
  return status;
}
