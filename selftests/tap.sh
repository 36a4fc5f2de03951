# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# For tests in bash: each function is a test, and run_tests does what the
# harness of the C programs does.
#
#   test_some_fact() { ... }     fails if it returns false or calls "fail"
#   run_tests                    runs all functions named test_*, in order
#
# Each test runs in a shell of its own. $queue is the name of its queue, which
# is removed afterwards.

class=/sys/class/mq
control=/dev/mq/control

# Print the reason, and end the test.
fail() { echo "# ${FUNCNAME[1]}: $*"; exit 1; }
skip() { echo "# SKIP $*"; echo "$*" >"$skipped"; exit 4; }

# equal EXPECTED SEEN: fail if they differ.
equal() {
	[ "$1" = "$2" ] ||
		{ echo "# ${FUNCNAME[1]}: expected '$1', seen '$2'"; exit 1; }
}

# Print the value of an option or counter of the queue.
value() { cat "$class/$queue/$1"; }

# is OPTION VALUE: succeed if the option or counter has this value.
is() { [ "$(value "$1")" = "$2" ]; }

# Wait until a command succeeds.
eventually() {
	local i
	for ((i = 0; i < 900; i++)); do
		"$@" && return 0
		sleep 0.1
	done
	echo "# timed out waiting for: $*"
	return 1
}

run_tests() {
	local name status number=0 failed=0 names reason said
	names=$(declare -F | sed -n 's/^declare -f \(test_.*\)/\1/p')
	# Sort them in the order of the file, not by name.
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
		# Make comments of the test's output, so that none of it is
		# taken for a result.
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
