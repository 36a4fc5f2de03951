// SPDX-License-Identifier: GPL-2.0
/*
 * Options: every one with both its bounds, at creation and in sysfs, and the counters
 * beside them.
 */
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "mq_test.h"
#include "helpers/settle.h"
#include "fixtures/control.h"

/* -- sysfs beside the options ---------------------------------------------- */

TEST_F(control, counters_are_read_only_numbers)
{
	static const char * const counters[] = {
		"ready", "in_flight", "delayed", "deferred", "dead", "bytes",
		"sent", "delivered", "acked", "redelivered", "expired",
		"dead_lettered", "dropped", "purged", "deduplicated",
		"consumers", "producers", "oldest_ms", "dead_refused",
		"dedup_forgotten", "oldest_in_flight_ms", "waiting_senders",
		"waiting_receivers", "sender_wait_ms", "receiver_wait_ms",
	};
	struct stat stat_buffer;
	char path[256];
	unsigned int i;

	ASSERT_EQ(0, mq_control("create %s", self->queue.name));
	for (i = 0; i < ARRAY_SIZE(counters); i++) {
		snprintf(path, sizeof(path), MQ_CLASS "/%s/%s",
			 self->queue.name, counters[i]);
		EXPECT_EQ(0, stat(path, &stat_buffer)) {
			TH_LOG("no %s", path);
			continue;
		}
		EXPECT_EQ(0444, stat_buffer.st_mode & 07777);
		EXPECT_EQ(0, mq_sysfs_number(&self->queue, counters[i])) {
			TH_LOG("of %s", counters[i]);
		}
		EXPECT_GT(0, mq_sysfs_set(&self->queue, counters[i], "1"));
		EXPECT_EQ(0, mq_sysfs_number(&self->queue, counters[i]));
	}
}

TEST_F(control, sysfs_control_has_no_options)
{
	EXPECT_EQ(0, access(MQ_CLASS "/control", F_OK));
	EXPECT_NE(0, access(MQ_CLASS "/control/max_messages", F_OK));
	EXPECT_NE(0, access(MQ_CLASS "/control/ready", F_OK));
}

TEST_F(control, live_max_message_size_is_obeyed)
{
	int fd;

	ASSERT_EQ(0, mq_control("create %s max_message_size=4",
				self->queue.name));
	fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EMSGSIZE, mq_put(fd, "12345"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_message_size", "5"));
	EXPECT_EQ(5, mq_put(fd, "12345"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_message_size", "2\n"));
	EXPECT_EQ(-EMSGSIZE, mq_put(fd, "123"));
	EXPECT_EQ(0, mq_get(fd, "12345"));
}

TEST_F(control, live_bounds_are_obeyed)
{
	int fd;

	ASSERT_EQ(0, mq_control("create %s max_messages=1", self->queue.name));
	fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	EXPECT_EQ(2, mq_put(fd, "12"));
	EXPECT_EQ(-EAGAIN, mq_put(fd, "34"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "3"));
	EXPECT_EQ(2, mq_put(fd, "34"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_bytes", "5"));
	EXPECT_EQ(-EAGAIN, mq_put(fd, "56"));
	EXPECT_EQ(1, mq_put(fd, "5"));

	/*
	 * Messages that are stored stay when a bound sinks below their number.
	 */
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "max_messages", "1"));
	EXPECT_EQ(3, mq_stat_of(&self->queue, ready));
	EXPECT_EQ(0, mq_get(fd, "12"));
	EXPECT_EQ(0, mq_get(fd, "34"));
	EXPECT_EQ(-EAGAIN, mq_put(fd, "7"));
	EXPECT_EQ(0, mq_get(fd, "5"));
	EXPECT_EQ(1, mq_put(fd, "7"));
}

TEST_F(control, live_overflow_is_obeyed)
{
	int fd;

	ASSERT_EQ(0, mq_control("create %s max_messages=1", self->queue.name));
	fd = mq_open(&self->queue, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, mq_put(fd, "1"));
	EXPECT_EQ(-EAGAIN, mq_put(fd, "2"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "overflow", "reject"));
	EXPECT_EQ(-ENOSPC, mq_put(fd, "2"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "overflow", "drop-head\n"));
	EXPECT_EQ(1, mq_put(fd, "2"));
	EXPECT_EQ(0, mq_get(fd, "2"));
}

TEST_F(control, live_eof_is_obeyed)
{
	char byte;
	int fd;

	ASSERT_EQ(0, mq_control("create %s", self->queue.name));
	fd = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EAGAIN, mq_read(fd, &byte, 1));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "eof", "empty"));
	EXPECT_EQ(0, mq_read(fd, &byte, 1));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "eof", "never"));
	EXPECT_EQ(-EAGAIN, mq_read(fd, &byte, 1));
}

TEST_F(control, live_ack_and_prefetch_count_for_later_opens)
{
	struct devmq_consumer consumer;
	int before, after;

	ASSERT_EQ(0, mq_control("create %s prefetch=3", self->queue.name));
	before = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, before);
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "ack", "manual"));
	ASSERT_EQ(0, mq_sysfs_set(&self->queue, "prefetch", "7"));
	after = mq_open(&self->queue, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, after);
	ASSERT_EQ(0, mq_consumer_get(before, &consumer));
	EXPECT_EQ(DEVMQ_ACK_AUTO, consumer.ack);
	EXPECT_EQ(3, consumer.prefetch);
	ASSERT_EQ(0, mq_consumer_get(after, &consumer));
	EXPECT_EQ(DEVMQ_ACK_MANUAL, consumer.ack);
	EXPECT_EQ(7, consumer.prefetch);
}

TEST_F(control, later_options_are_unknown)
{
	static const char * const later[] = {
		"retain_messages=1", "retain_bytes=1", "retain_ms=1",
		"compact=key", "alternate=other", "ready=1", "sent=1",
		"dead=1", "dead_refused=1", "name=x", "lease=1", "ttl=1",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(later); i++) {
		EXPECT_EQ(-EINVAL, mq_control("create %s %s", self->queue.name,
					      later[i])) {
			TH_LOG("of option %s", later[i]);
			mq_remove(&self->queue);
		}
	}
}

TEST_F(control, many_queues_live_side_by_side)
{
	struct mq_queue queues[40];
	char text[16];
	int i, fd;

	for (i = 0; i < 40; i++) {
		ASSERT_EQ(0, mq_create(&queues[i], "max_messages=%d", i + 1));
		fd = mq_open(&queues[i], O_WRONLY);
		ASSERT_LE(0, fd);
		snprintf(text, sizeof(text), "for %d", i);
		ASSERT_EQ(strlen(text), mq_put(fd, text));
		close(fd);
	}
	for (i = 39; i >= 0; i--) {
		fd = mq_open(&queues[i], O_RDONLY | O_NONBLOCK);
		ASSERT_LE(0, fd);
		snprintf(text, sizeof(text), "for %d", i);
		EXPECT_EQ(0, mq_get(fd, text));
		EXPECT_EQ(-EAGAIN, mq_read(fd, text, sizeof(text)));
		close(fd);
		EXPECT_EQ(i + 1, mq_sysfs_number(&queues[i], "max_messages"));
	}
}

/* -- every option, one variant each ---------------------------------------- */

FIXTURE(option) {
	struct mq_queue queue;
};

FIXTURE_VARIANT(option) {
	const char *name;
	const char *initial;
	bool live;
	struct {
		const char *given;	/* what one may say */
		const char *shown;	/* and how it is shown */
	} good[8];
	const char *invalid[16];	/* EINVAL */
	const char *beyond[8];		/* ERANGE */
};

FIXTURE_VARIANT_ADD(option, type)
{
	.name = "type", .initial = "queue",
	.good = { { "queue", "queue" } },
	.invalid = { "topics", "Queue", "0", "queue,", "que", "queues" },
};

FIXTURE_VARIANT_ADD(option, mode)
{
	.name = "mode", .initial = "0600",
	.good = {
		{ "0", "0000" }, { "0777", "0777" }, { "640", "0640" },
		{ "0004", "0004" },
	},
	.invalid = { "8", "0778", "rw", "u+r", "0x1ff", "0600.", "6K" },
	.beyond = { "1000", "01000", "4755", "7777777777777777777777777" },
};

FIXTURE_VARIANT_ADD(option, uid)
{
	.name = "uid", .initial = "0",
	.good = {
		{ "0", "0" }, { "1000", "1000" },
		{ "4294967294", "4294967294" },
	},
	.invalid = { "root", "1x", "0x10", "1.0" },
	.beyond = { "4294967296", "18446744073709551616" },
};

FIXTURE_VARIANT_ADD(option, gid)
{
	.name = "gid", .initial = "0",
	.good = {
		{ "0", "0" }, { "1000", "1000" },
		{ "4294967294", "4294967294" },
	},
	.invalid = { "root", "1x", "0x10", "1.0" },
	.beyond = { "4294967296", "18446744073709551616" },
};

FIXTURE_VARIANT_ADD(option, max_messages)
{
	.name = "max_messages", .initial = "1048576", .live = true,
	.good = {
		{ "1", "1" }, { "2147483647", "2147483647" }, { "77", "77" },
	},
	.invalid = {
		"many", "1x", "x1", "0x10", "1.5", "1,000", "1e3", "K",
		"1KB", "--1", "unlimited",
	},
	.beyond = {
		"0", "2147483648", "4294967296", "4294967297",
		"18446744073709551616", "18446744073709551617",
		"99999999999999999999999999999999",
	},
};

FIXTURE_VARIANT_ADD(option, max_bytes)
{
	.name = "max_bytes", .initial = "67108864", .live = true,
	.good = {
		{ "1", "1" }, { "1099511627776", "1099511627776" },
		{ "1K", "1024" }, { "3M", "3145728" }, { "2G", "2147483648" },
		{ "1024G", "1099511627776" }, { "1023", "1023" },
	},
	.invalid = {
		"much", "1x", "K", "1KB", "1KK", "1.5K", "K1", "1T",
		"0x10", "1e3", "G",
	},
	.beyond = {
		"0", "0K", "1099511627777", "1025G", "17179869184G",
		"18014398509481984K", "18446744073709551616",
		"99999999999999999999G",
	},
};

FIXTURE_VARIANT_ADD(option, max_message_size)
{
	.name = "max_message_size", .initial = "1048576", .live = true,
	.good = {
		{ "1", "1" }, { "268435456", "268435456" },
		{ "256M", "268435456" }, { "4K", "4096" },
	},
	.invalid = { "big", "1x", "1KB", "0x10", "M", "1.0" },
	.beyond = {
		"0", "268435457", "257M", "1G", "4294967297", "4G",
		"18446744073709551616",
	},
};

FIXTURE_VARIANT_ADD(option, overflow)
{
	.name = "overflow", .initial = "block", .live = true,
	.good = {
		{ "block", "block" }, { "reject", "reject" },
		{ "drop-head", "drop-head" },
	},
	.invalid = {
		/* dead-letter needs the option dead_letter as well. */
		"dead-letter", "drop_head", "drop", "Block", "BLOCK", "bloc",
		"blocks", "0", "1", "block,reject",
	},
};

FIXTURE_VARIANT_ADD(option, framing)
{
	.name = "framing", .initial = "record",
	.good = { { "record", "record" }, { "line", "line" } },
	.invalid = { "lines", "Line", "none", "0", "\\n", "rec" },
};

FIXTURE_VARIANT_ADD(option, eof)
{
	.name = "eof", .initial = "never", .live = true,
	.good = {
		{ "never", "never" }, { "empty", "empty" },
		{ "hangup", "hangup" },
	},
	.invalid = { "always", "Never", "hang-up", "0", "nev" },
};

FIXTURE_VARIANT_ADD(option, allow_empty)
{
	.name = "allow_empty", .initial = "0", .live = true,
	.good = { { "0", "0" }, { "1", "1" } },
	.invalid = { "yes", "1x", "0x1", "1.0" },
	.beyond = { "2", "256", "257", "18446744073709551617" },
};

FIXTURE_VARIANT_ADD(option, ack)
{
	.name = "ack", .initial = "auto", .live = true,
	.good = { { "auto", "auto" }, { "manual", "manual" } },
	.invalid = { "none", "Auto", "0", "1", "automatic" },
};

FIXTURE_VARIANT_ADD(option, prefetch)
{
	.name = "prefetch", .initial = "0", .live = true,
	.good = { { "0", "0" }, { "1", "1" }, { "65535", "65535" } },
	.invalid = { "all", "1x", "0x10", "1.0", "K" },
	.beyond = {
		"65536", "4294967296", "4294967297", "18446744073709551616",
	},
};

/* A hundred years in milliseconds: their nanoseconds fit in 63 bits. */
#define MS_MAX		"3155760000000"
#define MS_BEYOND	"3155760000001", "18446744073709551616", \
			"99999999999999999999999"
#define MS_INVALID	"forever", "1x", "1s", "10ms", "0x10", "1.5", "1e3", "K"

FIXTURE_VARIANT_ADD(option, lease_ms)
{
	.name = "lease_ms", .initial = "0", .live = true,
	.good = { { "0", "0" }, { "1", "1" }, { MS_MAX, MS_MAX } },
	.invalid = { MS_INVALID },
	.beyond = { MS_BEYOND },
};

FIXTURE_VARIANT_ADD(option, max_deliveries)
{
	.name = "max_deliveries", .initial = "20", .live = true,
	.good = { { "0", "0" }, { "1", "1" }, { "2147483647", "2147483647" } },
	.invalid = { "never", "1x", "0x10", "1.0", "K" },
	.beyond = { "2147483648", "4294967296", "18446744073709551616" },
};

FIXTURE_VARIANT_ADD(option, max_dead)
{
	.name = "max_dead", .initial = "65536", .live = true,
	.good = { { "0", "0" }, { "1", "1" }, { "2147483647", "2147483647" } },
	.invalid = { "all", "1x", "0x10", "1.0" },
	.beyond = { "2147483648", "4294967296", "18446744073709551616" },
};

FIXTURE_VARIANT_ADD(option, dead_letter)
{
	.name = "dead_letter", .initial = "none", .live = true,
	.good = { { "none", "none" } },
};

FIXTURE_VARIANT_ADD(option, on_expiry)
{
	.name = "on_expiry", .initial = "drop", .live = true,
	.good = { { "drop", "drop" }, { "dead", "dead" } },
	.invalid = { "none", "Dead", "dead-letter", "0", "d" },
};

FIXTURE_VARIANT_ADD(option, dead_ttl_ms)
{
	.name = "dead_ttl_ms", .initial = "0", .live = true,
	.good = { { "0", "0" }, { "1", "1" }, { MS_MAX, MS_MAX } },
	.invalid = { MS_INVALID },
	.beyond = { MS_BEYOND },
};

FIXTURE_VARIANT_ADD(option, retry_ms)
{
	.name = "retry_ms", .initial = "100", .live = true,
	.good = { { "0", "0" }, { "1", "1" }, { MS_MAX, MS_MAX } },
	.invalid = { MS_INVALID },
	.beyond = { MS_BEYOND },
};

FIXTURE_VARIANT_ADD(option, retry_backoff)
{
	.name = "retry_backoff", .initial = "2", .live = true,
	.good = { { "1", "1" }, { "2", "2" }, { "1000", "1000" } },
	.invalid = { "double", "1x", "1.5", "0x2" },
	.beyond = { "0", "1001", "4294967297", "18446744073709551617" },
};

FIXTURE_VARIANT_ADD(option, retry_max_ms)
{
	.name = "retry_max_ms", .initial = "60000", .live = true,
	.good = { { "0", "0" }, { "1", "1" }, { MS_MAX, MS_MAX } },
	.invalid = { MS_INVALID },
	.beyond = { MS_BEYOND },
};

FIXTURE_VARIANT_ADD(option, delay_ms)
{
	.name = "delay_ms", .initial = "0", .live = true,
	.good = { { "0", "0" }, { "1", "1" }, { MS_MAX, MS_MAX } },
	.invalid = { MS_INVALID },
	.beyond = { MS_BEYOND },
};

FIXTURE_VARIANT_ADD(option, ttl_ms)
{
	.name = "ttl_ms", .initial = "0", .live = true,
	.good = { { "0", "0" }, { "1", "1" }, { MS_MAX, MS_MAX } },
	.invalid = { MS_INVALID },
	.beyond = { MS_BEYOND },
};

FIXTURE_VARIANT_ADD(option, priorities)
{
	.name = "priorities", .initial = "1",
	.good = { { "1", "1" }, { "2", "2" }, { "256", "256" } },
	.invalid = { "many", "1x", "0x10", "1.0" },
	.beyond = { "0", "257", "4294967297", "18446744073709551617" },
};

FIXTURE_VARIANT_ADD(option, order)
{
	.name = "order", .initial = "fifo",
	.good = { { "fifo", "fifo" }, { "key", "key" } },
	.invalid = { "none", "lifo", "Key", "keys", "0" },
};

FIXTURE_VARIANT_ADD(option, fairness)
{
	.name = "fairness", .initial = "none",
	.good = { { "none", "none" }, { "key", "key" }, { "uid", "uid" } },
	.invalid = { "gid", "Key", "0", "key,uid", "pid" },
};

FIXTURE_VARIANT_ADD(option, dedup_window_ms)
{
	.name = "dedup_window_ms", .initial = "0", .live = true,
	.good = { { "0", "0" }, { "1", "1" }, { MS_MAX, MS_MAX } },
	.invalid = { MS_INVALID },
	.beyond = { MS_BEYOND },
};

FIXTURE_VARIANT_ADD(option, dedup_max)
{
	.name = "dedup_max", .initial = "65536", .live = true,
	.good = { { "1", "1" }, { "2", "2" }, { "16777216", "16777216" } },
	.invalid = { "all", "1x", "0x10", "1.0" },
	.beyond = { "0", "16777217", "4294967297", "18446744073709551617" },
};

FIXTURE_VARIANT_ADD(option, single_active)
{
	.name = "single_active", .initial = "0", .live = true,
	.good = { { "0", "0" }, { "1", "1" } },
	.invalid = { "yes", "true", "on", "1x" },
	.beyond = { "2", "4294967297", "18446744073709551617" },
};

FIXTURE_VARIANT_ADD(option, paused)
{
	.name = "paused", .initial = "none", .live = true,
	.good = {
		{ "none", "none" }, { "send", "send" },
		{ "receive", "receive" }, { "both", "both" },
	},
	.invalid = { "0", "1", "Both", "all", "send,receive", "sending" },
};

FIXTURE_VARIANT_ADD(option, auto_delete)
{
	.name = "auto_delete", .initial = "0", .live = true,
	.good = { { "0", "0" }, { "1", "1" } },
	.invalid = { "yes", "true", "on", "1x" },
	.beyond = { "2", "4294967297", "18446744073709551617" },
};

FIXTURE_VARIANT_ADD(option, expires_ms)
{
	.name = "expires_ms", .initial = "0", .live = true,
	.good = { { "0", "0" }, { "3600000", "3600000" }, { MS_MAX, MS_MAX } },
	.invalid = { MS_INVALID },
	.beyond = { MS_BEYOND },
};

FIXTURE_SETUP(option)
{
	MQ_REQUIRE();
	mq_name(&self->queue);
}

FIXTURE_TEARDOWN(option)
{
	EXPECT_EQ(0, mq_cleanup());
}

TEST_F(option, has_its_default)
{
	char text[256];

	ASSERT_EQ(0, mq_control("create %s", self->queue.name));
	ASSERT_EQ(0, mq_sysfs_get(&self->queue, variant->name, text,
				  sizeof(text)));
	EXPECT_STREQ(variant->initial, text);
}

TEST_F(option, good_values_are_read_back)
{
	char text[256];
	unsigned int i;

	for (i = 0; variant->good[i].given; i++) {
		ASSERT_EQ(0, mq_control("create %s %s=%s", self->queue.name,
					variant->name,
					variant->good[i].given)) {
			TH_LOG("%s=%s", variant->name, variant->good[i].given);
		}
		ASSERT_EQ(0, mq_sysfs_get(&self->queue, variant->name, text,
					  sizeof(text)));
		EXPECT_STREQ(variant->good[i].shown, text);
		ASSERT_EQ(0, mq_control("remove %s", self->queue.name));
	}
}

TEST_F(option, what_is_shown_is_accepted)
{
	char text[256];

	ASSERT_EQ(0, mq_control("create %s", self->queue.name));
	ASSERT_EQ(0, mq_sysfs_get(&self->queue, variant->name, text,
				  sizeof(text)));
	ASSERT_EQ(0, mq_control("remove %s", self->queue.name));
	EXPECT_EQ(0, mq_control("create %s %s=%s", self->queue.name,
				variant->name, text));
}

TEST_F(option, invalid_values_are_refused)
{
	unsigned int i;

	for (i = 0; variant->invalid[i]; i++) {
		EXPECT_EQ(-EINVAL, mq_control("create %s %s=%s",
					      self->queue.name, variant->name,
					      variant->invalid[i])) {
			TH_LOG("%s=%s", variant->name, variant->invalid[i]);
		}
		EXPECT_FALSE(exists(self->queue.name)) {
			mq_remove(&self->queue);
		}
	}
}

TEST_F(option, values_beyond_the_bounds_are_erange)
{
	unsigned int i;

	for (i = 0; variant->beyond[i]; i++) {
		EXPECT_EQ(-ERANGE, mq_control("create %s %s=%s",
					      self->queue.name, variant->name,
					      variant->beyond[i])) {
			TH_LOG("%s=%s", variant->name, variant->beyond[i]);
		}
		EXPECT_FALSE(exists(self->queue.name)) {
			mq_remove(&self->queue);
		}
	}
}

TEST_F(option, negative_and_empty_values_are_refused)
{
	int error = mq_control("create %s %s=-1", self->queue.name,
			       variant->name);

	/* The value could be the name of a queue. */
	if (!strcmp(variant->name, "dead_letter") && error == -ENOENT)
		error = -EINVAL;
	EXPECT_TRUE(error == -EINVAL || error == -ERANGE) {
		TH_LOG("%s=-1 gives %d", variant->name, error);
	}
	EXPECT_EQ(-EINVAL, mq_control("create %s %s=", self->queue.name,
				      variant->name));
	EXPECT_EQ(-EINVAL, mq_control("create %s %s", self->queue.name,
				      variant->name));
	EXPECT_FALSE(exists(self->queue.name));
}

TEST_F(option, twice_is_refused)
{
	const char *good = variant->good[0].given;

	EXPECT_EQ(-EINVAL, mq_control("create %s %s=%s %s=%s",
				      self->queue.name, variant->name, good,
				      variant->name, good));
	EXPECT_FALSE(exists(self->queue.name));
}

TEST_F(option, file_has_the_mode_that_fits)
{
	struct stat stat_buffer;
	char path[256];

	ASSERT_EQ(0, mq_control("create %s", self->queue.name));
	snprintf(path, sizeof(path), MQ_CLASS "/%s/%s", self->queue.name,
		 variant->name);
	ASSERT_EQ(0, stat(path, &stat_buffer));
	EXPECT_EQ(variant->live ? 0644 : 0444, stat_buffer.st_mode & 07777);
}

TEST_F(option, live_ones_take_good_values_and_fixed_ones_none)
{
	char text[256];
	unsigned int i;
	int error;

	ASSERT_EQ(0, mq_control("create %s", self->queue.name));
	for (i = 0; variant->good[i].given; i++) {
		error = mq_sysfs_set(&self->queue, variant->name, "%s\n",
				     variant->good[i].given);
		EXPECT_EQ(variant->live, !error);
		ASSERT_EQ(0, mq_sysfs_get(&self->queue, variant->name, text,
					  sizeof(text)));
		EXPECT_STREQ(variant->live ? variant->good[i].shown :
			     variant->initial, text);
	}
}

TEST_F(option, bad_values_in_sysfs_change_nothing)
{
	char text[256];
	unsigned int i;

	ASSERT_EQ(0, mq_control("create %s", self->queue.name));
	for (i = 0; variant->invalid[i]; i++) {
		EXPECT_EQ(variant->live ? -EINVAL : -EACCES,
			  mq_sysfs_set(&self->queue, variant->name, "%s",
				       variant->invalid[i])) {
			TH_LOG("%s < \"%s\"", variant->name,
			       variant->invalid[i]);
		}
	}
	for (i = 0; variant->beyond[i]; i++) {
		EXPECT_EQ(variant->live ? -ERANGE : -EACCES,
			  mq_sysfs_set(&self->queue, variant->name, "%s",
				       variant->beyond[i])) {
			TH_LOG("%s < \"%s\"", variant->name,
			       variant->beyond[i]);
		}
	}
	EXPECT_EQ(variant->live ? -EINVAL : -EACCES,
		  mq_sysfs_set(&self->queue, variant->name, "\n"));
	ASSERT_EQ(0, mq_sysfs_get(&self->queue, variant->name, text,
				  sizeof(text)));
	EXPECT_STREQ(variant->initial, text);
}

TEST_HARNESS_MAIN
