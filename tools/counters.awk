# SPDX-License-Identifier: GPL-2.0
#
# The counters of a queue, as devmq(4) lists them: of what mqctl says of its
# columns, what belongs to a counter of the kernel, whose list comes first.

NR == FNR {
	if (/^\tMQ_COUNTER(_FOR)?\(/) {
		whose = /_FOR\(BOTH/ ? "Topics have it as well." : \
			/_FOR\(TOPIC/ ? "Only topics have it." : ""
		gsub(/^\tMQ_COUNTER\(|^\tMQ_COUNTER_FOR\([A-Z]*, |\),.*/, "")
		known[$0] = whose
	}
	next
}
/^\.B / { wanted = $2 in known; says = known[$2]; if (wanted) print ".TP" }
/^\.TP/ { wanted = 0 }
wanted
wanted && /\.$/ && says { print says }
