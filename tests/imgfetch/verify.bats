# SPDX-License-Identifier: MIT
# imgfetch verify finds what has changed in a store, and du what takes its room.
load ../lib/common
load ../lib/images
load ../lib/layout

setup_file() { fixture small; }

care() { imgfetch "$1" --store="$T/store" "${@:2}"; }
pull() { imgfetch pull -q --no-sync --store="$T/store" "oci:${1:-$SMALL}:${2:-latest}"; }

# layer N: the directory of the image's Nth layer, from 1.
layer() { echo "$T/store/layers/sha256/$(sed -n "$((N0 + $1))s/layer sha256://p" "$DESCRIPTOR")"; }
N0=2

# What verify says of the store, one line a problem: status of the image, path, what.
problems() {
	care verify --json |
		jget -e 'images.*.problems.*,images.*.layers.*.problems.*,images.*.tree_problems.*' \
			path what changed | sort
}

# A layer with everything that can be in one, under $T/layout.
odd_layout() {
	mkdir -p "$T/1/dir/sub" "$T/1/old" "$T/2/old"
	echo text >"$T/1/dir/file"
	echo 'a name' >"$T/1/dir/a name"$'\n\xff'
	ln "$T/1/dir/file" "$T/1/dir/sub/other"
	ln -s ../file "$T/1/dir/link"
	mkfifo "$T/1/dir/fifo"
	truncate -s 1M "$T/1/dir/sparse"
	echo end >>"$T/1/dir/sparse"
	head -c 200000 /dev/zero | tr '\0' x >"$T/1/dir/large"
	: >"$T/2/old/.wh.gone"
	echo new >"$T/2/old/new"
	touch -d '2001-02-03 04:05:06.789' "$T/1/dir" "$T/1/dir/file"
	chmod 1777 "$T/1/dir/sub"
	layout_dirs "$T/layout" "$T/1" "$T/2"
	expect 0 pull "$T/layout"
	DESCRIPTOR=$T/store/images/sha256/${output#sha256:}/descriptor
}

@test "verify: a store as it was pulled is right, and says what was not checked" {
	expect 0 pull
	expect 0 pull '' docker
	expect 0 care verify
	prints "localhost/busybox:docker: ok"
	prints "localhost/busybox:latest: ok"
	prints "2 images, 4 layers"
	prints "not checked: digests of the layers' archives"
	expect 0 care verify -q
	is "$output$stderr" ""
	expect 0 care verify --json localhost/busybox
	is "$(jget images.0.references images.0.layers.# unreadable <"$T/x.out")" "localhost/busybox:latest 4 0"
	expect 4 care verify nope
	one_line
}

@test "verify: names each file that has changed, is missing, or came later" {
	odd_layout
	expect 0 care verify
	local d
	d=$(layer 1)/dir
	cp -a "$d/file" "$T/times"
	cp -a "$d" "$T/dir-times"
	echo TEXT >"$d/file" && touch -r "$T/times" "$d/file"
	chmod 600 "$d/large"
	ln -sfn elsewhere "$d/link"
	rm "$d/a name"$'\n\xff'
	echo >"$d/added"
	mkdir "$d/added-dir" && echo >"$d/added-dir/x"
	chmod 755 "$d/sub"
	printf x | dd of="$d/sparse" bs=1 seek=500000 conv=notrunc status=none
	rm "$d/fifo" && echo >"$d/fifo"
	touch -r "$T/dir-times" "$d"
	touch -d 2020-01-01 "$(layer 2)/old/new"
	is "$(problems)" "$(sort <<-'END'
		dir/a name
		� missing []
		dir/added added []
		dir/added-dir added []
		dir/fifo changed type
		dir/file changed contents
		dir/large changed mode
		dir/link changed target,mtime
		dir/sparse changed contents,mtime
		dir/sub changed mode
		old/new changed mtime
	END
	)"
	expect 6 care verify
	prints "/dir/file: changed contents"
	prints ': /dir/a name\x0a\xff: missing'
	prints "damaged"
	says "1 of 1 images damaged"
	says "verify --remove-damaged"
	one_line
}

@test "verify: hard links, holes, attributes and whiteouts" {
	odd_layout
	local d
	d=$(layer 1)/dir
	cp -a "$d" "$T/times"
	# Another file with the same contents and times is not the same file any more.
	cp -a "$d/file" "$d/copy"
	mv "$d/copy" "$d/sub/other"
	touch -r "$T/times/sub" "$d/sub"
	touch -r "$T/times" "$d"
	is "$(problems)" "dir/sub/other changed links"
	rm "$d/sub/other"
	ln "$d/file" "$d/sub/other"
	touch -r "$T/times/sub" "$d/sub"
	# A hole filled with zeros is the same file; so is one more link to it from elsewhere.
	cp --sparse=never "$d/sparse" "$T/full"
	cat "$T/full" >"$d/sparse"
	touch -r "$T/times/sparse" "$d/sparse"
	ln "$d/sparse" "$T/store/tmp/link"
	expect 0 care verify
	setfattr -n user.note -v x "$d/file"
	setfattr -n user.overlay.opaque -v y "$d"
	is "$(problems)" $'dir changed xattrs\ndir/file changed xattrs'
	setfattr -x user.note "$d/file"
	setfattr -x user.overlay.opaque "$d"
	d=$(layer 2)/old
	cp -a "$d" "$T/times2"
	rm "$d/gone"
	touch -r "$T/times2" "$d"
	is "$(problems)" "old/gone missing []"
}

@test "verify: owners, where they were kept" {
	need root
	odd_layout
	chown 7:8 "$(layer 1)/dir/large"
	is "$(problems)" "dir/large changed owner"
}

@test "verify: files that the caller may not read" {
	need user
	mkdir -p "$T/1/closed"
	echo secret >"$T/1/file"
	echo secret >"$T/1/closed/file"
	mkdir "$T/1/names"
	echo 'only its name' >"$T/1/names/file"
	chmod 0 "$T/1/file" "$T/1/closed"
	chmod 644 "$T/1/names"
	layout_dirs "$T/layout" "$T/1"
	chmod 755 "$T/1/closed" "$T/1/names"
	expect 0 pull "$T/layout"
	expect 0 care verify
	prints "contents of 3 that you may not read"
	expect 0 care flatten localhost/layout
	expect 0 care verify
	prints "contents of 5 that you may not read"
}

@test "verify: an image's own files, a list or notes that were changed" {
	expect 0 pull
	DESCRIPTOR=$T/store/images/sha256/${output#sha256:}/descriptor
	local dir=${DESCRIPTOR%/*} one f
	one=$(layer 1)
	cp -a "$T/store" "$T/good"
	for f in "$dir/manifest.json" "$dir/config.json"; do
		sed -i 's/sha256/SHA256/' "$f"
		expect 6 care verify -q
		prints "${f##*/}: changed: its digest is"
		cp -a "$T/good/${f#"$T/store/"}" "$f"
	done
	sed -i 's/hello/HELLO/' "$DESCRIPTOR"
	expect 6 care verify -q
	prints "descriptor: not what the configuration says"
	echo x >>"$DESCRIPTOR"
	expect 6 care verify -q
	prints "descriptor: "
	cp -a "$T/good/${DESCRIPTOR#"$T/store/"}" "$DESCRIPTOR"
	# A list that was changed, one of another layer, one that is cut, none.
	zstd -dcq "$one.files" | sed 's/ 0755 / 0700 /' | zstd -cq >"$T/list"
	cat "$T/list" >"$one.files"
	expect 6 care verify -q
	prints "layer sha256:${one##*/}: unusable: list of files: it is not the one that was written"
	cat "$(layer 2).files" >"$one.files"
	expect 6 care verify -q
	head -c 100 "$T/good/${one#"$T/store/"}.files" >"$one.files"
	expect 6 care verify -q
	rm "$one.files"
	expect 6 care verify -q
	prints "unusable: open the list of files: no such file or directory"
	cp -a "$T/good/${one#"$T/store/"}.files" "$one.files"
	sed -i 's/^files-list .*/&0/' "$one.info"
	expect 6 care verify -q
	prints "unusable: "
	rm -r "${one:?}"
	expect 6 care verify -q
	# A layer of an earlier version has no list: nothing is wrong, and nothing is said to be right.
	rm -r "$T/store"
	cp -a "$T/good" "$T/store"
	rm "$one.files"
	sed -i '/^files-list/d; /^end/d' "$one.info"
	echo "end $(wc -l <"$one.info")" >>"$one.info"
	expect 0 care verify
	prints "layer sha256:${one##*/}: not checked: it came without a list of files"
	is "$(care verify --json | jget images.0.layers.0.status)" unchecked
}

@test "verify: --remove-damaged, and a pull brings it back" {
	expect 0 pull
	local image=$output
	expect 0 pull '' docker
	mkdir -p "$T/1" && echo x >"$T/1/x"
	layout_dirs "$T/layout" "$T/1"
	expect 0 pull "$T/layout"
	DESCRIPTOR=$T/store/images/sha256/${image#sha256:}/descriptor
	local one
	one=$(layer 1)
	echo two >"$one/data/kept"
	# Not what a box needs.
	mkdir -p "$BOXES/$BOX"
	printf '%s\n%s\n' "$T/store" "$image" >"$BOXES/$BOX/image"
	chmod 755 "$BOXES/$BOX"
	expect 9 care verify -q --remove-damaged
	says "in use by box $BOX"
	rm -r -- "${BOXES:?}/${BOX:?}"
	[[ -e $one && -e $DESCRIPTOR ]] || fail "something is gone"
	expect 6 care verify -q --remove-damaged
	prints "/data/kept: changed contents"
	says "removed 1 damaged layer and 2 images: pull them again"
	[[ ! -e $one && ! -e $one.info && ! -e $DESCRIPTOR ]] || fail "something is still there"
	is "$(find "$T/store/tmp" -mindepth 1)" ""
	expect 0 care verify -q
	expect 0 care inspect localhost/layout
	expect 0 pull
	is "$(cat "$one/data/kept")" one
	expect 0 care verify -q
}

@test "verify: a fix-up layer is what the layers ask for, a merged tree what they give" {
	mkdir "$T/tars"
	"$TOOLS/layout" both "$T/tars" "$T/l" a b >"$T/digests" <<-'END'
		layer a
		dir d mode=0711 pax.SCHILY.xattr.user.note=x
		file d/f data=hello
		fifo d/p mode=1640
		file d/gone
		file d/other data=other
		file link
		layer b
		dir e
		file d/new data=new
		file d/.wh.gone
		hard d/h to=d/f
		char link rdev=1:1
		sym e/s to=f
	END
	give_to_caller "$T/l" "$T/l"/*
	expect 0 pull "$T/l"
	local tree=$T/store/images/sha256/${output#sha256:} t good
	expect 0 care flatten localhost/l
	expect 0 care verify
	cp -a "$T/store" "$T/good"
	good=$T/good/${tree#"$T/store/"}

	t=$tree/flat/tree
	echo >"$t/d/gone"
	rm "$t/d/new"
	rm "$t/d/other" && printf OTHER >"$t/d/other"
	chmod 600 "$t/d/p"
	rm -r "$t/e" && echo >"$t/e"
	touch -d @1000000000 "$t/d/other" "$t/d"
	touch -r "$good/flat/tree" "$t"
	is "$(problems)" "$(sort <<-'END'
		flat/tree/d/gone added []
		flat/tree/d/new missing []
		flat/tree/d/other changed contents
		flat/tree/d/p changed mode
		flat/tree/e changed type
	END
	)"
	# Only the tree goes.
	expect 6 care verify -q --remove-damaged
	says "removed 1 merged tree: 'imgfetch flatten' makes it"
	[[ -e $tree/descriptor && ! -e $tree/flat ]] || fail "not only the tree"
	# Copies are as good as links.
	cp -a "$good/flat" "$tree"
	expect 0 care verify -q
	chmod 711 "$tree/flat"
	rm -r "$t"
	is "$(problems)" $'flat damaged null\nflat/tree damaged null'

	t=$tree/fixup/tree
	is "$(cd "$t" && echo d/*)" "d/h"
	echo >"$t/added"
	mkdir "$t/d/new" && echo >"$t/d/new/x"
	rm "$t/d/h" && printf hellO >"$t/d/h"
	setfattr -n user.note -v y "$t/d"
	chmod 700 "$t/d"
	touch -d @1000000000 "$t/d/h" "$t/d"
	touch -r "$good/fixup/tree" "$t"
	# The merged tree is not held against what is wrong.
	is "$(problems)" "$(sort <<-'END'
		fixup/tree/added added []
		fixup/tree/d changed mode,xattrs
		fixup/tree/d/h changed contents
		fixup/tree/d/new added []
	END
	)"
	expect 6 care verify -q
	prints "image sha256:${tree##*/}: fixup/tree/d/h: changed contents"
	rm -r "${tree:?}/fixup"
	cp -a "$good/fixup" "$tree"
	setfattr -n user.overlay.opaque -v y "$t/d"
	is "$(problems)" "fixup/tree/d changed xattrs"
	rm -r "$t/d"
	touch -r "$good/fixup/tree" "$t"
	chmod 755 "$tree/fixup"
	is "$(problems)" $'fixup damaged null\nfixup/tree/d missing []'
	rm -r "${tree:?}/fixup"
	is "$(problems)" "fixup/tree damaged null"
	# One that says that it has none.
	local count
	count=$(wc -l <"$tree/descriptor")
	sed -i "/^fixup/d; s/^end .*/end $((count - 2))/" "$tree/descriptor"
	is "$(problems)" "descriptor damaged null"
	expect 6 care verify -q --remove-damaged
	says "removed 0 damaged layers and 1 image: pull it again"
	expect 0 pull "$T/l"
	expect 0 care verify -q
	[[ $t/d/h -ef $(echo "$T"/store/layers/sha256/*/d/f) ]] || fail "no link"
}

@test "verify: pulls, removals and gc at the same time end in a store that is right" {
	local i pids=() tag
	expect 0 pull
	for i in 1 2 3; do
		for tag in zstd plain docker; do
			spawn imgfetch pull -q --store="$T/store" "oci:$SMALL:$tag"
			pids+=("$pid")
		done
		spawn imgfetch gc --images -q --store="$T/store"
		pids+=("$pid")
		spawn imgfetch verify -q --store="$T/store"
		pids+=("$pid")
		imgfetch rm -q --store="$T/store" localhost/busybox:zstd 2>/dev/null || true
	done
	for pid in "${pids[@]}"; do
		wait "$pid" || fail "status $?: $(cat "$T/spawn.err")"
	done
	expect 0 care gc --images
	expect 0 care verify
	prints "localhost/busybox:plain: ok"
	is "$(find "$T/store/tmp" -mindepth 1)" ""
}

@test "du: what is an image's own, and what it shares" {
	expect 0 pull
	expect 0 pull '' docker
	mkdir -p "$T/1"
	head -c 300000 /dev/zero | tr '\0' x >"$T/1/x"
	ln "$T/1/x" "$T/1/again"
	layout_dirs "$T/layout" "$T/1"
	expect 0 pull "$T/layout"
	expect 0 care du --json
	cp "$T/x.out" "$T/du"
	local name own shared data busybox=()
	while read -r name own shared data; do
		case $name in
		localhost/layout:latest)
			between 300000 "$own" 350000
			is "$shared" 0
			between 300000 "$data" 310000
			: >"$T/seen"
			;;
		*busybox*) busybox+=("$shared") ;;
		*) fail "what is $name?" ;;
		esac
	done < <(jget -e 'images.*' reference own_disk_bytes shared_disk_bytes own_data_bytes <"$T/du")
	[[ -e $T/seen ]] || fail "one is missing"
	is "${#busybox[@]}" 2
	is "${busybox[0]}" "${busybox[1]}"
	((busybox[0] > 100000)) || fail "hardly anything is shared"
	# All of it together is what du(1) says, but for a few directories.
	local all
	all=$(du -s --block-size=1 "$T/store")
	between "$((${all%%[!0-9]*} - 60000))" "$(jget disk_bytes <"$T/du")" "${all%%[!0-9]*}"
	expect 0 care du localhost/layout
	prints "localhost/layout:latest"
	[[ $output != *busybox* ]] || fail "not asked for"
	prints "in the store"
	expect 4 care du nope
}
