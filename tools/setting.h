/* SPDX-License-Identifier: GPL-2.0 */
/* Changing an option of a queue that exists. */
#ifndef MQCTL_SETTING_H
#define MQCTL_SETTING_H

/*
 * Give an option another value, as the module takes it; @written is how the user wrote
 * it. Says what is wrong. Returns an exit status.
 */
int setting_change(const char *name, const char *option, const char *value,
		   const char *written);

/* Say that an option could not be read or set. Returns an exit status. */
int setting_complain(const char *name, const char *option, int error,
		     const char *what);

#endif /* MQCTL_SETTING_H */
