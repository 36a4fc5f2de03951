# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# For tests of journals on disks and file systems, in bash: what they share. A test
# has $T, an empty directory, and the journal j$$ with the queue $queue, and begins
# with "trap cleanup EXIT".

# shellcheck source=tap.sh
. "$(dirname "$0")/tap.sh"

MQCTL=${MQCTL:-mqctl}
T=$(mktemp -d)
trap 'cleanup; rm -rf "$T"' EXIT
journal=j$$

state() { cat "$class/$queue/journal_state"; }
state_is() { [ "$(state)" = "$1" ]; }

# Send with O_DSYNC: it ends when the journal has confirmed the message.
send_sync() {
	printf '%s' "$1" | dd of="/dev/mq/$queue" oflag=dsync conv=notrunc,nocreat \
		status=none
}

# Print the payloads that are in the queue, one a line.
payloads() { "$MQCTL" peek "$queue" -n 1000; }

attach() {
	"$MQCTL" journal attach "$1" "$journal" >/dev/null || fail "attach $1"
}

# refused FILE WORDS: the file is no journal to attach, for this reason.
refused() {
	"$MQCTL" journal attach "$1" other >"$T/said" 2>&1 && {
		"$MQCTL" journal detach other
		fail "attached $1"
	}
	grep -q -- "$2" "$T/said" || fail "$(cat "$T/said")"
}

cleanup() {
	fsfreeze --unfreeze "$T/fs" 2>/dev/null
	# A journal that has failed says that this is not on stable storage.
	[ ! -e "$class/$queue" ] || echo "remove $queue force" 2>/dev/null >$control
	"$MQCTL" journal detach "$journal" --force 2>/dev/null
	[ ! -e "$T/swap" ] || swapoff "$(cat "$T/swap")"
	umount "$T/again" 2>/dev/null
	# What is in use is let go of when it no longer is.
	[ ! -e "$T/loop" ] || xargs -n 1 losetup -d <"$T/loop" 2>/dev/null
	umount "$T/fs" 2>/dev/null
	[ ! -e "$T/mapped" ] || dmsetup remove --noudevsync "$(cat "$T/mapped")"
	rm -rf "${T:?}"/*
}

# Make $disk of file $1, a loop device.
loop_of() {
	disk=$(losetup -f) && [ -b "$disk" ] && losetup "$disk" "$1" ||
		skip "no loop device"
	echo "$disk" >>"$T/loop"
}

# Make $disk, a block device of $1 MiB.
disk() {
	truncate -s "$1M" "$T/disk"
	loop_of "$T/disk"
}

# Map $mapped to $disk, so that its errors can be had.
map_disk() {
	local name=f$$
	command -v dmsetup >/dev/null || skip "dmsetup is missing"
	sectors=$(cat "/sys/block/${disk##*/}/size")
	dmsetup create --noudevsync "$name" --table \
		"0 $sectors flakey $disk 0 3600 0" >"$T/said" 2>&1 ||
		skip "no flakey devices: $(tail -n 1 "$T/said")"
	echo "$name" >"$T/mapped"
	mapped=/dev/$(dmsetup info -c --noheadings -o blkdevname "$name")
}

# The mapped disk works from now on, or has errors: map_has UP DOWN [FEATURE].
map_has() {
	local name
	name=$(cat "$T/mapped")
	dmsetup load --noudevsync "$name" --table \
		"0 $sectors flakey $disk 0 $1 $2 ${3:+1 $3}" &&
		dmsetup suspend --noudevsync --nolockfs --noflush "$name" &&
		dmsetup resume --noudevsync "$name" || fail "dmsetup"
}
writes_fail() { map_has 0 3600 error_writes; }
all_fails() { map_has 0 3600; }
all_works() { map_has 3600 0; }

# make_fs TYPE DISK: make a file system.
make_fs() {
	local mkfs=mkfs.$1
	[ "$1" != tmpfs ] || return 0
	command -v "$mkfs" >/dev/null || skip "$mkfs is missing"
	grep -qw "$1" /proc/filesystems || skip "this kernel has no $1"
	case $1 in
	ext4) mkfs.ext4 -q -F "$2" ;;
	*) "$mkfs" -q -f "$2" ;;
	esac >"$T/said" 2>&1 || fail "$mkfs: $(cat "$T/said")"
}

# mount_fs TYPE DISK
mount_fs() {
	mkdir -p "$T/fs"
	mount -t "$1" "$2" "$T/fs" || fail "mount -t $1"
}

# The least MiB that mkfs takes, or what makes it quick.
megabytes_of() {
	case $1 in
	xfs) echo 320 ;;
	btrfs) echo 128 ;;
	*) echo 24 ;;
	esac
}

# Attach a journal on a file system of this type as $journal, with a queue in it.
# With "mapped", writes of its disk can be made to fail.
mounted() {
	local type=$1 at=none
	if [ "$type" != tmpfs ]; then
		disk "$(megabytes_of "$type")"
		at=$disk
		[ -z "${2:-}" ] || { map_disk; at=$mapped; }
	fi
	make_fs "$type" "$at"
	mount_fs "$type" "$at"
	"$MQCTL" journal create "$T/fs/j" --size=8M || fail "create"
	attach "$T/fs/j"
	echo "create $queue journal=$journal ${3:-}" >$control
}
