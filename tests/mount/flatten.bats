# SPDX-License-Identifier: MIT
# imgfetch flatten: one merged tree of an image, made of hard links, that boxes and mounts then use.

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
flatten() { imgfetch --store="$T/s" flatten "$@"; }
flat() { echo "$T/s/images/sha256/$1/flat"; }

# names DIR: what is in it, for people who are not let in.
names() { find "$1" -mindepth 1 -printf '%P %y %m %s\n' | sort; }

@test "flatten: the tree is what the overlay shows, and is mounted in its place" {
	need root overlay setfattr getfattr
	three_layers "$T/s"
	local hex layers
	hex=$(sed s/sha256:// "$T/s/refs/localhost/three/:1")
	# A name of its own, since tests beside this one mount three_layers, too: what is mounted is told by
	# the digest, whatever store it is in.
	mapfile -t layers < <(sed -n 's/^layer sha256://p' "$T/s/images/sha256/$hex/descriptor")
	hex=$(store_image "$T/s" localhost/flat:1 "${layers[@]}")
	local i
	expect 0 im mount localhost/flat:1 "$T/m"
	tree_of "$T/m" >"$T/want"
	expect 0 im umount "$T/m"
	expect 0 flatten localhost/flat:1
	is "$output" "merged its layers into one tree"
	expect 0 flatten --json localhost/flat:1
	is "$(xargs <<<"$output")" "{ reference: localhost/flat:1, digest: sha256:$hex, flat: true, changed: false }"
	is "$(stat -c %a "$(flat "$hex")")" 700
	diff "$T/want" <(tree_of "$(flat "$hex")/tree") || fail "the tree differs"
	is "$(getfattr -Rhd -m user.overlay "$(flat "$hex")")" ''
	is "$(find "$(flat "$hex")" -type c -o -type b | wc -l)" 0
	# No data of its own.
	find "$(flat "$hex")" -type f -links 1 | grep . && fail "a file was copied"
	expect 0 im mount localhost/flat:1 "$T/m"
	diff "$T/want" <(tree_of "$T/m") || fail "the mount differs"
	is "$(stat -c %i "$T/m")" "$(stat -c %i "$(flat "$hex")/tree")"
	expect 0 im list
	prints "image sha256:$hex $T/m"
	touch "$T/m/new" 2>/dev/null && fail "it can be written"
	# In use.
	for i in "rm localhost/flat:1" "flatten --remove localhost/flat:1"; do
		# shellcheck disable=SC2086
		expect 9 imgfetch --store="$T/s" $i
		says "is mounted on '$T/m'"
	done
	expect 0 im umount "$T/m"
	expect 0 flatten localhost/flat:1
	is "$output" "that was done already"
	expect 0 flatten --json --remove localhost/flat:1
	is "$(xargs <<<"$output")" "{ reference: localhost/flat:1, digest: sha256:$hex, flat: false, changed: true }"
	expect 0 flatten localhost/flat:1
	expect 0 flatten --remove localhost/flat:1
	is "$output" "removed the merged tree"
	[[ ! -e $(flat "$hex") ]] || fail "it is still there"
	expect 0 flatten --remove localhost/flat:1
	is "$output" "there was no merged tree"
	is "$(ls -A "$T/s/tmp")" ''
	expect 0 im mount localhost/flat:1 "$T/m"
	diff "$T/want" <(tree_of "$T/m") || fail "the layers changed"
}

@test "flatten: modes and owners that would keep a link from being made elsewhere, closed directories" {
	local a b hex
	mkdir -p "$T/a/closed/in" "$T/b/d"
	echo x | tee "$T/a/open" "$T/a/closed/in/f" >"$T/a/none"
	chmod 666 "$T/a/open"
	chmod 0 "$T/a/none" "$T/a/closed/in"
	chmod 111 "$T/a/closed"
	a=$(store_layer "$T/s" "$T/a") b=$(store_layer "$T/s" "$T/b")
	[[ $TEST_AS != root ]] || chown 1234 "$T/s/layers/sha256/$a/none"
	hex=$(store_image "$T/s" localhost/flat-modes:1 "$a" "$b")
	expect 0 flatten -q localhost/flat-modes:1
	is "$output$stderr" ''
	is "$(find "$(flat "$hex")/tree" -type f -links 2 | wc -l)" 3
	is "$(stat -c %a "$(flat "$hex")"/tree/{closed,closed/in,open,none} | paste -sd ' ')" "111 0 666 0"
	expect 0 imgfetch --store="$T/s" rm localhost/flat-modes:1
	is "$(ls -A "$T/s/tmp" "$T/s/images/sha256" "$T/s/layers/sha256" | grep -v :)" ''
}

@test "flatten: where a user namespace may not have ids, it goes without one" {
	need user
	local a b
	mkdir -p "$T/a/d" "$T/b/d"
	echo x | tee "$T/a/d/f" >"$T/b/d/g"
	a=$(store_layer "$T/s" "$T/a") b=$(store_layer "$T/s" "$T/b")
	a=$(store_image "$T/s" localhost/flat-ids:1 "$a" "$b")
	expect 0 with_mounts 'mount --bind /proc /proc; mount -o remount,bind,ro /proc' \
		"$TEST_PREFIX/bin/imgfetch" --store="$T/s" flatten -q localhost/flat-ids:1
	is "$(cd "$(flat "$a")/tree" && echo d/*)" 'd/f d/g'
}

@test "flatten: boxes use it, and hold it" {
	need overlay busybox
	local b s=$T/home/.local/share/isolate/images hex a
	as_caller mkdir -p "${s%/*}"
	store_new "$s"
	chmod 755 "$T" "$T/home"
	mkdir -p "$T/l/bin" "$T/l/data" "$T/u/data"
	cp "$(command -v busybox)" "$T/l/bin/busybox"
	for a in sh cat ls sleep; do ln -s busybox "$T/l/bin/$a"; done
	echo lower | tee "$T/l/data/a" >"$T/l/data/b"
	echo upper >"$T/u/data/b"
	whiteout "$T/u/data/a"
	chmod -R go+rX "$T/l" "$T/u"
	b=$(store_layer "$s" "$T/l")
	hex=$(store_image "$s" localhost/flat-box:1 "$b" "$(store_layer "$s" "$T/u")")
	expect 0 imgfetch --store="$s" flatten localhost/flat-box:1
	# What only the tree has shows that it is used.
	as_caller touch "$s/images/sha256/$hex/flat/tree/data/marker"
	expect 0 isolate -s -p --once --image=localhost/flat-box:1 --dir=data/x=/usr -- /bin/sh -c 'ls /data; cat /data/b'
	is "$output" $'b\nmarker\nx\nupper'
	expect 0 isolate -s -p --once --image=localhost/flat-box:1 --image-rw=1M -- /bin/sh -c 'echo >/new; ls /data'
	is "$output" $'b\nmarker'
	isolate -b "$BOX" --image=localhost/flat-box:1 --init >/dev/null
	spawn isolate -b "$BOX" -o out --run -- /bin/sh -c 'echo here; exec sleep 1000'
	wait_for 10 grep -q here "$BOXES/$BOX/box/out"
	expect 9 imgfetch --store="$s" flatten --remove localhost/flat-box:1
	says "in use by a run"
	kill -TERM "$pid"
	wait "$pid" || true
	# The box is pinned to it, but does not run.
	expect 0 imgfetch --store="$s" flatten --remove localhost/flat-box:1
	expect 0 isolate -s -b "$BOX" --run -- /bin/ls /data
	is "$output" b
}

@test "flatten: one that is a link, or a stranger's, is refused" {
	need root overlay
	local hex
	store_many "$T/s" localhost/i:1 2 >/dev/null
	hex=$(sed s/sha256:// "$T/s/refs/localhost/i/:1")
	mkdir -p "$(flat "$hex")" "$T/elsewhere"
	ln -s "$T/elsewhere" "$(flat "$hex")/tree"
	expect 7 im mount localhost/i:1 "$T/m"
	one_line
	says "merged tree of image"
	rm "$(flat "$hex")/tree"
	mkdir "$(flat "$hex")/tree"
	chown 1234 "$(flat "$hex")/tree"
	expect 7 im mount localhost/i:1 "$T/m"
	says "belongs to user 1234"
}

@test "flatten: many at once make one, and what a killed one left is nobody's" {
	local hex i pids=() layer
	mkdir "$T/l"
	for ((i = 0; i < 20; i++)); do
		mkdir "$T/l/$i"
		(cd "$T/l/$i" && for ((j = 0; j < 50; j++)); do : >"f$j"; done)
	done
	layer=$(store_layer "$T/s" "$T/l")
	hex=$(store_image "$T/s" localhost/i:1 "$layer" "$(mkdir "$T/e" && store_layer "$T/s" "$T/e")")
	# Killed somewhere on the way: all of it is there, or nothing.
	for i in 1 2 3; do
		spawn imgfetch --store="$T/s" flatten localhost/i:1
		wait_for 20 eval "[[ -e /proc/$pid && -e '$T/s/tmp/flat-$hex' || -e '$(flat "$hex")' ]]"
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
		[[ ! -e $(flat "$hex") ]] || is "$(find "$(flat "$hex")/tree" -type f | wc -l)" 1000
	done
	for i in 1 2 3 4; do
		imgfetch --store="$T/s" flatten localhost/i:1 >"$T/out.$i" 2>&1 3>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i" || fail "one failed: $(cat "$T"/out.*)"; done
	is "$(find "$(flat "$hex")/tree" -type f -links 2 | wc -l)" 1000
	is "$(ls -A "$T/s/tmp")" ''
}

@test "flatten: needs an image, one operand, and nothing else" {
	expect 2 flatten
	expect 4 flatten localhost/none:1
	expect 4 flatten --json localhost/none:1
	is "$output" ""
	expect 2 flatten --images localhost/none:1
	expect 2 imgfetch --store="$T/s" rm --remove localhost/none:1
	says "rm has no option --remove"
}
