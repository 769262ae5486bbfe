# SPDX-License-Identifier: MIT
# Those who look after a store: imgfetch tag, rm, gc; and that pulls and runs do not notice.
load ../lib/common
load ../lib/images
load ../lib/store

setup_file() {
	fixture busybox
	fixture small
}

care() { imgfetch "$1" --store="$T/store" "${@:2}"; }
pull() { imgfetch pull -q --no-sync --store="$T/store" "oci:$SMALL:${1:-latest}"; }
names() { care list --json | jget -e '*' reference; }
# Everything in the store by name, but the lock's own moments in tmp/.
contents() { find "$T/store" -path "$T/store/layers/sha256/*/*" -prune -o -print | sort; }

# hold DIR FILE: a process that holds tmp/DIR like a pull does, until the end of the test.
hold() {
	as_caller mkdir "$T/store/tmp/$1"
	[[ ! ${2:-} ]] || as_caller cp "$2" "$T/store/tmp/$1/needs"
	spawn bash -c 'exec 9<"$1" && flock 9 && exec sleep 600' bash "$T/store/tmp/$1"
	wait_for 10 held "$T/store/tmp/$1"
}
held() { ! flock --nonblock "$1" true; }

@test "tag: another name of the same image, also in place of what it meant" {
	expect 0 pull
	local image=$output
	expect 0 care tag localhost/busybox course/python:3
	is "$output$stderr" ""
	is "$(names)" $'docker.io/course/python:3\nlocalhost/busybox:latest'
	expect 0 pull zstd
	local other=$output
	expect 0 care tag localhost/busybox:zstd localhost/busybox
	is "$(care inspect --json localhost/busybox | jget digest)" "$other"
	is "$(care inspect --json course/python:3 | jget digest)" "$image"
	# By digest, and again without a change.
	expect 0 care tag "$image" course/python:3
	expect 4 care tag localhost/nope x
	says "'localhost/nope:latest' is not in the store"
	expect 2 care tag localhost/busybox "x@$image"
	says "no name to give"
	expect 2 care tag localhost/busybox
	expect 2 care tag localhost/busybox x y
}

@test "rm: several, up to the first that cannot go, and no empty folders stay" {
	expect 0 pull
	local image=$output
	for name in x.example/a/b:1 x.example/a/b:2 y/z; do care tag localhost/busybox "$name"; done
	expect 4 care rm --json x.example/a/b:1 x.example/a/b:3 y/z
	says "remove 'x.example/a/b:3': image 'x.example/a/b:3' is not in the store"
	[[ $stderr != *pull* ]] || fail "who removes is told to pull"
	one_line
	is "$(jget -e '*' reference digest removed_names removed_image removed_layers <"$T/x.out")" \
		"x.example/a/b:1 $image 1 false 0"
	expect 0 care rm x.example/a/b:2 y/z
	is "$(cd "$T/store" && find refs | sort | xargs)" \
		"refs refs/localhost refs/localhost/busybox refs/localhost/busybox/:latest"
	expect 0 care rm --json localhost/busybox
	is "$(jget -e '*' removed_image removed_layers <"$T/x.out")" "true 4"
	is "$(cd "$T/store" && find refs images layers tmp | sort | xargs)" \
		"images images/sha256 layers layers/sha256 refs tmp"
	expect 4 imgfetch rm --store="$T/none" x
	says "there is no image store"
}

@test "rm: layers that a pull is going to need stay" {
	expect 0 pull
	local image=$output layer
	layer=$(sed -n '3s/layer //p' "$T/store/images/sha256/${image#sha256:}/descriptor")
	printf 'image sha256:%064d\nlayer %s\nend 2\n' 1 "$layer" >"$T/needs"
	chmod 644 "$T/needs"
	hold pull-test "$T/needs"
	expect 0 care rm --json localhost/busybox
	is "$(jget -e '*' removed_image removed_layers <"$T/x.out")" "true 3"
	is "$(find "$T/store/layers/sha256" -mindepth 1 -maxdepth 1 -name '*.info')" \
		"$T/store/layers/sha256/${layer#sha256:}.info"
	expect 0 care gc
	prints "removed nothing: 0 B are free"
	kill "$pid"
	wait "$pid" || true
	expect 0 care gc --json
	is "$(jget layers temporary <"$T/x.out")" "1 1"
	is "$(find "$T/store/layers/sha256" "$T/store/tmp" -mindepth 1)" ""
}

@test "gc: --dry-run tells what goes, and only that goes" {
	local s=$T/store young
	expect 0 pull
	contents >"$T/before"
	as_caller bash -c '
		cd "$1"
		printf -v a %064d 1 && printf -v b %064d 2 && printf -v c %064d 3
		mkdir layers/sha256/$a layers/sha256/$a/d tmp/rm-1 tmp/layer-$c tmp/odd
		head -c 100000 /dev/zero >layers/sha256/$a/d/file
		ln layers/sha256/$a/d/file layers/sha256/$a/again
		echo >layers/sha256/$a.info; echo >layers/sha256/$b.files; echo >layers/sha256/$b.facts
		echo >tmp/blob-sha256-$a; touch -d "25 hours ago" tmp/blob-sha256-$a
		echo young >tmp/blob-sha256-$b; echo >tmp/version
		mkdir -p refs/x.example/y
		echo sha256:$a >refs/x.example/y/:1
		echo mine >layers/sha256/README' bash "$s"
	expect 0 care gc --dry-run --json
	local want='1 0 1 2 1 4'
	is "$(jget names images layers notes partial_blobs temporary <"$T/x.out")" "$want"
	local bytes
	bytes=$(jget disk_bytes <"$T/x.out")
	between 100000 "$bytes" 180000
	expect 0 care gc --dry-run
	prints "would remove 1 name of no image, 1 layer of no image, 2 notes of no layer"
	expect 0 care gc --json
	is "$(jget names images layers notes partial_blobs temporary disk_bytes <"$T/x.out")" "$want $bytes"
	contents >"$T/after"
	# That of today may still be wanted.
	printf -v young '%s/tmp/blob-sha256-%064d' "$s" 2
	printf '%s\n' "$s/layers/sha256/README" "$young" | sort - "$T/before" | cmp - "$T/after"
	expect 0 care gc
	prints "removed nothing"
}

@test "gc: images without a name only with --images, and not those in use" {
	local s=$T/store old
	expect 0 pull
	old=$output
	expect 0 pull zstd
	expect 0 care tag localhost/busybox:zstd localhost/busybox
	expect 0 care gc --json
	is "$(jget images layers <"$T/x.out")" "0 0"
	mkdir -p "$BOXES/$BOX"
	printf '%s\n%s\n' "$s" "$old" >"$BOXES/$BOX/image"
	chmod 755 "$BOXES/$BOX"
	expect 0 care gc --images
	prints "removed nothing: 0 B are free"
	prints "kept 1 without a name, in use"
	rm -r -- "${BOXES:?}/${BOX:?}"
	expect 0 care gc --images --dry-run --json
	is "$(jget images layers <"$T/x.out")" "1 0"
	expect 0 care gc --images --json
	# Its layers are the other's, too.
	is "$(jget images images_in_use layers <"$T/x.out")" "1 0 0"
	expect 4 care inspect "$old"
	expect 0 care inspect localhost/busybox
}

@test "gc: a damaged image may need any layer, so all stay" {
	local s=$T/store image
	expect 0 pull
	image=$output
	as_caller mkdir "$s/layers/sha256/$(printf %064d 1)"
	echo x >"$s/images/sha256/${image#sha256:}/descriptor"
	echo x >"$s/images/sha256/${image#sha256:}/config.json"
	contents >"$T/before"
	expect 0 care gc
	prints "kept all layers: image $image is damaged"
	contents | cmp - "$T/before"
	# A claim that nobody understands is no better.
	expect 0 care rm "$image"
	echo nonsense >"$T/needs"
	chmod 644 "$T/needs"
	hold pull-test "$T/needs"
	contents >"$T/before"
	expect 6 care gc
	says "a pull's 'needs' is wrong"
	contents | cmp - "$T/before"
}

@test "gc: another user's store, or one that others may write, is refused" {
	expect 0 pull
	chown -R 12345:12345 "$T/store"
	chmod 755 "$T"
	expect 7 care gc
	expect 7 care rm localhost/busybox
	expect 7 care tag localhost/busybox x
	chown -R 0:0 "$T/store"
	give_to_caller "$T/store"
	chmod 777 "$T/store"
	expect 7 care gc
	one_line
}

@test "gc: over and over while boxes run in the image" {
	need images overlay
	local i
	# Root's store is that of other tests, too.
	need user
	expect 0 imgfetch pull -q "oci:$TEST_FIXTURES/busybox:latest"
	expect 0 isolate -s -b "$BOX" --image=localhost/busybox --init
	spawn bash -c 'while imgfetch gc --images -q; do echo >>gcs; done'
	for ((i = 0; i < 50; i++)); do
		expect 0 isolate -s -b "$BOX" --run -- /bin/cat /data/kept /data/back
		is "$output" $'one\nfour'
	done
	wait_for 10 test -s gcs
	kill -0 "$pid" || fail "gc failed: $(cat spawn.err)"
}

@test "gc: killed anywhere, and rm and pull, the store stays whole" {
	local i tag
	expect 0 pull
	# Milliseconds in which any of them is over; an emulated processor needs the first 200 to start it, and
	# there is no time for as many.
	local kills=${KILLS:-12} span=10 ms
	[[ $TEST_WHERE == native ]] || kills=${KILLS:-6} span=400
	for ((i = 0; i < kills; i++)); do
		case $((i % 3)) in
		0) spawn imgfetch pull -q --store="$T/store" "oci:$SMALL:plain" ;;
		1) spawn imgfetch rm --store="$T/store" localhost/busybox:plain ;;
		2) spawn imgfetch gc --images --store="$T/store" ;;
		esac
		printf -v ms %03d "$((RANDOM % span))"
		read -r -t "0.$ms" <><(:) || true
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
		# What there is, is whole; what was cut off is made or removed by the next command.
		for tag in $(names); do
			[[ $tag != *:plain ]] || continue
			expect 0 care inspect "$tag"
		done
	done
	expect 0 care gc --images
	expect 0 pull plain
	expect 0 care rm localhost/busybox:plain
	expect 0 care gc --images
	expect 0 care gc --json
	is "$(jget names images layers notes temporary <"$T/x.out")" "0 0 0 0 0"
	is "$(names)" localhost/busybox:latest
}
