/* Odd datasets, one for each thing that published index files do and that a reader may trip over: quotes, line ends,
 * headers, order, times, sizes, keys. A table says what each does; rows are one a day or so, 2018 to 2020.
 *
 * The catalog's start and stop are those of the rows as a lenient reader understands them. */
#include "bucket.h"

#include <stdio.h>

enum {
  ROWS_MAX = 800, /* of a year */
  FIRST_YEAR = 2018,
  LAST_YEAR = 2020,
  KEY_BYTES = 320,
  TIME_BYTES = 48
};

enum odd_flag {
  ODD_BOM = 1 << 0,
  ODD_CRLF = 1 << 1,
  ODD_NO_FINAL_NEWLINE = 1 << 2,
  ODD_BLANK_LINES = 1 << 3,
  ODD_DUPLICATES = 1 << 4,
  ODD_UNSORTED = 1 << 5,
  ODD_FILED_EARLY = 1 << 6, /* a year's first rows are in the file of the year before */
  ODD_FILED_LATE = 1 << 7,  /* a year's last rows are in the file of the year after */
  ODD_NEW_YEAR = 1 << 8,    /* the last files reach over New Year */
  ODD_SIZE_EMPTY = 1 << 9,  /* every third */
  ODD_SIZE_DECIMAL = 1 << 10,
  ODD_SIZE_QUOTED = 1 << 11, /* nothing else is */
  ODD_NO_STOP = 1 << 12,
  ODD_DATE_ONLY = 1 << 13, /* every other one without Z */
  ODD_NANOSECONDS = 1 << 14,
  ODD_MIXED_TIMES = 1 << 15,
  ODD_DOT_TIMES = 1 << 16,   /* T00:00.00Z */
  ODD_COLON_TIMES = 1 << 17, /* 2018-01-01:00:00:00Z */
  ODD_LEAP_TIMES = 1 << 18,  /* stops at 23:59:60 or 24:00:00 */
  ODD_MULTIYEAR = 1 << 19,
  ODD_MULTIYEAR_WORD = 1 << 20, /* in the catalog "True" instead of true */
  ODD_MISSING_YEARS = 1 << 21,  /* 2000 to 2012 with holes */
  ODD_EMPTY_FILES = 1 << 22     /* one of no bytes, one with a header alone */
};

struct odd {
  const char *what, *title;
  uint32_t flags;
  char quote; /* 0: none; '?': by the row: none, single, double */
  const char *header;
  const char *key; /* behind the endpoint, unless it has a scheme; NULL: the usual one */
};

#define HEADER "# start, stop, datakey, filesize"

static const struct odd odds[] = {
    {"double_quotes", "every field in double quotes", 0, '"', HEADER, NULL},
    {"double_quotes_comma", "commas and doubled quotes within double quotes", 0, '"', NULL,
     "odd/%Y/a, \"\"quoted\"\" name_%D.cdf"},
    {"single_quotes", "every field in single quotes", 0, '\'', HEADER, NULL},
    {"single_quotes_bare", "every field in single quotes, no header", 0, '\'', NULL, NULL},
    {"mixed_quotes", "quotes of either kind, or none, by the row", 0, '?', NULL, NULL},
    {"crlf", "lines end in CR LF", ODD_CRLF, 0, HEADER, NULL},
    {"crlf_quotes", "lines end in CR LF, fields in double quotes", ODD_CRLF, '"', NULL, NULL},
    {"bom", "a byte order mark before the header", ODD_BOM, 0, HEADER, NULL},
    {"bom_bare", "a byte order mark before the first row", ODD_BOM, 0, NULL, NULL},
    {"header_hash", "header with # and spaces", 0, 0, HEADER, NULL},
    {"header_plain", "header without #", 0, 0, "start,stop,datakey,filesize", NULL},
    {"header_other", "header with other names", 0, 0, "Start Time,End Time,File,Bytes", NULL},
    {"header_quoted", "header in quotes", 0, '"', "\"start\",\"stop\",\"datakey\",\"filesize\"", NULL},
    {"no_final_newline", "the last line does not end", ODD_NO_FINAL_NEWLINE, 0, NULL, NULL},
    {"blank_lines", "blank lines between rows", ODD_BLANK_LINES, 0, NULL, NULL},
    {"duplicates", "rows repeated, at once and later", ODD_DUPLICATES, 0, NULL, NULL},
    {"unsorted", "rows out of order", ODD_UNSORTED, 0, NULL, NULL},
    {"filed_early", "rows in the file of the year before theirs", ODD_FILED_EARLY, 0, NULL, NULL},
    {"filed_late", "rows in the file of the year after theirs", ODD_FILED_LATE, 0, NULL, NULL},
    {"new_year", "files that reach over New Year", ODD_NEW_YEAR, 0, NULL, NULL},
    {"size_empty", "no size in every third row", ODD_SIZE_EMPTY, 0, NULL, NULL},
    {"size_decimal", "sizes with a decimal point", ODD_SIZE_DECIMAL, 0, NULL, NULL},
    {"size_quoted", "sizes in quotes and nothing else", ODD_SIZE_QUOTED, '"', NULL, NULL},
    {"no_stop", "no stop column, with a header", ODD_NO_STOP, 0, "# start, datakey, filesize", NULL},
    {"no_stop_bare", "no stop column, no header", ODD_NO_STOP, 0, NULL, NULL},
    {"date_only", "times that are dates alone", ODD_DATE_ONLY, 0, NULL, NULL},
    {"nanoseconds", "times to the nanosecond", ODD_NANOSECONDS, 0, NULL, NULL},
    {"mixed_times", "every form of time in one file", ODD_MIXED_TIMES, 0, NULL, NULL},
    {"dot_times", "a dot where a colon belongs", ODD_DOT_TIMES, 0, NULL, NULL},
    {"colon_times", "a colon where the T belongs", ODD_COLON_TIMES, 0, NULL, NULL},
    {"leap_times", "second 60 and hour 24", ODD_LEAP_TIMES, 0, NULL, NULL},
    {"key_percent", "percent signs in keys", 0, 0, NULL, "odd/%Y/100%%25 of it%%2F%D_v01.cdf"},
    {"key_space", "spaces in keys", 0, 0, NULL, "odd/two words/%Y/a file of %D.cdf"},
    {"key_plus", "plus signs in keys", 0, 0, NULL, "odd/c++/%Y/n+e_%D+v01.cdf"},
    {"key_utf8", "UTF-8 in keys", 0, 0, NULL, "odd/Übersicht/%Y/Ørsted_磁場_%D_μT.cdf"},
    {"key_relative", "keys without a scheme", 0, 0, NULL, NULL},
    {"key_http", "keys that are web addresses", 0, 0, NULL, "https://data.example.org/odd/%Y/odd_%D.cdf?v=1&t=%T"},
    {"multiyear", "files of more than a year", ODD_MULTIYEAR, 0, NULL, NULL},
    {"multiyear_word", "files of more than a year, told by a word", ODD_MULTIYEAR | ODD_MULTIYEAR_WORD, 0, NULL, NULL},
    {"missing_years", "years missing in the middle", ODD_MISSING_YEARS, 0, NULL, NULL},
    {"empty_files", "index files without rows", ODD_EMPTY_FILES, 0, HEADER, NULL},
};

struct odd_row {
  int64_t start, stop;        /* ms */
  uint32_t start_ns, stop_ns; /* beyond the millisecond */
  uint64_t size;
};

struct odd_year {
  struct odd_row rows[ROWS_MAX];
  size_t count;
};

static void add_row(struct odd_year *rows, int64_t start, int64_t stop, uint64_t size) {
  if (rows->count < ROWS_MAX)
    rows->rows[rows->count++] = (struct odd_row){.start = start, .stop = stop, .size = size};
}

/* The days of a year that `odd` has rows for, before any disorder. */
static void plan_rows(const struct odd *odd, struct gen_random *random, int year, struct odd_year *rows) {
  int64_t day = gen_day_of_year(year), end = gen_day_of_year(year + 1);
  int64_t step = odd->flags & ODD_MULTIYEAR ? 30 : 1;
  bool whole_days = odd->flags & (ODD_DATE_ONLY | ODD_LEAP_TIMES);
  for (; day < end; day += step) {
    if (step == 1 && day < end - 4 && gen_random_chance(random, 80000))
      continue;
    int64_t start = day * GEN_DAY_MS, stop = start + GEN_DAY_MS;
    if (odd->flags & ODD_MULTIYEAR)
      stop = start + gen_random_between(random, 300, 900) * GEN_DAY_MS;
    else if (!whole_days) {
      start += gen_random_below(random, 3600) * 1000;
      stop -= (int64_t)gen_random_between(random, 1, 3600) * 1000;
    }
    if ((odd->flags & ODD_NEW_YEAR) && day >= end - 3)
      stop = end * GEN_DAY_MS + gen_random_between(random, 1, 40 * 3600) * 1000;
    if (odd->flags & ODD_NANOSECONDS) {
      start += gen_random_below(random, 1000);
      stop += gen_random_below(random, 1000);
    }
    add_row(rows, start, stop, 10000 + gen_random_below(random, 5000000));
    if (odd->flags & ODD_NANOSECONDS) {
      rows->rows[rows->count - 1].start_ns = gen_random_below(random, 1000000);
      rows->rows[rows->count - 1].stop_ns = gen_random_below(random, 1000000);
    }
  }
}

/* Takes the first `count` rows out, or the last, into `other`. */
static void move_rows(struct odd_year *rows, size_t from, size_t count, struct odd_year *other) {
  memcpy(other->rows, rows->rows + from, count * sizeof *other->rows);
  other->count = count;
  memmove(rows->rows + from, rows->rows + from + count, (rows->count - from - count) * sizeof *rows->rows);
  rows->count -= count;
}

static void disorder(const struct odd *odd, struct gen_random *random, struct odd_year *rows) {
  if (odd->flags & ODD_UNSORTED)
    for (size_t i = 0; i < rows->count / 4; i++) {
      size_t a = gen_random_below(random, (uint32_t)rows->count), b = gen_random_below(random, (uint32_t)rows->count);
      struct odd_row keep = rows->rows[a];
      rows->rows[a] = rows->rows[b];
      rows->rows[b] = keep;
    }
  if (odd->flags & ODD_DUPLICATES) {
    size_t count = rows->count;
    for (size_t i = 0; i < count / 10; i++) { /* at once */
      size_t at = gen_random_below(random, (uint32_t)rows->count);
      memmove(rows->rows + at + 1, rows->rows + at, (rows->count - at) * sizeof *rows->rows);
      rows->count++;
    }
    for (size_t i = 0; i < 5; i++) /* at the end of the file, once with another size */
      add_row(rows, rows->rows[i * 7].start, rows->rows[i * 7].stop, rows->rows[i * 7].size + (i == 4));
  }
}

/* The time in the form that `odd` has for row number `i`. */
static char *put_odd_time(char *to, const struct odd *odd, size_t i, int64_t time, uint32_t ns, bool stop) {
  struct gen_moment moment = GEN_MOMENT_INIT;
  if ((odd->flags & ODD_LEAP_TIMES) && stop) {
    gen_moment_set(&moment, time - 1);
    to = gen_put_time(to, &moment, GEN_FORM_DAY) - 1;
    /* the last day of a month with 31 has hour 24, which is exactly what the catalog says of the last row */
    return gen_put_text(to, moment.digits[7] % 2 ? "T24:00:00Z" : "T23:59:60Z");
  }
  gen_moment_set(&moment, time);
  if (odd->flags & ODD_DATE_ONLY)
    return gen_put_time(to, &moment, GEN_FORM_DAY) - (i % 2);
  if (odd->flags & ODD_NANOSECONDS) {
    to = gen_put_time(to, &moment, GEN_FORM_MILLI) - 1;
    return to + snprintf(to, TIME_BYTES - 24, "%06uZ", ns % 1000000);
  }
  char *from = to;
  to = gen_put_time(to, &moment, GEN_FORM_SECOND);
  if (odd->flags & ODD_MIXED_TIMES) {
    static const char *const ends[] = {"Z", ".0Z", ".000Z", "", ".000000Z", ".25Z", ".000000000Z"};
    if (i % 8 == 7) /* the day of the year */
      return from + snprintf(from, TIME_BYTES, "%.4s-%.3sT%.2s:%.2s:%.2sZ", moment.digits, moment.digits + 14,
                             moment.digits + 8, moment.digits + 10, moment.digits + 12);
    return gen_put_text(to - 1, ends[i % 8]);
  }
  if (odd->flags & ODD_DOT_TIMES)
    from[16] = '.';
  if (odd->flags & ODD_COLON_TIMES)
    from[10] = ':';
  return to;
}

static char *put_field(char *to, char quote, const char *text) {
  if (quote)
    *to++ = quote;
  to = gen_put_text(to, text);
  if (quote)
    *to++ = quote;
  return to;
}

static char *put_row(char *to, const struct odd *odd, struct gen_dataset *dataset, const struct odd_row *row,
                     size_t i) {
  static const char quotes[] = {0, '\'', '"'};
  char text[KEY_BYTES + TIME_BYTES];
  char quote = odd->quote == '?' ? quotes[i % 3] : odd->flags & ODD_SIZE_QUOTED ? 0 : odd->quote;
  *put_odd_time(text, odd, i, row->start, row->start_ns, false) = 0;
  to = put_field(to, quote, text);
  *to++ = ',';
  if (!(odd->flags & ODD_NO_STOP)) {
    *put_odd_time(text, odd, i, row->stop, row->stop_ns, true) = 0;
    to = put_field(to, quote, text);
    *to++ = ',';
  }
  gen_moment_set(&dataset->start_moment, row->start);
  gen_moment_set(&dataset->stop_moment, row->stop);
  *gen_put_key(text, &dataset->key, &dataset->start_moment, &dataset->stop_moment, "v01") = 0;
  to = put_field(to, quote, text);
  *to++ = ',';
  char *end = gen_put_u64(text, row->size);
  *end = 0;
  if (odd->flags & ODD_SIZE_DECIMAL)
    *gen_put_text(end, i % 2 ? ".0" : ".00") = 0;
  if ((odd->flags & ODD_SIZE_EMPTY) && i % 3 == 0)
    return to;
  return put_field(to, odd->flags & ODD_SIZE_QUOTED ? odd->quote : quote, text);
}

/* What the catalog shall cover: the row as it is meant, with a quarter second where mixed times have one. */
static void cover(const struct odd *odd, struct gen_dataset *dataset, const struct odd_row *row, size_t i) {
  int64_t more = (odd->flags & ODD_MIXED_TIMES) && i % 8 == 5 ? 250 : 0;
  int64_t stop = odd->flags & ODD_NO_STOP ? row->start : row->stop + more + (row->stop_ns > 0);
  gen_dataset_cover(dataset, row->start + more, stop);
}

static enum hdx_status write_year(struct gen_bucket *bucket, const struct odd *odd, struct gen_dataset *dataset,
                                  const struct odd_year *rows, int year) {
  struct gen_tree *tree = &bucket->tree;
  const char *eol = odd->flags & ODD_CRLF ? "\r\n" : "\n";
  gen_year_begin(bucket, dataset, year);
  gen_year_create(bucket, dataset);
  if (odd->flags & ODD_BOM)
    gen_tree_write(tree, "\xef\xbb\xbf", 3);
  if (odd->header && !((odd->flags & ODD_EMPTY_FILES) && year == FIRST_YEAR + 1)) {
    gen_tree_write(tree, odd->header, strlen(odd->header));
    gen_tree_write(tree, eol, strlen(eol));
  }
  for (size_t i = 0; i < rows->count; i++) {
    char *p = put_row(gen_tree_room(tree), odd, dataset, &rows->rows[i], i);
    if (i + 1 < rows->count || !(odd->flags & ODD_NO_FINAL_NEWLINE))
      p = gen_put_text(p, eol);
    if ((odd->flags & ODD_BLANK_LINES) && i % 5 == 2)
      p = gen_put_text(p, i % 2 ? "\n" : "\n  \n\n");
    gen_tree_wrote(tree, p);
    cover(odd, dataset, &rows->rows[i], i);
    dataset->year_rows++;
  }
  return gen_year_end(bucket, dataset);
}

static bool has_rows(const struct odd *odd, int year) {
  if (odd->flags & ODD_EMPTY_FILES)
    return year == FIRST_YEAR || year == FIRST_YEAR + 3;
  return true;
}

/* Years and their rows. Rows that belong to the file before go there by planning a year ahead, those that belong to the
 * file after are kept back. */
static enum hdx_status write_years(struct gen_bucket *bucket, const struct odd *odd, struct gen_dataset *dataset) {
  static struct odd_year now, next, moved;
  int first = FIRST_YEAR, last = LAST_YEAR;
  if (odd->flags & ODD_MISSING_YEARS) {
    first = 2000;
    last = 2012;
  } else if (odd->flags & ODD_MULTIYEAR)
    first = 2013;
  else if (odd->flags & ODD_EMPTY_FILES)
    last = FIRST_YEAR + 3;
  now.count = next.count = moved.count = 0;
  struct gen_random random;
  gen_random_init(&random, bucket->seed, dataset->id, (uint64_t)first);
  plan_rows(odd, &random, first, &now);
  for (int year = first; year <= last; year++) {
    next.count = 0;
    gen_random_init(&random, bucket->seed, dataset->id, (uint64_t)year + 1);
    if (year < last)
      plan_rows(odd, &random, year + 1, &next);
    if ((odd->flags & ODD_FILED_EARLY) && year < last) {
      move_rows(&next, 0, 3, &moved);
      memcpy(now.rows + now.count, moved.rows, 3 * sizeof *moved.rows);
      now.count += 3;
    }
    if ((odd->flags & ODD_FILED_LATE) && year < last) {
      move_rows(&now, now.count - 3, 3, &moved);
      memmove(next.rows + 3, next.rows, next.count * sizeof *next.rows);
      memcpy(next.rows, moved.rows, 3 * sizeof *moved.rows);
      next.count += 3;
    }
    if (!has_rows(odd, year))
      now.count = 0;
    disorder(odd, &random, &now);
    bool missing =
        (odd->flags & ODD_MISSING_YEARS) && ((year >= 2002 && year <= 2004) || (year >= 2007 && year <= 2009));
    if (!missing && write_year(bucket, odd, dataset, &now, year) != HDX_OK)
      return bucket->tree.status;
    now = next;
  }
  return HDX_OK;
}

static enum hdx_status write_dataset(struct gen_bucket *bucket, const struct odd *odd, size_t number) {
  struct gen_dataset dataset;
  gen_dataset_init(&dataset);
  snprintf(dataset.id, sizeof dataset.id, "odd_%s", odd->what);
  snprintf(dataset.index, sizeof dataset.index, GEN_ENDPOINT "odd/indices/");
  snprintf(dataset.title, sizeof dataset.title, "Odd: %s", odd->title);
  dataset.modified = gen_day_of_year(2021) + (int64_t)number;
  dataset.catalog_form = odd->flags & ODD_DATE_ONLY                         ? GEN_FORM_DAY
                         : odd->flags & (ODD_NANOSECONDS | ODD_MIXED_TIMES) ? GEN_FORM_MILLI
                                                                            : GEN_FORM_SECOND;
  if (odd->flags & ODD_NO_FINAL_NEWLINE)
    dataset.indextype = "CSV";
  if (odd->flags & ODD_MULTIYEAR)
    dataset.extra_json =
        odd->flags & ODD_MULTIYEAR_WORD ? "      \"multiyear\": \"True\",\n" : "      \"multiyear\": true,\n";
  const char *texts[8] = {odd->what};
  const char *key = odd->key ? odd->key : "odd/%1/%Y/odd_%1_%D_%v.cdf";
  bool relative = strcmp(odd->what, "key_relative") == 0;
  char format[GEN_TEMPLATE_BYTES];
  snprintf(format, sizeof format, "%s%s", relative || strstr(key, "://") ? "" : GEN_ENDPOINT, key);
  gen_template_compile(&dataset.key, format, texts);
  if (write_years(bucket, odd, &dataset) != HDX_OK)
    return bucket->tree.status;
  return gen_dataset_end(bucket, &dataset);
}

enum hdx_status gen_odd(struct gen_bucket *bucket) {
  for (size_t i = 0; i < sizeof odds / sizeof *odds; i++)
    if (write_dataset(bucket, &odds[i], i) != HDX_OK)
      return bucket->tree.status;
  return HDX_OK;
}
