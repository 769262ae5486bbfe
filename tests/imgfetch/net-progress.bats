# SPDX-License-Identifier: MIT
# What people see of a pull: bars on a terminal of any width, plain lines elsewhere, nothing with -q.
load ../lib/common
load ../lib/layoutreg

setup_file() {
	local d=$BATS_FILE_TMPDIR
	mkdir "$d/a" "$d/b"
	head -c 1000000 /dev/urandom >"$d/a/noise"
	head -c 500000 /dev/urandom >"$d/b/more"
	"$TESTS_DIR/lib/mklayout" --tag v1 --compress none "$d/layout" "$d/a" "$d/b" >/dev/null
	layoutreg_start "$d/layout"
}
teardown_file() { layoutreg_stop; }

# Runs the command in a terminal of 20 lines and COLUMNS columns, which is made NARROWER as soon as a
# bar has been seen, and prints all that is written to it.
# shellcheck disable=SC2016
in_terminal() {
	as_caller python3 -c '
import fcntl, os, pty, struct, sys, termios
columns, narrower, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
def size(fd, n):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 20, n, 0, 0))
pid, fd = pty.fork()
if pid == 0:
    size(0, columns)
    os.environ["TERM"] = os.environ.get("TERM_OF_TEST", "xterm")
    os.execv(command[0], command)
seen = b""
while True:
    try:
        piece = os.read(fd, 65536)
    except OSError:
        break
    if not piece:
        break
    seen += piece
    if narrower and b"%" in seen:
        size(fd, narrower)
        seen += b"\n<narrower>\n"
        narrower = 0
sys.stdout.buffer.write(seen.replace(b"\r", b""))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
' "$@"
}

# Lines as they stand on the screen, each with the sequences for the cursor taken off.
lines() { sed 's/\x1b\[[0-9]*[A-Z]//g' "$T/x.out"; }
widest() { lines | awk '{ if (length($0) > w) w = length($0) } END { print w }'; }

@test "pull: on a terminal there are bars with rate and remaining time" {
	expect 0 in_terminal 100 0 "$TEST_PREFIX/bin/imgfetch" pull --no-sync --store="$T/store" \
		"$NET/rate500000:v1"
	lines | grep -qE '^layer [0-9a-f]{12} \[[#.]{30}\] +[0-9]+%  [0-9.]+ .?B of [0-9.]+ .B  [0-9.]+ [kM]B/s  0:0[0-9] left$'
	lines | grep -qE '^all +\[[#.]{30}\] +[0-9]+%'
	is "$(lines | grep -cE '^layer [0-9a-f]{12}: done, [0-9.]+ .B in [0-9.]+ s$')" 2
	(($(widest) < 100)) || fail "$(widest) columns"
	# What is drawn is taken off again: at the end the cursor goes up, and all below is cleared.
	is "$(lines | tail -n 1)" "$(jq -r .manifests[0].digest "$BATS_FILE_TMPDIR/layout/index.json")"
}

@test "pull: bars never wrap, however narrow the terminal is or becomes" {
	expect 0 in_terminal 80 50 "$TEST_PREFIX/bin/imgfetch" pull -q --no-sync --store="$T/quiet" \
		"$NET/x:v1"
	is "$(lines | wc -l)" 1
	expect 0 in_terminal 90 50 "$TEST_PREFIX/bin/imgfetch" pull --no-sync --store="$T/store" \
		"$NET/rate500000:v1"
	lines | sed '/<narrower>/,$d' | grep -q '^layer.*\['
	# One picture may be on its way while the terminal changes.
	is "$(lines | sed '1,/<narrower>/d' | grep '%' | tail -n +4 | awk 'length($0) > 49')" ""
	lines | sed '1,/<narrower>/d' | grep '%' | tail -n +4 | grep -q left
	expect 0 in_terminal 20 0 "$TEST_PREFIX/bin/imgfetch" pull --no-sync --store="$T/tiny" "$NET/x:v1"
}

@test "pull: elsewhere there are plain lines" {
	expect 0 imgfetch pull --no-sync --store="$T/store" "$NET/x:v1"
	is "$(grep -cE '^layer [0-9a-f]{12}: done, [0-9.]+ .B in [0-9.]+ s$' "$T/x.err")" 2
	is "$(wc -l <"$T/x.err")" 2
	not grep -q $'\x1b' "$T/x.err"
	export TERM_OF_TEST=dumb
	expect 0 in_terminal 80 0 "$TEST_PREFIX/bin/imgfetch" pull --no-sync --store="$T/dumb" "$NET/x:v1"
	not grep -q $'\x1b' "$T/x.out"
	is "$(grep -cE '^layer [0-9a-f]{12}: done,' "$T/x.out")" 2
}
