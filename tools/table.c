// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "table.h"

int table_add(struct table *table, const char *const *cells)
{
	size_t i, old = table->rows * table->columns;
	char **more;

	more = reallocarray(table->cells, old + table->columns, sizeof(*more));
	if (!more)
		return -ENOMEM;
	table->cells = more;
	memset(more + old, 0, table->columns * sizeof(*more));
	table->rows++;
	for (i = 0; i < table->columns; i++) {
		more[old + i] = strdup(*cells[i] ? cells[i] : "-");
		if (!more[old + i])
			return -ENOMEM;
	}
	return 0;
}

static void print_row(const struct table *table, const size_t *widths,
		      const char *const *cells)
{
	size_t i, size, pad;

	for (i = 0; i < table->columns; i++) {
		size = strlen(cells[i]);
		pad = widths[i] > size ? widths[i] - size : 0;
		if (!table->left[i])
			printf("%*s", (int)pad, "");
		print_bytes(cells[i], size);
		if (i + 1 == table->columns)
			break;
		printf("%*s", table->left[i] ? (int)pad + 2 : 2, "");
	}
	putchar('\n');
}

void table_print(const struct table *table, bool headings)
{
	size_t widths[TABLE_COLUMNS], i, row, size;

	for (i = 0; i < table->columns; i++) {
		widths[i] = headings ? strlen(table->headings[i]) : 0;
		for (row = 0; row < table->rows; row++) {
			size = strlen(table->cells[row * table->columns + i]);
			if (size > widths[i])
				widths[i] = size;
		}
	}
	if (headings)
		print_row(table, widths, table->headings);
	for (row = 0; row < table->rows; row++)
		print_row(table, widths, (const char *const *)table->cells +
			  row * table->columns);
}

void table_free(struct table *table)
{
	size_t i;

	for (i = 0; i < table->rows * table->columns; i++)
		free(table->cells[i]);
	free(table->cells);
}
