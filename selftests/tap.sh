# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# For tests written in bash: one function a test, and what the harness of the
# C programs does around them.
#
#   test_some_fact() { ... }     fails if it returns false or calls "fail"
#   run_tests                    runs all functions named test_*, in order
#
# Each test runs in a shell of its own with a queue name of its own in $queue,
# which is removed behind it.

class=/sys/class/mq
control=/dev/mq/control

# Say why, and end the test.
fail() { echo "# ${FUNCNAME[1]}: $*"; exit 1; }
skip() { echo "# SKIP $*"; echo "$*" >"$skipped"; exit 4; }

# equal EXPECTED SEEN
equal() {
	[ "$1" = "$2" ] ||
		{ echo "# ${FUNCNAME[1]}: expected '$1', seen '$2'"; exit 1; }
}

# What a queue's option or counter is.
value() { cat "$class/$queue/$1"; }

# is OPTION VALUE: is it that now?
is() { [ "$(value "$1")" = "$2" ]; }

# Wait until a command succeeds.
eventually() {
	local i
	for ((i = 0; i < 150; i++)); do
		"$@" && return 0
		sleep 0.1
	done
	echo "# never: $*"
	return 1
}

run_tests() {
	local name status number=0 failed=0 names reason said
	names=$(declare -F | sed -n 's/^declare -f \(test_.*\)/\1/p')
	# In the order of the file, not of the alphabet.
	names=$(grep -o '^test_[a-z0-9_]*' "$0" | grep -xF "$names")
	skipped=$(mktemp)
	said=$(mktemp)
	echo "TAP version 13"
	echo "1..$(wc -w <<<"$names")"
	for name in $names; do
		number=$((number + 1))
		queue=t$$.$number
		: >"$skipped"
		status=0
		(set -u; "$name") </dev/null >"$said" 2>&1 || status=$?
		# Whatever it says is no result.
		sed '/^#/!s/^/# /' "$said"
		[ ! -e "$class/$queue" ] || echo "remove $queue force" >$control
		reason=$(cat "$skipped")
		if [ $status = 4 ] && [ -n "$reason" ]; then
			echo "ok $number ${name#test_} # SKIP $reason"
		elif [ $status = 0 ]; then
			echo "ok $number ${name#test_}"
		else
			echo "not ok $number ${name#test_}"
			failed=$((failed + 1))
		fi
	done
	rm -f "$skipped" "$said"
	[ $failed = 0 ]
}
