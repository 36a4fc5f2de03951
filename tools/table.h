/* SPDX-License-Identifier: GPL-2.0 */
/* A table of text, as wide as its cells. */
#ifndef MQCTL_TABLE_H
#define MQCTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#define TABLE_COLUMNS	16

/* Fill in columns, headings and left, which says for each column where its text is. */
struct table {
	size_t			columns;
	const char *const	*headings;
	const bool		*left;
	char			**cells;	/* row by row */
	size_t			rows;
};

/* Add a row; the cells are copied. 0 or a negative errno. */
int table_add(struct table *table, const char *const *cells);

/* Print the table, with or without its headings. */
void table_print(const struct table *table, bool headings);

void table_free(struct table *table);

#endif /* MQCTL_TABLE_H */
