# SPDX-License-Identifier: MIT
# imgfetch pull: streams, as they are compressed, cut, too long, wrong; and how a pull tells of itself.

load ../lib/common
load ../lib/layers

setup_file() { make_big_once; }

@test "pull: a layer holds what tar extracts, in every compression and tar format" {
	need tar gzip zstd
	local f how
	make_source "$T/src"
	for f in pax gnu; do
		tar -C "$T/src" --sparse --format=$f --numeric-owner -cf "$T/$f.tar" .
		for how in gzip zstd plain; do
			layout_new "$T/$f-$how"
			layout_layer "$T/$f-$how" "$T/$f.tar" $how
			layout_done "$T/$f-$how"
			expect 0 pull --store="$T/s-$how" -q "oci:$T/$f-$how"
			same_as_tar "$T/s-$how/layers/sha256/${LAYOUT_DIFFIDS[0]}" "$T/want.$f" "$T/$f.tar"
		done
	done
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

@test "pull: names in messages cannot play with the terminal" {
	need tar gzip
	echo alive >"$T/canary"
	mkdir -p "$T/src"
	echo x >"$T/src/a"
	tar -C "$T/src" -P --transform $'s,^,../\e[31mred\a,' -cf "$T/a.tar" a
	layout_tars "$T/l" "$T/a.tar"
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
	layout_tars "$T/l" "$T/a.tar"
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
	layout_tars "$T/l" "$T/a.tar"
	expect 0 pull -q "oci:$T/l"
	local layer=$T/s/layers/sha256/${LAYOUT_DIFFIDS[0]}
	[[ -e $layer/end && $layer/l -ef $layer/f ]] || fail "it is not all there"
	is "$(stat -c %s "$layer/f")" $((12 << 20))
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
