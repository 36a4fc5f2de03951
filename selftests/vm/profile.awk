# SPDX-License-Identifier: GPL-2.0
#
# Print the table of ./profile, from two files: the kernel's symbols, sorted
# ("ADDRESS TYPE NAME [MODULE]"), and the addresses that were executed.
# Addresses are strings of 16 digits, which sort like numbers.
#
#  n        iterations
#  clock    the length of the window by the machine's clock, in instructions
#  inside   functions to show address by address
#  most     lines to show, 0 for all
#  without  1: leave out interrupt handlers

# Return the last symbol at or below an address, or 0.
function symbol_of(pc,	low, high, mid)
{
	low = 0
	high = symbols
	while (low < high) {
		mid = int((low + high + 1) / 2)
		if (start[mid] "" <= pc "")
			low = mid
		else
			high = mid - 1
	}
	return low
}

# Find the function at this address; user space is one function. The first
# address of a function is its entry.
function look_up(pc,	at)
{
	if (pc "" < "8") {
		where[pc] = "user"
		entry[pc] = 0
		return
	}
	at = symbol_of(pc)
	where[pc] = at ? name[at] : "?"
	entry[pc] = at && start[at] == pc
}

# Follow the call stack by the addresses executed. The entry of a function is a
# call (or a tail call, which looks like a call that returns to the caller's
# caller). Any other address in another function is a return to the nearest such
# function on the stack, or else a jump.
function follow(function_name, enters,	i)
{
	if (enters) {
		push(function_name)
		calls[function_name]++
		return
	}
	if (depth && stack[depth] == function_name)
		return
	for (i = depth - 1; i > 0; i--)
		if (stack[i] == function_name) {
			while (depth > i)
				pop()
			return
		}
	if (function_name == "user")
		while (depth)
			pop()
	push(function_name)
}

function push(function_name)
{
	stack[++depth] = function_name
	since[depth] = total
	active[function_name]++
}

# A function that calls itself counts once.
function pop()
{
	if (--active[stack[depth]] == 0)
		under[stack[depth]] += total - since[depth]
	depth--
}

# Is this function the entry of an interrupt?
function interrupted(function_name)
{
	return function_name ~ /^asm_(sysvec|common_interrupt|exc_nmi)/
}

FNR == NR {
	if ($1 == start[symbols])
		next
	start[++symbols] = $1
	name[symbols] = $3 ($4 == "" ? "" : " " $4)
	next
}

{
	if (!($1 in where))
		look_up($1)
	here = where[$1]
	if (entry[$1] && interrupted(here)) {
		irqs++
		if (without && !in_irq) {
			in_irq = 1
			back = last
		}
	}
	if (in_irq) {
		left_out++
		# Execution is back in the interrupted function, not at its
		# entry.
		if (here == back && !entry[$1]) {
			in_irq = 0
			left_out--
		} else {
			next
		}
	}
	if (here != last || entry[$1])
		follow(here, entry[$1])
	last = here
	self[here]++
	executed[$1]++
	total++
}

function by_address(function_name,	pc, list)
{
	printf "\n%s:\n", function_name
	list = "LC_ALL=C sort"
	for (pc in executed) {
		if (where[pc] == function_name ||
		    index(where[pc], function_name " [") == 1)
			printf "%s %10.2f\n", pc, executed[pc] / n | list
	}
	close(list)
}

END {
	while (depth)
		pop()
	order = "LC_ALL=C sort -s -t '\t' -k 1,1nr -k 5,5"
	printf "%10s %10s %10s %8s  %s\n", "self", "sum", "with its", "calls", ""
	printf "%10s %10s %10s %8s  %s\n", "", "", "callees", "", "function"
	fflush()
	for (f in self)
		printf "%.2f\t%.2f\t%.2f\t%s\n", self[f] / n, under[f] / n,
			calls[f] / n, f | (order " | awk -F '\t' -v most=" most \
			" '{ sum += $1 } !most || NR <= most { printf " \
			"\"%10.2f %10.2f %10.2f %8.2f  %s\\n\", $1, sum, $2, $3, $4 }'")
	close(order)
	printf "%ld iterations, %.2f instructions each", n, total / n
	printf " (%.2f by the machine's clock)\n", clock / n
	printf "%d interrupts in the window", irqs
	if (without)
		printf ", %d instructions of theirs left out", left_out
	printf "\n"
	count = split(inside, list)
	for (i = 1; i <= count; i++)
		by_address(list[i])
}
