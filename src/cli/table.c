#include "cli/table.h"

#include <stdlib.h>

/* Widths settle within some hundred rows; more would only delay the first line. */
#define HELD_ROWS 400
#define SHRUNK_MIN 12
#define GAP 2

struct held {
  size_t end;   /* of its bytes in text */
  size_t width; /* in characters */
};

struct column {
  size_t width, limit; /* limit: cut to so many characters; 0: never */
  bool right, shrinks;
};

struct cli_table {
  struct cli_writer *out;
  struct column *columns;
  size_t count, width;
  bool bold, flowing; /* flowing: widths are settled, rows go out at once */
  size_t place;       /* column of the next cell */
  struct held *held;
  size_t held_count, held_capacity;
  char *text;
  size_t text_size, text_capacity;
};

struct cli_table *cli_table_open(struct cli_writer *out, size_t columns, size_t width, bool bold) {
  struct cli_table *table = calloc(1, sizeof *table);
  if (!table)
    return NULL;
  *table = (struct cli_table){.out = out, .count = columns, .width = width, .bold = bold};
  table->columns = calloc(columns, sizeof *table->columns);
  if (!table->columns) {
    free(table);
    return NULL;
  }
  return table;
}

void cli_table_column(struct cli_table *table, size_t column, bool right, bool shrinks) {
  table->columns[column].right = right;
  table->columns[column].shrinks = shrinks;
}

/* Bytes of the first `limit` characters of text that cli_visible made. */
static size_t first_characters(const char *text, size_t size, size_t limit) {
  size_t i = 0;
  for (; i < size && limit > 0; limit--) {
    uint32_t point;
    i += cli_utf8_decode(text + i, size - i, &point);
  }
  return i;
}

static void put_blanks(struct cli_writer *out, size_t count) {
  char *p = cli_writer_reserve(out, count);
  if (p) {
    memset(p, ' ', count);
    cli_writer_advance(out, count);
  }
}

static void put_cell(struct cli_table *table, size_t place, const char *text, size_t size, size_t width, bool header) {
  const struct column *column = &table->columns[place];
  bool last = place + 1 == table->count, cut = column->limit && width > column->limit;
  if (cut) {
    size = first_characters(text, size, column->limit - 1);
    width = column->limit;
  }
  size_t pad = column->width > width ? column->width - width : 0;
  if (column->right)
    put_blanks(table->out, pad);
  if (header && table->bold)
    cli_writer_steer(table->out, "\x1b[1m");
  cli_writer_put(table->out, (struct hdx_text){text, size});
  if (cut)
    cli_writer_string(table->out, "\xe2\x80\xa6");
  if (header && table->bold)
    cli_writer_steer(table->out, "\x1b[0m");
  if (last) {
    /* Empty cells leave no blanks at the end of the line. */
    while (table->out->size > 0 && table->out->data[table->out->size - 1] == ' ')
      table->out->size--;
    cli_writer_byte(table->out, '\n');
  } else
    put_blanks(table->out, (column->right ? 0 : pad) + GAP);
}

static void settle_widths(struct cli_table *table) {
  size_t total = 0;
  for (size_t i = 0; i < table->held_count; i++) {
    struct column *column = &table->columns[i % table->count];
    if (table->held[i].width > column->width)
      column->width = table->held[i].width;
  }
  for (size_t i = 0; i < table->count; i++)
    total += table->columns[i].width + (i ? GAP : 0);
  for (size_t i = 0; i < table->count && table->width && total > table->width; i++) {
    struct column *column = &table->columns[i];
    size_t over = total - table->width;
    if (!column->shrinks || column->width <= SHRUNK_MIN)
      continue;
    size_t width = column->width > over + SHRUNK_MIN ? column->width - over : SHRUNK_MIN;
    total -= column->width - width;
    column->width = column->limit = width;
  }
}

static void release_held(struct cli_table *table) {
  settle_widths(table);
  size_t from = 0;
  for (size_t i = 0; i < table->held_count; i++) {
    put_cell(table, i % table->count, table->text + from, table->held[i].end - from, table->held[i].width,
             i < table->count);
    from = table->held[i].end;
  }
  table->held_count = table->text_size = 0;
  table->flowing = true;
}

/* Room for one more cell of at most `size` bytes. */
static bool make_room(struct cli_table *table, size_t size) {
  if (table->text_capacity - table->text_size < size) {
    size_t capacity = (table->text_size + size) * 2;
    char *text = realloc(table->text, capacity);
    if (!text)
      return false;
    table->text = text;
    table->text_capacity = capacity;
  }
  if (table->held_count == table->held_capacity) {
    size_t capacity = table->held_capacity * 2 + 64;
    struct held *held = realloc(table->held, capacity * sizeof *held);
    if (!held)
      return false;
    table->held = held;
    table->held_capacity = capacity;
  }
  return true;
}

bool cli_table_cell(struct cli_table *table, struct hdx_text text) {
  if (!make_room(table, text.size * 4 + 1))
    return false;
  size_t width, place = table->place;
  char *shown = table->text + table->text_size;
  size_t size = cli_visible(text, shown, text.size * 4, &width);
  table->place = (place + 1) % table->count;
  if (table->flowing) {
    put_cell(table, place, shown, size, width, false);
    return true;
  }
  table->text_size += size;
  table->held[table->held_count++] = (struct held){table->text_size, width};
  if (table->held_count == HELD_ROWS * table->count)
    release_held(table);
  return true;
}

void cli_table_close(struct cli_table *table) {
  if (!table)
    return;
  if (!table->flowing)
    release_held(table);
  free(table->columns);
  free(table->held);
  free(table->text);
  free(table);
}
