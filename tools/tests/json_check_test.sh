#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# json_check, with which the other tests check the output of mqctl.
set -u

check=${JSON_CHECK:-$(dirname "$0")/json_check}
failed=0

# says WANTED TEXT [POINTER]: check that TEXT is JSON, and that POINTER leads to
# WANTED; or WANTED is "no", and TEXT is not JSON.
says() {
	local got
	got=$(printf '%s' "$2" | "$check" "${@:3}" 2>/dev/null) || got=no
	[ "$got" = "$1" ] || {
		echo "json_check says '$got' of $2, not '$1'"
		failed=1
	}
}

says 1 '{"a":1}' /a
says null '{"a":null}' /a
says absent '{"a":1}' /b
says 'grün' '{"a":"grün"}' /a
says '€ 𝄞' '{"a":"€ 𝄞"}' /a
says no $'{"a":"\xff"}'
says no $'{"a":"\xc3"}'
says no $'{"a":"\x01"}'
says no '{"a":1,}'
says no '{"a":1}x'
says no '{"a":ü}'
says no '{"a":1}ü'
says no '{"a":"\ü"}'
says no '{"a":01}'
says no '{"a":1'
exit $failed
