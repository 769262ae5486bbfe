# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# bash completion for isolate, imgfetch and imgmount.
#
# Options, their arguments and the commands are what `PROGRAM --help` says, which is printed from the
# table that also parses: there is no list to keep here. What an argument is told by its name there:
#   FILE, DIR   of the file system        REF    an image in the store, or oci:DIR and its like
#   VAR         of the environment        a|b    one of these words
# and --box-id takes the boxes in use. Programs are run by their names, along PATH: a program that
# somebody has put into the current directory must not run before the return key is pressed.

# Read --help of $program: opt_arg[--name] and opt_arg[-x] are the name of the argument, with "?" before
# it if it may be missing; "" for none. command_args[NAME] are the operands of a command.
_isolate_oci_read_help() {
	local line re_option re_command letter name arg
	re_option='^ +(-(.), )?--([a-z0-9-]+)((\[?)=([^] ]+))?'
	re_command="^(Usage:)? +($program \\[[^]]*\\] )?([a-z][a-z-]*)(( [][A-Z.|]+)*)(  |$)"
	while IFS= read -r line; do
		if [[ $line =~ $re_option ]]; then
			letter=${BASH_REMATCH[2]} name=${BASH_REMATCH[3]}
			arg=${BASH_REMATCH[5]:+?}${BASH_REMATCH[6]}
			opt_arg[--$name]=$arg
			long_options+=("--$name")
			[[ ! $letter ]] || opt_arg[-$letter]=$arg
		elif [[ ${#long_options[@]} -eq 0 && $line =~ $re_command ]]; then
			[[ ${BASH_REMATCH[3]} == "$program" ]] ||
				command_args[${BASH_REMATCH[3]}]=${BASH_REMATCH[4]//[\]\[]/}
		fi
	done < <(command "$program" --help 2>/dev/null)
}

# Go through the words before the one that is completed. Sets $option, whose argument it is; $command;
# $operands, how many there are (of isolate: words of the program's command); $ended: by --.
_isolate_oci_read_words() {
	local word letters
	for word; do
		if [[ $option ]]; then
			[[ $option != --store ]] || store=--store=$word
			option=''
		elif [[ $ended || $word != -?* ]]; then
			if [[ ${#command_args[@]} -gt 0 && ! $command ]]; then
				command=$word
			else
				operands=$((operands + 1))
			fi
		elif [[ $word == -- ]]; then
			ended=1
		elif [[ $word == --*=* ]]; then
			[[ $word != --store=* ]] || store=$word
		elif [[ $word == --* ]]; then
			[[ ! ${opt_arg[$word]:-} || ${opt_arg[$word]} == \?* ]] || option=$word
		else
			for ((letters = 1; letters < ${#word}; letters++)); do
				[[ ${opt_arg[-${word:letters:1}]:-} ]] || continue
				[[ $((letters + 1)) -lt ${#word} || ${opt_arg[-${word:letters:1}]} == \?* ]] ||
					option=-${word:letters:1}
				break
			done
		fi
	done
}

# Names of images, as `imgfetch list` has them in its first column.
_isolate_oci_images() {
	local name
	while read -r name _; do
		[[ $name == REFERENCE || $name == - || $name == *...* ]] || printf '%s\n' "$name"
	done < <(command imgfetch ${store:+"$store"} list 2>/dev/null)
}

_isolate_oci_boxes() {
	local id
	echo auto
	while read -r id _; do
		[[ $id != [0-9]* ]] || printf '%s\n' "$id"
	done < <(command isolate --list 2>/dev/null)
}

# Add to $found what may stand for an argument of this name and begins with VALUE.
_isolate_oci_argument() {
	local kind=$1 value=$2 scheme
	case $kind in
	FILE*)
		compopt -o filenames 2>/dev/null
		mapfile -t found < <(compgen -f -- "$value")
		;;
	DIR*)
		compopt -o filenames 2>/dev/null
		mapfile -t found < <(compgen -d -- "$value")
		;;
	REF*)
		scheme=${value%%:*}
		case $value in
		oci:* | oci-archive:* | docker-archive:*)
			compopt -o filenames 2>/dev/null
			mapfile -t found < <(compgen -f -P "$scheme:" -- "${value#*:}")
			;;
		*) mapfile -t found < <(compgen -W "$(_isolate_oci_images)" -- "$value") ;;
		esac
		;;
	VAR*) mapfile -t found < <(compgen -e -- "$value") ;;
	*'|'*) mapfile -t found < <(compgen -W "${kind//|/ }" -- "$value") ;;
	BOX) mapfile -t found < <(compgen -W "$(_isolate_oci_boxes)" -- "$value") ;;
	COMMAND)
		compopt -o filenames 2>/dev/null
		mapfile -t found < <(compgen -c -- "$value")
		;;
	esac
}

# The name of the argument of option $1.
_isolate_oci_kind() {
	local kind=${opt_arg[$1]:-}
	case $program$1 in
	isolate--box-id | isolate-b) kind=BOX ;;
	esac
	echo "${kind#\?}"
}

_isolate_oci() {
	local program=${1##*/} line=${COMP_LINE:0:COMP_POINT} word cut
	local option='' command='' operands=0 ended='' store=''
	local -a words found=() long_options=()
	local -A opt_arg=() command_args=()
	COMPREPLY=()
	# Words as the programs see them: the shell's own are broken at = and : as well.
	read -ra words <<<"$line"
	word=''
	[[ $line == *[[:space:]] ]] || word=${words[-1]}
	[[ $line == *[[:space:]] ]] || unset 'words[-1]'
	_isolate_oci_read_help
	_isolate_oci_read_words "${words[@]:1}"
	if [[ $option ]]; then
		_isolate_oci_argument "$(_isolate_oci_kind "$option")" "$word"
	elif [[ ! $ended && $word == --*=* ]]; then
		_isolate_oci_argument "$(_isolate_oci_kind "${word%%=*}")" "${word#*=}"
		found=("${found[@]/#/${word%%=*}=}")
	elif [[ ! $ended && $word == -* ]]; then
		for option in "${long_options[@]}"; do
			[[ ! ${opt_arg[$option]} || ${opt_arg[$option]} == \?* ]] || option+='='
			[[ $option != "$word"* ]] || found+=("$option")
		done
		[[ ${#found[@]} -ne 1 || ${found[0]} != *= ]] || compopt -o nospace 2>/dev/null
	elif [[ $program == isolate ]]; then
		[[ $operands -eq 0 ]] || _isolate_oci_argument FILE "$word"
		[[ $operands -ne 0 ]] || _isolate_oci_argument COMMAND "$word"
	elif [[ ! $command ]]; then
		mapfile -t found < <(compgen -W "${!command_args[*]}" -- "$word")
	else
		# shellcheck disable=SC2206 # words of capital letters
		words=(${command_args[$command]:-})
		# REF... stands for this and all that follow.
		[[ ${#words[@]} -eq 0 || ${words[-1]} != *... || $operands -lt ${#words[@]} ]] ||
			operands=$((${#words[@]} - 1))
		_isolate_oci_argument "${words[operands]:-}" "$word"
	fi
	# The shell replaces only what follows the last character at which it breaks words.
	for ((cut = ${#word}; cut > 0; cut--)); do
		[[ ${word:cut-1:1} != [=:@] || $COMP_WORDBREAKS != *"${word:cut-1:1}"* ]] || break
	done
	COMPREPLY=("${found[@]#"${word:0:cut}"}")
}

complete -F _isolate_oci isolate imgfetch imgmount
