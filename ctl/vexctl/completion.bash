# SPDX-License-Identifier: GPL-2.0
#
# bash completion for vexctl.  Verbs and options are asked of vexctl itself, so that they are never out of step.

_vexctl()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} vexctl=${COMP_WORDS[0]}
	local all verb first second IFS=$' \t\n'
	local COMP_WORDS=("${COMP_WORDS[@]}") COMP_CWORD=$COMP_CWORD

	COMPREPLY=()
	while [[ ${COMP_WORDS[1]} == --image || ${COMP_WORDS[1]} == --load ]] && ((COMP_CWORD > 1)); do
		((COMP_CWORD > 2)) || return	# a file
		COMP_WORDS=("$vexctl" "${COMP_WORDS[@]:3}")
		COMP_CWORD=$((COMP_CWORD - 2))
	done
	all=$("$vexctl" help 2>/dev/null | sed -n 's/^  \([a-z]\{1,\}\( [a-z]\{1,\}\)\{0,1\}\)  .*/\1/p')
	first=$(cut -d' ' -f1 <<< "$all" | sort -u)
	if ((COMP_CWORD == 1)); then
		mapfile -t COMPREPLY < <(compgen -W "$first help --image --load --version" -- "$cur")
		return
	fi
	verb=${COMP_WORDS[1]}
	[[ $verb == help ]] && { ((COMP_CWORD == 2)) && mapfile -t COMPREPLY < <(compgen -W "$first" -- "$cur"); return; }
	second=$(sed -n "s/^$verb //p" <<< "$all")
	if [[ -n $second ]]; then
		if ((COMP_CWORD == 2)); then
			mapfile -t COMPREPLY < <(compgen -W "$second" -- "$cur")
			return
		fi
		verb+=" ${COMP_WORDS[2]}"
	fi
	case $prev in
	--op | --slot | -s)
		[[ $verb == "program stats" ]] || {
			mapfile -t COMPREPLY < <(compgen -W "search distance filter" -- "$cur"); return; };;
	--metric | -m) mapfile -t COMPREPLY < <(compgen -W "l2 cosine dot" -- "$cur"); return;;
	--format | -f)		# -f is also --force
		[[ $verb =~ ^(export|import|eval)$ ]] && {
			all="fvecs fbin npy jsonl json"
			[[ $verb == export ]] || all+=" bvecs ivecs f16bin u8bin i8bin ibin text"
			mapfile -t COMPREPLY < <(compgen -W "$all" -- "$cur"); return; };;
	esac
	if [[ $cur == -* ]]; then
		# shellcheck disable=SC2086  # a verb of two words is two arguments
		mapfile -t COMPREPLY < <(compgen -W "$("$vexctl" help $verb 2>/dev/null |
			grep -oE -- '(^|[^a-z0-9-])--?[a-z][a-z-]*' | grep -oE -- '--?[a-z][a-z-]*' | sort -u) --help" -- "$cur")
		return
	fi
	case $verb in
	debug)			# behind the device, what there is
		((COMP_CWORD == 3)) && mapfile -t COMPREPLY < <(compgen -W "$("$vexctl" help debug 2>/dev/null |
			sed -n 's/^  \([a-z]\{1,\}\) .*/\1/p')" -- "$cur");;
	unload | "program show" | "program dump" | "program stats")
		mapfile -t COMPREPLY < <(compgen -W "$(ls /sys/fs/vexfs/programs 2>/dev/null)" -- "$cur");;
	use)
		((COMP_CWORD > 2)) && mapfile -t COMPREPLY < <(compgen -W "$(ls /sys/fs/vexfs/programs 2>/dev/null)" -- "$cur");;
	esac
}
complete -o default -o bashdefault -F _vexctl vexctl
