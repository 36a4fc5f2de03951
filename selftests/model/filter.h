/* SPDX-License-Identifier: GPL-2.0 */
/* Keys and headers, and the filters that take them. */
#ifndef MODEL_FILTER_H
#define MODEL_FILTER_H

#include <stdbool.h>

#include "model/model.h"

/* The texts of keys and patterns. */
extern const char * const key_texts[MODEL_KEYS];
extern const char * const pattern_texts[MODEL_PATTERNS];

/* A term for headers, or the header that it takes: its name and its value. */
struct header_term {
	const char *name, *value;
};

extern const struct header_term header_terms[MODEL_TERMS];

/* The headers that messages have: bits of the terms that take them. */
extern const unsigned int header_kinds[MODEL_HEADERS];

/* Bytes of a key and of headers, as they count in a queue and stand in a record. */
unsigned int key_size(int key);
unsigned int headers_size(int header);

/* Does the filter take a message? */
bool takes(const struct model *m, const struct model_filter *f,
	   const struct model_entry *e);

bool same_filter(const struct model_filter *a, const struct model_filter *b);

#endif /* MODEL_FILTER_H */
