# SPDX-License-Identifier: MIT
# Where control groups are made: cg_root and --print-cg-root. What systemd gives is in systemd.bats.

load ../lib/common
load ../lib/cgroup

setup() {
	common_setup
	need cgroup
	CT=$(cg2_mount)/ct-$BOX # for contained
}

# contained SCRIPT ARG...: isolate with these arguments as in a container: in a cgroup namespace whose
# root is the group $CT, which has processes in it; after SCRIPT, where $ISO is isolate. /run/isolate
# is empty there.
contained() {
	local script=$1
	shift
	own_conf
	mkdir -p "$CT" /run/isolate
	CG_CONF=$T/conf ISO="${CALLER[*]} $TEST_PREFIX/bin/isolate" \
		bash -euc 'echo $$ >"$1/cgroup.procs"; shift; exec "$@"' _ "$CT" \
		unshare --mount --cgroup --propagation private bash -euc '
			mount --bind "$CG_CONF" "$1"
			umount -R /sys/fs/cgroup
			mount -t cgroup2 cgroup2 /sys/fs/cgroup
			mount -t tmpfs none /run/isolate
			eval "$2"
			shift 2
			$ISO "$@"' _ "$CONF" "$script" "$@"
}

@test "cgroot: --print-cg-root tells where, and makes nothing" {
	local root place dir
	if [[ $TEST_CG == v1 ]]; then
		root=v1:/print-$BOX place=/print-$BOX
		dir=$(awk '$3 == "cgroup" && /[, ]memory[, ]/ { print $2 }' /proc/mounts)$place
	else
		root=$(cg2_mount)/print-$BOX place=$root dir=$root
	fi
	expect 0 without "$(set_root "$root")" --print-cg-root
	is "$output" "$place"
	is "$stderr" ""
	[[ ! -e $dir ]] || fail "the group was made"
	# The parent of the boxes stays when the last of them is gone: somebody may be about to use it.
	without "$(set_root "$root")" -b "$BOX" --cg --init >/dev/null
	without "$(set_root "$root")" -b "$BOX" --cg --cleanup
	is "$(find "$dir" -type d)" "$dir"
	if [[ $TEST_CG == v1 ]]; then
		for dir in $(awk '$3 == "cgroup" { print $2 }' /proc/mounts); do
			[[ ! -d $dir$place ]] || rmdir "$dir$place"
		done
	else
		rmdir "$dir"
	fi
	expect 2 without "$(set_root /nowhere/at/all)" --print-cg-root
	one_line
	says "open control group '/nowhere/at/all'"
	is "$output" ""
}

@test "cgroot: auto is hierarchies of version 1 where these have the controllers" {
	need v1
	expect 0 without "$(set_root auto)" --print-cg-root
	is "$output" /isolate
}

@test "cgroot: a file of the keeper's is believed if only root can write it, and its group is there" {
	local file=/run/isolate/cgroup root
	root="$(set_root auto) mkdir -p /run/isolate; mount -t tmpfs none /run/isolate;"
	expect 2 without "$root echo /sys/fs/cgroup/gone-$BOX >$file" -b "$BOX" --cg --init
	one_line
	says "'/sys/fs/cgroup/gone-$BOX', which '$file' names, is gone: systemctl restart isolate"
	expect 2 without "$root echo /sys >$file; chown $TEST_UID $file" -b "$BOX" --cg --init
	one_line
	says "$file"
	expect 2 without "$root echo relative >$file" -b "$BOX" --cg --init
	one_line
	says "no absolute path"
	expect 2 without "$root echo /proc >$file" -b "$BOX" --cg --init
	one_line
	says "'/proc' is not in a cgroup v2 file system"
	[[ ! -e $BOXES/$BOX ]] || fail "a box was made"
}

@test "cgroot: auto is a group of its own below a bare hierarchy of version 2" {
	need v2
	local mount
	mount=$(cg2_mount)
	[[ ! -e $mount/init.scope ]] || skip "part: systemd manages the hierarchy"
	expect 0 without "$(set_root auto)" --print-cg-root
	is "$output" "$mount/isolate"
	[[ ! -e $mount/isolate ]] || fail "the group was made"
	without "$(set_root auto)" -b "$BOX" --cg --init >/dev/null
	expect 0 without "$(set_root auto)" -b "$BOX" -v "$M" --cg --run -- /bin/true
	says "control groups: v2 $mount/isolate"
	rmdir "$mount/isolate"
	expect 0 isolate -b "$BOX" --cg --cleanup
}

@test "cgroot: where systemd manages the hierarchy, its unit is asked for" {
	need v2
	expect 2 contained "$(set_root auto) mkdir /sys/fs/cgroup/init.scope" -b "$BOX" --cg --init
	one_line
	says "systemctl enable --now isolate"
	is "$(find "$CT" -mindepth 1 -type d)" "$CT/init.scope"
	remove_groups "$CT"
}

@test "cgroot: processes in the root of a container are moved only if the configuration says so" {
	need v2
	local command
	for command in --print-cg-root --init; do
		expect 2 contained "$(set_root auto "cg_move_processes = no")" -b "$BOX" --cg "$command"
		one_line
		says "a parent of '/sys/fs/cgroup/isolate' holds processes"
		says "set cg_move_processes = yes"
		[[ ! -e $CT/isolate-rest ]] || fail "processes were moved"
	done
	expect 0 contained "$(set_root auto "cg_move_processes = yes")" --print-cg-root
	is "$output" /sys/fs/cgroup/isolate
	is "$(find "$CT" -mindepth 1 -type d)" "$CT/isolate"

	# Afterwards there is nothing left to move, and no leave to do so is needed.
	spawn sleep 1000
	echo "$pid" >"$CT/cgroup.procs"
	expect 0 contained "$(set_root auto "cg_move_processes = yes") \$ISO -b $BOX --cg --init >/dev/null
		sed /^cg_move/d \"\$CG_CONF\" >\"\$CG_CONF.new\"; cat \"\$CG_CONF.new\" >\"\$CG_CONF\"" \
		-b "$BOX" -v "$M" --cg --cg-mem=50000 --run -- /bin/true
	says "control groups: v2 /sys/fs/cgroup/isolate"
	meta cg-mem
	is "$(<"$CT/isolate-rest/cgroup.procs")" "$pid"
	is "$(<"$CT/cgroup.procs")" ""
	kill -KILL "$pid"
	remove_groups "$CT"
	expect 0 isolate -b "$BOX" --cg --cleanup
}

@test "cgroot: a controller that a container was not given is named" {
	need v2
	local outer
	outer=$(cg2_mount)/outer-$BOX
	CT=$outer/ct
	mkdir -p "$CT"
	echo +memory >"$outer/cgroup.subtree_control"
	expect 2 contained "$(set_root auto "cg_move_processes = yes")" -b "$BOX" --cg --init
	one_line
	says "cgroup controller 'pids' is missing"
	says "let whoever started this container delegate it"
	remove_groups "$outer"
}

@test "cgroot: a hierarchy that is mounted read-only is told" {
	need v2
	expect 2 contained "$(set_root auto "cg_move_processes = yes") mount -o remount,bind,ro /sys/fs/cgroup" \
		-b "$BOX" --cg --init
	one_line
	says "mount the cgroup hierarchy writable"
	remove_groups "$CT"
}
