# SPDX-License-Identifier: MIT
# Image stores made by hand, out of directories: for tests that are not about imgfetch. The layers'
# digests are names only; nothing here hashes a tar.
#
#   store_new S                     an empty store in the new directory S, the caller's
#   layer=$(store_layer S DIR)      DIR becomes a layer (it is moved); prints its 64 digits
#   image=$(store_image S REF L...) an image of these layers, bottom first, known as REF
#                                   (host/repo:tag in full); prints its manifest's 64 digits
#   image=$(store_many S REF N)     an image of N layers (quickly): layer I, from 1, has a file I and
#                                   its own version of the file "same"
#   whiteout PATH                   a 0:0 character device
#   opaque DIR                      a directory that hides what is below it
#   three_layers S                  image localhost/three:1 with a bit of everything
#   tree_of DIR                     one line per entry: everything that should be equal in two trees
#   umount_all DIR                  take away every mount at or below DIR

store_new() {
	mkdir -m 755 "$1" "$1"/{images,images/sha256,refs}
	mkdir -m 700 "$1"/{layers,layers/sha256,tmp}
	echo "isolate-store 1" >"$1/version"
	: >"$1/lock"
	chmod 600 "$1/lock"
	[[ $TEST_AS == root ]] || chown -R "$TEST_UID:$TEST_UID" "$1"
}

# store_digits NAME: digits that were not given out before, into a variable.
store_digits() { printf -v "$1" '%08x' "$SRANDOM"{,,,,,,,}; }

store_layer() {
	local hex
	store_digits hex
	mv "$2" "$1/layers/sha256/$hex"
	[[ $TEST_AS == root ]] || chown -hR "$TEST_UID:$TEST_UID" "$1/layers/sha256/$hex"
	echo "$hex"
}

store_image() {
	local s=$1 ref=$2 hex layer dir
	shift 2
	store_digits hex
	dir=$s/images/sha256/$hex
	mkdir -p "$dir" "$s/refs/${ref%:*}"
	{
		echo "isolate-image 1"
		echo "digest sha256:$hex"
		for layer; do echo "layer sha256:$layer"; done
		echo "env PATH=/bin"
		echo "end $(($# + 3))"
	} >"$dir/descriptor"
	echo '{}' >"$dir/manifest.json"
	echo '{}' >"$dir/config.json"
	echo "sha256:$hex" >"$s/refs/${ref%:*}/:${ref##*:}"
	chmod -R go-w "$dir" "$s/refs"
	[[ $TEST_AS == root ]] || chown -hR "$TEST_UID:$TEST_UID" "$dir" "$s/refs"
	echo "$hex"
}

store_many() {
	local hex i layers=()
	for ((i = 1; i <= $3; i++)); do
		printf -v hex '%064x' "$i"
		layers+=("$hex")
	done
	mkdir "${layers[@]/#/$1/layers/sha256/}"
	for ((i = 1; i <= $3; i++)); do
		: >"$1/layers/sha256/${layers[i - 1]}/$i"
		echo "$i" >"$1/layers/sha256/${layers[i - 1]}/same"
	done
	[[ $TEST_AS == root ]] || chown -R "$TEST_UID:$TEST_UID" "$1/layers/sha256"
	store_image "$1" "$2" "${layers[@]}"
}

whiteout() { mknod "$1" c 0 0; }
opaque() { setfattr -n user.overlay.opaque -v y "$1"; }

# Replaced, deleted and re-added things between three layers, with odd modes, owners, names and times.
three_layers() {
	local s=$1 w=$T/layers.$$ a b c
	mkdir "$w" "$w"/{a,b,c}
	(
		umask 022
		cd "$w/a" || exit
		mkdir -p etc usr/bin usr/lib/deep/er var/tmp gone/sub hide closed
		echo a >etc/passwd
		echo "only a" >etc/a
		head -c 300000 /dev/urandom >usr/bin/tool
		ln usr/bin/tool usr/bin/tool2
		ln -s ../bin/tool usr/lib/link
		ln -s /etc/shadow usr/lib/absolute
		mkfifo var/fifo
		echo x >gone/sub/x
		echo x >hide/old
		echo x >file-then-dir
		mkdir dir-then-file
		echo x >dir-then-file/x
		truncate -s 3M sparse
		echo end >>sparse
		echo start >sparse2
		truncate -s 5M sparse2
		: >"$(printf 'od\nd \\ name')"
		: >$'\xff'
		chmod 1777 var/tmp
		chmod 0555 usr/lib/deep
		chmod 0640 etc/a
		setfattr -n user.note -v hello etc/a
		touch -d '2001-02-03 04:05:06.789' etc/a usr/lib/deep
		touch -h -d '1999-01-01' usr/lib/link
		cd ../b || exit
		mkdir -p etc usr/lib/deep hide dir usr/bin
		echo b >etc/passwd
		whiteout gone
		whiteout usr/lib/absolute
		opaque hide
		echo new >hide/new
		whiteout file-then-dir
		echo f >dir-then-file
		echo b >usr/lib/deep/b
		chmod 2750 usr/lib/deep
		touch -d '2002-02-02' usr/lib/deep etc
		cd ../c || exit
		mkdir -p etc gone file-then-dir usr/lib
		opaque gone
		opaque file-then-dir
		echo again >gone/again
		echo y >file-then-dir/y
		whiteout etc/a
		rmdir usr/lib && whiteout usr/lib
		touch -d '2003-03-03' gone
	)
	if [[ $TEST_AS == root ]]; then
		chown 7:8 "$w/a/usr/bin/tool" "$w/b/usr/lib/deep"
		chown -h 9:9 "$w/a/usr/lib/absolute"
	fi
	a=$(store_layer "$s" "$w/a")
	b=$(store_layer "$s" "$w/b")
	c=$(store_layer "$s" "$w/c")
	rmdir "$w"
	store_image "$s" localhost/two:1 "$a" "$b" >/dev/null
	store_image "$s" localhost/three:1 "$a" "$b" "$c" >/dev/null
}

tree_of() { "$TOOLS/tree" "$1"; }

umount_all() {
	local dir
	while read -r dir; do
		umount -l "$(printf '%b' "${dir//\\/\\0}")"
	done < <(awk -v d="$1" 'index($5 "/", d "/") == 1 { print $5 }' /proc/self/mountinfo | sort -r)
}
