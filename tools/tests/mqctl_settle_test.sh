#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# mqctl with the module: peek, purge, redrive, release, reject and settle. It
# must run as root. It creates its own queues and removes them.

# shellcheck source=ktap.sh
. "$(dirname "$0")/ktap.sh"

# ----------------------------------------------------------------- peek, purge

test_peek()
{
	make "$Q"
	mq peek "$Q"
	expect 3
	printf 'a\nb\nc\n' | "$MQCTL" send --line "$Q" >/dev/null
	mq peek "$Q"
	expect 0 $'a\nb\nc'
	mq peek "$Q" -n 2 --null
	expect 0 $'a\n@b\n@'
	mq peek "$Q" --number=1 --raw
	expect 0 a
	mq peek "$Q" --state=ready -n 1
	expect 0 a
	mq peek "$Q" --state=in-flight
	expect 3
	mq peek "$Q" --state=in-flight,ready -n 1
	expect 0 a
	mq peek "$Q" --state=delayed,deferred,dead
	expect 3
	counters "$Q" ready=3 delivered=0 consumers=0
	mq peek "$P.none"
	expect 1 '' "$P.none: no such queue"
}

test_peek_many()
{
	make "$Q"
	seq 1 20000 >"$T/in"
	"$MQCTL" send --line "$Q" <"$T/in" >/dev/null || fail "send"
	"$MQCTL" peek "$Q" | cmp - "$T/in" || fail "not the same"
	counters "$Q" ready=20000
}

test_peek_in_flight()
{
	local pid

	make "$Q" ack=manual
	send "$Q" one
	send "$Q" two
	exec 5<"/dev/mq/$Q"
	head -c 3 <&5 >"$T/got" &
	pid=$!
	wait $pid
	expect_same one "$(cat "$T/got")"
	# the holder is the process that received, though this one has the file
	# open
	mq peek "$Q" --state=in-flight -J
	expect 0 -
	expect_json /id 1 /payload one /state in-flight /attempt 1 \
		/holder_pid "$pid"
	grep -Eq '"since_ns":1[0-9]{18}' "$T/out" || fail "since_ns"
	mq peek "$Q" --state=ready -J
	expect_json /id 2 /payload two /state ready /attempt 0 \
		/holder_pid absent
	mq peek "$Q"
	expect 0 $'one\ntwo'
	mq peek "$Q" --state=in-flight,ready
	expect 0 $'one\ntwo'
	exec 5<&-
	counters "$Q" ready=2 in_flight=0
}

test_peek_with_permission_to_read()
{
	make "$Q" mode=0644
	send "$Q" hello
	expect_same hello "$(as_user "$MQCTL peek $Q")"
	as_user "$MQCTL peek $P.none" 2>/dev/null && fail "success"
	counters "$Q" ready=1 consumers=0 delivered=0
}

# Make a queue with one message in each state; descriptor 5 holds message 2.
make_states()
{
	local i

	make "$Q" ack=manual lease_ms=1h
	exec 5<"/dev/mq/$Q"
	for i in 1 2 3 4; do send "$Q" "m$i"; done
	for i in 1 2 3; do head -c 2 <&5 >/dev/null; done
	"$MQCTL" settle --fd=5 1 defer || fail "defer"
	"$MQCTL" settle --fd=5 3 reject --reason=300 \
		--note=$'no "good"\n' || fail "reject"
	send "$Q" --delay=1h -k the-key m5
	counters "$Q" ready=1 in_flight=1 delayed=1 deferred=1 dead=1
}

test_peek_states()
{
	make_states
	mq peek "$Q" -J
	expect_json -l /id $'1\n2\n3\n4\n5' \
		/state $'deferred\nin-flight\ndead\nready\ndelayed'
	mq peek "$Q" --state=deferred
	expect 0 m1
	mq peek "$Q" --state=dead,delayed
	expect 0 $'m3\nm5'
	mq peek "$Q" --state=dead -J
	expect_json /reason 300 /note 'no "good"' /failures 0 \
		/origin null /attempt 1
	mq peek "$Q" --state=in-flight -J
	grep -Eq '"due_ns":[1-9][0-9]{18}' "$T/out" || fail "no due_ns"
	mq peek "$Q" --long
	expect 0 -
	grep -Eqx '1 deferred sent=2[-0-9]*T[0-9:.]*Z uid=0 attempt=1 size=2' \
		"$T/out" || fail "deferred: $(cat "$T/out")"
	grep -Eqx "2 in-flight .* attempt=1 holder=[1-9][0-9]* since=.*Z due=.*Z \
size=2" "$T/out" || fail "in flight: $(cat "$T/out")"
	grep -Fq ' attempt=1 reason=300 note="no \"good\"\x0a" size=2' \
		"$T/out" || fail "dead: $(cat "$T/out")"
	grep -Eq '^5 delayed .* attempt=0 key="the-key" due=2.*Z size=2$' \
		"$T/out" || fail "delayed: $(cat "$T/out")"
	expect_same 10 "$(wc -l <"$T/out")" lines
	exec 5<&-
}

test_peek_dead_letters()
{
	make "$P.dead" priorities=2
	make "$Q" max_deliveries=1 dead_letter="$P.dead"
	send "$Q" hello
	mq consume "$Q" -n 1 -- false
	mq peek "$P.dead" -J
	expect_json /payload hello /state ready /reason failures \
		/origin "$Q" /origin_id 1 /failures 1 /failure retry \
		/note 'exit status 1' /due_ns null
	mq peek "$P.dead" -l
	grep -q "reason=failures note=\"exit status 1\" origin=$Q/1 " "$T/out" ||
		fail "no note, or no origin: $(cat "$T/out")"
	mq recv "$P.dead" -J
	expect_json /reason failures /origin "$Q" /origin_id 1
}

test_purge_states()
{
	make_states
	mq purge "$Q" --state=deferred,dead
	expect 0 2
	counters "$Q" ready=1 in_flight=1 delayed=1 deferred=0 dead=0
	mq purge "$Q"
	expect 0 2
	counters "$Q" ready=0 in_flight=1 delayed=0 purged=4
	exec 5<&-
}

test_recv_deferred()
{
	make_states
	mq recv "$Q" --id=4
	expect 3
	mq recv "$Q" --id=1 -J
	expect_json /id 1 /payload m1 /attempt 2
	counters "$Q" deferred=0 acked=1
	mq recv "$Q" --id=1
	expect 3
	mq recv "$Q" --wait=0
	expect 0 m4
	exec 5<&-
}

# ---------------------------------------------------------------------- redrive

test_redrive()
{
	make "$P.dead"
	make "$P.b" max_deliveries=1 dead_letter="$P.dead"
	make "$Q" max_deliveries=1
	seq 1 4 | "$MQCTL" send --line "$Q" >/dev/null
	mq consume "$Q" --until-empty -- false
	counters "$Q" dead=4
	mq redrive "$Q" --id=2-3
	expect 0 2
	counters "$Q" dead=2 ready=2
	mq redrive "$Q"
	expect 0 2
	mq recv "$Q" -n 0 -J
	expect_json -l /id $'1\n2\n3\n4' /failures $'0\n0\n0\n0'
	mq redrive "$Q"
	expect 0 0
	# redrive from a dead-letter queue, to the origin and to another queue
	seq 1 3 | "$MQCTL" send --line "$P.b" >/dev/null
	mq consume "$P.b" --until-empty -- false
	counters "$P.dead" ready=3
	mq redrive "$P.dead" --id=1
	expect 0 1
	counters "$P.b" ready=1
	mq redrive "$P.dead" "$Q" --id=2
	expect 0 1
	mq recv "$Q" -J
	expect_json /payload 2 /id 5 /failures 0 /origin null
	mq rm -f "$P.b"
	expect 0
	mq redrive "$P.dead"
	expect 1 0 "$P.dead: 1 not moved: the queue that they came from is gone, or you may not write to it"
	counters "$P.dead" ready=1 purged=2
	mq redrive "$P.none"
	expect 1 '' "$P.none: no such queue"
	mq redrive "$P.dead" "$P.none"
	expect 1 '' "$P.none: no such queue"
}

# ------------------------------------------------------------------------ purge

test_purge()
{
	make "$Q"
	mq purge "$Q"
	expect 0 0
	seq 1 10 | "$MQCTL" send --line "$Q" >/dev/null
	mq purge "$Q" --id=3
	expect 0 1
	mq purge "$Q" --id=3
	expect 0 0
	mq purge --id=2-5 "$Q"
	expect 0 3
	mq peek "$Q"
	expect 0 $'1\n6\n7\n8\n9\n10'
	mq purge "$Q" --state=delayed,deferred,dead
	expect 0 0
	mq purge "$Q" --older-than=1h
	expect 0 0
	mq purge "$Q" --state=ready --id=1-7
	expect 0 3
	sleep 0.05
	mq purge "$Q" --older-than=10ms
	expect 0 3
	counters "$Q" ready=0 purged=10
	mq purge "$P.none"
	expect 1 '' "$P.none: no such queue"
}

test_purge_leaves_what_is_in_flight()
{
	make "$Q" ack=manual
	printf '1\n2\n3\n' | "$MQCTL" send --line "$Q" >/dev/null
	exec 5<"/dev/mq/$Q"
	head -c 2 <&5 >/dev/null
	mq purge "$Q"
	expect 0 2
	exec 5<&-
	mq recv "$Q" --wait=0
	expect 0 1
}

test_purge_of_what_is_in_flight()
{
	make_states
	mq purge "$Q" --state=in-flight
	expect 0 1
	counters "$Q" in_flight=0 purged=1 ready=1 delayed=1 deferred=1 dead=1
	mq settle --fd=5 2 ack
	expect 1 '' "$Q: cannot ack 2: no such delivery is held"
	head -c 2 <&5 >/dev/null
	mq purge "$Q" --state=in-flight,dead
	expect 0 2
	counters "$Q" in_flight=0 purged=3 delayed=1 deferred=1 dead=0
}

# -------------------------------------------------------------- release, reject

test_release_of_what_another_holds()
{
	make "$Q" ack=manual
	printf '1\n2\n3\n4\n' | "$MQCTL" send --line "$Q" >/dev/null
	exec 5<"/dev/mq/$Q"
	for i in 1 2 3 4; do read -r <&5; done
	counters "$Q" in_flight=4
	mq release "$Q" --id=2-3
	expect 0 2
	counters "$Q" in_flight=2 ready=2
	mq recv "$Q" --wait=0
	expect 0 2
	mq settle --fd=5 3 ack
	expect 1 '' "$Q: cannot ack 3: no such delivery is held"
	mq release "$Q" --holder=1
	expect 0 0
	mq release "$Q" --holder="$BASHPID"
	expect 0 2
	counters "$Q" in_flight=0 ready=3
	mq release "$P.none" --id=1
	expect 1 '' "$P.none: no such queue"
}

test_release_by_key_and_in_a_while()
{
	make "$Q" ack=manual retry_ms=0
	send "$Q" -k a m1
	send "$Q" -k b m2
	send "$Q" -k a m3
	exec 5<"/dev/mq/$Q"
	for i in 1 2 3; do head -c 2 <&5 >/dev/null; done
	mq release "$Q" --key=a --in=1h
	expect 0 2
	counters "$Q" in_flight=3
	mq release "$Q" --key=a
	expect 0 2
	counters "$Q" in_flight=1 ready=2
	mq settle --fd=5 2 ack
	expect 0
}

# A delivery is as old as it has been held, however long ago the message was sent: so it
# is with a clock that has been set forward since.
test_release_of_what_is_held_for_long()
{
	local now

	make "$Q" ack=manual retry_ms=0
	send "$Q" held
	send "$Q" ready
	exec 5<"/dev/mq/$Q"
	head -c 4 <&5 >/dev/null
	now=$(date +%s)
	trap 'date -s "@$(($(date +%s) - 86400))" >/dev/null' EXIT
	date -s "@$((now + 86400))" >/dev/null || fail "date"
	mq release "$Q" --older-than=1h
	expect 0 0
	mq purge "$Q" --state=in-flight --older-than=1h
	expect 0 0
	mq peek "$Q" --state=in-flight,ready --older-than=1h
	expect 0 ready
	counters "$Q" in_flight=1 ready=1
	mq release "$Q" --older-than=1ms
	expect 0 1
}

test_reject_of_what_another_holds()
{
	make "$Q" ack=manual
	send "$Q" m1
	send "$Q" m2
	exec 5<"/dev/mq/$Q"
	for i in 1 2; do head -c 2 <&5 >/dev/null; done
	mq reject "$Q" --id=2 --give-reason=300 --note='the worker hangs'
	expect 0 1
	mq peek "$Q" --state=dead -J
	expect_json /id 2 /reason 300 /note 'the worker hangs'
	mq reject "$Q" --id=1
	expect 0 1
	counters "$Q" dead=2 in_flight=0
}

# ---------------------------------------------------------------------- settle

test_settle()
{
	local line

	make "$Q" ack=manual
	seq 1 6 | "$MQCTL" send --line "$Q" >/dev/null
	exec 5<"/dev/mq/$Q"
	mq settle --fd=5 ack
	expect 3 '' "$Q: cannot ack: nothing was received with this descriptor"
	read -r line <&5
	expect_same 1 "$line"
	mq settle --fd=5 ack
	expect 0
	counters "$Q" acked=1 in_flight=0
	mq settle --fd=5 ack
	expect 1 '' "$Q: cannot ack 1: no such delivery is held"
	read -r line <&5
	expect_same 2 "$line"
	mq settle --fd=5 release
	expect 0
	counters "$Q" ready=5 in_flight=0
	for _ in 2 3 4 5 6; do read -r line <&5; done
	expect_same 6 "$line"
	mq settle --fd=5 2-3 5 ack
	expect 0
	counters "$Q" acked=4 in_flight=2
	mq settle 1-9 release --fd=5
	expect 0
	counters "$Q" acked=4 in_flight=0 ready=2
	mq settle --fd=5 4 6 release
	expect 1 '' "$Q: cannot release 4: no such delivery is held"
	mq settle --fd=5 100-200 ack
	expect 1 '' "$Q: cannot ack 100-200: no such delivery is held"
	exec 5<&-
	mq recv "$Q" -n 0 -J
	expect_json -l /id $'4\n6' /attempt $'1\n1' /failures $'0\n0'
}

test_settle_retry_and_extend()
{
	local due

	make "$Q" ack=manual retry_ms=1h lease_ms=1h
	printf 'a\nb\nc\nd\n' | "$MQCTL" send --line "$Q" >/dev/null
	exec 5<"/dev/mq/$Q"
	for _ in 1 2 3 4; do head -c 2 <&5 >/dev/null; done
	mq settle --fd=5 --delay=0 1 retry
	expect 0
	counters "$Q" ready=1 delayed=0
	mq settle --fd=5 2 retry
	expect 0
	counters "$Q" ready=1 delayed=1
	mq settle --fd=5 --delay=300ms 4 retry
	expect 0
	counters "$Q" delayed=2
	wait_for has "$Q" ready 2
	mq settle --fd=5 3 extend --lease=0
	expect 0
	mq peek "$Q" --state=in-flight -J
	expect_json /id 3 /due_ns null
	mq settle --fd=5 --lease=5h 3 extend
	expect 0
	mq peek "$Q" --state=in-flight -J
	due=$("$JSON_CHECK" /due_ns <"$T/out")
	[ "$due" -gt $(($(nanoseconds) + 15000000000000)) ] || fail "due $due"
	mq settle --fd=5 3 extend --lease=100ms
	expect 0
	wait_for has "$Q" in_flight 0
	mq settle --fd=5 3 ack
	expect 1 '' "$Q: cannot ack 3: no such delivery is held"
	mq peek "$Q" --state=ready -J
	expect_json -l /id $'1\n3\n4' /failure $'retry\nlease\nretry'
	exec 5<&-
}

test_settle_goes_on_after_an_error()
{
	make "$Q" ack=manual
	printf '1\n2\n' | "$MQCTL" send --line "$Q" >/dev/null
	exec 5<"/dev/mq/$Q"
	head -c 2 <&5 >/dev/null
	head -c 2 <&5 >/dev/null
	mq settle --fd=5 1 7 2 ack
	expect 1 '' "$Q: cannot ack 7: no such delivery is held"
	counters "$Q" acked=2 in_flight=0
	exec 5<&-
}

test_settle_needs_a_reader()
{
	make "$Q" ack=manual
	exec 5>"/dev/mq/$Q"
	mq settle --fd=5 1 ack
	expect 1 '' "$Q: cannot ack*: the descriptor is not open, or not open for this"
	exec 5>&-
}

# Without an id, mqctl does not guess which message to settle.
test_settle_without_id_where_several_are_held()
{
	local i line

	make "$Q" ack=manual framing=line
	seq 1 12 >"/dev/mq/$Q"
	exec 5<"/dev/mq/$Q"
	read -r line <&5
	read -r line <&5
	for line in ack release retry reject extend defer; do
		mq settle --fd=5 $line
		expect 1 '' "$Q: cannot $line without an id: 2 deliveries are held: 1 2"
	done
	for ((i = 3; i <= 12; i++)); do read -r line <&5; done
	mq settle --fd=5 ack
	expect 1 '' "$Q: cannot ack without an id: 12 deliveries are held: 1 2 3 4 5 6 7 8 ..."
	counters "$Q" in_flight=12 acked=0
	mq settle --fd=5 1-11 ack
	expect 0
	mq settle --fd=5 ack
	expect 0
	counters "$Q" in_flight=0 acked=12
	exec 5<&-
}

# The only message that is held is not the last one that was received.
test_settle_without_id_means_the_last()
{
	local line

	make "$Q" ack=manual framing=line
	seq 1 2 >"/dev/mq/$Q"
	exec 5<"/dev/mq/$Q"
	read -r line <&5
	read -r line <&5
	mq settle --fd=5 2 ack
	expect 0
	mq settle --fd=5 ack
	expect 1 '' "$Q: cannot ack 2: no such delivery is held"
	counters "$Q" in_flight=1 acked=1
	exec 5<&-
}

test_settle_without_id_where_the_last_is_half_read()
{
	local line

	make "$Q" ack=manual framing=line
	printf 'one\ntwo' | "$MQCTL" send "$Q" >/dev/null
	exec 5<"/dev/mq/$Q"
	read -r line <&5
	expect_same one "$line"
	mq settle --fd=5 ack
	expect 1 '' "$Q: cannot ack without an id: 1 is only half read"
	counters "$Q" in_flight=1 acked=0
	read -r line <&5
	expect_same two "$line"
	mq settle --fd=5 ack
	expect 0
	counters "$Q" in_flight=0 acked=1
	# With its id, the message is settled.
	printf 'one\ntwo' | "$MQCTL" send "$Q" >/dev/null
	read -r line <&5
	mq settle --fd=5 2 ack
	expect 0
	counters "$Q" in_flight=0 acked=2
	exec 5<&-
}

# framing=line adds the newline, without which bash would read messages as one.
test_settle_in_a_loop_of_messages_without_a_newline()
{
	local line lines=

	make "$Q" ack=manual framing=line eof=empty
	send "$Q" hello
	send "$Q" world
	printf 'last\n' >"/dev/mq/$Q"
	exec 5<"/dev/mq/$Q"
	while IFS= read -r line <&5; do
		lines+=$line,
		mq settle --fd=5 ack
		expect 0
	done
	exec 5<&-
	expect_same hello,world,last, "$lines"
	counters "$Q" acked=3 ready=0 redelivered=0
}

need_module
run_tests "$@"
