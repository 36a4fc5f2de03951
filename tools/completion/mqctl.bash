# SPDX-License-Identifier: GPL-2.0
# bash completion for mqctl(1). What may stand somewhere, it asks mqctl.

_mqctl()
{
	local words=() word line prefix=

	# readline makes words of their own of what stands around an '='
	for word in "${COMP_WORDS[@]:0:COMP_CWORD + 1}"; do
		if [[ ${#words[@]} -gt 0 &&
		      ($word == = || ${words[-1]} == *=) ]]; then
			words[-1]+=$word
		else
			words+=("$word")
		fi
	done
	word=${words[-1]}
	# and completes what is behind it only
	if [[ $COMP_WORDBREAKS == *=* && $word == *=* ]]; then
		prefix=${word%%=*}=
	fi
	COMPREPLY=()
	while IFS= read -r line; do
		line=${line%%$'\t'*}
		COMPREPLY+=("${line#"$prefix"}")
		# to be continued
		case $line in
		*= | *,* | header. | --state=* | --output=*)
			compopt -o nospace 2>/dev/null ;;
		esac
	done < <("${words[@]:0:1}" --complete "${words[@]:1}" 2>/dev/null)
	if [[ ${#COMPREPLY[@]} -eq 0 && ${words[1]-} == consume ]]; then
		mapfile -t COMPREPLY < <(compgen -c -- "$word")
	fi
}

complete -o bashdefault -o default -F _mqctl mqctl
