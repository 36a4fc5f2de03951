#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# mqctl apply and dump, with the module.

# shellcheck source=ktap.sh
. "$(dirname "$0")/ktap.sh"

need_module

J=$P.j		# a journal

# conf LINE...: write $T/conf, which tests apply.
conf() { printf '%s\n' "$@" >"$T/conf"; }

# apply STATUS [STDOUT [STDERR]]: apply $T/conf, and check the results.
apply()
{
	mq apply "$T/conf"
	expect "$@"
}

# Nothing differs.
applied() { apply 0; }

# Make the journal $T/$1.
journal()
{
	"$MQCTL" journal create "$T/$1" --size=4M || fail "cannot make a journal"
}

# Let go of the journals of this test, whatever became of it.
let_go()
{
	local name

	for name in $("$MQCTL" journal ls -n 2>/dev/null | awk '{ print $1 }'); do
		case $name in
		"$P"*) "$MQCTL" journal detach -f "$name" ;;
		esac
	done
}

test_missing_queues_are_created()
{
	conf '# two queues' "create $P.dead" '' \
		"  create	$Q  max_messages=7 dead_letter=$P.dead ttl_ms=1.5s mode=640"
	apply 0 "create $P.dead
create $Q max_messages=7 dead_letter=$P.dead ttl_ms=1.5s mode=640"
	counters "$Q" max_messages=7 dead_letter="$P.dead" ttl_ms=1500 mode=0640
	applied
}

test_live_options_are_changed()
{
	make "$Q" max_messages=7 eof=never
	send "$Q" job
	conf "create $Q eof=empty max_bytes=1M max_messages=07"
	apply 0 "set $Q eof=empty (was never)
set $Q max_bytes=1M (was 67108864)"
	counters "$Q" eof=empty max_bytes=1048576 max_messages=7 ready=1
	applied
}

# What a line does not name is left alone, as are queues without a line.
test_nothing_else_is_touched()
{
	make "$Q" max_messages=7
	make "$P.b"
	conf "create $Q"
	applied
	counters "$Q" max_messages=7
	[ -c "/dev/mq/$P.b" ] || fail "it is gone"
}

test_fixed_options_that_differ_are_named()
{
	make "$Q" order=key eof=never
	make "$P.b"
	conf "create $Q order=fifo eof=empty" "create $P.b priorities=3" "create $P.c"
	mq apply "$T/conf"
	expect_same 4 "$status" status
	expect_same "set $Q eof=empty (was never)
create $P.c" "$(cat "$T/out")" output
	expect_same "mqctl: $Q: order is key, not fifo: it is fixed when a queue is created
mqctl: $P.b: priorities is 1, not 3: it is fixed when a queue is created" \
		"$(cat "$T/err")" errors
	conf "create $Q order=fifo eof=empty"
	apply 4 '' "$Q: order is key, not fifo: *"
}

test_options_of_the_node_are_those_it_has_now()
{
	conf "create $Q mode=0640 uid=root gid=0"
	apply 0 -
	chmod 600 "/dev/mq/$Q"
	apply 4 '' "$Q: mode is 0600, not 0640: *"
	chmod 640 "/dev/mq/$Q"
	applied
}

test_dead_letter_and_overflow_in_any_order()
{
	make "$P.dead"
	make "$Q"
	conf "create $Q overflow=dead-letter dead_letter=$P.dead"
	apply 0 "set $Q dead_letter=$P.dead (was none)
set $Q overflow=dead-letter (was block)"
	conf "create $Q dead_letter=none overflow=block"
	apply 0 "set $Q overflow=block (was dead-letter)
set $Q dead_letter=none (was $P.dead)"
	applied
}

test_rest_is_done_after_a_failure()
{
	make "$P.b"
	conf "create $Q dead_letter=$P.nosuch" "create $P.b eof=nver" "create $P.c"
	mq apply "$T/conf"
	expect_same 5 "$status" status
	expect_same "create $P.c" "$(cat "$T/out")" output
	expect_same "mqctl: $Q: cannot create: dead_letter=$P.nosuch: no such queue
mqctl: $P.b: cannot set eof: nver is not a value of it, which are never|empty|hangup" \
		"$(cat "$T/err")" errors
	conf "create $Q journal=$P.nosuch"
	apply 5 '' "$Q: cannot create: journal=$P.nosuch: no such journal *"
}

test_nothing_is_done_if_a_line_is_wrong()
{
	conf "create $Q" 'frobnicate'
	apply 2 '' "$T/conf:2: 'frobnicate': *"
	[ ! -e "/dev/mq/$Q" ] || fail "it was created"
}

test_several_files()
{
	conf "create $Q"
	echo "create $P.b" >"$T/more"
	mq apply "$T/conf" "$T/more"
	expect 0 "create $Q
create $P.b"
	mq apply - <"$T/conf"
	expect 1 '' '-: cannot open: *'
	mq apply /dev/stdin <"$T/conf"
	expect 0
}

test_dry_run_only_says()
{
	make "$P.b" eof=never order=key
	conf "create $Q eof=empty" "create $P.b eof=empty"
	mq apply -n "$T/conf"
	expect 0 "create $Q eof=empty
set $P.b eof=empty (is never)"
	[ ! -e "/dev/mq/$Q" ] || fail "it was created"
	counters "$P.b" eof=never
	conf "create $P.b order=fifo"
	mq apply --dry-run "$T/conf"
	expect 4 '' "$P.b: order is key, not fifo: *"
}

test_journals_are_attached()
{
	trap let_go EXIT
	journal j
	# The queue's line may come before that of its journal.
	conf "create $Q journal=$J max_messages=7" "journal $J $T/j"
	mq apply -n "$T/conf"
	expect 0 "journal $J $T/j
create $Q journal=$J max_messages=7"
	apply 0 "journal $J $T/j (0 queues, 0 messages)
create $Q journal=$J max_messages=7"
	applied
	"$MQCTL" send --sync "$Q" job >/dev/null || fail "send"
	"$MQCTL" set "$Q" max_messages=8 || fail "set"
	mq journal detach --all
	expect 0
	[ ! -e "/dev/mq/$Q" ] || fail "it is still there"
	# A queue that comes with its journal is compared like any other.
	apply 0 "journal $J $T/j (1 queues, 1 messages)
set $Q max_messages=7 (was 8)"
	counters "$Q" ready=1 journal="$J"
	applied
	conf "create $Q journal=none"
	apply 4 '' "$Q: journal is $J, not none: *"
}

test_another_journal_of_the_name()
{
	trap let_go EXIT
	journal j
	journal k
	"$MQCTL" journal attach "$T/j" "$J" >/dev/null || fail "attach"
	conf "journal $J $T/k"
	apply 4 '' "$T/k: another journal is attached as '$J'"
	conf "journal $J.k $T/j"
	apply 4 '' "$T/j: it is attached as '$J', not as '$J.k'"
	conf "journal $J $T/nosuch"
	apply 1 '' "$T/nosuch: *"
}

test_journals_that_cannot_be_attached()
{
	trap let_go EXIT
	dd if=/dev/zero of="$T/j" bs=64k count=64 2>/dev/null
	conf "journal $J $T/j" "create $Q"
	mq apply "$T/conf"
	expect 1 "create $Q" "$T/j: cannot attach: *"
	rm "$T/j"
	journal j
	# Neither superblock is readable, nor is a file without one a journal.
	tr '\0' '\1' </dev/zero | dd of="$T/j" bs=4k count=16 conv=notrunc iflag=fullblock 2>/dev/null
	apply 1 '' "$T/j: cannot attach: *"
}

test_dump_is_what_apply_takes()
{
	local before

	make "$P.z-dead" retry_ms=100
	make "$Q" retry_ms=100 dead_letter="$P.z-dead" max_bytes=1M mode=0640 order=key uid=1000
	make "$P.tmp" auto_delete=1
	make "$P.tmp2" expires_ms=1h
	mq dump
	expect 0 -
	before=$(cat "$T/out")
	expect_same "create $P.z-dead
create $Q mode=0640 uid=1000 max_bytes=1048576 dead_letter=$P.z-dead order=key
# $P.tmp is temporary: auto_delete=1
# $P.tmp2 is temporary: expires_ms=3600000" "$before" dump
	cp "$T/out" "$T/conf"
	applied
	"$MQCTL" rm -f "$Q" "$P.z-dead" "$P.tmp" "$P.tmp2" || fail "rm"
	apply 0 "$(grep -v '^#' "$T/conf")"
	mq dump
	expect 0 "$(grep -v '^#' "$T/conf")"
}

test_dump_of_journals()
{
	local uuid

	trap let_go EXIT
	mkdir -p /etc/devmq.d
	journal j
	"$MQCTL" journal attach "$T/j" "$J" >/dev/null || fail "attach"
	make "$Q" journal="$J" retry_ms=100
	uuid=$("$MQCTL" journal info "$T/j" | sed -n 's/^uuid //p')
	mq dump
	expect 0 "# Which file this is, nobody has written down; its uuid is
# $uuid.
#journal $J FILE
create $Q journal=$J"
	echo "journal $J $T/j" >/etc/devmq.d/10-mqctl-test.conf
	mq dump
	rm /etc/devmq.d/10-mqctl-test.conf
	expect 0 "journal $J $T/j
create $Q journal=$J"
	cp "$T/out" "$T/conf"
	applied
}

test_folder_is_read_in_order()
{
	local status

	[ ! -e /etc/devmq.d ] || [ -z "$(ls /etc/devmq.d)" ] ||
		skip "there is something in /etc/devmq.d"
	mkdir -p /etc/devmq.d
	echo "create $Q" >/etc/devmq.d/20.conf
	echo "create $P.b" >/etc/devmq.d/10.conf
	echo "nonsense" >/etc/devmq.d/30.conf.old
	mq apply
	rm /etc/devmq.d/{10,20}.conf /etc/devmq.d/30.conf.old
	expect 0 "create $P.b
create $Q"
	mq apply
	expect 0 '' '/etc/devmq.d: there is no *.conf, so there is nothing to do'
}

test_user_who_may_not_is_told_which_node()
{
	as_user "$MQCTL journal ls" 2>"$T/err" && fail "listed"
	grep -q 'cannot list journals: /dev/mq/control: Permission denied' "$T/err" ||
		fail "$(cat "$T/err")"
}

test_detach_of_all()
{
	trap let_go EXIT
	journal j
	journal k
	conf "journal $J $T/j" "journal $J.k $T/k" "create $Q journal=$J"
	apply 0 -
	exec 5<>"/dev/mq/$Q"
	mq journal detach -a
	expect 1 '' "$J: cannot detach: *open*"
	mq journal ls -n
	[ "$(awk '{ print $1 }' "$T/out")" = "$J" ] || fail "$(cat "$T/out")"
	mq journal detach -a -f
	expect 0
	exec 5>&-
	mq journal ls -n
	expect 0
}

run_tests "$@"
