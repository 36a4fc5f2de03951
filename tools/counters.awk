# SPDX-License-Identifier: GPL-2.0
#
# The counters of a queue, as devmq(4) lists them: of what mqctl says of its
# columns, what belongs to a counter of kernel/sysfs.c, which comes first.

NR == FNR {
	if (/^\tMQ_COUNTER\(/) {
		gsub(/^\tMQ_COUNTER\(|\),.*/, "")
		known[$0]
	}
	next
}
/^\.B / { wanted = $2 in known; if (wanted) print ".TP" }
/^\.TP/ { wanted = 0 }
wanted
