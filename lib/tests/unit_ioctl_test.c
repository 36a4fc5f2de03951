// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libdevmq without a kernel: the loops around ioctls, settling, and failed
 * allocations.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "unit_test.h"

/* -- the loops around ioctls ----------------------------------------------- */

static int takes_three(unsigned long command, void *arg)
{
	static uint64_t next = 1;
	struct devmq_send *a = arg;

	if (command != DEVMQ_IOC_SEND || a->size != sizeof(*a) || a->flags ||
	    a->result)
		return -EINVAL;
	if (next > 12)
		return -ENOSPC;
	a->count = a->records_size < 3 * 80 ? (a->records_size + 7) / 80 : 3;
	a->first_id = next;
	next += a->count;
	a->last_id = next - 1;
	next += 2;
	return 0;
}

TEST_F(batch, a_partial_send_goes_on)
{
	uint64_t first, last;
	size_t sent;
	int i;

	kernel = takes_three;
	for (i = 0; i < 10; i++)
		ASSERT_EQ(0, devmq_batch_add(self->batch, "x", 1));
	EXPECT_EQ(-ENOSPC, devmq_send_batch(&queue, self->batch, &sent, &first,
					    &last));
	/* The messages have the ids 1 2 3, 6 7 8, 11 12 13. */
	EXPECT_EQ(9, sent);
	EXPECT_EQ(1, first);
	EXPECT_EQ(13, last);
	EXPECT_EQ(1, devmq_batch_count(self->batch));
	EXPECT_EQ(-ENOSPC, devmq_send_batch(&queue, self->batch, &sent, &first,
					    &last));
	EXPECT_EQ(0, sent | first | last);
	EXPECT_EQ(1, devmq_batch_count(self->batch));
	EXPECT_EQ(-ENOSPC, devmq_send_batch(&queue, self->batch, NULL, NULL,
					    NULL));
	EXPECT_EQ(0, devmq_batch_drop_first(self->batch));
	EXPECT_EQ(0, devmq_send_batch(&queue, self->batch, &sent, &first,
				      &last));
	EXPECT_EQ(0, sent | first | last);
	EXPECT_EQ(6, kernel_calls);
}

/*
 * A fake queue that stores messages whose payload begins with 'n'; the others
 * are duplicates.
 */
static int knows_duplicates(unsigned long command, void *arg)
{
	static uint64_t next = 100;
	struct devmq_send *a = arg;
	const unsigned char *p = (void *)(uintptr_t)a->records;
	const unsigned char *end = p + a->records_size;

	a->first_id = next;
	for (; p < end; p += 80, a->count++)
		if (p[sizeof(struct devmq_record)] != 'n')
			break;
	a->last_id = next + a->count - 1;
	next += a->count;
	if (!a->count) {
		a->count = 1;
		a->result = DEVMQ_SENT_DUP;
		a->first_id = p[sizeof(struct devmq_record)];
		a->last_id = p[sizeof(struct devmq_record)];
	}
	return 0;
}

TEST_F(batch, duplicates_are_sent_past)
{
	static const char payloads[] = "1nn23nnn4";
	static const struct {
		size_t	 sent;
		uint64_t id;
		bool	 duplicate;
	} want[] = {
		{ 1, '1', true }, { 2, 105, false }, { 1, '2', true },
		{ 1, '3', true }, { 3, 107, false }, { 1, '4', true },
		{ 0, 0, false },
	};
	uint64_t first, last;
	bool duplicate;
	size_t sent, i;

	kernel = knows_duplicates;
	for (i = 0; payloads[i]; i++)
		ASSERT_EQ(0, devmq_batch_add(self->batch, payloads + i, 1));
	EXPECT_EQ(0, devmq_send_batch(&queue, self->batch, &sent, &first,
				      &last));
	EXPECT_EQ(9, sent);
	EXPECT_EQ('1', first);
	EXPECT_EQ('4', last);
	EXPECT_EQ(6, kernel_calls);
	EXPECT_EQ(0, devmq_batch_count(self->batch));

	for (i = 0; payloads[i]; i++)
		ASSERT_EQ(0, devmq_batch_add(self->batch, payloads + i, 1));
	for (i = 0; i < 7; i++) {
		EXPECT_EQ(0, devmq_send_some(&queue, self->batch, &sent,
					     &first, &duplicate));
		EXPECT_EQ(want[i].sent, sent);
		EXPECT_EQ(want[i].id, first);
		EXPECT_EQ(want[i].duplicate, duplicate);
	}
	EXPECT_EQ(12, kernel_calls);
	ASSERT_EQ(0, devmq_batch_add(self->batch, "n", 1));
	EXPECT_EQ(0, devmq_send_some(&queue, self->batch, &sent, NULL, NULL));
	EXPECT_EQ(1, sent);
	ASSERT_EQ(0, devmq_batch_add(self->batch, "5", 1));
	EXPECT_EQ(0, devmq_send_batch(&queue, self->batch, NULL, &first,
				      NULL));
	EXPECT_EQ('5', first);
}

static int takes_nothing(unsigned long command, void *arg)
{
	return 0;
}

static int takes_too_many(unsigned long command, void *arg)
{
	((struct devmq_send *)arg)->count = 5;
	return 0;
}

TEST_F(batch, a_kernel_that_miscounts_is_no_endless_loop)
{
	ASSERT_EQ(0, devmq_batch_add(self->batch, "x", 1));
	kernel = takes_nothing;
	EXPECT_EQ(-EPROTO, devmq_send_batch(&queue, self->batch, NULL, NULL,
					    NULL));
	kernel = takes_too_many;
	EXPECT_EQ(-EPROTO, devmq_send_batch(&queue, self->batch, NULL, NULL,
					    NULL));
	EXPECT_EQ(1, devmq_batch_count(self->batch));
}

static int failing;

/* A journal that does not confirm what was taken. */
static int takes_two_and_fails(unsigned long command, void *arg)
{
	struct devmq_send *a = arg;

	a->count = a->records_size > 80 ? 2 : 1;
	a->first_id = 7;
	a->last_id = 7 + a->count - 1;
	return failing;
}

TEST_F(batch, what_the_journal_did_not_confirm_is_not_sent_twice)
{
	uint64_t first, last, id = 0;
	size_t sent;
	int i;

	kernel = takes_two_and_fails;
	failing = -EIO;
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, devmq_batch_add(self->batch, "x", 1));
	EXPECT_EQ(-EIO, devmq_send_batch(&queue, self->batch, &sent, &first,
					 &last));
	EXPECT_EQ(2, sent);
	EXPECT_EQ(7, first);
	EXPECT_EQ(8, last);
	EXPECT_EQ(1, devmq_batch_count(self->batch));
	failing = -ENODEV;
	EXPECT_EQ(-ENODEV, devmq_send_batch(&queue, self->batch, &sent, NULL,
					    NULL));
	EXPECT_EQ(0, sent);
	EXPECT_EQ(1, devmq_batch_count(self->batch));
	EXPECT_EQ(-ENODEV, devmq_send(&queue, "x", 1, &id));
	EXPECT_EQ(0, id);
	failing = -EINTR;
	EXPECT_EQ(-EINTR, devmq_send(&queue, "x", 1, &id));
	EXPECT_EQ(7, id);
}

TEST(journal_names_are_checked)
{
	char reason[256];

	EXPECT_EQ(-EINVAL, devmq_journal_attach("a/b", 0, NULL, 0, reason,
						sizeof(reason)));
	EXPECT_EQ(0, strncmp(reason, "a/b: not a journal's name", 25));
	EXPECT_EQ(-EINVAL, devmq_journal_detach("", 0, NULL, 0));
	EXPECT_EQ(-EINVAL, devmq_journal_move("a/b", 0, 0, reason,
					      sizeof(reason)));
	EXPECT_EQ(0, strncmp(reason, "a/b: not a journal's name", 25));
	EXPECT_EQ(-EINVAL, devmq_journal_list(NULL, 0));
	EXPECT_EQ(-EBADF, devmq_sync(&queue));
}

static uint32_t sent_size;

static int checks_one(unsigned long command, void *arg)
{
	struct devmq_send *a = arg;
	const unsigned char *p = (const void *)(uintptr_t)a->records;
	uint32_t i;

	if (command != DEVMQ_IOC_SEND || a->size != sizeof(*a) ||
	    a->flags != DEVMQ_SEND_PAYLOAD || a->result)
		return -EINVAL;
	sent_size = a->records_size;
	for (i = 0; i < sent_size; i++)
		if (p[i] != 'p')
			return -EINVAL;
	a->count = 1;
	a->first_id = 42;
	a->last_id = 42;
	return 0;
}

TEST(a_single_message_of_any_size_is_sent)
{
	static char payload[100000];
	uint64_t id;
	size_t size;

	memset(payload, 'p', sizeof(payload));
	kernel = checks_one;
	for (size = 0; size < sizeof(payload); size += size < 1200 ? 1 : 4999) {
		id = 0;
		ASSERT_EQ(0, devmq_send(&queue, size ? payload : NULL, size,
					&id));
		ASSERT_EQ(size, sent_size);
		ASSERT_EQ(42, id);
	}
	EXPECT_EQ(0, devmq_send(&queue, payload, 1, NULL));
	EXPECT_EQ(-EMSGSIZE, devmq_send(&queue, payload, SIZE_MAX, NULL));
	EXPECT_EQ(-EMSGSIZE, devmq_send(&queue, payload, UINT32_MAX, NULL));
}

static uint64_t large = 200000, deadline;

/* A fake queue with one message of @large bytes. */
static int gives_large(unsigned long command, void *arg)
{
	struct devmq_recv *a = arg;
	struct devmq_record *r = (void *)(uintptr_t)a->buffer;

	if (command != DEVMQ_IOC_RECV || a->size != sizeof(*a) || a->flags)
		return -EINVAL;
	deadline = a->deadline_ns;
	if (a->buffer_size < large) {
		a->need = large;
		return -EMSGSIZE;
	}
	memset(r, 0, large);
	r->size = large;
	a->used = large;
	a->count = 1;
	return 0;
}

TEST_F(batch, a_buffer_grows_to_what_is_needed)
{
	size_t size;

	kernel = gives_large;
	ASSERT_EQ(0, devmq_buffer_new(&self->buffer, 1));
	EXPECT_EQ(1, devmq_recv(&queue, self->buffer, 0, 0));
	EXPECT_EQ(2, kernel_calls);
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	devmq_msg_payload(self->msg, &size);
	EXPECT_EQ(200000 - 72, size);
	EXPECT_EQ(1, devmq_recv(&queue, self->buffer, 0, 0));
	EXPECT_EQ(3, kernel_calls);
	/* After an error the buffer is empty. */
	large = UINT64_MAX - 1;
	EXPECT_EQ(-ENOMEM, devmq_recv(&queue, self->buffer, 0, 0));
	EXPECT_EQ(0, devmq_buffer_count(self->buffer));
	EXPECT_EQ(0, devmq_buffer_next(self->buffer, &self->msg));
	large = 1ULL << 62;
	EXPECT_EQ(-ENOMEM, devmq_recv(&queue, self->buffer, 0, 0));
	large = 100;
	EXPECT_EQ(1, devmq_recv(&queue, self->buffer, 0, 0));
}

static int wants_less(unsigned long command, void *arg)
{
	((struct devmq_recv *)arg)->need = 1;
	return -EMSGSIZE;
}

static int gives_too_much(unsigned long command, void *arg)
{
	struct devmq_recv *a = arg;

	a->used = a->buffer_size + 1;
	a->count = 1;
	return 0;
}

TEST_F(batch, a_kernel_that_lies_is_not_believed)
{
	ASSERT_EQ(0, devmq_buffer_new(&self->buffer, 0));
	kernel = wants_less;
	EXPECT_EQ(-EMSGSIZE, devmq_recv(&queue, self->buffer, 0, 0));
	EXPECT_EQ(-EMSGSIZE, devmq_recv(&queue, self->buffer, 0, -1));
	kernel = gives_too_much;
	EXPECT_EQ(-EBADMSG, devmq_recv(&queue, self->buffer, 0, 0));
	EXPECT_EQ(0, devmq_buffer_next(self->buffer, &self->msg));
	EXPECT_EQ(0, devmq_buffer_count(self->buffer));
}

static uint64_t asked_for;

static int has_deferred(unsigned long command, void *arg)
{
	struct devmq_recv *a = arg;

	asked_for = a->id;
	return a->deadline_ns || a->id != 9 ? -ENOENT :
	       gives_large(command, arg);
}

TEST_F(batch, a_deferred_message_is_received_by_its_id)
{
	kernel = has_deferred;
	large = 200000;
	ASSERT_EQ(0, devmq_buffer_new(&self->buffer, 0));
	EXPECT_EQ(-ENOENT, devmq_recv_deferred(&queue, self->buffer, 8));
	EXPECT_EQ(8, asked_for);
	EXPECT_EQ(1, devmq_recv_deferred(&queue, self->buffer, 9));
	EXPECT_EQ(1, devmq_buffer_count(self->buffer));
	EXPECT_EQ(3, kernel_calls);
	EXPECT_EQ(-EINVAL, devmq_recv_deferred(&queue, self->buffer, 0));
	EXPECT_EQ(3, kernel_calls);
	EXPECT_EQ(0, devmq_buffer_count(self->buffer));
}

TEST_F(batch, timeouts_become_deadlines)
{
	struct timespec now;
	uint64_t ns;

	kernel = gives_large;
	large = 100;
	ASSERT_EQ(0, devmq_buffer_new(&self->buffer, 0));
	EXPECT_EQ(1, devmq_recv(&queue, self->buffer, 0, 0));
	EXPECT_EQ(0, deadline);
	EXPECT_EQ(1, devmq_recv(&queue, self->buffer, 0, -1));
	EXPECT_EQ(DEVMQ_FOREVER, deadline);
	EXPECT_EQ(1, devmq_recv(&queue, self->buffer, 0, INT32_MAX));
	clock_gettime(CLOCK_MONOTONIC, &now);
	ns = now.tv_sec * 1000000000ULL + now.tv_nsec;
	EXPECT_GE(ns + INT32_MAX * 1000000ULL, deadline);
	EXPECT_LT(ns + INT32_MAX * 1000000ULL - 5000000000ULL, deadline);
}

/* -- acknowledging and receiving ------------------------------------------- */

static struct devmq_recv recvs[4];
static uint64_t will_settle;
static int recv_calls, recv_error;

/*
 * A fake queue that acknowledges what a RECV names, and gives a message of @large bytes.
 * SETTLE settles as many as @will_settle says.
 */
static int acks_and_gives(unsigned long command, void *arg)
{
	struct devmq_recv *a = arg;
	int err;

	if (command == DEVMQ_IOC_SETTLE) {
		((struct devmq_settle *)arg)->settled = will_settle;
		return 0;
	}
	if (command != DEVMQ_IOC_RECV || recv_calls == 4)
		return -EINVAL;
	recvs[recv_calls++] = *a;
	err = recv_error ? recv_error : gives_large(command, arg);
	a->acked = a->ack_last_id ? a->ack_last_id - a->ack_first_id + 1 : 0;
	return err;
}

/* A buffer with messages that have these ids. */
static struct devmq_buffer *load_ids(FIXTURE_DATA(batch) *self,
				     const uint64_t *ids, size_t count)
{
	struct devmq_record *r;
	struct devmq_buffer *b;
	size_t i, at = 0;

	for (i = 0; i < count; i++)
		if (devmq_batch_add(self->batch, "x", 1))
			abort();
	b = load_batch(self->batch);
	for (i = 0; i < count; i++) {
		r = (void *)(b->data + at);
		r->id = ids[i];
		at += DEVMQ_RECORD_STEP(r->size);
	}
	recv_calls = 0;
	recv_error = 0;
	kernel = acks_and_gives;
	large = 200000;
	return b;
}

TEST_F(batch, one_range_is_acknowledged_by_the_call_that_receives)
{
	static const uint64_t ids[] = { 5, 6, 7 };
	uint64_t acked = 99;

	self->buffer = load_ids(self, ids, 3);
	EXPECT_EQ(1, devmq_ack_recv(&queue, self->buffer, 9, -1, &acked));
	EXPECT_EQ(3, acked);
	/* The buffer has to grow: what was acknowledged is not named again. */
	ASSERT_EQ(2, recv_calls);
	EXPECT_EQ(2, kernel_calls);
	EXPECT_EQ(5, recvs[0].ack_first_id);
	EXPECT_EQ(7, recvs[0].ack_last_id);
	EXPECT_EQ(0, recvs[1].ack_first_id);
	EXPECT_EQ(0, recvs[1].ack_last_id);
	EXPECT_EQ(9, recvs[1].max_count);
	EXPECT_EQ(DEVMQ_FOREVER, recvs[1].deadline_ns);
	EXPECT_EQ(1, devmq_buffer_count(self->buffer));
}

TEST_F(batch, nothing_is_acknowledged_for_an_empty_buffer)
{
	uint64_t acked = 99;

	self->buffer = load_ids(self, NULL, 0);
	EXPECT_EQ(1, devmq_ack_recv(&queue, self->buffer, 0, 0, &acked));
	EXPECT_EQ(0, acked);
	EXPECT_EQ(0, recvs[0].ack_first_id);
	EXPECT_EQ(0, recvs[0].ack_last_id);
	EXPECT_EQ(0, recvs[0].deadline_ns);
}

TEST_F(batch, ids_that_are_no_range_are_settled_first)
{
	static const uint64_t ids[] = { 5, 7 };
	uint64_t acked = 99;

	self->buffer = load_ids(self, ids, 2);
	will_settle = 2;
	EXPECT_EQ(1, devmq_ack_recv(&queue, self->buffer, 0, 0, &acked));
	EXPECT_EQ(2, acked);
	EXPECT_EQ(3, kernel_calls);
	EXPECT_EQ(0, recvs[0].ack_first_id);
	/* What is not held any more does not keep the next message away. */
	devmq_buffer_free(self->buffer);
	devmq_batch_clear(self->batch);
	self->buffer = load_ids(self, ids, 2);
	will_settle = 1;
	EXPECT_EQ(1, devmq_ack_recv(&queue, self->buffer, 0, 0, &acked));
	EXPECT_EQ(1, acked);
}

TEST_F(batch, what_was_acknowledged_is_told_if_nothing_is_received)
{
	static const uint64_t ids[] = { 3 };
	uint64_t acked = 99;

	self->buffer = load_ids(self, ids, 1);
	recv_error = -EAGAIN;
	EXPECT_EQ(-EAGAIN, devmq_ack_recv(&queue, self->buffer, 0, 0, &acked));
	EXPECT_EQ(1, acked);
	EXPECT_EQ(0, devmq_buffer_count(self->buffer));
	EXPECT_EQ(-EAGAIN, devmq_ack_recv(&queue, self->buffer, 0, 0, NULL));
	EXPECT_EQ(0, recvs[1].ack_last_id);
}

TEST_F(batch, malformed_buffer_acknowledges_nothing)
{
	static const uint64_t ids[] = { 3, 4 };
	uint64_t acked = 99;

	self->buffer = load_ids(self, ids, 2);
	((struct devmq_record *)self->buffer->data)->size = 1 << 20;
	EXPECT_EQ(-EBADMSG, devmq_ack_recv(&queue, self->buffer, 0, 0, &acked));
	EXPECT_EQ(0, acked);
	EXPECT_EQ(0, kernel_calls);
}

/* -- failed allocations ---------------------------------------------------- */

static int build(struct devmq_batch *batch)
{
	static char big[20000];

	return devmq_batch_add(batch, "first", 5) ?:
	       devmq_batch_set_key(batch, "key", 3) ?:
	       devmq_batch_add_header(batch, "h", big, 2000) ?:
	       devmq_batch_add(batch, big, 5000) ?:
	       devmq_batch_set_dedup_id(batch, big, 255) ?:
	       devmq_batch_add_header(batch, "h", big, sizeof(big));
}

TEST_F(batch, no_memory_leaves_it_as_it_was)
{
	int n, err = -ENOMEM;
	size_t size, count;

	for (n = 0; err; n++) {
		devmq_batch_free(self->batch);
		ASSERT_EQ(0, devmq_batch_new(&self->batch));
		allocations = n;
		err = build(self->batch);
		allocations = -1;
		EXPECT_TRUE(!err || err == -ENOMEM);
		self->buffer = load_batch(self->batch);
		count = 0;
		while (devmq_buffer_next(self->buffer, &self->msg) > 0) {
			touch(self->msg);
			count++;
		}
		EXPECT_EQ(devmq_batch_count(self->batch), count);
		devmq_buffer_free(self->buffer);
		self->buffer = NULL;
	}
	EXPECT_LE(4, n);

	kernel = gives_large;
	large = 200000;
	ASSERT_EQ(0, devmq_buffer_new(&self->buffer, 0));
	allocations = 0;
	EXPECT_EQ(-ENOMEM, devmq_recv(&queue, self->buffer, 0, 0));
	EXPECT_EQ(0, devmq_buffer_next(self->buffer, &self->msg));
	allocations = 1;
	EXPECT_EQ(1, devmq_recv(&queue, self->buffer, 0, 0));
	allocations = -1;
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	devmq_msg_payload(self->msg, &size);
	EXPECT_EQ(200000 - 72, size);
}

TEST(constructors_without_memory)
{
	struct devmq_buffer *buffer = NULL;
	struct devmq_batch *batch = NULL;
	struct devmq_queue *q = NULL;
	char **names = NULL;

	allocations = 0;
	EXPECT_EQ(-ENOMEM, devmq_batch_new(&batch));
	EXPECT_EQ(-ENOMEM, devmq_buffer_new(&buffer, 0));
	EXPECT_EQ(-ENOMEM, devmq_open(&q, "any", DEVMQ_OPEN_READ));
	EXPECT_EQ(-ENOMEM, devmq_open_fd(&q, 0));
	EXPECT_GT(0, devmq_list(&names));
	allocations = 1;
	EXPECT_EQ(-ENOMEM, devmq_buffer_new(&buffer, 0));
	allocations = -1;
	EXPECT_EQ(NULL, batch);
	EXPECT_EQ(NULL, buffer);
	EXPECT_EQ(NULL, q);
	EXPECT_EQ(NULL, names);
	EXPECT_EQ(-ENOMEM, devmq_buffer_new(&buffer, SIZE_MAX));
}

/* -- settling -------------------------------------------------------------- */

static struct devmq_settlement seen[20000];
static unsigned int seen_count, stale_call;

/* Settle all ids and record the ranges; one call finds none. */
static int settles(unsigned long command, void *arg)
{
	struct devmq_settle *a = arg;
	struct devmq_settlement *s = (void *)(uintptr_t)a->settlements;
	uint32_t i;

	if (command != DEVMQ_IOC_SETTLE || a->size != sizeof(*a) ||
	    a->flags || a->reserved || !a->count ||
	    a->count > DEVMQ_SETTLE_MAX)
		return -EINVAL;
	for (i = 0; i < a->count; i++) {
		seen[seen_count++] = s[i];
		a->settled += s[i].last_id - s[i].first_id + 1;
	}
	if (stale_call && !--stale_call) {
		a->settled = 0;
		return -ESTALE;
	}
	return 0;
}

static struct devmq_buffer *buffer_of_ids(const uint64_t *ids, size_t count)
{
	struct devmq_buffer *buffer;
	struct devmq_record *r = calloc(count, sizeof(*r));
	size_t i;

	for (i = 0; i < count; i++) {
		r[i].size = sizeof(*r);
		r[i].id = ids[i];
	}
	buffer = load(r, count * sizeof(*r), count);
	free(r);
	return buffer;
}

TEST_F(batch, only_neighbours_share_a_range)
{
	static const uint64_t ids[] = { 5, 6, 7, 9, 10, 3, 4, 12, 11 };
	static const uint64_t want[][2] = {
		{ 5, 7 }, { 9, 10 }, { 3, 4 }, { 12, 12 }, { 11, 11 },
	};
	uint64_t settled;
	unsigned int i;

	kernel = settles;
	self->buffer = buffer_of_ids(ids, 9);
	EXPECT_EQ(0, devmq_ack_buffer(&queue, self->buffer, &settled));
	EXPECT_EQ(9, settled);
	ASSERT_EQ(5, seen_count);
	for (i = 0; i < 5; i++) {
		EXPECT_EQ(want[i][0], seen[i].first_id);
		EXPECT_EQ(want[i][1], seen[i].last_id);
		EXPECT_EQ(DEVMQ_ACTION_ACK, seen[i].action);
		EXPECT_EQ(0, seen[i].delay_ns | seen[i].note | seen[i].reason);
	}
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	ASSERT_EQ(1, devmq_buffer_next(self->buffer, &self->msg));
	EXPECT_EQ(0, devmq_release_rest(&queue, self->buffer, &settled));
	EXPECT_EQ(7, settled);
	EXPECT_EQ(7, seen[5].first_id);
	EXPECT_EQ(DEVMQ_ACTION_RELEASE, seen[5].action);
	EXPECT_EQ(0, devmq_release_buffer(&queue, self->buffer, NULL));
	while (devmq_buffer_next(self->buffer, &self->msg) > 0)
		;
	seen_count = 0;
	EXPECT_EQ(0, devmq_release_rest(&queue, self->buffer, &settled));
	EXPECT_EQ(0, settled);
	EXPECT_EQ(0, seen_count);
}

TEST_F(batch, many_ranges_go_in_portions_and_past_stale_ones)
{
	static uint64_t ids[1000];
	uint64_t settled;
	int i;

	for (i = 0; i < 1000; i++)
		ids[i] = 2 * i + 1;
	kernel = settles;
	self->buffer = buffer_of_ids(ids, 1000);
	EXPECT_EQ(0, devmq_ack_buffer(&queue, self->buffer, &settled));
	EXPECT_EQ(1000, settled);
	EXPECT_EQ(1000, seen_count);
	EXPECT_EQ(4, kernel_calls);
	for (i = 0; i < 1000; i++)
		ASSERT_EQ(ids[i], seen[i].first_id);
	seen_count = 0;
	stale_call = 2;
	EXPECT_EQ(-ESTALE, devmq_ack_buffer(&queue, self->buffer, &settled));
	EXPECT_EQ(1000, seen_count);
	EXPECT_EQ(744, settled);
}

static int settles_fewer(unsigned long command, void *arg)
{
	((struct devmq_settle *)arg)->settled = 2;
	return 0;
}

TEST_F(batch, a_hole_in_a_range_is_told)
{
	static const uint64_t ids[] = { 5, 6, 7 };
	uint64_t settled;

	kernel = settles_fewer;
	self->buffer = buffer_of_ids(ids, 3);
	EXPECT_EQ(-ESTALE, devmq_ack_buffer(&queue, self->buffer, &settled));
	EXPECT_EQ(2, settled);
}

TEST_F(batch, a_malformed_buffer_settles_what_is_good)
{
	static const uint64_t ids[] = { 5, 6, 7 };
	uint64_t settled;

	kernel = settles;
	self->buffer = buffer_of_ids(ids, 3);
	((struct devmq_record *)self->buffer->data)[2].size = 1;
	EXPECT_EQ(-EBADMSG, devmq_ack_buffer(&queue, self->buffer, &settled));
	EXPECT_EQ(2, settled);
	((struct devmq_record *)self->buffer->data)[0].size = 1;
	EXPECT_EQ(-EBADMSG, devmq_ack_buffer(&queue, self->buffer, &settled));
	EXPECT_EQ(0, settled);
}

TEST(any_number_of_settlements_goes)
{
	static struct devmq_settlement s[10000];
	uint64_t settled;
	int i;

	for (i = 0; i < 10000; i++) {
		s[i].first_id = i + 1;
		s[i].last_id = i + 1;
		s[i].action = DEVMQ_ACTION_RELEASE;
	}
	kernel = settles;
	EXPECT_EQ(0, devmq_settle(&queue, s, 10000, &settled));
	EXPECT_EQ(10000, settled);
	EXPECT_EQ(3, kernel_calls);
	EXPECT_EQ(10000, seen[9999].first_id);
	EXPECT_EQ(0, devmq_settle(&queue, s, 0, &settled));
	EXPECT_EQ(0, settled);
	seen_count = 0;
	EXPECT_EQ(0, devmq_ack(&queue, 9));
	EXPECT_EQ(9, seen[0].first_id);
	EXPECT_EQ(DEVMQ_ACTION_ACK, seen[0].action);
	EXPECT_EQ(0, devmq_release(&queue, 8));
	EXPECT_EQ(DEVMQ_ACTION_RELEASE, seen[1].action);
}

static unsigned int flags_seen;

static int sees_flags(unsigned long command, void *arg)
{
	flags_seen = ((struct devmq_settle *)arg)->flags;
	return 0;
}

TEST(settling_waits_for_the_journal_if_the_queue_was_opened_so)
{
	kernel = sees_flags;
	EXPECT_EQ(0, devmq_ack(&queue, 1));
	EXPECT_EQ(0, flags_seen);
	queue.sync = true;
	EXPECT_EQ(0, devmq_ack(&queue, 1));
	EXPECT_EQ(DEVMQ_SETTLE_SYNC, flags_seen);
	queue.sync = false;
}

TEST_F(batch, every_action_has_what_belongs_to_it)
{
	static const uint64_t ids[] = { 5, 6, 7, 9 };
	static const char note[DEVMQ_NOTE_MAX + 1] = "why";
	struct devmq_settlement how = {
		.first_id = 77, .last_id = 3, .action = DEVMQ_ACTION_RETRY,
		.delay_ns = 8, .settled = 9, .error = -1,
	};
	uint64_t settled;
	unsigned int i;

	kernel = settles;
	EXPECT_EQ(0, devmq_retry(&queue, 1, 99));
	EXPECT_EQ(0, devmq_reject(&queue, 2, 300, note, 3));
	EXPECT_EQ(0, devmq_reject(&queue, 2, 0, NULL, 0));
	EXPECT_EQ(0, devmq_extend(&queue, 3, DEVMQ_FOREVER));
	EXPECT_EQ(0, devmq_defer(&queue, 4));
	ASSERT_EQ(5, seen_count);
	EXPECT_EQ(DEVMQ_ACTION_RETRY, seen[0].action);
	EXPECT_EQ(99, seen[0].delay_ns);
	EXPECT_EQ(1, seen[0].first_id);
	EXPECT_EQ(DEVMQ_ACTION_REJECT, seen[1].action);
	EXPECT_EQ((uintptr_t)note, seen[1].note);
	EXPECT_EQ(3, seen[1].note_size);
	EXPECT_EQ(300, seen[1].reason);
	EXPECT_EQ(0, seen[2].note | seen[2].note_size | seen[2].reason);
	EXPECT_EQ(DEVMQ_ACTION_EXTEND, seen[3].action);
	EXPECT_EQ(DEVMQ_FOREVER, seen[3].delay_ns);
	EXPECT_EQ(DEVMQ_ACTION_DEFER, seen[4].action);
	EXPECT_EQ(4, seen[4].last_id);
	for (i = 0; i < 5; i++)
		EXPECT_EQ(0, seen[i].settled | seen[i].error);

	/* A value that does not fit its member is refused, not truncated. */
	EXPECT_EQ(-EINVAL, devmq_reject(&queue, 2, 65536 + 300, NULL, 0));
	EXPECT_EQ(-EINVAL, devmq_retry_note(&queue, 2, 0, note, 65536 + 3));
	EXPECT_EQ(-EINVAL, devmq_retry_note(&queue, 2, 0, note, sizeof(note)));
	EXPECT_EQ(-EINVAL, devmq_reject(&queue, 2, 0, note, 65536 + 3));
	EXPECT_EQ(-EINVAL, devmq_reject(&queue, 2, 0, note, sizeof(note)));
	EXPECT_EQ(5, seen_count);

	self->buffer = buffer_of_ids(ids, 4);
	seen_count = 0;
	EXPECT_EQ(0, devmq_retry_buffer(&queue, self->buffer, 7, &settled));
	EXPECT_EQ(0, devmq_reject_buffer(&queue, self->buffer, 300, note, 3,
					 &settled));
	EXPECT_EQ(0, devmq_extend_buffer(&queue, self->buffer, 9, &settled));
	EXPECT_EQ(0, devmq_defer_buffer(&queue, self->buffer, &settled));
	EXPECT_EQ(0, devmq_settle_buffer(&queue, self->buffer, &how,
					 &settled));
	EXPECT_EQ(4, settled);
	ASSERT_EQ(10, seen_count);
	for (i = 0; i < 10; i++) {
		EXPECT_EQ(i % 2 ? 9 : 5, seen[i].first_id);
		EXPECT_EQ(i % 2 ? 9 : 7, seen[i].last_id);
	}
	EXPECT_EQ(7, seen[1].delay_ns);
	EXPECT_EQ((uintptr_t)note, seen[3].note);
	EXPECT_EQ(9, seen[5].delay_ns);
	EXPECT_EQ(DEVMQ_ACTION_DEFER, seen[7].action);
	EXPECT_EQ(8, seen[9].delay_ns);
	EXPECT_EQ(-EINVAL, devmq_reject_buffer(&queue, self->buffer, 70000,
					       NULL, 0, &settled));
	EXPECT_EQ(0, settled);

	seen_count = 0;
	EXPECT_EQ(0, devmq_settle_ids(&queue, ids, 4, &how, &settled));
	EXPECT_EQ(4, settled);
	ASSERT_EQ(2, seen_count);
	EXPECT_EQ(5, seen[0].first_id);
	EXPECT_EQ(7, seen[0].last_id);
	EXPECT_EQ(9, seen[1].last_id);
	EXPECT_EQ(0, devmq_settle_ids(&queue, ids, 0, &how, &settled));
	EXPECT_EQ(0, settled);
	EXPECT_EQ(77, how.first_id);
	EXPECT_EQ(9, how.settled);
}

TEST(what_is_not_set_stays)
{
	uint64_t lease = 0;

	kernel = has_a_mode;
	mode.lease_ns = 123;
	EXPECT_EQ(0, devmq_set_ack(&queue, DEVMQ_ACK_MANUAL, 7));
	EXPECT_EQ(123, mode.lease_ns);
	EXPECT_EQ(0, devmq_set_lease(&queue, 456));
	EXPECT_EQ(DEVMQ_ACK_MANUAL, mode.ack);
	EXPECT_EQ(7, mode.prefetch);
	EXPECT_EQ(0, devmq_get_lease(&queue, &lease));
	EXPECT_EQ(456, lease);
}

static struct devmq_redrive redriven;

static int redrives(unsigned long command, void *arg)
{
	struct devmq_redrive *a = arg;

	if (command != DEVMQ_IOC_REDRIVE || a->size != sizeof(*a))
		return -EINVAL;
	redriven = *a;
	a->moved = 5;
	a->stranded = 2;
	return 0;
}

TEST(redrive_names_its_target)
{
	struct devmq_queue target = {
		.fd = 17, .wake_fd = -1, .name = "target",
	};
	uint64_t moved, stranded;

	kernel = redrives;
	EXPECT_EQ(0, devmq_redrive(&queue, 3, 4, NULL, &moved, &stranded));
	EXPECT_EQ(0, redriven.flags | redriven.target_fd | redriven.reserved);
	EXPECT_EQ(3, redriven.first_id);
	EXPECT_EQ(4, redriven.last_id);
	EXPECT_EQ(5, moved);
	EXPECT_EQ(2, stranded);
	EXPECT_EQ(0, devmq_redrive(&queue, 0, 0, &target, NULL, NULL));
	EXPECT_EQ(DEVMQ_REDRIVE_TO, redriven.flags);
	EXPECT_EQ(17, redriven.target_fd);
	EXPECT_EQ(0, redriven.states);
	EXPECT_EQ(0, devmq_move(&queue, 3, 4, 0, &target, &moved, NULL));
	EXPECT_EQ(DEVMQ_REDRIVE_TO, redriven.flags);
	EXPECT_EQ(17, redriven.target_fd);
	EXPECT_EQ(DEVMQ_STATE_MASK(DEVMQ_STATE_READY), redriven.states);
	EXPECT_EQ(3, redriven.first_id);
	EXPECT_EQ(4, redriven.last_id);
	EXPECT_EQ(5, moved);
}

TEST_HARNESS_MAIN
