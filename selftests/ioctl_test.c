// SPDX-License-Identifier: GPL-2.0
/*
 * Rules for every ioctl: sizes, pointers, flags, reserved members, access
 * modes. This file is compiled a second time, as a 32-bit program.
 */
#include <stddef.h>
#include <sys/mman.h>

#include "mq_test.h"
#include "helpers/fixture.h"
#include "helpers/look.h"
#include "helpers/memory.h"
#include "helpers/record.h"
#include "helpers/settle.h"

/* The structures of all ioctls, with space behind them for larger sizes. */
union argument {
	__u32 size;
	struct {
		__u32 size, flags;
	} common;
	struct devmq_send send;
	struct devmq_recv recv;
	struct devmq_settle settle;
	struct devmq_consumer consumer;
	struct devmq_peek peek;
	struct devmq_purge purge;
	struct devmq_redrive redrive;
	struct devmq_revoke revoke;
	struct devmq_stat stat;
	char bytes[2 * 4096];
};

FIXTURE(ioctl) {
	struct mq_queue queue;
	int fd;			/* O_RDWR, O_NONBLOCK, ack=manual */
	int reader, writer, looker;
	union argument argument;
	struct mq_batch batch;
	struct devmq_settlement settlement;
	char buffer[1024];
	struct devmq_stat before;
};

FIXTURE_VARIANT(ioctl) {
	unsigned long command;
	size_t size;
	__u32 known_flags;
	bool reading, writing, looking;	/* allowed access modes */
	bool setting;			/* DEVMQ_CONSUMER_SET is given */
	bool bare;			/* DEVMQ_SEND_PAYLOAD is given */
	bool one;			/* @max_count is 1 */
	struct {
		size_t offset, size;
	} reserved[4];			/* must be zero */
	struct {
		size_t offset, size;
	} out[14];
	size_t first_size;		/* of the first version, if smaller */
};

#define MEMBER(type, name) \
	{ offsetof(struct type, name), sizeof(((struct type *)0)->name) }

FIXTURE_VARIANT_ADD(ioctl, send)
{
	.command = DEVMQ_IOC_SEND, .size = sizeof(struct devmq_send),
	.known_flags = DEVMQ_SEND_SYNC | DEVMQ_SEND_PAYLOAD, .writing = true,
	.reserved = { MEMBER(devmq_send, result) },
	.out = {
		MEMBER(devmq_send, count), MEMBER(devmq_send, first_id),
		MEMBER(devmq_send, last_id),
	},
};

FIXTURE_VARIANT_ADD(ioctl, send_payload)
{
	.command = DEVMQ_IOC_SEND, .size = sizeof(struct devmq_send),
	.known_flags = DEVMQ_SEND_SYNC | DEVMQ_SEND_PAYLOAD, .writing = true,
	.bare = true,
	.reserved = { MEMBER(devmq_send, result) },
	.out = {
		MEMBER(devmq_send, count), MEMBER(devmq_send, first_id),
		MEMBER(devmq_send, last_id),
	},
};

FIXTURE_VARIANT_ADD(ioctl, recv)
{
	.command = DEVMQ_IOC_RECV, .size = sizeof(struct devmq_recv),
	.first_size = offsetof(struct devmq_recv, ack_first_id),
	.reading = true,
	.out = {
		MEMBER(devmq_recv, count), MEMBER(devmq_recv, used),
		MEMBER(devmq_recv, need), MEMBER(devmq_recv, acked),
	},
};

/* One message, which goes the quick way. */
FIXTURE_VARIANT_ADD(ioctl, recv_one)
{
	.command = DEVMQ_IOC_RECV, .size = sizeof(struct devmq_recv),
	.first_size = offsetof(struct devmq_recv, ack_first_id),
	.reading = true, .one = true,
	.out = {
		MEMBER(devmq_recv, count), MEMBER(devmq_recv, used),
		MEMBER(devmq_recv, need), MEMBER(devmq_recv, acked),
	},
};

FIXTURE_VARIANT_ADD(ioctl, settle)
{
	.command = DEVMQ_IOC_SETTLE, .size = sizeof(struct devmq_settle),
	.known_flags = DEVMQ_SETTLE_SYNC, .reading = true,
	.reserved = { MEMBER(devmq_settle, reserved) },
	.out = { MEMBER(devmq_settle, settled) },
};

FIXTURE_VARIANT_ADD(ioctl, consumer_get)
{
	.command = DEVMQ_IOC_CONSUMER, .size = sizeof(struct devmq_consumer),
	.first_size = offsetof(struct devmq_consumer, partial_id),
	.known_flags = DEVMQ_CONSUMER_SET, .reading = true,
	.out = {
		MEMBER(devmq_consumer, ack), MEMBER(devmq_consumer, prefetch),
		MEMBER(devmq_consumer, lease_ns), MEMBER(devmq_consumer, held),
		MEMBER(devmq_consumer, last_id),
		MEMBER(devmq_consumer, partial_id),
	},
};

FIXTURE_VARIANT_ADD(ioctl, consumer_set)
{
	.command = DEVMQ_IOC_CONSUMER, .size = sizeof(struct devmq_consumer),
	.first_size = offsetof(struct devmq_consumer, partial_id),
	.known_flags = DEVMQ_CONSUMER_SET, .reading = true,
	.setting = true,
	.out = {
		MEMBER(devmq_consumer, held), MEMBER(devmq_consumer, last_id),
		MEMBER(devmq_consumer, partial_id),
	},
};

FIXTURE_VARIANT_ADD(ioctl, peek)
{
	.command = DEVMQ_IOC_PEEK, .size = sizeof(struct devmq_peek),
	.known_flags = DEVMQ_PEEK_HELD,
	.reading = true, .looking = true,
	.reserved = { MEMBER(devmq_peek, reserved) },
	.out = {
		MEMBER(devmq_peek, count), MEMBER(devmq_peek, used),
		MEMBER(devmq_peek, need),
	},
};

FIXTURE_VARIANT_ADD(ioctl, purge)
{
	.command = DEVMQ_IOC_PURGE, .size = sizeof(struct devmq_purge),
	.reading = true, .looking = true,
	.out = { MEMBER(devmq_purge, purged) },
};

FIXTURE_VARIANT_ADD(ioctl, redrive)
{
	.command = DEVMQ_IOC_REDRIVE, .size = sizeof(struct devmq_redrive),
	.known_flags = DEVMQ_REDRIVE_TO, .reading = true, .looking = true,
	.reserved = {
		MEMBER(devmq_redrive, reserved),
		MEMBER(devmq_redrive, target_fd),
		MEMBER(devmq_redrive, states),
	},
	.out = {
		MEMBER(devmq_redrive, moved), MEMBER(devmq_redrive, stranded),
	},
	.first_size = offsetof(struct devmq_redrive, reason),
};

FIXTURE_VARIANT_ADD(ioctl, revoke)
{
	.command = DEVMQ_IOC_REVOKE, .size = sizeof(struct devmq_revoke),
	.reading = true, .looking = true,
	.reserved = {
		MEMBER(devmq_revoke, reserved),
		MEMBER(devmq_revoke, how.reserved),
	},
	.out = {
		MEMBER(devmq_revoke, how.settled),
		MEMBER(devmq_revoke, how.error),
		MEMBER(devmq_revoke, how.dead), MEMBER(devmq_revoke, busy),
	},
};

FIXTURE_VARIANT_ADD(ioctl, stat)
{
	.command = DEVMQ_IOC_STAT, .size = sizeof(struct devmq_stat),
	.first_size = offsetof(struct devmq_stat, dead_refused),
	.reading = true, .writing = true, .looking = true,
	.out = {
		MEMBER(devmq_stat, ready), MEMBER(devmq_stat, sent),
		MEMBER(devmq_stat, acked), MEMBER(devmq_stat, delayed),
		MEMBER(devmq_stat, consumers), MEMBER(devmq_stat, producers),
		MEMBER(devmq_stat, oldest_ms),
		MEMBER(devmq_stat, dedup_forgotten),
		MEMBER(devmq_stat, oldest_in_flight_ms),
		MEMBER(devmq_stat, receiver_wait_ms),
		MEMBER(devmq_stat, bindings), MEMBER(devmq_stat, unreadable),
		MEMBER(devmq_stat, newest_id),
	},
};

FIXTURE_SETUP(ioctl)
{
	union argument *argument = &self->argument;
	unsigned int i;

	MQ_REQUIRE();
	ASSERT_EQ(0, mq_create(&self->queue, "ack=manual"));
	self->fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);
	self->reader = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	self->writer = mq_open(&self->queue, O_WRONLY | O_NONBLOCK);
	MQ_OPEN(looker, MQ_LOOK | O_NONBLOCK);

	/* One message is held, two are ready: each call has something to do. */
	ASSERT_EQ(0, mq_fill(self->fd, 3));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_stat(&self->queue, &self->before));

	/* The argument is valid, and its output members are poisoned. */
	for (i = 0; i < ARRAY_SIZE(variant->out); i++)
		memset(argument->bytes + variant->out[i].offset, MQ_POISON,
		       variant->out[i].size);
	argument->size = variant->size;
	mq_batch_add(&self->batch, "sent");
	mq_settlement(&self->settlement, 1, 1, DEVMQ_ACTION_ACK);
	switch (variant->command) {
	case DEVMQ_IOC_SEND:
		argument->send.records = (uintptr_t)self->batch.data;
		argument->send.records_size = self->batch.size;
		argument->send.flags = variant->bare ? DEVMQ_SEND_PAYLOAD : 0;
		break;
	case DEVMQ_IOC_RECV:
		argument->recv.max_count = variant->one;
		argument->recv.buffer = (uintptr_t)self->buffer;
		argument->recv.buffer_size = sizeof(self->buffer);
		break;
	case DEVMQ_IOC_SETTLE:
		argument->settle.settlements = (uintptr_t)&self->settlement;
		argument->settle.count = 1;
		break;
	case DEVMQ_IOC_CONSUMER:
		if (!variant->setting)
			break;
		argument->consumer.flags = DEVMQ_CONSUMER_SET;
		argument->consumer.ack = DEVMQ_ACK_MANUAL;
		argument->consumer.prefetch = 9;
		break;
	case DEVMQ_IOC_REVOKE:
		argument->revoke.how.first_id = 1;
		argument->revoke.how.last_id = 1;
		argument->revoke.how.action = DEVMQ_ACTION_RELEASE;
		break;
	case DEVMQ_IOC_PEEK:
		argument->peek.buffer = (uintptr_t)self->buffer;
		argument->peek.buffer_size = sizeof(self->buffer);
		break;
	}
}

FIXTURE_TEARDOWN(ioctl)
{
	mq_batch_free(&self->batch);
	EXPECT_EQ(0, mq_cleanup());
}

/* Are the counters and the consumer the same as before the call? */
static bool unchanged(FIXTURE_DATA(ioctl) *self)
{
	struct devmq_consumer consumer;
	struct devmq_stat stat;

	if (mq_stat(&self->queue, &stat))
		return false;
	stat.oldest_ms = self->before.oldest_ms;
	stat.oldest_in_flight_ms = self->before.oldest_in_flight_ms;
	if (memcmp(&stat, &self->before, sizeof(stat)))
		return false;
	return !mq_consumer_get(self->fd, &consumer) &&
	       consumer.ack == DEVMQ_ACK_MANUAL && !consumer.prefetch &&
	       consumer.held == 1;
}

/* Expect that the call fails, writes nothing and changes nothing. */
#define EXPECT_REFUSED(expected, fd) do {				\
	static union argument __copy;					\
									\
	__copy = self->argument;					\
	EXPECT_EQ(expected, mq_ioctl(fd, variant->command,		\
				     &self->argument));			\
	EXPECT_EQ(0, memcmp(&__copy, &self->argument, sizeof(__copy)));	\
	EXPECT_TRUE(unchanged(self));					\
} while (0)

TEST_F(ioctl, exact_size_works_and_writes_what_is_out)
{
	unsigned int i, j;
	bool poison;

	ASSERT_EQ(0, mq_ioctl(self->fd, variant->command, &self->argument));
	EXPECT_EQ(variant->size, self->argument.size);
	for (i = 0; variant->out[i].size; i++) {
		poison = true;
		for (j = 0; j < variant->out[i].size; j++)
			poison &= self->argument.bytes[variant->out[i].offset +
						       j] == (char)MQ_POISON;
		EXPECT_FALSE(poison) {
			TH_LOG("output member at %zu is not written",
			       variant->out[i].offset);
		}
	}
	for (i = variant->size; i < sizeof(self->argument); i++)
		ASSERT_EQ(0, self->argument.bytes[i]);
}

TEST_F(ioctl, size_zero_is_einval)
{
	self->argument.size = 0;
	EXPECT_REFUSED(-EINVAL, self->fd);
}

TEST_F(ioctl, smaller_than_the_first_version_is_einval)
{
	size_t size, first = variant->first_size ?: variant->size;

	for (size = 1; size < first; size++) {
		self->argument.size = size;
		ASSERT_EQ(-EINVAL, mq_ioctl(self->fd, variant->command,
					    &self->argument)) {
			TH_LOG("size %zu", size);
		}
	}
	EXPECT_REFUSED(-EINVAL, self->fd);
}

TEST_F(ioctl, any_size_since_the_first_version_works)
{
	size_t i, size, first = variant->first_size ?: variant->size;

	for (size = first; size < variant->size; size++) {
		/*
		 * New members within the size are zero, those beyond it are
		 * poisoned.
		 */
		memset(self->argument.bytes + first, 0, size - first);
		memset(self->argument.bytes + size, MQ_POISON, 64);
		self->argument.size = size;
		if (variant->command == DEVMQ_IOC_RECV)
			ASSERT_EQ(0, mq_fill(self->fd, 1));
		ASSERT_EQ(0, mq_ioctl(self->fd, variant->command,
				      &self->argument));
		EXPECT_EQ(size, self->argument.size);
		for (i = size; i < size + 64; i++)
			ASSERT_EQ((char)MQ_POISON, self->argument.bytes[i]);
	}
}

TEST_F(ioctl, larger_with_a_clean_tail_works)
{
	size_t i;

	self->argument.size = variant->size + 8;
	ASSERT_EQ(0, mq_ioctl(self->fd, variant->command, &self->argument));
	EXPECT_EQ(variant->size + 8, self->argument.size);
	for (i = variant->size; i < sizeof(self->argument); i++)
		ASSERT_EQ(0, self->argument.bytes[i]);
}

TEST_F(ioctl, a_page_with_a_clean_tail_works)
{
	self->argument.size = 4096;
	EXPECT_EQ(0, mq_ioctl(self->fd, variant->command, &self->argument));
}

TEST_F(ioctl, larger_with_a_dirty_tail_is_e2big)
{
	size_t place;

	self->argument.size = variant->size + 8;
	for (place = variant->size; place < variant->size + 8; place++) {
		self->argument.bytes[place] = 1;
		EXPECT_REFUSED(-E2BIG, self->fd);
		self->argument.bytes[place] = 0;
	}
	self->argument.size = variant->size + 1;
	self->argument.bytes[variant->size] = 0x80;
	EXPECT_REFUSED(-E2BIG, self->fd);
	self->argument.size = 4096;
	self->argument.bytes[variant->size] = 0;
	self->argument.bytes[4095] = 1;
	EXPECT_REFUSED(-E2BIG, self->fd);
}

TEST_F(ioctl, what_stands_behind_the_size_does_not_matter)
{
	memset(self->argument.bytes + variant->size, MQ_POISON,
	       sizeof(self->argument) - variant->size);
	EXPECT_EQ(0, mq_ioctl(self->fd, variant->command, &self->argument));
}

TEST_F(ioctl, huge_size_is_refused)
{
	static const __u32 sizes[] = {
		0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff8, 0x10000000,
	};
	unsigned int i;
	int error;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		self->argument.size = sizes[i];
		error = mq_ioctl(self->fd, variant->command, &self->argument);
		EXPECT_TRUE(error == -E2BIG || error == -EFAULT) {
			TH_LOG("size %x gives %d", sizes[i], error);
		}
	}
	EXPECT_TRUE(unchanged(self));
}

TEST_F(ioctl, bad_pointer_is_efault)
{
	static const uintptr_t bad[] = {
		0, 1, 16, (uintptr_t)-1, (uintptr_t)-4096, (uintptr_t)-65,
#ifdef __x86_64__
		0xffff888000000000, 0xffffffff81000000, 0x800000000000,
		0x7ffffffff000, 0x8000000000000000,
#endif
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EFAULT, mq_ioctl(self->fd, variant->command,
					    (void *)bad[i])) {
			TH_LOG("pointer %zx", (size_t)bad[i]);
		}
	}
	EXPECT_TRUE(unchanged(self));
}

TEST_F(ioctl, structure_that_ends_outside_of_memory_is_efault)
{
	char *edge = mq_edge();
	size_t inside;

	for (inside = 1; inside < variant->size; inside++) {
		memcpy(edge - inside, &self->argument, inside);
		ASSERT_EQ(-EFAULT, mq_ioctl(self->fd, variant->command,
					    edge - inside)) {
			TH_LOG("%zu bytes inside", inside);
		}
	}
	EXPECT_TRUE(unchanged(self));
	memcpy(edge - variant->size, &self->argument, variant->size);
	EXPECT_EQ(0, mq_ioctl(self->fd, variant->command,
			      edge - variant->size));
}

TEST_F(ioctl, structure_at_an_odd_address_works)
{
	char *edge = mq_edge();

	memcpy(edge - variant->size - 1, &self->argument, variant->size);
	EXPECT_EQ(0, mq_ioctl(self->fd, variant->command,
			      edge - variant->size - 1));
	EXPECT_EQ((char)MQ_POISON, edge[-1]);
}

TEST_F(ioctl, structure_that_cannot_be_written_is_efault_and_does_nothing)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_TRUE(page != MAP_FAILED);
	memcpy(page, &self->argument, variant->size);
	ASSERT_EQ(0, mprotect(page, 4096, PROT_READ));
	EXPECT_EQ(-EFAULT, mq_ioctl(self->fd, variant->command, page));
	EXPECT_TRUE(unchanged(self));
}

TEST_F(ioctl, unknown_flags_are_einval_one_by_one)
{
	__u32 known = self->argument.common.flags;
	unsigned int bit;

	for (bit = 0; bit < 32; bit++) {
		if (variant->known_flags & (1U << bit))
			continue;
		self->argument.common.flags = known | 1U << bit;
		ASSERT_EQ(-EINVAL, mq_ioctl(self->fd, variant->command,
					    &self->argument)) {
			TH_LOG("flag %u", bit);
		}
	}
	EXPECT_REFUSED(-EINVAL, self->fd);
}

TEST_F(ioctl, reserved_members_are_einval_bit_by_bit)
{
	unsigned int i, bit;
	char *byte;

	for (i = 0; i < ARRAY_SIZE(variant->reserved); i++) {
		for (bit = 0; bit < 8 * variant->reserved[i].size; bit++) {
			byte = self->argument.bytes +
			       variant->reserved[i].offset + bit / 8;
			*byte = 1 << bit % 8;
			ASSERT_EQ(-EINVAL, mq_ioctl(self->fd, variant->command,
						    &self->argument)) {
				TH_LOG("reserved member at %zu, bit %u",
				       variant->reserved[i].offset, bit);
			}
			*byte = 0;
		}
	}
	EXPECT_TRUE(unchanged(self));
	EXPECT_EQ(0, mq_ioctl(self->fd, variant->command, &self->argument));
}

TEST_F(ioctl, wrong_access_mode_is_ebadf)
{
	if (!variant->writing)
		EXPECT_REFUSED(-EBADF, self->writer);
	if (!variant->reading)
		EXPECT_REFUSED(-EBADF, self->reader);
	if (!variant->looking)
		EXPECT_REFUSED(-EBADF, self->looker);
	EXPECT_EQ(0, mq_ioctl(self->fd, variant->command, &self->argument));
}

TEST_F(ioctl, allowed_access_mode_is_enough)
{
	/* Only the open file that holds a delivery can settle it. */
	int held = variant->command == DEVMQ_IOC_SETTLE ? -ESTALE : 0;

	if (variant->looking) {
		EXPECT_EQ(0, mq_ioctl(self->looker, variant->command,
				      &self->argument));
	}
	if (variant->writing) {
		EXPECT_EQ(0, mq_ioctl(self->writer, variant->command,
				      &self->argument));
	}
	if (variant->reading) {
		EXPECT_EQ(held, mq_ioctl(self->reader, variant->command,
					 &self->argument));
	}
}

TEST_F(ioctl, removed_queue_is_enodev)
{
	static union argument copy;

	ASSERT_EQ(0, mq_remove(&self->queue));
	copy = self->argument;
	EXPECT_EQ(-ENODEV, mq_ioctl(self->fd, variant->command,
				    &self->argument));
	EXPECT_EQ(0, memcmp(&copy, &self->argument, sizeof(copy)));
}

TEST_F(ioctl, number_with_a_size_or_direction_is_unknown)
{
	unsigned long number = _IOC_NR(variant->command);

	EXPECT_EQ(-ENOTTY, mq_ioctl(self->fd,
				    _IOC(_IOC_READ | _IOC_WRITE,
					 DEVMQ_IOC_MAGIC, number,
					 variant->size), &self->argument));
	EXPECT_EQ(-ENOTTY, mq_ioctl(self->fd,
				    _IOC(_IOC_NONE, DEVMQ_IOC_MAGIC, number,
					 variant->size), &self->argument));
	EXPECT_EQ(-ENOTTY, mq_ioctl(self->fd, _IO(DEVMQ_IOC_MAGIC ^ 1, number),
				    &self->argument));
	EXPECT_TRUE(unchanged(self));
}

/* -- rules that are not about a single ioctl ------------------------------- */

FIXTURE(command) {
	struct mq_queue queue;
	int fd;
};

FIXTURE_SETUP(command)
{
	MQ_REQUIRE();
	MQ_OPEN_QUEUE("ack=manual");
}

FIXTURE_TEARDOWN(command)
{
	EXPECT_EQ(0, mq_cleanup());
}

TEST_F(command, numbers_that_are_not_in_the_header_are_enotty)
{
	static const unsigned long known[] = {
		DEVMQ_IOC_SEND, DEVMQ_IOC_RECV, DEVMQ_IOC_SETTLE,
		DEVMQ_IOC_CONSUMER, DEVMQ_IOC_PEEK, DEVMQ_IOC_PURGE,
		DEVMQ_IOC_REDRIVE, DEVMQ_IOC_REVOKE, DEVMQ_IOC_STAT,
		DEVMQ_IOC_BIND, DEVMQ_IOC_UNBIND, DEVMQ_IOC_BINDINGS,
	};
	static union argument argument;
	unsigned int number, i;

	argument.size = sizeof(struct devmq_stat);
	for (number = 0; number < 256; number++) {
		for (i = 0; i < ARRAY_SIZE(known); i++)
			if (_IOC_NR(known[i]) == number)
				break;
		if (i < ARRAY_SIZE(known))
			continue;
		EXPECT_EQ(-ENOTTY, mq_ioctl(self->fd,
					    _IO(DEVMQ_IOC_MAGIC, number),
					    &argument)) {
			TH_LOG("number 0x%x", number);
		}
	}
}

TEST_F(command, ioctls_of_other_devices_are_enotty)
{
	char data[256] = {};

	EXPECT_EQ(-ENOTTY, mq_ioctl(self->fd, 0x5401 /* TCGETS */, data));
	EXPECT_EQ(-ENOTTY, mq_ioctl(self->fd, 0x1260 /* BLKGETSIZE */, data));
	EXPECT_EQ(-ENOTTY, mq_ioctl(self->fd, 0, data));
	EXPECT_EQ(-ENOTTY, mq_ioctl(self->fd, 0xffffffff, data));
	EXPECT_FALSE(isatty(self->fd));
}

TEST_F(command, control_node_has_no_ioctls)
{
	struct devmq_stat stat = { .size = sizeof(stat) };
	int fd = open(MQ_CONTROL, O_RDWR);

	ASSERT_LE(0, fd);
	EXPECT_EQ(-ENOTTY, mq_ioctl(fd, DEVMQ_IOC_STAT, &stat));
	close(fd);
}

TEST_F(command, structures_are_laid_out_the_same_everywhere)
{
	EXPECT_EQ(72, sizeof(struct devmq_record));
	EXPECT_EQ(8, offsetof(struct devmq_record, id));
	EXPECT_EQ(40, offsetof(struct devmq_record, uid));
	EXPECT_EQ(60, offsetof(struct devmq_record, priority));
	EXPECT_EQ(64, offsetof(struct devmq_record, extra_size));
	EXPECT_EQ(70, offsetof(struct devmq_record, headers_size));
	EXPECT_EQ(56, sizeof(struct devmq_extra));
	EXPECT_EQ(32, offsetof(struct devmq_extra, origin_id));
	EXPECT_EQ(40, offsetof(struct devmq_extra, reason));
	EXPECT_EQ(4, sizeof(struct devmq_header));
	EXPECT_EQ(48, sizeof(struct devmq_send));
	EXPECT_EQ(88, sizeof(struct devmq_recv));
	EXPECT_EQ(64, offsetof(struct devmq_recv, ack_first_id));
	EXPECT_EQ(56, sizeof(struct devmq_settlement));
	EXPECT_EQ(32, sizeof(struct devmq_settle));
	EXPECT_EQ(72, sizeof(struct devmq_peek));
	EXPECT_EQ(48, sizeof(struct devmq_consumer));
	EXPECT_EQ(288, sizeof(struct devmq_stat));
	EXPECT_EQ(32, sizeof(struct devmq_bind));
	EXPECT_EQ(104, sizeof(struct devmq_binding));
	EXPECT_EQ(56, sizeof(struct devmq_bindings));
	EXPECT_EQ(48, sizeof(struct devmq_purge));
	EXPECT_EQ(56, sizeof(struct devmq_redrive));
	EXPECT_EQ(24, offsetof(struct devmq_redrive, target_fd));
	EXPECT_EQ(80, sizeof(struct devmq_revoke));
	EXPECT_EQ(16, offsetof(struct devmq_revoke, how));
}

TEST_F(command, states_that_do_not_exist_are_einval)
{
	struct devmq_purge purge = { .size = sizeof(purge) };
	struct devmq_peek peek;
	char buffer[512];
	unsigned int bit;

	for (bit = 0; bit < 32; bit++) {
		bool known = bit >= DEVMQ_STATE_READY &&
			     bit <= DEVMQ_STATE_RETAINED;

		mq_peek_init(&peek, buffer, sizeof(buffer));
		peek.states = 1U << bit;
		purge.states = 1U << bit;
		EXPECT_EQ(known ? 0 : -EINVAL,
			  mq_ioctl(self->fd, DEVMQ_IOC_PEEK, &peek)) {
			TH_LOG("peek, state %u", bit);
		}
		EXPECT_EQ(known ? 0 : -EINVAL,
			  mq_ioctl(self->fd, DEVMQ_IOC_PURGE, &purge)) {
			TH_LOG("purge, state %u", bit);
		}
	}
}

TEST_F(command, reasons_that_do_not_exist_are_einval)
{
	struct devmq_purge purge = { .size = sizeof(purge) };
	struct devmq_redrive redrive = { .size = sizeof(redrive) };
	unsigned int bit;

	for (bit = 0; bit < 32; bit++) {
		purge.reason = 1U << bit;
		redrive.reason = 1U << bit;
		EXPECT_EQ(bit < 16 ? 0 : -EINVAL,
			  mq_ioctl(self->fd, DEVMQ_IOC_PURGE, &purge)) {
			TH_LOG("bit %u", bit);
		}
		EXPECT_EQ(bit < 16 ? 0 : -EINVAL,
			  mq_ioctl(self->fd, DEVMQ_IOC_REDRIVE, &redrive)) {
			TH_LOG("bit %u", bit);
		}
	}
}

TEST_F(command, consumer_modes_that_do_not_exist_are_einval)
{
	struct devmq_consumer consumer;
	unsigned int ack;

	for (ack = 2; ack; ack <<= 1) {
		EXPECT_EQ(-EINVAL, mq_consumer_set(self->fd, ack, 5)) {
			TH_LOG("ack mode %u", ack);
		}
	}
	EXPECT_EQ(-EINVAL, mq_consumer_set(self->fd, 3, 5));
	EXPECT_EQ(-EINVAL, mq_consumer_set(self->fd, 0xffffffff, 5));
	ASSERT_EQ(0, mq_consumer_get(self->fd, &consumer));
	EXPECT_EQ(DEVMQ_ACK_MANUAL, consumer.ack);
	EXPECT_EQ(0, consumer.prefetch);
}

TEST_F(command, consumer_get_ignores_what_is_only_out)
{
	struct devmq_consumer consumer;

	/* Without DEVMQ_CONSUMER_SET the members are ignored. */
	memset(&consumer, 0xff, sizeof(consumer));
	consumer.size = sizeof(consumer);
	consumer.flags = 0;
	ASSERT_EQ(0, mq_ioctl(self->fd, DEVMQ_IOC_CONSUMER, &consumer));
	EXPECT_EQ(DEVMQ_ACK_MANUAL, consumer.ack);
	EXPECT_EQ(0, consumer.prefetch);
	EXPECT_EQ(0, consumer.lease_ns);
	EXPECT_EQ(0, consumer.held);
	EXPECT_EQ(0, consumer.last_id);
}

TEST_F(command, consumer_set_is_told_back)
{
	struct devmq_consumer consumer;

	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_AUTO, 17));
	ASSERT_EQ(0, mq_consumer_get(self->fd, &consumer));
	EXPECT_EQ(DEVMQ_ACK_AUTO, consumer.ack);
	EXPECT_EQ(17, consumer.prefetch);
	ASSERT_EQ(0, mq_consumer_set(self->fd, DEVMQ_ACK_MANUAL, 0));
	ASSERT_EQ(0, mq_consumer_get(self->fd, &consumer));
	EXPECT_EQ(DEVMQ_ACK_MANUAL, consumer.ack);
	EXPECT_EQ(0, consumer.prefetch);
}

/* -- settlements ----------------------------------------------------------- */

TEST_F(command, settle_wants_1_to_4096_settlements)
{
	struct devmq_settlement *settlements;
	uint64_t settled;
	unsigned int i;

	settlements = calloc(4097, sizeof(*settlements));
	for (i = 0; i < 4097; i++)
		mq_settlement(&settlements[i], i + 1, i + 1, DEVMQ_ACTION_ACK);
	ASSERT_EQ(0, mq_fill_fast(self->fd, 5000));
	for (i = 0; i < 5000; i++)
		ASSERT_LT(0, mq_read(self->fd, (char [16]) {}, 16));

	EXPECT_EQ(-EINVAL, mq_settle_many(self->fd, settlements, 0, NULL));
	EXPECT_EQ(-E2BIG, mq_settle_many(self->fd, settlements, 4097, NULL));
	EXPECT_EQ(-E2BIG, mq_settle_many(self->fd, settlements, 0xffffffff,
					 NULL));
	EXPECT_EQ(-E2BIG, mq_settle_many(self->fd, settlements, 0x80000000,
					 NULL));
	EXPECT_EQ(5000, mq_held(self->fd));
	EXPECT_EQ(0, mq_settle_many(self->fd, settlements, 4096, &settled));
	EXPECT_EQ(4096, settled);
	for (i = 0; i < 4096; i++) {
		ASSERT_EQ(1, settlements[i].settled);
		ASSERT_EQ(0, settlements[i].error);
	}
	EXPECT_EQ(904, mq_held(self->fd));
}

TEST_F(command, settlements_are_all_checked_before_the_first_is_done)
{
	struct devmq_settlement good, settlements[3], before[3];
	unsigned int i, bit;

	ASSERT_EQ(0, mq_fill(self->fd, 3));
	for (i = 0; i < 3; i++)
		ASSERT_EQ(2, mq_read(self->fd, (char [4]) {}, 4));
	mq_settlement(&good, 1, 1, DEVMQ_ACTION_ACK);

#define EXPECT_BAD(expected) do {					\
	memcpy(before, settlements, sizeof(before));			\
	EXPECT_EQ(expected, mq_settle_many(self->fd, settlements, 3, NULL)); \
	EXPECT_EQ(0, memcmp(before, settlements, sizeof(before)));	\
	EXPECT_EQ(3, mq_held(self->fd));				\
	settlements[2] = good;						\
} while (0)

	settlements[0] = good;
	settlements[1] = good;
	settlements[2] = good;
	settlements[2].action = 0;
	EXPECT_BAD(-EINVAL);
	for (bit = 3; bit < 32; bit++) {
		settlements[2].action = 1U << bit;
		EXPECT_BAD(-EINVAL);
	}
	settlements[2].action = DEVMQ_ACTION_DEFER + 1;
	EXPECT_BAD(-EINVAL);
	settlements[2].first_id = 2;
	EXPECT_BAD(-EINVAL);
	settlements[2].first_id = 0;
	EXPECT_BAD(-EINVAL);
	settlements[2].first_id = ~0ULL;
	EXPECT_BAD(-EINVAL);
	settlements[2].delay_ns = 1;
	EXPECT_BAD(-EINVAL);
	settlements[2].delay_ns = 1ULL << 63;
	EXPECT_BAD(-EINVAL);
	settlements[2].note = (uintptr_t)"note";
	EXPECT_BAD(-EINVAL);
	settlements[2].note_size = 1;
	EXPECT_BAD(-EINVAL);
	settlements[2].reason = 1;
	EXPECT_BAD(-EINVAL);
	settlements[2].reason = DEVMQ_REASON_USER;
	EXPECT_BAD(-EINVAL);
	settlements[2].action = DEVMQ_ACTION_REJECT;
	settlements[2].reason = DEVMQ_REASON_USER - 1;
	EXPECT_BAD(-EINVAL);
	settlements[2].action = DEVMQ_ACTION_REJECT;
	settlements[2].note = (uintptr_t)"note";
	settlements[2].note_size = DEVMQ_NOTE_MAX + 1;
	EXPECT_BAD(-EINVAL);
	settlements[2].action = DEVMQ_ACTION_REJECT;
	settlements[2].note_size = 1;
	EXPECT_BAD(-EINVAL);
	settlements[2].action = DEVMQ_ACTION_REJECT;
	settlements[2].note = (uintptr_t)MQ_BAD_POINTER;
	settlements[2].note_size = 1;
	EXPECT_BAD(-EFAULT);
#undef EXPECT_BAD
}

TEST_F(command, settlement_has_only_what_its_action_takes)
{
	static const struct {
		unsigned int action;
		bool delay, note, reason;
	} actions[] = {
		{ DEVMQ_ACTION_ACK }, { DEVMQ_ACTION_RELEASE },
		{ DEVMQ_ACTION_RETRY, .delay = true, .note = true },
		{ DEVMQ_ACTION_REJECT, .note = true, .reason = true },
		{ DEVMQ_ACTION_EXTEND, .delay = true },
		{ DEVMQ_ACTION_DEFER },
	};
	struct devmq_settlement settlement;
	unsigned int i;

	/*
	 * A valid settlement gives ESTALE, as nothing is held, an invalid one
	 * EINVAL.
	 */
	for (i = 0; i < ARRAY_SIZE(actions); i++) {
		mq_settlement(&settlement, 1, 1, actions[i].action);
		settlement.delay_ns = 1;
		EXPECT_EQ(actions[i].delay ? -ESTALE : -EINVAL,
			  mq_settle_one(self->fd, &settlement)) {
			TH_LOG("delay with action %u", actions[i].action);
		}
		mq_settlement(&settlement, 1, 1, actions[i].action);
		settlement.note = (uintptr_t)"note";
		settlement.note_size = 4;
		EXPECT_EQ(actions[i].note ? -ESTALE : -EINVAL,
			  mq_settle_one(self->fd, &settlement)) {
			TH_LOG("note with action %u", actions[i].action);
		}
		mq_settlement(&settlement, 1, 1, actions[i].action);
		settlement.reason = DEVMQ_REASON_USER;
		EXPECT_EQ(actions[i].reason ? -ESTALE : -EINVAL,
			  mq_settle_one(self->fd, &settlement)) {
			TH_LOG("reason with action %u", actions[i].action);
		}
		mq_settlement(&settlement, 1, 1, actions[i].action);
		settlement.reserved = 1;
		EXPECT_EQ(-EINVAL, mq_settle_one(self->fd, &settlement)) {
			TH_LOG("reserved with action %u", actions[i].action);
		}
	}
}

TEST_F(command, settlements_that_cannot_be_read_are_efault)
{
	char *edge = mq_edge();
	struct devmq_settlement *settlements =
		(void *)(edge - 2 * sizeof(*settlements));

	ASSERT_EQ(0, mq_fill(self->fd, 2));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	ASSERT_EQ(0, mq_get(self->fd, "m2"));
	mq_settlement(&settlements[0], 1, 1, DEVMQ_ACTION_ACK);
	mq_settlement(&settlements[1], 2, 2, DEVMQ_ACTION_ACK);
	EXPECT_EQ(-EFAULT, mq_settle_many(self->fd, NULL, 1, NULL));
	EXPECT_EQ(-EFAULT, mq_settle_many(self->fd, MQ_BAD_POINTER, 1, NULL));
	EXPECT_EQ(-EFAULT, mq_settle_many(self->fd, settlements, 3, NULL));
	EXPECT_EQ(-EFAULT, mq_settle_many(self->fd, settlements, 4096, NULL));
	EXPECT_EQ(2, mq_held(self->fd));
	EXPECT_EQ(0, mq_settle_many(self->fd, settlements, 2, NULL));
	EXPECT_EQ(0, mq_held(self->fd));
}

TEST_F(command, settlements_that_cannot_be_written_are_efault)
{
	struct devmq_settlement *settlements =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_TRUE(settlements != MAP_FAILED);
	ASSERT_EQ(0, mq_fill(self->fd, 1));
	ASSERT_EQ(0, mq_get(self->fd, "m1"));
	mq_settlement(settlements, 1, 1, DEVMQ_ACTION_ACK);
	ASSERT_EQ(0, mprotect(settlements, 4096, PROT_READ));
	EXPECT_EQ(-EFAULT, mq_settle_many(self->fd, settlements, 1, NULL));
	EXPECT_EQ(1, mq_held(self->fd));
}

TEST_HARNESS_MAIN
