# SPDX-License-Identifier: GPL-2.0
# fish completion for mqctl(1). What may stand somewhere, it asks mqctl.

function __mqctl_complete
	set -l words (commandline -opc)
	set -l command $words[1]
	set -e words[1]
	$command --complete $words (commandline -ct) 2>/dev/null
end

complete -c mqctl -f -a '(__mqctl_complete)'
complete -c mqctl -n '__fish_seen_subcommand_from consume journal apply' -F
