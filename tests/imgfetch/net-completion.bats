# SPDX-License-Identifier: MIT
# What bash offers when TAB is pressed, as the caller.
load ../lib/common
load ../lib/images

COMPLETION=$TEST_PREFIX/share/bash-completion/completions

# offers LINE [WORDBREAKS]: the replies to TAB at the end of LINE, one a line, sorted.
offers() {
	local breaks=$' \t\n"\'@><=;|&(:' word=${1%% *}
	as_caller bash -c '
		. "$3" || exit
		COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDBREAKS=$2
		_isolate_oci "${1%% *}"
		((${#COMPREPLY[@]} == 0)) || printf "%s\n" "${COMPREPLY[@]}" | sort' \
		bash "$1" "${2-$breaks}" "$COMPLETION/${word##*/}"
}

@test "completion: options and commands are those of --help" {
	is "$(offers 'isolate --cg-')" $'--cg-mem=\n--cg-timing'
	is "$(offers 'isolate --cl')" --cleanup
	is "$(offers 'isolate -b 3 --once --copy-')" $'--copy-in=\n--copy-out='
	is "$(offers 'isolate --proc')" --processes
	is "$(offers 'isolate --run -- --cg-')" ""
	is "$(offers 'imgmount --store=x u')" $'umount\nunpack'
	is "$(offers 'imgmount --own')" --owner=
	offers 'imgfetch ' | grep -x pull
	not grep -x umount <(offers 'imgfetch ')
	[[ $(offers 'imgfetch pull --plat') == --platform= ]]
}

@test "completion: names of images, also where the shell breaks words" {
	fixture busybox
	as_caller mkdir s
	expect 0 imgfetch pull -q --store="$T/s" "oci:$TEST_FIXTURES/busybox:latest"
	expect 0 imgfetch pull -q --store="$T/s" "oci:$TEST_FIXTURES/busybox:zstd"
	is "$(offers "imgfetch --store=$T/s rm ")" $'localhost/busybox:latest\nlocalhost/busybox:zstd'
	is "$(offers "imgfetch --store=$T/s rm a b localhost/busybox:z")" zstd
	is "$(offers "imgfetch rm --store $T/s localhost/busybox:z")" zstd
	is "$(offers "imgfetch --store=$T/s inspect a localhost/busybox:z")" ""
	is "$(offers "imgfetch inspect --store=$T/s local")" $'localhost/busybox:latest\nlocalhost/busybox:zstd'
	is "$(offers "imgmount --store=$T/s mount localhost/busybox:z")" zstd
	is "$(offers "imgmount --store=$T/s mount localhost/busybox:z" ' ')" localhost/busybox:zstd
	is "$(offers "imgmount --store=$T/s mount localhost/busybox:zstd not")" ""
}

@test "completion: isolate takes names of images from the caller's own store" {
	need user
	fixture busybox
	set_caller XDG_DATA_HOME="$T"
	expect 0 imgfetch pull -q "oci:$TEST_FIXTURES/busybox:latest"
	expect 0 imgfetch pull -q "oci:$TEST_FIXTURES/busybox:zstd"
	is "$(offers 'isolate --run --image=localhost/busybox:z')" zstd
	is "$(offers 'isolate --run --image localhost/busybox:la')" latest
	is "$(offers 'isolate --run --image=localhost/b' ' ')" $'--image=localhost/busybox:latest\n--image=localhost/busybox:zstd'
}

@test "completion: files, folders, words, variables, boxes" {
	local id
	as_caller mkdir folder
	as_caller touch file other
	is "$(offers 'isolate --meta=f')" $'file\nfolder'
	is "$(offers 'isolate -sM f')" $'file\nfolder'
	is "$(offers 'isolate -M f')" $'file\nfolder'
	is "$(offers 'isolate -sv f')" "$(offers 'isolate f')"
	is "$(offers 'isolate --chdir=f')" folder
	is "$(offers 'isolate --once -- cat f')" $'file\nfolder'
	is "$(offers 'imgfetch pull oci:fo')" folder
	is "$(offers 'imgmount umount fo')" folder
	is "$(offers 'isolate --meta-format=')" $'json\ntext'
	is "$(offers 'isolate --meta-format j')" json
	is "$(offers 'imgfetch pull --pull=n')" $'never\nnewer'
	is "$(offers 'imgmount unpack --by=')" $'copy\nlink\nreflink'
	is "$(GREETING_OF_TEST=1 offers 'isolate --env=GREETING_OF')" GREETING_OF_TEST
	expect 0 isolate -b "$BOX" --init
	offers 'isolate --cleanup --box-id=' | grep -x "$BOX"
	offers 'isolate --cleanup -b ' | grep -x auto
	# Of options that need no argument the next word is none.
	is "$(offers 'isolate -p f')" "$(offers 'isolate f')"
}

@test "completion: what is typed is not run before the return key" {
	printf '#!/bin/sh\necho "  --evil"\ntouch "%s/ran"\n' "$T" >isolate
	chmod 755 isolate
	is "$(offers './isolate --ev')" ""
	is "$(offers './isolate --cle')" --cleanup
	[[ ! -e $T/ran ]] || fail "it was run"
}

# Through readline, which breaks words at = and puts the spaces.
@test "completion: in a shell with a terminal" {
	as_caller touch rc
	printf '. %q\nPS1=\n' "$COMPLETION/isolate" >rc
	printf '%s\n' 'isolate --meta-fo'$'\t''j'$'\t''--vers'$'\t' 'exit 0' >keys
	x script -qec "bash --noprofile --rcfile $T/rc -i" /dev/null <keys
	prints "--meta-format=json --version"
	prints "isolate-oci"
}
