#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Disks and file systems that fail: the first error is final, also if all works
# again, and what was confirmed before it is there when the journal is attached anew.

# shellcheck source=journal_disk.sh
. "$(dirname "$0")/journal_disk.sh"

# Send until one is not confirmed, $1 at most. $sent is how many were.
send_until_it_fails() {
	sent=0
	while [ $sent -lt "$1" ] && send_sync "m$((sent + 1))" 2>/dev/null; do
		sent=$((sent + 1))
	done
}

# The journal has failed, and promises nothing any more.
is_final() {
	eventually state_is failed || fail "$(state)"
	send_sync late 2>/dev/null && fail "it was confirmed after an error"
	echo late 2>/dev/null >"/dev/mq/$queue" && fail "it was taken after an error"
	"$MQCTL" journal detach "$journal" 2>/dev/null && fail "detached in order"
	# Consumers go on with what is in memory.
	equal m1 "$("$MQCTL" recv "$queue")"
	"$MQCTL" recv --sync "$queue" >/dev/null 2>&1 && fail "an end was confirmed"
	return 0
}

# All that was confirmed is there, and nothing else but the message that was not.
has_what_was_confirmed() {
	local seen
	seen=$(payloads | wc -l)
	[ "$seen" = "$sent" ] || [ "$seen" = $((sent + 1)) ] ||
		fail "$sent were confirmed, $seen are there"
	seq -f 'm%.0f' "$seen" >"$T/wanted"
	payloads | cmp - "$T/wanted" || fail "others: $(payloads | tr '\n' ' ')"
}

# A write fails, and then the disk works again. $1 is a file system, or "disk".
write_error_on() {
	local at
	trap cleanup EXIT
	if [ "$1" = disk ]; then
		disk 8
		map_disk
		at=$mapped
		"$MQCTL" journal create "$at" --force || fail "create"
		attach "$at"
		echo "create $queue journal=$journal" >$control
	else
		mounted "$1" mapped
		at=$T/fs/j
	fi
	send_until_it_fails 5
	equal 5 $sent
	writes_fail
	send_sync m6 2>/dev/null && fail "it was confirmed"
	all_works
	is_final
	"$MQCTL" journal detach "$journal" --force || fail "detach"
	if [ "$1" != disk ]; then
		# It may have been shut down.
		umount "$T/fs" || fail "umount"
		mount_fs "$1" "$mapped"
	fi
	attach "$at"
	equal ok "$(state)"
	has_what_was_confirmed
}

test_write_error_of_a_disk_is_final() { write_error_on disk; }
test_write_error_under_ext4_is_final() { write_error_on ext4; }
test_write_error_under_xfs_is_final() { write_error_on xfs; }
test_write_error_under_btrfs_is_final() { write_error_on btrfs; }

# The disk $1 of this machine fails once when it is to flush, and works then.
test_flush_that_fails_once_is_final() {
	local serial
	trap cleanup EXIT
	disk=
	for serial in /sys/block/vd*/serial; do
		[ "$(cat "$serial" 2>/dev/null)" != flush-fails ] ||
			disk=/dev/$(basename "${serial%/serial}")
	done
	[ -n "$disk" ] || skip "no disk here that fails to flush"
	"$MQCTL" journal create "$disk" --force || fail "create"
	attach "$disk"
	echo "create $queue journal=$journal" >$control
	send_until_it_fails 100
	[ $sent -lt 100 ] || fail "no flush failed"
	[ $sent -gt 0 ] || fail "the first flush failed"
	# Flushes work again.
	dd if=/dev/zero of="$disk" bs=4096 count=1 seek=4095 conv=fsync,notrunc \
		status=none || fail "the disk still fails"
	is_final
	"$MQCTL" journal detach "$journal" --force || fail "detach"
	attach "$disk"
	has_what_was_confirmed
}

test_disk_that_cannot_be_read_is_refused_and_nothing_changes() {
	trap cleanup EXIT
	disk 8
	map_disk
	"$MQCTL" journal create "$mapped" --force || fail "create"
	attach "$mapped"
	echo "create $queue journal=$journal" >$control
	send_until_it_fails 3
	"$MQCTL" journal detach "$journal" || fail "detach"
	all_fails
	refused "$mapped" 'cannot be read'
	all_works
	# It could be read, but not be written.
	writes_fail
	"$MQCTL" journal attach "$mapped" "$journal" >"$T/said" 2>&1 && fail "attached"
	grep -q 'it cannot be written' "$T/said" || fail "$(cat "$T/said")"
	[ ! -e "$class/$queue" ] || fail "its queue is there"
	all_works
	attach "$mapped"
	equal 3 "$(value ready)"
	has_what_was_confirmed
}

# Send until the journal fails, and let other messages come and go, so that all of the
# journal is written again.
send_until_full() {
	local n=0 big
	big=$(head -c 60000 /dev/zero | tr '\0' x)
	while state_is ok && [ $n -lt 600 ]; do
		n=$((n + 1))
		printf '%s' "$big" 2>/dev/null >"/dev/mq/$queue.b"
		head -c 60000 "/dev/mq/$queue.b" >/dev/null 2>&1
		! send_sync "m$((sent + 1))" 2>/dev/null || sent=$((sent + 1))
	done
	echo "# $sent were confirmed until it was full"
}

# A file system that writes to another place each time can be full all the same.
test_full_btrfs_is_an_error_and_loses_nothing_confirmed() {
	local size
	trap cleanup EXIT
	mounted btrfs
	echo "create $queue.b journal=$journal" >$control
	send_until_it_fails 3
	for size in 1M 64k 4k; do
		dd if=/dev/zero of="$T/fs/fill.$size" bs=$size status=none 2>/dev/null
		sync -f "$T/fs"
	done
	send_until_full
	state_is failed || fail "it had room for all"
	"$MQCTL" journal ls --json >"$T/said"
	grep -q '"error":"No space left on device"' "$T/said" || fail "$(cat "$T/said")"
	is_final
	rm "$T/fs"/fill.*
	"$MQCTL" journal detach "$journal" --force || fail "detach"
	umount "$T/fs" && mount_fs btrfs "$disk"
	attach "$T/fs/j"
	has_what_was_confirmed
	# With room, it goes on.
	send_sync more || fail "send"
}

# -- writes of which only the beginning is done ---------------------------------

pages_of() { echo $(($(stat -c %b "$1") / 8)); }

# Print behind which page of $1 all is zeros. od prints "*" for repeated pages, and
# zeros in front of an offset, which awk may take for an octal number.
end_of() {
	od -Ad -tx8 -w4096 "$1" | sed 's/^0*\([0-9]\)/\1/' | awk '
		$1 == "*"	{ repeated = used; next }
		repeated	{ end = $1 / 4096; repeated = 0 }
				{ at = $1; $1 = ""; used = /[1-9a-f]/ }
		used		{ end = at / 4096 + 1 }
		END		{ print end }'
}

# Send a message of 25 pages that is not confirmed. Its bytes are no zeros.
large_is_not_confirmed() {
	head -c 100000 /dev/zero | tr '\0' x |
		dd of="/dev/mq/$queue" bs=100000 iflag=fullblock oflag=dsync \
			conv=notrunc,nocreat status=none 2>/dev/null &&
		fail "it was confirmed"
	return 0
}

# After an error all that was confirmed is there, in front of the message of which a
# part was written. Then the journal goes on.
goes_on_without_the_rest() {
	attach "$1"
	equal ok "$(state)"
	has_what_was_confirmed
	equal "$sent" "$(value ready)"
	send_sync more || fail "send"
	equal $((sent + 1)) "$(value ready)"
}

# A file system has room for some pages of a group, and says that it wrote these.
test_write_that_is_short_is_an_error() {
	trap cleanup EXIT
	command -v fallocate >/dev/null || skip "fallocate is missing"
	mkdir "$T/fs"
	mount -t tmpfs -o size=12M none "$T/fs" || fail "mount"
	"$MQCTL" journal create "$T/fs/j" --size=8M || fail "create"
	attach "$T/fs/j"
	echo "create $queue journal=$journal" >$control
	send_until_it_fails 5
	equal 5 $sent
	# Another process makes holes of what is still unused, some pages behind what
	# the journal may write meanwhile: up to where it was flushed.
	fallocate -p -o $((($(end_of "$T/fs/j") + 5) * 4096)) -l 8M "$T/fs/j" ||
		fail "fallocate"
	[ "$(pages_of "$T/fs/j")" -lt 500 ] || fail "there are no holes"
	dd if=/dev/zero of="$T/fs/fill" bs=4096 status=none 2>/dev/null
	truncate -s $((($(pages_of "$T/fs/fill") - 5) * 4096)) "$T/fs/fill"
	large_is_not_confirmed
	equal 0 "$(stat -f -c %f "$T/fs")"
	is_final
	"$MQCTL" journal detach "$journal" --force || fail "detach"
	rm "$T/fs/fill"
	refused "$T/fs/j" 'it has holes'
	dd if="$T/fs/j" of="$T/fs/j" bs=64k conv=notrunc status=none || fail "dd"
	goes_on_without_the_rest "$T/fs/j"
}

# A disk has an error in the middle of a group, and writes what is in front of it.
test_write_of_which_a_disk_does_a_part_is_an_error() {
	local end name
	trap cleanup EXIT
	disk 8
	map_disk
	"$MQCTL" journal create "$mapped" --force || fail "create"
	attach "$mapped"
	echo "create $queue journal=$journal" >$control
	send_until_it_fails 5
	equal 5 $sent
	end=$(($(end_of "$T/disk") + 5))
	name=$(cat "$T/mapped")
	printf '%s\n' "0 $((8 * end)) linear $disk 0" \
		"$((8 * end)) $((sectors - 8 * end)) error" >"$T/table"
	dmsetup load --noudevsync "$name" "$T/table" 2>"$T/said" ||
		skip "no such devices: $(tail -n 1 "$T/said")"
	dmsetup suspend --noudevsync --nolockfs --noflush "$name" &&
		dmsetup resume --noudevsync "$name" || fail "dmsetup"
	large_is_not_confirmed
	equal $end "$(end_of "$T/disk")"
	all_works
	is_final
	"$MQCTL" journal detach "$journal" --force || fail "detach"
	goes_on_without_the_rest "$mapped"
}

# A sector of a message that a topic has in its journal alone cannot be read: that costs
# this message, and not those in front of it, which are read together with it.
test_sector_that_cannot_be_read_costs_its_own_message_alone() {
	local i at name topic=t$$
	trap cleanup EXIT
	disk 8
	map_disk
	"$MQCTL" journal create "$mapped" --force || fail "create"
	attach "$mapped"
	echo "create $topic type=topic journal=$journal retain_messages=100" \
		"retain_memory_bytes=1" >$control
	for i in $(seq 101 140); do
		printf "%5000s" "message$i" | dd of="/dev/mq/$topic" oflag=dsync bs=8k \
			iflag=fullblock conv=notrunc,nocreat status=none || fail "send"
	done
	eventually gone_from_memory "$topic" || fail "it stays in memory"
	at=$(grep -abo message120 "$T/disk" | head -n 1 | cut -d : -f 1)
	[ -n "$at" ] || fail "the message is not there"
	at=$((at / 512)) name=$(cat "$T/mapped")
	printf '%s\n' "0 $at linear $disk 0" "$at 1 error" \
		"$((at + 1)) $((sectors - at - 1)) linear $disk $((at + 1))" >"$T/table"
	dmsetup load --noudevsync "$name" "$T/table" 2>"$T/said" ||
		skip "no such devices: $(tail -n 1 "$T/said")"
	dmsetup suspend --noudevsync --nolockfs --noflush "$name" &&
		dmsetup resume --noudevsync "$name" || fail "dmsetup"
	echo "create $queue" >$control
	echo "bind $topic $queue start=earliest" >$control
	eventually has_ready 39 || fail "$(value ready) of 39 are there"
	equal 1 "$(cat "$class/$topic/unreadable")"
	payloads | grep -o 'message[0-9]*' >"$T/seen"
	seq -f 'message%.0f' 101 140 | grep -v 120 | cmp - "$T/seen" || fail "others"
}

gone_from_memory() { [ "$(cat "$class/$1/retained_memory_bytes")" = 0 ]; }
has_ready() { [ "$(value ready)" = "$1" ]; }

# Another process cuts the file short, on a file system that is written directly.
test_file_that_is_cut_short_is_an_error() {
	trap cleanup EXIT
	mounted ext4
	send_until_it_fails 3
	truncate -s 1M "$T/fs/j"
	send_sync m4 2>/dev/null && fail "it was confirmed"
	is_final
}

# What is written to a file that has no name is lost with the end of the journal.
test_file_that_is_replaced_is_an_error_and_a_move_saves_all() {
	trap cleanup EXIT
	mounted tmpfs
	send_until_it_fails 3
	equal 3 $sent
	"$MQCTL" journal create "$T/fs/other" --size=8M || fail "create"
	mv "$T/fs/other" "$T/fs/j"
	send_sync m4 2>/dev/null && fail "it was confirmed"
	eventually state_is failed || fail "$(state)"
	"$MQCTL" journal ls --json >"$T/said"
	grep -q '"error":"No such file or directory"' "$T/said" || fail "$(cat "$T/said")"
	"$MQCTL" journal move "$journal" "$T/fs/moved" --size=8M || fail "move"
	equal ok "$(state)"
	has_what_was_confirmed
	sent=$(payloads | wc -l)
	send_sync "m$((sent + 1))" || fail "send"
	sent=$((sent + 1))
	"$MQCTL" journal detach "$journal" || fail "detach"
	attach "$T/fs/moved"
	has_what_was_confirmed
}

test_journal_whose_file_is_removed_is_not_detached_as_if_all_were_well() {
	trap cleanup EXIT
	mounted tmpfs
	send_until_it_fails 3
	rm "$T/fs/j"
	"$MQCTL" journal detach "$journal" 2>"$T/said" && fail "detached in order"
	grep -q 'a move to another file saves' "$T/said" || fail "$(cat "$T/said")"
	equal failed "$(state)"
	"$MQCTL" journal move "$journal" "$T/fs/moved" --size=8M || fail "move"
	"$MQCTL" journal detach "$journal" || fail "detach"
	attach "$T/fs/moved"
	has_what_was_confirmed
}

# The file system of the old file is frozen until the new one is removed.
test_file_that_is_removed_during_a_move_is_not_moved_to() {
	local pid sender
	trap cleanup EXIT
	mounted ext4
	send_until_it_fails 3
	fsfreeze --freeze "$T/fs" || skip "fsfreeze does not work here"
	send_sync m4 &
	sender=$!
	eventually state_is frozen || fail "$(state)"
	"$MQCTL" journal move "$journal" "$T/new" --size=8M 2>"$T/said" &
	pid=$!
	calls() { grep -q '^16 ' "/proc/$pid/syscall"; }
	eventually calls || fail "it does not move"
	rm "$T/new"
	fsfreeze --unfreeze "$T/fs"
	wait $pid && fail "moved"
	grep -q 'the other file was removed' "$T/said" || fail "$(cat "$T/said")"
	wait $sender || fail "send"
	equal ok "$(state)"
	"$MQCTL" journal detach "$journal" || fail "detach"
	attach "$T/fs/j"
	sent=4
	has_what_was_confirmed
}

test_file_that_was_removed_cannot_be_attached() {
	trap cleanup EXIT
	"$MQCTL" journal create "$T/j" --size=8M || fail "create"
	exec 5<>"$T/j"
	rm "$T/j"
	refused /proc/self/fd/5 'it was removed'
}

# A write that fails is final, also when the disk works again.
test_error_of_the_block_layer_is_final() {
	local faults=/sys/kernel/debug/fail_make_request
	trap cleanup EXIT
	mount -t debugfs none /sys/kernel/debug 2>/dev/null
	[ -e $faults ] || skip "no fault injection in this kernel"
	disk 8
	"$MQCTL" journal create "$disk" --force || fail "create"
	attach "$disk"
	echo "create $queue journal=$journal" >$control
	send_until_it_fails 1
	echo 1 >"/sys/block/${disk##*/}/make-it-fail"
	echo 0 >$faults/verbose
	echo 100 >$faults/probability
	echo -1 >$faults/times
	send_sync m2 2>/dev/null && fail "it was confirmed"
	echo 0 >$faults/probability
	echo 0 >"/sys/block/${disk##*/}/make-it-fail"
	is_final
	"$MQCTL" journal detach "$journal" --force || fail "detach"
	attach "$disk"
	equal ok "$(state)"
	has_what_was_confirmed
}

run_tests
