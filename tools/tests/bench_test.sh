#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# mqbench with the module: every workload with every peer, few messages. It must
# run as root, on a machine whose limits it may raise.

# shellcheck disable=SC2034  # for ktap.sh
MQCTL=${MQBENCH:-mqbench} SAYS=mqbench
# shellcheck source=ktap.sh
. "$(dirname "$0")/ktap.sh"
[ -e /dev/mq/control ] || { echo "1..0 # SKIP no /dev/mq/control"; exit 4; }

kernel_peers=(devmq pipe packet sysv posix seqpacket dgram)

# measure WORKLOAD [OPTION]...: run mqbench with the report in $T/out. Every
# result must have figures greater than zero, or a reason for having none.
measure()
{
	local load=$1 results figures reasons

	shift
	mq -p all -w "$load" -n 16 -r 2 -s 64,4096 -b 1,8 -d 10 -q 3 -j 2 -f 1,3 \
		"$@" --json=-
	expect 0 -
	cp "$T/out" "$T/json"
	expect_json /schema 1 /results/0/workload "$load" \
		/results/0/peer devmq /plan/procs 2 \
		/system/kernel "$(uname -r)"
	results=$(grep -c '"workload":' "$T/json")
	figures=$(grep -cE '"(ns|rate|bytes|p50|percent)":' "$T/json")
	reasons=$(grep -c '"reason":' "$T/json")
	[ "$results" = $((figures + reasons)) ] ||
		fail "$load: $results results, $figures with figures," \
			"$reasons with reasons"
	! grep -E '"(ns|ns_min|rate|rate_max|p50|p99|create_ns)": (0|-)' \
		"$T/json" || fail "$load: figures that cannot be"
}

# took_part PEER...: check that each of these has figures.
took_part()
{
	local peer

	for peer; do
		awk -v peer="\"$peer\"," '/"peer":/ { it = $2 == peer }
			it && /"(ns|rate|bytes|p50|percent)":/ { found = 1 }
			END { exit !found }' "$T/json" ||
			fail "$peer took no part"
	done
}

test_pair()
{
	measure pair
	took_part "${kernel_peers[@]}" libdevmq null
}

test_sizes()
{
	measure sizes
	took_part "${kernel_peers[@]}" libdevmq null
}

test_send()
{
	measure send
	took_part devmq seqpacket dgram
}

test_batch()
{
	measure batch
	took_part devmq seqpacket dgram
}

# Runs if the library and the kernel have io_uring.
test_uring()
{
	mq --list
	expect 0 -
	! grep -A1 '^ *uring ' "$T/out" | grep -q 'not now' || skip "no io_uring"
	measure pair
	took_part uring
	measure batch
	took_part uring
	measure stream
	took_part uring
}

test_ack()
{
	measure ack
	took_part devmq
}

test_next()
{
	measure next
	took_part devmq
}

test_priority()
{
	measure priority
	took_part devmq sysv posix
}

test_key()
{
	measure key
	took_part devmq
}

test_delay()
{
	measure delay
	took_part devmq
}

test_depth()
{
	measure depth
	took_part "${kernel_peers[@]}"
}

test_others()
{
	measure others
	took_part "${kernel_peers[@]}"
}

test_stream()
{
	measure stream
	took_part "${kernel_peers[@]}" libdevmq
}

test_pingpong()
{
	measure pingpong
	took_part "${kernel_peers[@]}" libdevmq
}

# Send so many messages of devmq that other changes in the machine's memory are
# small in comparison: a message takes more than its bytes. Other peers may hold
# fewer.
test_memory()
{
	measure memory -n 8000
	took_part "${kernel_peers[@]}"
	awk '/"peer":/ { it = $2 == "\"devmq\"," }
		/"size":/ { size = $2 + 0 }
		it && /"bytes":/ { seen++; if ($2 + 0 <= size) less = 1 }
		END { exit less || seen != 4 }' "$T/json" ||
		fail "$(grep '"bytes":' "$T/json")"
}

test_idle()
{
	measure idle -q 200
		took_part "${kernel_peers[@]}"
}

# shaped WORKLOAD WAY SHAPE: is there such a result of devmq, with figures?
shaped()
{
	awk -v load="\"$1\"," -v way="\"$2\"," -v shape="\"$3\"," '
		/"workload":/ { it = $2 == load; a = b = 0 }
		/"peer":/ { it = it && $2 == "\"devmq\"," }
		/"shape":/ { a = $2 == shape }
		/"way":/ { sub(/^ *"way": /, ""); b = $0 == way }
		it && a && b && /"(ns|rate|bytes)":/ { found = 1 }
		END { exit !found }' "$T/json" || fail "no devmq, $2, $3"
}

test_fanout()
{
	local load way

	for load in fanout fanstream fanmemory; do
		measure "$load"
		took_part devmq posix
		for way in topic "by hand"; do
			shaped "$load" "$way" 1-1
			shaped "$load" "$way" 1-3
		done
		! grep -q '"shape": "1-8"' "$T/json" || fail "not asked for"
	done
}

# A message takes at least its bytes in each queue that stores one of its own.
test_memory_of_a_fanout()
{
	mq -p devmq -w fanmemory -f 4 -s 4096 -n 64 --json=-
	expect 0 -
	expect_json /results/0/way topic /results/1/way "by hand" \
		/results/0/bytes_of "the peer" /results/1/subscriptions 4
	awk '/"bytes":/ { n++; if (n == 2 && $2 < 4096) less = 1 }
		END { exit less || n != 2 }' "$T/out" ||
		fail "$(grep '"bytes":' "$T/out")"
}

# One row for each kind of patterns, and one for the dearest there can be.
test_route()
{
	measure route
	took_part devmq
	grep -q '"way": "queue alone"' "$T/json" || fail "no queue alone"
	awk '/"way":/ { hostile = /hostile/ }
		hostile && /"bindings":/ && $2 + 0 > 64 { many = 1 }
		hostile && /"ns":/ { figure = 1 }
		END { exit !many || !figure }' "$T/json" ||
		fail "no hostile patterns"
}

test_configuration_is_told()
{
	mq -p pipe,sysv,posix,seqpacket -w pair -n 16 -r 1 --json=-
	expect 0 -
	expect_json /results/0/config F_SETPIPE_SZ=65536 \
		/results/1/config msg_qbytes=65536 \
		/results/2/config 'mq_maxmsg=1024 mq_msgsize=64' \
		/results/0/capacity 1024 /results/0/count 16
	grep -q '"config": "SO_SNDBUF=[1-9]' "$T/out" || fail "no SO_SNDBUF"
}

test_a_server_that_is_not_there()
{
	mq -p beanstalkd -w ack -n 16 --beanstalkd="$T/nothing"
	[ "$status" = 1 ] || fail "exit status $status"
	grep -qx 'mqbench: ack: beanstalkd: No such file or directory' \
		"$T/err" || fail "$(cat "$T/err")"
}

test_nothing_is_left_behind()
{
	mq -w pair,others,fanout,route -q 5 -n 16 -r 1
	expect 0 -
	for queue in /sys/class/mq/mqbench.*; do
		[ ! -e "$queue" ] || fail "$queue"
	done
	[ "$(wc -l </proc/sysvipc/msg)" = 1 ] || fail "$(cat /proc/sysvipc/msg)"
}

# Durable queues, in a journal in memory. The last one: what a journal gives back
# later would be in the figures of memory.
test_confirm()
{
	local load

	type -P mqctl >/dev/null || skip "no mqctl"
	mqctl journal create "$T/j" --size=16M >/dev/null &&
		mqctl journal attach "$T/j" bench || fail "no journal"
	for load in send confirm fair recovery; do
		measure "$load" --journal="bench:$T/j" -n 128
		took_part durable
	done
	mqctl journal detach bench || fail "the journal is in use"
}

run_tests "$@"
