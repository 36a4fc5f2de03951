#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# mqctl: help, wrong usage and completion. Needs no module.

# shellcheck source=ktap.sh
. "$(dirname "$0")/ktap.sh"

commands="create rm ls stat get set send recv consume peek purge redrive settle
	release reject move call reply extend apply dump options help bind unbind"

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
	mq help frobnicate
	expect 2 '' "no command 'frobnicate' (see mqctl --help)"
}

test_help_without_a_command_is_the_overview()
{
	mq --help
	cp "$T/out" "$T/help"
	mq help
	expect 0 "$(cat "$T/help")"
}

# A suggestion may differ in one letter of three.
test_did_you_mean()
{
	mq craete orders
	expect 2 '' "no command 'craete', did you mean 'create'? *"
	mq peak orders
	expect 2 '' "no command 'peak', did you mean 'peek'? *"
	mq help snd
	expect 2 '' "no command 'snd', did you mean 'send'? *"
	mq xyz orders
	expect 2 '' "no command 'xyz' (see *"
	mq remove q
	expect 2 '' "no command 'remove', did you mean 'rm'? *"
	mq ack q 1
	expect 2 '' "no command 'ack', did you mean 'settle'? *"
	mq list
	expect 2 '' "no command 'list', did you mean 'ls'? *"
	mq send q --dealy=5s x
	expect 2 '' "send: no option '--dealy', did you mean '--delay'? *"
	mq send q --delya x
	expect 2 '' "send: no option '--delya', did you mean '--delay'? *"
	mq ls -o name,raedy
	expect 2 '' "ls: no column 'raedy', did you mean 'ready'? *"
	mq ls --sort=oldest
	expect 2 '' "ls: no column 'oldest', did you mean 'oldest_ms'? *"
	mq settle --fd=0 realese
	expect 2 '' "settle: 'realese' is none of *, did you mean 'release'? *"
	mq options max_byte
	expect 5 '' "no option 'max_byte', did you mean 'max_bytes'?"
}

test_options()
{
	local option

	mq options
	expect 0 -
	for option in type mode max_messages overflow dead_letter retry_ms \
		      expires_ms; do
		grep -q "^$option=" "$T/out" || fail "no $option"
	done
	grep -A 1 '^max_bytes=64M$' "$T/out" |
		grep -qx '    1 to 1024G; can be changed; topics as well' || fail "bounds"
	mq options overflow mode overflow
	expect 0 $'mode=0600\n    0000 to 0777; fixed; topics as well\n    permissions of the '\
$'node\noverflow=block\n    block, reject, drop-head or dead-letter; can be '\
$'changed\n    what a send does when the queue is full'
	mq options eof frobnicate
	expect 5 - "no option 'frobnicate'"
	mq options --json
	expect 2 '' "options: no option '--json' *"
}

# Every command has help, which lists all its options.
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
		grep -q -e ' --help' "$T/help" || fail "$c: no --help"
		for o in $("$MQCTL" --complete "$c" -- | cut -f 1); do
			grep -q -e " $o" "$T/help" || fail "$c: no $o"
		done
		mq help "$c"
		expect 0 "$(cat "$T/help")"
		mq "$c" -h
		expect 0 "$(cat "$T/help")"
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
		 settle move; do
		mq "$c"
		expect 2 '' "$c: too few operands: *"
	done
	mq set q
	expect 2 '' 'set: too few operands: *'
	mq consume q
	expect 2 '' 'consume: too few operands: *'
	mq move a
	expect 2 '' 'move: too few operands: *'
	mq move a b c
	expect 2 '' "move: too many operands: 'c' *"
	mq call a --replies=b x y
	expect 2 '' "call: too many operands: 'y' *"
	mq reply x y
	expect 2 '' "reply: too many operands: 'y' *"
	mq extend 5s 6s
	expect 2 '' "extend: too many operands: '6s' *"
	mq help a b
	expect 2 '' "help: too many operands: 'b' *"
	for c in stat recv peek purge; do
		mq "$c" a b
		expect 2 '' "$c: too many operands: 'b' *"
	done
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
		for name in 'a b' '' . .. control none a/b "$long" 'ä'; do
			mq "$c" "$name"
			expect 2 '' "$c: '$name' is not a queue's name (*but not ., .., control or none) *"
		done
	done
	mq set 'a b' eof=never
	expect 2 '' "set: 'a b' is not a queue's name *"
	mq redrive q a/b
	expect 2 '' "redrive: 'a/b' is not a queue's name (*"
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

	for bad in '' 5 5x 5S 1.5 .5s 1.s 10us '5 s' -5s 1h30m; do
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
		expect 5 '' "create: 'max_bytes=$bad': not a size such as 512, 64K, *"
		mq create q "max_message_size=$bad"
		expect 5 '' "create: 'max_message_size=$bad': not a size such as *"
	done
	for bad in 1x 5S 1.5 s; do
		mq create q "lease_ms=$bad"
		expect 5 '' "create: 'lease_ms=$bad': not a duration such as 500ms, *"
		mq set q "dedup_window_ms=$bad"
		expect 5 '' "set: 'dedup_window_ms=$bad': not a duration such as *"
	done
	mq create q max_bytes=99999999999G
	expect 5 '' "create: 'max_bytes=99999999999G': out of range *"
	mq set q eof
	expect 2 '' "set: 'eof' is not option=value *"
	for bad in 0.5ms 1.0001s; do
		mq create q "ttl_ms=$bad"
		expect 5 '' "create: 'ttl_ms=$bad': not a whole number of *"
	done
	mq create q uid=no-such-user
	expect 5 '' "create: 'uid=no-such-user': no such user *"
	mq create q gid=no-such-group
	expect 5 '' "create: 'gid=no-such-group': no such group *"
	mq set q max_bytes=1X
	expect 5 '''' "set: 'max_bytes=1X': not a size such as *"
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
	mq purge q --holder=5
	expect 2 '' 'purge: --holder goes with --state=in-flight only *'
	mq purge q --state=in-flight,ready --holder=5
	expect 2 '' 'purge: --holder goes with --state=in-flight only *'
	mq purge q --state=in-flight --holder=0
	expect 2 '' 'purge: --holder: 0 is out of range *'
	mq release q
	expect 2 '' 'release: say which: *'
	mq reject q --note=why
	expect 2 '' 'reject: say which: *'
	mq release q --id=1 --in=0
	expect 2 '' 'release: --in takes a duration above zero *'
	mq release q --id=1 --note=why
	expect 2 '' "release: no option '--note' *"
	mq reject q --id=1 --give-reason=255
	expect 2 '' 'reject: --give-reason: 255 is out of range *'
	mq reject q --id=1 --note=
	expect 2 '' 'reject: --note takes 1 to 256 bytes *'
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

# conf TEXT: write $T/conf.
conf() { printf '%s\n' "$@" >"$T/conf"; }

# bad STATUS LINE WHAT: apply finds a fault in that line of $T/conf.
bad()
{
	mq apply "$T/conf"
	expect "$1" '' "$T/conf:$2: $3"
}

test_lines_for_apply_are_checked()
{
	local long

	long=$(printf '%064d' 0)
	mq apply "$T/nosuch"
	expect 1 '' "$T/nosuch: cannot open: No such file or directory"
	conf '' '# a comment' $' \t ' $'\t# another'
	mq apply "$T/conf"
	expect 0
	conf '# nothing is removed' 'remove a'
	bad 2 2 "'remove': a line is journal NAME FILE, create NAME *"
	conf create
	bad 2 1 "a queue's name is missing"
	for name in a/b . control none "$long" 'ä'; do
		conf "create $name"
		bad 2 1 "'$name' is not a queue's name (*"
		conf "journal $name /j"
		bad 2 1 "'$name' is not a journal's name (*"
	done
	conf 'create a eof'
	bad 2 1 "'eof' is not option=value"
	conf 'create a # eof=never'
	bad 2 1 "'#' is not option=value: a comment has a line of its own"
	conf 'create a =never'
	bad 2 1 "'=never' is not option=value"
	conf $'create a eof=never\r'
	bad 2 1 "'eof=never?' has a character that no option has"
	conf 'create a eof=never order=key eof=empty'
	bad 2 1 "option 'eof' is given twice"
	conf 'create a max_byte=1'
	bad 5 1 "no option 'max_byte', did you mean 'max_bytes'?"
	conf 'create a max_bytes=1T'
	bad 5 1 "'max_bytes=1T': not a size such as *"
	conf 'create a ttl_ms=0.5ms'
	bad 5 1 "'ttl_ms=0.5ms': not a whole number of *"
	conf 'create a uid=no-such-user'
	bad 5 1 "'uid=no-such-user': no such user"
	conf journal
	bad 2 1 "a journal's name is missing"
	conf 'journal j'
	bad 2 1 "journal j: '' is not an absolute path"
	conf 'journal j  j.journal '
	bad 2 1 "journal j: 'j.journal' is not an absolute path"
	printf 'create a\0b\n' >"$T/conf"
	bad 2 1 'the line has a zero byte'
}

test_lines_of_bindings_are_checked()
{
	conf bind
	bad 2 1 "a topic's name is missing"
	conf 'bind t'
	bad 2 1 "a queue's name is missing"
	conf 'bind t/u q'
	bad 2 1 "'t/u' is not a topic's name (*"
	conf 'bind t none'
	bad 2 1 "'none' is not a queue's name (*"
	conf 'bind t q key'
	bad 2 1 "'key' is neither key=PATTERN nor header.NAME=VALUE"
	conf 'bind t q header.=x'
	bad 2 1 "'header.=x' is neither *"
	conf 'bind t q header.x'
	bad 2 1 "'header.x' is neither *"
	conf $'bind t q key=a\r'
	bad 2 1 "* has a line's end in it"
	conf 'bind t q key=a header.x=1' 'bind t q key=a' 'bind t q' \
		'bind t q header.x=1  key=a'
	bad 2 4 "this binding of q to t is in $T/conf:1 already"
	conf 'bind t q' 'bind t q'
	bad 2 2 "this binding of q to t is in $T/conf:1 already"
}

test_names_for_apply_come_once()
{
	conf 'create a' 'journal a /var/a b' 'create b' 'create a eof=never'
	bad 2 4 "a is in $T/conf:1 already"
	conf 'journal a /j' 'journal a /k'
	bad 2 2 "a is in $T/conf:1 already"
	conf 'journal a /var/a b' $'journal b \t/var/a b '
	bad 2 2 "/var/a b is in $T/conf:1 already"
	conf 'create a'
	mq apply "$T/conf" "$T/conf"
	expect 2 '' "$T/conf:1: a is in $T/conf:1 already"
}

# The exit status is that of the first fault.
test_all_lines_for_apply_are_checked()
{
	conf 'create a max_bytes=x' 'create b' 'frobnicate'
	mq apply "$T/conf"
	expect_same 5 "$status" status
	expect_same 2 "$(wc -l <"$T/err")" lines
	grep -q "conf:3: 'frobnicate'" "$T/err" || fail "line 3"
}

test_dump_takes_nothing()
{
	mq dump a
	expect 2 '' "dump: too many operands: 'a' *"
	mq apply --dry=x
	expect 2 '' 'apply: --dry-run takes no value *'
}

test_bind_usage()
{
	local c

	for c in bind unbind; do
		mq $c t
		expect 2 '' "$c: too few operands: *"
		mq $c t 'a b'
		expect 2 '' "$c: 'a b' is not a queue's name *"
		mq $c none q
		expect 2 '' "$c: 'none' is not a queue's name *"
		mq $c t q topic=x
		expect 2 '' "$c: 'topic=x' is neither key=PATTERN nor header.NAME=VALUE *"
		mq $c t q key
		expect 2 '' "$c: 'key' is neither *"
		mq $c t q $'key=a\nremove x'
		expect 2 '' "$c: * has a line's end in it *"
	done
	mq ls --tree --sort=name
	expect 2 '' 'ls: --tree has columns of its own, *'
	mq ls -r --tree
	expect 2 '' 'ls: --tree has columns of its own, *'
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
	expect 2 '' 'settle: --delay does not go with reject *'
	mq settle --fd=0 --reason=300 --delay=5s reject
	expect 2 '' 'settle: --reason and --delay exclude each other *'
	mq settle --fd=0 --note=x ack
	expect 2 '' 'settle: --note does not go with ack *'
	mq settle --fd=0 --note=x extend
	expect 2 '' 'settle: --note does not go with extend *'
	mq settle --fd=0 --reason=255 reject
	expect 2 '' 'settle: --reason: 255 is out of range *'
	mq settle --fd=0 --reason=65536 reject
	expect 2 '' 'settle: --reason: 65536 is out of range *'
	mq settle --fd=0 --note= reject
	expect 2 '' 'settle: --note takes 1 to 256 bytes *'
	mq settle --fd=0 "--note=$(printf '%0257d' 0)" reject
	expect 2 '' 'settle: --note takes 1 to 256 bytes *'
	mq settle --fd=99 ack
	expect 1 '' 'descriptor 99: cannot use it: the descriptor is not open*'
	mq settle --fd=0 ack </dev/null
	expect 1 '' 'descriptor 0: cannot use it: this is not a queue'
}

# offers WORD...: print what completion offers for the last word.
offers() { "$MQCTL" --complete "$@" | cut -f 1 | sort | tr '\n' ' '; }

test_completion()
{
	expect_same 'peek purge ' "$(offers p)"
	expect_same '--help --version ' "$(offers --)"
	expect_same '--header= --help ' "$(offers send --he)"
	expect_same '--json ' "$(offers stat q --js)"
	expect_same '' "$(offers nosuch --)"
	expect_same '' "$(offers nosuch x)"
	expect_same 'create ' "$(offers help cr)"
	expect_same '' "$(offers help create x)"
}

test_completion_of_queue_options()
{
	expect_same 'max_bytes= max_dead= max_deliveries= max_message_size= '\
'max_messages= ' "$(offers create q ma)"
	expect_same 'retain_bytes= retain_memory_bytes= retain_messages= retain_ms= '\
'retry_backoff= retry_max_ms= retry_ms= ' \
		"$(offers set q ret)"
	expect_same 'eof= ' "$(offers set q eo)"
	expect_same 'eof=empty eof=hangup eof=never ' "$(offers set q eof=)"
	expect_same 'overflow=drop-head ' "$(offers create q mode=0600 overflow=dr)"
	expect_same 'single_active=0 single_active=1 ' \
		"$(offers create q single_active=)"
	expect_same 'max_bytes=67108864 ' "$(offers create q max_bytes=)"
	expect_same '' "$(offers create q nosuch=)"
	expect_same 'in_flight ' "$(offers get q in)"
	expect_same 'overflow ' "$(offers options ov)"
}

test_completion_of_filters()
{
	expect_same 'header. key= ' "$(offers bind t q '')"
	expect_same 'key= ' "$(offers unbind t q header.x=1 k)"
}

test_completion_of_values()
{
	expect_same 'name,dead name,dead_letter name,dead_lettered '\
'name,dead_refused name,dead_ttl_ms ' "$(offers ls -o name,dea)"
	expect_same '--output=name,oldest_in_flight_ms --output=name,oldest_ms ' "$(offers ls --output=name,old)"
	expect_same '--state=dead --state=deferred --state=delayed ' \
		"$(offers peek q --state=d)"
	expect_same 'ready,dead ready,deferred ready,delayed ' \
		"$(offers peek q --state ready,d)"
	expect_same '--reason=expired ' "$(offers purge q --reason=ex)"
	expect_same 'redelivered ' "$(offers ls --sort rede)"
	expect_same 'ack ' "$(offers settle --fd=3 a)"
	expect_same 'ack ' "$(offers settle --fd 3 a)"
	expect_same 'reject release retry ' "$(offers settle --fd=3 1-9 re)"
	expect_same '' "$(offers send q --header=a --key=)"
}

# Options after the name of a program belong to the program.
test_completion_of_consume()
{
	expect_same '--batch= ' "$(offers consume q --b)"
	expect_same '' "$(offers consume q -- --b)"
	expect_same '' "$(offers consume q cat --b)"
	expect_same '' "$(offers consume q -j 4 -- tru)"
}

completion_file()
{
	file=$(dirname "$0")/../completion/$1
	[ -e "$file" ] || skip "no completion file"
	mkdir -p "$T/bin"
	ln -sf "$(realpath "$(command -v "$MQCTL")")" "$T/bin/mqctl"
	PATH=$T/bin:$PATH
}

# in_bash WORD...: print what bash's completion offers for the last word.
in_bash()
{
	compopt() { :; }
	# shellcheck source=/dev/null
	. "$file"
	COMP_WORDS=(mqctl "$@")
	COMP_CWORD=$#
	COMPREPLY=()
	_mqctl
	printf '%s\n' "${COMPREPLY[@]}" | sort | tr '\n' ' '
}

# readline makes '=' a word of its own, and completes the word after it.
test_completion_in_bash()
{
	local file

	completion_file mqctl.bash
	expect_same 'peek purge ' "$(in_bash p)"
	expect_same 'eof= ' "$(in_bash set q eo)"
	expect_same 'empty hangup never ' "$(in_bash set q eof =)"
	expect_same 'hangup ' "$(in_bash set q mode = 0600 eof = h)"
	expect_same 'name,oldest_in_flight_ms name,oldest_ms ' "$(in_bash ls --output = name,old)"
	expect_same 'name,oldest_in_flight_ms name,oldest_ms ' "$(in_bash ls -o name,old)"
	expect_same 'dead deferred delayed ' "$(in_bash peek q --state = d)"
	expect_same 'ack ' "$(in_bash settle --fd = 3 a)"
	case " $(in_bash consume q -j 4 -- tru)" in
	*' true '*) ;;
	*) fail "no command is offered" ;;
	esac
}

# Functions replace the builtins of completion, and print their arguments.
test_completion_in_zsh()
{
	local file

	command -v zsh >/dev/null || skip "no zsh"
	completion_file _mqctl
	cat >"$T/in.zsh" <<-'END'
	file=$1; shift
	compadd() {
		while [[ $1 != -a ]]; do
			case $1 in
			-S) shift 2 ;;
			-d) shift 2 ;;
			*) shift ;;
			esac
		done
		print -l -- "${(@P)2}" | sort | tr '\n' ' '
	}
	_command_names() { print -n "a program" }
	_default() { print -n "a file" }
	complete_it() {
		local -a words=(mqctl "$@")
		local CURRENT=${#words} PREFIX=${words[-1]}
		source $file
	}
	complete_it "$@"
	END
	expect_same 'peek purge ' "$(zsh -f "$T/in.zsh" "$file" p)"
	expect_same 'eof=empty eof=hangup eof=never ' \
		"$(zsh -f "$T/in.zsh" "$file" set q eof=)"
	expect_same 'eof= ' "$(zsh -f "$T/in.zsh" "$file" set q eo)"
	expect_same '--state=dead ' \
		"$(zsh -f "$T/in.zsh" "$file" peek q --state=dea)"
	expect_same 'a program' "$(zsh -f "$T/in.zsh" "$file" consume q tru)"
	expect_same 'a file' "$(zsh -f "$T/in.zsh" "$file" send q x)"
}

test_completion_in_fish()
{
	local file

	command -v fish >/dev/null || skip "no fish"
	completion_file mqctl.fish
	export HOME=$T
	in_fish() {
		fish --no-config -c "source $file; complete -C '$1'" |
			cut -f 1 | sort | tr '\n' ' '
	}
	expect_same 'peek purge ' "$(in_fish 'mqctl p')"
	expect_same 'eof=empty eof=hangup eof=never ' \
		"$(in_fish 'mqctl set q eof=')"
	expect_same '--state=dead ' "$(in_fish 'mqctl peek q --state=dea')"
	expect_same 'ready,dead ' "$(in_fish 'mqctl peek q --state ready,dea')"
}

test_call_and_reply_usage()
{
	mq call q x
	expect 2 '' 'call: --replies is missing *'
	mq call q --replies=q x
	expect 2 '' "call: NAME and --replies are both 'q' *"
	mq call q --replies=a/b x
	expect 2 '' "call: --replies: 'a/b' is not a queue's name (*"
	mq call q --replies=r --header=x y
	expect 2 '' "call: --header: 'x' is not NAME=VALUE *"
	mq call q --replies=r --timeout=5 y
	expect 2 '' "call: --timeout: '5' is not a duration *"
	mq reply x
	expect 2 '' 'reply: the request has no reply-to *'
	mq reply --to='a b' x
	expect 2 '' "reply: --to: 'a b' is not a queue's name (*"
	DEVMQ_HEADER_REPLY_TO=../x mq reply x
	expect 1 '' "reply: '../x' is not a queue's name (*)"
	DEVMQ_HEADER_REPLY_TO=orders mq reply --prefix=replies. x
	expect 1 '' "orders: cannot reply: its name does not begin with *"
	mq reply --to=q --correlation-id= x
	expect 2 '' 'reply: --correlation-id takes 1 to 255 bytes *'
}

test_extend_usage()
{
	mq extend
	expect 2 '' 'extend: works only in a command that consume runs, *'
	DEVMQ_CONSUME=x mq extend
	expect 2 '' 'extend: works only in a command that consume runs, *'
	mq extend 5
	expect 2 '' "extend: '5' is not a duration *"
	DEVMQ_CONSUME=$(printf '%032d:%032d' 1 2) mq extend
	expect 1 '' 'cannot extend: the consume that ran this command is not *'
}

test_select_usage()
{
	local c

	for c in peek purge redrive "move q2"; do
		# shellcheck disable=SC2086  # two words
		mq $c q --reason=nonsense
		expect 2 '' "${c% *}: --reason: 'nonsense' is not a reason: *"
		# shellcheck disable=SC2086
		mq $c q --reason=255
		expect 2 '' "${c% *}: --reason: '255' is not a reason: *"
		# shellcheck disable=SC2086
		mq $c q --key=
		expect 2 '' "${c% *}: --key takes 1 to 255 bytes *"
		# shellcheck disable=SC2086
		mq $c q --header==x
		expect 2 '' "${c% *}: --header: '=x' is not NAME or NAME=VALUE *"
		# shellcheck disable=SC2086
		mq $c q --older-than=5
		expect 2 '' "${c% *}: --older-than: '5' is not a duration *"
	done
	mq move q q2 --state=in-flight
	expect 2 '' 'move: what is in flight cannot be moved *'
	mq move q q
	expect 2 '' "move: NAME and TARGET are both 'q' *"
	mq ls --interval=0
	expect 2 '' 'ls: --interval takes more than 0 *'
	mq ls --interval=5
	expect 2 '' "ls: --interval: '5' is not a duration *"
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
