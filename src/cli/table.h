/* Cells as aligned columns. The first rows are held back until their widths are known; later ones go out at once, in
 * the same widths. Bytes that could steer a terminal are made visible. */
#ifndef HDX_CLI_TABLE_H
#define HDX_CLI_TABLE_H

#include "cli/writer.h"

struct cli_table;

/* `width` of the terminal in characters (0: unknown) bounds columns that shrink. NULL: out of memory. */
struct cli_table *cli_table_open(struct cli_writer *out, size_t columns, size_t width, bool bold);

void cli_table_column(struct cli_table *table, size_t column, bool right, bool shrinks);

/* The next cell, row by row; the first row is the header. false: out of memory. */
bool cli_table_cell(struct cli_table *table, struct hdx_text text);

/* Writes what was held back and frees the table; NULL is allowed. */
void cli_table_close(struct cli_table *table);

#endif
