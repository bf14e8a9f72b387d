# SPDX-License-Identifier: GPL-2.0
#
# bash completion for vexfs-fuse: options, those behind -o, then files.

_vexfs_fuse()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} list=

	COMPREPLY=()
	if [[ $prev == -o ]]; then
		[[ $cur != *,* ]] || list=${cur%,*},
		mapfile -t COMPREPLY < <(compgen -P "$list" -W "allow_other ro noatime noprograms commit=" -- "${cur##*,}")
	elif [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$("${COMP_WORDS[0]}" --help 2>/dev/null |
			grep -oE -- '^ +(-[a-zA-Z], )?--?[a-z]+' | grep -oE -- '--?[a-z]+$') -f -d" -- "$cur")
	fi
}
complete -o default -o bashdefault -F _vexfs_fuse vexfs-fuse
