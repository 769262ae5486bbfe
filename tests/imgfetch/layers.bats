# SPDX-License-Identifier: MIT
# imgfetch pull: from blobs to layers in the store, against tar and umoci; hostile layers; crashes.

load ../lib/common
load ../lib/layout

# For make_big, once: the layers of $dir/l are the files $dir/f1 to $dir/f20.
setup_file() {
	local i dir=$BATS_FILE_TMPDIR/big
	mkdir "$dir"
	layout_new "$dir/l"
	for i in {1..20}; do
		head -c 500000 /dev/urandom >"$dir/f$i"
		tar -C "$dir" -cf "$dir/a.tar" "f$i"
		layout_layer "$dir/l" "$dir/a.tar" plain
	done
	layout_done "$dir/l"
	printf '%s\n' "${LAYOUT_DIFFIDS[@]}" >"$dir/diffids"
	rm "$dir/a.tar"
}

teardown() {
	! mountpoint -q "$T/small" || umount "$T/small"
	common_teardown
}

# A sync waits for everything that the machine has to write: only where a test is about crashes.
pull() { imgfetch --store="$T/s" --no-sync pull "$@"; }

# One line per entry: all that should be equal in two trees. Numeric owners only where they are kept.
tree() {
	local owners='%U:%G'
	[[ $TEST_AS == root ]] || owners=
	(cd "$1" && find . -mindepth 1 -printf "%P %y %m $owners %T@ %s %l\n" |
		sed -E 's/ (d|l|p)( .*)? [0-9]+ /& /; /^[^ ]+ d /s/ [0-9]+ $//' | LC_ALL=C sort)
}

# contents DIR: names and contents of all files.
contents() { (cd "$1" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum); }

# store_state: everything in the store but times.
store_state() { [[ ! -e $T/s ]] || (cd "$T/s" && find . -printf '%p %y %m %s %l\n' | LC_ALL=C sort); }

# A directory with a bit of everything, about 5 MB.
make_source() {
	mkdir -p "$1/d/e" "$1/empty" "$1/tmp" "$1/many"
	head -c 3000000 /dev/urandom >"$1/d/random"
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

@test "pull: a layer holds what tar extracts, in every compression and tar format" {
	need tar gzip zstd
	local f how
	make_source "$T/src"
	for f in pax gnu; do
		tar -C "$T/src" --sparse --format=$f --numeric-owner -cf "$T/$f.tar" .
		mkdir "$T/want.$f"
		tar -C "$T/want.$f" --numeric-owner -xpf "$T/$f.tar"
		for how in gzip zstd plain; do
			# Emulated, each compression and each format once is enough.
			[[ $TEST_WHERE == native || $f == pax || $how == gzip ]] || continue
			layout_new "$T/$f-$how"
			layout_layer "$T/$f-$how" "$T/$f.tar" $how
			layout_done "$T/$f-$how"
			expect 0 pull --store="$T/s-$how" -q "oci:$T/$f-$how"
			local got=$T/s-$how/layers/sha256/${LAYOUT_DIFFIDS[0]}
			diff <(tree "$T/want.$f") <(tree "$got") || fail "$f, $how: another tree"
			diff <(contents "$T/want.$f") <(contents "$got") || fail "$f, $how: other contents"
			(($(stat -c %b "$got/d/e/sparse") < 1000)) || fail "$f: the hole was filled"
			[[ $got/d/random -ef $got/d/hard ]] || fail "$f: no hard link"
		done
	done
}

@test "pull: layers on each other are what umoci unpacks" {
	need tar gzip umoci
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
	layout_new "$T/l"
	local i
	for i in 1 2 3; do
		# Parents first, as an ordinary layer has them.
		tar -C "$w/$i" --owner=0 --group=0 --numeric-owner --mtime=2020-01-01 -cf "$T/$i.tar" .
		layout_layer "$T/l" "$T/$i.tar"
	done
	layout_done "$T/l"
	expect 0 pull -q "oci:$T/l"
	expect 0 imgmount --store="$T/s" unpack "oci:$T/l" "$T/ours"
	umoci unpack --rootless --image "$T/l:latest" "$T/bundle" >/dev/null
	diff <(cd "$T/bundle/rootfs" && find . -printf '%P %y %m %l\n' | LC_ALL=C sort) \
		<(cd "$T/ours" && find . -printf '%P %y %m %l\n' | LC_ALL=C sort) || fail "another tree"
	diff <(contents "$T/bundle/rootfs") <(contents "$T/ours") || fail "other contents"
	[[ -f $T/ours/gone/again && ! -e $T/ours/gone/deep ]] || fail "the whiteout did not hold"
}

@test "pull: gzip members, zstd frames and padding make one stream" {
	need tar gzip zstd
	echo x >"$T/f"
	tar -C "$T" -cf "$T/a.tar" f
	local diffid
	diffid=$(sha256sum <"$T/a.tar" | cut -d ' ' -f 1)
	split -b 3000 "$T/a.tar" "$T/piece."
	local p
	for p in "$T"/piece.*; do
		gzip -n <"$p" >>"$T/members"
		zstd -q <"$p" >>"$T/frames"
		printf '\x50\x2a\x4d\x18\x03\0\0\0abc' >>"$T/frames"
	done
	head -c 777 /dev/zero >>"$T/members"
	for p in members frames; do
		layout_new "$T/l.$p"
		layout_blob "$T/l.$p" "$T/$p" "$diffid"
		layout_done "$T/l.$p"
		expect 0 pull --store="$T/s.$p" -q "oci:$T/l.$p"
		is "$(cat "$T/s.$p/layers/sha256/$diffid/f")" x
	done
}

# refused FRAGMENT: pulling oci:$T/l fails with status 6 and one line, and the store is as before.
refused() {
	[[ -e $T/s ]] || pull -q "oci:$T/none" 2>/dev/null || true # makes the store
	store_state >"$T/before"
	expect 6 pull -q "oci:$T/l"
	says "$1"
	says "layer sha256:${LAYOUT_BLOBS[0]}"
	one_line
	diff "$T/before" <(store_state) || fail "the store changed"
	[[ $(cat "$T/canary") == alive ]] || fail "the canary is dead"
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
		layout_new "$T/l"
		layout_layer "$T/l" "$T/a.tar"
		layout_done "$T/l"
		case $how in
		dotdot | middle) refused "'..'" ;;
		through) refused "below the symbolic link 'lnk'" ;;
		hard) refused "not in this layer" ;;
		root) refused "given as something else" ;;
		esac
	done
}

@test "pull: names in messages cannot play with the terminal" {
	need tar gzip
	echo alive >"$T/canary"
	mkdir -p "$T/src"
	echo x >"$T/src/a"
	tar -C "$T/src" -P --transform $'s,^,../\e[31mred\a,' -cf "$T/a.tar" a
	layout_new "$T/l"
	layout_layer "$T/l" "$T/a.tar"
	layout_done "$T/l"
	refused '\x1b[31mred\x07'
	[[ $stderr != *$'\e'* ]] || fail "an escape character came through"
}

@test "pull: wrong digests, cut and broken layers are refused" {
	need tar gzip
	local how
	echo alive >"$T/canary"
	head -c 300000 /dev/urandom >"$T/f"
	for how in blob diffid cut garbage nottar; do
		rm -rf "$T/l"
		layout_new "$T/l"
		tar -C "$T" -cf "$T/a.tar" f
		gzip -n <"$T/a.tar" >"$T/a.gz"
		local diffid blob_file
		diffid=$(sha256sum <"$T/a.tar" | cut -d ' ' -f 1)
		case $how in
		diffid) diffid=${diffid:1}0 ;;
		cut) truncate -s -100 "$T/a.gz" ;;
		garbage) echo garbage >>"$T/a.gz" ;;
		nottar) gzip -n <"$T/f" >"$T/a.gz" ;;
		esac
		[[ $how != nottar ]] || diffid=$(sha256sum <"$T/f" | cut -d ' ' -f 1)
		layout_blob "$T/l" "$T/a.gz" "$diffid"
		layout_done "$T/l"
		blob_file=$T/l/blobs/sha256/${LAYOUT_BLOBS[0]}
		[[ $how != blob ]] || printf X | dd of="$blob_file" bs=1 seek=1000 conv=notrunc status=none
		case $how in
		blob | diffid) refused "digest mismatch" ;;
		cut) refused "cut short" ;;
		garbage) refused "garbage after" ;;
		nottar) refused "broken tar" ;;
		esac
	done
}

@test "pull: a gzip bomb is refused" {
	[[ $TEST_WHERE != vm ]] || skip "part: too slow where the processor is emulated"
	need tar gzip
	echo alive >"$T/canary"
	truncate -s 280M "$T/zeros"
	layout_new "$T/l"
	# tar without --sparse: more than the 256 MiB from which the ratio counts.
	tar -C "$T" -cf - zeros | tee >(sha256sum | cut -d ' ' -f 1 >"$T/diffid") | gzip -n >"$T/a.gz"
	rm "$T/zeros"
	wait_for 10 test -s "$T/diffid"
	layout_blob "$T/l" "$T/a.gz" "$(cat "$T/diffid")"
	layout_done "$T/l"
	refused "compressed more than"
}

@test "pull: root of a user namespace keeps the owners that it has" {
	need user tar
	mkdir -p "$T/src/mail"
	echo x >"$T/src/mail/f"
	ln -s f "$T/src/mail/l"
	mkfifo "$T/src/mail/p"
	tar -C "$T/src" --numeric-owner --owner=8 --group=8 -cf "$T/a.tar" .
	layout_new "$T/l"
	layout_layer "$T/l" "$T/a.tar"
	layout_done "$T/l"
	expect 0 as_caller unshare -Ur "$TEST_PREFIX/bin/imgfetch" --store="$T/s" pull -q "oci:$T/l"
	is "$(cat "$T/s/layers/sha256/${LAYOUT_DIFFIDS[0]}/mail/f")" x
	grep -qx 'owners-kept no' "$T/s/layers/sha256/${LAYOUT_DIFFIDS[0]}.info"
}

# no_unshare CMD...: under a filter that refuses unshare(2), as containers have it.
no_unshare() {
	as_caller python3 -c '
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
	layout_new "$T/l"
	layout_layer "$T/l" "$T/a.tar"
	layout_done "$T/l"
	expect 1 no_unshare /usr/bin/unshare -i true
	umask 077
	expect 0 no_unshare "$TEST_PREFIX/bin/imgfetch" --store="$T/s" pull -q "oci:$T/l"
	is "$(stat -c %a "$T/s/layers/sha256/${LAYOUT_DIFFIDS[0]}/d/f")" 666
	is "$(find "$T/s" ! -path "*/root/*" -perm /022 ! -path "*/d/f" ! -type l)" ''
}

# 12 MiB of a map of 3 million pieces of a file, which a parser keeps in 150 MB: 1 KiB on the wire.
@test "pull: a sparse map that only takes memory is refused" {
	need python3 gzip
	echo alive >"$T/canary"
	python3 - "$T/a.tar" <<-'E'
		import io, sys, tarfile
		pieces = 3 << 20
		body = b"%d\n" % pieces + b"0\n0\n" * pieces
		body += bytes(-len(body) % 512)
		entry = tarfile.TarInfo("GNUSparseFile.0/x")
		entry.size = len(body)
		entry.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0",
		                     "GNU.sparse.name": "x", "GNU.sparse.realsize": "0"}
		with tarfile.open(sys.argv[1], "w", format=tarfile.PAX_FORMAT) as t:
		    t.addfile(entry, io.BytesIO(body))
	E
	layout_new "$T/l"
	layout_layer "$T/l" "$T/a.tar"
	layout_done "$T/l"
	refused "a header of more than 8 MiB"
}

# A hard link may carry its file's data once more, devices and markers any: that is no header.
@test "pull: data that nobody wants are passed over, however large" {
	need python3 gzip
	python3 - "$T/a.tar" <<-'E'
		import io, sys, tarfile
		data = bytes(12 << 20)
		with tarfile.open(sys.argv[1], "w", format=tarfile.PAX_FORMAT) as t:
		    for name, link in ("f", ""), (".wh.gone", ""), ("l", "f"):
		        entry = tarfile.TarInfo(name)
		        entry.size = len(data)
		        if link:
		            entry.type, entry.linkname = tarfile.LNKTYPE, link
		            entry.pax_headers = {"size": str(len(data))}
		        t.addfile(entry)
		        t.fileobj.write(data)
		        t.offset += len(data)
		    end = tarfile.TarInfo("end")
		    t.addfile(end)
	E
	layout_new "$T/l"
	layout_layer "$T/l" "$T/a.tar"
	layout_done "$T/l"
	expect 0 pull -q "oci:$T/l"
	local layer=$T/s/layers/sha256/${LAYOUT_DIFFIDS[0]}
	[[ -e $layer/end && $layer/l -ef $layer/f ]] || fail "it is not all there"
	is "$(stat -c %s "$layer/f")" $((12 << 20))
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
	layout_new "$T/l"
	layout_layer "$T/l" "$T/a.tar"
	layout_done "$T/l"
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

# Twenty layers of 502 kB, which do not compress.
make_big() {
	cp -al "$BATS_FILE_TMPDIR"/big/* "$T/"
	mapfile -t LAYOUT_DIFFIDS <"$T/diffids"
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
	layout_new "$T/l"
	layout_layer "$T/l" "$T/a.tar"
	layout_done "$T/l"
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

@test "pull: progress is plain lines elsewhere, bars on a terminal, nothing with -q" {
	need tar script
	make_big
	expect 0 pull "oci:$T/l"
	is "$(grep -c '^layer [0-9a-f]*: done, 502 kB in' <<<"$stderr")" 20
	[[ $stderr != *$'\e'* && $stderr != *$'\r'* ]] || fail "escapes where there is no terminal"
	expect 0 pull --store="$T/s2" -q "oci:$T/l"
	is "$stderr" ''
	x script -qec "${CALLER[*]@Q} $TEST_PREFIX/bin/imgfetch --store=$T/s3 --no-sync pull oci:$T/l" /dev/null
	is "$status" 0
	prints $'\e['
	prints '] '
}
