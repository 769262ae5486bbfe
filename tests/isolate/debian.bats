# SPDX-License-Identifier: MIT
# --image with a large one of the world: Debian's essential packages, Python, gcc, the JDK, busybox.

load ../lib/common
load ../lib/images

setup() {
	common_setup
	need overlay dpkg-query javac gcc busybox
	fixture debian
	set_caller XDG_DATA_HOME="$TEST_FIXTURES/debian"
}

run() { isolate -s -p --once --image=localhost/debian:1 "$@"; }

@test "debian: shells and tools, and who is asked who he is" {
	[[ -L $TEST_FIXTURES/debian/isolate/images/layers/sha256/$(printf '%064x' 1)/bin ]]
	expect 0 run -- bash -c 'id -un && id -gn && busybox id -u && ls -ld / /bin | wc -l && sort -r <<<$'"'"'1\n2'"'"' | head -n 1 && echo ~'
	is "$(sed 3d <<<"$output" | paste -sd ' ')" "box box 2 2 /box"
	expect 1 run -- cat /etc/shadow /root/x
	expect 0 run -- perl -e 'print((getpwuid($<))[0], "\n")'
	is "$output" box
}

@test "debian: a Python program" {
	expect 0 run -- python3 -c 'import getpass, json, os, tempfile
f = tempfile.TemporaryFile()
print(json.dumps([getpass.getuser(), os.path.expanduser("~"), f.write(b"x")]))'
	is "$output" '["box", "/box", 1]'
}

@test "debian: C is compiled and run" {
	echo 'int printf(const char *, ...); int main(void) { printf("hello %d\n", 6 * 7); return 3; }' >"$T/p.c"
	expect 1 run "$M" --copy-in="$T/p.c" -- sh -c 'gcc -O2 -o p p.c && exec ./p'
	is "$output" "hello 42"
	meta_is exitcode 3
}

@test "debian: Java is compiled and run" {
	echo 'class P { public static void main(String[] a) { System.out.println(System.getProperty("user.name")
		+ " " + System.getProperty("user.home") + " " + 6 * 7); } }' >"$T/P.java"
	expect 0 run --copy-in="$T/P.java" -- sh -c 'javac -J-Xshare:auto P.java && exec java -Xint P'
	is "$output" "box /box 42"
}
