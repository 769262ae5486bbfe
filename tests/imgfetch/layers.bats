# SPDX-License-Identifier: MIT
# imgfetch pull: from blobs to layers in the store, against tar and umoci; hostile layers; crashes.

load ../lib/common
load ../lib/layers

setup_file() { make_big_once; }

teardown() {
	! mountpoint -q "$T/small" || umount "$T/small"
	common_teardown
}

@test "pull: a layer holds what tar extracts" {
	need tar zstd
	make_source "$T/src" 300000
	tar -C "$T/src" --sparse --format=pax --numeric-owner -cf "$T/a.tar" .
	layout_new "$T/l"
	layout_layer "$T/l" "$T/a.tar" zstd
	layout_done "$T/l"
	expect 0 pull -q "oci:$T/l"
	same_as_tar "$T/s/layers/sha256/${LAYOUT_DIFFIDS[0]}" "$T/want" "$T/a.tar"
}

@test "pull: layers on each other are what umoci unpacks" {
	need tar umoci
	# umoci 0.4 knows nothing but gzip, and wants the same names of everything.
	local w=$T/work
	mkdir -p "$w"/{1,2,3}
	(
		cd "$w/1"
		mkdir -p keep gone/deep opq/sub turn back
		echo 1 >keep/a; echo 1 >keep/b; echo 1 >gone/deep/x; echo 1 >opq/old; echo 1 >opq/sub/old
		echo 1 >file; echo 1 >turn/inside; echo 1 >back/old; ln -s keep lnk
		cd ../2
		mkdir -p keep opq file back
		: >.wh.gone; : >keep/.wh.b; echo 2 >opq/new; : >opq/.wh..wh..opq; : >.wh.file; echo 2 >file/now
		echo 2 >turn; : >.wh.lnk; : >.wh.back; : >.wh.never
		cd ../3
		mkdir -p gone keep back
		echo 3 >gone/again; echo 3 >keep/b; echo 3 >back/new
	)
	local i
	for i in 1 2 3; do
		# Parents first, as an ordinary layer has them.
		tar -C "$w/$i" --owner=0 --group=0 --numeric-owner --mtime=2020-01-01 -cf "$T/$i.tar" .
	done
	layout_tars "$T/l" "$T"/[123].tar
	expect 0 pull -q "oci:$T/l"
	expect 0 imgmount --store="$T/s" unpack "oci:$T/l" "$T/ours"
	umoci unpack --rootless --image "$T/l:latest" "$T/bundle" >/dev/null
	diff <(cd "$T/bundle/rootfs" && find . -printf '%P %y %m %l\n' | LC_ALL=C sort) \
		<(cd "$T/ours" && find . -printf '%P %y %m %l\n' | LC_ALL=C sort) || fail "another tree"
	diff <(contents "$T/bundle/rootfs") <(contents "$T/ours") || fail "other contents"
	[[ -f $T/ours/gone/again && ! -e $T/ours/gone/deep ]] || fail "the whiteout did not hold"
}

@test "pull: hostile names and links are refused, and touch nothing outside" {
	need tar gzip
	local how
	echo alive >"$T/canary"
	mkdir "$T/src"
	echo evil >"$T/src/canary"
	ln -s "$T" "$T/src/lnk"
	mkdir "$T/dir"
	give_to_caller "$T/canary"
	for how in dotdot middle through hard root; do
		rm -rf "$T/l" "$T/a.tar"
		case $how in
		dotdot) tar -C "$T/src" -P --transform 's,^,../../../../,' -cf "$T/a.tar" canary ;;
		middle) tar -C "$T/src" -P --transform 's,^,a/../../,' -cf "$T/a.tar" canary ;;
		through)
			tar -C "$T/src" -cf "$T/a.tar" lnk
			tar -C "$T/src" --transform 's,^,lnk/,' -rf "$T/a.tar" canary
			;;
		hard)
			ln "$T/src/canary" "$T/src/other"
			tar -C "$T/src" -P --transform "s,^canary,$T/canary,RSh" -cf "$T/a.tar" canary other
			;;
		root) tar -C "$T/src" -P --transform 's,^lnk$,.,' -cf "$T/a.tar" lnk ;;
		esac
		layout_tars "$T/l" "$T/a.tar"
		case $how in
		dotdot | middle) refused "'..'" ;;
		through)
			# As Docker and umoci do it: the image's root is the root of its links.
			expect 0 pull -q "oci:$T/l"
			is "$(cat "$T/canary" "$T/s/layers/sha256/${LAYOUT_DIFFIDS[0]}/$T/canary")" $'alive\nevil'
			;;
		hard)
			expect 6 pull -q "oci:$T/l"
			says "'other' is a hard link to '${T#/}/canary', which is in no layer below"
			one_line
			is "$(stat -c %h "$T/canary")" 1
			;;
		root) refused "given as something else" ;;
		esac
	done
}

@test "pull: root of a user namespace keeps the owners that it has" {
	need user tar
	mkdir -p "$T/src/mail"
	echo x >"$T/src/mail/f"
	ln -s f "$T/src/mail/l"
	mkfifo "$T/src/mail/p"
	tar -C "$T/src" --numeric-owner --owner=8 --group=8 -cf "$T/a.tar" .
	layout_tars "$T/l" "$T/a.tar"
	expect 0 as_caller unshare -Ur "$TEST_PREFIX/bin/imgfetch" --store="$T/s" pull -q "oci:$T/l"
	is "$(cat "$T/s/layers/sha256/${LAYOUT_DIFFIDS[0]}/mail/f")" x
	grep -qx 'owners-kept no' "$T/s/layers/sha256/${LAYOUT_DIFFIDS[0]}.info"
}

# no_unshare CMD...: under a filter that refuses unshare(2), as containers have it.
no_unshare() {
	as_caller python3 -ISc '
import ctypes, os, struct, sys
nr = {"x86_64": 272, "aarch64": 97}[os.uname().machine]
code = [(0x20, 0, 0, 0), (0x15, 0, 1, nr), (6, 0, 0, 0x50001), (6, 0, 0, 0x7fff0000)]
filter = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *c) for c in code))
prog = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(code), ctypes.addressof(filter)))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, prog, 0, 0):
    sys.exit(99)
os.execv(sys.argv[1], sys.argv[1:])' "$@"
}

@test "pull: in a container that forbids unshare" {
	need python3 tar
	mkdir -p "$T/src/d"
	echo x >"$T/src/d/f"
	chmod 666 "$T/src/d/f"
	tar -C "$T/src" -cf "$T/a.tar" .
	layout_tars "$T/l" "$T/a.tar"
	expect 1 no_unshare /usr/bin/unshare -i true
	umask 077
	expect 0 no_unshare "$TEST_PREFIX/bin/imgfetch" --store="$T/s" pull -q "oci:$T/l"
	is "$(stat -c %a "$T/s/layers/sha256/${LAYOUT_DIFFIDS[0]}/d/f")" 666
	is "$(find "$T/s" ! -path "*/root/*" -perm /022 ! -path "*/d/f" ! -type l)" ''
}

@test "pull: setuid bits, devices and foreign attributes are left out, and inspect says so" {
	need tar gzip setfattr
	mkdir -p "$T/src/dev"
	cp /bin/true "$T/src/su"
	chmod 6755 "$T/src/su"
	mknod "$T/src/dev/null" c 1 3
	echo x >"$T/src/f"
	setfattr -n user.kept -v yes "$T/src/f"
	setfattr -n user.overlay.opaque -v y "$T/src/dev"
	tar -C "$T/src" --xattrs --xattrs-include='*' --format=pax -cf "$T/a.tar" .
	layout_tars "$T/l" "$T/a.tar"
	expect 0 pull -q "oci:$T/l"
	local layer=$T/s/layers/sha256/${LAYOUT_DIFFIDS[0]}
	is "$(stat -c %a "$layer/su")" 755
	[[ ! -e $layer/dev/null ]] || fail "a device was made"
	is "$(getfattr -h -d -m - --absolute-names "$layer/f" | grep '=')" 'user.kept="yes"'
	is "$(getfattr -h -d -m - --absolute-names "$layer/dev" | grep '=' || true)" ''
	grep -qx 'dropped-setid 1' "$layer.info"
	grep -qx 'dropped-devices 1' "$layer.info"
	grep -qx 'dropped-xattrs 1' "$layer.info"
	expect 0 imgfetch --store="$T/s" inspect "oci:$T/l"
	prints "1 setuid or setgid"
}

# whole: every layer of the image is in the store, as it should be, and nothing in tmp/.
whole() {
	local i
	for i in {1..20}; do
		cmp "$T/f$i" "$T/s/layers/sha256/${LAYOUT_DIFFIDS[i - 1]}/f$i" || fail "layer $i"
	done
	is "$(find "$T/s/tmp" -mindepth 1)" ''
	is "$(find "$T/s/layers/sha256" -mindepth 1 -maxdepth 1 -type d | wc -l)" 20
}

@test "pull: killed at any time it leaves a good store, and the next pull goes on" {
	need tar
	make_big
	local n at
	for n in 1 4 9 16; do
		spawn imgfetch --store="$T/s" pull -q "oci:$T/l"
		wait_for 60 eval '(($(find "$T/s/tmp" -name "f*" 2>/dev/null | wc -l) +
			$(find "$T/s/layers/sha256" -name "f*" 2>/dev/null | wc -l) >= n))'
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" || true
		for at in "$T"/s/layers/sha256/*/; do
			[[ ! -d $at ]] || cmp "$at"/f* "$T/$(basename "$at"/f*)" || fail "a layer is not whole"
		done
		[[ ! -e $T/s/refs/localhost ]] || [[ -e $T/s/images/sha256/$(cut -d : -f 2 "$T"/s/refs/localhost/l/:latest) ]] ||
			fail "a name without its image"
	done
	expect 0 pull -q "oci:$T/l"
	whole
}

@test "pull: several at once fetch each layer once" {
	need tar
	make_big
	local i pids=()
	pull -q "oci:$T/none" 2>/dev/null || true # makes the store
	for i in 1 2 3 4; do
		spawn imgfetch --store="$T/s" --no-sync pull -q "oci:$T/l"
		pids+=("$pid")
	done
	for i in "${pids[@]}"; do wait "$i" || fail "one of them failed: $(cat "$T/spawn.err")"; done
	whole
}

@test "pull: a full disk gives one line and status 7, and leaves nothing" {
	need tar
	make_big
	mkdir "$T/small"
	mount -t tmpfs -o size=4m,mode=755 tmpfs "$T/small"
	mkdir "$T/small/home"
	give_to_caller "$T/small/home"
	expect 7 imgfetch --store="$T/small/home/s" pull -q "oci:$T/l"
	says "no room in the store '$T/small/home/s'"
	says "no space left"
	one_line
	is "$(find "$T/small/home/s/tmp" -mindepth 1)" ''
	is "$(find "$T/small/home/s/images/sha256" "$T/small/home/s/refs" -mindepth 1)" ''
	# What was complete by then may stay.
	local d
	for d in "$T"/small/home/s/layers/sha256/*/; do
		[[ ! -d $d ]] || cmp "$d"/f* "$T/$(basename "$d"/f*)" || fail "a layer is not whole"
	done
}

@test "pull: a file size limit gives one line and status 7, and leaves nothing" {
	need tar
	make_big
	expect 7 prlimit --fsize=65536 "${CALLER[@]}" "$TEST_PREFIX/bin/imgfetch" --store="$T/s" pull -q "oci:$T/l"
	says "file too large"
	one_line
	is "$(find "$T/s/tmp" -mindepth 1)" ''
}

@test "pull: nothing of the store's own group, ACL or the umask gets into a layer" {
	need tar setfacl
	mkdir "$T/src" "$T/src/d"
	echo x >"$T/src/f"
	chmod 664 "$T/src/f"
	chmod 775 "$T/src/d"
	tar -C "$T/src" --owner=0 --group=0 --numeric-owner -cf "$T/a.tar" .
	layout_tars "$T/l" "$T/a.tar"
	pull -q "oci:$T/none" 2>/dev/null || true # makes the store
	chgrp -R 12345 "$T/s/tmp" "$T/s/layers"
	chmod g+s "$T/s/tmp" "$T/s/layers" "$T/s/layers/sha256"
	setfacl -d -m u:12345:rwx "$T/s/tmp"
	(umask 077 && pull -q "oci:$T/l")
	local layer=$T/s/layers/sha256/${LAYOUT_DIFFIDS[0]}
	is "$(stat -c %a "$layer" "$layer/d" "$layer/f" | xargs)" "755 775 664"
	is "$(find "$layer" -group 12345)" ''
	is "$(getfacl -sR -p "$layer")" ''
}
