#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# mqctl with topics: bind, unbind, ls --tree, and what else shows or takes topics.
# It must run as root.

# shellcheck source=ktap.sh
. "$(dirname "$0")/ktap.sh"

need_module

N=$P.t		# the topic that most tests use

# topic NAME [option=value]...: create a topic.
topic() { "$MQCTL" create "$1" type=topic "${@:2}" || fail "cannot create $1"; }
bound() { "$MQCTL" bind "$@" || fail "cannot bind $*"; }

# tree: the lines of ls --tree for the topic, words separated by one space.
tree() { "$MQCTL" ls --tree -n "${@:-$N}" | sed 's/^ *//' | tr -s ' '; }

# took QUEUE MESSAGE...: these are the messages in the queue.
took()
{
	local queue=$1 content

	shift
	"$MQCTL" recv "$queue" --wait=0 -n 0 >"$T/took" 2>&1
	slurp "$T/took"
	chomp
	expect_same "$(printf '%s\n' "$@")" "$content" "$queue"
}

# ------------------------------------------------------------------------ create

test_create()
{
	mq create "$N" type=topic mode=0640
	expect 0
	[ -c "/dev/mq/$N" ] || fail "no device"
	counters "$N" type=topic mode=0640 alternate=none on_unrouted=drop \
		sent=0 routed=0 unrouted=0 bindings=0
	mq create "$N" type=topic
	expect 4 '' "$N: cannot create: *exists*"
	mq create --exist-ok "$N" type=topic mode=0640
	expect 0
	mq create --exist-ok "$N" type=queue
	expect 4 '' "$N: it exists already, and differs: type is topic, not queue"
}

# Options that say nothing of the other type are refused.
test_options_of_the_other_type_are_refused()
{
	mq create "$N" type=topic ttl_ms=1s
	expect 5 '' "$N: cannot create: *ttl_ms*"
	mq create "$Q" on_unrouted=refuse
	expect 5 '' "$Q: cannot create: *on_unrouted*"
	topic "$N"
	make "$Q"
	mq get "$N" max_deliveries
	expect 5 '' "$N: cannot read max_deliveries: a topic has no such option"
	mq get "$Q" alternate
	expect 5 '' "$Q: cannot read alternate: a queue has no such option"
	mq set "$N" lease_ms=5s
	expect 5 '' "$N: cannot set lease_ms: a topic has no such option"
}

test_options_say_what_they_are_for()
{
	mq options on_unrouted
	expect 0 -
	grep -q '; topics only$' "$T/out" || fail "$(cat "$T/out")"
	mq options ttl_ms
	! grep -q topics "$T/out" || fail "$(cat "$T/out")"
	mq options mode
	grep -q '; topics as well$' "$T/out" || fail "$(cat "$T/out")"
}

# ------------------------------------------------------------------ bind, unbind

test_bind()
{
	topic "$N"
	make "$P.a"; make "$P.b"
	mq bind "$N" "$P.a"
	expect 0
	mq bind "/dev/mq/$N" "$P.b" 'key=user.*.signup' header.lang=de
	expect 0
	send "$N" one
	send "$N" --key=user.7.signup --header=lang=de two
	send "$N" --key=user.7.signup --header=lang=fr three
	took "$P.a" one two three
	took "$P.b" two
	counters "$N" bindings=2 sent=3 routed=3 unrouted=0
	mq bind "$N" "$P.a"
	expect 4 '' "$N: cannot bind $P.a: *"
	mq bind --exist-ok "$N" "$P.b" header.lang=de 'key=user.*.signup'
	expect 0
	counters "$N" bindings=2
}

test_unbind()
{
	topic "$N"
	make "$Q"
	bound "$N" "$Q" key=a
	bound "$N" "$Q" key=b header.x=1
	bound "$N" "$Q"
	mq unbind "$N" "$Q" header.x=1 key=b
	expect 0
	counters "$N" bindings=2
	mq unbind "$N" "$Q" key=b header.x=1
	expect 1 '' "$N: cannot unbind $Q: *"
	mq unbind -f "$N" "$Q" key=b header.x=1
	expect 0
	mq unbind "$N" "$Q"
	expect 0
	counters "$N" bindings=0
	send "$N" lost
	counters "$Q" ready=0
	counters "$N" unrouted=1
	mq unbind "$N" "$Q"
	expect 1 '' "$N: cannot unbind $Q: *"
	mq unbind -f "$N" "$P.nosuch"
	expect 0
}

test_bind_says_why_not()
{
	topic "$N"
	topic "$N.2"
	make "$Q"
	mq bind "$N" "$P.nosuch"
	expect 1 '' "$N: cannot bind $P.nosuch: *"
	mq bind "$P.nosuch" "$Q"
	expect 1 '' "$P.nosuch: cannot bind $Q: *"
	mq bind "$Q" "$N"
	expect 1 '' "$Q: cannot bind $N: *"
	mq bind "$N" "$Q" key=a..#b
	expect 1 '' "$N: cannot bind $Q: *"
	mq bind "$N" "$Q" 'key=#.#.#'
	expect 1 '' "$N: cannot bind $Q: *"
	mq bind "$N" "$Q" key=a key=b
	expect 1 '' "$N: cannot bind $Q: *"
	mq bind "$N" "$N"
	expect 1 '' "$N: cannot bind $N: *"
	bound "$N" "$N.2"
	mq bind "$N.2" "$N"
	expect 1 '' "$N.2: cannot bind $N: *"
	"$MQCTL" create "$P.small" max_message_size=10
	mq bind "$N" "$P.small"
	expect 1 '' "$N: cannot bind $P.small: *max_message_size*"
	counters "$N" bindings=1
}

# The control node takes no blanks in a filter; the descriptors do.
test_blanks_in_filters()
{
	topic "$N"
	make "$Q"
	mq bind "$N" "$Q" 'header.subject=hello world'
	expect 0
	send "$N" '--header=subject=hello world' yes
	send "$N" '--header=subject=hello' no
	took "$Q" yes
	mq bind "$N" "$Q" 'header.subject=hello world'
	expect 4 '' "$N: cannot bind $Q: there is such a binding already"
	mq bind "$N" "$Q" 'key=a b' 'key=c d'
	expect 1 '' "$N: cannot bind $Q: a word of the filter is malformed, *"
	mq bind "$Q" "$N" 'key=a b'
	expect 1 '' "$Q: cannot bind $N: $Q is a queue, not a topic"
	mq unbind "$N" "$Q" 'key=a b'
	expect 1 '' "$N: cannot unbind $Q: there is no such binding"
	mq unbind "$N" "$Q" 'header.subject=hello world'
	expect 0
	counters "$N" bindings=0
}

# The owner of both may bind, without permission for the control node.
test_owners_bind()
{
	local uid

	uid=$(id -u user)
	topic "$N" uid="$uid"
	make "$Q" uid="$uid"
	make "$P.root" mode=0666
	as_user "$MQCTL bind $N $Q key=a" 2>"$T/err" || fail "bind: $(cat "$T/err")"
	counters "$N" bindings=1
	as_user "$MQCTL bind $N $Q key=a" 2>"$T/err"
	expect_same 4 $? status
	as_user "$MQCTL bind $N $P.root" 2>"$T/err"
	expect_same 1 $? status
	expect_same "mqctl: $N: cannot bind $P.root: both have to be yours, if you \
may not write to /dev/mq/control" "$(cat "$T/err")"
	as_user "$MQCTL unbind $N $P.nosuch" 2>"$T/err"
	expect_same "mqctl: $N: cannot unbind $P.nosuch: $P.nosuch: no such queue" \
		"$(cat "$T/err")"
	as_user "$MQCTL unbind $N $Q" || fail "unbind"
	counters "$N" bindings=0
}

# -------------------------------------------------------------------------- send

test_send_to_a_topic()
{
	topic "$N"
	make "$P.a"; make "$P.b"
	bound "$N" "$P.a"
	bound "$N" "$P.b" key=b
	mq send "$N" one
	expect 0 1
	printf '1\n2\n' >"$T/lines"
	mq send "$N" --line --key=b <"$T/lines"
	expect 0 $'2\n3'
	took "$P.b" 1 2
	mq peek -J -n 1 "$P.a"
	expect_json /topic "$N" /topic_id 1 /origin null
	mq peek --long -n 1 "$P.a"
	grep -q " topic=$N/1 " "$T/out" || fail "$(cat "$T/out")"
	mq consume "$P.a" --until-empty -- \
		sh -c 'echo $DEVMQ_TOPIC $DEVMQ_TOPIC_ID $DEVMQ_ID'
	expect 0 "$N 1 1
$N 2 2
$N 3 3"
	send "$P.a" direct
	DEVMQ_TOPIC=x mq consume "$P.a" --until-empty -- \
		sh -c 'echo "${DEVMQ_TOPIC-none}"'
	expect 0 none
	send "$P.b" direct
	mq peek -J "$P.b"
	expect_json /topic null /topic_id null
}

test_unrouted()
{
	topic "$N" on_unrouted=refuse
	make "$Q"
	bound "$N" "$Q" key=a
	mq send "$N" x
	expect 1 '' "$N: cannot send: nobody takes it, and on_unrouted=refuse"
	counters "$N" sent=0 unrouted=0
	mq set "$N" on_unrouted=drop
	expect 0
	mq send "$N" x
	expect 0 1
	counters "$N" sent=1 unrouted=1 routed=0
	make "$P.lost"
	mq set "$N" alternate="$P.lost"
	expect 0
	send "$N" y
	took "$P.lost" y
	counters "$N" sent=2 unrouted=1 routed=1
	mq get "$N" alternate on_unrouted
	expect 0 "$P.lost
drop"
	mq set "$N" alternate="$P.nosuch"
	expect 5 '' "$N: cannot set alternate=$P.nosuch: no such queue"
	mq set "$Q" dead_letter="$N"
	expect 5 '' "$Q: cannot set dead_letter=$N: it is a topic, *"
	mq set "$N" alternate="$N"
	expect 5 '' "$N: cannot set alternate=$N: *circle*"
}

test_full_queue()
{
	topic "$N"
	make "$P.a"
	make "$P.b" max_messages=1 overflow=reject
	make "$P.c" max_messages=1
	bound "$N" "$P.a"
	bound "$N" "$P.b" key=b
	bound "$N" "$P.c" key=c
	send "$N" --key=b one
	mq send "$N" --key=b two
	expect 1 '' "$N: cannot send to '$P.b': the queue is full (max_messages is 1)"
	send "$N" --key=c one
	mq send "$N" --nonblock --key=c two
	expect 3 '' "$N: cannot send to '$P.c': the queue is full (max_messages is 1)"
	mq set "$P.a" paused=send
	expect 0
	mq send "$N" --nonblock --key=a no
	expect 3 '' "$N: cannot send to '$P.a': the queue is paused"
	mq set "$P.a" paused=none
	expect 0
	send "$N" --key=a three
	counters "$P.a" ready=3
	counters "$P.b" ready=1
	counters "$P.c" ready=1
}

# What a topic takes, its queues take: this cannot be changed while they are bound.
test_bounds_are_held()
{
	topic "$N"
	make "$Q"
	bound "$N" "$Q"
	mq set "$Q" max_message_size=10
	expect 5 '' "$Q: cannot set max_message_size=10: a topic feeds it, *"
	counters "$Q" max_message_size=1048576
	mq set "$N" max_message_size=10
	expect 0
	mq set "$Q" max_message_size=10
	expect 0
	mq send "$N" 'more than ten bytes'
	expect 1 '' "$N: cannot send: *max_message_size*"
}

test_what_a_topic_retains()
{
	topic "$N"
	mq peek "$N"
	expect 3 '' "$N: it is a topic, and retains nothing (*)"
	mq set "$N" compact=key
	mq peek "$N"
	expect 3 '' ''
	mq set "$N" compact=none retain_messages=10
	expect 0
	printf '1\n2\n3\n' >"$T/lines"
	mq send "$N" --line <"$T/lines"
	expect 0 $'1\n2\n3'
	mq peek "$N" -n 2
	expect 0 $'1\n2'
	mq peek "$N" --state=ready
	expect 3
	mq purge "$N" --id=2
	expect 0 1
	mq peek -J --state=retained -n 1 "$N"
	expect_json /id 1 /payload 1
	counters "$N" retained=2 first_id=1 last_id=3 trimmed=1 \
		retained_memory_bytes=4 unreadable=0
	mq set "$N" retain_memory_bytes=1M
	expect 5 '' "$N: cannot set retain_memory_bytes=1M: the topic has no journal"
	mq purge "$N"
	expect 0 2
}

# What receives, settles or moves messages says where they are.
test_what_is_for_queues_only()
{
	local why="it is a topic: its messages are in the queues *"

	topic "$N"
	make "$Q"
	mq recv "$N" --wait=0
	expect 1 '' "$N: $why"
	mq redrive "$N"
	expect 1 '' "$N: $why"
	mq redrive "$Q" "$N"
	expect 1 '' "$N: $why"
	mq move "$Q" "$N"
	expect 1 '' "$N: $why"
	mq move "$N" "$Q"
	expect 1 '' "$N: $why"
	mq release "$N" --id=1
	expect 1 '' "$N: $why"
	mq consume "$N" --until-empty -- cat
	expect 1 '' "$N: $why"
	mq call "$Q" --replies="$N" --timeout=1s x
	expect 1 '' "$N: $why"
	counters "$Q" sent=0
}

# ----------------------------------------------------------------------- ls, stat

test_ls()
{
	topic "$N"
	make "$Q"
	bound "$N" "$Q"
	send "$N" x
	mq ls -n "$P.*"
	expect 0 -
	expect_same "$Q queue 1 0 0 $N topic - - -" \
		"$(tr -s ' ' <"$T/out" | cut -d ' ' -f 1-5 | tr '\n' ' ' | sed 's/ $//')"
	mq ls -n -o name,type,sent,routed,unrouted,bindings,ready,alternate "$P.*"
	expect_same "$Q queue 1 - - - 1 - $N topic 1 1 0 1 - none" \
		"$(tr -s ' ' <"$T/out" | tr '\n' ' ' | sed 's/ $//')"
	mq ls -J -o name,type,routed,ready "$P.*"
	expect_json /queues/0/type queue /queues/0/ready 1 /queues/0/routed absent \
		/queues/1/type topic /queues/1/routed 1 /queues/1/ready absent
	mq ls --total -n -o name,sent,ready "$P.*"
	expect 0 -
	expect_same "total 2 1" "$(tail -n 1 "$T/out" | tr -s ' ')"
	# without the permission to open them
	as_user "$MQCTL ls -n -o name,type,routed,ready '$P.*'" >"$T/out" || fail "status"
	expect_same "$Q queue - 1 $N topic 1 -" \
		"$(tr -s ' ' <"$T/out" | tr '\n' ' ' | sed 's/ $//')"
}

test_stat()
{
	topic "$N"
	make "$Q"
	bound "$N" "$Q" key=a
	send "$N" --key=a x
	send "$N" x
	mq stat "$N"
	expect 0 -
	for line in 'type topic' 'sent 2' 'routed 1' 'unrouted 1' 'bindings 1' \
		    'on_unrouted drop'; do
		tr -s ' ' <"$T/out" | grep -qx "$line" || fail "no '$line'"
	done
	! grep -Eq '^(ready|acked|lease_ms) ' "$T/out" || fail "$(cat "$T/out")"
	mq stat -J "$N"
	expect_json /type topic /routed 1 /unrouted 1 /bindings 1 /ready absent
	mq stat "$Q"
	! grep -Eq '^(routed|unrouted|alternate) ' "$T/out" || fail "$(cat "$T/out")"
	mq get "$N"
	expect 0 -
	grep -qx 'alternate=none' "$T/out" || fail "get"
	! grep -q '^lease_ms=' "$T/out" || fail "get: $(cat "$T/out")"
}

test_tree()
{
	topic "$N" ; topic "$N.eu"
	make "$P.a"; make "$P.b"; make "$P.lost"; make "$P.alone"
	"$MQCTL" set "$N.eu" alternate="$P.lost" || fail "set"
	bound "$N" "$P.a"
	bound "$N" "$N.eu" 'key=eu.#'
	bound "$N" "$P.b" header.x=1 key=b
	bound "$N.eu" "$P.b" key=eu.b
	send "$N" --key=eu.b one
	send "$N" --key=eu.c two
	took "$P.lost" two
	mq ls --tree "$P.*"
	expect 0 -
	expect_same "NAME TYPE TAKEN MISSED BEHIND FILTER" "$(head -n 1 "$T/out" | tr -s ' ')"
	mq ls --tree "$N"
	expect 0 -
	expect_same "$N topic - - - -
  $P.a queue 2 0 0 -
  $N.eu topic 2 0 0 key=eu.#
    $P.b queue 1 0 0 key=eu.b
    $P.lost queue - - - (alternate)
  $P.b queue 0 0 0 key=b header.x=1" "$(tail -n +2 "$T/out" |
		sed -E 's/([^ ]) +/\1 /g')"
	# Without patterns, what a topic feeds is below it only.
	mq ls --tree -n
	expect_same "$P.alone $N" "$(grep -Eo "^$P\.[^ ]*" "$T/out" | sort | tr '\n' ' ' |
		sed 's/ $//')" roots
	mq ls --tree -J "$P.*"
	expect_json /topics/0/name "$N" /topics/0/alternate null \
		/topics/0/bindings/1/queue "$N.eu" /topics/0/bindings/1/taken 2 \
		/topics/0/bindings/1/missed 0 /topics/0/bindings/1/behind 0 \
		/topics/0/bindings/1/filter/0 'key=eu.#' \
		/topics/0/bindings/2/filter/1 header.x=1 \
		/topics/1/alternate "$P.lost" /topics/1/bindings/0/taken 1 \
		/topics/2/name absent
}

# What is below a topic is shown once, or a graph of diamonds would never end.
test_tree_of_a_diamond()
{
	local i

	for i in 1 2 3 4; do topic "$N.$i"; done
	make "$Q"
	bound "$N.1" "$N.2"
	bound "$N.1" "$N.3"
	bound "$N.2" "$N.4"
	bound "$N.3" "$N.4"
	bound "$N.4" "$Q"
	send "$N.1" x
	took "$Q" x
	# By which of two ways it came counts for one of them.
	expect_same "$N.1 topic -
$N.2 topic -
$N.4 topic -
$Q queue -
$N.3 topic -
$N.4 topic -
(as above) -" "$(tree "$N.1" | cut -d ' ' -f 1,2,6)"
}

test_tree_without_permission()
{
	topic "$N" mode=0600
	topic "$N.open" mode=0644
	make "$Q"
	bound "$N" "$Q"
	bound "$N.open" "$Q" key=a
	as_user "$MQCTL ls --tree -n '$N*'" >"$T/out" 2>"$T/err"
	expect_same 1 $? status
	grep -q "^mqctl: $N: cannot list its bindings: " "$T/err" || fail "$(cat "$T/err")"
	expect_same 1 "$(wc -l <"$T/err")" lines
	grep -q 'key=a' "$T/out" || fail "$(cat "$T/out")"
}

# -------------------------------------------------------------------- apply, dump

conf() { printf '%s\n' "$@" >"$T/conf"; }

# apply STATUS [STDOUT [STDERR]]: apply $T/conf, and check the results.
apply()
{
	mq apply "$T/conf"
	expect "$@"
}

test_apply()
{
	conf "bind $N $Q header.x=1 key=a.*" "create $Q retry_ms=0" \
		"create $P.lost" "create $N type=topic alternate=$P.lost" \
		"bind $N $P.lost key=lost"
	mq apply -n "$T/conf"
	expect 0 "create $Q retry_ms=0
create $P.lost
create $N type=topic alternate=$P.lost
bind $N $Q header.x=1 key=a.*
bind $N $P.lost key=lost"
	[ ! -e "/dev/mq/$N" ] || fail "it was created"
	apply 0 "$(cat "$T/out")"
	apply 0
	counters "$N" bindings=2 alternate="$P.lost"
	"$MQCTL" unbind "$N" "$Q" key='a.*' header.x=1 || fail "unbind"
	"$MQCTL" set "$N" alternate=none || fail "set"
	apply 0 "set $N alternate=$P.lost (was none)
bind $N $Q header.x=1 key=a.*"
}

# Bindings of the same two that no line has are named, others are left alone.
test_apply_names_what_differs()
{
	topic "$N"
	make "$P.a"; make "$P.b"; make "$P.c"
	bound "$N" "$P.a" key=old
	bound "$N" "$P.b" key=else
	conf "bind $N $P.a key=new" "bind $N $P.c"
	apply 4 "bind $N $P.a key=new
bind $N $P.c" "$N: $P.a is bound by key=old as well, which no line says"
	apply 4 '' "$N: $P.a is bound by key=old as well, which no line says"
	"$MQCTL" unbind "$N" "$P.a" key=old || fail "unbind"
	apply 0
	bound "$N" "$P.a"
	apply 4 '' "$N: $P.a is bound without a filter as well, which no line says"
	counters "$N" bindings=4
}

test_apply_says_what_is_wrong()
{
	make "$Q"
	make "$P.small" max_message_size=10
	conf "create $N type=topic" "bind $Q $N" "bind $P.nosuch $Q" \
		"bind $N $P.nosuch" "bind $N $P.small" "bind $N $Q"
	mq apply "$T/conf"
	expect_same 1 "$status" status
	expect_same "create $N type=topic
bind $N $Q" "$(cat "$T/out")" output
	expect_same 4 "$(wc -l <"$T/err")" lines
	grep -qx "mqctl: $Q: cannot bind: it is a queue, not a topic" "$T/err" ||
		fail "a queue: $(cat "$T/err")"
	grep -q "^mqctl: $P.nosuch: cannot bind $Q: " "$T/err" || fail "no topic"
	grep -q "^mqctl: $N: cannot bind $P.nosuch: " "$T/err" || fail "no queue"
	grep -q "^mqctl: $N: cannot bind $P.small: .*max_message_size" "$T/err" ||
		fail "a small queue"
	conf "create $Q type=topic"
	apply 4 '' "$Q: type is queue, not topic: *"
}

test_dump()
{
	local all

	make "$P.z" retry_ms=100
	topic "$N" alternate="$P.z" mode=0640
	topic "$P.u"
	make "$Q" retry_ms=100
	make "$P.tmp" auto_delete=1
	bound "$N" "$Q" header.x=1 key=a
	bound "$N" "$P.u"
	bound "$P.u" "$P.z" 'key=#.b'
	bound "$N" "$P.tmp" key=tmp
	bound "$N" "$Q" 'header.y=a b'
	mq dump
	expect 0 "create $Q
create $P.z
create $N type=topic mode=0640 alternate=$P.z
# $P.tmp is temporary: auto_delete=1
create $P.u type=topic
bind $N $Q key=a header.x=1
bind $N $P.u
#bind $N $P.tmp key=tmp
# A line cannot have this filter, which has blanks in it:
#bind $N $Q header.y=a b
bind $P.u $P.z key=#.b"
	"$MQCTL" unbind "$N" "$Q" 'header.y=a b' || fail "unbind"
	"$MQCTL" rm -f "$P.tmp" || fail "rm"
	all=$(grep -v '^#' "$T/out")
	mq dump
	expect 0 "$all"
	cp "$T/out" "$T/conf"
	apply 0
	"$MQCTL" rm -f "$N" "$P.u" "$Q" "$P.z" || fail "rm"
	apply 0 "$all"
	mq dump
	expect 0 "$all"
}

# -------------------------------------------------------------------- and at last

test_removal_ends_bindings()
{
	topic "$N"
	make "$P.a"; make "$P.b"
	bound "$N" "$P.a"
	bound "$N" "$P.b"
	send "$N" one
	mq rm -f "$P.a"
	expect 0
	counters "$N" bindings=1
	send "$N" two
	took "$P.b" one two
	mq rm -f "$N"
	expect 0
	mq ls --tree -n "$P.b"
	expect 0 -
	expect_same "$P.b queue - - - -" "$(tr -s ' ' <"$T/out")"
}

# A word that completion offers for the last of these words.
offers() { "$MQCTL" --complete "$@" | cut -f 1 | grep "^$P" | tr '\n' ' '; }

test_completion()
{
	topic "$N"
	make "$Q"
	expect_same "$N " "$(offers bind '')"
	expect_same "$Q $N " "$(offers bind "$N" '')"
	expect_same "$N " "$(offers unbind "$N")"
}

run_tests "$@"
