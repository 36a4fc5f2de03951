/* SPDX-License-Identifier: GPL-2.0 */
/* States that were attached in a machine. */
#ifndef MQ_CRASH_ATTACHED_H
#define MQ_CRASH_ATTACHED_H

/*
 * Compare what @path says of the messages of @count attached states with the images
 * before.NUMBER in @directory, and with each state that a crash while they were
 * attached could have left, by the logs after.NUMBER.log. Returns an exit status.
 */
int attached_judge(const char *path, const char *directory, unsigned int count);

#endif /* MQ_CRASH_ATTACHED_H */
