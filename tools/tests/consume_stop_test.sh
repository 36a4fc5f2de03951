#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# mqctl consume with the module: consumers that are stopped, interrupted and
# killed. It must run as root. It creates its own queues and removes them.

# shellcheck source=ktap.sh
. "$(dirname "$0")/ktap.sh"

test_consume_killed()
{
	local child

	make "$Q"
	send "$Q" hello
	"$MQCTL" consume "$Q" -- sh -c "echo \$\$ >$T/child; exec sleep 1000" &
	wait_for [ -s "$T/child" ]
	child=$(cat "$T/child")
	"$MQCTL" recv "$Q" -J --wait=30s >"$T/out" &
	wait_for has "$Q" consumers 2
	kill -KILL %1
	wait $! || fail "not handed on: $?"
	expect_json /payload hello /attempt 2 /failures 1 /failure crash
	wait_for gone "$child"
}

# Each message is processed at least once, although consumers are killed.
test_consume_killed_again_and_again()
{
	make "$Q"
	seq 1 30 >"$T/in"
	"$MQCTL" send --line "$Q" <"$T/in" >/dev/null
	for _ in 1 2 3 4; do
		"$MQCTL" consume "$Q" -j 3 -- cat >>"$T/all" &
		wait_for has "$Q" consumers 1
		sleep 0.2
		kill -KILL $!
		wait $! 2>/dev/null
	done
	"$MQCTL" consume "$Q" -j 3 --until-empty -- cat >>"$T/all" ||
		fail "status $?"
	sort -nu "$T/all" | cmp - "$T/in" || fail "lost"
	counters "$Q" acked=30 ready=0 in_flight=0
}

test_consume_stops_in_order()
{
	local signal

	for signal in TERM HUP; do
		make "$Q"
		rm -f "$T/begun" "$T/done" "$T/go"
		send "$Q" one
		send "$Q" two
		"$MQCTL" consume "$Q" -- sh -c ">$T/begun
			until [ -e $T/go ]; do sleep 0.02; done; >$T/done" \
			2>"$T/err" &
		wait_for [ -e "$T/begun" ]
		kill -$signal $!
		: >"$T/go"
		wait $!
		expect_same 0 $? "status after $signal"
		[ -e "$T/done" ] || fail "the command could not finish"
		expect_same '' "$(cat "$T/err")"
		counters "$Q" acked=1 ready=1 in_flight=0
		"$MQCTL" rm -f "$Q"
	done
}

test_consume_stops_when_idle()
{
	make "$Q"
	"$MQCTL" consume "$Q" -- cat >"$T/got" &
	wait_for has "$Q" consumers 1
	send "$Q" hello
	wait_for has "$Q" acked 1
	kill -TERM $!
	wait $!
	expect_same 0 $? status
	expect_same hello "$(cat "$T/got")"
}

has_lines() { [ "$(wc -l <"$2")" -ge "$1" ]; }

test_consume_stops_while_it_waits()
{
	make "$Q"
	send "$Q" hello
	"$MQCTL" consume "$Q" -n 100 -- sh -c 'exit 75' 2>"$T/err" &
	# the fifth delivery comes 1.6 s after the fourth
	wait_for has_lines 4 "$T/err"
	kill -TERM $!
	wait $!
	expect_same 0 $? status
	counters "$Q" ready=1 in_flight=0
	mq recv "$Q" -J
	expect_json /failures 0
}

# took_signals PID: succeed if the process has no pending signals.
took_signals()
{
	! grep -Eq '^S(ig|hd)Pnd:\s*0*[1-9a-f]' "/proc/$1/status"
}

test_consume_second_signal()
{
	local child

	make "$Q"
	send "$Q" hello
	# the command has a child process, which must be killed, too
	"$MQCTL" consume "$Q" -- sh -c \
		"sleep 1000 & echo \$! >$T/child; wait" 2>"$T/err" &
	wait_for [ -s "$T/child" ]
	child=$(cat "$T/child")
	kill -TERM $!
	# a second signal is lost if it comes before the process takes the first
	wait_for took_signals $!
	counters "$Q" in_flight=1
	kill -TERM $!
	wait $!
	expect_same 0 $? status
	grep -q "message 1: killed by signal 9 .*, released" "$T/err" ||
		fail "said $(cat "$T/err")"
	counters "$Q" ready=1 in_flight=0
	wait_for gone "$child"
}

test_consume_interrupted()
{
	make "$Q"
	send "$Q" hello
	# without job control, the shell ignores SIGINT in background processes
	set -m
	"$MQCTL" consume "$Q" -- sh -c ">$T/begun; sleep 0.5; >$T/done" &
	set +m
	wait_for [ -e "$T/begun" ]
	kill -INT -- -$!
	wait $!
	expect_same 0 $? status
	[ -e "$T/done" ] || fail "the command could not finish"
	counters "$Q" acked=1
}

# A signal that is ignored when consume starts stays ignored.
test_consume_under_nohup()
{
	make "$Q"
	(trap '' HUP; exec "$MQCTL" consume "$Q" -- cat >"$T/got") &
	wait_for has "$Q" consumers 1
	kill -HUP $!
	send "$Q" hello
	wait_for has "$Q" acked 1
	kill -TERM $!
	wait $!
	expect_same 0 $? status
}

test_consume_with_sigchld_ignored()
{
	make "$Q"
	send "$Q" hello
	(trap '' CHLD; exec "$MQCTL" consume "$Q" -n 1 -- cat) \
		>"$T/out" || fail "status $?"
	counters "$Q" acked=1
}

test_consume_gives_signals_back()
{
	make "$Q"
	send "$Q" hello
	mq consume "$Q" -n 1 -- grep -E '^Sig(Blk|Ign):' /proc/self/status
	expect 0 -
	grep '^SigBlk' "$T/out" | grep -Eq '0{16}$' || fail "blocked"
	cp "$T/out" "$T/got"
	grep -E '^SigIgn:' /proc/self/status >"$T/mine"
	grep '^SigIgn' "$T/got" | cmp - "$T/mine" || fail "ignored"
}

need_module
run_tests "$@"
