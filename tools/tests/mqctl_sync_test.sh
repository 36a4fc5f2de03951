#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# mqctl with a journal: attach, detach and ls, and what --sync waits for. It must
# run as root. It creates its own queues and removes them.

# shellcheck source=ktap.sh
. "$(dirname "$0")/ktap.sh"

delay=/sys/module/devmq/parameters/journal_delay_ms

# Attach a new journal, which writes nothing by itself, until the test ends.
attach()
{
	local old

	read -r old <$delay || fail "no journal_delay_ms"
	"$MQCTL" journal create "$T/j" --size=4M || fail "create"
	"$MQCTL" journal attach "$T/j" "$P.j" >/dev/null || fail "attach"
	# shellcheck disable=SC2064  # as they are now
	trap "echo $old >$delay; '$MQCTL' journal detach --force $P.j" EXIT
	echo 3600000 >$delay
}

# left N: a crash now would leave N messages.
left()
{
	cat "$T/j" >"$T/crashed"
	mq journal info "$T/crashed"
	expect 0 -
	expect_same "$1" "$(sed -n 's/^messages //p' "$T/out")" "messages left"
}

test_attach()
{
	mq journal create "$T/j" --size=4M
	expect 0
	mq journal attach "$T/j" "$P.j"
	expect 0 $'queues 0\nmessages 0'
	mq journal attach "$T/j" "$P.k"
	expect 1 '' "$T/j: cannot attach: journal '$P.k': it is attached already, as '$P.j'"
	make "$Q" journal="$P.j"
	send "$Q" one
	mq get "$Q" journal
	expect 0 "$P.j"
	mq journal ls --noheadings
	grep -q "^$P.j  *ok  *1 " "$T/out" || fail "ls: $(cat "$T/out")"
	mq journal ls --json
	expect_json /journals/0/name "$P.j" /journals/0/state ok \
		/journals/0/queues 1
	mq journal detach "$P.j"
	expect 0
	mq journal detach "$P.j"
	expect 1 '' "$P.j: cannot detach: journal '$P.j': no such journal is attached"
	mq get "$Q" journal
	expect 1 '' "$Q: *"
	mq journal attach "$T/j" "$P.j"
	expect 0 $'queues 1\nmessages 1'
	mq recv "$Q"
	expect 0 one
	exec 5<"/dev/mq/$Q"
	mq journal detach "$P.j"
	expect 1 '' "$P.j: cannot detach: journal '$P.j': its queue '$Q' is open"
	exec 5<&-
	mq journal detach "$P.j"
	expect 0
}

# Of messages that were there before, as of those that came since.
test_select_after_attach()
{
	attach
	make "$Q" journal="$P.j"
	make "$P.to" journal="$P.j"
	mq send "$Q" --key=a gone
	expect 0 1
	mq recv "$Q"
	expect 0 gone
	for n in 2 3 4 5; do
		mq send "$Q" --key=$((n % 2)) "$n"
		expect 0 $n
	done
	mq journal detach "$P.j"
	expect 0
	mq journal attach "$T/j" "$P.j"
	expect 0 $'queues 2\nmessages 4'
	mq purge "$Q" --id=4-9 --key=1
	expect 0 1
	mq move "$Q" "$P.to" --key=1
	expect 0 1
	mq send "$Q" --key=0 new
	expect 0 -
	mq purge "$Q" --key=0
	expect 0 3
}

test_move()
{
	attach
	make "$Q" journal="$P.j"
	send "$Q" one
	mq journal move "$P.j" "$T/k"
	expect 0
	# As large as the old one.
	expect_same "$(stat -c %s "$T/j")" "$(stat -c %s "$T/k")"
	mq journal info "$T/j"
	expect 0 -
	expect_same "moved yes" "$(grep ^moved "$T/out")"
	mq journal check "$T/j"
	expect 0 -
	grep -qx "moved yes" "$T/out" || fail "$(cat "$T/out")"
	mq journal attach "$T/j" "$P.old"
	expect 1 '' "$T/j: cannot attach: journal '$P.old': it was moved: attach the file to which it was"
	mq journal move "$P.j" "$T/l" --size=8M
	expect 0
	[ "$(stat -c %s "$T/l")" -gt 8000000 ] || fail "it is too small"
	mq recv "$Q"
	expect 0 one
}

test_move_that_fails()
{
	attach
	make "$Q" journal="$P.j"
	mq journal move "$P.none" "$T/k"
	expect 1 '' "$P.none: cannot move: no such journal is attached"
	mq journal move "$P.j" "$T/j"
	expect 1 '' "$P.j: cannot move: journal '$P.j': it is attached already, as '$P.j'"
	mq journal move "$P.j" "$T/j" --size=8M
	expect 4 '' "$T/j: cannot create: it exists already"
	mq journal move "$P.j" "$T/k" --size=1M
	expect 1 '' "$T/k: cannot create: too small, *"
	for _ in $(seq 10); do
		head -c 40000 /dev/zero >"/dev/mq/$Q" || fail "send"
	done
	# A file that was made goes away again.
	mq journal move "$P.j" "$T/k" --size=2400K
	expect 1 '' "$P.j: cannot move: journal '$P.j': the other file is too small for what it has"
	[ ! -e "$T/k" ] || fail "$T/k is there"
	mq journal ls --noheadings
	grep -q "^$P.j  *ok  *1 " "$T/out" || fail "ls: $(cat "$T/out")"
}

test_create_in_a_journal_that_is_not_there()
{
	mq create "$Q" journal="$P.none"
	expect 5 '' "$Q: cannot create: journal=$P.none: no such journal is attached*"
	attach
	make "$P.memory"
	mq create "$Q" journal="$P.j" dead_letter="$P.memory"
	expect 5 '' "$Q: cannot create: dead_letter=$P.memory: it is not in the same journal"
}

test_send_sync()
{
	attach
	make "$Q" journal="$P.j"
	mq send "$Q" one
	expect 0 1
	left 0
	mq send "$Q" --sync two
	expect 0 2
	left 2
}

test_recv_sync()
{
	attach
	make "$Q" journal="$P.j"
	printf '1\n2\n3\n' | "$MQCTL" send "$Q" --line --sync >/dev/null
	mq recv "$Q"
	expect 0 1
	left 3
	mq recv "$Q" -s
	expect 0 2
	left 1
}

test_settle_sync()
{
	attach
	make "$Q" journal="$P.j" ack=manual framing=line
	printf '1\n2\n' | "$MQCTL" send "$Q" --line --sync >/dev/null
	exec 5<"/dev/mq/$Q"
	read -r _ <&5
	mq settle --fd=5 ack
	expect 0
	left 2
	read -r _ <&5
	mq settle --fd=5 --sync ack
	expect 0
	left 0
	exec 5<&-
}

test_consume_sync()
{
	attach
	make "$Q" journal="$P.j"
	printf '1\n2\n3\n4\n' | "$MQCTL" send "$Q" --line --sync >/dev/null
	mq consume "$Q" -n 1 -- true
	expect 0
	left 4
	mq consume "$Q" --sync -n 2 -- true
	expect 0
	left 1
}

test_sync_of_a_queue_in_memory()
{
	local why="cannot sync: the queue has no journal"

	make "$Q" ack=manual
	send "$Q" one
	mq recv "$Q" --sync
	expect 1 '' "$Q: $why"
	mq consume "$Q" --sync -- true
	expect 1 '' "$Q: $why"
	exec 5<"/dev/mq/$Q"
	head -c 3 <&5 >"$T/got"
	mq settle --fd=5 --sync ack
	expect 1 '' "$Q: $why"
	exec 5<&-
	counters "$Q" ready=1 acked=0
}

need_module
run_tests "$@"
