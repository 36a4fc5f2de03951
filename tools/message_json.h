/* SPDX-License-Identifier: GPL-2.0 */
/* A message as a JSON object. */
#ifndef MQCTL_MESSAGE_JSON_H
#define MQCTL_MESSAGE_JSON_H

#include <json-c/json.h>

#include <devmq.h>

struct json_object *json_message(const struct devmq_msg *msg);

#endif /* MQCTL_MESSAGE_JSON_H */
