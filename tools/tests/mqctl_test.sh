#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# mqctl with the module: every command but consume, every option and error. To
# be run as root. It makes queues with names of its own and removes them.

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
	# the mode and owner of the node are compared, not those it was created with
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

# If two create it at the same time, one does, and both succeed.
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
	# a dead-letter queue is removed after the queue that has it
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

# A file that an echo before the create has made, and other files in the way.
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
	# The node of another queue that exists.
	make "$P.b"
	mv "/dev/mq/$P.b" "$node"
	mq create -f "$Q"
	expect 1 '' "$Q: cannot replace $node: it is the device file of another queue"
	[ -c "$node" ] || fail "removed"
	mv "$node" "/dev/mq/$P.b"
	# The queue exists.
	mq create -f "$P.b"
	expect 4 '' "$P.b: cannot create: *exists*"
	# A symbolic link may be replaced, even one to the node of a queue.
	ln -s "$P.b" "$node"
	mq create -f "$Q"
	expect 0
	[ ! -L "$node" ] && [ -c "$node" ] || fail "no device"
	mq rm "$Q"
	# A device number that no device has.
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
	expect_same 'NAME READY IN-FLIGHT DELAYED DEFERRED DEAD BYTES '\
'CONSUMERS PRODUCERS OLDEST NODE' "$(head -n 1 "$T/out" | tr -s ' ')"
	expect_same "$P.a $P.b $P.c" "$(mine | cut -d ' ' -f 1 | tr '\n' ' ' |
		sed 's/ $//')"
	expect_same "$P.b 2 0 0 0 0 10 0 0 ok" "$(mine | grep "^$P.b" |
		cut -d ' ' -f 1-9,11)"
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
	expect 1 '' "$P.a: cannot open: the queue is there, but /dev/mq/$P.a is missing"
	mq send "$P.b" x
	expect 1 '' "$P.b: cannot open: /dev/mq/$P.b is another file, not a queue"
	expect_same job "$(cat "/dev/mq/$P.b")"
	# A link to another queue's node is wrong, one to its own node is ok.
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

# Queues are created and removed while ls runs: each row is whole.
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
	expect_same 60 "$(wc -l <"$T/out")" "lines"
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

# The memory of all queues, and which users have it.
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
	# However long a user's number is, it stands apart from what is used.
	if type -P perl >/dev/null; then
		LC_ALL=C perl -e '$> = 4294967290; open my $q, ">", $ARGV[0] or die $!;
			syswrite $q, "more" or die $!' "/dev/mq/$Q" || fail "status"
		mq stat
		grep -Eqx "used by 4294967290 +[1-9][0-9]*" "$T/out" ||
			fail "the user's with a long number: $(cat "$T/out")"
	fi
}

# If memory is used up, the message names the bound that was met.
test_send_without_memory()
{
	local parameters=/sys/module/devmq/parameters total

	make "$Q" mode=0666 overflow=reject
	total=$(cat $parameters/max_total_bytes)
	# shellcheck disable=SC2064  # what it is now
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
	# create takes the output of get.
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

# ------------------------------------------------------------------------ send

test_send()
{
	make "$Q"
	mq send "$Q" hello
	expect 0 1
	mq send "$Q" 'two words'
	expect 0 2
	mq send "$Q" -- --dashes
	expect 0 3
	mq send -- "$Q" -x
	expect 0 4
	mq send "/dev/mq/$Q" path
	expect 0 5
	mq recv -n 0 --null "$Q"
	expect 0 'hello@two words@--dashes@-x@path@'
	mq send "$P.none" x
	expect 1 '' "$P.none: no such queue"
}

test_send_empty()
{
	local why="cannot send: the message is empty, and the queue has allow_empty=0"

	make "$Q" priorities=2
	mq send "$Q" ''
	expect 1 '' "$Q: $why"
	mq send "$Q" --priority=1 --key=k ''
	expect 1 '' "$Q: $why"
	mq send "$Q" </dev/null
	expect 1 '' "$Q: $why"
	# No message is sent.
	mq send --line "$Q" </dev/null
	expect 0
	counters "$Q" sent=0
	mq set "$Q" allow_empty=1
	expect 0
	mq send "$Q" ''
	expect 0 1
	mq send "$Q" --priority=2 ''
	expect 1 '' "$Q: cannot send: the queue has no priority 2 (priorities)"
	mq set "$Q" allow_empty=2
	expect 5 '' "$Q: cannot set allow_empty: 2 is out of bounds, which are 0..1"
	mq recv "$Q" --null
	expect 0 @
}

test_send_input()
{
	make "$Q" allow_empty=1
	printf 'a\nb\n' >"$T/in"
	mq send "$Q" <"$T/in"
	expect 0 1
	mq send "$Q" </dev/null
	expect 0 2
	head -c 300000 /dev/urandom >"$T/in"
	mq send "$Q" <"$T/in"
	expect 0 3
	mq recv --raw "$Q"
	expect 0 $'a\nb'
	mq recv --null "$Q"
	expect 0 @
	"$MQCTL" recv --raw "$Q" | cmp - "$T/in" || fail "not the same bytes"
	mq send "$Q" <&-
	expect 1 '' "$Q: cannot read standard input: *"
	counters "$Q" ready=0
}

test_send_lines()
{
	make "$Q"
	printf 'one\n\nthree\nrest' >"$T/in"
	mq send --line "$Q" <"$T/in"
	expect 0 $'1\n2\n3\n4'
	mq recv -n 0 --null "$Q"
	expect 0 $'one\n@\n@three\n@rest@'
	mq send --line "$Q" </dev/null
	expect 0
	seq 1 5000 >"$T/in"
	mq send "$Q" --line <"$T/in"
	expect 0 "$(seq 5 5004)"
	"$MQCTL" recv -n 0 "$Q" | cmp - "$T/in" || fail "not the same lines"
	counters "$Q" ready=0 sent=5004 acked=5004
}

test_send_lines_as_they_come()
{
	make "$Q"
	mkfifo "$T/fifo"
	"$MQCTL" send --line "$Q" <"$T/fifo" >"$T/ids" &
	exec 6>"$T/fifo"
	echo one >&6
	mq recv "$Q" --wait=20s
	expect 0 one
	printf 'tw' >&6
	wait_for grep -qx 1 "$T/ids"
	printf 'o\nthree\n' >&6
	mq recv "$Q" --wait=20s
	expect 0 two
	exec 6>&-
	wait $! || fail "status $?"
	expect_same $'1\n2\n3' "$(cat "$T/ids")"
	rm "$T/fifo"
}

test_send_long_line()
{
	make "$Q" max_message_size=100
	{ echo short; printf '%0200d\n' 0; echo last; } >"$T/in"
	mq send --line "$Q" <"$T/in"
	expect 1 1 "$Q: cannot send: the message has 201 bytes, and the queue takes \
100 (max_message_size)"
	counters "$Q" ready=1
}

test_send_metadata()
{
	make "$Q"
	mq send "$Q" --key=k-1 --header=type=invoice --header=Empty= \
		-H x=a=b --header=type=two hello
	expect 0 1
	mq send -k 'two words' "$Q" plain
	expect 0 2
	printf 'a\nb\n' >"$T/in"
	mq send "$Q" --line --key=all -H n=v <"$T/in"
	expect 0 $'3\n4'
	mq recv -n 0 -J "$Q"
	expect 0 -
	expect_json -l /key $'k-1\ntwo words\nall\nall' \
		/headers/n $'absent\nabsent\nv\nv' \
		/headers/x $'a=b\nabsent\nabsent\nabsent' \
		/headers/Empty $'\nabsent\nabsent\nabsent' \
		/headers/type/0 $'invoice\nabsent\nabsent\nabsent' \
		/headers/type/1 $'two\nabsent\nabsent\nabsent' \
		/payload $'hello\nplain\na\n\nb'
}

test_send_what_the_queue_has_not()
{
	make "$Q"
	mq send "$Q" --priority=1 x
	expect 1 '' "$Q: cannot send: the queue has no priority 1 (priorities)"
	mq send "$Q" --sync x
	expect 1 '' "$Q: cannot sync: the queue has no journal"
	counters "$Q" sent=0
	mq send "$Q" -d 0 -t 0 -p 0 x
	expect 0 1
}

test_send_priority()
{
	make "$Q" priorities=4
	send "$Q" -p 1 one
	send "$Q" zero
	send "$Q" --priority=3 three
	mq send "$Q" -p 4 four
	expect 1 '' "$Q: cannot send: the queue has no priority 4 (priorities)"
	mq recv "$Q" -n 0 -J
	expect_json -l /payload $'three\none\nzero' /priority $'3\n1\n0'
}

test_send_delay()
{
	local begin now due

	make "$Q" delay_ms=1h
	begin=$(nanoseconds)
	send "$Q" --delay=0 now
	send "$Q" default
	send "$Q" --at=1 past
	send "$Q" --at=2100-01-01T00:00:00Z later
	counters "$Q" ready=2 delayed=2
	mq recv "$Q" -n 0
	expect 0 $'now\npast'
	now=$(nanoseconds)
	mq send "$Q" --delay=500ms soon
	expect 0 5
	mq recv "$Q" --wait=30s
	expect 0 soon
	[ $(($(nanoseconds) - now)) -ge 500000000 ] || fail "too early"
	mq peek "$Q" --state=delayed -J
	expect_json -l /payload $'default\nlater' /state $'delayed\ndelayed'
	due=$("$JSON_CHECK" -l /due_ns <"$T/out" | sed -n 1p)
	[ "$due" -ge $((begin + 3600000000000)) ] || fail "due $due"
	due=$("$JSON_CHECK" -l /due_ns <"$T/out" | sed -n 2p)
	expect_same 4102444800 $(((due + 500000000) / 1000000000)) due
	# to be cancelled
	mq purge "$Q" --id=4
	expect 0 1
	counters "$Q" delayed=1 purged=1
}

test_send_ttl()
{
	make "$Q" ttl_ms=100
	send "$Q" short
	send "$Q" --ttl=0 "for ever"
	send "$Q" --ttl=1h long
	sleep 0.3
	mq peek "$Q" -J
	expect_json -l /payload $'for ever\nlong'
	expect_same null "$(sed -n 1p "$T/out" | "$JSON_CHECK" /expires_ns)"
	grep -Eq '"expires_ns":[1-9][0-9]{18}' "$T/out" || fail "expires_ns"
	counters "$Q" expired=1 ready=2
	mq set "$Q" on_expiry=dead
	send "$Q" short
	sleep 0.3
	mq peek "$Q" --state=dead -J
	expect_json /payload short /reason expired /state dead
}

test_send_duplicates()
{
	make "$Q" dedup_window_ms=1h max_messages=3
	mq send "$Q" --dedup-id=a one
	expect 0 1
	mq send "$Q" --dedup-id=a again
	expect 0 1
	mq send "$Q" --dedup-id=a --json again
	expect 0 '{"id":1,"duplicate":true}'
	mq send "$Q" --dedup-id=b -J two
	expect 0 '{"id":2,"duplicate":false}'
	mq send "$Q" -J three
	expect 0 '{"id":3,"duplicate":false}'
	# it needs no room
	mq send "$Q" --dedup-id=b --nonblock again
	expect 0 2
	mq recv "$Q" -n 0
	expect 0 $'one\ntwo\nthree'
	mq send "$Q" --dedup-id=b again
	expect 0 2
	printf 'x\ny\nz\n' >"$T/in"
	mq send "$Q" --line --dedup-id=c <"$T/in"
	expect 0 $'4\n4\n4'
	counters "$Q" deduplicated=6 sent=4
}

test_send_to_a_paused_queue()
{
	make "$Q" paused=send
	mq send "$Q" --nonblock x
	expect 3 '' "$Q: cannot send: the queue is paused"
	mq set "$Q" paused=receive
	send "$Q" x
	mq recv "$Q" --wait=0
	expect 3
	mq set "$Q" paused=none
	mq recv "$Q" --wait=0
	expect 0 x
}

test_send_to_a_full_queue()
{
	make "$Q" max_messages=2
	printf '1\n2\n3\n' >"$T/in"
	mq send --nonblock --line "$Q" <"$T/in"
	expect 3 $'1\n2' "$Q: cannot send: the queue is full (max_messages is 2)"
	mq send --nonblock "$Q" x
	expect 3 '' "$Q: cannot send: the queue is full (max_messages is 2)"
	mq set "$Q" overflow=reject
	mq send "$Q" x
	expect 1 '' "$Q: cannot send: the queue is full (max_messages is 2)"
	mq send "$Q" --nonblock x
	expect 1 '' "$Q: cannot send: the queue is full (max_messages is 2)"
	mq set "$Q" max_messages=9 max_bytes=4
	mq send "$Q" x
	expect 1 '' "$Q: cannot send: the queue is full (max_bytes is 4, of which \
4 are used)"
	mq set "$Q" max_messages=2 max_bytes=1M overflow=drop-head
	mq send "$Q" x
	expect 0 3
	mq recv -n 0 "$Q"
	expect 0 $'2\nx'
	counters "$Q" dropped=1
}

test_send_waits_for_room()
{
	make "$Q" max_messages=1
	send "$Q" first
	"$MQCTL" send "$Q" second >"$T/id" &
	wait_for asleep $!
	expect_same '' "$(cat "$T/id")"
	mq recv "$Q"
	expect 0 first
	wait $! || fail "status $?"
	expect_same 2 "$(cat "$T/id")"
	# ... also for each piece of a batch
	seq 1 15 | "$MQCTL" send --line "$Q" >"$T/id" &
	mq recv "$Q"
	expect 0 second
	for i in $(seq 1 15); do
		mq recv "$Q" --wait=20s
		expect 0 "$i"
	done
	wait $! || fail "status $?"
	expect_same "$(seq 3 17)" "$(cat "$T/id")"
}

# Each sender prints the ids of its own messages, while others send.
test_send_ids_among_others()
{
	local i

	make "$Q" max_messages=7
	for i in 1 2 3; do
		seq 1 70 | sed "s/^/$i./" |
			"$MQCTL" send --line "$Q" >"$T/ids.$i" &
	done
	for ((i = 0; i < 210; )); do
		"$MQCTL" recv "$Q" -n 0 --wait=20s -J >>"$T/all" ||
			fail "recv: $? after $i"
		i=$(wc -l <"$T/all")
	done
	wait
	for i in 1 2 3; do
		expect_same "$(cat "$T/ids.$i")" "$(grep "\"payload\":\"$i\\." \
			"$T/all" | "$JSON_CHECK" -l /id)" "ids of $i"
	done
	rm "$T/all"
}

test_send_too_large()
{
	make "$Q" max_message_size=10
	mq send "$Q" 0123456789
	expect 0 1
	mq send "$Q" 0123456789a
	expect 1 '' "$Q: cannot send: the message has 11 bytes, and the queue takes \
10 (max_message_size)"
	mq set "$Q" max_bytes=30
	mq send "$Q" --key=0123456789012345678901234567890 x
	expect 1 '' "$Q: cannot send: with its key and headers the message is *\
(max_bytes is 30)"
}

# With standard output closed, no id is sent to the queue.
test_send_with_closed_output()
{
	make "$Q"
	"$MQCTL" send "$Q" hello >&- 2>"$T/err" && fail "success"
	grep -q "mqctl: $Q: sent, but cannot write the id" "$T/err" ||
		fail "said $(cat "$T/err")"
	counters "$Q" sent=1
	mq recv "$Q"
	expect 0 hello
}

test_send_needs_permission()
{
	make "$Q" mode=0640 gid=1000
	as_user "$MQCTL send $Q x" 2>"$T/err" && fail "sent"
	grep -q "mqctl: $Q: cannot open: Permission denied" "$T/err" ||
		fail "said $(cat "$T/err")"
}

# ------------------------------------------------------------------------ recv

test_recv()
{
	make "$Q" allow_empty=1
	printf 'a\nb' | "$MQCTL" send "$Q" >/dev/null
	printf 'with newline\n' | "$MQCTL" send "$Q" >/dev/null
	send "$Q" ''
	send "$Q" last
	mq recv "$Q"
	expect 0 $'a\nb'
	mq recv "$Q" -n 2
	expect 0 $'with newline\n'
	expect_same 2 "$(wc -l <"$T/out")"
	mq recv "$Q" --number=5
	expect 0 last
	counters "$Q" ready=0 in_flight=0 acked=4 delivered=4 redelivered=0
	mq recv "$P.none"
	expect 1 '' "$P.none: no such queue"
}

test_recv_bytes()
{
	make "$Q"
	head -c 100000 /dev/urandom >"$T/one"
	printf 'x\0y\n' >"$T/two"
	for i in 1 2; do
		"$MQCTL" send "$Q" <"$T/one" >/dev/null
		"$MQCTL" send "$Q" <"$T/two" >/dev/null
	done
	mq recv --raw -n 2 "$Q"
	cat "$T/one" "$T/two" | cmp - "$T/out" || fail "--raw"
	mq recv --null -n 2 "$Q"
	{ cat "$T/one"; printf '\0'; cat "$T/two"; printf '\0'; } |
		cmp - "$T/out" || fail "--null"
}

test_recv_large()
{
	make "$Q" max_message_size=3M
	head -c 3145728 /dev/urandom >"$T/in"
	send "$Q" small
	"$MQCTL" send "$Q" <"$T/in" >/dev/null || fail "send"
	send "$Q" small
	mq recv -n 0 --raw "$Q"
	{ printf small; cat "$T/in"; printf small; } | cmp - "$T/out" ||
		fail "not the same"
	rm "$T/in" "$T/out"
}

test_recv_nothing()
{
	local begin

	make "$Q"
	mq recv "$Q" --wait=0
	expect 3
	mq recv "$Q" --wait=0s -J
	expect 3
	begin=$(microseconds)
	mq recv "$Q" --wait=300ms
	expect 3
	[ $(($(microseconds) - begin)) -ge 300000 ] || fail "not 300 ms"
	mq set "$Q" eof=empty
	mq recv "$Q"
	expect 3
	mq set "$Q" eof=hangup
	mq recv "$Q"
	expect 3
}

test_recv_waits()
{
	make "$Q"
	"$MQCTL" recv "$Q" >"$T/got" &
	wait_for has "$Q" consumers 1
	wait_for asleep $!
	send "$Q" hello
	wait $! || fail "status $?"
	expect_same hello "$(cat "$T/got")"
	# only for the first
	"$MQCTL" recv "$Q" -n 3 --wait=50s >"$T/got" &
	wait_for has "$Q" consumers 1
	send "$Q" one
	wait $! || fail "status $?"
	expect_same one "$(cat "$T/got")"
}

test_recv_of_a_removed_queue()
{
	make "$Q"
	"$MQCTL" recv "$Q" --wait=2000000h 2>"$T/err" &
	wait_for has "$Q" consumers 1
	wait_for asleep $!
	"$MQCTL" rm "$Q" || fail "rm"
	wait $! && fail "success"
	expect_same "mqctl: $Q: cannot receive: the queue has been removed" \
		"$(cat "$T/err")"
}

test_recv_json()
{
	make "$Q" allow_empty=1
	send "$Q" "$(printf 'tab\t"quote" \303\244')" --key=k
	printf 'caf\351' | "$MQCTL" send "$Q" -k "$(printf '\377')" \
		-H plain=1 -H "bad=$(printf '\376')" \
		-H "bad=$(printf '\375')" >/dev/null
	printf 'a\0b' | "$MQCTL" send "$Q" >/dev/null
	printf '\355\240\200' | "$MQCTL" send "$Q" >/dev/null
	send "$Q" ''
	mq recv "$Q" -J -n 0
	expect 0 -
	expect_same 5 "$(wc -l <"$T/out")" lines
	expect_json -l /id $'1\n2\n3\n4\n5' \
		/payload_base64 $'absent\nY2Fm6Q==\nabsent\n7aCA\nabsent' \
		/priority $'0\n0\n0\n0\n0' /attempt $'1\n1\n1\n1\n1' \
		/failures $'0\n0\n0\n0\n0' /uid $'0\n0\n0\n0\n0' \
		/gid $'0\n0\n0\n0\n0' \
		/failure $'none\nnone\nnone\nnone\nnone' \
		/state $'in-flight\nin-flight\nin-flight\nin-flight\nin-flight'
	grep -Eq '"time_ns":1[0-9]{18},' "$T/out" || fail "time_ns"
	grep -Eq '"pid":[1-9][0-9]*,' "$T/out" || fail "pid"
	sed -n 1p "$T/out" >"$T/line"
	expect_same "$(printf 'tab\t"quote" \303\244')" \
		"$("$JSON_CHECK" /payload <"$T/line")"
	expect_same k "$("$JSON_CHECK" /key <"$T/line")"
	expect_same {} "$("$JSON_CHECK" /headers <"$T/line")"
	sed -n 2p "$T/out" >"$T/line"
	expect_same "absent
absent
/w==
1
/g==
/Q==" "$("$JSON_CHECK" /payload /key /key_base64 /headers/plain \
		/headers_base64/bad/0 /headers_base64/bad/1 <"$T/line")"
	sed -n 3p "$T/out" | grep -q '"payload":"a\\u0000b"' || fail "NUL"
	sed -n 3p "$T/out" | grep -q '"key":null' || fail "no key"
	sed -n 5p "$T/out" | grep -q '"payload":""' || fail "empty"
}

# A message that cannot be written is released, and its delivery has not failed.
test_recv_with_broken_output()
{
	make "$Q"
	printf '1\n2\n3\n' | "$MQCTL" send --line "$Q" >/dev/null
	"$MQCTL" recv "$Q" -n 0 >/dev/full 2>"$T/err"
	expect_same 1 $? status
	expect_same "mqctl: $Q: cannot write what was received: \
No space left on device" "$(cat "$T/err")"
	counters "$Q" ready=3 in_flight=0 acked=0
	"$MQCTL" recv "$Q" >&- 2>/dev/null
	expect_same 1 $? 'status with a closed descriptor'
	mkfifo "$T/fifo"
	true <"$T/fifo" &
	exec 6>"$T/fifo"
	wait $!
	"$MQCTL" recv "$Q" -n 2 >&6 2>"$T/err"
	expect_same 1 $? 'status of a broken pipe'
	exec 6>&-
	rm "$T/fifo"
	grep -q 'Broken pipe' "$T/err" || fail "said $(cat "$T/err")"
	mq recv "$Q" -n 0 -J
	expect_json -l /payload $'1\n\n2\n\n3' /failures $'0\n0\n0' \
		/attempt $'1\n1\n1'
}

test_recv_options_of_the_queue()
{
	make "$Q" ack=manual prefetch=1
	printf '1\n2\n3\n' | "$MQCTL" send --line "$Q" >/dev/null
	mq recv "$Q" -n 0
	expect 0 $'1\n2\n3'
	counters "$Q" ready=0 in_flight=0 acked=3
}

# ----------------------------------------------------------------- peek, purge

test_peek()
{
	make "$Q"
	mq peek "$Q"
	expect 3
	printf 'a\nb\nc\n' | "$MQCTL" send --line "$Q" >/dev/null
	mq peek "$Q"
	expect 0 $'a\nb\nc'
	mq peek "$Q" -n 2 --null
	expect 0 $'a\n@b\n@'
	mq peek "$Q" --number=1 --raw
	expect 0 a
	mq peek "$Q" --state=ready -n 1
	expect 0 a
	mq peek "$Q" --state=in-flight
	expect 3
	mq peek "$Q" --state=in-flight,ready -n 1
	expect 0 a
	mq peek "$Q" --state=delayed,deferred,dead
	expect 3
	counters "$Q" ready=3 delivered=0 consumers=0
	mq peek "$P.none"
	expect 1 '' "$P.none: no such queue"
}

test_peek_many()
{
	make "$Q"
	seq 1 20000 >"$T/in"
	"$MQCTL" send --line "$Q" <"$T/in" >/dev/null || fail "send"
	"$MQCTL" peek "$Q" | cmp - "$T/in" || fail "not the same"
	counters "$Q" ready=20000
}

test_peek_in_flight()
{
	local pid

	make "$Q" ack=manual
	send "$Q" one
	send "$Q" two
	exec 5<"/dev/mq/$Q"
	head -c 3 <&5 >"$T/got" &
	pid=$!
	wait $pid
	expect_same one "$(cat "$T/got")"
	# the holder is the process that received, though this shell has it open, too
	mq peek "$Q" --state=in-flight -J
	expect 0 -
	expect_json /id 1 /payload one /state in-flight /attempt 1 \
		/holder_pid "$pid"
	grep -Eq '"since_ns":1[0-9]{18}' "$T/out" || fail "since_ns"
	mq peek "$Q" --state=ready -J
	expect_json /id 2 /payload two /state ready /attempt 0 \
		/holder_pid absent
	mq peek "$Q"
	expect 0 $'one\ntwo'
	mq peek "$Q" --state=in-flight,ready
	expect 0 $'one\ntwo'
	exec 5<&-
	counters "$Q" ready=2 in_flight=0
}

test_peek_with_permission_to_read()
{
	make "$Q" mode=0644
	send "$Q" hello
	expect_same hello "$(as_user "$MQCTL peek $Q")"
	as_user "$MQCTL peek $P.none" 2>/dev/null && fail "success"
	counters "$Q" ready=1 consumers=0 delivered=0
}

# A queue with one message in each state; descriptor 5 holds number 2.
make_states()
{
	local i

	make "$Q" ack=manual lease_ms=1h
	exec 5<"/dev/mq/$Q"
	for i in 1 2 3 4; do send "$Q" "m$i"; done
	for i in 1 2 3; do head -c 2 <&5 >/dev/null; done
	"$MQCTL" settle --fd=5 1 defer || fail "defer"
	"$MQCTL" settle --fd=5 3 reject --reason=300 \
		--note=$'no "good"\n' || fail "reject"
	send "$Q" --delay=1h -k the-key m5
	counters "$Q" ready=1 in_flight=1 delayed=1 deferred=1 dead=1
}

test_peek_states()
{
	make_states
	mq peek "$Q" -J
	expect_json -l /id $'1\n2\n3\n4\n5' \
		/state $'deferred\nin-flight\ndead\nready\ndelayed'
	mq peek "$Q" --state=deferred
	expect 0 m1
	mq peek "$Q" --state=dead,delayed
	expect 0 $'m3\nm5'
	mq peek "$Q" --state=dead -J
	expect_json /reason 300 /note 'no "good"' /failures 0 \
		/origin null /attempt 1
	mq peek "$Q" --state=in-flight -J
	grep -Eq '"due_ns":[1-9][0-9]{18}' "$T/out" || fail "no due_ns"
	mq peek "$Q" --long
	expect 0 -
	grep -Eqx '1 deferred sent=2[-0-9]*T[0-9:.]*Z uid=0 attempt=1 size=2' \
		"$T/out" || fail "deferred: $(cat "$T/out")"
	grep -Eqx "2 in-flight .* attempt=1 holder=[1-9][0-9]* since=.*Z due=.*Z \
size=2" "$T/out" || fail "in flight: $(cat "$T/out")"
	grep -Fq ' attempt=1 reason=300 note="no \"good\"\x0a" size=2' \
		"$T/out" || fail "dead: $(cat "$T/out")"
	grep -Eq '^5 delayed .* attempt=0 key="the-key" due=2.*Z size=2$' \
		"$T/out" || fail "delayed: $(cat "$T/out")"
	expect_same 10 "$(wc -l <"$T/out")" lines
	exec 5<&-
}

test_peek_dead_letters()
{
	make "$P.dead" priorities=2
	make "$Q" max_deliveries=1 dead_letter="$P.dead"
	send "$Q" hello
	mq consume "$Q" -n 1 -- false
	mq peek "$P.dead" -J
	expect_json /payload hello /state ready /reason failures \
		/origin "$Q" /origin_id 1 /failures 1 /failure retry \
		/note 'exit status 1' /due_ns null
	mq peek "$P.dead" -l
	grep -q "reason=failures note=\"exit status 1\" origin=$Q/1 " "$T/out" ||
		fail "no note, or no origin: $(cat "$T/out")"
	mq recv "$P.dead" -J
	expect_json /reason failures /origin "$Q" /origin_id 1
}

test_purge_states()
{
	make_states
	mq purge "$Q" --state=deferred,dead
	expect 0 2
	counters "$Q" ready=1 in_flight=1 delayed=1 deferred=0 dead=0
	mq purge "$Q"
	expect 0 2
	counters "$Q" ready=0 in_flight=1 delayed=0 purged=4
	exec 5<&-
}

test_recv_deferred()
{
	make_states
	mq recv "$Q" --id=4
	expect 3
	mq recv "$Q" --id=1 -J
	expect_json /id 1 /payload m1 /attempt 2
	counters "$Q" deferred=0 acked=1
	mq recv "$Q" --id=1
	expect 3
	mq recv "$Q" --wait=0
	expect 0 m4
	exec 5<&-
}

# ---------------------------------------------------------------------- redrive

test_redrive()
{
	make "$P.dead"
	make "$P.b" max_deliveries=1 dead_letter="$P.dead"
	make "$Q" max_deliveries=1
	seq 1 4 | "$MQCTL" send --line "$Q" >/dev/null
	mq consume "$Q" --until-empty -- false
	counters "$Q" dead=4
	mq redrive "$Q" --id=2-3
	expect 0 2
	counters "$Q" dead=2 ready=2
	mq redrive "$Q"
	expect 0 2
	mq recv "$Q" -n 0 -J
	expect_json -l /id $'1\n2\n3\n4' /failures $'0\n0\n0\n0'
	mq redrive "$Q"
	expect 0 0
	# from a dead-letter queue, back and elsewhere
	seq 1 3 | "$MQCTL" send --line "$P.b" >/dev/null
	mq consume "$P.b" --until-empty -- false
	counters "$P.dead" ready=3
	mq redrive "$P.dead" --id=1
	expect 0 1
	counters "$P.b" ready=1
	mq redrive "$P.dead" "$Q" --id=2
	expect 0 1
	mq recv "$Q" -J
	expect_json /payload 2 /id 5 /failures 0 /origin null
	mq rm -f "$P.b"
	expect 0
	mq redrive "$P.dead"
	expect 1 0 "$P.dead: 1 not moved: the queue that they came from is gone, or you may not write to it"
	counters "$P.dead" ready=1 purged=2
	mq redrive "$P.none"
	expect 1 '' "$P.none: no such queue"
	mq redrive "$P.dead" "$P.none"
	expect 1 '' "$P.none: no such queue"
}

# ------------------------------------------------------------------------ purge

test_purge()
{
	make "$Q"
	mq purge "$Q"
	expect 0 0
	seq 1 10 | "$MQCTL" send --line "$Q" >/dev/null
	mq purge "$Q" --id=3
	expect 0 1
	mq purge "$Q" --id=3
	expect 0 0
	mq purge --id=2-5 "$Q"
	expect 0 3
	mq peek "$Q"
	expect 0 $'1\n6\n7\n8\n9\n10'
	mq purge "$Q" --state=delayed,deferred,dead
	expect 0 0
	mq purge "$Q" --older-than=1h
	expect 0 0
	mq purge "$Q" --state=ready --id=1-7
	expect 0 3
	sleep 0.05
	mq purge "$Q" --older-than=10ms
	expect 0 3
	counters "$Q" ready=0 purged=10
	mq purge "$P.none"
	expect 1 '' "$P.none: no such queue"
}

test_purge_leaves_what_is_in_flight()
{
	make "$Q" ack=manual
	printf '1\n2\n3\n' | "$MQCTL" send --line "$Q" >/dev/null
	exec 5<"/dev/mq/$Q"
	head -c 2 <&5 >/dev/null
	mq purge "$Q"
	expect 0 2
	exec 5<&-
	mq recv "$Q" --wait=0
	expect 0 1
}

test_purge_of_what_is_in_flight()
{
	make_states
	mq purge "$Q" --state=in-flight
	expect 0 1
	counters "$Q" in_flight=0 purged=1 ready=1 delayed=1 deferred=1 dead=1
	mq settle --fd=5 2 ack
	expect 1 '' "$Q: cannot ack 2: no such delivery is held"
	head -c 2 <&5 >/dev/null
	mq purge "$Q" --state=in-flight,dead
	expect 0 2
	counters "$Q" in_flight=0 purged=3 delayed=1 deferred=1 dead=0
}

# -------------------------------------------------------------- release, reject

test_release_of_what_another_holds()
{
	make "$Q" ack=manual
	printf '1\n2\n3\n4\n' | "$MQCTL" send --line "$Q" >/dev/null
	exec 5<"/dev/mq/$Q"
	for i in 1 2 3 4; do read -r <&5; done
	counters "$Q" in_flight=4
	mq release "$Q" --id=2-3
	expect 0 2
	counters "$Q" in_flight=2 ready=2
	mq recv "$Q" --wait=0
	expect 0 2
	mq settle --fd=5 3 ack
	expect 1 '' "$Q: cannot ack 3: no such delivery is held"
	mq release "$Q" --holder=1
	expect 0 0
	mq release "$Q" --holder="$BASHPID"
	expect 0 2
	counters "$Q" in_flight=0 ready=3
	mq release "$P.none" --id=1
	expect 1 '' "$P.none: no such queue"
}

test_release_by_key_and_in_a_while()
{
	make "$Q" ack=manual retry_ms=0
	send "$Q" -k a m1
	send "$Q" -k b m2
	send "$Q" -k a m3
	exec 5<"/dev/mq/$Q"
	for i in 1 2 3; do head -c 2 <&5 >/dev/null; done
	mq release "$Q" --key=a --in=1h
	expect 0 2
	counters "$Q" in_flight=3
	mq release "$Q" --key=a
	expect 0 2
	counters "$Q" in_flight=1 ready=2
	mq settle --fd=5 2 ack
	expect 0
}

test_reject_of_what_another_holds()
{
	make "$Q" ack=manual
	send "$Q" m1
	send "$Q" m2
	exec 5<"/dev/mq/$Q"
	for i in 1 2; do head -c 2 <&5 >/dev/null; done
	mq reject "$Q" --id=2 --give-reason=300 --note='the worker hangs'
	expect 0 1
	mq peek "$Q" --state=dead -J
	expect_json /id 2 /reason 300 /note 'the worker hangs'
	mq reject "$Q" --id=1
	expect 0 1
	counters "$Q" dead=2 in_flight=0
}

# ---------------------------------------------------------------------- settle

test_settle()
{
	local line

	make "$Q" ack=manual
	seq 1 6 | "$MQCTL" send --line "$Q" >/dev/null
	exec 5<"/dev/mq/$Q"
	mq settle --fd=5 ack
	expect 3
	read -r line <&5
	expect_same 1 "$line"
	mq settle --fd=5 ack
	expect 0
	counters "$Q" acked=1 in_flight=0
	mq settle --fd=5 ack
	expect 1 '' "$Q: cannot ack 1: no such delivery is held"
	read -r line <&5
	expect_same 2 "$line"
	mq settle --fd=5 release
	expect 0
	counters "$Q" ready=5 in_flight=0
	for _ in 2 3 4 5 6; do read -r line <&5; done
	expect_same 6 "$line"
	mq settle --fd=5 2-3 5 ack
	expect 0
	counters "$Q" acked=4 in_flight=2
	mq settle 1-9 release --fd=5
	expect 0
	counters "$Q" acked=4 in_flight=0 ready=2
	mq settle --fd=5 4 6 release
	expect 1 '' "$Q: cannot release 4: no such delivery is held"
	mq settle --fd=5 100-200 ack
	expect 1 '' "$Q: cannot ack 100-200: no such delivery is held"
	exec 5<&-
	mq recv "$Q" -n 0 -J
	expect_json -l /id $'4\n6' /attempt $'1\n1' /failures $'0\n0'
}

test_settle_retry_and_extend()
{
	local due

	make "$Q" ack=manual retry_ms=1h lease_ms=1h
	printf 'a\nb\nc\nd\n' | "$MQCTL" send --line "$Q" >/dev/null
	exec 5<"/dev/mq/$Q"
	for _ in 1 2 3 4; do head -c 2 <&5 >/dev/null; done
	mq settle --fd=5 --delay=0 1 retry
	expect 0
	counters "$Q" ready=1 delayed=0
	mq settle --fd=5 2 retry
	expect 0
	counters "$Q" ready=1 delayed=1
	mq settle --fd=5 --delay=300ms 4 retry
	expect 0
	counters "$Q" delayed=2
	wait_for has "$Q" ready 2
	mq settle --fd=5 3 extend --lease=0
	expect 0
	mq peek "$Q" --state=in-flight -J
	expect_json /id 3 /due_ns null
	mq settle --fd=5 --lease=5h 3 extend
	expect 0
	mq peek "$Q" --state=in-flight -J
	due=$("$JSON_CHECK" /due_ns <"$T/out")
	[ "$due" -gt $(($(nanoseconds) + 15000000000000)) ] || fail "due $due"
	mq settle --fd=5 3 extend --lease=100ms
	expect 0
	wait_for has "$Q" in_flight 0
	mq settle --fd=5 3 ack
	expect 1 '' "$Q: cannot ack 3: no such delivery is held"
	mq peek "$Q" --state=ready -J
	expect_json -l /id $'1\n3\n4' /failure $'retry\nlease\nretry'
	exec 5<&-
}

test_settle_goes_on_after_an_error()
{
	make "$Q" ack=manual
	printf '1\n2\n' | "$MQCTL" send --line "$Q" >/dev/null
	exec 5<"/dev/mq/$Q"
	head -c 2 <&5 >/dev/null
	head -c 2 <&5 >/dev/null
	mq settle --fd=5 1 7 2 ack
	expect 1 '' "$Q: cannot ack 7: no such delivery is held"
	counters "$Q" acked=2 in_flight=0
	exec 5<&-
}

test_settle_needs_a_reader()
{
	make "$Q" ack=manual
	exec 5>"/dev/mq/$Q"
	mq settle --fd=5 1 ack
	expect 1 '' "$Q: cannot ack*: the descriptor is not open, or not open for this"
	exec 5>&-
}

# Without an id, settle refuses if there is any doubt.
test_settle_without_id_where_several_are_held()
{
	local i line

	make "$Q" ack=manual framing=line
	seq 1 12 >"/dev/mq/$Q"
	exec 5<"/dev/mq/$Q"
	read -r line <&5
	read -r line <&5
	for line in ack release retry reject extend defer; do
		mq settle --fd=5 $line
		expect 1 '' "$Q: cannot $line without an id: 2 deliveries are held: 1 2"
	done
	for ((i = 3; i <= 12; i++)); do read -r line <&5; done
	mq settle --fd=5 ack
	expect 1 '' "$Q: cannot ack without an id: 12 deliveries are held: 1 2 3 4 5 6 7 8 ..."
	counters "$Q" in_flight=12 acked=0
	mq settle --fd=5 1-11 ack
	expect 0
	mq settle --fd=5 ack
	expect 0
	counters "$Q" in_flight=0 acked=12
	exec 5<&-
}

# The only delivery that is held is not the last one that was received.
test_settle_without_id_means_the_last()
{
	local line

	make "$Q" ack=manual framing=line
	seq 1 2 >"/dev/mq/$Q"
	exec 5<"/dev/mq/$Q"
	read -r line <&5
	read -r line <&5
	mq settle --fd=5 2 ack
	expect 0
	mq settle --fd=5 ack
	expect 1 '' "$Q: cannot ack 2: no such delivery is held"
	counters "$Q" in_flight=1 acked=1
	exec 5<&-
}

test_settle_without_id_where_the_last_is_half_read()
{
	local line

	make "$Q" ack=manual framing=line
	printf 'one\ntwo' | "$MQCTL" send "$Q" >/dev/null
	exec 5<"/dev/mq/$Q"
	read -r line <&5
	expect_same one "$line"
	mq settle --fd=5 ack
	expect 1 '' "$Q: cannot ack without an id: 1 is only half read"
	counters "$Q" in_flight=1 acked=0
	read -r line <&5
	expect_same two "$line"
	mq settle --fd=5 ack
	expect 0
	counters "$Q" in_flight=0 acked=1
	# With an id there is no doubt.
	printf 'one\ntwo' | "$MQCTL" send "$Q" >/dev/null
	read -r line <&5
	mq settle --fd=5 2 ack
	expect 0
	counters "$Q" in_flight=0 acked=2
	exec 5<&-
}

# Messages without a newline, which bash once glued together.
test_settle_in_a_loop_of_messages_without_a_newline()
{
	local line lines=

	make "$Q" ack=manual framing=line eof=empty
	send "$Q" hello
	send "$Q" world
	printf 'last\n' >"/dev/mq/$Q"
	exec 5<"/dev/mq/$Q"
	while IFS= read -r line <&5; do
		lines+=$line,
		mq settle --fd=5 ack
		expect 0
	done
	exec 5<&-
	expect_same hello,world,last, "$lines"
	counters "$Q" acked=3 ready=0 redelivered=0
}

need_module

# ------------------------------------------------------------ patterns, totals

test_ls_patterns()
{
	make "$P.a1"; make "$P.a2"; make "$P.b"
	mq ls -n -o name "$P.a*"
	expect 0 "$P.a1
$P.a2"
	mq ls -n -o name "$P.b" "$P.a?" nothing
	expect 0 "$P.a1
$P.a2
$P.b"
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
	# sort by a column that is not shown; rows with the same value by name
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
	mq ls --total -n -o name,ready "$P.none"
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

# on_terminal ARG...: what mqctl writes to a terminal, in $T/out.
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
	cmp "$T/root" "$T/user" || fail "built with others than the module has"
	# every one of them is a column as well
	while read -r name _; do
		mq ls -n -o "$name"
		expect 0 -
	done <"$T/module"
}

# ---------------------------------------------------------------- what is meant

# Six messages with keys and headers, the first two of which are dead.
make_six()
{
	make "$Q"
	send "$Q" -k a -H type=x -H type=y one
	send "$Q" -k b -H type=x two
	send "$Q" -k a -H type=z three
	send "$Q" -H type=x four
	send "$Q" -k a five
	send "$Q" -k A six
	exec 5<"/dev/mq/$Q"
	mq settle --fd=5 ack
	mq set "$Q" ack=manual
	exec 5<"/dev/mq/$Q"
	head -c 3 <&5 >/dev/null
	head -c 3 <&5 >/dev/null
	"$MQCTL" settle --fd=5 --reason=300 1 reject || fail "reject"
	"$MQCTL" settle --fd=5 2 reject || fail "reject"
	exec 5<&-
}

test_peek_selects()
{
	make_six
	mq peek "$Q" --key=a
	expect 0 $'one\nthree\nfive'
	mq peek "$Q" --header=type
	expect 0 $'one\ntwo\nthree\nfour'
	mq peek "$Q" --header=type=x --header=type=y
	expect 0 one
	mq peek "$Q" --header=type=x --key=b
	expect 0 two
	mq peek "$Q" --key=a -n 2
	expect 0 $'one\nthree'
	mq peek "$Q" --reason=rejected
	expect 0 two
	mq peek "$Q" --reason=300
	expect 0 one
	mq peek "$Q" --id=2-4 --header=type=x
	expect 0 $'two\nfour'
	mq peek "$Q" --key=none
	expect 3
	mq peek "$Q" --older-than=1h
	expect 3
	mq peek "$Q" --older-than=1ms --key=A
	expect 0 six
}

test_purge_selects()
{
	make_six
	mq purge "$Q" --key=a --state=ready
	expect 0 2
	mq purge "$Q" --reason=rejected
	expect 0 1
	mq purge "$Q" --older-than=1h --header=type
	expect 0 0
	mq purge "$Q" --header=type=x --id=2-9
	expect 0 1
	mq peek "$Q"
	expect 0 $'one\nsix'
	counters "$Q" purged=4 dead=1 ready=1
}

# Ranges of ids leave out messages in between, and those that come later.
test_purge_selects_many()
{
	local i

	make "$Q"
	for i in $(seq 1 60); do
		echo "$i"
	done | "$MQCTL" send "$Q" --line --key=even >/dev/null
	send "$Q" -k odd x
	seq 1 40 | "$MQCTL" send "$Q" --line --key=even >/dev/null
	mq purge "$Q" --key=even
	expect 0 100
	counters "$Q" ready=1
}

test_redrive_selects()
{
	make_six
	mq redrive "$Q" --reason=300
	expect 0 1
	counters "$Q" dead=1 ready=5
	mq redrive "$Q" --key=a
	expect 0 0
	mq redrive "$Q" --older-than=1h
	expect 0 0
	make "$P.to"
	mq redrive "$Q" "$P.to" --key=b --header=type
	expect 0 1
	counters "$P.to" ready=1
}

test_peek_follow()
{
	make "$Q"
	send "$Q" one
	"$MQCTL" peek "$Q" -f --key=k -n 2 >"$T/seen" &
	send "$Q" -k k two
	wait_for grep -qx two "$T/seen"
	send "$Q" three
	send "$Q" -k k four
	wait $!
	expect_same 0 $? status
	expect_same $'two\nfour' "$(cat "$T/seen")"
	counters "$Q" ready=4 consumers=0
	"$MQCTL" peek "$Q" --follow >"$T/seen" 2>"$T/err" &
	wait_for grep -qx four "$T/seen"
	mq rm -f "$Q"
	wait $!
	expect_same 1 $? status
	grep -q 'the queue has been removed' "$T/err" || fail "$(cat "$T/err")"
}

# ------------------------------------------------------------------------ move

test_move()
{
	make_six
	make "$P.to" max_messages=3
	mq move "$Q" "$P.to" -n 1
	expect 0 1
	mq move "$Q" "$P.to" --key=a --header=type
	expect 0 0
	mq move "$Q" "$P.to" --key=a --state=ready,dead
	expect 0 2
	mq peek "$P.to"
	expect 0 $'three\none\nfive'
	mq move "$Q" "$P.to"
	expect 1 '' "$P.to: cannot move more there: the queue is full (max_messages \
is 3)"
	counters "$Q" ready=2 dead=1
	mq set "$P.to" max_messages=4
	mq move "$Q" "$P.to"
	expect 1 1 "$P.to: cannot move more there: the queue is full *"
	mq set "$P.to" max_messages=9 max_message_size=2
	mq move "$Q" "$P.to"
	expect 1 0 "$Q: 1 not moved: larger than $P.to takes *"
	mq set "$P.to" paused=send max_message_size=1M
	mq move "$Q" "$P.to"
	expect 1 '' "$P.to: cannot move more there: the queue is paused"
	mq move "$Q" "$P.none"
	expect 1 '' "$P.none: no such queue"
	mq move "$P.none" "$Q"
	expect 1 '' "$P.none: no such queue"
	counters "$Q" ready=1 dead=1
}

test_move_needs_permission()
{
	make "$Q" mode=0666
	make "$P.to" mode=0600
	send "$Q" x
	as_user "$MQCTL move $Q $P.to" 2>"$T/err" && fail "moved"
	grep -q "$P.to: cannot open: Permission denied" "$T/err" ||
		fail "$(cat "$T/err")"
	counters "$Q" ready=1
	chmod 0622 "/dev/mq/$P.to"
	expect_same 1 "$(as_user "$MQCTL move $Q $P.to")"
}

# A thousand messages are moved to and fro by mqctl, which is killed repeatedly.
test_move_killed_again_and_again()
{
	local i

	make "$Q"; make "$P.to"
	seq 1 1000 | "$MQCTL" send "$Q" --line >/dev/null
	for i in $(seq 1 40); do
		if ((i % 2)); then
			"$MQCTL" move "$Q" "$P.to" --older-than=1ms >/dev/null &
		else
			"$MQCTL" move "$P.to" "$Q" >/dev/null &
		fi
		sleep "0.00$((RANDOM % 9 + 1))"
		kill -KILL $! 2>/dev/null
		wait $! 2>/dev/null
	done
	{ "$MQCTL" recv "$Q" -n 0 --wait=0; "$MQCTL" recv "$P.to" -n 0 --wait=0; } |
		sort -n >"$T/all"
	seq 1 1000 | cmp - "$T/all" || fail "not each once"
}

# ---------------------------------------------------------------- call and reply

test_call_and_reply()
{
	make "$Q"; make "$P.r"
	"$MQCTL" consume "$Q" -n 2 -- \
		sh -c "tr a-z A-Z | $MQCTL reply --prefix=$P. --header=x=y" &
	mq call "$Q" --replies="$P.r" hello
	expect 0 HELLO
	printf 'from stdin\n' >"$T/in"
	mq call "$Q" --replies="$P.r" -J --header=correlation-id=abc <"$T/in"
	expect_json /payload 'FROM STDIN' /headers/x y \
		/headers/correlation-id abc
	wait $! || fail "consume"
	counters "$Q" acked=2
	counters "$P.r" acked=2 ready=0
	mq call "$Q" --replies="$P.r" --timeout=50ms hello
	expect 3
	until [ "$(cat "/sys/class/mq/$Q/expired")" = 1 ]; do sleep 0.01; done
	counters "$Q" ready=0
	mq call "$P.none" --replies="$P.r" x
	expect 1 '' "$P.none: no such queue"
	mq call "$Q" --replies="$P.none" x
	expect 1 '' "$P.none: no such queue"
	mq reply --to="$P.none" x
	expect 1 '' "$P.none: no such queue"
}

test_reply_is_for_its_caller()
{
	make "$P.r"
	mq reply --to="$P.r" --correlation-id=mine one
	expect 0
	DEVMQ_HEADER_REPLY_TO=$P.r DEVMQ_HEADER_CORRELATION_ID=other mq reply two
	expect 0
	mq peek "$P.r" --header=correlation-id=mine
	expect 0 one
	mq peek "$P.r" --header=correlation-id=other
	expect 0 two
	DEVMQ_HEADER_REPLY_TO=$P.r mq reply --prefix=other. x
	expect 1 '' "$P.r: cannot reply: its name does not begin with 'other.'"
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
	# a pipe gets the bytes that were sent
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

run_tests "$@"
