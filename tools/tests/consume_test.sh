#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# mqctl consume with the module: commands that succeed and fail, and what
# happens to their messages. It must run as root. It creates its own queues and
# removes them.

# shellcheck source=ktap.sh
. "$(dirname "$0")/ktap.sh"

test_consume()
{
	make "$Q"
	mq consume "$Q" --until-empty -- false
	expect 0
	seq 1 5 | "$MQCTL" send --line "$Q" >/dev/null
	mq consume "$Q" --until-empty -- cat
	expect 0 $'1\n2\n3\n4\n5'
	counters "$Q" ready=0 in_flight=0 acked=5
	send "$Q" x
	mq consume --until-empty "$Q" cat -v
	expect 0 x
	mq consume "$P.none" -- true
	expect 1 '' "$P.none: no such queue"
}

test_consume_environment()
{
	make "$Q"
	send "$Q" -k the-key -H content-type=text/plain -H A.b=1 -H a-b=2 hello
	send "$Q" bye
	# shellcheck disable=SC2016  # expanded by the command
	DEVMQ_KEY=old DEVMQ_HEADER_OLD=old mq consume "$Q" --until-empty -- \
		sh -c 'env | grep ^DEVMQ_ | grep -v ^DEVMQ_CONSUME= | sort; cat; echo'
	expect 0 "DEVMQ_ATTEMPT=1
DEVMQ_FAILURES=0
DEVMQ_HEADER_A_B=2
DEVMQ_HEADER_CONTENT_TYPE=text/plain
DEVMQ_ID=1
DEVMQ_KEY=the-key
DEVMQ_QUEUE=$Q
DEVMQ_UID=0
hello
DEVMQ_ATTEMPT=1
DEVMQ_FAILURES=0
DEVMQ_ID=2
DEVMQ_QUEUE=$Q
DEVMQ_UID=0
bye"
}

test_consume_binary()
{
	make "$Q"
	head -c 200000 /dev/urandom >"$T/in"
	"$MQCTL" send "$Q" <"$T/in" >/dev/null
	"$MQCTL" set "$Q" allow_empty=1
	send "$Q" ''
	mq consume "$Q" --until-empty -- cat
	cmp "$T/in" "$T/out" || fail "not the same"
}

test_consume_options_of_the_command()
{
	make "$Q"
	send "$Q" hello
	mq consume "$Q" -n 1 -j 2 sh -c 'cat; echo "$0 $*"' -n --until-empty --
	expect 0 'hello-n --until-empty --'
}

test_consume_limit()
{
	make "$Q"
	seq 1 5 | "$MQCTL" send --line "$Q" >/dev/null
	mq consume "$Q" -n 2 -- cat
	expect 0 $'1\n2'
	mq consume "$Q" -j 4 -n 2 -- true
	expect 0
	counters "$Q" ready=1 in_flight=0 acked=4
}

# The commands run at the same time: each waits for the other two.
test_consume_in_parallel()
{
	make "$Q"
	mkdir "$T/par"
	seq 1 3 | "$MQCTL" send --line "$Q" >/dev/null
	mq consume "$Q" -j 3 --until-empty -- sh -c "
		>$T/par/\$DEVMQ_ID
		while [ ! -e $T/par/1 ] || [ ! -e $T/par/2 ] ||
		      [ ! -e $T/par/3 ]; do sleep 0.02; done"
	expect 0
	counters "$Q" acked=3
}

test_consume_no_more_than_jobs()
{
	make "$Q"
	seq 1 20 | "$MQCTL" send --line "$Q" >/dev/null
	"$MQCTL" consume "$Q" -j 3 -- sleep 1000 &
	wait_for has "$Q" in_flight 3
	sleep 0.3
	counters "$Q" in_flight=3 ready=17
	expect_same 3 "$(children $!)" commands
	kill -KILL $!
	wait_for has "$Q" in_flight 0
	counters "$Q" ready=20
}

test_consume_each_once()
{
	make "$Q"
	seq 1 80 >"$T/in"
	"$MQCTL" send --line "$Q" <"$T/in" >/dev/null
	"$MQCTL" consume "$Q" -j 4 --until-empty -- cat >>"$T/all"
	expect_same 0 $? status
	sort -n "$T/all" | cmp - "$T/in" || fail "not each once"
	counters "$Q" acked=80 delivered=80 redelivered=0 ready=0
}

test_consume_by_two()
{
	make "$Q"
	seq 1 40 >"$T/in"
	"$MQCTL" consume "$Q" -j 2 -n 20 -- cat >>"$T/all" &
	"$MQCTL" consume "$Q" -j 2 -n 20 -- cat >>"$T/all" &
	wait_for has "$Q" consumers 2
	"$MQCTL" send --line "$Q" <"$T/in" >/dev/null
	wait
	sort -n "$T/all" | cmp - "$T/in" || fail "not each once"
	counters "$Q" acked=40 delivered=40
}

test_consume_failure()
{
	make "$Q"
	send "$Q" hello
	mq consume "$Q" --until-empty -- sh -c "
		echo \$DEVMQ_ATTEMPT.\$DEVMQ_FAILURES
		[ -e $T/second ] && exec cat
		>$T/second; exit 3"
	expect 6 $'1.0\n2.1\nhello' \
		"$Q: message 1: exit status 3, to be retried"
	counters "$Q" acked=1 ready=0
}

test_consume_exit_75_and_signals()
{
	make "$Q"
	send "$Q" hello
	mq consume "$Q" -n 1 -- sh -c 'exit 75'
	expect 0 '' "$Q: message 1: exit status 75 (try again), released"
	counters "$Q" ready=1 in_flight=0 acked=0
	mq consume "$Q" -n 1 -- sh -c 'kill -SEGV $$'
	expect 6 '' "$Q: message 1: killed by signal 11 (*), to be retried"
	counters "$Q" ready=1 in_flight=0 acked=0
	mq recv "$Q" -J
	expect_json /attempt 2 /failures 1 /failure retry
}

# Other consumers can receive a released message at once, this one after a
# pause.
test_consume_pauses_after_75()
{
	local begin passed

	make "$Q"
	send "$Q" hello
	begin=$(microseconds)
	mq consume "$Q" -n 3 -- sh -c 'exit 75'
	passed=$(($(microseconds) - begin))
	[ "$status" = 0 ] || fail "status $status"
	expect_same 3 "$(wc -l <"$T/err")" "lines said"
	[ $passed -ge 300000 ] || fail "it came back at once: $passed us"
	"$MQCTL" consume "$Q" -- sh -c 'exit 75' 2>"$T/err" &
	wait_for grep -q released "$T/err"
	mq recv "$Q" --wait=30s -J
	expect_json /payload hello /attempt 1 /failures 0
	kill -TERM $!
	wait $!
	expect_same 0 $? status
}

# due: print how many milliseconds the delayed message waits after its failure.
due()
{
	mq peek "$Q" --state=delayed -J
	expect_json /state delayed /failure retry
	echo $((($("$JSON_CHECK" /due_ns <"$T/out") - $1) / 1000000))
}

test_consume_backs_off()
{
	local begin ms least

	make "$Q" retry_ms=200 retry_backoff=10 retry_max_ms=5s
	send "$Q" hello
	for least in 200 2000 5000; do
		begin=$(nanoseconds)
		mq consume "$Q" -n 1 -- false
		expect 6 '' "$Q: message 1: exit status 1, to be retried"
		if [ $least != 200 ]; then
			counters "$Q" delayed=1 ready=0
			ms=$(due "$begin") || fail "$ms"
			[ "$ms" -ge $least ] || fail "$ms ms, not $least"
		fi
	done
}

test_consume_retry_delay()
{
	local begin ms

	make "$Q" retry_ms=1h
	send "$Q" hello
	begin=$(nanoseconds)
	mq consume "$Q" --retry=2m --until-empty -- false
	expect 6 '' "$Q: message 1: exit status 1, to be retried"
	counters "$Q" delayed=1 ready=0 in_flight=0
	ms=$(due "$begin") || fail "$ms"
	[ "$ms" -ge 120000 ] && [ "$ms" -lt 600000 ] || fail "$ms ms"
	# no delay, whatever the queue's options say
	send "$Q" world
	mq consume "$Q" -n 2 --retry=0 -- sh -c 'exit $((DEVMQ_ATTEMPT == 1))'
	expect 6 '' "$Q: message 2: exit status 1, to be retried"
	counters "$Q" delayed=1 ready=0 acked=1
}

test_consume_until_dead()
{
	make "$P.dead"
	make "$Q" max_deliveries=3
	send "$Q" hello
	mq consume "$Q" --until-empty -- false
	[ "$status" = 6 ] || fail "status $status"
	expect_same "mqctl: $Q: message 1: exit status 1, to be retried
mqctl: $Q: message 1: exit status 1, to be retried
mqctl: $Q: message 1: exit status 1, dead" "$(cat "$T/err")"
	counters "$Q" dead=1 ready=0 delivered=3
	"$MQCTL" redrive "$Q" >/dev/null || fail "redrive"
	mq set "$Q" dead_letter="$P.dead"
	expect 0
	mq consume "$Q" --until-empty -- false
	counters "$Q" dead=0 ready=0 dead_lettered=1
	expect_same "mqctl: $Q: message 1: exit status 1, dead" \
		"$(tail -n 1 "$T/err")"
	# shellcheck disable=SC2016  # expanded by the command
	mq consume "$P.dead" --until-empty -- sh -c \
		'echo $DEVMQ_REASON $DEVMQ_ORIGIN $DEVMQ_ORIGIN_ID \
			$DEVMQ_FAILURES "${DEVMQ_NOTE-none}"; cat'
	expect 0 "1 $Q 1 3 exit status 1"$'\nhello'
}

# With max_dead=0 the message does not die.
test_consume_dead_refused()
{
	make "$Q" max_deliveries=1 max_dead=0 retry_ms=1h
	send "$Q" hello
	mq consume "$Q" -n 1 -- false
	expect 6 '' "$Q: message 1: exit status 1, to be retried"
	counters "$Q" dead=0 delayed=1 dead_refused=1
	send "$Q" hello
	mq consume "$Q" -n 1 -- sh -c 'exit 65'
	expect 6 '' "$Q: message 2: exit status 65 (no good), to be retried, as *"
}

test_consume_exit_65_is_dead_at_once()
{
	make "$Q"
	send "$Q" hello
	mq consume "$Q" -n 1 -- sh -c 'echo "not a picture" >&2; exit 65'
	[ "$status" = 6 ] || fail "status $status"
	expect_same "not a picture
mqctl: $Q: message 1: exit status 65 (no good), dead" "$(cat "$T/err")"
	mq peek "$Q" -J
	expect_json /state dead /reason rejected /failures 0 \
		/note 'exit status 65: not a picture'
}

# The note is the last line of the command's standard error.
test_consume_note_is_the_last_line_of_standard_error()
{
	make "$Q"
	send "$Q" hello
	mq consume "$Q" -n 1 -- sh -c 'echo out; echo first >&2
		printf "cannot open x\r\n\n  \n" >&2; exit 3'
	expect_same out "$(cat "$T/out")"
	grep -qx first "$T/err" || fail "not passed on: $(cat "$T/err")"
	mq peek "$Q" -J
	expect_json /failure retry /note 'exit status 3: cannot open x'
	mq peek "$Q" --long
	grep -q ' note="exit status 3: cannot open x"' "$T/out" ||
		fail "$(cat "$T/out")"
	# the next delivery has the note, and the last line may lack a newline
	# shellcheck disable=SC2016  # expanded by the command
	mq consume "$Q" -n 1 -- sh -c 'echo "$DEVMQ_NOTE"
		printf "no newline" >&2; kill -TERM $$'
	expect_same 'exit status 3: cannot open x' "$(cat "$T/out")"
	mq peek "$Q" -J
	expect_json /note 'signal 15 (Terminated): no newline'
	# without a line, the note is the exit status, not the one before
	mq consume "$Q" -n 1 -- false
	mq peek "$Q" -J
	expect_json /note 'exit status 1' /failures 3
}

# A note has up to 256 bytes, and is not cut within a character.
test_consume_note_is_cut()
{
	make "$Q"
	send "$Q" hello
	mq consume "$Q" -n 1 -- sh -c 'printf "x%0300d\n" 0 >&2; exit 1'
	mq peek "$Q" -J
	expect_json /note "exit status 1: x$(printf '%0240d' 0)"
	mq consume "$Q" -n 1 -- sh -c 'i=0; while [ $i -lt 200 ]; do
		printf "\303\244" >&2; i=$((i + 1)); done; exit 1'
	mq peek "$Q" -J
	expect_json /note "exit status 1: $(printf '\303\244%.0s' $(seq 1 120))"
}

test_consume_passes_all_of_standard_error_on()
{
	make "$Q"
	send "$Q" hello
	mq consume "$Q" -n 1 -- sh -c 'head -c 1000000 /dev/zero >&2'
	[ "$status" = 0 ] || fail "status $status"
	expect_same 1000000 "$(wc -c <"$T/err")"
}

# Processes that a command leaves running can still write to standard error.
test_consume_what_is_left_running_can_write()
{
	make "$Q"
	send "$Q" one
	send "$Q" two
	"$MQCTL" consume "$Q" -- sh -c "
		if [ \$DEVMQ_ID = 1 ]; then
			(until [ -e $T/go ]; do sleep 0.02; done
			 echo late >&2; >$T/said) </dev/null >/dev/null &
		fi" 2>"$T/err" &
	wait_for has "$Q" acked 2
	: >"$T/go"
	wait_for [ -e "$T/said" ]
	wait_for grep -qx late "$T/err"
	kill -TERM $!
	wait $! || fail "status $?"
}

# A missing program is not a failure of the message, even if a shell reports it.
test_consume_exit_126_and_127_stop_it()
{
	make "$Q"
	printf '1\n2\n3\n' | "$MQCTL" send --line "$Q" >/dev/null
	mq consume "$Q" -- sh -c 'no-such-command-at-all 2>/dev/null'
	[ "$status" = 1 ] || fail "status $status"
	expect_same "mqctl: $Q: message 1: exit status 127, released
mqctl: $Q: cannot run sh: exit status 127 means that it, or what it runs, is not \
there" "$(cat "$T/err")"
	mq consume "$Q" -j 2 -- env /etc/passwd
	[ "$status" = 1 ] || fail "status $status"
	counters "$Q" ready=3 in_flight=0 acked=0
	mq peek "$Q" -J
	expect_json -l /failures $'0\n0\n0' /attempt $'0\n0\n0'
}

test_consume_says_how_many_of_a_batch_are_dead()
{
	# A message near its last failure is delivered alone; here it is not
	# near it.
	make "$Q" max_deliveries=100 retry_ms=0
	send "$Q" one
	mq consume "$Q" -n 1 -- false
	send "$Q" two
	mq consume "$Q" -n 1 --batch=5 -- sh -c "
		$MQCTL set $Q max_deliveries=2; exit 1"
	expect 6 '' "$Q: message 1 and 1 more: exit status 1, 1 dead, the others *"
	counters "$Q" dead=1 ready=1
}

test_consume_leaves_out_notes_that_there_is_no_memory_for()
{
	local bound=/sys/module/devmq/parameters/max_total_bytes most

	most=$(<"$bound")
	make "$Q"
	send "$Q" one
	send "$Q" two
	# Only notes would need more memory.
	# shellcheck disable=SC2064  # expand now
	trap "echo $most >$bound" EXIT
	mq consume "$Q" -n 1 --batch=2 --retry=1h -- sh -c \
		"echo 1 >$bound; exit 1"
	echo "$most" >"$bound"
	expect 6 '' "$Q: message 1 and 1 more: exit status 1, to be retried"
	counters "$Q" delayed=2
	mq peek "$Q" --state=delayed -J
	grep -q '"note":"' "$T/out" && fail "a note: $(cat "$T/out")"
	return 0
}

test_consume_batch()
{
	make "$Q"
	printf 'a\nb\nc\nd\ne\n' | "$MQCTL" send --line "$Q" >/dev/null
	printf 'f\ng' | "$MQCTL" send "$Q" >/dev/null
	# shellcheck disable=SC2016  # expanded by the command
	DEVMQ_ID=7 DEVMQ_HEADER_X=1 mq consume "$Q" --batch=3 --until-empty -- \
		sh -c 'env | grep ^DEVMQ_ | grep -v ^DEVMQ_CONSUME= | sort; cat'
	expect 0 "DEVMQ_COUNT=3
DEVMQ_IDS=1 2 3
DEVMQ_QUEUE=$Q
a
b
c
DEVMQ_COUNT=3
DEVMQ_IDS=4 5 6
DEVMQ_QUEUE=$Q
d
e
f
g"
	counters "$Q" acked=6 ready=0
	printf 'x' | "$MQCTL" send "$Q" >/dev/null
	printf 'y\n' | "$MQCTL" send "$Q" >/dev/null
	mq consume "$Q" --batch=10 --null -n 1 -- cat
	expect 0 $'x@y\n@'
	send "$Q" one
	mq consume "$Q" --batch=10 -n 1 -- sh -c 'cat; echo $DEVMQ_COUNT'
	expect 0 $'one\n1'
}

test_consume_batch_is_settled_as_one()
{
	make "$Q"
	seq 1 5 | "$MQCTL" send --line "$Q" >/dev/null
	mq consume "$Q" --batch=4 -n 1 --retry=1h -- false
	expect 6 '' "$Q: message 1 and 3 more: exit status 1, to be retried"
	counters "$Q" delayed=4 ready=1
	mq consume "$Q" --batch=4 -n 1 -- sh -c 'exit 75'
	expect 0 '' "$Q: message 5: exit status 75 (try again), released"
	seq 6 9 | "$MQCTL" send --line "$Q" >/dev/null
	mq consume "$Q" --batch=4 -j 3 --until-empty -- true
	expect 0
	counters "$Q" delayed=4 ready=0 acked=5
}

test_consume_batches_in_parallel()
{
	make "$Q"
	seq 1 500 >"$T/in"
	"$MQCTL" send --line "$Q" <"$T/in" >/dev/null
	"$MQCTL" consume "$Q" -j 4 --batch=20 --until-empty -- cat >>"$T/all"
	expect_same 0 $? status
	sort -n "$T/all" | cmp - "$T/in" || fail "not each once"
	counters "$Q" acked=500 delivered=500 ready=0
}

# With -j 1, no message overtakes one that fails.
test_consume_keeps_the_order()
{
	make "$Q"
	printf '1\n2\n3\n' | "$MQCTL" send --line "$Q" >/dev/null
	mq consume "$Q" --until-empty -- sh -c "
		cat; [ \$DEVMQ_ID != 2 ] || [ -e $T/second ] ||
		{ >$T/second; exit 1; }"
	expect 6 $'1\n2\n2\n3' "$Q: message 2: exit status 1, to be retried"
}

test_consume_command_that_is_not_there()
{
	make "$Q"
	printf '1\n2\n3\n' | "$MQCTL" send --line "$Q" >/dev/null
	mq consume "$Q" -j 2 -- /no/such/command
	expect 1 '' "$Q: cannot run /no/such/command: No such file or directory"
	mq consume "$Q" -- /etc/passwd
	expect 1 '' "$Q: cannot run /etc/passwd: Permission denied"
	counters "$Q" ready=3 in_flight=0 acked=0
	mq recv "$Q" -J
	expect_json /attempt 1 /failures 0
}

test_consume_command_that_does_not_read()
{
	make "$Q"
	head -c 1048576 /dev/zero >"$T/in"
	for _ in 1 2 3 4; do
		"$MQCTL" send "$Q" <"$T/in" >/dev/null || fail "send"
	done
	mq consume "$Q" -n 1 -- true
	expect 0
	mq consume "$Q" -n 1 -- head -c 5
	expect 0 @@@@@
	mq consume "$Q" -n 1 -- sh -c 'exec <&-; echo closed'
	expect 0 closed
	mq consume "$Q" -n 1 -- wc -c
	expect 0 1048576
	counters "$Q" acked=4
}

test_consume_input_is_a_file()
{
	make "$Q"
	send "$Q" hello
	mq consume "$Q" -n 1 -- sh -c 'cat /dev/stdin /dev/stdin; echo;
		echo no 2>/dev/null >&0 || echo sealed'
	expect 0 $'hellohello\nsealed'
}

# Commands do not inherit the queue's descriptor.
test_consume_descriptors()
{
	make "$Q"
	send "$Q" hello
	# shellcheck disable=SC2016  # expanded by the command
	sh -c 'ls /proc/$$/fd' >"$T/mine" 2>/dev/null
	# shellcheck disable=SC2016
	mq consume "$Q" -n 1 -- sh -c 'ls /proc/$$/fd; ls -l /proc/$$/fd >&2'
	cmp "$T/out" "$T/mine" || fail "inherited: $(cat "$T/err")"
	! grep -q "/dev/mq" "$T/err" || fail "inherited: $(cat "$T/err")"
}

test_consume_until_end_of_file()
{
	make "$Q" eof=empty
	printf '1\n2\n' | "$MQCTL" send --line "$Q" >/dev/null
	mq consume "$Q" -j 4 -- cat
	expect 0 -
	expect_same $'1\n2' "$(sort "$T/out")"
	# eof=hangup: after the last close of a writer
	make "$P.b" eof=hangup
	exec 6>"/dev/mq/$P.b"
	"$MQCTL" consume "$P.b" -- cat >"$T/got" 6>&- &
	wait_for has "$P.b" consumers 1
	echo one >&6
	wait_for has "$P.b" acked 1
	kill -0 $! || fail "it has ended"
	echo two >&6
	exec 6>&-
	wait $!
	expect_same 0 $? status
	expect_same $'one\ntwo' "$(cat "$T/got")"
}

# A message that comes while a command still runs is consumed, too.
test_consume_until_empty_looks_again()
{
	make "$Q" eof=empty
	send "$Q" one
	"$MQCTL" consume "$Q" -j 2 -- sh -c \
		"[ \$DEVMQ_ID = 2 ] && exec touch $T/second
		 until [ -e $T/second ]; do sleep 0.02; done" &
	wait_for has "$Q" in_flight 1
	send "$Q" two
	wait $!
	expect_same 0 $? status
	counters "$Q" acked=2
}

test_consume_until_empty_retries()
{
	make "$Q"
	seq 1 20 | "$MQCTL" send --line "$Q" >/dev/null
	mkdir "$T/seen"
	"$MQCTL" consume "$Q" -j 4 --until-empty -- sh -c "
		[ -e $T/seen/\$DEVMQ_ID ] || [ \$((DEVMQ_ID % 7)) != 0 ] ||
			{ >$T/seen/\$DEVMQ_ID; exit 1; }
		cat" >>"$T/all" 2>/dev/null
	expect_same 6 $? status
	expect_same "$(seq 1 20)" "$(sort -n "$T/all")"
	counters "$Q" acked=20 ready=0 in_flight=0
}

test_consume_a_queue_that_is_removed()
{
	make "$Q"
	"$MQCTL" consume "$Q" -- cat 2>"$T/err" &
	wait_for has "$Q" consumers 1
	wait_for asleep $!
	"$MQCTL" rm "$Q" || fail "rm"
	wait $!
	expect_same 1 $? status
	expect_same "mqctl: $Q: cannot receive: the queue has been removed" \
		"$(cat "$T/err")"
	# ... while commands run: they may finish
	make "$Q"
	rm -f "$T/begun" "$T/done"
	send "$Q" hello
	"$MQCTL" consume "$Q" -- sh -c ">$T/begun; sleep 0.5; >$T/done" \
		2>"$T/err" &
	wait_for [ -e "$T/begun" ]
	"$MQCTL" rm -f "$Q" || fail "rm -f"
	wait $!
	expect_same 1 $? status
	[ -e "$T/done" ] || fail "the command could not finish"
	expect_same 1 "$(wc -l <"$T/err")" "lines said"
}

test_consume_leaves_others_their_share()
{
	make "$Q"
	"$MQCTL" consume "$Q" -- sh -c 'sleep 1000' &
	wait_for has "$Q" consumers 1
	send "$Q" one
	wait_for has "$Q" in_flight 1
	send "$Q" two
	mq recv "$Q" --wait=20s
	expect 0 two
	kill -KILL $!
	wait_for has "$Q" ready 1
}

test_consume_needs_permission()
{
	make "$Q" mode=0622
	as_user "$MQCTL consume $Q -- true" 2>"$T/err" && fail "success"
	grep -q "mqctl: $Q: cannot open: Permission denied" "$T/err" ||
		fail "said $(cat "$T/err")"
}

need_module
run_tests "$@"
