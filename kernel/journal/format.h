/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The format of a journal, byte by byte. All numbers are little-endian, all
 * offsets and sizes in bytes.
 *
 *   0                     superblock
 *   MQ_J_COPY             a copy of the superblock
 *   MQ_J_SEGMENTS         segments of equal size, up to the end
 *
 * A segment begins with a header, and goes on with blocks, one behind the
 * other. A block has records. New segments are numbered from 1 on: a place in
 * the file is used again under another number, by its sequence, when nothing in
 * it is needed any more.
 *
 * There are two streams of segments. New records go to the open segment of the
 * hot stream. The cleaner, which makes room, copies what is still needed out of
 * a segment to the open one of the cold stream.
 *
 * Records say what became of an object; objects are queues and messages. Each
 * object has a serial number that no other object of the journal ever gets, and
 * each of its records a version. The highest version holds, wherever it stands;
 * an end is final. So records may be read in any order, and twice.
 */
#ifndef MQ_JOURNAL_FORMAT_H
#define MQ_JOURNAL_FORMAT_H

#include <linux/types.h>

#define MQ_J_COPY		4096
#define MQ_J_SEGMENTS		65536
#define MQ_J_VERSION		1

/* The least and the most bytes of a segment, and the most segments. */
#define MQ_J_SEGMENT_MIN	(256 << 10)
#define MQ_J_SEGMENT_MAX	(64 << 20)
#define MQ_J_COUNT_MIN		8
#define MQ_J_COUNT_MAX		8192

/* So many segments the writer keeps for itself: the others are for messages. */
#define MQ_J_COUNT_RESERVED	8

/* The least and the most bytes of a unit: headers and blocks have whole ones. */
#define MQ_J_UNIT_MIN		512
#define MQ_J_UNIT_MAX		4096

/* The most bytes of a block, unless one record needs more. */
#define MQ_J_BLOCK_MAX		65536

#define MQ_J_MAGIC		"devmq\r\nJ"
#define MQ_J_MAGIC_SEGMENT	0x53716d64	/* dmqS */
#define MQ_J_MAGIC_BLOCK	0x42716d64	/* dmqB */

/* The features without which a reader must not go on; all others are unknown. */
#define MQ_J_MOVED		1
#define MQ_J_PARTIAL		2

/**
 * struct mq_j_super - what the journal is
 * @version: MQ_J_VERSION
 * @unit: bytes of a unit
 * @uuid: which journal this is, random
 * @segment_size: bytes of a segment
 * @count: number of segments
 * @compat: features that a reader may ignore
 * @incompat: features without which a reader must not go on. MQ_J_MOVED: another
 *	journal has gone on from what this one has. MQ_J_PARTIAL: this journal was
 *	to go on from another one, and has not got all of that: it has nothing
 * @created: when it was made, in nanoseconds, CLOCK_REALTIME
 * @reserved: 0
 * @crc: CRC-32C of the bytes before it, with ~0 as the seed
 * @magic: MQ_J_MAGIC; the last bytes, so that half a superblock is none
 */
struct mq_j_super {
	__le32	version;
	__le32	unit;
	__u8	uuid[16];
	__le32	segment_size;
	__le32	count;
	__le64	compat;
	__le64	incompat;
	__le64	created;
	__u8	reserved[68];
	__le32	crc;
	__u8	magic[8];
};

enum mq_j_streams { MQ_J_HOT, MQ_J_COLD, MQ_J_STREAMS };

/**
 * struct mq_j_mark - up to where a stream is known to be on stable storage
 * @sequence: of the segment; 0: nothing of this stream
 * @offset: in the segment: where the next block begins, or would
 * @reserved: 0
 */
struct mq_j_mark {
	__le64	sequence;
	__le32	offset;
	__le32	reserved;
};

/**
 * struct mq_j_segment - the header of a segment
 * @magic: MQ_J_MAGIC_SEGMENT
 * @crc: CRC-32C of the header with 0 in this place, with the seed of the epoch
 * @size: bytes of the header with @map, in whole units
 * @stream: enum mq_j_streams
 * @uuid: the journal's
 * @epoch: random, another one each time the journal is attached; the seed of
 *	all checksums in the segment is made of it and the uuid
 * @epochs: how often the journal was attached before; orders epochs
 * @sequence: number of the segment
 * @serial: no object has this serial or a higher one in segments before
 * @position: place of the segment in the file, from 0 on
 * @count: number of places, as in the superblock
 * @marks: up to where the streams were flushed when the header was made
 * @map: for each place the sequence of the segment there that was needed when
 *	the header was made, or 0: what else stands there is of no interest
 */
struct mq_j_segment {
	__le32	magic;
	__le32	crc;
	__le32	size;
	__le32	stream;
	__u8	uuid[16];
	__le64	epoch;
	__le64	epochs;
	__le64	sequence;
	__le64	serial;
	__le32	position;
	__le32	count;
	struct mq_j_mark marks[MQ_J_STREAMS];
	__le64	map[];
};

/**
 * struct mq_j_block - the header of a block
 * @magic: MQ_J_MAGIC_BLOCK
 * @crc: CRC-32C of the block with 0 in this place, with the seed of the epoch
 * @head_crc: CRC-32C of this header with 0 in the places of both checksums, with
 *	the same seed: a payload may look like a block, but does not have this
 * @size: bytes of the block, in whole units
 * @used: bytes of this header and of the records; what follows means nothing
 * @offset: of the block in the segment
 * @sequence: of the segment
 * @flags: MQ_J_BLOCK_LAST or 0
 * @reserved: 0
 * @marks: up to where the streams were flushed when the block was made
 */
struct mq_j_block {
	__le32	magic;
	__le32	crc;
	__le32	head_crc;
	__le32	size;
	__le32	used;
	__le32	offset;
	__le64	sequence;
	__le32	flags;
	__le32	reserved;
	struct mq_j_mark marks[MQ_J_STREAMS];
};

/* The segment has no further block. */
#define MQ_J_BLOCK_LAST		1

/**
 * enum mq_j_types - what a record is
 * @MQ_J_QUEUE: a queue: what it is
 * @MQ_J_CEILING: ids and deliveries of a queue that may have been used
 * @MQ_J_MESSAGE: a message, whole; in one queue or, of a topic, in several
 * @MQ_J_STATE: what became of a message since
 * @MQ_J_END: objects that are gone
 * @MQ_J_DEDUP: a de-duplication id that outlives its message
 */
enum mq_j_types {
	MQ_J_QUEUE = 1,
	MQ_J_CEILING,
	MQ_J_MESSAGE,
	MQ_J_STATE,
	MQ_J_END,
	MQ_J_DEDUP,
};

/* Serials, sequences and ids are below this. */
#define MQ_J_NUMBER_MAX		0x8000000000000000ULL

/**
 * struct mq_j_record - what each record begins with
 * @size: bytes of the record, this included, without the padding to a multiple
 *	of 8 that follows it
 * @type: enum mq_j_types; a reader that does not know it refuses the journal
 * @reserved: 0
 */
struct mq_j_record {
	__le32	size;
	__u8	type;
	__u8	reserved[3];
};

/**
 * struct mq_j_queue - MQ_J_QUEUE
 * @r: size and type
 * @serial: of the queue
 * @version: of this record among those of the queue
 * @uid: owner of its node
 * @gid: group of its node
 * @mode: permissions of its node
 * @name_size: bytes of the name
 * @options_size: bytes of the options
 * @bindings_size: bytes of the bindings
 *
 * The name follows, and the options that differ from their defaults, as words
 * "NAME=VALUE" with spaces between them. If there are bindings, they follow from
 * the next multiple of 8 on, each a struct mq_j_binding.
 *
 * A topic is a queue with the option type=topic.
 */
struct mq_j_queue {
	struct mq_j_record r;
	__le64	serial;
	__le32	version;
	__le32	uid;
	__le32	gid;
	__le32	mode;
	__le16	name_size;
	__le16	options_size;
	__le32	bindings_size;
};

/**
 * struct mq_j_binding - a binding that leads to a queue
 * @topic: serial of the topic that it leads from; of no interest without that
 * @id: number of the binding in the topic
 * @filter_size: bytes of the filter
 * @reserved: 0
 *
 * The words of the filter follow, each ended by a zero byte, and zeros up to a
 * multiple of 8.
 */
struct mq_j_binding {
	__le64	topic;
	__le64	id;
	__le16	filter_size;
	__u8	reserved[6];
};

/**
 * struct mq_j_ceiling - MQ_J_CEILING; of several, the highest version holds
 * @r: size and type
 * @queue: serial of the queue; of no interest without that queue
 * @version: of this record among the ceilings of the queue
 * @next_id: no id from here on was told to anybody
 * @delivered: no message with an id from here on was delivered
 */
struct mq_j_ceiling {
	struct mq_j_record r;
	__le64	queue;
	__le64	version;
	__le64	next_id;
	__le64	delivered;
};

/**
 * struct mq_j_state - where a message is, and how
 * @serial: of the message in this queue
 * @queue: serial of the queue
 * @id: of the message in the queue
 * @due_ns: delayed: when that ends, CLOCK_REALTIME
 * @expires_ns: when its time to live ends, CLOCK_REALTIME; 0: never
 * @origin_id: of a dead letter: its id in the queue where it died
 * @version: of this state among those of the message
 * @attempt: how often it was handed out
 * @failures: how many of its deliveries failed
 * @forgiven: how many of these do not count
 * @state: enum devmq_state, not in flight
 * @priority: its level
 * @failure: enum devmq_failure
 * @origin_size: bytes of the name of the queue where it died
 * @reason: why it died
 * @note_size: bytes of the note
 *
 * The name of the origin and the note follow.
 */
struct mq_j_state {
	__le64	serial;
	__le64	queue;
	__le64	id;
	__le64	due_ns;
	__le64	expires_ns;
	__le64	origin_id;
	__le32	version;
	__le32	attempt;
	__le32	failures;
	__le32	forgiven;
	__u8	state;
	__u8	priority;
	__u8	failure;
	__u8	origin_size;
	__le16	reason;
	__le16	note_size;
};

/**
 * struct mq_j_state_record - MQ_J_STATE
 * @r: size and type
 * @s: the state; a record of it without its message is of no interest
 */
struct mq_j_state_record {
	struct mq_j_record r;
	struct mq_j_state s;
};

/**
 * struct mq_j_message - MQ_J_MESSAGE
 * @r: size and type
 * @time_ns: when it was sent, CLOCK_REALTIME
 * @uid: of the sender
 * @gid: of the sender
 * @pid: of the sender
 * @payload_size: bytes of the payload
 * @key_size: bytes of the key
 * @headers_size: bytes of the headers
 * @copies: in how many queues it is
 * @topic_size: of a message of a topic: 8 bytes of its id there, and those of the
 *	topic's name; else 0
 * @copies_size: bytes of all copies
 * @reserved: 0
 *
 * The copies follow: for each a struct mq_j_state with what follows it, padded
 * to a multiple of 8. Then the key, the headers, the id in the topic with the
 * topic's name, and the payload.
 */
struct mq_j_message {
	struct mq_j_record r;
	__le64	time_ns;
	__le32	uid;
	__le32	gid;
	__le32	pid;
	__le32	payload_size;
	__le16	key_size;
	__le16	headers_size;
	__le16	copies;
	__le16	topic_size;
	__le32	copies_size;
	__u8	reserved[4];
};

/*
 * In mq_j_gone.segment: segments before that one may have an older record of
 * what the queue is.
 */
#define MQ_J_OR_BEFORE		0x8000000000000000ULL

/**
 * struct mq_j_gone - a message or a queue that is gone
 * @serial: of the message in its queue, or of the queue. A queue ends after all
 *	of its messages
 * @segment: sequence of the last segment with the whole message, or with what
 *	the queue is. While that is in the map of a segment on stable storage,
 *	this record is needed. With MQ_J_OR_BEFORE, it is needed while that
 *	segment or any before it is
 */
struct mq_j_gone {
	__le64	serial;
	__le64	segment;
};

/**
 * struct mq_j_end - MQ_J_END
 * @r: size and type
 * @gone: as many as the size of the record says
 */
struct mq_j_end {
	struct mq_j_record r;
	struct mq_j_gone gone[];
};

/**
 * struct mq_j_dedup - MQ_J_DEDUP
 * @r: size and type
 * @queue: serial of the queue
 * @id: of the message that was sent with it
 * @sent_ns: when that was, CLOCK_REALTIME: the window of the queue begins
 *
 * The de-duplication id follows. Without one, the id of that message was
 * forgotten before the end of the window.
 */
struct mq_j_dedup {
	struct mq_j_record r;
	__le64	queue;
	__le64	id;
	__le64	sent_ns;
};

#endif /* MQ_JOURNAL_FORMAT_H */
