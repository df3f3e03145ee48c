/* The scan loop, included once by each vector kernel, which defines before it:
 *
 *   KERNEL                      the name of the kernel's scan function
 *   TARGET                      the function attribute that allows its instructions
 *   block_masks(p)              of 64 bytes: where the newlines and commas are, and whether there is a NUL
 *   lowest(m), without_lowest(m), bits(m)   position of the lowest bit (any value for 0), m without it, how many
 *
 *   window --block_masks--> positions of newlines and commas --> row by row: usual shape? columns : hdx_csv_line
 *
 * The usual shape is a line with as many commas as there are columns, start and stop as YYYY-MM-DDThh:mm:ss[.sss]Z, a
 * size of 1 to 16 digits, and fields that neither begin nor end with a blank, a quote or a byte beyond ASCII; no byte
 * of such a row can mean anything but itself. A window begins at a line's beginning, so no row spans two of them. */

struct hdx_csv_masks {
  uint64_t newline, comma, nul;
};

TARGET static inline struct hdx_csv_masks block_masks(const char *p);

/* Four positions are stored without asking, as most blocks have fewer; *out stays behind the real ones. */
TARGET static inline uint16_t *store_positions(uint16_t *out, uint64_t mask, size_t base) {
  uint16_t *end = out + bits(mask);
  for (int i = 0; i < 4; i++) {
    out[i] = (uint16_t)(base + lowest(mask));
    mask = without_lowest(mask);
  }
  for (out += 4; mask; out++) {
    *out = (uint16_t)(base + lowest(mask));
    mask = without_lowest(mask);
  }
  return end;
}

/* Indexes `size` bytes, no more than a window; returns the number of newlines. */
TARGET static size_t index_window(struct hdx_csv_index *index, const char *data, size_t size, size_t columns,
                                  bool *has_nul) {
  uint16_t *newline = index->newlines, *comma = index->commas;
  uint64_t nul = 0;
  for (size_t at = 0; at < size; at += 64) {
    char tail[64];
    const char *p = data + at;
    if (size - at < 64) {
      memset(tail, ' ', sizeof tail);
      memcpy(tail, p, size - at);
      p = tail;
    }
    struct hdx_csv_masks masks = block_masks(p);
    newline = store_positions(newline, masks.newline, at);
    comma = store_positions(comma, masks.comma, at);
    nul |= masks.nul;
  }
  for (size_t i = 0; i < columns; i++)
    comma[i] = UINT16_MAX;
  *has_nul = nul != 0;
  return (size_t)(newline - index->newlines);
}

/* Reads one line of the usual shape into the columns at csv->count; false if it is of another. */
TARGET static inline bool quick_row(struct hdx_csv *csv, const char *window, size_t from, size_t newline,
                                    const uint16_t *commas, int64_t *fraction) {
  size_t columns = csv->columns, i = csv->count, end = newline;
  int64_t start, stop, start_fraction, stop_fraction;
  if (commas[columns - 2] > newline || commas[columns - 1] < newline)
    return false;
  if (!hdx_csv_time(window + from, commas[0] - from, &csv->start_day, &start, &start_fraction) ||
      !hdx_csv_time(window + commas[0] + 1, (size_t)commas[1] - commas[0] - 1, &csv->stop_day, &stop, &stop_fraction))
    return false;
  struct hdx_text key = {window + commas[1] + 1, (size_t)commas[2] - commas[1] - 1};
  if (key.size == 0 || !hdx_csv_plain(key))
    return false;
  end -= window[end - 1] == '\r';
  size_t size_end = columns == 4 ? end : commas[3];
  if (!hdx_csv_digits(window + size_end, size_end - commas[2] - 1, &csv->size[i]))
    return false;
  for (size_t j = 4; j < columns; j++) {
    size_t field_end = j + 1 == columns ? end : commas[j];
    struct hdx_text extra = {window + commas[j - 1] + 1, field_end - commas[j - 1] - 1};
    if (extra.size && !hdx_csv_plain(extra))
      return false;
    csv->extra[j - 4][i] = extra;
  }
  csv->start[i] = start;
  csv->stop[i] = stop;
  csv->key[i] = key;
  csv->count = i + 1;
  csv->dialect.crlf |= end != newline;
  *fraction |= start_fraction | stop_fraction;
  return true;
}

TARGET static enum hdx_status scan_rows(struct hdx_csv *csv, const char *window, size_t rows, bool quick,
                                        struct hdx_error *error) {
  const uint16_t *newlines = csv->index.newlines, *commas = csv->index.commas;
  enum hdx_status status = HDX_OK;
  int64_t fraction = 0;
  size_t from = 0;
  for (size_t row = 0; row < rows && status == HDX_OK; row++) {
    size_t newline = newlines[row];
    if (quick && quick_row(csv, window, from, newline, commas, &fraction)) {
      csv->result.lines++;
      commas += csv->columns - 1;
      if (csv->count == HDX_CSV_BATCH_ROWS)
        status = hdx_csv_flush(csv, error);
    } else {
      uint64_t at = csv->chunk_at + (uint64_t)(window - csv->chunk) + from;
      status = hdx_csv_line(csv, window + from, newline - from, at, error);
      while (*commas < newline)
        commas++;
    }
    from = newline + 1;
  }
  if (fraction && csv->result.time_digits < 3)
    csv->result.time_digits = 3;
  return status;
}

TARGET enum hdx_status KERNEL(struct hdx_csv *csv, const char *data, const char *end, const char **rest,
                              struct hdx_error *error) {
  enum hdx_status status = HDX_OK;
  while (data < end && status == HDX_OK) {
    size_t left = (size_t)(end - data), size = left < HDX_CSV_WINDOW_BYTES ? left : HDX_CSV_WINDOW_BYTES;
    bool quick = csv->settled && !csv->dialect.no_stop, has_nul;
    size_t rows = index_window(&csv->index, data, size, quick ? csv->columns : 1, &has_nul);
    if (rows > 0) {
      status = scan_rows(csv, data, rows, quick && !has_nul, error);
      data += csv->index.newlines[rows - 1] + 1;
      continue;
    }
    const char *newline = size < left ? memchr(data + size, '\n', left - size) : NULL;
    if (!newline)
      break;
    uint64_t at = csv->chunk_at + (uint64_t)(data - csv->chunk);
    status = hdx_csv_line(csv, data, (size_t)(newline - data), at, error);
    data = newline + 1;
  }
  *rest = data;
  return status;
}
