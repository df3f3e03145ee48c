/* hdx-sqlite: SQLite as a peer, through its C interface: the same rows in a table, the same questions.
 *
 *   hdx-sqlite load DATABASE TREE [PATTERN]     makes the database from index files
 *   hdx-sqlite day DATABASE ID DAY...           the rows of each day
 *   hdx-sqlite month DATABASE FROM TO ID...     the rows of [FROM, TO) of all datasets
 *   hdx-sqlite sum DATABASE                     count and sum of all sizes
 *
 * As good as SQLite gets: times are integers (nanoseconds), datasets are numbers, statements are prepared once, and the
 * table is kept in the order of its key (WITHOUT ROWID), so a range of time needs neither an index beside it nor a
 * sort; the file is mapped. --index before the command has an ordinary table with an index instead. Prints a line of
 * JSON: the median of a question in microseconds; rows, sum of sizes and bytes of keys of one turn through the
 * questions. */
#include "shared/files.h"

#include "base/time.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

enum { SAMPLES_MAX = 100000, ROUNDS_MAX = 1000, ROUNDS_MIN = 5 };

static const double round_seconds_max = 1;

struct answer {
  uint64_t rows, size_sum, key_bytes;
};

static sqlite3 *database;

static void check(int code) {
  if (code != SQLITE_OK && code != SQLITE_DONE && code != SQLITE_ROW)
    bench_fail("sqlite", sqlite3_errmsg(database));
}

static void execute(const char *sql) {
  check(sqlite3_exec(database, sql, NULL, NULL, NULL));
}

static sqlite3_stmt *prepare(const char *sql) {
  sqlite3_stmt *statement;
  check(sqlite3_prepare_v3(database, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL));
  return statement;
}

static void open_database(const char *path) {
  check(sqlite3_open(path, &database));
  execute("pragma mmap_size = 8589934592; pragma cache_size = -262144");
}

/* ---- loading ---- */

/* The same row twice is two rows: `n` keeps them apart in the key. */
static void insert_rows(sqlite3_stmt *insert, int dataset, const struct hdx_rows *rows) {
  for (size_t i = 0; i < rows->count; i++) {
    sqlite3_bind_int(insert, 1, dataset);
    sqlite3_bind_int64(insert, 2, rows->start[i]);
    sqlite3_bind_int64(insert, 3, rows->stop[i]);
    sqlite3_bind_text(insert, 4, rows->key[i].data, (int)rows->key[i].size, SQLITE_STATIC);
    sqlite3_bind_int64(insert, 5, (sqlite3_int64)i);
    sqlite3_bind_int64(insert, 6, rows->size[i]);
    check(sqlite3_step(insert));
    sqlite3_reset(insert);
  }
}

static void load(const char *tree, const char *pattern, bool index) {
  struct bench_files files;
  struct bench_columns columns = {0};
  struct hdx_rows rows;
  int number = 0;
  execute("pragma journal_mode = off; pragma synchronous = off; begin; create table datasets (id text primary key, "
          "number integer)");
  execute(index ? "create table rows (dataset integer, start integer, stop integer, key text, n integer, size integer)"
                : "create table rows (dataset integer, start integer, stop integer, key text, n integer, size integer, "
                  "primary key (dataset, start, stop, key, n)) without rowid");
  sqlite3_stmt *insert = prepare("insert into rows values (?, ?, ?, ?, ?, ?)");
  sqlite3_stmt *dataset = prepare("insert into datasets values (?, ?)");
  bench_files_find(&files, tree, pattern);
  hdx_rows_init(&rows, SIZE_MAX);
  for (size_t from = 0, to; from < files.count; from = to, number++) {
    to = bench_files_end(&files, from);
    hdx_rows_clear(&rows);
    bench_load(&files, from, to, &columns, &rows);
    sqlite3_bind_text(dataset, 1, files.list[from].id, -1, SQLITE_STATIC);
    sqlite3_bind_int(dataset, 2, number);
    check(sqlite3_step(dataset));
    sqlite3_reset(dataset);
    insert_rows(insert, number, &rows);
  }
  sqlite3_finalize(insert);
  sqlite3_finalize(dataset);
  if (index)
    execute("create index by_start on rows (dataset, start, stop)");
  execute("commit; analyze");
  hdx_rows_deinit(&rows);
  bench_columns_free(&columns);
  bench_files_free(&files);
}

/* ---- asking ---- */

static int number_of(const char *id) {
  sqlite3_stmt *statement = prepare("select number from datasets where id = ?");
  sqlite3_bind_text(statement, 1, id, -1, SQLITE_STATIC);
  if (sqlite3_step(statement) != SQLITE_ROW)
    bench_fail(id, "no such dataset");
  int number = sqlite3_column_int(statement, 0);
  sqlite3_finalize(statement);
  return number;
}

static int64_t parse_time(const char *text) {
  struct hdx_error error;
  int64_t time;
  bench_check(hdx_time_parse(hdx_text_of(text), &time, &error), text, &error);
  return time;
}

/* All columns of all rows are looked at. */
static void ask_range(sqlite3_stmt *statement, int dataset, int64_t start, int64_t stop, struct answer *answer) {
  sqlite3_bind_int(statement, 1, dataset);
  sqlite3_bind_int64(statement, 2, start);
  sqlite3_bind_int64(statement, 3, stop);
  int code;
  while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
    int64_t row_start = sqlite3_column_int64(statement, 0), row_stop = sqlite3_column_int64(statement, 1);
    const unsigned char *key = sqlite3_column_text(statement, 2);
    int64_t size = sqlite3_column_int64(statement, 3);
    answer->rows += key && row_start <= row_stop;
    answer->key_bytes += (uint64_t)sqlite3_column_bytes(statement, 2);
    answer->size_sum += size > 0 ? (uint64_t)size : 0;
  }
  check(code);
  sqlite3_reset(statement);
}

static void ask_sum(sqlite3_stmt *statement, struct answer *answer) {
  check(sqlite3_step(statement));
  answer->rows = (uint64_t)sqlite3_column_int64(statement, 0);
  answer->size_sum = (uint64_t)sqlite3_column_int64(statement, 1);
  sqlite3_reset(statement);
}

struct question {
  int dataset;
  int64_t start, stop;
};

/* Days are timed one by one, months all together. The first turn warms up. */
static double ask(sqlite3_stmt *statement, const struct question *questions, size_t count, bool together,
                  struct answer *answer) {
  static double samples[SAMPLES_MAX];
  size_t sampled = 0;
  double begun = bench_seconds();
  for (int round = 0; round <= ROUNDS_MAX && (round <= ROUNDS_MIN || bench_seconds() - begun < round_seconds_max);
       round++) {
    *answer = (struct answer){0};
    double turn = bench_seconds(), last = turn;
    for (size_t i = 0; i < count; i++) {
      if (questions)
        ask_range(statement, questions[i].dataset, questions[i].start, questions[i].stop, answer);
      else
        ask_sum(statement, answer);
      double now = bench_seconds();
      if (round && !together && sampled < SAMPLES_MAX)
        samples[sampled++] = (now - last) * 1e6;
      last = now;
    }
    if (round && together && sampled < SAMPLES_MAX)
      samples[sampled++] = (last - turn) * 1e6;
  }
  return bench_median(samples, sampled);
}

static void print(double us, const struct answer *answer) {
  printf("{\"us\":%.3f,\"rows\":%llu,\"size_sum\":%llu,\"key_bytes\":%llu}\n", us, (unsigned long long)answer->rows,
         (unsigned long long)answer->size_sum, (unsigned long long)answer->key_bytes);
}

/* `day`: an id and days; else two times and ids. */
static void ask_ranges(bool day, char **texts, size_t count) {
  struct answer answer;
  size_t fixed = day ? 1 : 2;
  struct question *questions = calloc(count, sizeof *questions);
  if (!questions)
    bench_fail("memory", "out of it");
  for (size_t i = fixed; i < count; i++) {
    struct question *question = &questions[i - fixed];
    question->dataset = number_of(texts[day ? 0 : i]);
    question->start = parse_time(texts[day ? i : 0]);
    question->stop = day ? question->start + HDX_DAY_NS : parse_time(texts[1]);
  }
  sqlite3_stmt *statement = prepare("select start, stop, key, size from rows where dataset = ? and start >= ? and "
                                    "start < ? order by start, stop, key");
  double us = ask(statement, questions, count - fixed, !day, &answer);
  print(us, &answer);
  sqlite3_finalize(statement);
  free(questions);
}

static void ask_everything(void) {
  struct answer answer = {0};
  sqlite3_stmt *statement = prepare("select count(*), sum(size) from rows");
  double us = ask(statement, NULL, 1, true, &answer);
  print(us, &answer);
  sqlite3_finalize(statement);
}

int main(int argc, char **argv) {
  bool index = argc > 1 && strcmp(argv[1], "--index") == 0;
  argc -= index;
  argv += index;
  if (argc < 3 || (strcmp(argv[1], "sum") != 0 && argc < 4) || (strcmp(argv[1], "month") == 0 && argc < 6)) {
    fprintf(stderr, "usage: hdx-sqlite [--index] (load DATABASE TREE [PATTERN] | day DATABASE ID DAY... |\n"
                    "                              month DATABASE FROM TO ID... | sum DATABASE)\n");
    return 2;
  }
  open_database(argv[2]);
  if (strcmp(argv[1], "load") == 0)
    load(argv[3], argc > 4 ? argv[4] : "*", index);
  else if (strcmp(argv[1], "sum") == 0)
    ask_everything();
  else
    ask_ranges(strcmp(argv[1], "day") == 0, argv + 3, (size_t)argc - 3);
  check(sqlite3_close(database));
  return 0;
}
