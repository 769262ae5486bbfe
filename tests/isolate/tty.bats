# SPDX-License-Identifier: MIT
# --tty-hack: a program that works with a terminal. $T/term.py is the caller's.

load ../lib/common

setup() {
	common_setup
	isolate -b "$BOX" --init >/dev/null
	cat >"$T/term.py" <<-'END'
		# term.py TEXT CMD...: run CMD on a terminal, where TEXT is typed once "ready" is seen.
		# For KILL, isolate is killed then. Prints what is shown, then "exit N", and whether the terminal is as before.
		import fcntl, os, pty, struct, sys, termios
		pid, term = pty.fork()
		if pid == 0:
		    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("4H", 33, 77, 0, 0))
		    os.write(1, b"begin\n")
		    sys.stdin.read(1)
		    os.execvp(sys.argv[2], sys.argv[2:])
		def shown():
		    try: return os.read(term, 4096)
		    except OSError: return b""
		got = b""
		while not got.endswith(b"begin\r\n"): got += shown()
		before = termios.tcgetattr(term)
		os.write(term, b"\n")
		got, typed = b"", False
		while more := shown():
		    got += more
		    if not typed and b"ready" in got:
		        typed = True
		        if sys.argv[1] == "KILL": os.kill(pid, 9)
		        else: os.write(term, sys.argv[1].encode().decode("unicode_escape").encode())
		status = os.waitpid(pid, 0)[1]
		print(got.decode().replace("\r\n", "\n"), end="")
		print("exit", os.waitstatus_to_exitcode(status), termios.tcgetattr(term) == before)
	END
}

on_terminal() { as_caller python3 "$T/term.py" "$1" "$TEST_PREFIX/bin/isolate" -b "$BOX" "$M" "${@:2}"; }

@test "tty-hack: the program has a terminal of its own, of the same size" {
	# Field 7 is the controlling terminal, 8 its foreground group.
	expect 0 on_terminal 'typed\n' -p --tty-hack --run -- /bin/sh -c '
		test -t 0 && test -t 1 && test -t 2 && echo three
		read -r x x x x x x tty fg x </proc/self/stat; [ "$tty" != 0 ] && echo "group $fg"
		/usr/bin/python3 -ISc "import os; print(os.get_terminal_size())"
		echo ready; read -r line </dev/tty; echo "got $line" >/dev/tty'
	prints $'three\ngroup 2\nos.terminal_size(columns=77, lines=33)\nready\n'
	prints $'got typed\nOK ('
	[[ $output == *$'\nexit 0 True' ]]
	meta_is exitcode 0
}

@test "tty-hack: ^C is the program's, and so is what it does to the terminal" {
	# (A shell that is about to fork may lose it, on any terminal.)
	expect 0 on_terminal '\x03' --tty-hack --run -- /usr/bin/python3 -ISc '
import termios, time
mode = termios.tcgetattr(0)
mode[3] &= ~(termios.ECHO | termios.ICANON)
termios.tcsetattr(0, termios.TCSANOW, mode)
try:
    print("ready", flush=True)
    time.sleep(1000)
except KeyboardInterrupt: raise SystemExit(5)'
	prints "Exited with error status 5"
	[[ $output == *$'\nexit 1 True' ]]
	# Without, it is isolate's.
	expect 0 on_terminal '\x03' --run -- /bin/sh -c 'echo ready; exec sleep 1000'
	prints Interrupted
	prints "exit 1 True"
}

@test "tty-hack: all that was printed is shown before the outcome is" {
	expect 0 on_terminal '' -p --tty-hack --run -- /usr/bin/seq 1 5000
	is "$(tail -n 3 <<<"$output" | sed 's/(.*//')" $'5000\nOK \nexit 0 True'
	is "$(grep -Ec "^[0-9]+$" <<<"$output")" 5000
}

@test "tty-hack: a killed keeper leaves the terminal as it was" {
	expect 0 on_terminal KILL -p --tty-hack --run -- /bin/sh -c 'echo ready; exec sleep 1000'
	[[ $output == *"ready"$'\n'"exit -9 True" ]]
	expect 0 isolate -b "$BOX" --run -- /bin/true
}

@test "tty-hack: does nothing without a terminal, and is refused in the background of one" {
	expect 0 isolate -s -b "$BOX" --tty-hack --run -- /bin/cat <<<text
	is "$output" text
	expect 0 as_caller python3 "$T/term.py" '' bash -c "set -m; $TEST_PREFIX/bin/isolate -b $BOX \
		--tty-hack --run -- /bin/true & wait"
	prints "--tty-hack: isolate is in the background"
}
