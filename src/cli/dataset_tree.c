#include "cli/dataset_tree.h"

#include "cli/values.h"

#include <stdlib.h>

enum { WORD, DATASETS, START, STOP, IDS, COLUMN_COUNT };

static const struct cli_column columns[COLUMN_COUNT] = {
    [WORD] = {.name = {"word", 4}},
    [DATASETS] = {.name = {"datasets", 8}, .kind = CLI_KIND_NUMBER},
    [START] = {.name = {"start", 5}},
    [STOP] = {.name = {"stop", 4}},
    [IDS] = {.name = {"ids", 3}, .kind = CLI_KIND_JSON, .shrinks = true},
};

struct hdx_text cli_first_word(struct hdx_text id) {
  size_t size = 0;
  bool letters = false;
  while (size < id.size) {
    bool divides = id.data[size] == '-' || id.data[size] == '_';
    if (divides && letters)
      break;
    letters |= !divides;
    size++;
  }
  return (struct hdx_text){id.data, size};
}

static int compare_texts(struct hdx_text a, struct hdx_text b) {
  size_t same = a.size < b.size ? a.size : b.size;
  int order = memcmp(a.data, b.data, same);
  return order ? order : (a.size > b.size) - (a.size < b.size);
}

/* By word; those of a word as the catalog, which is one array, has them. */
static int by_word(const void *a, const void *b) {
  const struct hdx_dataset *x = *(const struct hdx_dataset *const *)a, *y = *(const struct hdx_dataset *const *)b;
  int order = compare_texts(cli_first_word(x->id), cli_first_word(y->id));
  return order ? order : (x > y) - (x < y);
}

/* Datasets with one first word. */
struct group {
  const struct hdx_dataset **first;
  size_t count;
};

static int by_first(const void *a, const void *b) {
  const struct group *x = a, *y = b;
  return (*x->first > *y->first) - (*x->first < *y->first);
}

static size_t make_groups(const struct hdx_dataset **datasets, size_t count, struct group *groups) {
  size_t group_count = 0;
  qsort(datasets, count, sizeof *datasets, by_word);
  for (size_t i = 0; i < count; i++) {
    bool begins = i == 0 || compare_texts(cli_first_word(datasets[i - 1]->id), cli_first_word(datasets[i]->id)) != 0;
    if (begins)
      groups[group_count++] = (struct group){&datasets[i], 0};
    groups[group_count - 1].count++;
  }
  qsort(groups, group_count, sizeof *groups, by_first);
  return group_count;
}

/* The dataset that starts first, or stops last, of those that have a time; NULL: none has. */
static const struct hdx_dataset *outermost(const struct group *group, bool last) {
  const struct hdx_dataset *found = NULL;
  for (size_t i = 0; i < group->count; i++) {
    const struct hdx_dataset *dataset = group->first[i];
    int64_t time = last ? dataset->stop : dataset->start;
    if (time != HDX_TIME_NONE && (!found || (last ? time > found->stop : time < found->start)))
      found = dataset;
  }
  return found;
}

/* The ids as a list of JSON; they hold nothing that needs an escape. NULL: out of memory. */
static char *list_ids(const struct group *group, size_t *size) {
  size_t most = 2;
  for (size_t i = 0; i < group->count; i++)
    most += group->first[i]->id.size + strlen("\"\",");
  char *list = malloc(most), *end = list;
  if (!list)
    return NULL;
  *end++ = '[';
  for (size_t i = 0; i < group->count; i++) {
    struct hdx_text id = group->first[i]->id;
    if (i > 0)
      *end++ = ',';
    *end++ = '"';
    memcpy(end, id.data, id.size);
    end += id.size;
    *end++ = '"';
  }
  *end++ = ']';
  *size = (size_t)(end - list);
  return list;
}

static void put_group(struct cli_render *render, const struct group *group) {
  const struct hdx_dataset *start = outermost(group, false), *stop = outermost(group, true);
  struct hdx_text ids = {"", 0};
  char *list = list_ids(group, &ids.size);
  if (!list) {
    render->failed = true;
    return;
  }
  ids.data = list;
  const struct cli_cell cells[COLUMN_COUNT] = {
      [WORD] = cli_cell_text(cli_first_word(group->first[0]->id)),
      [DATASETS] = cli_cell_count(group->count),
      [START] = cli_cell_text(start ? start->start_text : cli_text("")),
      [STOP] = cli_cell_text(stop ? stop->stop_text : cli_text("")),
      [IDS] = cli_cell_text(ids),
  };
  cli_render_row(render, cells);
  free(list);
}

enum hdx_status cli_dataset_tree(struct cli *cli, const struct hdx_dataset **datasets, size_t count, uint64_t *rows,
                                 struct hdx_error *error) {
  uint64_t limit = cli_settings(cli)->limit;
  struct cli_render render;
  struct group *groups = calloc(count + 1, sizeof *groups);
  if (!groups)
    return cli_fail(error, HDX_MEMORY, "out of memory");
  size_t group_count = make_groups(datasets, count, groups);
  enum hdx_status status = cli_rows_open(cli, &render, columns, COLUMN_COUNT, WORD, 0, error);
  for (size_t i = 0; i < group_count && status == HDX_OK && cli_rows_wanted(&render); i++) {
    if (limit && render.rows == limit)
      break;
    put_group(&render, &groups[i]);
  }
  status = cli_rows_close(cli, &render, status, error);
  *rows = render.rows;
  free(groups);
  return status;
}
