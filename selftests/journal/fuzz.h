/* SPDX-License-Identifier: GPL-2.0 */
/* What libFuzzer has, and what it asks for. */
#ifndef MQ_TEST_JOURNAL_FUZZ_H
#define MQ_TEST_JOURNAL_FUZZ_H

#include "journal/pure.h"

size_t LLVMFuzzerMutate(u8 *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(u8 *data, size_t size, size_t max,
			       unsigned int seed);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#endif /* MQ_TEST_JOURNAL_FUZZ_H */
