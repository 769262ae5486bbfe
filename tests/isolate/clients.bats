# SPDX-License-Identifier: MIT
# What five clients of isolate do with it: their command lines, word for word, in their order, and
# what they do with the answers. Their ways of reading the meta file are summed up in check_meta.

load ../lib/common

setup() {
	common_setup
	need cgroup
}

# Every line of the meta file is key:value. One client fails on a key that it does not know; the
# least tolerant of them all knows these.
check_meta() {
	local file=${1:-$T/meta} known='cg-mem|csw-forced|csw-voluntary|exitcode|exitsig|killed'
	known+='|max-rss|message|status|time|time-wall'
	sed 's/^/  meta: /' "$file"
	not grep -Evq "^($known):." "$file"
	is "$(cut -d: -f1 "$file" | sort | uniq -d)" ""
}

# As `sudo touch FILE && sudo chown USER: FILE` of a client that is an ordinary user.
sudo_touch() {
	touch "$@"
	give_to_caller "$@"
}

# A file of the caller's in the box or elsewhere.
put() { as_caller tee "$1" >/dev/null; }

PATH_INSIDE=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# ---- Judge0 --------------------------------------------------------------------------------------

# judge0_run EXTRA...: as its compile and run steps, which differ in few options.
judge0_run() {
	isolate --cg -s -b "$BOX" -M "$W/metadata.txt" "$@" -k 64000 -p60 \
		-f 4096 -E HOME=/tmp -E PATH="$PATH_INSIDE" -E LANG -E LANGUAGE -E LC_ALL \
		-E JUDGE0_HOMEPAGE -E JUDGE0_SOURCE_CODE -E JUDGE0_MAINTAINER -E JUDGE0_VERSION \
		-d /etc:noexec --run -- /bin/bash "$SCRIPT"
}

@test "clients: Judge0 compiles, runs and cleans up" {
	expect 0 isolate --cg -b "$BOX" --init
	W=$output
	[[ -d $W/box ]]
	# Its files lie beside box/, in a directory that it cannot write itself.
	sudo_touch "$W"/{stdin,stdout,stderr,metadata,compile_output}.txt
	echo 21 | put "$W/stdin.txt"
	echo 'echo "compiling in $HOME"; echo "read n; echo \$((n * 2)); echo oops >&2" >prog; ls /tmp
		ls /etc/passwd; (: | :) && chmod 755 prog' | put "$W/box/compile.sh"

	SCRIPT=compile.sh
	judge0_run --stderr-to-stdout -i /dev/null -t 150 -x 0 -w 2000 --cg-timing --cg-mem=512000 \
		>"$W/compile_output.txt"
	is "$(cat "$W/compile_output.txt")" $'compiling in /tmp\n/etc/passwd'
	check_meta "$W/metadata.txt"
	rm "$W/metadata.txt" "$W/compile_output.txt" "$W/box/compile.sh"

	sudo_touch "$W/metadata.txt"
	echo ./prog | put "$W/box/run.sh"
	SCRIPT=run.sh
	judge0_run -t 500 -x 1.0 -w 1000 --no-cg-timing -m 512000 --share-net \
		<"$W/stdin.txt" >"$W/stdout.txt" 2>"$W/stderr.txt"
	# With -s nothing but the program's own.
	is "$(cat "$W/stdout.txt" "$W/stderr.txt")" $'42\noops'
	check_meta "$W/metadata.txt"
	grep -q ^cg-mem: "$W/metadata.txt"

	# Program and script are the caller's again, as are the files beside box/.
	as_caller rm "$W/box/run.sh" "$W/box/prog"
	is "$(stat -c %U "$W"/*.txt | sort -u | wc -l)" 1
	rm -rf "${W:?}"/box/* "${W:?}"/*.txt
	expect 0 isolate --cg -b "$BOX" --cleanup
	[[ ! -e $W ]] || fail 'Judge0: "Cleanup of sandbox failed"'
}

@test "clients: Judge0 counts boxes up to 2147483646" {
	big() {
		with_conf 'num_boxes = 2147483647' "$TEST_PREFIX/bin/isolate" -b 2147483646 "$@"
	}
	expect 0 big --cg --init
	is "$output" "$BOXES/2147483646"
	expect 0 big --cg -s -p --run -- /bin/sh -c 'id -u'
	is "$output" $((2147483646 + $(conf first_uid)))
	expect 0 big --cg --cleanup
}

# ---- Piston --------------------------------------------------------------------------------------

# piston_run BOX NAME ARG...: a stage, compile or run, in this box.
piston_run() {
	isolate --run "-b$1" "--meta=$T/$1-metadata.txt" --cg -s -c /box/submission -E HOME=/tmp \
		-E '' -E GREETING=hello -E PISTON_LANGUAGE=shell "--dir=$T/pkg" --dir=/etc:noexec \
		--processes=64 --open-files=2048 --fsize=10000 --wall-time=1000 --time=1000 --extra-time=0 \
		--cg-mem=128000 --share-net -- /bin/bash "$T/pkg/$2" "${@:3}"
}

@test "clients: Piston compiles in one box, renames the result into the next and runs it" {
	local a=$BOX b=$((BOX + 1))
	as_caller mkdir "$T/pkg"
	echo 'mkdir out; printf "echo \$GREETING \$1" >out/prog; chmod 700 out/prog' | put "$T/pkg/compile"
	echo 'read -r line; exec /bin/sh out/prog "$line:$1"' | put "$T/pkg/run"
	as_caller chmod -R 755 "$T/pkg"

	expect 0 isolate --init --cg "-b$a"
	as_caller mkdir "$output/box/submission"
	echo code | put "$output/box/submission/main.code"
	expect 0 piston_run "$a" compile main.code
	check_meta "$T/$a-metadata.txt"

	expect 0 isolate --init --cg "-b$b"
	as_caller python3 -ISc 'import os, sys; os.rename(*sys.argv[1:])' \
		"$BOXES/$a/box/submission" "$BOXES/$b/box/submission"
	expect 0 piston_run "$b" run main.code <<<world
	is "$output" "hello world:main.code"
	is "$stderr" ""

	# All dirty boxes at once.
	isolate --cleanup --cg "-b$a" &
	expect 0 isolate --cleanup --cg "-b$b"
	wait $!
	[[ ! -e $BOXES/$a && ! -e $BOXES/$b ]]
}

@test "clients: Piston's pipes are sockets, and too much output makes it send ABRT" {
	expect 0 isolate --init --cg "-b$BOX"
	as_caller mkdir "$output/box/submission" "$T/pkg"
	echo 'cat; echo to stderr >&2; while echo much more; do :; done' | put "$T/pkg/run"
	expect 0 as_caller python3 - "$TEST_PREFIX/bin/isolate" --run "-b$BOX" "--meta=$T/meta" --cg -s \
		-c /box/submission "--dir=$T/pkg" --processes=64 --wall-time=1000 -- \
		/bin/bash "$T/pkg/run" <<-'END'
		import signal, socket, subprocess, sys
		mine, his = zip(*(socket.socketpair() for _ in range(3)))
		proc = subprocess.Popen(sys.argv[1:], stdin=his[0], stdout=his[1], stderr=his[2])
		for s in his: s.close()
		mine[0].send(b"input\n"); mine[0].shutdown(socket.SHUT_WR)
		got = b""
		while len(got) < 100000: got += mine[1].recv(4096)
		assert got.startswith(b"input\nmuch more\n"), got[:30]
		assert mine[2].recv(100) == b"to stderr\n"
		proc.send_signal(signal.SIGABRT)
		while mine[1].recv(65536): pass
		print(proc.wait())
	END
	is "$output" 2
	check_meta
	meta_is status XX
	meta_is killed 1
	expect 0 isolate --cleanup --cg "-b$BOX"
}

# ---- camisole ------------------------------------------------------------------------------------

@test "clients: camisole reads the configuration and picks a box that is not there" {
	local id
	# Any file among the boxes would end it, as would a key that is there twice.
	expect 0 isolate --box-id "$BOX" --cg --init
	isolate -b $((BOX + 1)) --cg --init >/dev/null
	isolate -b $((BOX + 1)) --cg --run -- /bin/true
	for file in "$CONF" "$TESTS_DIR/../default.cf"; do
		expect 0 as_caller python3 - "$file" "$BOX" <<-'END'
			import configparser, itertools, pathlib, sys
			p = configparser.ConfigParser()
			p.read_file(itertools.chain(["[dummy]\n"], open(sys.argv[1])))
			boxes = p.getint("dummy", "num_boxes")
			root = pathlib.Path(p.get("dummy", "box_root"))
			if root.exists():
			    busy = {int(p.name) for p in root.iterdir()}
			    print(len(set(range(boxes)) - busy) > 0, int(sys.argv[2]) in busy)
		END
	done
	expect 0 isolate --box-id "$BOX" --cg --cleanup
}

@test "clients: camisole runs with its own names for output" {
	expect 0 isolate --box-id "$BOX" --cg --init
	set_caller LANG=C.UTF-8
	put "$T/meta" </dev/null
	expect 1 isolate --box-id "$BOX" --cg -d /etc/alternatives:maybe --cg-mem=100000 --extra-time=0.5 \
		--fsize=1000 --mem=1000000 -p --quota=5000,500 --stack=10000 --time=200 --wall-time=1000 --env PATH \
		--env LD_LIBRARY_PATH --env LANG --env=LEVEL=3 "--meta=$T/meta" --stdout=._stdout \
		--stderr=._stderr --run -- /bin/sh -c 'cat; echo $LANG $LEVEL >&2; kill -SEGV $$' <<<data
	is "$output" ""
	is "$(as_caller cat "$BOXES/$BOX/box/._stdout")" data
	is "$(as_caller cat "$BOXES/$BOX/box/._stderr")" "C.UTF-8 3"
	check_meta
	meta_is status SG
	meta_is exitsig 11
	expect 0 isolate --box-id "$BOX" --cg --cleanup
}

# ---- CMS -----------------------------------------------------------------------------------------

# cms_run META EXTRA... -- CMD...: with the sandbox's home, which is bound to /tmp.
cms_run() {
	local meta=$1
	shift
	isolate --cg "--box-id=$BOX" --chdir=/tmp "--dir=/tmp=$H:rw" --dir=/dev/shm:tmp \
		--dir=/etc/alternatives=/etc/alternatives:maybe --env=HOME=/tmp --fsize=1048576 \
		--stack=524288 --cg-mem=262144 --time=200 --wall-time=1000 --extra-time=0.5 \
		"--meta=$T/cms/$meta" "$@"
}

cms_start() {
	H=$T/cms/home
	as_caller mkdir -m 700 "$T/cms"
	as_caller mkdir "$H"
	as_caller chmod 777 "$H"
	expect 0 isolate "--box-id=$BOX" --cg --cleanup
	expect 0 isolate "--box-id=$BOX" --cg --init
}

# What it does with its directory afterwards; it cannot remove what the box's user made before that.
cms_end() {
	x isolate "--box-id=$BOX" --cg "--dir=/tmp=$H:rw" --run -- /bin/chmod 777 -R /tmp
	((status < 2))
	expect 0 isolate "--box-id=$BOX" --cg --cleanup
	expect 0 as_caller rm -r "$T/cms"
}

@test "clients: CMS compiles and evaluates in a directory of its own" {
	cms_start
	echo 'echo "read l; echo \$l \$l; echo >other" >prog; mkdir d; echo x >d/f; echo warning >&2' |
		put "$H/compile.sh"
	expect 0 cms_run run.meta.0 --stdout=/tmp/compiler_stdout.txt --processes=1000 \
		--stderr=/tmp/compiler_stderr.txt --verbose --run -- /bin/sh compile.sh
	check_meta "$T/cms/run.meta.0"
	is "$(as_caller cat "$H/compiler_stderr.txt")" warning
	# A bound directory is never chowned.
	is "$(stat -c %u "$H/prog" "$H/d/f" "$H")" \
		"$(printf '%s\n' $(($(conf first_uid) + BOX)){,} "$(stat -c %u "$T")")"

	# The program may write its output and nothing else.
	echo shout | put "$H/input.txt"
	as_caller touch "$H/output.txt" "$H/stderr.txt"
	as_caller chmod 755 "$H"
	as_caller chmod 722 "$H/output.txt" "$H/stderr.txt"
	expect 1 cms_run run.meta.1 --stdin=/tmp/input.txt --stdout=/tmp/output.txt --processes=1 \
		--stderr=/tmp/stderr.txt --run -- /bin/sh prog
	is "$(as_caller cat "$H/output.txt")" "shout shout"
	grep -qi denied "$H/stderr.txt"
	grep -qx "message:Exited with error status 2" "$T/cms/run.meta.1"
	[[ ! -e $H/other ]]
	check_meta "$T/cms/run.meta.1"
	cms_end
}

@test "clients: CMS lets a manager talk to a program by fifos in a bound directory" {
	local fifos=$T/cms/fifos
	cms_start
	as_caller mkdir "$fifos"
	as_caller mkfifo "$fifos/u_to_m" "$fifos/m_to_u"
	as_caller chmod 755 "$fifos"
	as_caller chmod 666 "$fifos/u_to_m" "$fifos/m_to_u"
	isolate --cg "--box-id=$((BOX + 1))" --init >/dev/null
	# It opens them itself, in the order in which isolate opens those of the program.
	spawn isolate --cg "--box-id=$((BOX + 1))" "--dir=/fifo0=$fifos:rw" --wall-time=1000 \
		"--meta=$T/manager" --processes=1 --run -- /bin/sh -c '
		exec 3>/fifo0/m_to_u 4</fifo0/u_to_m; echo 20 >&3; read n <&4; echo "$n" >/box/answer'
	expect 0 cms_run run.meta.0 "--dir=/fifo0=$fifos:rw" --stdin=/fifo0/m_to_u \
		--stdout=/fifo0/u_to_m --processes=1 --run -- /bin/sh -c 'read n; echo $((n + 1))'
	wait "$pid"
	is "$(cat "$BOXES/$((BOX + 1))/box/answer")" 21
	check_meta "$T/manager"
	cms_end
}

# ---- ReCodEx -------------------------------------------------------------------------------------

@test "clients: ReCodEx' worker binds its directory and reads nothing but the meta file" {
	expect 0 isolate --cg "--box-id=$BOX" --init 2>/dev/null
	as_caller mkdir -p "$T/work/eval" "$T/isolate/$BOX"
	as_caller chmod 777 "$T/work/eval"
	as_caller chmod 755 "$T/work"
	echo 7 | put "$T/work/eval/in"
	# Standard input is open for writing only.
	expect 1 as_caller bash -c 'exec >/dev/null 2>&1 <&1 "$@"' bash "$TEST_PREFIX/bin/isolate" \
		--cg --cg-timing "--box-id=$BOX" --cg-mem=131072 --mem=131072 --time=0.200000 \
		--wall-time=1000.000000 --extra-time=0.100000 --stack=65536 --fsize=1024 --quota=8192,100 --stdin=../evaluate/in \
		--stdout=../evaluate/out --chdir=../evaluate --processes --env=A=b "--dir=evaluate=$T/work/eval:rw" \
		"--meta=$T/isolate/$BOX/meta.log" --run -- /bin/sh -c 'cat; echo $A; pwd; while :; do :; done'
	is "$(cat "$T/work/eval/out")" $'7\nb\n/evaluate'
	check_meta "$T/isolate/$BOX/meta.log"
	grep -qx status:TO "$T/isolate/$BOX/meta.log"
	grep -qx killed:1 "$T/isolate/$BOX/meta.log"
	expect 0 isolate --cg "--box-id=$BOX" --cleanup 2>/dev/null
}

# ---- Others --------------------------------------------------------------------------------------

@test "clients: one tells a box that exists by the beginning of all that --init prints" {
	iso() { with_conf 'init_existing = refuse' "$TEST_PREFIX/bin/isolate" --cg "--box-id=$BOX" "$@"; }
	expect 0 iso --init
	is "$output$stderr" "$BOXES/$BOX"
	expect 2 iso --init
	[[ $output$stderr == "Box already exists"* ]] || fail "it starts otherwise: $output$stderr"
	expect 0 iso --cleanup
	expect 0 iso --init
	# As %g prints a limit that is large; the well-known tool takes it.
	expect 0 iso --time=1e+06 --wall-time=1.5e+06 --extra-time=5e-01 --run -- /bin/true
	expect 0 iso --cleanup
}
