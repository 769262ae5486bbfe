# SPDX-License-Identifier: MIT
# --meta-format=json: every figure, compared with what others say about the same run.

load ../lib/common

JSON=--meta-format=json
# All names, in order: additions go here, nothing is ever taken away.
NAMES='status message exit_code exit_signal exit_signal_name killed limit_hit oom_killed
cpu_ns cpu_user_ns cpu_system_ns wall_ns cg_mem_bytes max_rss_bytes csw_voluntary csw_forced
faults_minor faults_major io_read_bytes io_written_bytes processes_peak
pressure_cpu_some_ns pressure_cpu_full_ns pressure_memory_some_ns pressure_memory_full_ns
pressure_io_some_ns pressure_io_full_ns box_bytes image box_id isolate_version kernel_version'

run_box() { isolate -b "$BOX" "$M" "$JSON" "$@"; }

# json NAME: its value. json_is NAME VALUE; json_null NAME...
# The file is read once for many calls.
json() {
	local line
	[[ $T/flat -nt $T/meta ]] ||
		jget -m <"$T/meta" >"$T/flat"
	while IFS= read -r -d '' line; do
		[[ $line != "$1="* ]] || { printf '%s\n' "${line#*=}"; return; }
	done <"$T/flat"
	fail "meta: no name $1"
}
json_is() {
	local v
	v=$(json "$1")
	[[ $v == "$2" ]] || { sed 's/^/  meta: /' "$T/meta"; fail "meta: $1 is '$v', not '$2'"; }
}
json_null() {
	local n
	for n; do json_is "$n" null; done
}
# valid: the file is one object and nothing else, with all names in their order. Where starting them
# takes a second, Python and jq are not asked.
valid() {
	local member names=''
	if [[ $TEST_WHERE == native ]]; then
		python3 -ISm json.tool "$T/meta" >/dev/null
		is "$(jq -r 'keys_unsorted | join(" ")' "$T/meta")" "${NAMES//$'\n'/ }"
	fi
	jget -m <"$T/meta" >"$T/flat"
	while IFS= read -r -d '' member; do names+=" ${member%%=*}"; done <"$T/flat"
	is "${names:1}" "${NAMES//$'\n'/ }"
}
# group_file CONTROLLER FILE: as it is now in the group of the box, or nothing when there is none.
group_file() {
	local root
	root=$(isolate --print-cg-root)
	if [[ $TEST_CG == v2 ]]; then
		cat "$root/box-$BOX/$2" 2>/dev/null || true
	else
		cat "/sys/fs/cgroup/$1$root/box-$BOX/$2" 2>/dev/null || true
	fi
}
# make_disk: a directory $disk, in the box $inside, on a device whose input and output count with the
# group: with v1 on a loop device that has a limit (without one nothing is counted since 6.10), with v2
# /box itself, which tests/lib/vm puts on a disk.
make_disk() {
	inside=box
	[[ $TEST_CG == v1 ]] || return 0
	need loop
	inside=disk
	truncate -s 16M "$T/image"
	mkfs.ext4 -q -F -O '^has_journal' "$T/image"
	mkdir "$T/disk"
	mount -o loop "$T/image" "$T/disk"
	chmod 777 "$T/disk"
	echo "$(mountpoint -d "$T/disk") 10737418240" \
		>"/sys/fs/cgroup/blkio$(isolate --print-cg-root)/blkio.throttle.write_bps_device"
}
teardown() {
	local root
	if [[ -e ${T:?}/disk ]]; then
		root=$(isolate --print-cg-root)
		echo "$(mountpoint -d "$T/disk") 0" >"/sys/fs/cgroup/blkio$root/blkio.throttle.write_bps_device"
		umount "$T/disk"
	fi
	common_teardown
}
# sum WORD: of the numbers that follow it.
sum() { { grep -oE "(^|[[:blank:]])$1[0-9]+" || true; } | grep -oE '[0-9]+$' | awk '{ n += $1 } END { print n + 0 }'; }
meter() { run_box "${@:1:$#-4}" --dir=disk="$T/disk:rw:maybe" -c "/${inside:-box}" --dir=tools="$TOOLS" --run -- /tools/meter "${@: -4}"; }

@test "meta-json: all names of a run without a group, and what only a group tells is null" {
	expect 0 isolate -b "$BOX" --init
	expect 0 run_box --run -- /bin/sh -c 'echo hello >f'
	valid
	json_is status OK
	json_is exit_code 0
	json_is killed false
	json_is box_id "$BOX"
	json_is kernel_version "$(uname -r)"
	json_is isolate_version "$(isolate --version | sed -n 's|.*isolate-oci[ -]*||p')"
	json_is cpu_ns "$(($(json cpu_user_ns) + $(json cpu_system_ns)))"
	json_is box_bytes "$(du -s --block-size=1 "$BOXES/$BOX/box" | cut -f1)"
	json_null message exit_signal exit_signal_name limit_hit oom_killed cg_mem_bytes io_read_bytes \
		io_written_bytes processes_peak image pressure_{cpu,memory,io}_{some,full}_ns
	expect 1 run_box --run -- /bin/sh -c 'kill -SEGV $$'
	valid
	json_is status SG
	json_is exit_signal 11
	json_is exit_signal_name SIGSEGV
	json_null exit_code
}

@test "meta-json: errors of the sandbox give the same names, whatever the message holds" {
	expect 0 isolate -b "$BOX" --init
	expect 2 run_box -i $'no"\\\n\xff}' --run -- /bin/true
	valid
	json_is status XX
	is "$(json message)" "${stderr#isolate: }"
	json_null exit_code killed cpu_ns wall_ns max_rss_bytes box_bytes
	json_is box_id "$BOX"
}

@test "meta-json: wrong usage writes none; - is standard output, after what the program wrote" {
	expect 0 isolate -b "$BOX" --init
	expect 2 run_box --meta-format=xml --run -- /bin/true
	says 'neither text nor json'
	expect 2 isolate -b "$BOX" "$JSON" --run -- /bin/true
	says 'needs --meta'
	[[ ! -e $T/meta ]]
	expect 0 isolate -b "$BOX" --meta=- "$JSON" --run -- /bin/echo '{hello'
	is "${output%%$'\n'*}" '{hello'
	tail -n +2 "$T/x.out" >"$T/meta"
	valid
}

@test "meta-json: figures of processes are those that getrusage tells the program" {
	local u minor max_rss
	expect 0 isolate -b "$BOX" --init
	expect 0 meter -p 30 100 3 0
	eval "$output"
	u=$((user_us + system_us))
	# What is metered begins before the program does and ends after it has looked.
	between "${u}000" "$(json cpu_ns)" "$((u + 10000000 * ${TEST_SLOW:-1}))000"
	between "$((max_rss_kib * 1024))" "$(json max_rss_bytes)" "$(((max_rss_kib + 1024) * 1024))"
	json_is cpu_ns "$(($(json cpu_user_ns) + $(json cpu_system_ns)))"
	between $((30 << 8)) "$minor" 9000
	between "$minor" "$(json faults_minor)" $((minor + 500))
	between "$major" "$(json faults_major)" $((major + 50))
	between "$voluntary" "$(json csw_voluntary)" $((voluntary + 50))
	between "$forced" "$(json csw_forced)" "$((forced + 50 * ${TEST_SLOW:-1}))"
	# The kernel never takes back what it has told; it does so in whole microseconds.
	between "${user_us}000" "$(json cpu_user_ns)" "$(($(json cpu_ns) - system_us * 1000))"
	between "${system_us}000" "$(json cpu_system_ns)" "$(($(json cpu_ns) - user_us * 1000))"
}

@test "meta-json: figures of the group are those that its files tell somebody else" {
	need cgroup
	local cpu read written peak memory io ctl pressure=() some
	expect 0 isolate -b "$BOX" --cg --init
	make_disk
	mkfifo "$T/stdin"
	spawn bash -c 'exec "$@" <"$0"' "$T/stdin" "$TEST_PREFIX/bin/isolate" -b "$BOX" --cg "$M" "$JSON" -p \
		--dir=tools="$TOOLS" --dir=disk="$T/disk:rw:maybe" -c "/$inside" \
		--run -- /tools/meter 20 50 3 1024 /box/ready
	exec {hold}>"$T/stdin"
	wait_for 20 test -e "$BOXES/$BOX/box/ready"
	cpu=$(if [[ $TEST_CG == v2 ]]; then group_file cpu cpu.stat | sed -n 's/^usage_usec \(.*\)/\1000/p'
		else group_file cpuacct cpuacct.usage; fi)
	memory=$(group_file memory memory.peak; group_file memory memory.max_usage_in_bytes)
	peak=$(group_file pids pids.peak)
	io=$(group_file none io.stat; group_file blkio blkio.throttle.io_service_bytes)
	for ctl in cpu memory io; do
		pressure[${#pressure[@]}]="$(group_file none $ctl.pressure | sed -n 's/^some .*total=\(.*\)/\1000/p')"
	done
	exec {hold}>&-
	wait "$pid"
	valid
	json_is status OK
	between "$cpu" "$(json cpu_ns)" "$((cpu + 10000000000 * ${TEST_SLOW:-1}))"
	json_is cpu_ns "$(($(json cpu_user_ns) + $(json cpu_system_ns)))"
	if [[ $memory ]]; then
		between "$memory" "$(json cg_mem_bytes)" $((memory + (1 << 20)))
	else
		json_null cg_mem_bytes
	fi
	if [[ $peak ]]; then
		json_is processes_peak "$peak"
		between 4 "$peak" 5
	else
		json_null processes_peak
	fi
	read=$(sum '(rbytes=|Read )' <<<"$io") written=$(sum '(wbytes=|Write )' <<<"$io")
	between 524288 "$read" 1000000
	between 1048576 "$written" 1310720
	# The kernel may write back what is dirty at any time.
	between "$read" "$(json io_read_bytes)" $((read + (1 << 20)))
	between "$written" "$(json io_written_bytes)" $((written + (1 << 20)))
	for ctl in cpu memory io; do
		some=${pressure[0]} pressure=("${pressure[@]:1}")
		if [[ $some ]]; then
			# It waits to be gone as well, perhaps for long.
			between "$some" "$(json pressure_${ctl}_some_ns)" "$((some + 300000000000))"
			between 0 "$(json pressure_${ctl}_full_ns)" "$(json pressure_${ctl}_some_ns)"
		else
			json_null pressure_${ctl}_some_ns pressure_${ctl}_full_ns
		fi
	done
	is "$(json box_bytes)" "$(du -s --block-size=1 "$BOXES/$BOX/box" | cut -f1)"
}

@test "meta-json: every run starts at zero" {
	need cgroup
	expect 0 isolate -b "$BOX" --cg --init
	make_disk
	big() {
		expect 0 meter --cg -p 30 200 5 1024
		between 200000000 "$(json cpu_ns)" 20000000000
		between $((30 << 20)) "$(json cg_mem_bytes)" $((50 << 20))
		between 6 "$(json processes_peak)" 7
		between $((30 << 8)) "$(json faults_minor)" 30000
		between 1048576 "$(json io_written_bytes)" 1310720
	}
	big
	little() {
		x meter --cg -p 1 0 0 0
		((status == 0)) && between 0 "$(json cpu_ns)" "$((100000000 * ${TEST_SLOW:-1}))"
	}
	once_in_five little
	between $((1 << 20)) "$(json cg_mem_bytes)" $((20 << 20))
	json_is processes_peak 1
	between 256 "$(json faults_minor)" 5000
	[[ $TEST_CG == v1 ]] || json_is io_written_bytes 0
	big
}

@test "meta-json: limit_hit names the limit" {
	expect 0 isolate -b "$BOX" --init
	expect 1 run_box -t 0.1 --run -- /bin/sh -c 'while :; do :; done'
	json_is limit_hit time
	expect 1 run_box -w 0.1 --run -- /bin/sleep 100
	json_is limit_hit wall-time
	expect 1 run_box -f 1 --stdout=x --run -- /usr/bin/head -c 5000 /dev/zero
	json_is exit_signal_name SIGXFSZ
	json_is limit_hit output
	expect 1 run_box -f 1 --run -- /bin/sh -c 'exit 1'
	json_null limit_hit
}

@test "meta-json: limit_hit names memory and processes of a group" {
	need cgroup
	expect 0 isolate -b "$BOX" --cg --init
	expect 1 run_box --cg --cg-mem=20000 --run -- /usr/bin/python3 -ISc 'b = bytearray(100 << 20)'
	json_is limit_hit memory
	json_is oom_killed true
	# One that is refused a second process, and carries on.
	expect 0 run_box --cg --run -- /usr/bin/python3 -ISc '
import os
try:
    os.fork()
except OSError:
    pass'
	json_is oom_killed false
	if [[ $(json processes_peak) == null ]]; then
		json_null limit_hit
	else
		json_is limit_hit processes
	fi
}
