#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# mqctl consume with the module: leases that are extended, and that end. It must
# run as root. It creates its own queues and removes them.

# shellcheck source=ktap.sh
. "$(dirname "$0")/ktap.sh"

# Set $due to the end of the lease of the only delivery, in nanoseconds since
# 1970.
lease_due()
{
	mq peek "$Q" --state=in-flight -J
	due=$("$JSON_CHECK" /due_ns <"$T/out")
}

due_is_after() { lease_due; [ "$due" -gt "$1" ]; }

# Print a command that writes $DEVMQ_CONSUME to $T/variable, and waits for
# $T/go.
waiter()
{
	echo "echo \$DEVMQ_CONSUME >$T/variable.new
		mv $T/variable.new $T/variable
		until [ -e $T/go ]; do sleep 0.02; done"
}

test_consume_extend()
{
	local due first

	make "$Q"
	send "$Q" hello
	"$MQCTL" consume "$Q" -n 1 --lease=1h -- sh -c "$(waiter)" &
	wait_for [ -e "$T/variable" ]
	lease_due
	first=$due
	export DEVMQ_CONSUME
	DEVMQ_CONSUME=$(cat "$T/variable")
	mq extend 2h
	expect 0
	lease_due
	[ "$due" -gt $((first + 3000 * 1000000000)) ] || fail "$first to $due"
	mq extend 0
	expect 0
	lease_due
	expect_same null "$due"
	mq extend
	expect 0
	lease_due
	[ "$due" -gt "$first" ] || fail "$first to $due"
	: >"$T/go"
	wait $! || fail "status $?"
	counters "$Q" acked=1 redelivered=0
	# without a lease, extend does nothing and succeeds
	send "$Q" hello
	mq consume "$Q" -n 1 -- "$MQCTL" extend
	expect 0
}

# The command is not killed at the end of the lease that it extended.
test_consume_extend_lets_the_command_go_on()
{
	make "$Q"
	send "$Q" hello
	"$MQCTL" consume "$Q" -n 1 --lease=10s -- sh -c "$(waiter)" &
	wait_for [ -e "$T/variable" ]
	DEVMQ_CONSUME=$(cat "$T/variable") mq extend 1h
	expect 0
	sleep 12
	: >"$T/go"
	wait $! || fail "status $?"
	counters "$Q" acked=1 redelivered=0
}

# The command finds consume by its environment, and inherits no descriptor.
test_consume_extend_needs_no_descriptor()
{
	make "$Q"
	send "$Q" hello
	mq consume "$Q" -n 1 --lease=1h -- bash -c "for fd in /proc/self/fd/*; do
		fd=\${fd##*/}; [ \$fd -le 2 ] || eval \"exec \$fd>&-\"; done
		$MQCTL extend"
	expect 0
}

test_consume_extend_in_a_batch()
{
	local now

	make "$Q"
	printf '1\n2\n3\n' | "$MQCTL" send --line "$Q" >/dev/null
	now=$(nanoseconds)
	mq consume "$Q" -n 1 --batch=3 --lease=1h -- sh -c "$MQCTL extend 3h &&
		$MQCTL peek $Q --state=in-flight -J"
	expect 0 -
	for due in $("$JSON_CHECK" -l /due_ns <"$T/out"); do
		[ "$due" -gt $((now + 7200 * 1000000000)) ] || fail "$now to $due"
	done
	counters "$Q" acked=3 redelivered=0
}

# A stopped consumer that continues after the end of the lease refuses to extend
# it.
test_consume_extend_too_late()
{
	local consumer

	make "$Q"
	send "$Q" hello
	"$MQCTL" consume "$Q" -n 1 --lease=10s -- sh -c "
		echo \$DEVMQ_CONSUME >$T/variable.new
		mv $T/variable.new $T/variable
		exec sleep 1000" 2>"$T/said" &
	consumer=$!
	wait_for [ -e "$T/variable" ]
	kill -STOP $consumer
	wait_for has "$Q" in_flight 0
	DEVMQ_CONSUME=$(cat "$T/variable") "$MQCTL" extend 2>"$T/why" &
	wait_for asleep $!
	kill -CONT $consumer
	wait $!
	expect_same 1 $? status
	# It may answer, or end its command or itself before it would
	grep -q 'cannot extend: \(the lease is over\|consume does not run\|the consume .* is not there\)' \
		"$T/why" || fail "$(cat "$T/why")"
	wait $consumer
	expect_same 6 $? status
	grep -q 'lost to its lease' "$T/said" || fail "$(cat "$T/said")"
	counters "$Q" acked=0 ready=1
}

# A process that is not the command, or whose command has ended, is refused.
test_consume_extend_by_others()
{
	local variable

	make "$Q"
	send "$Q" hello
	"$MQCTL" consume "$Q" --lease=1h -- sh -c "
		echo \$DEVMQ_CONSUME >$T/variable.new
		mv $T/variable.new $T/variable
		until [ -e $T/go ]; do sleep 0.02; done" &
	wait_for [ -e "$T/variable" ]
	variable=$(cat "$T/variable")
	DEVMQ_CONSUME=$variable mq extend
	expect 0
	DEVMQ_CONSUME=${variable%:*}:$(printf '%032d' 0) mq extend
	expect 1 '' 'cannot extend: consume does not run this command (any more)'
	: >"$T/go"
	wait_for has "$Q" acked 1
	DEVMQ_CONSUME=$variable mq extend
	expect 1 '' 'cannot extend: consume does not run this command (any more)'
	kill -TERM $!
	wait $!
	DEVMQ_CONSUME=$variable mq extend
	expect 1 '' 'cannot extend: the consume that ran this command is not *'
}

test_consume_keep()
{
	local due

	make "$Q" lease_ms=20s
	send "$Q" hello
	"$MQCTL" consume "$Q" -n 1 --keep -- sh -c "$(waiter)" &
	wait_for [ -e "$T/variable" ]
	lease_due
	wait_for due_is_after "$due"
	: >"$T/go"
	wait $! || fail "status $?"
	counters "$Q" acked=1 redelivered=0
	# --keep does not help a stopped consumer, which loses the lease
	send "$Q" hello
	"$MQCTL" consume "$Q" --keep --lease=500ms -- sleep 1000 2>"$T/err" &
	wait_for has "$Q" in_flight 1
	kill -STOP $!
	mq recv "$Q" --wait=30s -J
	# on a busy machine the first lease may end before the consumer stops
	expect_json /payload hello /failure lease
	kill -CONT $!
	wait_for grep -q 'lost to its lease' "$T/err"
	kill -TERM $!
	wait $!
	expect_same 6 $? status
}

test_consume_lease()
{
	make "$Q"
	send "$Q" hello
	mq consume "$Q" -n 1 --lease=300ms -- sleep 1000
	expect 6 '' "$Q: message 1: killed by signal 15 (*), lost to its lease"
	counters "$Q" ready=1 in_flight=0
	mq peek "$Q" -J
	expect_json /failures 1 /failure lease /attempt 1
	# consume uses the lease of the queue as well, and kills a command that
	# ignores SIGTERM (the lease is so long that even a slow machine gets to
	# the trap)
	mq set "$Q" lease_ms=5s
	mq consume "$Q" -n 1 -- sh -c 'trap "" TERM; sleep 1000'
	expect 6 '' "$Q: message 1: killed by signal 9 (*), lost to its lease"
	# --lease takes precedence over the lease of the queue
	mq set "$Q" lease_ms=300ms
	mq consume "$Q" -n 1 --lease=0 -- sleep 0.6
	expect 0
	counters "$Q" acked=1
}

# The next consumer gets the message when the lease of a stopped consumer ends.
test_consume_lease_of_a_stopped_consumer()
{
	make "$Q"
	send "$Q" hello
	"$MQCTL" consume "$Q" --lease=500ms -- sleep 1000 2>"$T/err" &
	wait_for has "$Q" in_flight 1
	kill -STOP $!
	mq recv "$Q" --wait=30s -J
	# on a busy machine the first lease may end before the consumer stops
	expect_json /payload hello /failure lease
	kill -CONT $!
	wait_for grep -q 'lost to its lease' "$T/err"
	kill -TERM $!
	wait $!
	expect_same 6 $? status
	counters "$Q" acked=1 ready=0 in_flight=0
}

# A command that succeeds after the end of the lease settles nothing.
test_consume_success_after_the_lease()
{
	make "$Q"
	send "$Q" hello
	# the lease is so long that even a slow machine gets to the trap
	mq consume "$Q" -n 1 --lease=5s -- \
		sh -c 'trap "exit 0" TERM; sleep 1000 & wait'
	expect 6 '' "$Q: message 1: exit status 0, lost to its lease"
	counters "$Q" acked=0 ready=1
}

need_module
run_tests "$@"
