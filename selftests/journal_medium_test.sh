#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Where a journal may be: file systems and block devices, what each of them keeps
# after an orderly end and after a crash, what keeps them busy, and what is refused.

# shellcheck source=journal_disk.sh
. "$(dirname "$0")/journal_disk.sh"

# -- what comes back ---------------------------------------------------------------

# Send and receive, and leave two, three and a large message that are confirmed, and
# four, which need not be.
use() {
	local n=0 word
	for word in one two three; do
		n=$((n + 1))
		equal $n "$("$MQCTL" send --sync "$queue" "$word")"
	done
	equal one "$("$MQCTL" recv --sync "$queue")"
	head -c 100000 /dev/urandom >"$T/large"
	"$MQCTL" send --sync "$queue" <"$T/large" >/dev/null || fail "send a large one"
	"$MQCTL" send "$queue" four >/dev/null || fail "send"
}

# Check what use() left, after a crash or (1) an orderly end.
used() {
	equal two "$("$MQCTL" recv "$queue")"
	equal three "$("$MQCTL" recv "$queue")"
	"$MQCTL" recv --raw "$queue" >"$T/received" || fail "the large one is not there"
	cmp "$T/large" "$T/received" || fail "the large one has other bytes"
	if [ "${1:-}" ] || [ "$(value ready)" = 1 ]; then
		equal four "$("$MQCTL" recv "$queue")"
	fi
	equal 0 "$(value ready)"
}

orderly_end_on() {
	trap cleanup EXIT
	mounted "$1"
	use
	"$MQCTL" journal detach "$journal" || fail "detach"
	"$MQCTL" journal check "$T/fs/j" >"$T/said" || fail "check: $(cat "$T/said")"
	[ "$1" = tmpfs ] || {
		umount "$T/fs" || fail "umount"
		mount_fs "$1" "$disk"
	}
	attach "$T/fs/j"
	used 1
}

# Go on with a copy of the disk as it is, with all that the file system keeps in
# memory lost.
crash_on() {
	trap cleanup EXIT
	mounted "$1"
	use
	if [ "$1" = tmpfs ]; then
		cp "$T/fs/j" "$T/copy"
	else
		cp --sparse=always "$T/disk" "$T/copy"
	fi
	"$MQCTL" journal detach "$journal" --force || fail "detach"
	if [ "$1" = tmpfs ]; then
		cp "$T/copy" "$T/fs/j"
	else
		umount "$T/fs" || fail "umount"
		loop_of "$T/copy"
		mount_fs "$1" "$disk"
	fi
	attach "$T/fs/j"
	used
}

test_orderly_end_on_ext4() { orderly_end_on ext4; }
test_orderly_end_on_xfs() { orderly_end_on xfs; }
test_orderly_end_on_btrfs() { orderly_end_on btrfs; }
test_orderly_end_on_tmpfs() { orderly_end_on tmpfs; }
test_crash_on_ext4() { crash_on ext4; }
test_crash_on_xfs() { crash_on xfs; }
test_crash_on_btrfs() { crash_on btrfs; }
test_crash_on_tmpfs() { crash_on tmpfs; }

test_block_device_is_a_journal() {
	trap cleanup EXIT
	disk 8
	"$MQCTL" journal create "$disk" --force || fail "create"
	attach "$disk"
	echo "create $queue journal=$journal" >$control
	use
	refused "$disk" 'mounted or in use'
	mkdir -p "$T/fs"
	mount "$disk" "$T/fs" 2>/dev/null && fail "it was mounted"
	cp "$T/disk" "$T/copy"
	"$MQCTL" journal detach "$journal" || fail "detach"
	"$MQCTL" journal check "$disk" >"$T/said" || fail "check: $(cat "$T/said")"
	attach "$disk"
	used 1
	"$MQCTL" journal detach "$journal" || fail "detach"
	loop_of "$T/copy"
	attach "$disk"
	used
}

# Print how many KiB of a disk were read.
read_of() { awk '{ print int($3 / 2) }' "/sys/block/${disk##*/}/stat"; }

# What topics retain is in memory after that, as they have no retain_memory_bytes.
test_attach_reads_what_topics_retain_once() {
	local before kib
	trap cleanup EXIT
	disk 16
	"$MQCTL" journal create "$disk" --force || fail "create"
	attach "$disk"
	echo "create $queue type=topic journal=$journal retain_messages=1000" \
		max_message_size=60000 >$control
	dd if=/dev/urandom of="/dev/mq/$queue" bs=50000 count=80 conv=notrunc,nocreat \
		status=none || fail "send"
	"$MQCTL" journal detach "$journal" || fail "detach"
	before=$(read_of)
	attach "$disk"
	kib=$(($(read_of) - before))
	equal 80 "$(value retained)"
	equal 4000000 "$(value retained_memory_bytes)"
	[ "$kib" -gt 3906 ] || fail "$kib KiB were read, so this test sees nothing"
	[ "$kib" -lt 6000 ] || fail "$kib KiB were read for 3906"
}

# -- what is busy --------------------------------------------------------------------

test_file_system_is_busy_until_the_journal_is_detached() {
	trap cleanup EXIT
	mounted ext4
	send_sync one || fail "send"
	umount "$T/fs" 2>/dev/null && fail "it was unmounted"
	mount -o remount,ro "$T/fs" 2>/dev/null && fail "it is read-only now"
	"$MQCTL" journal detach "$journal" || fail "detach"
	umount "$T/fs" || fail "umount"
	mount_fs ext4 "$disk"
	attach "$T/fs/j"
	equal one "$("$MQCTL" recv "$queue")"
}

test_mounted_or_claimed_device_is_refused() {
	trap cleanup EXIT
	mounted ext4
	"$MQCTL" journal detach "$journal" || fail "detach"
	refused "$disk" 'mounted or in use'
	umount "$T/fs"
	map_disk
	refused "$disk" 'mounted or in use'
}

test_device_that_is_swapped_to_is_refused() {
	trap cleanup EXIT
	disk 8
	mkswap "$disk" >/dev/null 2>&1 && swapon "$disk" 2>/dev/null ||
		skip "no swap in this kernel"
	echo "$disk" >"$T/swap"
	refused "$disk" 'mounted or in use'
}

test_swap_file_is_refused() {
	trap cleanup EXIT
	disk 24
	make_fs ext4 "$disk"
	mount_fs ext4 "$disk"
	"$MQCTL" journal create "$T/fs/j" --size=8M || fail "create"
	mkswap "$T/fs/j" >/dev/null 2>&1 && swapon "$T/fs/j" 2>/dev/null ||
		skip "no swap in this kernel"
	echo "$T/fs/j" >"$T/swap"
	refused "$T/fs/j" 'swap file\|Text file busy'
}

# The file of an attached journal, by other ways than the name of that file.
test_file_that_is_attached_is_refused_by_any_way() {
	trap cleanup EXIT
	mounted ext4
	send_sync one || fail "send"
	ln "$T/fs/j" "$T/fs/hard"
	ln -s "$T/fs/j" "$T/soft"
	mkdir "$T/again"
	mount --bind "$T/fs" "$T/again" || fail "mount"
	refused "$T/fs/hard" 'attached already, as'
	refused "$T/soft" 'attached already, as'
	refused "$T/again/j" 'attached already, as'
	loop_of "$T/fs/j"
	refused "$disk" 'a journal with its uuid is attached as'
	cp "$T/fs/j" "$T/copy"
	refused "$T/copy" 'a journal with its uuid is attached as'
	# None of these did any harm.
	send_sync two || fail "send"
	equal one "$("$MQCTL" recv "$queue")"
}

holes_on() {
	trap cleanup EXIT
	disk "$(megabytes_of "$1")"
	make_fs "$1" "$disk"
	mount_fs "$1" "$disk"
	"$MQCTL" journal create "$T/fs/j" --size=8M || fail "create"
	cp --reflink=never --sparse=always "$T/fs/j" "$T/fs/sparse"
	refused "$T/fs/sparse" 'it has holes'
	# Nothing of the file was changed, and the whole one is good.
	attach "$T/fs/j"
}

test_file_with_holes_on_ext4_is_refused() { holes_on ext4; }
test_file_with_holes_on_xfs_is_refused() { holes_on xfs; }
test_file_with_holes_on_btrfs_is_refused() { holes_on btrfs; }

test_file_system_that_is_read_only_is_refused() {
	trap cleanup EXIT
	mounted ext4
	"$MQCTL" journal detach "$journal" || fail "detach"
	mount -o remount,ro "$T/fs" || fail "remount"
	refused "$T/fs/j" 'Read-only file system'
}

test_what_is_no_file_is_refused() {
	trap cleanup EXIT
	mkfifo "$T/pipe"
	refused "$T/pipe" 'neither a regular file nor a block device'
	refused /dev/zero 'neither a regular file nor a block device'
	refused "$T" 'Is a directory'
}

test_any_other_file_is_refused() {
	local size
	trap cleanup EXIT
	for size in 0 1 4096 5000 8191 8192 70000; do
		head -c "$size" /dev/urandom >"$T/text"
		refused "$T/text" 'it is no journal: mqctl journal create makes one'
	done
}

# -- frozen file systems -----------------------------------------------------------

frozen_on() {
	local pid
	trap cleanup EXIT
	mounted "$1"
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

test_frozen_ext4_makes_senders_wait() { frozen_on ext4; }
test_frozen_xfs_makes_senders_wait() { frozen_on xfs; }
test_frozen_btrfs_makes_senders_wait() { frozen_on btrfs; }

# Print what poll says at once, or within $2 s, of a reader of topic $1: 1 if it is
# readable; and what it reads. It goes on when there is a line.
read_frozen='
	$| = 1;
	sysopen(F, $ARGV[0], 2048) or die "open: $!\n";
	sub polled {
		my $r = ""; vec($r, fileno(F), 1) = 1;
		return scalar select($r, undef, undef, $_[0]);
	}
	sub got {
		my $b;
		return defined(sysread(F, $b, 100)) ? $b : $! == 11 ? "EAGAIN" : "$!";
	}
	print got(), " ", polled(0.3), " ", got(), " ", polled(0), "\n";
	print polled(60), " ", got(), "\n";
'

# Nothing is read back before the end of the freeze, and poll does not say it could be.
test_reader_of_a_frozen_topic_sleeps_in_poll() {
	local reader sender
	trap cleanup EXIT
	mounted ext4 "" "type=topic retain_messages=100 retain_memory_bytes=1"
	send_sync one || fail "send"
	away() { [ "$(value retained_memory_bytes)" = 0 ]; }
	eventually away || fail "it stays in memory"
	fsfreeze --freeze "$T/fs" || skip "fsfreeze does not work here"
	send_sync two &
	sender=$!
	eventually state_is frozen || fail "$(state)"
	LC_ALL=C perl -e "$read_frozen" "/dev/mq/$queue" >"$T/read" 2>&1 &
	reader=$!
	said() { [ -s "$T/read" ]; }
	eventually said || fail "the reader waits"
	fsfreeze --unfreeze "$T/fs"
	wait $reader || fail "reader: status $?"
	wait $sender || fail "sender: status $?"
	equal "EAGAIN 0 EAGAIN 0 1 one" "$(xargs <"$T/read")"
}

test_sender_that_waits_for_a_frozen_file_system_can_be_killed() {
	local pid
	trap cleanup EXIT
	mounted ext4
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

run_tests
