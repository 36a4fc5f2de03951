#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Run the code blocks of the README and the manual pages unchanged, in order, as
# docs/README says. Each block is a test.

here=$(cd "$(dirname "$0")" && pwd)
class=/sys/class/mq
control=/dev/mq/control
top=$(mktemp -d) || exit 1
trap 'rm -rf "$top"' EXIT
PATH=$here/docs/bin:$PATH
export LC_ALL=C

# value QUEUE NAME: print the value of a queue's counter or option.
value() { cat "$class/$1/$2"; }
is() { [ "$(value "$1" "$2")" = "$3" ]; }
exists() { [ -c "/dev/mq/$1" ]; }
export class
export -f value is exists

remove_queues() {
	local queue
	for queue in "$class"/*; do
		queue=${queue##*/}
		[ "$queue" = control ] || echo "remove $queue force" >$control
	done
}

# Print the directives of the list for block $1 of document $2, which the list
# names by one of its lines. Each line is a word and its argument.
directives() {
	awk -v doc="[$2]" '
		NR == FNR { line[$0]; next }
		/^#/ { next }
		/^\[.*\]$/ { here = $0 == doc; ours = 0; next }
		here && /^[^\t]/ { ours = $0 in line; next }
		here && ours && /^\t/ { print substr($0, 2) }
	' "$1" "$here/docs/blocks"
}

say() { echo "# $*"; }

# Check that the lines that block $1 marks with "# ->" are in its output, in
# this order.
expected_output() {
	sed -n 's/^.*# -> //p; s/^# -> //p' "$1" | awk -v out="$2" '
		{ want[++n] = $0 }
		END {
			at = 1
			while (at <= n && (getline line < out) > 0)
				at += line == want[at]
			if (at > n)
				exit 0
			print "# not printed: " want[at]
			exit 1
		}'
}

# Check the output of a block, and that standard error has only what is allowed.
judge_output() {
	local block=$1 says=$2 noisy=$3 line bad=0
	expected_output "$block" "$top/out" || bad=1
	if [ -n "$noisy" ]; then
		:
	elif [ -n "$says" ]; then
		grep -qE -- "$says" "$top/err" || { say "does not say: $says"; bad=1; }
	elif [ -s "$top/err" ]; then
		say "complains:"
		bad=1
	fi
	[ $bad = 0 ] && return 0
	while IFS= read -r line; do say "out: $line"; done < <(head -n 20 "$top/out")
	while IFS= read -r line; do say "err: $line"; done < <(head -n 20 "$top/err")
	return 1
}

# Run a block that does not end by itself until $2 holds.
run_until() {
	local pid
	set -m
	bash -e "$1" >"$top/out" 2>"$top/err" </dev/null &
	pid=$!
	set +m
	until eval "$2" 2>/dev/null; do
		kill -0 $pid 2>/dev/null || { say "ended before: $2"; return 1; }
		sleep 0.05
	done
	kill -TERM -- -$pid
	wait $pid
	return 0
}

# Run block $1 of document $2, which has number $3. Returns 0; 4 with the reason
# in $top/why if it is skipped; or another status.
run_block() {
	local word rest status until='' says='' errors='' noisy='' program=''
	local checks=()
	while read -r word rest; do
		case $word in
		skip) echo "$rest" >"$top/why"; return 4 ;;
		needs)
			type -P "$rest" >/dev/null && continue
			echo "$rest is not in this machine" >"$top/why"
			return 4 ;;
		given) eval "$rest" </dev/null >/dev/null || { say "not given: $rest"; return 1; } ;;
		then) checks+=("$rest") ;;
		until) until=$rest ;;
		says) says=$rest ;;
		errors) errors=1 ;;
		noisy) noisy=1 ;;
		compiles) return 0 ;;
		c) program=$here/docs/$2/$3.bin ;;
		*) say "docs/blocks: unknown word '$word'"; return 1 ;;
		esac
	done < <(directives "$1" "$2")
	status=0
	if [ -n "$until" ]; then
		run_until "$1" "$until" || return 1
	elif [ -n "$program" ]; then
		"$program" >"$top/out" 2>"$top/err" </dev/null || status=$?
	elif [ -n "$errors" ]; then
		bash "$1" >"$top/out" 2>"$top/err" </dev/null
	else
		bash -e "$1" >"$top/out" 2>"$top/err" </dev/null || status=$?
	fi
	[ $status = 0 ] || say "exit status $status"
	judge_output "$1" "$says" "$noisy" || return 1
	for rest in "${checks[@]}"; do
		(eval "$rest") || { say "does not hold: $rest"; return 1; }
	done
	return $status
}

# Check that every entry of the list names a block that exists.
list_is_sound() {
	local doc='' line bad=0
	while IFS= read -r line; do
		case $line in
		'#'* | '' | $'\t'*) continue ;;
		'['*']') doc=${line#[}; doc=${doc%]}; continue ;;
		esac
		grep -qxF -e "$line" "$here/docs/$doc"/??? || { say "$doc has no block '$line'"; bad=1; }
	done <"$here/docs/blocks"
	return $bad
}

documents=$(sed -n 's/^\[\(.*\)\]$/\1/p' "$here/docs/blocks")
number=0 failed=0

# result STATUS NAME
result() {
	number=$((number + 1))
	case $1 in
	0) echo "ok $number $2" ;;
	4) echo "ok $number $2 # SKIP $(cat "$top/why")" ;;
	*) echo "not ok $number $2"; failed=$((failed + 1)) ;;
	esac
}

echo "TAP version 13"
count=0
for doc in $documents; do
	for block in "$here/docs/$doc"/???; do
		count=$((count + 1))
	done
done
echo "1..$((count + 1))"
list_is_sound
result $? "the list names blocks that are there"
for doc in $documents; do
	mkdir "$top/dir"
	cd "$top/dir" || exit 1
	for block in "$here/docs/$doc"/???; do
		: >"$top/out"
		: >"$top/err"
		run_block "$block" "$doc" "${block##*/}"
		result $? "$doc:$(cat "$block.line") $(head -n 1 "$block" | tr '#' ' ')"
	done
	cd /
	rm -rf "$top/dir"
	remove_queues
	# The README makes it read-only.
	umount /dev/mq 2>/dev/null
done
[ $failed = 0 ]
