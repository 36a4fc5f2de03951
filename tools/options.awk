# SPDX-License-Identifier: GPL-2.0
#
# The options of a queue are described once, in the kernel's sources. This takes
# from them what mqctl needs:
#
#	awk -v what=table	the table, the types that it is written with, and the
#				functions that print it
#	awk -v what=columns	a row of columns.c for each option

what == "table" && /^#define MQ_(MS_MAX|NO_QUEUE)/ { print }
what == "table" && /^enum \{/, /\};/ { print }
what == "table" && /^enum mq_option_kind/, /^};/ { print }
what == "table" && /^enum mq_option_for .*};$/ { print }
what == "table" && /^struct mq_option \{/, /^};/ { print }
what == "table" && /^static const char \* const mq_/, /\};/ { print }
what == "table" && /^const struct mq_option mq_option_table/, /^};/ {
	sub(/^const/, "static const")
	print
}
what == "table" && /^const unsigned int mq_option_count/ { print "static " $0 }
what == "table" && FILENAME ~ /\.c$/ &&
/^(int|size_t) mq_option_(print|bounds|describe)\(/, /^}/ {
	sub(/^(int|size_t) /, "static &")
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
	printf "\t{ \"%s\", \"%s\", %s, NO_COUNTER, %s },\n", name, heading, type, help
}
