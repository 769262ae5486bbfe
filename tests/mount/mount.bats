# SPDX-License-Identifier: MIT
# imgmount mount: what is shown, how it is mounted, and what is refused.

load ../lib/common
load ../lib/store

setup() {
	common_setup
	store_new "$T/s"
	mkdir "$T/m"
	give_to_caller "$T/m"
}
teardown() {
	umount_all "$T"
	common_teardown
}

im() { imgmount --store="$T/s" "$@"; }

# many N: image localhost/many:1 of N layers, as store_many makes it; prints its digits.
many() { store_many "$T/s" localhost/many:1 "$1"; }

# shows N: all N layers are there, the last one on top.
shows() {
	is "$(find "$T/m" -name '[0-9]*' | wc -l)" "$1"
	is "$(cat "$T/m/same")" "$1"
}

@test "mount: whiteouts hide, opaque directories start empty, upper files win" {
	need root overlay setfattr
	three_layers "$T/s"
	expect 0 im mount localhost/three:1 "$T/m"
	is "$(cat "$T/m/etc/passwd")" b
	[[ ! -e $T/m/etc/a && ! -L $T/m/etc/a ]] || fail "etc/a was deleted"
	[[ ! -e $T/m/usr/lib ]] || fail "usr/lib was deleted"
	is "$(ls "$T/m/hide")" new
	is "$(ls "$T/m/gone")" again
	is "$(ls "$T/m/file-then-dir")" y
	is "$(cat "$T/m/dir-then-file")" f
	[[ -p $T/m/var/fifo ]] || fail "the fifo is missing"
}

@test "mount: an image of one layer" {
	need root
	many 1
	expect 0 im mount localhost/many:1 "$T/m"
	shows 1
	touch "$T/m/x" 2>/dev/null && fail "it can be written"
	expect 0 im list
	prints " $T/m"
	expect 0 im umount "$T/m"
}

@test "mount: 130 layers" {
	need root overlay
	many 130
	expect 0 im mount localhost/many:1 "$T/m"
	shows 130
}

@test "mount: 500 layers, with few descriptors allowed at first" {
	need root overlay
	many 500
	ulimit -S -n 256
	expect 0 im mount localhost/many:1 "$T/m"
	shows 500
}

@test "mount: a layer that occurs twice is taken once, where it is topmost" {
	need root overlay
	local a b
	mkdir "$T/a" "$T/b"
	echo a >"$T/a/same"
	echo b >"$T/b/same"
	: >"$T/b/b"
	a=$(store_layer "$T/s" "$T/a")
	b=$(store_layer "$T/s" "$T/b")
	store_image "$T/s" localhost/aba:1 "$a" "$b" "$a"
	store_image "$T/s" localhost/aa:1 "$a" "$a"
	expect 0 im mount localhost/aba:1 "$T/m"
	is "$(cat "$T/m/same")" a
	[[ -e $T/m/b ]] || fail "the layer between is missing"
	expect 0 im umount "$T/m"
	expect 0 im mount localhost/aa:1 "$T/m"
	is "$(cat "$T/m/same")" a
}

@test "mount: read-only, nosuid and nodev, and root cannot write" {
	need root overlay
	many 3
	expect 0 im mount localhost/many:1 "$T/m"
	local options
	options=,$(awk -v d="$T/m" '$5 == d { print $6 }' /proc/self/mountinfo),
	[[ $options == *,ro,* && $options == *,nosuid,* && $options == *,nodev,* ]] || fail "$options"
	x touch "$T/m/x"
	says "Read-only file system"
	x mount -o remount,rw "$T/m"
	((status != 0)) || fail "it could be made writable"
}

@test "mount: a store whose path holds , : = backslash and blanks" {
	need root overlay
	local odd="$T/a,upperdir=/etc:x\\y z"
	mkdir "${odd%/*}"
	store_new "$odd"
	store_many "$odd" localhost/many:1 3
	expect 0 imgmount --store "$odd" mount localhost/many:1 "$T/m"
	shows 3
	expect 0 im umount "$T/m"
}

@test "mount: by tag, by digest, by name and digest, and with a relative --store" {
	need root
	local hex
	hex=$(many 2)
	expect 0 im mount "sha256:$hex" "$T/m"
	expect 0 im umount "$T/m"
	expect 0 im mount "localhost/many@sha256:$hex" "$T/m"
	expect 0 im umount "$T/m"
	expect 0 imgmount mount --store=s localhost/many:1 m
	expect 0 imgmount umount m
}

@test "mount: overlay attributes that a layer's author made redirect nothing" {
	need root overlay setfattr
	local a b
	mkdir -p "$T/a/etc" "$T/b/evil" "$T/b/etc2"
	echo "in a" >"$T/a/etc/f"
	setfattr -n user.overlay.redirect -v /etc "$T/b/evil"
	setfattr -n trusted.overlay.redirect -v /etc "$T/b/etc2"
	: >"$T/b/meta"
	setfattr -n user.overlay.metacopy "$T/b/meta"
	setfattr -n user.overlay.redirect -v /etc/f "$T/b/meta"
	a=$(store_layer "$T/s" "$T/a")
	b=$(store_layer "$T/s" "$T/b")
	store_image "$T/s" localhost/evil:1 "$a" "$b"
	expect 0 im mount localhost/evil:1 "$T/m"
	[[ -e $T/m/etc/f ]] || fail "the layer below is missing"
	is "$(ls "$T/m/evil" "$T/m/etc2" | grep -c '^f$')" 0
	is "$(cat "$T/m/meta" 2>/dev/null)" ""
}

@test "mount: an ordinary user is told what to do" {
	need user
	many 2
	expect 1 im mount localhost/many:1 "$T/m"
	one_line
	says "mount needs root"
	says "unshare -Urm"
	expect 2 im --owner=0 mount localhost/many:1 "$T/m"
	says "'--owner' is for root"
}

@test "mount: an ordinary user can, in a namespace of his own" {
	need user overlay
	many 3
	as_caller unshare -Urm true || lacking "user namespaces for users"
	expect 0 as_caller unshare -Urm sh -c \
		'imgmount --store=s mount localhost/many:1 m && cat m/same && imgmount umount m'
	is "$output" 3
}

@test "mount: in a user namespace without its own mounts the message says what is missing" {
	need user
	many 2
	as_caller unshare -Ur true || lacking "user namespaces for users"
	expect 1 as_caller unshare -Ur imgmount --store=s mount localhost/many:1 m
	one_line
	says "CAP_SYS_ADMIN"
}

@test "mount: unknown image and unknown store are exit status 4" {
	need root
	expect 4 im mount localhost/none:1 "$T/m"
	one_line
	says "image 'localhost/none:1' is not in the store '$T/s': pull it"
	expect 4 imgmount --store="$T/none" mount localhost/none:1 "$T/m"
	one_line
	says "there is no image store '$T/none'"
	expect 7 imgmount --store="$T/m" mount localhost/none:1 "$T/m"
	says "is no image store"
}

@test "mount: wrong references and directories are usage errors" {
	need root
	many 1
	expect 2 im mount 'Not/../A:ref' "$T/m"
	expect 2 im mount localhost/many:1 "$T/none"
	one_line
	says "open the directory '$T/none'"
	: >"$T/file"
	expect 2 im mount localhost/many:1 "$T/file"
	says "not a directory"
	expect 2 im mount localhost/many:1
	expect 2 im mount localhost/many:1 "$T/m" more
	expect 2 im mount --by=link localhost/many:1 "$T/m"
	expect 2 im frobnicate
	expect 2 im --frobnicate
	expect 2 im
}

@test "mount: a directory that shows an image already is busy" {
	need root
	many 2
	expect 0 im mount localhost/many:1 "$T/m"
	expect 9 im mount localhost/many:1 "$T/m"
	says "mounted on '$T/m' already"
}

@test "mount: a layer that is a symbolic link is refused" {
	need root
	local hex
	hex=$(many 3)
	layer=$(sed -n '4s/layer sha256://p' "$T/s/images/sha256/$hex/descriptor")
	mv "$T/s/layers/sha256/$layer" "$T/elsewhere"
	ln -s "$T/elsewhere" "$T/s/layers/sha256/$layer"
	expect 7 im mount localhost/many:1 "$T/m"
	one_line
	says "layer sha256:$layer in the store '$T/s' is no directory"
	is "$(ls "$T/m")" ""
}

@test "mount: a layer, descriptor or store of a foreign owner is refused" {
	need root
	local hex layer
	hex=$(many 3)
	layer=$(sed -n '3s/layer sha256://p' "$T/s/images/sha256/$hex/descriptor")
	chown 12345 "$T/s/layers/sha256/$layer"
	expect 7 im mount localhost/many:1 "$T/m"
	one_line
	says "belongs to user 12345"
	chown 0 "$T/s/layers/sha256/$layer"
	chown 12345 "$T/s/images/sha256/$hex/descriptor"
	expect 7 im mount localhost/many:1 "$T/m"
	says "belongs to user 12345"
	chown 0 "$T/s/images/sha256/$hex/descriptor"
	chown 12345 "$T/s"
	expect 7 im mount localhost/many:1 "$T/m"
	says "belongs to user 12345"
	chown 0 "$T/s"
	expect 0 im mount localhost/many:1 "$T/m"
}

@test "mount: root uses the store of the user he names, but nobody else's" {
	need root
	many 3
	chown -R 12345 "$T/s"
	expect 7 im mount localhost/many:1 "$T/m"
	one_line
	says "or of --owner=UID"
	expect 7 im --owner=12346 mount localhost/many:1 "$T/m"
	expect 2 im --owner=somebody mount localhost/many:1 "$T/m"
	expect 2 im --owner=-1 mount localhost/many:1 "$T/m"
	expect 0 im mount --owner=12345 localhost/many:1 "$T/m"
	shows 3
}

@test "mount: a store that others can write is refused" {
	need root
	many 1
	chmod 777 "$T/s"
	expect 7 im mount localhost/many:1 "$T/m"
	one_line
	chmod 755 "$T/s"
	chmod 777 "$T"
	expect 7 im mount localhost/many:1 "$T/m"
	chmod 700 "$T"
}

@test "mount: damaged descriptors are exit status 6, a missing layer 4" {
	need root
	local hex d
	hex=$(many 2)
	d=$T/s/images/sha256/$hex/descriptor
	cp "$d" "$T/good"
	head -c -5 "$T/good" >"$d"
	expect 6 im mount localhost/many:1 "$T/m"
	one_line
	sed 's,^layer sha256:.*,layer sha256:../../../../etc,' "$T/good" >"$d"
	expect 6 im mount localhost/many:1 "$T/m"
	says "layer is no sha256 digest"
	sed '/^layer/d; s/^end .*/end 3/' "$T/good" >"$d"
	expect 6 im mount localhost/many:1 "$T/m"
	says "has no layers"
	sed 's/^digest .*/digest sha256:'"$(printf '%064d' 7)"'/' "$T/good" >"$d"
	expect 6 im mount localhost/many:1 "$T/m"
	says "another image"
	cp "$T/good" "$d"
	rm -r "$T/s/layers/sha256/$(sed -n '3s/layer sha256://p' "$d")"
	expect 4 im mount localhost/many:1 "$T/m"
	says "pull the image again"
	is "$(ls "$T/m")" ""
}

@test "mount: with standard streams closed nothing lands on them" {
	need root
	many 2
	im mount localhost/many:1 "$T/m" <&- >&- 2>&-
	shows 2
	status=0
	im mount localhost/many:1 "$T/m" <&- >&- 2>&- || status=$?
	is "$status" 9
}
