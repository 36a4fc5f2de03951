# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Tests of mqctl source this file. Every function named test_* is a test, run in
# a subshell of its own, in the order of the file. A test fails if its exit
# status is not 0 (see fail). Only skip() skips it, as 4 is also an exit status
# of mqctl. Each test has $T, an empty directory.
#
# MQCTL is the program under test, SAYS the name in its messages, CASE_SECONDS
# the time limit of a test.
# Arguments are names of tests to run; -t before a name is ignored.

MQCTL=${MQCTL:-mqctl}
SAYS=${SAYS:-mqctl}
JSON_CHECK=${JSON_CHECK:-$(dirname "$0")/json_check}
CASE_SECONDS=${CASE_SECONDS:-400}
TOP=$(mktemp -d "${TMPDIR:-/tmp}/mqctl-test.XXXXXX") || exit 1
trap 'rm -rf "$TOP"' EXIT

fail() { echo "failed: $*"; exit 1; }
skip() { echo "$*" >"$TOP/skipped"; exit 4; }

# Run mqctl; its results are in $status, $T/out and $T/err. It appends to
# $T/out, so that commands which consume runs in parallel do not overwrite each
# other's output.
mq()
{
	: >"$T/out"
	"$MQCTL" "$@" >>"$T/out" 2>"$T/err"
	status=$?
	called="$SAYS $*"
}

# Read a file into $content, with @ for NUL. It starts no process, which takes
# long in an emulated machine.
slurp()
{
	local part

	content=
	while IFS= read -r -d '' part; do
		content+=$part@
	done <"$1"
	content+=$part
}

# Strip trailing newlines from $content.
chomp() { while [ "${content%$'\n'}" != "$content" ]; do content=${content%?}; done; }

# expect STATUS [STDOUT [STDERR]]: check the results of mq. Trailing newlines of
# STDOUT are ignored, and - matches anything. STDERR is a pattern for the one
# line of an error message; without STDERR, there must be no message.
expect()
{
	local content want

	slurp "$T/err"
	[ "$status" = "$1" ] ||
		fail "$called: exit status $status, not $1: $content"
	if [ -n "${3-}" ]; then
		# shellcheck disable=SC2254  # it is a pattern
		case $content in
		"$SAYS: "$3$'\n') ;;
		*) fail "$called: said '$content', not '$SAYS: $3'" ;;
		esac
		[ "${content%$'\n'*$'\n'}" = "$content" ] ||
			fail "$called: more than one line: $content"
	else
		[ -z "$content" ] || fail "$called: said '$content'"
	fi
	[ "${2-}" != - ] || return 0
	content=${2-}
	chomp
	want=$content
	slurp "$T/out"
	chomp
	[ "$content" = "$want" ] ||
		fail "$called: printed '$content', not '$want'"
}

# expect_json [-l] POINTER VALUE...: check values in the JSON that mq printed.
expect_json()
{
	local lines='' got

	if [ "$1" = -l ]; then
		lines=-l
		shift
	fi
	while [ $# -gt 0 ]; do
		got=$("$JSON_CHECK" $lines "$1" <"$T/out") ||
			fail "$called: not JSON: $(cat "$T/out")"
		[ "$got" = "$2" ] ||
			fail "$called: $1 is '$got', not '$2': $(cat "$T/out")"
		shift 2
	done
}

expect_same()
{
	[ "$2" = "$1" ] || fail "${3:-result}: '$2', not '$1'"
}

# wait_for COMMAND...: run a command until it succeeds, for three minutes at most.
wait_for()
{
	local end=$((SECONDS + 180))

	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || fail "timed out waiting for: $*"
		sleep 0.02
	done
}

# ---------------------------------------------------------- with the module

P=mqctl-test-$$		# the prefix of all queues' names
# shellcheck disable=SC2034  # used by tests
Q=$P.a			# the queue that most tests use

# Check that the counters of all queues that tests made add up, and remove them.
after_test()
{
	local queue names=() status=0

	for queue in /sys/class/mq/"$P"*; do
		[ -e "$queue" ] || continue
		names+=("${queue##*/}")
		counters_add_up "${queue##*/}" || status=1
	done
	[ ${#names[@]} = 0 ] || "$MQCTL" rm -f "${names[@]}" || status=1
	return $status
}

# Set $value to the value of option or counter $2 of queue $1.
value() { read -r value 2>/dev/null <"/sys/class/mq/$1/$2"; }

counters_add_up()
{
	local name value sum=0 parts="ready in_flight delayed deferred dead acked
		expired dead_lettered dropped purged"

	value "$1" type
	[ "$value" != topic ] || parts="routed unrouted"
	for name in $parts; do
		value "$1" $name || return 1
		sum=$((sum + value))
	done
	value "$1" sent
	[ "$sum" = "$value" ] ||
		{ echo "failed: $1: sent $value, but they are $sum"; return 1; }
}

# Create a queue in which a retry has no delay, unless the options set one.
make()
{
	case "$*" in
	*retry_ms=*) ;;
	*) set -- "$@" retry_ms=0 ;;
	esac
	"$MQCTL" create "$@" || fail "cannot create $1"
}
send() { "$MQCTL" send "$@" >/dev/null || fail "cannot send to $1"; }

# counters QUEUE NAME=VALUE...: check the values of counters.
counters()
{
	local queue=$1 pair value

	shift
	for pair; do
		value "$queue" "${pair%%=*}" || fail "$queue: no ${pair%%=*}"
		expect_same "${pair#*=}" "$value" "${pair%%=*}"
	done
}

has() { local value; value "$1" "$2" && [ "$value" = "$3" ]; }
gone() { ! kill -0 "$1" 2>/dev/null; }
asleep() { grep -q '^State:.*S' "/proc/$1/status"; }
microseconds() { echo "${EPOCHREALTIME/[.,]/}"; }
nanoseconds() { echo "${EPOCHREALTIME/[.,]/}000"; }

# Print how many child processes process $1 has.
children()
{
	cat /proc/[0-9]*/stat 2>/dev/null | sed 's/.*) [A-Z] //' |
		grep -c "^$1 "
}

as_user() { su user -s /bin/sh -c "$1"; }

need_module()
{
	[ -e /dev/mq/control ] ||
		{ echo "1..0 # SKIP no /dev/mq/control"; exit 4; }
	"$MQCTL" ls >/dev/null || exit 1
}

# ---------------------------------------------------------------------------

# Run one test in its own process group, so that all its processes can be
# killed.
run_test()
{
	local test watchdog status

	mkdir "$TOP/$1"
	set -m
	(set +m -u; T=$TOP/$1; "$1") >"$TOP/log" 2>&1 </dev/null &
	test=$!
	(sleep $CASE_SECONDS; echo "took too long" >>"$TOP/log"
		kill -KILL -- -$test) >/dev/null 2>&1 </dev/null &
	watchdog=$!
	set +m
	wait $test 2>/dev/null
	status=$?
	kill -KILL -- -$test -$watchdog 2>/dev/null
	wait $watchdog 2>/dev/null
	return $status
}

# Run the tests; each test file ends with this call.
run_tests()
{
	local tests name n=0 bad=0 skipped=0 status begin

	tests=$(sed -n 's/^test_\([a-z0-9_]*\)()$/\1/p' "$0")
	if [ $# -gt 0 ]; then
		tests=$(printf '%s\n' "$@" | grep -xF -e "$tests") ||
			{ echo "1..0 # SKIP no such test"; exit 4; }
	fi
	echo "TAP version 13"
	echo "1..$(echo "$tests" | wc -l)"
	for name in $tests; do
		n=$((n + 1))
		begin=$SECONDS
		rm -f "$TOP/skipped"
		run_test "test_$name"
		status=$?
		[ $status -ne 4 ] || [ ! -e "$TOP/skipped" ] || status=skipped
		after_test >>"$TOP/log" 2>&1 || status=1
		case $status in
		0) echo "ok $n $name # $((SECONDS - begin)) s" ;;
		skipped)
			skipped=$((skipped + 1))
			echo "ok $n $name # SKIP $(cat "$TOP/skipped")" ;;
		*)
			bad=$((bad + 1))
			echo "not ok $n $name"
			sed 's/^/# /' "$TOP/log" ;;
		esac
	done
	echo "# $((n - bad - skipped)) passed, $bad failed, $skipped skipped"
	[ $bad -eq 0 ]
}
