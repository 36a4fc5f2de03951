# SPDX-License-Identifier: GPL-2.0
#
# The options of a queue are described once, in kernel/option.c. This makes what
# mqctl knows of them, from kernel/mq.h, kernel/option.h and kernel/option.c:
#
#	awk -v what=table	the table itself, with what it is written with
#	awk -v what=columns	a row of columns.c for each option

what == "table" && /^#define MQ_MS_MAX/ { print }
what == "table" && /^enum \{/, /\};/ { print }
what == "table" && /^enum mq_option_kind/, /^};/ { print }
what == "table" && /^static const char \* const mq_/, /\};/ { print }
what == "table" && /^const struct mq_option mq_option_table/, /^};/ {
	sub(/^const/, "static const")
	print
}

what == "columns" && /MQ_FIELD\([a-z_]*\), \.kind = / {
	name = $0
	sub(/.*MQ_FIELD\(/, "", name)
	sub(/\).*/, "", name)
	kind = $0
	sub(/.*\.kind = /, "", kind)
	sub(/,.*/, "", kind)
}
what == "columns" && /^\t\t\.help = / {
	help = $0
	sub(/^\t\t\.help = /, "", help)
	sub(/,$/, "", help)
	heading = toupper(name)
	sub(/_MS$/, "", heading)
	gsub(/_/, "-", heading)
	type = kind == "MQ_SIZE" ? "KIND_BYTES" : \
	       kind == "MQ_DURATION" ? "KIND_MS" : \
	       kind == "MQ_NUMBER" || kind == "MQ_CREATOR" ? "KIND_NUMBER" : \
	       "KIND_TEXT"
	printf "\t{ \"%s\", \"%s\", %s, 0, %s },\n", name, heading, type, help
}
