// SPDX-License-Identifier: GPL-2.0
#include "journal_make.h"

void journal_head_fill(struct mq_j_segment *h, const struct mq_j_shape *shape,
		       const struct journal_head *head)
{
	u32 i;

	memset(h, 0, mq_j_header_size(shape));
	h->stream = cpu_to_le32(MQ_J_HOT);
	h->epoch = cpu_to_le64(head->epoch);
	h->sequence = cpu_to_le64(head->sequence);
	h->serial = cpu_to_le64(head->serial);
	h->position = cpu_to_le32(head->position);
	mq_j_mark_set(&h->marks[MQ_J_HOT], &head->mark);
	for (i = 0; i < shape->count; i++)
		h->map[i] = cpu_to_le64(head->map[i]);
	mq_j_segment_seal(h, shape);
}

int journal_head_write(const struct journal_sink *sink,
		       const struct mq_j_shape *shape,
		       const struct journal_head *head)
{
	u32 size = mq_j_header_size(shape);
	struct mq_j_segment *h = mq_j_alloc(size);
	int err;

	if (!h)
		return -ENOMEM;
	journal_head_fill(h, shape, head);
	err = sink->write(sink->context,
			  mq_j_segment_at(shape, head->position), h, size) ?:
	      sink->flush(sink->context);
	mq_j_free(h);
	return err;
}

int journal_super_write(const struct journal_sink *sink,
			const struct mq_j_shape *shape)
{
	u8 *unit = mq_j_alloc(MQ_J_UNIT_MAX);
	int err;

	if (!unit)
		return -ENOMEM;
	mq_j_super_make((void *)unit, shape);
	err = sink->write(sink->context, MQ_J_COPY, unit, MQ_J_UNIT_MAX) ?:
	      sink->flush(sink->context) ?:
	      sink->write(sink->context, 0, unit, MQ_J_UNIT_MAX) ?:
	      sink->flush(sink->context);
	mq_j_free(unit);
	return err;
}

int journal_make(const struct journal_sink *sink, const struct mq_j_shape *shape,
		 u64 epoch)
{
	struct journal_head first = {
		.epoch = epoch, .sequence = 1, .serial = 1,
	};
	u64 *map = mq_j_alloc(shape->count * sizeof(*map));
	int err;

	if (!map)
		return -ENOMEM;
	map[0] = first.sequence;
	first.map = map;
	err = journal_head_write(sink, shape, &first) ?:
	      journal_super_write(sink, shape);
	mq_j_free(map);
	return err;
}
