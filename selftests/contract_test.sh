#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The tools that the manual uses in a shell work on a queue unchanged: echo,
# printf, cat, head, dd, seq, tee and sed.

# shellcheck source=tap.sh
. "$(dirname "$0")/tap.sh"

create() { echo "create $queue $*" >$control; }

# Run a command with a time limit.
in_time() { timeout 20 "$@"; }

test_tour_echo_and_head() {
	create
	echo 'first job' >"/dev/mq/$queue"
	echo 'second job' >"/dev/mq/$queue"
	equal 'first job' "$(head -n1 "/dev/mq/$queue")"
	equal 1 "$(value ready)"
	echo "remove $queue force" >$control
	[ ! -e "/dev/mq/$queue" ] || fail "not removed"
}

test_tour_lines_with_an_end() {
	create framing=line eof=hangup
	seq 1 1000 >"/dev/mq/$queue"
	equal 1000 "$(value ready)"
	equal "$(seq 1 1000)" "$(in_time cat "/dev/mq/$queue")"
	equal 0 "$(value ready)"
}

test_tour_reason_of_a_refusal() {
	local reason
	exec 3<>$control
	echo "create $queue max_messages=lots" >&3 2>/dev/null &&
		fail "accepted"
	reason=$(cat <&3)
	case $reason in
	*max_messages*lots* | *lots*max_messages*) ;;
	*) fail "reason: $reason" ;;
	esac
	echo "create $queue" >&3 || fail "refused"
	equal '' "$(cat <&3)"
}

test_control_reads_as_the_option_table() {
	local table
	table=$(cat $control)
	for option in max_messages overflow framing eof ack prefetch; do
		grep -q "^$option " <<<"$table" || fail "no $option"
	done
}

test_every_option_of_the_table_is_in_sysfs() {
	local name type
	create
	cat $control | while read -r name _ _ _ _ type _; do
		[ "$type" = topic ] || [ -e "$class/$queue/$name" ] || exit 1
	done || fail "an option is not in sysfs"
}

test_write_of_several_lines_is_one_message() {
	create
	# Not with bash's printf alone, which writes line by line.
	printf 'a\nb\nc\n' | cat >"/dev/mq/$queue"
	equal 1 "$(value ready)"
	equal "$(printf 'a\nb\nc')" "$(dd if="/dev/mq/$queue" bs=100 count=1 2>/dev/null)"
}

test_dd_reads_message_by_message() {
	local i
	create
	for i in 1 2 3; do echo "message $i" >"/dev/mq/$queue"; done
	equal "$(printf 'message 1\nmessage 2')" \
		"$(dd if="/dev/mq/$queue" bs=1000 count=2 2>/dev/null)"
	equal 1 "$(value ready)"
}

test_dd_reads_pieces_of_a_message() {
	create
	printf 'abcdef' >"/dev/mq/$queue"
	equal abcdef "$(dd if="/dev/mq/$queue" bs=2 count=3 2>/dev/null)"
	equal 0 "$(value ready)"
}

test_dd_that_stops_half_way_leaves_the_message_whole() {
	create
	printf 'abcdef' >"/dev/mq/$queue"
	equal ab "$(dd if="/dev/mq/$queue" bs=2 count=1 2>/dev/null)"
	equal 1 "$(value ready)"
	equal abcdef "$(dd if="/dev/mq/$queue" bs=100 count=1 2>/dev/null)"
}

test_dd_writes_message_by_message() {
	create
	printf 'aaaabbbbcc' | dd of="/dev/mq/$queue" bs=4 iflag=fullblock \
		2>/dev/null
	equal 3 "$(value ready)"
	equal aaaa "$(dd if="/dev/mq/$queue" bs=100 count=1 2>/dev/null)"
}

test_dd_without_waiting_says_that_nothing_is_there() {
	create
	dd if="/dev/mq/$queue" of=/dev/null bs=1 count=1 iflag=nonblock \
		2>/dev/null && fail "read something"
	:
}

test_dd_with_sync_is_refused() {
	create
	printf x | dd of="/dev/mq/$queue" oflag=dsync 2>/dev/null &&
		fail "dsync was promised"
	printf x | dd of="/dev/mq/$queue" conv=fsync 2>/dev/null &&
		fail "fsync was promised"
	:
}

test_cat_sends_a_file_and_cat_gets_it() {
	local file
	file=$(mktemp)
	create eof=empty
	seq 1 500 >"$file"
	cat "$file" >"/dev/mq/$queue"
	in_time cat "/dev/mq/$queue" | cmp - "$file" || fail "differs"
	rm "$file"
}

test_cat_blocks_until_the_last_writer_has_gone() {
	local output
	output=$(mktemp)
	create eof=hangup
	exec 4>"/dev/mq/$queue"
	# Close our descriptor in cat, or cat itself would be a writer.
	in_time cat "/dev/mq/$queue" >"$output" 4>&- &
	echo one >&4
	echo two >"/dev/mq/$queue"
	eventually is ready 0
	kill -0 $! || fail "cat has ended"
	echo three >&4
	exec 4>&-
	wait $! || fail "cat failed"
	equal "$(printf 'one\ntwo\nthree')" "$(cat "$output")"
	rm "$output"
}

test_while_read_takes_lines() {
	local line count=0
	create framing=line eof=empty
	seq 1 50 >"/dev/mq/$queue"
	while read -r line; do
		count=$((count + 1))
		equal $count "$line"
	done <"/dev/mq/$queue"
	equal 50 $count
}

test_read_in_bash_takes_whole_messages() {
	local line
	create
	echo one >"/dev/mq/$queue"
	echo two >"/dev/mq/$queue"
	exec 4<"/dev/mq/$queue"
	read -r line <&4
	equal one "$line"
	read -r line <&4
	equal two "$line"
}

test_tee_sends_to_several() {
	create eof=empty framing=line
	echo "create $queue.2 eof=empty framing=line" >$control
	seq 1 20 | tee "/dev/mq/$queue" >"/dev/mq/$queue.2"
	equal "$(seq 1 20)" "$(in_time cat "/dev/mq/$queue")"
	equal "$(seq 1 20)" "$(in_time cat "/dev/mq/$queue.2")"
	echo "remove $queue.2 force" >$control
}

test_topic_sends_to_several() {
	local two="$queue.1 $queue.2" one
	echo "create $queue type=topic" >$control
	for one in $two; do
		echo "create $one eof=empty framing=line" >$control
		echo "bind $queue $one" >$control
	done
	seq 1 20 | while read -r one; do echo "$one"; done >"/dev/mq/$queue"
	for one in $two; do
		equal "$(seq 1 20)" "$(in_time cat "/dev/mq/$one")"
	done
	echo "unbind $queue $queue.2" >$control
	echo more >"/dev/mq/$queue"
	equal more "$(head -n1 "/dev/mq/$queue.1")"
	equal '' "$(in_time cat "/dev/mq/$queue.2")"
	equal 21 "$(value routed)"
	echo "remove $queue.1 force" >$control
	echo "remove $queue.2 force" >$control
	echo lost >"/dev/mq/$queue"
	equal 1 "$(value unrouted)"
}

test_topic_says_why_it_does_not_bind() {
	local reason
	echo "create $queue type=topic" >$control
	exec 3<>$control
	echo "bind $queue nosuch" >&3 2>/dev/null && fail "bound"
	reason=$(cat <&3)
	case $reason in
	*nosuch*) ;;
	*) fail "reason: $reason" ;;
	esac
	(head -n1 "/dev/mq/$queue") 2>/dev/null && fail "a topic was read"
	:
}

test_sed_is_a_stage_between_two_queues() {
	create framing=line eof=hangup
	echo "create $queue.2 framing=line eof=hangup" >$control
	# Without a writer, sed would read the end of the file at once.
	exec 4>"/dev/mq/$queue"
	in_time sed -u 's/^/got /' <"/dev/mq/$queue" >"/dev/mq/$queue.2" 4>&- &
	eventually is consumers 1
	seq 1 30 >&4
	exec 4>&-
	wait $! || fail "sed failed"
	equal "$(seq 1 30 | sed 's/^/got /')" "$(in_time cat "/dev/mq/$queue.2")"
	echo "remove $queue.2 force" >$control
}

test_two_workers_share_the_lines() {
	local first second worker workers
	first=$(mktemp)
	second=$(mktemp)
	create framing=line eof=hangup
	exec 4>"/dev/mq/$queue"
	in_time cat "/dev/mq/$queue" >"$first" 4>&- &
	workers=$!
	in_time cat "/dev/mq/$queue" >"$second" 4>&- &
	workers="$workers $!"
	seq 1 300 >&4
	exec 4>&-
	for worker in $workers; do
		wait "$worker" || fail "a worker failed"
	done
	equal "$(seq 1 300)" "$(cat "$first" "$second" | sort -n)"
	rm "$first" "$second"
}

test_bash_writes_a_line_at_a_time_to_an_open_descriptor() {
	local i
	create
	exec 4>"/dev/mq/$queue"
	for i in 1 2 3; do echo "line $i" >&4; done
	exec 4>&-
	equal 3 "$(value ready)"
	equal 'line 1' "$(head -n1 "/dev/mq/$queue")"
}

test_append_and_clobber_are_harmless() {
	create
	echo a >"/dev/mq/$queue"
	echo b >>"/dev/mq/$queue"
	echo c >|"/dev/mq/$queue"
	equal 3 "$(value ready)"
	equal a "$(head -n1 "/dev/mq/$queue")"
}

test_empty_echo_sends_nothing_with_n() {
	create
	echo -n '' >"/dev/mq/$queue"
	: >"/dev/mq/$queue"
	equal 0 "$(value sent)"
	echo >"/dev/mq/$queue"
	equal 1 "$(value sent)"
}

test_full_queue_holds_the_writer_off() {
	create max_messages=2
	echo a >"/dev/mq/$queue"
	echo b >"/dev/mq/$queue"
	(in_time sh -c "echo c >/dev/mq/$queue") &
	sleep 0.2
	kill -0 $! || fail "the writer has ended"
	equal a "$(head -n1 "/dev/mq/$queue")"
	wait $! || fail "the writer failed"
	equal 2 "$(value ready)"
	equal 3 "$(value sent)"
}

test_refused_by_a_full_queue() {
	create max_messages=1 overflow=reject
	echo a >"/dev/mq/$queue"
	(echo b >"/dev/mq/$queue") 2>/dev/null && fail "b was accepted"
	equal 1 "$(value sent)"
}

test_too_large_a_message_is_refused() {
	create max_message_size=10
	(echo 'more than ten bytes' >"/dev/mq/$queue") 2>/dev/null &&
		fail "accepted"
	equal 0 "$(value sent)"
}

test_limit_set_by_echo_counts() {
	create
	echo 10 >"$class/$queue/max_message_size"
	(echo 'more than ten bytes' >"/dev/mq/$queue") 2>/dev/null &&
		fail "accepted"
	(echo nonsense >"$class/$queue/max_message_size") 2>/dev/null &&
		fail "nonsense was accepted"
	equal 10 "$(value max_message_size)"
}

test_killed_reader_gives_its_message_back() {
	local reader
	create ack=manual
	echo job >"/dev/mq/$queue"
	# The reader receives the message and never acknowledges it.
	(exec 4<"/dev/mq/$queue"; read -r _ <&4; exec sleep 100) &
	reader=$!
	eventually is in_flight 1
	kill -KILL $reader
	wait $reader 2>/dev/null
	equal 1 "$(value ready)"
	equal 0 "$(value in_flight)"
}

test_removal_ends_a_reader() {
	create
	(in_time cat "/dev/mq/$queue" >/dev/null 2>&1) &
	eventually is consumers 1
	echo "remove $queue" >$control
	wait $!
	equal 1 $?
}

test_ls_shows_the_mode() {
	create mode=0640
	case $(ls -l "/dev/mq/$queue") in
	crw-r-----*) ;;
	*) fail "$(ls -l "/dev/mq/$queue")" ;;
	esac
}

run_tests
