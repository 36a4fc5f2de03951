# SPDX-License-Identifier: GPL-2.0
#
# The trace events of messages, from kernel/trace.h, as devmq(4) lists them: what
# stands behind each says what the message did.

/^MQ_MESSAGE_EVENT\(/ {
	name = $0
	sub(/^MQ_MESSAGE_EVENT\(/, "", name)
	sub(/\).*/, "", name)
	says = $0
	sub(/.*\/\* /, "", says)
	sub(/ \*\/.*/, "", says)
	gsub(/-/, "\\-", says)
	printf ".TP\n.B %s\n%s%s.\n", name, toupper(substr(says, 1, 1)), \
		substr(says, 2)
}
