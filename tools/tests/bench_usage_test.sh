#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# mqbench: help, wrong usage, and showing reports.
# Measures nothing, and needs no module.

# shellcheck disable=SC2034  # for ktap.sh
MQCTL=${MQBENCH:-mqbench} SAYS=mqbench
# shellcheck source=ktap.sh
. "$(dirname "$0")/ktap.sh"

peers="devmq libdevmq uring pipe packet sysv posix seqpacket dgram null redis
	rabbitmq beanstalkd wfcqueue"
workloads="pair sizes batch ack next priority key delay depth others memory idle
	stream pingpong fanout fanstream fanmemory route"

test_help()
{
	mq --help
	expect 0 -
	grep -q '^Usage: mqbench ' "$T/out" || fail "no usage"
	[ "$(wc -L <"$T/out" 2>/dev/null || echo 0)" -le 80 ] ||
		fail "lines are too long"
	mq -h
	expect 0 -
	mq --version
	expect 0 -
	grep -Eqx 'mqbench [0-9]+\.[0-9]+\.[0-9]+' "$T/out" || fail "version"
}

test_list()
{
	local name

	mq --list
	expect 0 -
	for name in $peers $workloads; do
		grep -q "^  $name " "$T/out" || fail "$name is missing"
	done
	[ -e /dev/mq/control ] ||
		grep -q 'not now: the devmq module is not loaded' "$T/out" ||
		fail "says nothing of the module"
	grep -q 'not now: no --redis=SOCKET' "$T/out" ||
		grep -q 'not now: not built in: there was no libhiredis' \
			"$T/out" || fail "says nothing of redis"
	grep -q 'not now: no --rabbitmq=HOST:PORT' "$T/out" ||
		grep -q 'not now: not built in: there was no librabbitmq' \
			"$T/out" || fail "says nothing of rabbitmq"
}

test_wrong_options()
{
	mq --frobnicate
	expect 2 '' "no option '--frobnicate' (see mqbench --help)"
	mq -Z
	expect 2 '' "no option '-Z' (see mqbench --help)"
	mq pair
	expect 2 '' "'pair' is not an option (see mqbench --help)"
	mq --json
	expect 2 '' '--json needs a value (see mqbench --help)'
	mq --list=yes
	expect 2 '' "no option '--list=yes' (see mqbench --help)"
	mq --readme
	expect 2 '' '--readme and --plot are for --read'
	mq -p pipe,nosuch
	expect 2 '' "--peers: no peer 'nosuch' (see mqbench --list)"
	mq -p ''
	expect 2 '' "--peers: no peer '' (see mqbench --list)"
	mq -w pair,nosuch
	expect 2 '' "--workloads: no workload 'nosuch' (see mqbench --list)"
}

test_wrong_values()
{
	local bad option

	for bad in '' x -1 1.5 '1,'; do
		for option in batch depth queues fanout procs count rounds; do
			mq "--$option=$bad"
			expect 2 '' "--$option: '*' is not a number"
		done
	done
	for option in batch depth queues fanout procs count rounds; do
		mq "--$option=0"
		expect 2 '' "--$option: 0 is out of range (1 to *)"
		mq "--$option=99999999999"
		expect 2 '' "--$option: 99999999999 is out of range (1 to *)"
	done
	mq --size=1T
	expect 2 '' "--size: '1T' is not a number of bytes"
	mq --size=16,1G
	expect 2 '' '--size: 1G is out of range (1 to 67108864)'
	mq --batch=1,1025
	expect 2 '' '--batch: 1025 is out of range (1 to 1024)'
	mq --batch=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17
	expect 2 '' '--batch: more than 16 values'
	mq --fanout=8,101
	expect 2 '' '--fanout: 101 is out of range (1 to 100)'
	for bad in '' localhost :5672 localhost: localhost:0 localhost:65536 \
		localhost:amqp ::1:5672; do
		mq --rabbitmq="$bad"
		expect 2 '' "--rabbitmq: '$bad' is not HOST:PORT"
	done
	mq --time=5
	expect 2 '' "--time: '5' is not a duration such as 500ms or 2s"
	mq --time=2h
	expect 2 '' '--time: 2h is out of range (1ms to 1m)'
}

# report NS: print a report of one result.
report()
{
	cat <<-END
	{ "schema": 1, "system": { "clock": "icount", "kernel": "6.1",
	  "devmq": "0.1", "cpus": 1 }, "plan": {}, "results": [
	  { "workload": "pair", "peer": "devmq", "size": 64, "batch": 0,
	    "ns": $1, "ns_min": $1, "ns_max": $1 },
	  { "workload": "pair", "peer": "null", "size": 64, "batch": 0,
	    "reason": "because" } ] }
	END
}

test_read()
{
	report 1234 >"$T/one"
	{ echo "["; report 1234; echo ,; report 1234; echo "]"; } >"$T/two"
	mq --read="$T/one"
	expect 0 -
	grep -q '^pair: .*; instructions a message$' "$T/out" || fail "title"
	grep -Eq '^  devmq +1234 1\.00' "$T/out" || fail "no figure"
	grep -q '  - because: null$' "$T/out" || fail "no reason"
	mq --read="$T/two"
	expect 0 -
	[ "$(grep -c '^mqbench .*Linux 6.1' "$T/out")" = 1 ] ||
		fail "one machine is shown twice"
	mq --read="$T/one" --readme
	expect 0 -
	grep -Eq '^      write \+ read +1234 +-' "$T/out" || fail "no figure"
	[ "$(wc -L <"$T/out" 2>/dev/null || echo 0)" -le 80 ] ||
		fail "lines are too long"
	mq --read="$T/one" --plot
	expect 0 -
	grep -q '^set terminal svg' "$T/out" || fail "no program"
}

# way PEER WAY SIZE BATCH SHAPE NS: print a result of a fan-out.
way()
{
	cat <<-END
	, { "workload": "fanout", "peer": "$1", "way": "$2", "size": $3,
	    "batch": $4, "shape": "$5", "ns": $6, "send_ns": 7 }
	END
}

# Rows are compared with the first one of the same size and batch, and stand with it.
test_read_fanout()
{
	{
		echo '{ "schema": 1, "system": { "clock": "icount" }, "plan": {},'
		echo '"results": ['
		{
			way devmq topic 64 1 1-8 1000
			way devmq "by hand" 64 1 1-8 1500
			way devmq topic 64 64 1-8 100
			way redis topic 64 1 1-8 20000
			way redis topic 64 64 1-8 4000
		} | sed '1s/^,//'
		echo '] }'
	} >"$T/one"
	mq --read="$T/one"
	expect 0 -
	sed -n '/^fanout: send, receive/,/^$/p' "$T/out" |
		sed 's/^ *//; s/  */ /g; s/ $//' >"$T/table"
	diff - "$T/table" <<-'END' || fail "the table"
	fanout: send, receive, acknowledge; instructions a message and subscription
	1-8
	devmq 64 1000 1.00
	devmq by hand 64 1500 1.50
	redis 64 20000 20.0
	devmq 64 x64 100 1.00
	redis 64 x64 4000 40.0

	END
}

test_compare()
{
	report 1000 >"$T/before"
	report 1015 >"$T/now"
	mq --read="$T/now" --compare="$T/before"
	expect 0 -
	grep -qx '0 of 1 figures; 0 results are only in what is compared, 0 only in what was before' \
		"$T/out" || fail "two percent"
	report 1100 >"$T/now"
	mq --read="$T/now" --compare="$T/before"
	expect 0 -
	grep -q '^  pair devmq .*64 bytes: ns 1100.0, was 1000.0: +10.0 %, worse$' \
		"$T/out" || fail "ten percent more"
	mq --read="$T/before" --compare="$T/now"
	expect 0 -
	grep -q ': ns 1000.0, was 1100.0: -9.1 %, better$' "$T/out" || fail "less"
	# Another version, and another order, with something that is new.
	sed 's/"devmq": "0.1"/"devmq": "0.2", "mqbench": "9"/; s/"results": \[/&\
		{ "workload": "stream", "peer": "devmq", "size": 64, "batch": 0, "rate": 5 },/' \
		"$T/now" >"$T/new"
	mq --read="$T/new" --compare="$T/now"
	expect 0 -
	grep -qx '0 of 1 figures; 1 results are only in what is compared, 0 only in what was before' \
		"$T/out" || fail "something new"
	# More messages a second are better.
	sed 's/"rate": 5/"rate": 6/' "$T/new" >"$T/newer"
	mq --read="$T/newer" --compare="$T/new"
	expect 0 -
	grep -q '^  stream devmq .*: rate 6.0, was 5.0: +20.0 %, better$' "$T/out" ||
		fail "a rate"
}

test_compare_what_cannot_be()
{
	report 1000 >"$T/before"
	sed 's/icount/time/' "$T/before" >"$T/other"
	mq --read="$T/other" --compare="$T/before"
	expect 1 - 'nothing was measured in both: *'
	mq --read="$T/before" --compare="$T/none"
	expect 1 '' "$T/none: cannot read: No such file or directory"
	mq --read="$T/before" --compare="$T/before" --readme
	expect 2 '' '--compare shows neither --readme nor --plot'
	mq --compare
	expect 2 '' '--compare needs a value (see mqbench --help)'
}

test_read_what_is_no_report()
{
	mq --read="$T/none"
	expect 1 '' "$T/none: cannot read: No such file or directory"
	echo '{' >"$T/bad"
	mq --read="$T/bad"
	expect 1 '' "$T/bad: cannot read: not JSON"
	for bad in '{}' '[ 7 ]' '7' '{ "schema": 2 }'; do
		echo "$bad" >"$T/bad"
		mq --read="$T/bad"
		expect 1 '' "$T/bad: not a report of mqbench, schema 1"
	done
}

test_closed_output()
{
	[ -w /dev/full ] || skip "no /dev/full"
	"$MQCTL" --list >/dev/full 2>"$T/err" && fail "full: success"
	grep -q 'cannot write the output' "$T/err" || fail "full: silent"
}

run_tests "$@"
