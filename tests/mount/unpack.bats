# SPDX-License-Identifier: MIT
# imgmount unpack: the merged tree, and that a failure leaves nothing.

load ../lib/common
load ../lib/store

setup() {
	common_setup
	store_new "$T/s"
}
teardown() {
	umount_all "$T"
	common_teardown
}

im() { imgmount --store="$T/s" "$@"; }

# listing: what is below $T, but for layers and the files of `x`.
listing() { find "$T" -mindepth 1 -path "$T/s/layers" -prune -o ! -name 'x.*' -printf '%p %y %m %U %T@\n' | sort; }

@test "unpack: equals the mounted image, entry by entry" {
	need root overlay setfattr getfattr
	three_layers "$T/s"
	mkdir "$T/m"
	local i
	for i in two three; do
		expect 0 im mount "localhost/$i:1" "$T/m"
		expect 0 im unpack --by=copy "localhost/$i:1" "$T/copy.$i"
		expect 0 im unpack --by=link "localhost/$i:1" "$T/link.$i"
		expect 0 im unpack "localhost/$i:1" "$T/any.$i"
		tree_of "$T/m" >"$T/want"
		(($(wc -l <"$T/want") > 20)) || fail "hardly anything is mounted"
		diff "$T/want" <(tree_of "$T/copy.$i") || fail "copies differ"
		diff "$T/want" <(tree_of "$T/link.$i") || fail "links differ"
		diff "$T/want" <(tree_of "$T/any.$i") || fail "the default differs"
		expect 0 im umount "$T/m"
	done
}

@test "unpack: hard links stay hard links, holes stay holes" {
	need setfattr
	three_layers "$T/s"
	expect 0 im unpack --by=copy localhost/two:1 "$T/u"
	[[ $T/u/usr/bin/tool -ef $T/u/usr/bin/tool2 ]] || fail "two files instead of two names"
	is "$(stat -c %s "$T/u/sparse")" 3145732
	(($(stat -c %b "$T/u/sparse") < 1000)) || fail "the hole was filled"
	is "$(stat -c %s "$T/u/sparse2")" 5242880
	(($(stat -c %b "$T/u/sparse2") < 1000)) || fail "the hole at the end was filled"
}

@test "unpack: copies share nothing with the store, links do; others' files are linked when told" {
	local layer l
	mkdir "$T/l"
	echo x | tee "$T/l/f" "$T/l/open" >"$T/l/group"
	chmod 644 "$T/l/f"
	chmod 606 "$T/l/open"
	chmod 660 "$T/l/group"
	layer=$(store_layer "$T/s" "$T/l")
	store_image "$T/s" localhost/i:1 "$layer"
	l=$T/s/layers/sha256/$layer
	expect 0 im unpack --by=copy localhost/i:1 "$T/copy"
	expect 0 im unpack localhost/i:1 "$T/any"
	expect 0 im unpack --by=link localhost/i:1 "$T/link"
	[[ ! $T/copy/f -ef $l/f ]] || fail "the copy is the store's file"
	[[ $T/any/f -ef $l/f ]] || fail "no link was made"
	[[ ! $T/any/open -ef $l/open && ! $T/any/group -ef $l/group ]] || fail "others can write to the store"
	is "$(stat -c %a "$T"/any/{f,open,group} | paste -sd ' ')" "644 606 660"
	[[ $T/link/open -ef $l/open && $T/link/group -ef $l/group && $T/link/f -ef $l/f ]] || fail "no links"
	# The image of a user in root's store: as if another owner's.
	[[ $TEST_AS == root ]] || return 0
	chown 1234 "$l/f"
	expect 0 im unpack localhost/i:1 "$T/theirs"
	[[ ! $T/theirs/f -ef $l/f ]] || fail "its owner can write to the store"
	is "$(stat -c '%u %a' "$T/theirs/f")" "1234 644"
}

@test "unpack: a way that is asked for is taken or fails" {
	need root
	local layer
	mkdir "$T/l" "$T/other"
	echo x >"$T/l/f"
	layer=$(store_layer "$T/s" "$T/l")
	store_image "$T/s" localhost/i:1 "$layer"
	mount -t tmpfs -o size=1m tmpfs "$T/other"
	expect 1 im unpack --by=link localhost/i:1 "$T/other/u"
	one_line
	says "make a hard link to 'f'"
	expect 1 im unpack --by=reflink localhost/i:1 "$T/other/u"
	one_line
	says "share the blocks of 'f'"
	is "$(ls -A "$T/other")" ""
	expect 2 im unpack --by=magic localhost/i:1 "$T/other/u"
	says "'magic' is not link, reflink or copy"
	expect 2 im --by=copy list
	says "belongs to 'unpack'"
	expect 0 im --by=copy unpack localhost/i:1 "$T/other/u"
}

@test "unpack: as an ordinary user everything is his, closed directories included" {
	need user setfattr
	three_layers "$T/s"
	expect 0 im unpack localhost/three:1 "$T/u"
	is "$(find "$T/u" ! -uid "$TEST_UID" | wc -l)" 0
	is "$(ls "$T/u/hide" "$T/u/gone" | tr '\n' ' ')" "$T/u/gone: again  $T/u/hide: new "
	is "$(stat -c %a "$T/u/var/tmp")" 1777
	is "$(cat "$T/u/etc/passwd")" b
	[[ ! -e $T/u/etc/a && ! -e $T/u/usr/lib ]] || fail "deleted things are there"
}

@test "unpack: what its owner may not read comes along, with its mode" {
	local layer above
	mkdir -p "$T/l/etc" "$T/l/closed/in" "$T/a/closed/in"
	echo secret >"$T/l/etc/shadow"
	echo run >"$T/l/sudo"
	echo x >"$T/l/closed/in/f"
	echo y >"$T/a/closed/in/g"
	chmod 0000 "$T/l/etc/shadow" "$T/l/closed/in" "$T/a/closed"
	chmod 0111 "$T/l/sudo" "$T/a/closed/in"
	layer=$(store_layer "$T/s" "$T/l")
	above=$(store_layer "$T/s" "$T/a")
	store_image "$T/s" localhost/secret:1 "$layer" "$above"
	expect 0 im unpack localhost/secret:1 "$T/u"
	is "$(stat -c %a "$T"/u/etc/shadow "$T"/u/sudo "$T"/u/closed{,/in} | tr '\n' ' ')" "0 111 0 111 "
	is "$(cat "$T"/u/etc/shadow "$T"/u/sudo "$T"/u/closed/in/{f,g} | tr '\n' ' ')" "secret run x y "
	[[ $TEST_AS == root ]] || is "$(find "$T/u" ! -uid "$TEST_UID")" ''
}

@test "unpack: a later layer changes what an earlier one closed" {
	local a b
	mkdir -p "$T/a/d/e" "$T/b/d/e"
	echo a >"$T/a/d/e/f"
	echo b >"$T/b/d/e/g"
	whiteout "$T/b/d/e/f"
	chmod 0500 "$T/a/d/e" "$T/b/d"
	chmod 0500 "$T/a/d"
	a=$(store_layer "$T/s" "$T/a")
	b=$(store_layer "$T/s" "$T/b")
	store_image "$T/s" localhost/closed:1 "$a" "$b"
	expect 0 im unpack localhost/closed:1 "$T/u"
	is "$(as_caller ls "$T/u/d/e")" g
	is "$(stat -c %a "$T/u/d")" 500
	is "$(stat -c %a "$T/u/d/e")" 755
}

@test "unpack: into an empty directory that is there" {
	need setfattr
	three_layers "$T/s"
	mkdir "$T/u" "$T/v"
	give_to_caller "$T/u" "$T/v"
	expect 0 im unpack localhost/three:1 "$T/u/"
	is "$(cat "$T/u/etc/passwd")" b
	cd "$T/v"
	expect 0 im unpack localhost/three:1 .
	is "$(cat "$T/v/etc/passwd")" b
}

@test "unpack: a directory with something in it, or a file, is refused and unchanged" {
	need setfattr
	three_layers "$T/s"
	mkdir "$T/u" "$T/real"
	echo mine >"$T/u/mine"
	echo mine >"$T/file"
	ln -s real "$T/link"
	give_to_caller "$T/u" "$T/u/mine" "$T/file" "$T/link" "$T/real"
	local before
	before=$(listing)
	expect 9 im unpack localhost/three:1 "$T/u"
	one_line
	says "is not empty"
	expect 9 im unpack localhost/three:1 "$T/file"
	says "no directory"
	expect 9 im unpack localhost/three:1 "$T/link"
	expect 2 im unpack localhost/three:1 "$T/none/u"
	expect 2 im unpack localhost/three:1 /
	expect 4 im unpack localhost/none:1 "$T/new"
	is "$(listing)" "$before"
}

@test "unpack: a full disk leaves nothing, in a new directory and in one that is there" {
	need root setfattr
	three_layers "$T/s"
	mkdir "$T/small"
	mount -t tmpfs -o size=100k tmpfs "$T/small"
	expect 7 im unpack localhost/three:1 "$T/small/new"
	one_line
	says "no space left on device"
	is "$(ls -A "$T/small")" ""
	mkdir -m 751 "$T/small/there"
	expect 7 im unpack localhost/three:1 "$T/small/there"
	is "$(ls -A "$T/small/there")" ""
	is "$(stat -c %a "$T/small/there")" 751
}

@test "unpack: links fall back to copies on another file system" {
	need root overlay setfattr getfattr
	three_layers "$T/s"
	mkdir "$T/other" "$T/m"
	mount -t tmpfs -o size=20m tmpfs "$T/other"
	expect 0 im unpack localhost/three:1 "$T/other/u"
	expect 0 im mount localhost/three:1 "$T/m"
	diff <(tree_of "$T/m") <(tree_of "$T/other/u") || fail "they differ"
}

@test "unpack: a signal ends it, and what was made is removed" {
	local layer i files=500
	# It must last until it is seen, which is longer where links are made slowly.
	[[ $TEST_WHERE == native ]] || files=100
	mkdir "$T/l" "$T/l"/{1..40}
	for ((i = 1; i <= 40; i++)); do
		(cd "$T/l/$i" && seq -f 'f%g' "$files" | xargs touch)
	done
	layer=$(store_layer "$T/s" "$T/l")
	store_image "$T/s" localhost/big:1 "$layer"
	interrupt() {
		rm -rf "${T:?}/u"
		spawn imgmount --store="$T/s" unpack localhost/big:1 "$T/u"
		# The end is possible, too, if we are slow.
		wait_for 20 eval '[[ -e $T/u ]] || compgen -G "$T/.imgmount-*/*/*"'
		kill -TERM "$pid" 2>/dev/null || true
		status=0
		wait "$pid" || status=$?
		((status == 1))
	}
	once_in_five interrupt
	[[ $(<"$T/spawn.err") == *interrupted* ]] || fail "stderr: $(<"$T/spawn.err")"
	is "$(compgen -G "$T/.imgmount-*")" ""
	[[ ! -e $T/u ]] || fail "a part of it is there"
}

@test "unpack: links in a layer lead nowhere" {
	local a b
	mkdir -p "$T/a" "$T/b/way" "$T/outside"
	ln -s "$T/outside" "$T/a/way"
	echo b >"$T/b/way/f"
	echo secret >"$T/outside/secret"
	a=$(store_layer "$T/s" "$T/a")
	b=$(store_layer "$T/s" "$T/b")
	store_image "$T/s" localhost/evil:1 "$a" "$b"
	expect 0 im unpack localhost/evil:1 "$T/u"
	is "$(ls "$T/outside")" secret
	[[ ! -L $T/u/way ]] || fail "the link survived under the directory"
	is "$(cat "$T/u/way/f")" b
}

@test "unpack: devices and set-id bits of a hostile store do not come along" {
	need root
	local layer
	mkdir "$T/l"
	echo x >"$T/l/f"
	chmod 6755 "$T/l/f"
	layer=$(store_layer "$T/s" "$T/l")
	store_image "$T/s" localhost/suid:1 "$layer"
	expect 0 im unpack localhost/suid:1 "$T/u"
	is "$(stat -c %a "$T/u/f")" 755
	mknod "$T/s/layers/sha256/$layer/null" c 1 3
	expect 6 im unpack localhost/suid:1 "$T/v"
	says "device or a socket"
	[[ ! -e $T/v ]] || fail "a part of it is there"
}

@test "unpack: the system's store is closed to ordinary users, and the message says so" {
	need user
	store_new "$T/sys"
	mkdir "$T/l"
	layer=$(store_layer "$T/sys" "$T/l")
	store_image "$T/sys" localhost/i:1 "$layer"
	chown -R 0:0 "$T/sys"
	chmod 755 "$T/sys" "$T/sys/images" "$T/sys/images/sha256"
	expect 1 imgmount --store="$T/sys" unpack localhost/i:1 "$T/u"
	one_line
	says "permission denied"
}
