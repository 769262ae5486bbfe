# SPDX-License-Identifier: MIT
# What layers mean together, rule by rule, in an image mounted and unpacked: held against what umoci
# unpacks, where umoci can do it, and against what is right, where tools differ.

load ../lib/common
load ../lib/layout
load ../lib/store

setup() {
	common_setup
	mkdir "$T/m" "$T/tars"
	give_to_caller "$T/m"
}
teardown() {
	umount_all "$T"
	common_teardown
}

# image NAME...: these layers of the description on stdin (tests/tools/layout.c) are the image oci:$T/l.
image() {
	[[ ! -e $T/l ]] || rm -rf "$T/l"
	"$TOOLS/layout" both "$T/tars" "$T/l" "$@" >"$T/digests"
	layout_digests "$T/digests"
	give_to_caller "$T/l" "$T/l"/*
}

# pulled: the image unpacked in $T/u, and, as root, mounted on $T/m; both are the same.
pulled() {
	expect 0 imgfetch --store="$T/s" --no-sync pull -q "oci:$T/l"
	expect 0 imgmount --store="$T/s" unpack "oci:$T/l" "$T/u"
	[[ $TEST_AS == root ]] || return 0
	has overlay || return 0
	expect 0 imgmount --store="$T/s" mount "oci:$T/l" "$T/m"
	diff <(shape "$T/u" times) <(shape "$T/m" times) || fail "unpacked it differs"
}

# shape DIR [times]: all that should be equal in two trees; times of directories only if asked for,
# since umoci sets those above a new entry to the present. Setuid and setgid bits are not ours.
shape() {
	local flags=-dls
	[[ $TEST_AS == root ]] || flags+=o
	[[ ${2:-} ]] || flags+=t
	"$TOOLS/tree" "$flags" "$1"
}

# like_umoci: pulled, and umoci unpacks the same.
like_umoci() {
	pulled
	local how=()
	[[ $TEST_AS == root ]] || how=(--rootless)
	as_caller umoci unpack "${how[@]}" --image "$T/l:latest" "$T/bundle" >/dev/null
	diff <(shape "$T/bundle/rootfs") <(shape "$T/u") || fail "umoci unpacks something else"
}

# refuses TEXT...: the image is refused, with status 6 and a line that has all of these.
refuses() {
	local text
	expect 6 imgfetch --store="$T/s" --no-sync pull -q "oci:$T/l"
	for text; do says "$text"; done
	says "layer "
	one_line
	is "$(ls "$T/s/images/sha256")" ''
}

layer_dir() { echo "$T/s/layers/sha256/${LAYOUT_DIFFIDS[$1]}"; }
fixup_dir() { echo "$T/s/images/sha256/"*/fixup/tree; }

@test "layers: rule 1: whiteouts and opaque markers hide lower layers only, wherever they stand" {
	need umoci
	image a b <<-'E'
		layer a
		dir q
		file q/x data=low
		file q/gone data=low
		dir d
		file d/low data=low
		file f data=low
		layer b
		dir q
		file q/new data=high
		file q/.wh..wh..opq
		file d/mine data=high
		file .wh.d
		file f data=high
		file .wh.f
	E
	like_umoci
	is "$(cd "$T/u" && echo *  */*)" "d f q d/mine q/new"
}

@test "layers: rule 2: whiteouts without their directory, of trees, of nothing, of what comes again" {
	need umoci
	image a b <<-'E'
		layer a
		dir t/deep
		file t/deep/f data=low
		file t/g data=low
		dir q mode=700
		file q/x data=low
		dir q/y
		file q/y/low data=low
		file keep/f data=low
		file file data=low
		sym nowhere to=no/thing
		layer b
		file .wh.t
		file q/.wh.x
		file q/x data=high
		file q/.wh.y
		dir q/y mode=711
		file keep/.wh.never
		file absent/deep/.wh.never
		file absent/.wh..wh..opq
		file file/.wh.below
		file nowhere/.wh.below
	E
	# A directory in which something is to be gone need not be there: Docker's tools make it all the
	# same, umoci does not, and a file or link of a lower layer is not to give way to it.
	like_umoci
	is "$(cd "$T/u" && find . -mindepth 1 | LC_ALL=C sort | xargs)" \
		"./file ./keep ./keep/f ./nowhere ./q ./q/x ./q/y"
	is "$(cat "$T/u/q/x" "$T/u/file")" highlow
}

@test "layers: rule 2: a whiteout is seen nowhere, also in a single layer" {
	need root overlay
	image a b <<-'E'
		layer a
		dir low
		layer b
		dir d
		file d/f data=x
		file d/.wh.never
	E
	pulled
	is "$(ls "$T/m/d")" f
	expect 0 imgmount --store="$T/s" umount "$T/m"
	layout_tars "$T/one" "$T/tars/b.tar"
	expect 0 imgfetch --store="$T/s" --no-sync pull -q "oci:$T/one"
	expect 0 imgmount --store="$T/s" mount "oci:$T/one" "$T/m"
	is "$(ls "$T/m/d")" f
}

@test "layers: rule 3: what takes another's place takes all of it, and starts empty" {
	need umoci
	image a b c <<-'E'
		layer a
		dir d/sub
		file d/sub/f data=low
		dir e
		file e/f data=low
		file n data=low
		dir back
		file back/low data=low
		layer b
		file d data=now-a-file
		sym e to=n
		dir n mode=750
		file n/f data=inside
		file .wh.back
		layer c
		dir d mode=700
		file d/new data=x
		dir back
		file back/new data=x
	E
	like_umoci
	is "$(cd "$T/u" && find . -type f | LC_ALL=C sort | xargs)" "./back/new ./d/new ./n/f"
}

@test "layers: rule 4: a directory that is only implied leaves the lower one as it is" {
	need umoci
	image a b c <<-'E'
		layer a
		dir . mode=711 uid=3
		dir d mode=2770 uid=7 gid=8 mtime=1000.25 pax.SCHILY.xattr.user.k=v
		dir d/e mode=1700 mtime=2000
		file d/e/f data=low
		dir x mode=700 mtime=3000
		dir gone mode=700
		dir opq mode=750 mtime=4000
		file opq/low data=low
		layer b
		file d/e/g data=high
		dir x mode=751 uid=2 mtime=5000
		file gone/f data=x
		file opq/.wh..wh..opq
		file new/f data=x
		layer c
		file x/f data=x
		file d/h data=x
		file .wh.gone
		file gone/again data=x
	E
	like_umoci
	# umoci changes the times of directories above those that it adds to.
	is "$(cd "$T/u" && stat -c '%n %a %Y' d d/e x opq gone)" $'d 770 1000\nd/e 1700 2000\nx 751 5000\nopq 750 4000\ngone 755 1000000000'
	is "$(stat -c %y "$T/u/d" | cut -d . -f 2 | cut -c 1-3)" 250
	[[ $TEST_AS == user ]] || is "$(cd "$T/u" && stat -c '%u:%g' d x . | xargs)" "7:8 2:0 0:0"
	is "$(stat -c %a "$T/u")" 711
	# What a later layer settles is no business of the fix-up layer, nor is any file here.
	is "$(cd "$(fixup_dir)" && find . -mindepth 1 | LC_ALL=C sort | xargs)" "./d ./d/e ./opq ./x"
	expect 0 imgfetch --store="$T/s" inspect "oci:$T/l"
	prints "fix-up layer"
	expect 0 imgfetch --store="$T/s" inspect --json "oci:$T/l"
	prints '"fixup": true'
}

@test "layers: rule 4: attributes of a directory are those of its last entry" {
	need getfattr
	image 1 2 <<-'E'
		layer 1
		dir below pax.SCHILY.xattr.user.old=1 pax.SCHILY.xattr.user.both=1
		dir twice pax.SCHILY.xattr.user.old=1 pax.SCHILY.xattr.user.both=1
		dir twice pax.SCHILY.xattr.user.both=2
		layer 2
		dir below pax.SCHILY.xattr.user.both=2
	E
	pulled
	expect 0 imgfetch --store="$T/s" flatten "oci:$T/l"
	expect 0 imgmount --store="$T/s" unpack "oci:$T/l" "$T/flat"
	local dir
	for dir in "$T"/{u,flat}/{below,twice}; do
		is "$(getfattr --absolute-names -d -m '^user' "$dir" | grep '=')" 'user.both="2"'
	done
	expect 0 imgfetch --store="$T/s" verify
}

@test "layers: rule 4: images that need no fix-up layer have none" {
	image a b <<-'E'
		layer a
		dir d mode=700 mtime=77
		file d/f data=low
		file implied/f data=low
		layer b
		dir d mode=711
		file d/g data=x
		file other/f data=x
	E
	pulled
	[[ ! -e $(fixup_dir) ]] || fail "there is one"
	not grep -q fixup "$T"/s/images/sha256/*/descriptor
	expect 0 imgfetch --store="$T/s" inspect --json "oci:$T/l"
	prints '"fixup": false'
	prints '"flat": false'
	is "$(cat "$(layer_dir 1).facts")" $'isolate-facts 1\nimplied .\nimplied other\nend 3'
	expect 0 imgfetch --store="$T/s" flatten "oci:$T/l"
	expect 0 imgfetch --store="$T/s" inspect --json "oci:$T/l"
	prints '"flat": true'
	expect 0 imgfetch --store="$T/s" inspect "oci:$T/l"
	prints "merged tree: in place of these"
}

@test "layers: rule 5: hard links to names of all forms, also of lower layers" {
	need umoci
	image a b c <<-'E'
		layer a
		file t data=target uid=3 mode=640 pax.SCHILY.xattr.user.k=v
		file sub/t data=second
		sym sl to=nowhere
		file dead data=low
		dir usr/lib
		file usr/lib/x data=lib
		sym lib to=usr/lib
		layer b
		hard h1 to=t
		hard h2 to=./t
		hard h3 to=/t
		hard h4 to=h1
		hard new/h5 to=sub/t
		hard sym2 to=sl
		hard h6 to=lib/x
		file own data=own
		hard own2 to=./own
		hard late to=t
		file late data=over
		hard first to=own
		file own data=again
		hard moot to=t
		hard dead2 to=dead
		layer c
		file moot data=c
		file .wh.dead
		hard h7 to=h1
	E
	like_umoci
	local f
	for f in h1 h2 h3 h4 h7; do [[ $T/u/$f -ef $T/u/t ]] || fail "$f is another file"; done
	[[ $T/u/own2 -ef $T/u/first && ! $T/u/own2 -ef $T/u/own ]] || fail "own2"
	is "$(cat "$T/u/dead2" "$T/u/moot" "$T/u/late" "$T/u/h6")" lowcoverlib
	# No data were copied, and nothing is made that a later layer replaces.
	[[ $(fixup_dir)/h1 -ef $(layer_dir 0)/t ]] || fail "h1 is a copy"
	[[ ! -e $(fixup_dir)/moot ]] || fail "moot is there"
}

@test "layers: rule 5: names of one file stay together in copies, whatever becomes of the first" {
	image 1 2 <<-'E'
		layer 1
		file a data=old
		hard b to=a
		file c data=old
		hard d to=c
		file solo data=old
		sym link to=nothing
		hard link2 to=link
		fifo pipe mode=1622
		hard pipe2 to=pipe
		layer 2
		hard a2 to=a
		hard c2 to=d
		hard solo2 to=solo
		hard link3 to=link
		file a data=new
		file d data=new
		file solo data=new
		file link data=new
	E
	pulled
	expect 0 imgmount --store="$T/s" --by=copy unpack "oci:$T/l" "$T/copy"
	diff <(shape "$T/u" times) <(shape "$T/copy" times) || fail "copied it differs"
	local how
	for how in u copy; do
		is "$(cd "$T/$how" && cat a a2 b c c2 d link solo solo2)" newoldoldoldoldnewnewnewold
		# (-ef would follow the links.)
		is "$(cd "$T/$how" && stat -c %i a2 b c c2 link2 link3 pipe pipe2 | uniq -c | awk '{print $1}')" \
			$'2\n2\n2\n2'
		is "$(cd "$T/$how" && echo .[!.]*)" '.[!.]*'
	done
}

@test "layers: rule 5: hard links to nothing, directories, devices and whiteouts are refused" {
	local how what
	for how in 'missing nope in_no_layer_below' 'dir d a_directory' 'lower_dir low a_directory' \
		'whiteout .wh.t whiteout' 'deleted t deleted_in_this_layer' 'hidden o/f deleted_in_this_layer' \
		'gone was in_no_layer_below'; do
		read -r how what why <<<"$how"
		image a b c <<-E
			layer a
			file t data=x
			file was data=x
			dir low
			file o/f data=x
			layer b
			dir d
			file .wh.was
			layer c
			file .wh.t
			file o/.wh..wh..opq
			$([[ $how == dir ]] && echo dir d)
			hard name to=$what
		E
		refuses "$what" "${why//_/ }"
	done
}

@test "layers: rule 6: names lead through symbolic links, and never out" {
	need umoci
	image a b c <<-'E'
		layer a
		dir real mode=700 mtime=1000
		file real/old data=low
		file real/dead data=low
		sym lnkd to=real
		sym up to=../../../../real
		sym abs to=/real/sub
		sym far to=far/away
		sym chain to=lnkd
		layer b
		file lnkd/through data=b
		file lnkd/sub/deep data=b
		file lnkd/.wh.dead
		file up/viaup data=b
		hard chain/hl to=lnkd/old
		sym own to=other
		file own/f data=b
		sym loop/out to=../../../..
		file loop/out/root data=b
		layer c
		file abs/f data=c
		file chain/c data=c
	E
	like_umoci
	is "$(cd "$T/u/real" && echo * */*)" "c hl old sub through viaup sub/deep sub/f"
	is "$(readlink "$T/u/lnkd" "$T/u/up" "$T/u/abs" "$T/u/chain" | xargs)" \
		"real ../../../../real /real/sub lnkd"
	is "$(stat -c '%a %Y' "$T/u/real")" "700 1000"
	is "$(cat "$T/u/other/f" "$T/u/root")" bb
}

@test "layers: rule 6: what cannot be reached through a link takes the link's place, or is refused" {
	image a b <<-'E'
		layer a
		sym round to=round/x
		sym file to=f
		file f data=low
		layer b
		file round/f data=b
		file file/f data=b
	E
	# Other tools refuse the image; an overlay shows a directory, and harms nobody.
	pulled
	is "$(cat "$T/u/round/f" "$T/u/file/f" "$T/u/f")" bblow
	rm -rf "$T/s" # umount before
	umount_all "$T"
	image a <<-'E'
		layer a
		sym x to=y
		sym y to=x
		file x/f data=a
	E
	rm -rf "$T/s"
	refuses "'x/f' leads through more than 40 symbolic links"
}

@test "layers: rule 7: names of all forms and bytes" {
	local long
	printf -v long 'n%.0s' {1..250}
	image a b <<-E
		layer a
		dir ./d
		file ./d/f data=1
		file /abs/f data=2
		file slash/
		file twice data=first
		file twice data=last
		file $long/$long/$long data=4
		file new\\x0aline data=5
		file back\\\\slash data=6
		file raw\\xff\\xfe data=7
		file Főtanúsítvány data=8
		raw b
		file ./d//g data=9
		file $long/$long/short data=10
		file gnu\\xff data=11
	E
	pulled
	is "$(cd "$T/u" && cat d/f abs/f twice "$long/$long/$long" new$'\n'line 'back\slash' raw$'\xff\xfe' \
		Főtanúsítvány d/g "$long/$long/short" gnu$'\xff')" 12last4567891011
	# A regular file with a slash at the end is a directory, as tar(5) says of old archives.
	[[ -d $T/u/slash ]] || fail "slash/ is no directory"
}

@test "layers: rule 8: times, owners, sparse files, global headers" {
	need getfattr tar
	head -c 5000 /dev/urandom >"$T/end"
	truncate -s 1M "$T/hole"
	cat "$T/end" >>"$T/hole"
	local v args=() names=(a g)
	for v in 0.0 0.1 1.0; do
		tar -C "$T" --format=pax --sparse --sparse-version=$v --transform "s/hole/hole$v/" \
			-cf "$T/tars/s$v.tar" hole
		names+=("s$v")
	done
	tar -C "$T" --format=gnu --sparse --transform "s/hole/holegnu/" -cf "$T/tars/sgnu.tar" hole
	image "${names[@]}" sgnu <<-'E'
		layer a
		file nano mtime=1234567890.123456789
		file past mtime=-77
		file late mtime=8589934593
		file owner uid=3000000 gid=3000001
		file long pax.path=another/name
		file xattr data=x pax.SCHILY.xattr.user.a=b=c pax.SCHILY.xattr.user.bin=x\x01=
		layer g comment=everybody
		file global data=x
	E
	pulled
	is "$(stat -c %y "$T/u/nano")" "2009-02-13 23:31:30.123456789 +0000"
	is "$(cd "$T/u" && stat -c %Y past late | xargs)" "-77 8589934593"
	[[ $TEST_AS == user ]] || is "$(stat -c %u:%g "$T/u/owner")" 3000000:3000001
	[[ -e $T/u/another/name && -e $T/u/global ]] || fail "a name is missing"
	is "$(getfattr --only-values -n user.a "$T/u/xattr")" b=c
	for v in 0.0 0.1 1.0 gnu; do
		cmp "$T/hole" "$T/u/hole$v"
		(($(stat -c %b "$(dirname "$(find "$T/s/layers" -name "hole$v")")/hole$v") < 1000)) ||
			fail "$v: the hole was filled"
	done
}

@test "layers: rule 9: attributes by which overlayfs could be led are left out" {
	need getfattr
	image a b <<-'E'
		layer a
		dir d
		file d/low data=x
		layer b
		dir d pax.SCHILY.xattr.user.overlay.opaque=y pax.SCHILY.xattr.trusted.overlay.opaque=y
		dir e pax.SCHILY.xattr.user.overlay.redirect=/d pax.SCHILY.xattr.user.k=v
		file f data=x mode=6755 pax.SCHILY.xattr.security.capability=x pax.SCHILY.xattr.security.selinux=x
	E
	pulled
	[[ -e $T/u/d/low && ! -e $T/u/e/low ]] || fail "an attribute was obeyed"
	is "$(cd "$(layer_dir 1)" && getfattr -Rhd -m - . 2>/dev/null | xargs)" "# file: e user.k=v"
	is "$(stat -c %a "$T/u/f")" 755
}

@test "layers: rule 10: times of directories, modes without regard to the umask" {
	image a <<-'E'
		layer a
		dir d mode=555 mtime=1000
		dir d/e mode=0 mtime=2000
		file d/e/f data=x mode=666
		dir d/e/g mode=777 mtime=3000
		file d/h data=x mode=0
		file late/f data=x
		dir late mode=1777 mtime=4000
		file closed/f data=x
		dir closed mode=0 pax.SCHILY.xattr.user.x=1
	E
	umask 077
	pulled
	umask 022
	is "$(cd "$T/u" && stat -c '%n %a %Y' d d/e late | xargs)" "d 555 1000 d/e 0 2000 late 1777 4000"
	[[ $TEST_AS == user ]] || is "$(cd "$T/u/d/e" && stat -c '%n %a' f g ../h | xargs)" "f 666 g 777 ../h 0"
}

@test "layers: rule 11: devices and sockets hide what is below, and are not there" {
	image a b c <<-'E'
		layer a
		char dev/null rdev=1:3
		file dev/zero data=low
		dir dev/sda
		file dev/sda/f data=low
		file keep data=low
		fifo p mode=600
		layer b
		char dev/zero rdev=1:5
		block dev/sda rdev=8:0
		hard dev/zero2 to=dev/zero
		layer c
		dir dev/sda mode=700
		file dev/sda/new data=x
	E
	# umoci --rootless makes empty files of them, podman without root makes nothing and shows what is
	# below. They are what the layer has, so the lower one is gone.
	pulled
	is "$(cd "$T/u" && find . -mindepth 1 | LC_ALL=C sort | xargs)" "./dev ./dev/sda ./dev/sda/new ./keep ./p"
	[[ -p $T/u/p ]] || fail "the fifo is none"
	image a <<-'E'
		layer a
		char white rdev=0:0
	E
	umount_all "$T"
	rm -rf "$T/s"
	refuses "'white' is a character device 0:0"
}

@test "layers: rule 12: what AUFS left, and markers without a name" {
	image a b <<-'E'
		layer a
		file f data=low
		layer b
		dir .wh..wh.plnk
		file .wh..wh.plnk/1.2 data=x
		dir .wh..wh.orph
		file .wh..wh.aufs data=x
		hard .wh.f to=.wh..wh.aufs
		file .wh..wh.something data=x
	E
	pulled
	is "$(ls -A "$T/u")" ''
	umount_all "$T"
	local name
	for name in .wh. .wh.. .wh... d/.wh. .wh.a/b; do
		image a <<<"layer a"$'\n'"file $name data=x"
		rm -rf "$T/s"
		refuses "whiteout"
	done
}

@test "layers: rule 13: all of the stream counts for both digests" {
	need gzip
	"$TOOLS/layout" tars "$T/tars" <<<$'layer a\nfile f data=x'
	local how diffid
	head -c 20000 /dev/zero >>"$T/tars/a.tar"
	diffid=$(sha256sum <"$T/tars/a.tar" | cut -d ' ' -f 1)
	for how in good padding-left-out zeros-behind cut-after-the-end; do
		gzip -n <"$T/tars/a.tar" >"$T/a.gz"
		case $how in
		padding-left-out) head -c -20000 "$T/tars/a.tar" | gzip -n >"$T/a.gz" ;;
		zeros-behind) head -c 600 /dev/zero >>"$T/a.gz" ;;
		cut-after-the-end) truncate -s -4 "$T/a.gz" ;;
		esac
		rm -rf "$T/l" "$T/s"
		layout_new "$T/l"
		layout_blob "$T/l" "$T/a.gz" "$diffid"
		layout_done "$T/l"
		case $how in
		padding-left-out) refuses "digest mismatch" ;;
		cut-after-the-end) refuses "cut short" ;;
		*) expect 0 imgfetch --store="$T/s" --no-sync pull -q "oci:$T/l" ;;
		esac
	done
}

@test "layers: rule 14: a layer that an image has twice" {
	need umoci
	image a b a <<-'E'
		layer a
		dir d mode=700
		file d/f data=low
		file t data=low
		file .wh.b
		layer b
		file d/g data=b
		hard h to=t
		file t data=over
		file b data=b
		file .wh.d
	E
	like_umoci
	is "$(grep -c ^layer "$T"/s/images/sha256/*/descriptor)" 2
	is "$(cd "$T/u" && cat t h d/f)" lowlowlow
}

@test "layers: rule 15: no layer, one layer, one with a fix-up" {
	need root overlay
	image a <<-'E'
		layer a
		file d/f data=x
	E
	pulled
	not grep -q " $T/m overlay " /proc/mounts
	umount_all "$T"
	rm -rf "$T/l" "$T/u"
	image a <<-'E'
		layer a
		file d/f data=x
		file d/.wh.never
	E
	pulled
	grep -q " $T/m overlay " /proc/mounts
	is "$(ls "$T/m/d")" f
	rm -rf "$T/l"
	layout_new "$T/l"
	LAYOUT_BLOBS=() LAYOUT_DIFFIDS=()
	layout_done "$T/l"
	expect 6 imgfetch --store="$T/s" --no-sync pull -q "oci:$T/l"
	says "layers"
}

@test "layers: a fix-up layer is part of a box's root, and goes with its image" {
	need cgroup overlay
	[[ $TEST_AS == root ]] && skip "part: the caller's own store is an ordinary user's"
	mkdir -p "$T/src/bin"
	cp /bin/busybox "$T/src/bin/busybox"
	ln -s busybox "$T/src/bin/sh"
	tar -C "$T/src" -cf "$T/tars/base.tar" .
	image base a b <<-'E'
		layer a
		dir d mode=775 mtime=1000
		file d/f data=low
		layer b
		file d/g data=high
		hard h to=d/f
	E
	local store=$HOME/.local/share/isolate/images
	expect 0 imgfetch --no-sync pull -q "oci:$T/l"
	[[ $(echo "$store"/images/sha256/*/fixup/tree/h) -ef $(echo "$store"/layers/sha256/*/d/f) ]] || fail "no fix-up"
	expect 0 isolate -b "$BOX" --init --image=localhost/l:latest
	expect 0 isolate -b "$BOX" --processes=5 --run -- /bin/sh -c 'busybox stat -c "%a %Y" /d; busybox ls /d; busybox cat /h'
	is "$output" $'775 1000\nf\ng\nlow'
	expect 0 isolate -b "$BOX" --cleanup
	expect 0 imgfetch rm localhost/l:latest
	is "$(find "$store/layers" "$store/images" "$store/tmp" -mindepth 2 | grep -v 'sha256$' || true)" ''
}
