#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Journals on a file system and on a block device: what keeps them busy, freezes,
# and errors of the disk.

# shellcheck source=tap.sh
. "$(dirname "$0")/tap.sh"

MQCTL=${MQCTL:-mqctl}
T=$(mktemp -d)
trap 'cleanup; rm -rf "$T"' EXIT

state() { cat "$class/$queue/journal_state"; }
state_is() { [ "$(state)" = "$1" ]; }

# Send with O_DSYNC: it ends when the journal has confirmed the message.
send_sync() {
	printf '%s' "$1" | dd of="/dev/mq/$queue" oflag=dsync conv=notrunc,nocreat \
		status=none
}

cleanup() {
	fsfreeze --unfreeze "$T/fs" 2>/dev/null
	[ ! -e "$class/$queue" ] || echo "remove $queue force" >$control
	"$MQCTL" journal detach "j$$" --force 2>/dev/null
	umount "$T/fs" 2>/dev/null
	[ ! -e "$T/loop" ] || losetup -d "$(cat "$T/loop")" 2>/dev/null
	rm -f "$T/disk" "$T/loop"
}

# Make $disk, a block device of $1 MiB.
disk() {
	dd if=/dev/zero of="$T/disk" bs=1M count="$1" status=none
	disk=$(losetup -f) && [ -b "$disk" ] && losetup "$disk" "$T/disk" ||
		skip "no loop device"
	echo "$disk" >"$T/loop"
}

# Mount the disk, by whichever driver the kernel has for what mke2fs makes.
mount_disk() {
	mount -t ext4 "$disk" "$T/fs" 2>/dev/null ||
		mount -t ext2 "$disk" "$T/fs" 2>/dev/null
}

# Attach a journal on a file system as j$$, with a queue in it.
mounted() {
	disk 24
	mke2fs "$disk" >/dev/null 2>&1 || fail "mke2fs"
	mkdir -p "$T/fs"
	mount_disk || skip "no file system for it in this kernel"
	"$MQCTL" journal create "$T/fs/j" --size=8M || fail "create"
	"$MQCTL" journal attach "$T/fs/j" "j$$" >/dev/null || fail "attach"
	echo "create $queue journal=j$$" >$control
}

test_file_system_is_busy_until_the_journal_is_detached() {
	trap cleanup EXIT
	mounted
	send_sync one || fail "send"
	umount "$T/fs" 2>/dev/null && fail "it was unmounted"
	mount -o remount,ro "$T/fs" 2>/dev/null && fail "it is read-only now"
	"$MQCTL" journal detach "j$$" || fail "detach"
	umount "$T/fs" || fail "umount"
	mount_disk && "$MQCTL" journal attach "$T/fs/j" "j$$" >/dev/null ||
		fail "attach again"
	equal one "$("$MQCTL" recv "$queue")"
}

test_frozen_file_system_makes_senders_wait() {
	local pid
	trap cleanup EXIT
	mounted
	send_sync one || fail "send"
	fsfreeze --freeze "$T/fs" || skip "fsfreeze does not work here"
	send_sync two &
	pid=$!
	eventually state_is frozen || fail "$(state)"
	kill -0 $pid || fail "it did not wait"
	# What nobody waits for is taken as before.
	echo three >"/dev/mq/$queue" || fail "plain send"
	fsfreeze --unfreeze "$T/fs"
	wait $pid || fail "status $?"
	eventually state_is ok || fail "$(state)"
	equal 3 "$(value ready)"
}

test_sender_that_waits_for_a_frozen_file_system_can_be_killed() {
	local pid
	trap cleanup EXIT
	mounted
	fsfreeze --freeze "$T/fs" || skip "fsfreeze does not work here"
	printf two >"$T/two"
	dd of="/dev/mq/$queue" oflag=dsync conv=notrunc,nocreat status=none \
		<"$T/two" &
	pid=$!
	eventually state_is frozen || fail "$(state)"
	kill -TERM $pid
	wait $pid
	equal 143 $?
	fsfreeze --unfreeze "$T/fs"
	eventually state_is ok || fail "$(state)"
}

test_block_device_is_a_journal() {
	trap cleanup EXIT
	disk 8
	"$MQCTL" journal create "$disk" --force || fail "create"
	"$MQCTL" journal attach "$disk" "j$$" >/dev/null || fail "attach"
	echo "create $queue journal=j$$" >$control
	send_sync one || fail "send"
	"$MQCTL" journal attach "$disk" other 2>/dev/null && fail "attached twice"
	mkdir -p "$T/fs"
	mount "$disk" "$T/fs" 2>/dev/null && fail "it was mounted"
	"$MQCTL" journal detach "j$$" || fail "detach"
	"$MQCTL" journal check "$disk" || fail "check"
	"$MQCTL" journal attach "$disk" "j$$" >/dev/null || fail "attach again"
	equal one "$("$MQCTL" recv "$queue")"
}

test_mounted_device_is_refused() {
	trap cleanup EXIT
	mounted
	"$MQCTL" journal detach "j$$" || fail "detach"
	"$MQCTL" journal attach "$disk" "j$$" 2>"$T/said" && fail "attached"
	grep -q 'mounted or in use' "$T/said" || fail "$(cat "$T/said")"
}

# A write that fails is final, also when the disk works again.
test_error_of_the_disk_is_final() {
	local faults=/sys/kernel/debug/fail_make_request
	trap cleanup EXIT
	mount -t debugfs none /sys/kernel/debug 2>/dev/null
	[ -e $faults ] || skip "no fault injection in this kernel"
	disk 8
	"$MQCTL" journal create "$disk" --force || fail "create"
	"$MQCTL" journal attach "$disk" "j$$" >/dev/null || fail "attach"
	echo "create $queue journal=j$$" >$control
	send_sync one || fail "send"
	echo 1 >"/sys/block/${disk##*/}/make-it-fail"
	echo 0 >$faults/verbose
	echo 100 >$faults/probability
	echo -1 >$faults/times
	send_sync two 2>/dev/null && fail "it was confirmed"
	echo 0 >$faults/probability
	echo 0 >"/sys/block/${disk##*/}/make-it-fail"
	equal failed "$(state)"
	send_sync three 2>/dev/null && fail "it was taken after an error"
	# Consumers go on with what is in memory.
	equal one "$("$MQCTL" recv "$queue")"
	"$MQCTL" journal detach "j$$" 2>/dev/null && fail "detached in order"
	"$MQCTL" journal detach "j$$" --force || fail "detach"
	"$MQCTL" journal attach "$disk" "j$$" >/dev/null || fail "attach again"
	equal ok "$(state)"
	equal one "$("$MQCTL" recv "$queue")"
}

run_tests
