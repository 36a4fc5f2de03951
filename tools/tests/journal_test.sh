#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# mqctl journal: making, reading, checking and salvaging files. Needs no module.

# shellcheck source=ktap.sh
. "$(dirname "$0")/ktap.sh"

FIXTURE=${FIXTURE:-$(dirname "$0")/journal_fixture}
commands="create attach detach move ls info check"
# Where the first segments, and what is in them, begin in the files made here.
SEGMENTS=65536 SEGMENT=262144 HEADER=4096

# journal [TAIL]: make $T/j with something in it.
journal()
{
	"$MQCTL" journal create "$T/j" --size=8M || fail "create"
	"$FIXTURE" "$T/j" "$@" || fail "fixture"
}

# flip OFFSET: change a bit of $T/j.
flip()
{
	local byte

	byte=$(od -An -tu1 -j "$1" -N 1 "$T/j")
	# shellcheck disable=SC2059  # the format is the byte
	printf "\\x$(printf %x $((byte ^ 4)))" |
		dd of="$T/j" bs=1 seek="$1" conv=notrunc 2>/dev/null
}

# What the fixture has: of 300 messages a fifth is gone, 30 are in two queues.
SOUND='queues 3
messages 270'

# A queue that was removed, and made again, inherits nothing, as when it is attached.
test_two_queues_of_one_name()
{
	journal twice
	mq journal check "$T/j"
	expect 0 $'queues 3\nmessages 30'
	mq journal info "$T/j"
	expect 0 -
	grep -q '^orders  *0  *0  *0  *0  *0 .*max_messages=7' "$T/out" ||
		fail "$(cat "$T/out")"
	grep -q '^mail  *30 ' "$T/out" || fail "$(cat "$T/out")"
}

test_help_of_the_group()
{
	local c

	mq journal --help
	expect 0 -
	cp "$T/out" "$T/help"
	for c in $commands; do
		grep -q "^  journal $c " "$T/out" || fail "$c is missing"
	done
	mq help journal
	expect 0 "$(cat "$T/help")"
	mq journal
	expect 2 '' 'journal: one more word is needed (see mqctl help journal)'
	mq journal chekc x
	expect 2 '' "no command 'journal chekc', did you mean 'journal check'? *"
	mq help journal frobnicate
	expect 2 '' "no command 'journal frobnicate'*"
	mq help journal check x
	expect 2 '' "help: too many operands: 'x' *"
}

test_help_of_commands()
{
	local c o

	for c in $commands; do
		mq journal "$c" --help
		expect 0 -
		cp "$T/out" "$T/help"
		grep -q "^Usage: mqctl journal $c " "$T/out" || fail "$c: no usage"
		[ "$(wc -L <"$T/out")" -le 80 ] || fail "$c: lines are too long"
		for o in $("$MQCTL" --complete journal "$c" -- | cut -f 1); do
			grep -q -e " $o" "$T/help" || fail "$c: no $o"
		done
		mq help journal "$c"
		expect 0 "$(cat "$T/help")"
		mq journal "$c" --frobnicate
		expect 2 '' "journal $c: no option '--frobnicate' (see mqctl journal $c --help)"
	done
	for c in create attach detach info check; do
		mq journal "$c"
		expect 2 '' "journal $c: too few operands: *"
		mq journal "$c" a b c
		expect 2 '' "journal $c: too many operands: *"
	done
	mq journal detach --all a
	expect 2 '' 'journal detach: --all and NAME exclude each other *'
}

# Without the module none is attached.
test_detach_of_all_without_the_module()
{
	[ ! -e /dev/mq/control ] || skip "the module is loaded"
	mq journal detach --all
	expect 0
	mq journal detach a
	expect 1 '' 'a: cannot detach: the devmq module is not loaded'
}

test_completion()
{
	mq --complete journ
	expect 0 journal
	mq --complete journal ''
	expect 0 -
	[ "$(cut -f 1 "$T/out" | xargs)" = "$commands" ] || fail "$(cat "$T/out")"
	mq --complete journal check --s
	expect 0 -
	grep -q '^--salvage=' "$T/out" || fail "no --salvage"
}

test_create_makes_a_sound_journal()
{
	umask 0
	mq journal create "$T/j" --size=8M
	expect 0
	expect_same 600 "$(stat -c %a "$T/j")"
	expect_same $((SEGMENTS + 31 * SEGMENT)) "$(stat -c %s "$T/j")"
	[ $(($(stat -c %b*%B "$T/j"))) -ge "$(stat -c %s "$T/j")" ] ||
		fail "it has holes"
	mq journal check "$T/j"
	expect 0 $'queues 0\nmessages 0'
	mq journal info "$T/j" --json
	expect 0 -
	expect_json /segments 31 /segment_size $SEGMENT /unit 4096 /cut 0 \
		/messages 0 /attached 0 /needed_segments/0/sequence 1
}

test_create_chooses_segments()
{
	mq journal create "$T/a" --size=100M
	expect 0
	mq journal info "$T/a"
	grep -qx 'segment_size 1.0M' "$T/out" || fail "$(cat "$T/out")"
	grep -qx 'segments 99' "$T/out" || fail "$(cat "$T/out")"
	mq journal create "$T/b" --size=10M --segment-size=1M
	expect 0
	mq journal info -r "$T/b"
	grep -qx 'segment_size 1048576' "$T/out" || fail "$(cat "$T/out")"
	grep -qx 'segments 9' "$T/out" || fail "$(cat "$T/out")"
}

test_create_refuses()
{
	local bad

	echo mine >"$T/j"
	mq journal create "$T/j" --size=8M
	expect 4 '' '*/j: cannot create: it exists already'
	mq journal create --force "$T/j" --size=8M
	expect 4 '' '*/j: cannot create: it exists already'
	expect_same mine "$(cat "$T/j")"
	mq journal create "$T" --size=8M
	expect 4 '' '*: cannot create: it exists already'
	mq journal create "$T/none/x" --size=8M
	expect 1 '' '*/none/x: cannot create: No such file or directory'
	mq journal create "$T/x" --size=2111K
	expect 1 '' '*/x: cannot create: too small, with segments of 256K it needs 2368K'
	mq journal create "$T/x" --size=1
	expect 1 '' '*/x: cannot create: too small, *'
	mq journal create "$T/x" --size=8M --segment-size=1M
	expect 1 '' '*/x: cannot create: too small, with segments of 1M it needs 9280K'
	mq journal create "$T/x" --size=8191G
	expect 1 '' '*/x: cannot create: it would have 131055 segments of 64M, and 8192 are the most'
	for bad in 128K 128M 300K 1; do
		mq journal create "$T/x" --size=8M --segment-size=$bad
		expect 1 '' '*/x: cannot create: the size of a segment must be a power of two *'
	done
	mq journal create "$T/x"
	expect 2 '' 'journal create: a new file needs --size *'
	for bad in '' x 0 -1 1.5M 8X; do
		mq journal create "$T/x" "--size=$bad"
		expect 2 '' "journal create: --size: '$bad' is not a size such as 256M *"
	done
	[ ! -e "$T/x" ] || fail "a file is there"
}

test_create_that_fails_leaves_no_file()
{
	(ulimit -f 4096; trap '' XFSZ; mq journal create "$T/j" --size=8M
		expect 1 '' '*/j: cannot write: File too large') || exit 1
	[ ! -e "$T/j" ] || fail "a file is left"
}

test_create_that_is_interrupted_leaves_no_file()
{
	local pid

	"$MQCTL" journal create "$T/j" --size=4G 2>"$T/err" &
	pid=$!
	wait_for [ -s "$T/j" ]
	kill -TERM $pid
	wait $pid
	expect_same 1 $?
	[ ! -e "$T/j" ] || fail "a file is left"
	expect_same "mqctl: $T/j: cannot write: interrupted" "$(cat "$T/err")"
}

test_info_shows_queues()
{
	journal
	mq journal info "$T/j"
	expect 0 -
	grep -qx 'messages 270' "$T/out" || fail "$(cat "$T/out")"
	grep -Eq '^orders +160 +0 +0 +80 +0 +[0-9.K]+ +1000:0:0640 +max_messages=5000 overflow=reject$' \
		"$T/out" || fail "$(cat "$T/out")"
	grep -Eq '^empty +0 .* -$' "$T/out" || fail "$(cat "$T/out")"
	mq journal info -J "$T/j"
	expect 0 -
	expect_json /queues/2/name orders /queues/2/messages 240 \
		/queues/2/dead 80 /queues/2/bytes 480000 /queues/2/dedup_ids 1 \
		/queues/2/options 'max_messages=5000 overflow=reject' \
		/queues/2/uid 1000 /queues/2/mode 0640 /queues/0/name empty \
		/queues/1/name mail /queues/1/messages 30 \
		/needed_segments/3/stream hot
}

test_sound_journal_is_sound()
{
	journal
	cp "$T/j" "$T/before"
	mq journal check "$T/j"
	expect 0 "$SOUND"
	cmp -s "$T/j" "$T/before" || fail "it was changed"
	chmod 0400 "$T/j"
	mq journal check "$T/j"
	expect 0 "$SOUND"
}

test_what_is_no_journal()
{
	local file

	: >"$T/empty"
	echo text >"$T/text"
	head -c 1M /dev/zero >"$T/zeros"
	head -c 1M /dev/urandom >"$T/random"
	for file in empty text zeros random; do
		for c in info check "check --salvage=$T/new"; do
			# shellcheck disable=SC2086  # two words
			mq journal $c "$T/$file"
			expect 1 '' "*/$file: it is not a journal"
		done
	done
	mkfifo "$T/fifo"
	for file in "$T/fifo" "$T" /dev/null; do
		mq journal info "$file"
		expect 1 '' '*: cannot open: neither a regular file nor a block device'
	done
	mq journal check "$T/none"
	expect 1 '' '*/none: cannot open: No such file or directory'
	[ ! -e "$T/new" ] || fail "a file is left"
}

test_torn_tail_is_cut()
{
	journal torn
	mq journal check "$T/j"
	expect 0 'queues 3
messages 271
cut 8192'
	mq journal info "$T/j"
	grep -qx 'cut 8192' "$T/out" || fail "$(cat "$T/out")"
}

test_gap_before_a_flush_mark_is_damage()
{
	journal flushed
	mq journal check "$T/j"
	expect 7 - '*/j: damaged: a flushed block is not valid, at byte *, in segment 4'
	grep -qx 'readable_messages 272' "$T/out" || fail "$(cat "$T/out")"
}

# To sum up what each of these blocks seems to have would take a minute.
test_forged_blocks_take_no_time()
{
	local begin=$SECONDS

	"$MQCTL" journal create "$T/j" --size=150M --segment-size=16M ||
		fail create
	"$FIXTURE" "$T/j" forged || fail fixture
	begin=$SECONDS
	mq journal check "$T/j"
	expect 0 "$SOUND"
	[ $((SECONDS - begin)) -lt 20 ] || fail "$((SECONDS - begin)) seconds"
}

test_flipped_bit_is_damage()
{
	local at

	journal
	at=$((SEGMENTS + HEADER))
	flip $((at + 10000))
	mq journal check "$T/j"
	expect 7 - "*/j: damaged: a block is not valid, at byte $at, in segment 1"
	grep -qx 'lost_blocks 1' "$T/out" || fail "$(cat "$T/out")"
	mq journal info "$T/j"
	expect 7 '' "*/j: damaged: a block is not valid, *"
	flip $((at + 10000))
	mq journal check "$T/j"
	expect 0 "$SOUND"
}

# Nothing but its blocks tells that there was such a segment.
test_lost_header_of_the_newest_segment_is_damage()
{
	local at=$((SEGMENTS + 3 * SEGMENT))

	journal torn
	flip $((at + 60))
	mq journal check "$T/j"
	expect 7 - "*/j: damaged: a segment has no valid header, at byte $at, in segment 4"
	grep -qx 'readable_messages 272' "$T/out" || fail "$(cat "$T/out")"
}

test_truncated_file_is_damage()
{
	journal
	truncate -s $((SEGMENTS + 2 * SEGMENT)) "$T/j"
	mq journal check "$T/j"
	expect 7 - '*/j: damaged: the file is shorter than the superblock says'
	grep -q '^readable_messages 2[0-9][0-9]$' "$T/out" ||
		fail "$(cat "$T/out")"
	truncate -s 5000 "$T/j"
	mq journal check "$T/j"
	expect 7 $'readable_queues 0\nreadable_messages 0' \
		'*/j: damaged: the file is shorter than the superblock says'
	truncate -s 100 "$T/j"
	mq journal check "$T/j"
	expect 1 '' '*/j: it is not a journal'
}

test_damaged_superblocks()
{
	journal
	flip 20
	mq journal check "$T/j"
	expect 7 "$SOUND" '*/j: damaged: the superblock is not valid, its copy is; *'
	mq journal info "$T/j"
	expect 0 -
	flip $((4096 + 20))
	mq journal check "$T/j"
	expect 7 $'readable_queues 0\nreadable_messages 0' \
		'*/j: damaged: the superblock is damaged'
	mq journal check "$T/j" "--salvage=$T/new"
	expect_same 1 "$status"
	[ ! -e "$T/new" ] || fail "a file is left"
}

test_salvage_of_a_sound_journal()
{
	journal torn
	mq journal check "$T/j" --salvage="$T/new"
	expect 0 -
	grep -qx 'readable_messages 272' "$T/out" || fail "$(cat "$T/out")"
	mq journal check "$T/new"
	expect 0 'queues 3
messages 272'
	mq journal info -J "$T/new"
	expect_json /queues/2/dead 80 /queues/2/dedup_ids 1 \
		/queues/2/options 'max_messages=5000 overflow=reject' \
		/segments 31 /segment_size $SEGMENT
}

test_salvage_what_a_lost_block_leaves()
{
	journal
	flip $((SEGMENTS + SEGMENT + HEADER + 100))
	mq journal check "$T/j" --salvage="$T/new"
	expect 7 - '*/j: damaged: a block is not valid, *'
	grep -qx 'lost_blocks 1' "$T/out" || fail "$(cat "$T/out")"
	read -r _ readable < <(grep '^readable_messages' "$T/out")
	[ "$readable" -gt 200 ] && [ "$readable" -lt 270 ] || fail "$readable"
	mq journal check "$T/new"
	expect 0 "queues 3
messages $readable"
}

# A segment is known by its blocks, too.
test_salvage_without_a_header()
{
	local position

	for position in 0 1 2 3; do
		rm -f "$T/j" "$T/new"
		journal
		flip $((SEGMENTS + position * SEGMENT + 60))
		mq journal check "$T/j" --salvage="$T/new"
		[ $position = 3 ] || expect 7 - '*/j: damaged: *'
		mq journal check "$T/new"
		expect 0 "$SOUND"
	done
}

test_salvage_without_the_records_of_queues()
{
	journal
	flip $((SEGMENTS + HEADER + 80))
	mq journal check "$T/j" --salvage="$T/new"
	expect 7 - '*/j: damaged: *'
	grep -qx 'unnamed_queues 2' "$T/out" || fail "$(cat "$T/out")"
	mq journal check "$T/new"
	expect 0 -
	mq journal info "$T/new"
	grep -q '^lost\.1 .* 0:0:0600' "$T/out" || fail "$(cat "$T/out")"
}

test_salvage_refuses()
{
	journal
	echo mine >"$T/new"
	mq journal check "$T/j" --salvage="$T/new"
	expect 4 - '*/new: cannot create: it exists already'
	expect_same mine "$(cat "$T/new")"
	mq journal check "$T/j" --salvage="$T/none/new"
	expect 1 - '*/none/new: cannot create: No such file or directory'
	dd if=/dev/zero of="$T/j" bs=64K seek=1 count=120 conv=notrunc 2>/dev/null
	mq journal check "$T/j" --salvage="$T/new2"
	[ ! -e "$T/new2" ] || fail "a file is left"
	expect_same 1 "$status"
	grep -q 'nothing of it is readable' "$T/err" || fail "$(cat "$T/err")"
}

# Whatever is changed, the answer is one of three, and what is salvaged is sound.
test_any_change_is_answered()
{
	local i at

	journal torn
	cp "$T/j" "$T/whole"
	for i in {1..40}; do
		cp "$T/whole" "$T/j"
		at=$((RANDOM * 32768 + RANDOM))
		flip $((at % (SEGMENTS + 3 * SEGMENT)))
		rm -f "$T/new"
		mq journal check "$T/j" --salvage="$T/new"
		case $status in
		0 | 7) ;;
		*) fail "$i: status $status: $(cat "$T/err")" ;;
		esac
		mq journal check "$T/new"
		expect 0 -
	done
}

test_attach_needs_a_name()
{
	: >"$T/a b.journal"
	mq journal attach "$T/a b.journal"
	expect 2 '' "journal attach: 'a b' is not a journal's name *: give one as the second operand *"
	mq journal attach "$T/a b.journal" a/b
	expect 2 '' "journal attach: 'a/b' is not a journal's name *"
	mq journal detach a/b
	expect 2 '' "journal detach: 'a/b' is not a journal's name *"
	mq journal attach "$T/missing.journal"
	expect 1 '' '*/missing.journal: cannot open: No such file or directory'
}

# Without the module; with it this is another test's.
test_no_module()
{
	[ ! -e /dev/mq/control ] || skip "the module is loaded"
	journal
	mq journal attach "$T/j"
	expect 1 '' '*/j: cannot attach: the devmq module is not loaded'
	mq journal detach j
	expect 1 '' 'j: cannot detach: the devmq module is not loaded'
	mq journal ls
	expect 1 '' 'cannot list journals: the devmq module is not loaded'
}

run_tests "$@"
