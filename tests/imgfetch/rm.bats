# SPDX-License-Identifier: MIT
# imgfetch rm: what it must not touch. What it does remove is tested where images are pulled.
load ../lib/common
load ../lib/images

setup_file() { fixture small; }

IMAGE=localhost/busybox:latest

pull() { imgfetch pull --store="$T/store" "$@"; }

@test "rm: an image that a box is pinned to stays, with all of it" {
	expect 0 pull -q "oci:$SMALL:latest"
	printf '%s\n%s\n' "$T/store" "$output" >"$T/pin"
	mkdir -p "$BOXES/$BOX"
	cp "$T/pin" "$BOXES/$BOX/image"
	chmod 755 "$BOXES/$BOX"
	find "$T/store" | sort >"$T/before"
	expect 9 imgfetch rm --store="$T/store" "$IMAGE"
	says "in use by box $BOX"
	one_line
	find "$T/store" | sort | cmp - "$T/before"
	# Another store's image of the same digest is another image.
	mkdir "$T/othe" && printf '%s\n%s\n' "$T/othe" "$(tail -n 1 "$T/pin")" >"$BOXES/$BOX/image"
	expect 0 imgfetch rm --store="$T/store" "$IMAGE"
	rm -r -- "${BOXES:?}/${BOX:?}"
}

@test "rm: an image that is locked by a run stays" {
	expect 0 pull -q "oci:$SMALL:latest"
	local f=$T/store/images/sha256/${output#sha256:}/descriptor
	spawn python3 -ISc '
import fcntl, struct, sys, time
f = open(sys.argv[1])
fcntl.fcntl(f, 37, struct.pack("hhqqi4x", fcntl.F_RDLCK, 0, 0, 0, 0))  # F_OFD_SETLK
open(sys.argv[2], "w").close()
time.sleep(1000)' "$f" "$T/locked"
	wait_for 10 test -e "$T/locked"
	expect 9 imgfetch rm --store="$T/store" "$IMAGE"
	says "in use by a run or a pull"
	one_line
	kill "$pid"
	wait "$pid" || true
	expect 0 imgfetch rm --store="$T/store" "$IMAGE"
}

@test "rm: nobody but its owner can hold the store's lock, also in a store of earlier versions" {
	expect 0 pull -q "oci:$SMALL:latest"
	chmod 755 "$T" "$T/store"
	not as_uid 12345 cat "$T/store/lock"
	chmod 644 "$T/store/lock"
	as_uid 12345 cat "$T/store/lock"
	expect 0 imgfetch gc --store="$T/store"
	not as_uid 12345 cat "$T/store/lock"
}

@test "rm: never follows links out of the store" {
	expect 0 pull -q "oci:$SMALL:latest"
	mkdir "$T/precious"
	echo keep >"$T/precious/file"
	mv "$T/store/refs/localhost" "$T/precious/refs"
	ln -s "$T/precious/refs" "$T/store/refs/localhost"
	x imgfetch rm --store="$T/store" "$IMAGE"
	((status != 0)) || fail "followed the link"
	is "$(find "$T/precious" -type f | wc -l)" 2
	is "$(cat "$T/precious/file")" keep
}
