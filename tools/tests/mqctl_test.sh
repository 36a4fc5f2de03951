#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# mqctl with the module: creating, removing, listing and setting queues, and
# what it prints to a terminal. It must run as root. It creates its own queues
# and removes them.

# shellcheck source=ktap.sh
. "$(dirname "$0")/ktap.sh"

# ---------------------------------------------------------------------- create

test_create()
{
	mq create "$Q"
	expect 0
	[ -c "/dev/mq/$Q" ] || fail "no device"
	counters "$Q" type=queue mode=0600 ready=0 max_messages=1048576 \
		max_bytes=67108864 max_message_size=1048576 overflow=block \
		framing=record eof=never allow_empty=0 ack=auto prefetch=0 \
		lease_ms=0 \
		max_deliveries=20 max_dead=65536 dead_letter=none \
		on_expiry=drop dead_ttl_ms=0 retry_ms=100 retry_backoff=2 retry_max_ms=60000 \
		delay_ms=0 ttl_ms=0 priorities=1 order=fifo \
		dedup_window_ms=0 dedup_max=65536 single_active=0 \
		fairness=none paused=none auto_delete=0 expires_ms=0
	mq create "$Q"
	expect 4 '' "$Q: cannot create: *exists*"
}

test_create_exist_ok()
{
	mq create --exist-ok "$Q" max_bytes=2M lease_ms=1.5m mode=0640
	expect 0
	mq create "$Q" --exist-ok
	expect 0
	mq create --exist-ok "$Q" max_bytes=2048K lease_ms=90000 mode=640 \
		dead_letter=none overflow=block
	expect 0
	mq create --exist-ok "$Q" max_bytes=3M lease_ms=90s overflow=reject
	expect 4 '' "$Q: it exists already, and differs: max_bytes is 2097152, \
not 3145728; overflow is block, not reject"
	counters "$Q" max_bytes=2097152 overflow=block
	# the mode of the node counts, not the mode at creation
	chmod 0600 "/dev/mq/$Q"
	mq create --exist-ok "$Q" mode=0640
	expect 4 '' "$Q: it exists already, and differs: mode is 0600, not 0640"
	mq create --exist-ok "$Q" frobnicate=1
	expect 5 '' "$Q: cannot create: unknown option 'frobnicate'"
	mq create --exist-ok "$Q" max_bytes=0
	expect 5 '' "$Q: cannot create: max_bytes=0: *"
	mq create "$Q" max_bytes=2M
	expect 4 '' "$Q: cannot create: *exists*"
}

# Of two mqctl that create the queue at the same time, both succeed.
test_create_exist_ok_at_the_same_time()
{
	local i pids

	for i in 1 2 3 4 5; do
		pids=()
		for _ in 1 2 3; do
			"$MQCTL" create --exist-ok "$P.$i" max_bytes=2M &
			pids+=($!)
		done
		wait "${pids[0]}" && wait "${pids[1]}" && wait "${pids[2]}" ||
			fail "one of them failed"
		[ -c "/dev/mq/$P.$i" ] || fail "no device"
	done
}

test_create_with_names_of_users_and_groups()
{
	mq create "$Q" uid=root gid=user
	expect 0
	expect_same "0 $(id -g user)" "$(stat -c '%u %g' "/dev/mq/$Q")"
	mq create --exist-ok "$Q" uid=root gid=user
	expect 0
	mq create --exist-ok "$Q" uid=user
	expect 4 '' "$Q: it exists already, and differs: uid is 0, not $(id -u user)"
}

test_create_with_options()
{
	mq create "$Q" mode=0666 max_messages=10 max_bytes=2M \
		max_message_size=64K overflow=reject framing=line eof=empty \
		ack=manual prefetch=7 uid=1000 gid=1001 type=queue
	expect 0
	counters "$Q" mode=0666 max_messages=10 max_bytes=2097152 \
		max_message_size=65536 overflow=reject framing=line eof=empty \
		ack=manual prefetch=7 uid=1000 gid=1001
	expect_same '666 1000 1001' "$(stat -c '%a %u %g' "/dev/mq/$Q")"
	make "$P.b" max_bytes=1G
	counters "$P.b" max_bytes=1073741824
	make "$P.c" lease_ms=30s ttl_ms=5m retry_ms=1500 retry_max_ms=2h \
		delay_ms=250ms dedup_window_ms=0 dead_letter="$P.b" \
		on_expiry=dead order=key priorities=8
	counters "$P.c" lease_ms=30000 ttl_ms=300000 retry_ms=1500 \
		retry_max_ms=7200000 delay_ms=250 dedup_window_ms=0 \
		dead_letter="$P.b" on_expiry=dead order=key priorities=8
	# a dead-letter queue is removed after the queue that uses it
	mq rm "$P.b"
	expect 1 '' "$P.b: cannot remove: *"
	mq rm "$P.c" "$P.b"
	expect 0
}

test_create_says_why_not()
{
	mq create "$Q" frobnicate=1
	expect 5 '' "$Q: cannot create: *frobnicate*"
	mq create "$Q" eof=sometimes
	expect 5 '' "$Q: cannot create: *eof=sometimes*never*"
	mq create "$Q" max_messages=0
	expect 5 '' "$Q: cannot create: *max_messages=0*"
	mq create "$Q" max_messages=1x
	expect 5 '' "$Q: cannot create: *max_messages=1x*"
	mq create "$Q" mode=0888
	expect 5 '' "$Q: cannot create: *mode=0888*"
	mq create "$Q" max_bytes=1000000G
	expect 5 '' "$Q: cannot create: *max_bytes=*"
	mq create "$Q" eof=empty eof=empty
	expect 5 '' "$Q: cannot create: *eof*twice*"
	mq create "$Q" lease_ms=9000h retry_backoff=0
	expect 5 '' "$Q: cannot create: *retry_backoff=0*"
	mq create "$Q" dead_letter="$P.none"
	expect 5 '' "$Q: cannot create: *$P.none*"
	mq create "$Q" overflow=dead-letter
	expect 5 '' "$Q: cannot create: *dead*letter*"
	mq create "$Q" max_bites=5
	expect 5 '' "$Q: cannot create: unknown option 'max_bites', did you mean \
'max_bytes'?"
	mq create "$Q" eof=empty xyzzy=5
	expect 5 '' "$Q: cannot create: unknown option 'xyzzy'"
	[ ! -e "/dev/mq/$Q" ] || fail "it was created"
}

test_create_names()
{
	local name long

	long=$P.$(printf '%063d' 0)
	long=${long:0:63}
	for name in "$long" "$P.A-b_c.9"; do
		mq create "$name"
		expect 0
		[ -c "/dev/mq/$name" ] || fail "no device"
	done
	mq create "$P b"
	expect 2 '' "create: '$P b' is not a queue's name *"
	mq create "/dev/mq/$P.path"
	expect 0
	[ -c "/dev/mq/$P.path" ] || fail "no device"
}

# A file that an echo before the create has left, and other files.
test_create_where_a_file_is_in_the_way()
{
	local node=/dev/mq/$Q say="another file stands at /dev/mq/$Q: move it away"

	echo job >"$node"
	mq create "$Q"
	expect 1 '' "$Q: cannot create: $say (--force replaces it)"
	expect_same job "$(cat "$node")"
	[ ! -e "/sys/class/mq/$Q" ] || fail "there is a queue"
	mq create --force "$Q" max_messages=7
	expect 0
	[ -c "$node" ] || fail "no device"
	counters "$Q" max_messages=7
	echo job >"$node"
	counters "$Q" ready=1
}

test_create_force_removes_nothing_but_a_file()
{
	local node=/dev/mq/$Q

	mkdir "$node"
	mq create -f "$Q"
	expect 1 '' "$Q: cannot replace $node: it is a directory"
	rmdir "$node"
	# The node of an existing queue, moved to another name.
	make "$P.b"
	mv "/dev/mq/$P.b" "$node"
	mq create -f "$Q"
	expect 1 '' "$Q: cannot replace $node: it is the device file of another queue"
	[ -c "$node" ] || fail "removed"
	mv "$node" "/dev/mq/$P.b"
	# An existing queue of this name.
	mq create -f "$P.b"
	expect 4 '' "$P.b: cannot create: *exists*"
	# A link, even to a queue's node, is replaced.
	ln -s "$P.b" "$node"
	mq create -f "$Q"
	expect 0
	[ ! -L "$node" ] && [ -c "$node" ] || fail "no device"
	mq rm "$Q"
	# A node with a number that no device has.
	mknod "$node" c 4000 77
	mq create -f "$Q"
	expect 0
	mq ls -n -o name,node
	mine | grep -qx "$Q ok" || fail "$(mine)"
	# No file is in the way.
	mq rm "$Q"
	mq create -f "$Q"
	expect 0
}

test_control_node_that_is_another_file()
{
	mv /dev/mq/control /dev/mq/control.kept
	: >/dev/mq/control
	mq create "$Q"
	mv -f /dev/mq/control.kept /dev/mq/control
	expect 1 '' "$Q: cannot create: /dev/mq/control is another file, not the module's: *"
	[ ! -e "/dev/mq/$Q" ] || fail "created"
}

test_create_needs_permission()
{
	as_user "$MQCTL create $Q" 2>"$T/err" && fail "created"
	grep -q "^mqctl: $Q: cannot create: .*Permission denied$" "$T/err" ||
		fail "said $(cat "$T/err")"
}

# -------------------------------------------------------------------------- rm

test_rm()
{
	make "$Q"
	mq rm "$Q"
	expect 0
	[ ! -e "/dev/mq/$Q" ] || fail "it is still there"
	mq rm "$Q"
	expect 1 '' "$Q: cannot remove: *does not exist*"
	mq rm -f "$Q"
	expect 0
	make "$Q"
	mq rm -f "$P.none" "$Q" "$P.none"
	expect 0
	[ ! -e "/dev/mq/$Q" ] || fail "it is still there"
}

test_rm_with_messages()
{
	make "$Q"
	send "$Q" hello
	mq rm "$Q"
	expect 1 '' "$Q: cannot remove: it still stores messages *"
	counters "$Q" ready=1
	mq rm -f "$Q"
	expect 0
	[ ! -e "/dev/mq/$Q" ] || fail "it is still there"
	make "$Q"
	send "$Q" hello
	mq rm "$Q" --force
	expect 0
}

test_rm_many()
{
	make "$P.1"; make "$P.2"; make "$P.3"
	send "$P.2" hello
	mq rm "$P.1" "$P.2" "$P.none" "$P.3"
	[ "$status" = 1 ] || fail "status $status"
	expect_same "mqctl: $P.2: cannot remove: it still stores messages \
(-f removes them as well)
mqctl: $P.none: cannot remove: queue '$P.none' does not exist" \
		"$(cat "$T/err")"
	[ ! -e "/dev/mq/$P.1" ] && [ ! -e "/dev/mq/$P.3" ] || fail "left over"
	mq rm "$P.4" 'a b'
	expect 2 '' "rm: 'a b' is not a queue's name *"
	as_user "$MQCTL rm $P.2" 2>"$T/err" && fail "removed"
	grep -q "^mqctl: $P.2: cannot remove: .*Permission denied$" "$T/err" ||
		fail "said $(cat "$T/err")"
}

# -------------------------------------------------------------------------- ls

mine() { grep "$P" "$T/out" | tr -s ' ' | sed 's/ $//'; }

test_ls()
{
	mq ls
	expect 0 -
	make "$P.b"; make "$P.a" max_bytes=3M; make "$P.c"
	send "$P.b" hello
	send "$P.b" world
	mq ls
	expect 0 -
	expect_same 'NAME TYPE READY IN-FLIGHT DELAYED DEFERRED DEAD BYTES '\
'CONSUMERS PRODUCERS OLDEST NODE' "$(head -n 1 "$T/out" | tr -s ' ')"
	expect_same "$P.a $P.b $P.c" "$(mine | cut -d ' ' -f 1 | tr '\n' ' ' |
		sed 's/ $//')"
	expect_same "$P.b queue 2 0 0 0 0 10 0 0 ok" "$(mine | grep "^$P.b" |
		cut -d ' ' -f 1-10,12)"
}

test_ls_marks_a_queue_without_its_node()
{
	make "$P.a"; make "$P.b"; make "$P.c"
	mv "/dev/mq/$P.a" "/dev/mq/$P.a.kept"
	mv "/dev/mq/$P.b" "/dev/mq/$P.b.kept"
	echo job >"/dev/mq/$P.b"
	mq ls -n -o name,node
	expect 0 -
	expect_same "$P.a missing $P.b wrong $P.c ok" \
		"$(mine | tr '\n' ' ' | sed 's/ $//')"
	as_user "$MQCTL ls -n -o name,node" >"$T/out" || fail "status"
	expect_same "$P.a missing $P.b wrong $P.c ok" \
		"$(mine | tr '\n' ' ' | sed 's/ $//')"
	mq stat "$P.b"
	grep -Eqx 'node +wrong' "$T/out" || fail "stat: $(cat "$T/out")"
	mq stat -J "$P.a"
	expect_json /node missing
	mq send "$P.a" x
	expect 1 '' "$P.a: cannot open: the queue is there, but /dev/mq/$P.a is missing; to make it again: mknod -m 600 /dev/mq/$P.a c *"
	eval "$(sed 's/.*: mknod/mknod/' "$T/err")" || fail "mknod"
	mq send "$P.a" x
	expect 0 1
	rm "/dev/mq/$P.a"
	mq send "$P.b" x
	expect 1 '' "$P.b: cannot open: /dev/mq/$P.b is another file, not a queue"
	expect_same job "$(cat "/dev/mq/$P.b")"
	# A link to another queue's node is wrong, one to its own node is not.
	rm "/dev/mq/$P.b"
	ln -s "$P.c" "/dev/mq/$P.b"
	mq ls -n -o name,node
	mine | grep -qx "$P.b wrong" || fail "link: $(mine)"
	ln -sf "$P.b.kept" "/dev/mq/$P.b"
	mq ls -n -o name,node
	mine | grep -qx "$P.b ok" || fail "its own: $(mine)"
	mv "/dev/mq/$P.a.kept" "/dev/mq/$P.a"
	mv "/dev/mq/$P.b.kept" "/dev/mq/$P.b"
}

test_ls_columns()
{
	make "$P.a" max_bytes=3M max_messages=5
	send "$P.a" "$(printf '%02000d' 0)"
	mq ls -o max_bytes,name,bytes,max_messages,eof
	expect 0 -
	expect_same 'MAX-BYTES NAME BYTES MAX-MESSAGES EOF' \
		"$(head -n 1 "$T/out" | tr -s ' ' | sed 's/^ //')"
	expect_same "3.0M $P.a 1.9K 5 never" "$(mine | sed 's/^ //')"
	mq ls --output=name,ready --noheadings
	expect 0 -
	expect_same "$P.a 1" "$(mine)"
	! grep -q NAME "$T/out" || fail "headings"
	mq ls -n -r -o bytes,max_bytes,name
	expect 0 -
	expect_same "2000 3145728 $P.a" "$(mine | sed 's/^ //')"
}

test_ls_durations()
{
	make "$Q" lease_ms=90s ttl_ms=250ms
	mq ls -n -o name,lease_ms,ttl_ms,retry_ms
	expect_same "$Q 1m 250ms 0" "$(mine)"
	mq ls -n -r -o name,lease_ms,ttl_ms
	expect_same "$Q 90000 250" "$(mine)"
}

test_ls_age()
{
	make "$Q"
	mq ls -n -r -o oldest_ms,name
	expect_same "0 $Q" "$(mine | sed 's/^ //')"
	send "$Q" hello
	sleep 1.1
	mq ls -n -o name,oldest_ms
	mine | grep -Eqx "$Q [1-9][0-9]*s" || fail "age: $(mine)"
	mq ls -n -r -o name,oldest_ms
	mine | grep -Eqx "$Q [1-9][0-9]{3,}" || fail "raw age: $(mine)"
}

test_ls_json()
{
	local i

	make "$P.a" max_bytes=3M
	make "$P.b" mode=0640
	send "$P.b" hello
	mq ls -J -o name,mode,ready,max_bytes
	expect 0 -
	for ((i = 0; ; i++)); do
		expect_json /queues/$i/name "$(head -c 0; "$JSON_CHECK" \
			"/queues/$i/name" <"$T/out")"
		[ "$("$JSON_CHECK" "/queues/$i/name" <"$T/out")" != "$P.a" ] ||
			break
		[ $i -lt 1000 ] || fail "not there"
	done
	expect_json /queues/$i/ready 0 /queues/$i/max_bytes 3145728 \
		/queues/$i/mode 0600
	i=$((i + 1))
	expect_json /queues/$i/name "$P.b" /queues/$i/ready 1 \
		/queues/$i/mode 0640 /queues/$i/bytes absent
	mq ls --json
	expect_json /queues/$i/name "$P.b" /queues/$i/in_flight 0 \
		/queues/$i/bytes 5
}

test_ls_of_nothing()
{
	[ -z "$("$MQCTL" ls -n -o name)" ] || skip "there are queues"
	mq ls
	expect 0 -
	expect_same 1 "$(wc -l <"$T/out")"
	mq ls -n
	expect 0
	mq ls -J
	expect 0 '{"queues":[]}'
}

# Queues come and go while ls runs: a row is complete or absent.
test_ls_while_queues_go()
{
	local how i

	(while [ ! -e "$T/enough" ]; do
		echo "create $P.go" >/dev/mq/control
		echo "remove $P.go" >/dev/mq/control
	done) 2>/dev/null &
	for how in "$MQCTL ls -n -o name,ready,max_bytes" \
		"$MQCTL ls -n -o max_messages,name"; do
		for ((i = 0; i < 10; i++)); do
			$how >>"$T/rows" || fail "status"
			as_user "$how" >>"$T/rows" || fail "status"
		done
	done
	: >"$T/enough"
	wait
	! grep -E '(^|[[:space:]])-([[:space:]]|$)' "$T/rows" || fail "not whole"
}

test_ls_as_user()
{
	make "$Q"
	send "$Q" hello
	as_user "$MQCTL ls -n -o name,ready,bytes" >"$T/out" || fail "status"
	expect_same "$Q 1 5" "$(mine)"
}

test_ls_is_no_consumer()
{
	make "$Q" eof=hangup
	exec 5<"/dev/mq/$Q"
	mq ls -n -o name,consumers,producers
	expect_same "$Q 1 0" "$(mine)"
	exec 5<&-
}

# ------------------------------------------------------------- stat, get, set

test_stat()
{
	make "$Q" max_bytes=3M
	send "$Q" hello
	mq stat "$Q"
	expect 0 -
	expect_same "name $Q node ok type queue mode 0600" \
		"$(head -n 4 "$T/out" | tr -s ' \n' ' ' | sed 's/ $//')"
	grep -Eqx 'max_bytes +3145728' "$T/out" || fail "max_bytes"
	grep -Eqx 'ready +1' "$T/out" || fail "ready"
	expect_same 61 "$(wc -l <"$T/out")" "lines"
	expect_same '' "$(awk 'NF != 2' "$T/out")" "lines that are not two words"
	mq stat "$P.none"
	expect 1 '' "$P.none: no such queue"
}

test_stat_json()
{
	make "$Q" max_bytes=3M prefetch=2
	send "$Q" hello
	mq stat -J "$Q"
	expect 0 -
	expect_same 1 "$(wc -l <"$T/out")" "lines"
	expect_json /name "$Q" /type queue /mode 0600 /uid 0 \
		/max_bytes 3145728 /prefetch 2 /ready 1 /in_flight 0 \
		/delayed 0 /deferred 0 /dead 0 /bytes 5 /sent 1 /delivered 0 \
		/acked 0 /redelivered 0 /expired 0 /dead_lettered 0 \
		/dropped 0 /purged 0 /deduplicated 0 /consumers 0 \
		/producers 0 /dead_refused 0 /dedup_forgotten 0 \
		/oldest_in_flight_ms 0 /waiting_senders 0 \
		/waiting_receivers 0 /sender_wait_ms 0 /receiver_wait_ms 0 \
		/lease_ms 0 /dead_letter none /priorities 1
	grep -Eq '"oldest_ms":[0-9]+' "$T/out" || fail "oldest_ms"
	mq stat "$Q" --json
	expect_json /name "$Q"
}

# The memory of all queues, and the users it is charged to.
test_stat_memory()
{
	local used=/sys/module/devmq/parameters/used_bytes

	make "$Q" mode=0666
	send "$Q" hello
	as_user "echo theirs >/dev/mq/$Q" || fail "status"
	mq stat
	expect 0 -
	grep -Eqx "max_total_bytes +[0-9]+" "$T/out" || fail "max_total_bytes"
	grep -Eqx "max_user_bytes +[0-9]+" "$T/out" || fail "max_user_bytes"
	grep -Eqx "used_bytes +$(cat $used)" "$T/out" || fail "used_bytes"
	grep -Eqx "used by 0 +[1-9][0-9]*" "$T/out" || fail "root's"
	grep -Eqx "used by 1000 +[1-9][0-9]*" "$T/out" || fail "the user's"
	mq stat -J
	expect_json /used_bytes "$(cat $used)"
	grep -Eq '"used_by":\{"0":[0-9]+,"1000":[0-9]+\}' "$T/out" ||
		fail "used_by"
	# A long user id must not run into the next column.
	if type -P perl >/dev/null; then
		LC_ALL=C perl -e '$> = 4294967290; open my $q, ">", $ARGV[0] or die $!;
			syswrite $q, "more" or die $!' "/dev/mq/$Q" || fail "status"
		mq stat
		grep -Eqx "used by 4294967290 +[1-9][0-9]*" "$T/out" ||
			fail "the user's with a long number: $(cat "$T/out")"
	fi
}

# The error message tells which memory bound is reached.
test_send_without_memory()
{
	local parameters=/sys/module/devmq/parameters total

	make "$Q" mode=0666 overflow=reject
	total=$(cat $parameters/max_total_bytes)
	# shellcheck disable=SC2064  # expand now
	trap "echo $total >$parameters/max_total_bytes
		echo 0 >$parameters/max_user_bytes" EXIT
	echo 256K >$parameters/max_user_bytes
	as_user "while echo line; do :; done | $MQCTL send $Q --line" \
		>/dev/null 2>"$T/err"
	grep -q "max_user_bytes" "$T/err" || fail "$(cat "$T/err")"
	echo 0 >$parameters/max_user_bytes
	echo 64K >$parameters/max_total_bytes
	mq send "$Q" hello
	echo "$total" >$parameters/max_total_bytes
	expect 1 '' "$Q: *max_total_bytes*"
}

test_stat_as_user()
{
	make "$Q"
	send "$Q" hello
	as_user "$MQCTL stat -J $Q" >"$T/out" || fail "status"
	expect_json /ready 1 /sent 1 /consumers 0
}

test_get()
{
	make "$Q" overflow=reject max_bytes=1M
	mq get "$Q"
	expect 0 "type=queue
mode=0600
uid=0
gid=0
max_messages=1048576
max_bytes=1048576
max_message_size=1048576
overflow=reject
framing=record
eof=never
allow_empty=0
ack=auto
prefetch=0
lease_ms=0
max_deliveries=20
max_dead=65536
dead_letter=none
journal=none
on_expiry=drop
dead_ttl_ms=0
retry_ms=0
retry_backoff=2
retry_max_ms=60000
delay_ms=0
ttl_ms=0
priorities=1
order=fifo
fairness=none
dedup_window_ms=0
dedup_max=65536
single_active=0
paused=none
auto_delete=0
expires_ms=0"
	mq get "$Q" overflow max_bytes ready
	expect 0 $'reject\n1048576\n0'
	mq get "$Q" overflow nosuch
	expect 5 reject "$Q: cannot read nosuch: no such option"
	mq get "$Q" overflaw
	expect 5 '' "$Q: cannot read overflaw: no such option, did you mean 'overflow'?"
	mq get "$P.none"
	expect 1 '' "$P.none: no such queue"
	mq get "$P.none" eof
	expect 1 '' "$P.none: no such queue"
	# create accepts what get prints.
	# shellcheck disable=SC2046
	make "$P.copy" $("$MQCTL" get "$Q")
	expect_same "$("$MQCTL" get "$Q")" "$("$MQCTL" get "$P.copy")"
}

test_set()
{
	make "$Q"
	mq set "$Q" max_bytes=2M max_messages=9 overflow=drop-head eof=empty \
		ack=manual prefetch=3 max_message_size=5K
	expect 0
	counters "$Q" max_bytes=2097152 max_messages=9 overflow=drop-head \
		eof=empty ack=manual prefetch=3 max_message_size=5120
	mq set "$Q" max_messages=4 eof=x max_messages=5
	expect 5 '' "$Q: cannot set eof: x is not a value of it, which are never|*"
	counters "$Q" max_messages=4 eof=empty
	mq set "$Q" max_messages=0
	expect 5 '' "$Q: cannot set max_messages: 0 is out of bounds, which are 1..*"
	mq set "$Q" lease_ms=30s retry_ms=1m paused=both
	expect 0
	counters "$Q" lease_ms=30000 retry_ms=60000 paused=both
	mq set "$Q" dead_letter="$P.none"
	expect 5 '' "$Q: cannot set dead_letter=$P.none: no such queue"
	mq set "$Q" dead_letter="$Q"
	expect 5 '' "$Q: cannot set dead_letter=$Q: the dead would go round *"
	mq set "$Q" overflow=dead-letter
	expect 5 '' "$Q: cannot set overflow=dead-letter: the queue has no *"
	make "$P.key" order=key
	mq set "$Q" dead_letter="$P.key"
	expect 5 '' "$Q: cannot set dead_letter=$P.key: it has order=key or *"
	make "$P.dead"
	mq set "$Q" dead_letter="$P.dead" overflow=dead-letter
	expect 0
	mq set "$Q" dead_letter=none
	expect 5 '' "$Q: cannot set dead_letter=none: overflow=dead-letter *"
	mq set "$Q" framing=line
	expect 5 '' "$Q: cannot set framing: it is fixed when a queue is created"
	mq set "$Q" ready=1
	expect 5 '' "$Q: cannot set ready: it is a counter"
	mq set "$Q" nosuch=1
	expect 5 '' "$Q: cannot set nosuch: no such option"
	mq set "$Q" oef=empty
	expect 5 '' "$Q: cannot set oef: no such option, did you mean 'eof'?"
	mq set "$Q" ttl_ms=1.5d
	expect 0
	counters "$Q" ttl_ms=129600000
	mq set "$P.none" eof=empty
	expect 1 '' "$P.none: no such queue"
	as_user "$MQCTL set $Q eof=never" 2>"$T/err" && fail "it was set"
	grep -q "mqctl: $Q: cannot set eof: Permission denied" "$T/err" ||
		fail "said $(cat "$T/err")"
}

# ------------------------------------------------------------ patterns, totals

test_ls_patterns()
{
	make "$P.a1"; make "$P.a2"; make "$P.b"
	mq ls -n -o name "$P.a*"
	expect 0 "$P.a1
$P.a2"
	mq ls -n -o name "$P.b" "$P.a?" 'nothing*'
	expect 0 "$P.a1
$P.a2
$P.b"
	# A name is no pattern: there should be such a queue.
	mq ls -n -o name "$P.b" "$P.nothing"
	expect 1 "$P.b" "$P.nothing: no such queue"
	mq ls -n -o name "$P.c*"
	expect 0
}

test_ls_sort_and_total()
{
	make "$P.a" max_bytes=1M; make "$P.b" max_bytes=1M; make "$P.c"
	send "$P.a" one
	send "$P.c" one
	send "$P.c" three
	mq ls -n --sort=ready -o name,ready "$P.*"
	expect 0 "$P.b  0
$P.a  1
$P.c  2"
	mq ls -n --sort=-ready -o name,ready "$P.*"
	expect 0 "$P.c  2
$P.a  1
$P.b  0"
	# sort by a column that is not shown; equal rows by name
	mq ls -n --sort max_bytes -o name "$P.*"
	expect 0 "$P.a
$P.b
$P.c"
	mq ls -n --sort=-name -o name "$P.*"
	expect 0 "$P.c
$P.b
$P.a"
	mq ls -n -r --total -o name,ready,bytes,eof,max_bytes "$P.*"
	expect_same "total 3 11 - -" "$(tail -n 1 "$T/out" | tr -s ' ')"
	mq ls --total -J -o name,ready "$P.*" --sort=-ready
	expect_json /queues/0/name "$P.c" /queues/2/ready 0 /total/ready 3
	mq ls --total -n -o name,ready "$P.none*"
	expect 0 'total  0'
}

test_watch()
{
	make "$Q"
	"$MQCTL" ls -w --interval=20ms -n -o name,ready "$Q" >"$T/seen" &
	wait_for grep -qx "$Q  0" "$T/seen"
	send "$Q" x
	wait_for grep -qx "$Q  1" "$T/seen"
	kill $!
	wait $!
	"$MQCTL" stat "$Q" --interval=20ms -J >"$T/seen" &
	wait_for grep -q '"ready":1' "$T/seen"
	mq rm -f "$Q"
	wait $!
	expect_same 1 $? status
	# on a terminal, each output replaces the one before
	make "$Q"
	command -v script >/dev/null || skip "no script(1)"
	script -qfec "$(printf '%q ' "$MQCTL" stat "$Q" --interval=20ms)" \
		"$T/seen" </dev/null >/dev/null 2>&1 &
	wait_for grep -q $'\033\\[H\033\\[Jname ' "$T/seen"
	mq rm -f "$Q"
	wait $!
	expect_same 1 $? status
}

# on_terminal ARG...: run mqctl on a terminal, with its output in $T/out.
on_terminal()
{
	command -v script >/dev/null || skip "no script(1)"
	script -qec "$(printf '%q ' "$MQCTL" "$@")" /dev/null </dev/null \
		2>"$T/err" | tr -d '\r' >"$T/out"
}

test_mode_and_owner_as_they_are_now()
{
	make "$Q" mode=0600 uid=0
	chmod 0644 "/dev/mq/$Q"
	chown 1000:1001 "/dev/mq/$Q"
	mq get "$Q" mode uid gid
	expect 0 $'0644\n1000\n1001'
	mq ls -n -o name,mode,uid,gid "$Q"
	expect 0 "$Q  0644  1000  1001"
	mq stat -J "$Q"
	expect_json /mode 0644 /uid 1000 /gid 1001
}

test_options_are_those_of_the_module()
{
	local name

	mq options
	expect 0 -
	cut -d ' ' -f 1 /dev/mq/control | sort >"$T/module"
	sed -n 's/^\([a-z_]*\)=.*/\1/p' "$T/out" | sort | cmp - "$T/module" ||
		fail "not those of the module"
	cp "$T/out" "$T/root"
	as_user "$MQCTL options" >"$T/user"
	cmp "$T/root" "$T/user" || fail "mqctl was built with other options than the module"
	# each option is a column, too
	while read -r name _; do
		mq ls -n -o "$name"
		expect 0 -
	done <"$T/module"
}

# -------------------------------------------------------------------- terminals

test_terminal_gets_no_control_characters()
{
	make "$Q"
	printf 'a\033[31mb\tc\nd\302\233e\377f\n' | "$MQCTL" send "$Q" -k "$(printf 'k\033')" \
		-H "h=$(printf 'v\033')" >/dev/null
	on_terminal peek "$Q"
	expect_same 'a\x1b[31mb	c
d\xc2\x9be\xfff' "$(cat "$T/out")"
	on_terminal peek "$Q" --long
	! grep -q $'\033' "$T/out" || fail "an escape: $(cat -v "$T/out")"
	on_terminal peek "$Q" -J
	! grep -q $'\033' "$T/out" || fail "an escape: $(cat -v "$T/out")"
	on_terminal peek "$Q" --raw
	grep -q $'\033' "$T/out" || fail "--raw escapes"
	on_terminal recv "$Q"
	grep -q '^a\\x1b\[31mb' "$T/out" || fail "$(cat -v "$T/out")"
	# other outputs get the bytes as they were sent
	printf 'a\033b' | "$MQCTL" send "$Q" >/dev/null
	mq peek "$Q"
	expect 0 $'a\033b'
}

test_json_has_no_control_characters()
{
	make "$Q"
	printf 'a\033\177\302\233\342\200\250b' | "$MQCTL" send "$Q" >/dev/null
	mq peek "$Q" -J
	grep -q 'a\\u001b\\u007f\\u009b\\u2028b' "$T/out" ||
		fail "$(cat -v "$T/out")"
	expect_json /payload $'a\033\177\302\233\342\200\250b'
}

test_complaints_have_no_control_characters()
{
	make "$Q"
	mq get "$Q" $'x\033y\302\233z'
	grep -q 'x?y??z' "$T/err" || fail "$(cat -v "$T/err")"
}

need_module
run_tests "$@"
