# SPDX-License-Identifier: MIT
# Layers: made by hand, pulled from a layout into the store $T/s, and compared. Loads layout.bash.

load ../lib/layout

# make_big_once: in setup_file, for make_big. The layers of $dir/l are the files $dir/f1 to $dir/f20.
make_big_once() {
	local i bytes=500000 dir=$BATS_FILE_TMPDIR/big
	# Where digests are emulated, no more than what a disk of 4 MiB has no room for.
	[[ $TEST_WHERE == native ]] || bytes=250000
	mkdir "$dir" "$dir/tars"
	for i in {1..20}; do
		head -c "$bytes" /dev/urandom >"$dir/f$i"
		tar -C "$dir" -cf "$dir/tars/$i.tar" "f$i"
	done
	layout_tars "$dir/l" "$dir"/tars/{1..20}.tar
	rm -r "$dir/tars"
	printf '%s\n' "${LAYOUT_DIFFIDS[@]}" >"$dir/diffids"
}

# Twenty layers of 502 kB, or less, which do not compress.
make_big() {
	cp -al "$BATS_FILE_TMPDIR"/big/* "$T/"
	mapfile -t LAYOUT_DIFFIDS <"$T/diffids"
}

# A sync waits for everything that the machine has to write: only where a test is about crashes.
pull() { imgfetch --store="$T/s" --no-sync pull "$@"; }

# One line per entry: all that should be equal in two trees. Owners only where they are kept.
tree() {
	local flags=-dl
	[[ $TEST_AS == root ]] || flags+=o
	"$TOOLS/tree" "$flags" "$1"
}

# contents DIR: names and contents of all files.
contents() { (cd "$1" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum); }

# store_state: everything in the store but times.
store_state() { [[ ! -e $T/s ]] || (cd "$T/s" && find . -printf '%p %y %m %s %l\n' | LC_ALL=C sort); }

# make_source DIR [BYTES]: with a bit of everything, and so many that cannot be compressed.
make_source() {
	mkdir -p "$1/d/e" "$1/empty" "$1/tmp" "$1/many"
	head -c "${2:-3000000}" /dev/urandom >"$1/d/random"
	head -c 1000000 /dev/zero >"$1/d/zeros"
	truncate -s 5M "$1/d/e/sparse"
	printf end >>"$1/d/e/sparse"
	ln "$1/d/random" "$1/d/hard"
	ln -s ../../etc/passwd "$1/d/link"
	ln -s /nowhere "$1/d/absolute"
	mkfifo "$1/fifo"
	chmod 1777 "$1/tmp"
	echo x >"$1/d/$(printf 'new\nline')"
	echo x >"$1/d/"$'raw\xff\xfe'
	echo x >"$1/d/Főtanúsítvány"
	echo x >"$1/d/$(printf '%0200d' 7)"
	local i
	for i in {1..300}; do echo "$i" >"$1/many/$i"; done
	chmod 555 "$1/many"
	chmod 400 "$1/many/7"
	touch -d '2001-02-03 04:05:06.789' "$1/d/zeros" "$1/d/e"
	chown -R 12:34 "$1/d"
}

# refused FRAGMENT: pulling oci:$T/l fails with status 6 and one line, and the store is as before.
refused() {
	[[ -e $T/s ]] || pull -q "oci:$T/none" 2>/dev/null || true # makes the store
	store_state >"$T/before"
	expect 6 pull -q "oci:$T/l"
	says "$1"
	says "(sha256:${LAYOUT_BLOBS[0]:0:12})"
	one_line
	diff "$T/before" <(store_state) || fail "the store changed"
	[[ $(cat "$T/canary") == alive ]] || fail "the canary is dead"
}

# same_as_tar LAYER DIR FILE: the layer is what tar extracts from FILE into DIR.
same_as_tar() {
	local got=$1 want=$2 tar=$3
	[[ -d $want ]] || { mkdir "$want" && tar -C "$want" --numeric-owner -xpf "$tar"; }
	diff <(tree "$want") <(tree "$got") || fail "$tar: another tree"
	(($(stat -c %b "$got/d/e/sparse") < 1000)) || fail "$tar: the hole was filled"
	[[ $got/d/random -ef $got/d/hard ]] || fail "$tar: no hard link"
}
