#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What mqctl says of itself and of wrong usage. Needs no module.

# shellcheck source=ktap.sh
. "$(dirname "$0")/ktap.sh"

commands="create rm ls stat get set send recv consume peek purge redrive settle"

test_help()
{
	local c

	mq --help
	expect 0 -
	grep -q '^Usage: mqctl COMMAND' "$T/out" || fail "no usage"
	for c in $commands; do
		grep -q "^  $c " "$T/out" || fail "$c is missing"
	done
	mq -h
	expect 0 -
}

test_version()
{
	mq --version
	expect 0 -
	grep -Eqx 'mqctl [0-9]+\.[0-9]+\.[0-9]+' "$T/out" || fail "version"
	mq -V
	expect 0 -
}

test_no_command()
{
	mq
	expect 2 '' 'no command (see mqctl --help)'
	mq frobnicate
	expect 2 '' "no command 'frobnicate' (see mqctl --help)"
	mq --frobnicate
	expect 2 '' "no option '--frobnicate' (see mqctl --help)"
	mq bind orders
	expect 2 '' "no command 'bind' *"
}

# Every command has complete help, and every option of it is listed there.
test_help_of_commands()
{
	local c o

	for c in $commands; do
		mq "$c" --help
		expect 0 -
		grep -q "^Usage: mqctl $c " "$T/out" || fail "$c: no usage"
		if [ "$(wc -L <"$T/out" 2>/dev/null || echo 0)" -gt 80 ]; then
			fail "$c: lines are too long"
		fi
		cp "$T/out" "$T/help"
		for o in $("$MQCTL" --list-options "$c" | grep ^--); do
			grep -q -e " $o" "$T/help" || fail "$c: no $o"
		done
	done
}

test_options_are_checked()
{
	local c

	for c in $commands; do
		mq "$c" --frobnicate
		expect 2 '' "$c: no option '--frobnicate' (see mqctl $c --help)"
		mq "$c" -Z
		expect 2 '' "$c: no option '-Z' *"
		mq "$c" --frobnicate=7
		expect 2 '' "$c: no option '--frobnicate' *"
	done
	mq recv q -n
	expect 2 '' 'recv: --number needs a value *'
	mq recv q --wait
	expect 2 '' 'recv: --wait needs a value *'
	mq recv q --json=yes
	expect 2 '' 'recv: --json takes no value *'
}

test_operands_are_counted()
{
	local c

	for c in create rm get set send recv consume peek purge redrive \
		 settle; do
		mq "$c"
		expect 2 '' "$c: too few operands: *"
	done
	mq set q
	expect 2 '' 'set: too few operands: *'
	mq consume q
	expect 2 '' 'consume: too few operands: *'
	for c in stat recv peek purge; do
		mq "$c" a b
		expect 2 '' "$c: too many operands: 'b' *"
	done
	mq ls a
	expect 2 '' "ls: too many operands: 'a' *"
	mq redrive a b c
	expect 2 '' "redrive: too many operands: 'c' *"
	mq send q one two
	expect 2 '' "send: too many operands: 'two' *"
}

test_names_are_checked()
{
	local c long

	long=$(printf '%064d' 0)
	for c in create rm stat get send recv peek purge redrive; do
		for name in 'a b' '' . .. control a/b "$long" 'ä'; do
			mq "$c" "$name"
			expect 2 '' "$c: '$name' is not a queue's name *"
		done
	done
	mq set 'a b' eof=never
	expect 2 '' "set: 'a b' is not a queue's name *"
	mq redrive q a/b
	expect 2 '' "redrive: 'a/b' is not a queue's name *"
	mq consume 'a b' -- true
	expect 2 '' "consume: 'a b' is not a queue's name *"
}

test_numbers_are_checked()
{
	local bad

	for bad in '' x -1 1.5 1K 0x1; do
		mq recv q "--number=$bad"
		expect 2 '' "recv: --number: '$bad' is not a number *"
	done
	mq recv q -n 18446744073709551616
	expect 2 '' 'recv: --number: 18446744073709551616 is out of range *'
	mq send q -p 256 x
	expect 2 '' 'send: --priority: 256 is out of range *'
	mq consume q -j 0 -- true
	expect 2 '' 'consume: --jobs: 0 is out of range *'
	mq consume q -j 1025 -- true
	expect 2 '' 'consume: --jobs: 1025 is out of range *'
	mq consume q --batch=0 -- true
	expect 2 '' 'consume: --batch: 0 is out of range *'
	mq consume q --batch=1025 -- true
	expect 2 '' 'consume: --batch: 1025 is out of range *'
	mq recv q --id=0
	expect 2 '' 'recv: --id: 0 is out of range *'
	mq recv q --id=1-2
	expect 2 '' "recv: --id: '1-2' is not a number *"
	mq settle --fd=x ack
	expect 2 '' "settle: --fd: 'x' is not a number *"
}

test_durations_are_checked()
{
	local bad

	for bad in '' 5 5x 5S 1.5s 5d 10us '5 s' -5s 1h30m; do
		mq recv q "--wait=$bad"
		expect 2 '' "recv: --wait: '$bad' is not a duration such as *"
		mq send q "--delay=$bad" x
		expect 2 '' "send: --delay: '$bad' is not a duration *"
		mq send q "--ttl=$bad" x
		expect 2 '' "send: --ttl: '$bad' is not a duration *"
		mq consume q "--lease=$bad" -- true
		expect 2 '' "consume: --lease: '$bad' is not a duration *"
		mq consume q "--retry=$bad" -- true
		expect 2 '' "consume: --retry: '$bad' is not a duration *"
		mq settle --fd=0 "--delay=$bad" retry
		expect 2 '' "settle: --delay: '$bad' is not a duration *"
		mq purge q "--older-than=$bad"
		expect 2 '' "purge: --older-than: '$bad' is not a duration *"
	done
	mq recv q --wait=9999999h
	expect 2 '' 'recv: --wait: 9999999h is out of range *'
}

test_times_are_checked()
{
	local bad

	for bad in '' now 5s 2026-11-22 2026-02-30T00:00:00Z \
		   2026-11-22T19:34:57 2026-11-22T19:34:57+01:00; do
		mq send q "--at=$bad" x
		expect 2 '' "send: --at: '$bad' is not a time such as *"
	done
	mq send q --at=9999-01-01T00:00:00Z x
	expect 2 '' 'send: --at: 9999-01-01T00:00:00Z is out of range *'
	mq send q --at=0 --delay=5s x
	expect 2 '' 'send: --delay and --at exclude each other *'
}

test_option_words_are_checked()
{
	local bad

	mq create q eof
	expect 2 '' "create: 'eof' is not option=value *"
	mq create q =never
	expect 2 '' "create: '=never' is not option=value *"
	mq create q 'eof=never mode=0666'
	expect 2 '' "create: * has a character that no option has *"
	mq create q $'eof=never\nremove x'
	expect 2 '' "create: 'eof=never?remove x' has a character that *"
	for bad in 1T 1k 1KB -1 1.5M x ''; do
		mq create q "max_bytes=$bad"
		expect 2 '' "create: 'max_bytes=$bad': not a number with *"
		mq create q "max_message_size=$bad"
		expect 2 '' "create: 'max_message_size=$bad': not a number *"
	done
	for bad in 1x 5S 1.5s s; do
		mq create q "lease_ms=$bad"
		expect 2 '' "create: 'lease_ms=$bad': not a number with *"
		mq set q "dedup_window_ms=$bad"
		expect 2 '' "set: 'dedup_window_ms=$bad': not a number with *"
	done
	mq create q max_bytes=99999999999G
	expect 2 '' "create: 'max_bytes=99999999999G': out of range *"
	mq set q eof
	expect 2 '' "set: 'eof' is not option=value *"
	mq set q max_bytes=1X
	expect 2 '' "set: 'max_bytes=1X': not a number with *"
}

test_words_of_options_are_checked()
{
	local long

	long=$(printf '%0256d' 0)
	mq ls -o name,nosuch
	expect 2 '' "ls: no column 'nosuch' *"
	mq ls -o ''
	expect 2 '' "ls: no column '' *"
	mq ls -o name,,ready
	expect 2 '' "ls: no column '' *"
	mq peek q --state=nosuch
	expect 2 '' "peek: --state: 'nosuch' is not a state: *"
	mq peek q --state=ready,
	expect 2 '' "peek: --state: 'ready,' is not a state: *"
	mq purge q --state=in-flight
	expect 2 '' 'purge: what is in flight cannot be purged *'
	mq purge q --id=0
	expect 2 '' "purge: --id: '0' is not an id or a range *"
	mq purge q --id=7-3
	expect 2 '' "purge: --id: '7-3' is not an id or a range *"
	mq send q --header=novalue x
	expect 2 '' "send: --header: 'novalue' is not NAME=VALUE *"
	mq send q --header==v x
	expect 2 '' "send: --header: '=v' is not NAME=VALUE *"
	mq send q '--header=a b=v' x
	expect 2 '' "send: --header: 'a b=v' is not NAME=VALUE *"
	mq send q "--header=$long=v" x
	expect 2 '' "send: --header: * is not NAME=VALUE *"
	mq send q "--key=$long" x
	expect 2 '' 'send: --key takes 1 to 255 bytes *'
	mq send q --key= x
	expect 2 '' 'send: --key takes 1 to 255 bytes *'
	mq send q "--dedup-id=$long" x
	expect 2 '' 'send: --dedup-id takes 1 to 255 bytes *'
	mq send q --line x
	expect 2 '' 'send: --line is for standard input, not for MESSAGE *'
	mq recv q --raw --json
	expect 2 '' 'recv: --json, --raw, --null and --long exclude each *'
	mq peek q --null --long
	expect 2 '' 'peek: --json, --raw, --null and --long exclude each *'
	mq recv q --id=7 -n 3
	expect 2 '' 'recv: --id takes one message, and does not wait *'
	mq recv q --wait=5s --id=7
	expect 2 '' 'recv: --id takes one message, and does not wait *'
	mq redrive q --id=7-3
	expect 2 '' "redrive: --id: '7-3' is not an id or a range *"
	mq consume q --null -- true
	expect 2 '' 'consume: --null is for --batch *'
}

test_settle_usage()
{
	mq settle ack
	expect 2 '' 'settle: --fd is missing *'
	mq settle --fd=0 frobnicate
	expect 2 '' "settle: 'frobnicate' is none of ack, release, retry, *"
	mq settle --fd=0 0 ack
	expect 2 '' "settle: '0' is not an id or a range *"
	mq settle --fd=0 1 2
	expect 2 '' "settle: '2' is none of ack, release, retry, *"
	mq settle --fd=0 --delay=5s ack
	expect 2 '' 'settle: --delay does not go with ack *'
	mq settle --fd=0 --lease=5s retry
	expect 2 '' 'settle: --lease does not go with retry *'
	mq settle --fd=0 --note=x --reason=300 extend
	expect 2 '' 'settle: --reason does not go with extend *'
	mq settle --fd=0 --note=x --delay=5s reject
	expect 2 '' 'settle: --note and --delay exclude each other *'
	mq settle --fd=0 --reason=255 reject
	expect 2 '' 'settle: --reason: 255 is out of range *'
	mq settle --fd=0 --reason=65536 reject
	expect 2 '' 'settle: --reason: 65536 is out of range *'
	mq settle --fd=0 --note= reject
	expect 2 '' 'settle: --note takes 1 to 256 bytes *'
	mq settle --fd=0 "--note=$(printf '%0257d' 0)" reject
	expect 2 '' 'settle: --note takes 1 to 256 bytes *'
	mq settle --fd=99 ack
	expect 1 '' 'descriptor 99: cannot use it: Bad file descriptor'
	mq settle --fd=0 ack </dev/null
	expect 1 '' 'descriptor 0: cannot use it: this is not a queue'
}

test_lists_for_completion()
{
	mq --list-commands
	# shellcheck disable=SC2086  # words to lines
	expect 0 "$(printf '%s\n' $commands)"
	mq --list-options stat
	expect 0 $'--json\n-J\n--help'
	mq --list-options recv
	expect 0 -
	grep -qx -e --wait= "$T/out" || fail "no --wait="
	mq --list-options nosuch
	expect 3
	mq --list-queue-options
	expect 0 -
	grep -qx max_bytes "$T/out" || fail "no max_bytes"
	! grep -qx -e ready -e name "$T/out" || fail "counters are no options"
	mq --list-columns
	expect 0 -
	grep -qx oldest_ms "$T/out" || fail "no oldest_ms"
	grep -qx dead_refused "$T/out" || fail "no dead_refused"
}

# complete WORD...: what completion offers for the last one.
complete_words()
{
	local file

	file=$(dirname "$0")/../completion/mqctl
	[ -e "$file" ] || file=$(dirname "$0")/mqctl.completion
	[ -e "$file" ] || skip "no completion file"
	compopt() { :; }
	mkdir -p "$T/bin"
	ln -sf "$(realpath "$(command -v "$MQCTL")")" "$T/bin/mqctl"
	PATH=$T/bin:$PATH
	# shellcheck source=/dev/null
	. "$file"
	COMP_WORDS=(mqctl "$@")
	COMP_CWORD=$#
	COMPREPLY=()
	_mqctl
	printf '%s\n' "${COMPREPLY[@]}" | sort | tr '\n' ' '
}

test_completion()
{
	expect_same 'peek purge ' "$(complete_words p)"
	expect_same '--help --version ' "$(complete_words --)"
	expect_same '--header= --help ' "$(complete_words send --he)"
	expect_same '--json ' "$(complete_words stat q --js)"
	expect_same 'max_bytes= max_dead= max_deliveries= max_message_size= '\
'max_messages= ' "$(complete_words create q ma)"
	expect_same 'retry_backoff= retry_max_ms= retry_ms= ' \
		"$(complete_words set q ret)"
	expect_same 'name,dead name,dead_letter name,dead_lettered '\
'name,dead_refused ' "$(complete_words ls -o name,dea)"
	expect_same 'name,oldest_ms ' "$(complete_words ls --output = name,old)"
	expect_same 'dead deferred delayed ' \
		"$(complete_words peek q --state = d)"
	expect_same 'ack ' "$(complete_words settle --fd = 3 a)"
	expect_same 'reject release retry ' \
		"$(complete_words settle --fd = 3 1-9 re)"
	expect_same '--batch= ' "$(complete_words consume q --b)"
	expect_same 'eof= ' "$(complete_words set q eo)"
	expect_same 'in_flight ' "$(complete_words get q in)"
	case " $(complete_words consume q -j 4 -- tru)" in
	*' true '*) ;;
	*) fail "no command is offered" ;;
	esac
}

test_closed_output()
{
	mq --help
	"$MQCTL" --help >&- 2>"$T/err" && fail "closed: success"
	[ -s "$T/err" ] || fail "closed: silent"
	[ -w /dev/full ] || skip "no /dev/full"
	"$MQCTL" --help >/dev/full 2>"$T/err" && fail "full: success"
	grep -q 'cannot write the output' "$T/err" || fail "full: silent"
}

test_without_the_module()
{
	[ ! -e /dev/mq/control ] || skip "the module is loaded"
	mq ls
	expect 1 '' 'cannot list queues: the devmq module is not loaded'
	mq stat q
	expect 1 '' 'q: cannot open: the devmq module is not loaded'
	mq create q
	expect 1 '' 'q: cannot open: the devmq module is not loaded'
	mq rm q
	expect 1 '' 'q: cannot open: the devmq module is not loaded'
	mq send q x
	expect 1 '' 'q: cannot open: the devmq module is not loaded'
	mq recv q --wait=0
	expect 1 '' 'q: cannot open: the devmq module is not loaded'
	mq get q
	expect 1 '' 'q: cannot open: the devmq module is not loaded'
	mq set q eof=empty
	expect 1 '' 'q: cannot open: the devmq module is not loaded'
}

run_tests "$@"
