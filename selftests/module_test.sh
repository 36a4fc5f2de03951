#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Loading and unloading the module, its parameters and its devices.

# shellcheck source=tap.sh
. "$(dirname "$0")/tap.sh"

# The path of the module in the test machine.
module=/modules/devmq.ko

references() { cat /sys/module/devmq/refcnt; }

test_module_is_free_without_queues() {
	eventually grep -qx 0 /sys/module/devmq/refcnt || fail "$(references)"
	equal live "$(cat /sys/module/devmq/initstate)"
}

test_module_cannot_go_while_there_is_a_queue() {
	local before
	before=$(references)
	echo "create $queue" >$control
	equal $((before + 1)) "$(references)"
	rmmod devmq 2>/dev/null && fail "rmmod worked"
	[ -c "/dev/mq/$queue" ] || fail "the queue is gone"
	echo "remove $queue" >$control
	equal "$before" "$(references)"
}

test_module_cannot_go_while_a_removed_queue_is_open() {
	local before
	before=$(references)
	echo "create $queue" >$control
	exec 5<>"/dev/mq/$queue"
	echo "remove $queue" >$control
	[ "$(references)" -gt "$before" ] || fail "nothing holds the module"
	rmmod devmq 2>/dev/null && fail "rmmod worked"
	exec 5>&-
	equal "$before" "$(references)"
}

test_module_cannot_go_while_the_control_node_is_open() {
	exec 5<>$control
	rmmod devmq 2>/dev/null && fail "rmmod worked"
	exec 5>&-
	equal 0 "$(references)"
}

test_failed_create_holds_nothing() {
	local before
	before=$(references)
	(echo "create $queue max_messages=0" >$control) 2>/dev/null &&
		fail "created with max_messages=0"
	(echo "create .. " >$control) 2>/dev/null && fail "created .."
	equal "$before" "$(references)"
}

test_parameter_has_a_safe_mode() {
	local file=/sys/module/devmq/parameters/max_total_bytes
	case $(stat -c %a $file) in
	600 | 644) ;;
	*) fail "mode $(stat -c %a $file)" ;;
	esac
	[ "$(cat $file)" -gt 1000000 ] || fail "$(cat $file)"
}

# Readers and writers may spin before they sleep, for a bounded time.
test_spinning_has_bounds() {
	local file=/sys/module/devmq/parameters/spin_us before value
	before=$(cat $file)
	equal 50 "$before"
	for value in 1001 -1 x ""; do
		(echo "$value" >$file) 2>/dev/null && fail "accepted '$value'"
		equal "$before" "$(cat $file)"
	done
	for value in 0 1 1000; do
		echo $value >$file || fail "refused $value"
		equal $value "$(cat $file)"
	done
	echo "$before" >$file
}

test_class_has_the_control_device() {
	[ -e $class/control/dev ] || fail "no $class/control"
	equal "DEVNAME=mq/control" "$(grep DEVNAME $class/control/uevent)"
}

# Reload the module and print the minor number of the first new queue.
first_minor() {
	rmmod devmq && insmod $module || fail "cannot be loaded again"
	eventually [ -c $control ]
	echo "create $queue" >$control
	stat -c %T "/dev/mq/$queue"
	echo "remove $queue" >$control
}

# Numbers must differ between loads, as a node can be older than the loaded
# module.
test_numbers_of_queues_begin_anywhere() {
	local first second third
	[ -e $module ] || skip "no file $module"
	first=$(first_minor) && second=$(first_minor) && third=$(first_minor) ||
		fail "$first $second $third"
	[ "$first" != "$second" ] && [ "$second" != "$third" ] &&
		[ "$first" != "$third" ] || fail "$first, $second, $third"
}

test_node_of_another_life_opens_nothing() {
	local i
	[ -e $module ] || skip "no file $module"
	echo "create $queue" >$control
	mknod "/run/$queue" c $((0x$(stat -c %t "/dev/mq/$queue"))) \
		$((0x$(stat -c %T "/dev/mq/$queue")))
	echo x >"/run/$queue" || fail "the node does not work"
	echo "remove $queue force" >$control
	rmmod devmq && insmod $module || fail "cannot be loaded again"
	eventually [ -c $control ]
	for i in 1 2 3; do
		echo "create $queue.$i" >$control
	done
	(exec 5<>"/run/$queue") 2>/dev/null && fail "it opened a queue"
	for i in 1 2 3; do
		echo "remove $queue.$i force" >$control
	done
	rm "/run/$queue"
}

# After a reload the control node exists, or the module is not loaded.
test_module_does_not_load_where_a_file_is_in_the_way_of_the_control_node() {
	[ -e $module ] || skip "no file $module"
	rmmod devmq || fail "the module is in use"
	mkdir -p /dev/mq
	echo 'create orders' >$control
	insmod $module 2>/dev/null && fail "it was loaded"
	[ ! -e /sys/module/devmq ] || fail "the module is loaded"
	[ ! -e $class/control ] || fail "its device exists"
	equal 'create orders' "$(cat $control)"
	dmesg | tail -n 3 | grep -q 'another file stands at /dev/mq/control' ||
		fail "the log does not say why: $(dmesg | tail -n 3)"
	rm $control
	insmod $module || fail "it cannot be loaded any more"
	[ -c $control ] || fail "no control node"
	echo "create $queue" >$control || fail "no queue can be made"
}

# A file that is at no queue's path does not prevent loading.
test_stale_file_in_the_directory_is_no_harm_to_a_reload() {
	[ -e $module ] || skip "no file $module"
	echo "old job" >"/dev/mq/$queue"
	rmmod devmq && insmod $module || fail "cannot be loaded again"
	[ -c $control ] || fail "no control node"
	equal "old job" "$(cat "/dev/mq/$queue")"
	rm "/dev/mq/$queue"
}

run_tests
