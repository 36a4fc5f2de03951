#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# mqctl with the module: commands that select messages by their properties,
# move, call and reply. It must run as root. It creates its own queues and
# removes them.

# shellcheck source=ktap.sh
. "$(dirname "$0")/ktap.sh"

# -------------------------------------------------------------------- selection

# Send six messages with keys and headers; the first two are dead.
make_six()
{
	make "$Q"
	send "$Q" -k a -H type=x -H type=y one
	send "$Q" -k b -H type=x two
	send "$Q" -k a -H type=z three
	send "$Q" -H type=x four
	send "$Q" -k a five
	send "$Q" -k A six
	exec 5<"/dev/mq/$Q"
	mq settle --fd=5 ack
	mq set "$Q" ack=manual
	exec 5<"/dev/mq/$Q"
	head -c 3 <&5 >/dev/null
	head -c 3 <&5 >/dev/null
	"$MQCTL" settle --fd=5 --reason=300 1 reject || fail "reject"
	"$MQCTL" settle --fd=5 2 reject || fail "reject"
	exec 5<&-
}

test_peek_selects()
{
	make_six
	mq peek "$Q" --key=a
	expect 0 $'one\nthree\nfive'
	mq peek "$Q" --header=type
	expect 0 $'one\ntwo\nthree\nfour'
	mq peek "$Q" --header=type=x --header=type=y
	expect 0 one
	mq peek "$Q" --header=type=x --key=b
	expect 0 two
	mq peek "$Q" --key=a -n 2
	expect 0 $'one\nthree'
	mq peek "$Q" --reason=rejected
	expect 0 two
	mq peek "$Q" --reason=300
	expect 0 one
	mq peek "$Q" --id=2-4 --header=type=x
	expect 0 $'two\nfour'
	mq peek "$Q" --key=none
	expect 3
	mq peek "$Q" --older-than=1h
	expect 3
	mq peek "$Q" --older-than=1ms --key=A
	expect 0 six
}

test_purge_selects()
{
	make_six
	mq purge "$Q" --key=a --state=ready
	expect 0 2
	mq purge "$Q" --reason=rejected
	expect 0 1
	mq purge "$Q" --older-than=1h --header=type
	expect 0 0
	mq purge "$Q" --header=type=x --id=2-9
	expect 0 1
	mq peek "$Q"
	expect 0 $'one\nsix'
	counters "$Q" purged=4 dead=1 ready=1
}

# A purge by runs of ids leaves messages between the runs, and new messages.
test_purge_selects_many()
{
	local i

	make "$Q"
	for i in $(seq 1 60); do
		echo "$i"
	done | "$MQCTL" send "$Q" --line --key=even >/dev/null
	send "$Q" -k odd x
	seq 1 40 | "$MQCTL" send "$Q" --line --key=even >/dev/null
	mq purge "$Q" --key=even
	expect 0 100
	counters "$Q" ready=1
}

test_redrive_selects()
{
	make_six
	mq redrive "$Q" --reason=300
	expect 0 1
	counters "$Q" dead=1 ready=5
	mq redrive "$Q" --key=a
	expect 0 0
	mq redrive "$Q" --older-than=1h
	expect 0 0
	make "$P.to"
	mq redrive "$Q" "$P.to" --key=b --header=type
	expect 0 1
	counters "$P.to" ready=1
}

test_peek_follow()
{
	make "$Q"
	send "$Q" one
	"$MQCTL" peek "$Q" -f --key=k -n 2 >"$T/seen" &
	send "$Q" -k k two
	wait_for grep -qx two "$T/seen"
	send "$Q" three
	send "$Q" -k k four
	wait $!
	expect_same 0 $? status
	expect_same $'two\nfour' "$(cat "$T/seen")"
	counters "$Q" ready=4 consumers=0
	"$MQCTL" peek "$Q" --follow >"$T/seen" 2>"$T/err" &
	wait_for grep -qx four "$T/seen"
	mq rm -f "$Q"
	wait $!
	expect_same 1 $? status
	grep -q 'the queue has been removed' "$T/err" || fail "$(cat "$T/err")"
}

# ------------------------------------------------------------------------ move

test_move()
{
	make_six
	make "$P.to" max_messages=3
	mq move "$Q" "$P.to" -n 1
	expect 0 1
	mq move "$Q" "$P.to" --key=a --header=type
	expect 0 0
	mq move "$Q" "$P.to" --key=a --state=ready,dead
	expect 0 2
	mq peek "$P.to"
	expect 0 $'three\none\nfive'
	mq move "$Q" "$P.to"
	expect 1 '' "$P.to: cannot move more there: the queue is full (max_messages \
is 3)"
	counters "$Q" ready=2 dead=1
	mq set "$P.to" max_messages=4
	mq move "$Q" "$P.to"
	expect 1 1 "$P.to: cannot move more there: the queue is full *"
	mq set "$P.to" max_messages=9 max_message_size=2
	mq move "$Q" "$P.to"
	expect 1 0 "$Q: 1 not moved: larger than $P.to takes *"
	mq set "$P.to" paused=send max_message_size=1M
	mq move "$Q" "$P.to"
	expect 1 '' "$P.to: cannot move more there: the queue is paused"
	mq move "$Q" "$P.none"
	expect 1 '' "$P.none: no such queue"
	mq move "$P.none" "$Q"
	expect 1 '' "$P.none: no such queue"
	counters "$Q" ready=1 dead=1
}

test_move_needs_permission()
{
	make "$Q" mode=0666
	make "$P.to" mode=0600
	send "$Q" x
	as_user "$MQCTL move $Q $P.to" 2>"$T/err" && fail "moved"
	grep -q "$P.to: cannot open: Permission denied" "$T/err" ||
		fail "$(cat "$T/err")"
	counters "$Q" ready=1
	chmod 0622 "/dev/mq/$P.to"
	expect_same 1 "$(as_user "$MQCTL move $Q $P.to")"
}

# Move a thousand messages to and fro with a mqctl that is killed repeatedly.
test_move_killed_again_and_again()
{
	local i

	make "$Q"; make "$P.to"
	seq 1 1000 | "$MQCTL" send "$Q" --line >/dev/null
	for i in $(seq 1 40); do
		if ((i % 2)); then
			"$MQCTL" move "$Q" "$P.to" --older-than=1ms >/dev/null &
		else
			"$MQCTL" move "$P.to" "$Q" >/dev/null &
		fi
		sleep "0.00$((RANDOM % 9 + 1))"
		kill -KILL $! 2>/dev/null
		wait $! 2>/dev/null
	done
	{ "$MQCTL" recv "$Q" -n 0 --wait=0; "$MQCTL" recv "$P.to" -n 0 --wait=0; } |
		sort -n >"$T/all"
	seq 1 1000 | cmp - "$T/all" || fail "not each once"
}

# ---------------------------------------------------------------- call and reply

test_call_and_reply()
{
	make "$Q"; make "$P.r"
	"$MQCTL" consume "$Q" -n 2 -- \
		sh -c "tr a-z A-Z | $MQCTL reply --prefix=$P. --header=x=y" &
	mq call "$Q" --replies="$P.r" hello
	expect 0 HELLO
	printf 'from stdin\n' >"$T/in"
	mq call "$Q" --replies="$P.r" -J --header=correlation-id=abc <"$T/in"
	expect_json /payload 'FROM STDIN' /headers/x y \
		/headers/correlation-id abc
	wait $! || fail "consume"
	counters "$Q" acked=2
	counters "$P.r" acked=2 ready=0
	mq call "$Q" --replies="$P.r" --timeout=50ms hello
	expect 3
	until [ "$(cat "/sys/class/mq/$Q/expired")" = 1 ]; do sleep 0.01; done
	counters "$Q" ready=0
	mq call "$P.none" --replies="$P.r" x
	expect 1 '' "$P.none: no such queue"
	mq call "$Q" --replies="$P.none" x
	expect 1 '' "$P.none: no such queue"
	mq reply --to="$P.none" x
	expect 1 '' "$P.none: no such queue"
}

test_reply_is_for_its_caller()
{
	make "$P.r"
	mq reply --to="$P.r" --correlation-id=mine one
	expect 0
	DEVMQ_HEADER_REPLY_TO=$P.r DEVMQ_HEADER_CORRELATION_ID=other mq reply two
	expect 0
	mq peek "$P.r" --header=correlation-id=mine
	expect 0 one
	mq peek "$P.r" --header=correlation-id=other
	expect 0 two
	DEVMQ_HEADER_REPLY_TO=$P.r mq reply --prefix=other. x
	expect 1 '' "$P.r: cannot reply: its name does not begin with 'other.'"
}

need_module
run_tests "$@"
