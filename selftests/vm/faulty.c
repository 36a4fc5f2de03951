// SPDX-License-Identifier: GPL-2.0
/* A module that misbehaves in the ways that the harness must notice. */
#include <linux/delay.h>
#include <linux/irqflags.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/smp.h>

static char *how = "";
module_param(how, charp, 0444);

static void *object;

static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);

static void lock_both(struct mutex *outer, struct mutex *inner)
{
	mutex_lock(outer);
	mutex_lock(inner);
	mutex_unlock(inner);
	mutex_unlock(outer);
}

static void spin(void *unused)
{
	local_irq_disable();
	for (;;)
		cpu_relax();
}

/* Write to an object after its end, which its cache sees when it is freed. */
static void overwrite(void)
{
	char *end = kmalloc(100, GFP_KERNEL);

	if (!end)
		return;
	object = end;
	OPTIMIZER_HIDE_VAR(end);
	end[128] = 1;
	kfree(object);
	object = NULL;
}

static int __init faulty_init(void)
{
	if (!strcmp(how, "refuse"))
		return -ENXIO;
	if (!strcmp(how, "hang"))
		for (;;)
			msleep(1000);
	if (!strcmp(how, "spin"))
		on_each_cpu(spin, NULL, 0);
	if (!strcmp(how, "hold"))
		__module_get(THIS_MODULE);
	if (!strcmp(how, "lock-order")) {
		lock_both(&first, &second);
		lock_both(&second, &first);
	}
	if (!strcmp(how, "leak"))
		object = kmalloc(100, GFP_KERNEL);
	if (!strcmp(how, "backtrace"))
		dump_stack();
	if (!strcmp(how, "overwrite"))
		overwrite();
	if (!strcmp(how, "use-after-free")) {
		object = kmalloc(100, GFP_KERNEL);
		kfree(object);
		WRITE_ONCE(*(char *)object, 1);
	}
	return 0;
}

static void __exit faulty_exit(void)
{
	object = NULL;
	WARN_ON(!strcmp(how, "warn-late"));
}

module_init(faulty_init);
module_exit(faulty_exit);
MODULE_DESCRIPTION("Faults for the test of the test harness");
MODULE_LICENSE("GPL");
