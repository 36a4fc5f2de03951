/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The fixture of tests that build records, and read them. */
#ifndef LIBDEVMQ_UNIT_BATCH_H
#define LIBDEVMQ_UNIT_BATCH_H

#include "kselftest_harness.h"

#include "unit.h"

FIXTURE(batch) {
	struct devmq_batch *batch;
	struct devmq_buffer *buffer;
	const struct devmq_msg *msg;
};

FIXTURE_SETUP(batch)
{
	self->buffer = NULL;
	ASSERT_EQ(0, devmq_batch_new(&self->batch));
}

FIXTURE_TEARDOWN(batch)
{
	devmq_buffer_free(self->buffer);
	devmq_batch_free(self->batch);
}

#endif /* LIBDEVMQ_UNIT_BATCH_H */
