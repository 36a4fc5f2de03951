// SPDX-License-Identifier: GPL-2.0
/* The structure in devmq_settle(3) is the one in the header. */
#include <stddef.h>
#include <linux/devmq.h>
#define devmq_settlement shown
@BLOCK@
#undef devmq_settlement

#define SAME(member)							\
	_Static_assert(offsetof(struct shown, member) ==		\
		       offsetof(struct devmq_settlement, member), #member)

SAME(first_id);
SAME(last_id);
SAME(delay_ns);
SAME(note);
SAME(action);
SAME(note_size);
SAME(reason);
SAME(settled);
SAME(error);
SAME(dead);
_Static_assert(sizeof(struct shown) == sizeof(struct devmq_settlement), "size");

int main(void)
{
	return 0;
}
