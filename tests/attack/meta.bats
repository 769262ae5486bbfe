# SPDX-License-Identifier: MIT
# What isolate writes for its caller, the meta file above all, it opens with his rights, whatever it is called.

load ../lib/common
load ../lib/boxes

setup() {
	common_setup
	need user
	boxes_setup 2
	own isolate -b 0 --init >/dev/null
	# Root's, and open for everybody to read.
	echo precious >"$OWN/canary"
	chmod 644 "$OWN/canary"
	mkdir "$OWN/his"
	ln "$OWN/canary" "$OWN/his/hard"
	give_to_caller "$OWN/his"
	as_caller ln -s "$OWN/canary" link
	as_caller ln -s /proc/self/fd/7 seven
}

teardown() {
	boxes_teardown
	common_teardown
}

untouched() { is "$(stat -c '%U %a' "$OWN/canary") $(<"$OWN/canary")" "root 644 precious"; }

# with_canary SCRIPT ARG...: the canary is open for reading as 7 and as a mere place (O_PATH) as 8.
with_canary() {
	own /usr/bin/python3 -ISc '
import os, sys
for fd, how in (7, os.O_RDONLY), (8, os.O_PATH):
    os.dup2(os.open(sys.argv[1], how), fd)
os.execv("/bin/bash", ["bash", "-c", *sys.argv[2:]])' "$OWN/canary" "$1" bash "${@:2}"
}

@test "attack: no name leads what isolate writes into a file that the caller may not write" {
	expect 0 with_canary '
		for name; do
			isolate -s -b 0 --inherit-fds --meta="$name" --run -- /bin/true
			echo $?
			isolate -s --once --inherit-fds --stdout="$name" -- /bin/echo x
			echo $?
			isolate -s --once --inherit-fds --stderr="$name" -- /bin/ls /nothing
			echo $?
			# A copy takes the place of another name of the same file.
			[[ $name != */hard ]] || continue
			isolate -s --once --inherit-fds --copy-out="x=$name" -- /bin/cp /bin/true x
			echo $?
		done' "$OWN/canary" link "$OWN/his/hard" seven /proc/self/fd/7 /dev/fd/8 /proc/thread-self/fd/8
	is "$(sort <<<"$output" | uniq -c | tr -s ' ')" ' 27 2'
	untouched
}

@test "attack: standard output that cannot be written takes no meta file" {
	expect 0 with_canary '
		for fd in 7 8; do
			isolate -s -b 0 --meta=- -o /dev/null --run -- /bin/true >&"$fd"
			echo $?
			isolate -s -b 0 --meta=- --cleanup --no-such-option >&"$fd"
			echo $?
		done'
	is "$output" $'2\n2\n2\n2'
	untouched
}

@test "attack: a name that means something else each moment is opened once, by the caller" {
	local i
	as_caller touch mine
	spawn /usr/bin/python3 -ISc '
import os, sys
while True:
    for to in sys.argv[1:]:
        os.symlink(to, "new")
        os.rename("new", "switch")' "$OWN/canary" mine
	wait_for 10 test -L switch
	for ((i = 0; i < 20; i++)); do
		x own isolate -s -b 0 --meta=switch --run -- /bin/true
		[[ $status == 0 || $status == 2 ]] || fail "status $status"
		x own isolate -s --once --stdout=switch -- /bin/echo x
		[[ $status == 0 || $status == 2 ]] || fail "status $status"
	done
	untouched
}
