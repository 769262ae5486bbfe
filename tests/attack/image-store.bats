# SPDX-License-Identifier: MIT
# A caller's image store that is somebody else's, or becomes that during a run.
load ../lib/common
load ../lib/store

# A store with localhost/i:1, whose file /name says $2; it belongs to user $3.
make_store() {
	local d=$T/layer.$2
	mkdir -p "$d/bin"
	cp "$(command -v busybox)" "$d/bin/cat"
	echo "$2" >"$d/name"
	chmod -R go+rX "$d"
	store_new "$1"
	store_image "$1" localhost/i:1 "$(store_layer "$1" "$d")" >/dev/null
	chown -hR "$3:$3" "$1"
}

setup() {
	common_setup
	need user overlay busybox
	chmod 755 "$T" "$T/home"
	own=$T/home/.local/share/isolate/images
	as_caller mkdir -p "${own%/*}"
	make_store "$own" own "$TEST_UID"
	make_store "$T/victim" victim 12345
	chmod 755 "$T/victim/layers" "$T/victim/layers/sha256"
	mkdir -m 700 "$T/closed"
	make_store "$T/closed/store" closed 0
}

run() { isolate -s -b "$BOX" --image=localhost/i:1 --run -- /bin/cat /name; }

@test "store: another user's, in the place of one's own, is refused" {
	expect 0 isolate -b "$BOX" --init
	expect 0 run
	is "$output" own
	mv "$own" "$T/away"
	local other
	for other in "$T/victim" "$T/closed/store"; do
		as_caller ln -s "$other" "$own"
		expect 2 run
		is "$output" ""
		one_line
		rm "$own"
	done
	mv "$T/victim" "$own"
	expect 2 run
	says "belongs to user 12345"
}

@test "store: swapped with links all the time during runs, shows its owner's files or nothing" {
	local i own_count=0
	expect 0 isolate -b "$BOX" --init
	# Each is in the place of the store for a moment.
	spawn bash -c 'cd "$1" || exit
		while :; do
			mv -T images real; ln -s "$2" images; rm images
			ln -s "$3" images; rm images; mv -T real images; echo >"$4"
		done' bash "${own%/*}" "$T/victim" "$T/closed/store" "$T/home/swapped"
	wait_for 10 test -e "$T/home/swapped"
	# More of them where the other process was not given its turn.
	for ((i = 0; i < 60 || (own_count == i && i < 2000); i++)); do
		x run >/dev/null
		case $status in
		0)
			is "$output" own
			own_count=$((own_count + 1))
			;;
		2) is "$output" "" ;;
		*) fail "status $status: $stderr" ;;
		esac
	done
	kill -0 "$pid" || fail "nothing was swapped any more"
	((own_count < i)) || fail "no run met a swap"
}
