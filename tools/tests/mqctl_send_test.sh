#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# mqctl with the module: send and recv. It must run as root. It creates its own
# queues and removes them.

# shellcheck source=ktap.sh
. "$(dirname "$0")/ktap.sh"

# ------------------------------------------------------------------------ send

test_send()
{
	make "$Q"
	mq send "$Q" hello
	expect 0 1
	mq send "$Q" 'two words'
	expect 0 2
	mq send "$Q" -- --dashes
	expect 0 3
	mq send -- "$Q" -x
	expect 0 4
	mq send "/dev/mq/$Q" path
	expect 0 5
	mq recv -n 0 --null "$Q"
	expect 0 'hello@two words@--dashes@-x@path@'
	mq send "$P.none" x
	expect 1 '' "$P.none: no such queue"
}

test_send_empty()
{
	local why="cannot send: the message is empty, and the queue has allow_empty=0"

	make "$Q" priorities=2
	mq send "$Q" ''
	expect 1 '' "$Q: $why"
	mq send "$Q" --priority=1 --key=k ''
	expect 1 '' "$Q: $why"
	mq send "$Q" </dev/null
	expect 1 '' "$Q: $why"
	# Empty input is no message.
	mq send --line "$Q" </dev/null
	expect 0
	counters "$Q" sent=0
	mq set "$Q" allow_empty=1
	expect 0
	mq send "$Q" ''
	expect 0 1
	mq send "$Q" --priority=2 ''
	expect 1 '' "$Q: cannot send: the queue has no priority 2, as it has priorities=2"
	mq set "$Q" allow_empty=2
	expect 5 '' "$Q: cannot set allow_empty: 2 is out of bounds, which are 0..1"
	mq recv "$Q" --null
	expect 0 @
}

test_send_input()
{
	make "$Q" allow_empty=1
	printf 'a\nb\n' >"$T/in"
	mq send "$Q" <"$T/in"
	expect 0 1
	mq send "$Q" </dev/null
	expect 0 2
	head -c 300000 /dev/urandom >"$T/in"
	mq send "$Q" <"$T/in"
	expect 0 3
	mq recv --raw "$Q"
	expect 0 $'a\nb'
	mq recv --null "$Q"
	expect 0 @
	"$MQCTL" recv --raw "$Q" | cmp - "$T/in" || fail "not the same bytes"
	mq send "$Q" <&-
	expect 1 '' "$Q: cannot read standard input: *"
	counters "$Q" ready=0
}

test_send_lines()
{
	make "$Q"
	printf 'one\n\nthree\nrest' >"$T/in"
	mq send --line "$Q" <"$T/in"
	expect 0 $'1\n2\n3\n4'
	mq recv -n 0 --null "$Q"
	expect 0 $'one\n@\n@three\n@rest@'
	mq send --line "$Q" </dev/null
	expect 0
	seq 1 5000 >"$T/in"
	mq send "$Q" --line <"$T/in"
	expect 0 "$(seq 5 5004)"
	"$MQCTL" recv -n 0 "$Q" | cmp - "$T/in" || fail "not the same lines"
	counters "$Q" ready=0 sent=5004 acked=5004
}

test_send_lines_as_they_come()
{
	make "$Q"
	mkfifo "$T/fifo"
	"$MQCTL" send --line "$Q" <"$T/fifo" >"$T/ids" &
	exec 6>"$T/fifo"
	echo one >&6
	mq recv "$Q" --wait=20s
	expect 0 one
	printf 'tw' >&6
	wait_for grep -qx 1 "$T/ids"
	printf 'o\nthree\n' >&6
	mq recv "$Q" --wait=20s
	expect 0 two
	exec 6>&-
	wait $! || fail "status $?"
	expect_same $'1\n2\n3' "$(cat "$T/ids")"
	rm "$T/fifo"
}

test_send_long_line()
{
	make "$Q" max_message_size=100
	{ echo short; printf '%0200d\n' 0; echo last; } >"$T/in"
	mq send --line "$Q" <"$T/in"
	expect 1 1 "$Q: cannot send: the message has 201 bytes, and the queue takes \
100 (max_message_size)"
	counters "$Q" ready=1
}

test_send_metadata()
{
	make "$Q"
	mq send "$Q" --key=k-1 --header=type=invoice --header=Empty= \
		-H x=a=b --header=type=two hello
	expect 0 1
	mq send -k 'two words' "$Q" plain
	expect 0 2
	printf 'a\nb\n' >"$T/in"
	mq send "$Q" --line --key=all -H n=v <"$T/in"
	expect 0 $'3\n4'
	mq recv -n 0 -J "$Q"
	expect 0 -
	expect_json -l /key $'k-1\ntwo words\nall\nall' \
		/headers/n $'absent\nabsent\nv\nv' \
		/headers/x $'a=b\nabsent\nabsent\nabsent' \
		/headers/Empty $'\nabsent\nabsent\nabsent' \
		/headers/type/0 $'invoice\nabsent\nabsent\nabsent' \
		/headers/type/1 $'two\nabsent\nabsent\nabsent' \
		/payload $'hello\nplain\na\n\nb'
}

test_send_what_the_queue_has_not()
{
	make "$Q"
	mq send "$Q" --priority=1 x
	expect 1 '' "$Q: cannot send: the queue has no priority 1, as it has priorities=1"
	mq send "$Q" --sync x
	expect 1 '' "$Q: cannot sync: the queue has no journal"
	counters "$Q" sent=0
	mq send "$Q" -d 0 -t 0 -p 0 x
	expect 0 1
}

test_send_priority()
{
	make "$Q" priorities=4
	send "$Q" -p 1 one
	send "$Q" zero
	send "$Q" --priority=3 three
	mq send "$Q" -p 4 four
	expect 1 '' "$Q: cannot send: the queue has no priority 4, as it has priorities=4"
	mq recv "$Q" -n 0 -J
	expect_json -l /payload $'three\none\nzero' /priority $'3\n1\n0'
}

test_send_delay()
{
	local begin now due

	make "$Q" delay_ms=1h
	begin=$(nanoseconds)
	send "$Q" --delay=0 now
	send "$Q" default
	send "$Q" --at=1 past
	send "$Q" --at=2100-01-01T00:00:00Z later
	counters "$Q" ready=2 delayed=2
	mq recv "$Q" -n 0
	expect 0 $'now\npast'
	now=$(nanoseconds)
	mq send "$Q" --delay=500ms soon
	expect 0 5
	mq recv "$Q" --wait=30s
	expect 0 soon
	[ $(($(nanoseconds) - now)) -ge 500000000 ] || fail "too early"
	mq peek "$Q" --state=delayed -J
	expect_json -l /payload $'default\nlater' /state $'delayed\ndelayed'
	due=$("$JSON_CHECK" -l /due_ns <"$T/out" | sed -n 1p)
	[ "$due" -ge $((begin + 3600000000000)) ] || fail "due $due"
	due=$("$JSON_CHECK" -l /due_ns <"$T/out" | sed -n 2p)
	expect_same 4102444800 $(((due + 500000000) / 1000000000)) due
	# a delayed message can be purged
	mq purge "$Q" --id=4
	expect 0 1
	counters "$Q" delayed=1 purged=1
}

test_send_ttl()
{
	make "$Q" ttl_ms=100
	send "$Q" short
	send "$Q" --ttl=0 "for ever"
	send "$Q" --ttl=1h long
	sleep 0.3
	mq peek "$Q" -J
	expect_json -l /payload $'for ever\nlong'
	expect_same null "$(sed -n 1p "$T/out" | "$JSON_CHECK" /expires_ns)"
	grep -Eq '"expires_ns":[1-9][0-9]{18}' "$T/out" || fail "expires_ns"
	counters "$Q" expired=1 ready=2
	mq set "$Q" on_expiry=dead
	send "$Q" short
	sleep 0.3
	mq peek "$Q" --state=dead -J
	expect_json /payload short /reason expired /state dead
}

test_send_duplicates()
{
	make "$Q" dedup_window_ms=1h max_messages=3
	mq send "$Q" --dedup-id=a one
	expect 0 1
	mq send "$Q" --dedup-id=a again
	expect 0 1
	mq send "$Q" --dedup-id=a --json again
	expect 0 '{"id":1,"duplicate":true}'
	mq send "$Q" --dedup-id=b -J two
	expect 0 '{"id":2,"duplicate":false}'
	mq send "$Q" -J three
	expect 0 '{"id":3,"duplicate":false}'
	# a duplicate needs no room
	mq send "$Q" --dedup-id=b --nonblock again
	expect 0 2
	mq recv "$Q" -n 0
	expect 0 $'one\ntwo\nthree'
	mq send "$Q" --dedup-id=b again
	expect 0 2
	printf 'x\ny\nz\n' >"$T/in"
	mq send "$Q" --line --dedup-id=c <"$T/in"
	expect 0 $'4\n4\n4'
	counters "$Q" deduplicated=6 sent=4
}

test_send_to_a_paused_queue()
{
	make "$Q" paused=send
	mq send "$Q" --nonblock x
	expect 3 '' "$Q: cannot send: the queue is paused"
	mq set "$Q" paused=receive
	send "$Q" x
	mq recv "$Q" --wait=0
	expect 3
	mq set "$Q" paused=none
	mq recv "$Q" --wait=0
	expect 0 x
}

test_send_to_a_full_queue()
{
	make "$Q" max_messages=2
	printf '1\n2\n3\n' >"$T/in"
	mq send --nonblock --line "$Q" <"$T/in"
	expect 3 $'1\n2' "$Q: cannot send: the queue is full (max_messages is 2)"
	mq send --nonblock "$Q" x
	expect 3 '' "$Q: cannot send: the queue is full (max_messages is 2)"
	mq set "$Q" overflow=reject
	mq send "$Q" x
	expect 1 '' "$Q: cannot send: the queue is full (max_messages is 2)"
	mq send "$Q" --nonblock x
	expect 1 '' "$Q: cannot send: the queue is full (max_messages is 2)"
	mq set "$Q" max_messages=9 max_bytes=4
	mq send "$Q" x
	expect 1 '' "$Q: cannot send: the queue is full (max_bytes is 4, of which \
4 are used)"
	mq set "$Q" max_messages=2 max_bytes=1M overflow=drop-head
	mq send "$Q" x
	expect 0 3
	mq recv -n 0 "$Q"
	expect 0 $'2\nx'
	counters "$Q" dropped=1
}

test_send_waits_for_room()
{
	make "$Q" max_messages=1
	send "$Q" first
	"$MQCTL" send "$Q" second >"$T/id" &
	wait_for asleep $!
	expect_same '' "$(cat "$T/id")"
	mq recv "$Q"
	expect 0 first
	wait $! || fail "status $?"
	expect_same 2 "$(cat "$T/id")"
	# ... also for each part of a batch
	seq 1 15 | "$MQCTL" send --line "$Q" >"$T/id" &
	mq recv "$Q"
	expect 0 second
	for i in $(seq 1 15); do
		mq recv "$Q" --wait=20s
		expect 0 "$i"
	done
	wait $! || fail "status $?"
	expect_same "$(seq 3 17)" "$(cat "$T/id")"
}

# Each sender prints the ids of its own messages, although others send, too.
test_send_ids_among_others()
{
	local i

	make "$Q" max_messages=7
	for i in 1 2 3; do
		seq 1 70 | sed "s/^/$i./" |
			"$MQCTL" send --line "$Q" >"$T/ids.$i" &
	done
	for ((i = 0; i < 210; )); do
		"$MQCTL" recv "$Q" -n 0 --wait=20s -J >>"$T/all" ||
			fail "recv: $? after $i"
		i=$(wc -l <"$T/all")
	done
	wait
	for i in 1 2 3; do
		expect_same "$(cat "$T/ids.$i")" "$(grep "\"payload\":\"$i\\." \
			"$T/all" | "$JSON_CHECK" -l /id)" "ids of $i"
	done
	rm "$T/all"
}

test_send_too_large()
{
	make "$Q" max_message_size=10
	mq send "$Q" 0123456789
	expect 0 1
	mq send "$Q" 0123456789a
	expect 1 '' "$Q: cannot send: the message has 11 bytes, and the queue takes \
10 (max_message_size)"
	mq set "$Q" max_bytes=30
	mq send "$Q" --key=0123456789012345678901234567890 x
	expect 1 '' "$Q: cannot send: with its key and headers the message is *\
(max_bytes is 30)"
}

# If descriptor 1 is closed, it must not become the queue's, or the id is sent.
test_send_with_closed_output()
{
	make "$Q"
	"$MQCTL" send "$Q" hello >&- 2>"$T/err" && fail "success"
	grep -q "mqctl: $Q: sent, but cannot write the id" "$T/err" ||
		fail "said $(cat "$T/err")"
	counters "$Q" sent=1
	mq recv "$Q"
	expect 0 hello
}

test_send_needs_permission()
{
	make "$Q" mode=0640 gid=1000
	as_user "$MQCTL send $Q x" 2>"$T/err" && fail "sent"
	grep -q "mqctl: $Q: cannot open: Permission denied" "$T/err" ||
		fail "said $(cat "$T/err")"
}

# ------------------------------------------------------------------------ recv

test_recv()
{
	make "$Q" allow_empty=1
	printf 'a\nb' | "$MQCTL" send "$Q" >/dev/null
	printf 'with newline\n' | "$MQCTL" send "$Q" >/dev/null
	send "$Q" ''
	send "$Q" last
	mq recv "$Q"
	expect 0 $'a\nb'
	mq recv "$Q" -n 2
	expect 0 $'with newline\n'
	expect_same 2 "$(wc -l <"$T/out")"
	mq recv "$Q" --number=5
	expect 0 last
	counters "$Q" ready=0 in_flight=0 acked=4 delivered=4 redelivered=0
	mq recv "$P.none"
	expect 1 '' "$P.none: no such queue"
}

test_recv_bytes()
{
	make "$Q"
	head -c 100000 /dev/urandom >"$T/one"
	printf 'x\0y\n' >"$T/two"
	for i in 1 2; do
		"$MQCTL" send "$Q" <"$T/one" >/dev/null
		"$MQCTL" send "$Q" <"$T/two" >/dev/null
	done
	mq recv --raw -n 2 "$Q"
	cat "$T/one" "$T/two" | cmp - "$T/out" || fail "--raw"
	mq recv --null -n 2 "$Q"
	{ cat "$T/one"; printf '\0'; cat "$T/two"; printf '\0'; } |
		cmp - "$T/out" || fail "--null"
}

test_recv_large()
{
	make "$Q" max_message_size=3M
	head -c 3145728 /dev/urandom >"$T/in"
	send "$Q" small
	"$MQCTL" send "$Q" <"$T/in" >/dev/null || fail "send"
	send "$Q" small
	mq recv -n 0 --raw "$Q"
	{ printf small; cat "$T/in"; printf small; } | cmp - "$T/out" ||
		fail "not the same"
	rm "$T/in" "$T/out"
}

test_recv_nothing()
{
	local begin

	make "$Q"
	mq recv "$Q" --wait=0
	expect 3
	mq recv "$Q" --wait=0s -J
	expect 3
	begin=$(microseconds)
	mq recv "$Q" --wait=300ms
	expect 3
	[ $(($(microseconds) - begin)) -ge 300000 ] || fail "not 300 ms"
	mq set "$Q" eof=empty
	mq recv "$Q"
	expect 3
	mq set "$Q" eof=hangup
	mq recv "$Q"
	expect 3
}

test_recv_waits()
{
	make "$Q"
	"$MQCTL" recv "$Q" >"$T/got" &
	wait_for has "$Q" consumers 1
	wait_for asleep $!
	send "$Q" hello
	wait $! || fail "status $?"
	expect_same hello "$(cat "$T/got")"
	# the wait is for the first message only
	"$MQCTL" recv "$Q" -n 3 --wait=50s >"$T/got" &
	wait_for has "$Q" consumers 1
	send "$Q" one
	wait $! || fail "status $?"
	expect_same one "$(cat "$T/got")"
}

test_recv_of_a_removed_queue()
{
	make "$Q"
	"$MQCTL" recv "$Q" --wait=2000000h 2>"$T/err" &
	wait_for has "$Q" consumers 1
	wait_for asleep $!
	"$MQCTL" rm "$Q" || fail "rm"
	wait $! && fail "success"
	expect_same "mqctl: $Q: cannot receive: the queue has been removed" \
		"$(cat "$T/err")"
}

test_recv_json()
{
	make "$Q" allow_empty=1
	send "$Q" "$(printf 'tab\t"quote" \303\244')" --key=k
	printf 'caf\351' | "$MQCTL" send "$Q" -k "$(printf '\377')" \
		-H plain=1 -H "bad=$(printf '\376')" \
		-H "bad=$(printf '\375')" >/dev/null
	printf 'a\0b' | "$MQCTL" send "$Q" >/dev/null
	printf '\355\240\200' | "$MQCTL" send "$Q" >/dev/null
	send "$Q" ''
	mq recv "$Q" -J -n 0
	expect 0 -
	expect_same 5 "$(wc -l <"$T/out")" lines
	expect_json -l /id $'1\n2\n3\n4\n5' \
		/payload_base64 $'absent\nY2Fm6Q==\nabsent\n7aCA\nabsent' \
		/priority $'0\n0\n0\n0\n0' /attempt $'1\n1\n1\n1\n1' \
		/failures $'0\n0\n0\n0\n0' /uid $'0\n0\n0\n0\n0' \
		/gid $'0\n0\n0\n0\n0' \
		/failure $'none\nnone\nnone\nnone\nnone' \
		/state $'in-flight\nin-flight\nin-flight\nin-flight\nin-flight'
	grep -Eq '"time_ns":1[0-9]{18},' "$T/out" || fail "time_ns"
	grep -Eq '"pid":[1-9][0-9]*,' "$T/out" || fail "pid"
	sed -n 1p "$T/out" >"$T/line"
	expect_same "$(printf 'tab\t"quote" \303\244')" \
		"$("$JSON_CHECK" /payload <"$T/line")"
	expect_same k "$("$JSON_CHECK" /key <"$T/line")"
	expect_same {} "$("$JSON_CHECK" /headers <"$T/line")"
	sed -n 2p "$T/out" >"$T/line"
	expect_same "absent
absent
/w==
1
/g==
/Q==" "$("$JSON_CHECK" /payload /key /key_base64 /headers/plain \
		/headers_base64/bad/0 /headers_base64/bad/1 <"$T/line")"
	sed -n 3p "$T/out" | grep -q '"payload":"a\\u0000b"' || fail "NUL"
	sed -n 3p "$T/out" | grep -q '"key":null' || fail "no key"
	sed -n 5p "$T/out" | grep -q '"payload":""' || fail "empty"
}

# A message that cannot be written stays in the queue, without a failure.
test_recv_with_broken_output()
{
	make "$Q"
	printf '1\n2\n3\n' | "$MQCTL" send --line "$Q" >/dev/null
	"$MQCTL" recv "$Q" -n 0 >/dev/full 2>"$T/err"
	expect_same 1 $? status
	expect_same "mqctl: $Q: cannot write what was received: \
No space left on device" "$(cat "$T/err")"
	counters "$Q" ready=3 in_flight=0 acked=0
	"$MQCTL" recv "$Q" >&- 2>/dev/null
	expect_same 1 $? 'status with a closed descriptor'
	mkfifo "$T/fifo"
	true <"$T/fifo" &
	exec 6>"$T/fifo"
	wait $!
	"$MQCTL" recv "$Q" -n 2 >&6 2>"$T/err"
	expect_same 1 $? 'status of a broken pipe'
	exec 6>&-
	rm "$T/fifo"
	grep -q 'Broken pipe' "$T/err" || fail "said $(cat "$T/err")"
	mq recv "$Q" -n 0 -J
	expect_json -l /payload $'1\n\n2\n\n3' /failures $'0\n0\n0' \
		/attempt $'1\n1\n1'
}

test_recv_options_of_the_queue()
{
	make "$Q" ack=manual prefetch=1
	printf '1\n2\n3\n' | "$MQCTL" send --line "$Q" >/dev/null
	mq recv "$Q" -n 0
	expect 0 $'1\n2\n3'
	counters "$Q" ready=0 in_flight=0 acked=3
}

need_module
run_tests "$@"
