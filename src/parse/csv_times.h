/* Both times of a row, one after the other, eight bytes at a time: for kernels without a vector form. Included by them
 * before csv_loop.h. */

struct times {
  int64_t fraction, fractions; /* milliseconds of this row and of all rows kept, or-ed */
};

/* Reads the times in a line's fields [0, first_end) and [first_end + 1, second_end), with at least `readable` bytes
 * from the line's beginning; false if they are of another form. */
TARGET static inline bool read_times(struct hdx_csv *csv, struct times *times, const char *line, size_t readable,
                                     size_t first_end, size_t second_end, int64_t *start, int64_t *stop) {
  (void)readable;
  return hdx_csv_two_times(csv, line, first_end, second_end, start, stop, &times->fraction);
}

/* The row is kept: its decimals count. */
TARGET static inline void keep_digits(struct times *times) {
  times->fractions |= times->fraction;
}

TARGET static inline int most_digits(const struct times *times) {
  return times->fractions ? 3 : 0;
}
