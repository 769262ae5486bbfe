# SPDX-License-Identifier: MIT
# A place for an installation that nothing else on the machine sees: sourced by tests/lib/part and
# tests/demo/run, both root in a mount namespace of their own.
#
#   place_open PREFIX DIR   DIR (on disk) appears on PREFIX below a fresh, private /run, because the
#                           configuration of a setuid program must lie in root-owned folders wherever
#                           the clone lies; makes PREFIX/tmp and PREFIX/var/{boxes,locks}
#   place_cgroups NAME      finds out what limits can be made of: sets CG (v1, v2, none), CG_ROOT (value
#                           for the configuration) and CG_DIRS (folders to remove at the end)
#   place_config            writes PREFIX/etc/isolate for uids from BASE_UID on
#   place_processes         prints the ids of processes that were left
#   place_close             ends those, removes CG_DIRS; mounts die with the namespace
#
# shellcheck disable=SC2034 # what is set here is for those who source it
# BASE_UID: 10000 uids nobody has, apart for each run, as the kernel counts processes by uid and
# several runs may share a machine. Boxes get the first 4500, callers BASE_UID + 9000 and on.

BASE_UID=$((1000000 + ($$ % 1000) * 10000))
PREFIX='' CG=none CG_ROOT=auto CG_DIRS=() CG_ENABLED=() CG2=''

place_open() {
	exec {place_fd}<"$2"
	[[ -d /run/vm-disk ]] || mount -t tmpfs -o mode=755 tmpfs /run
	mkdir -p "$1"
	mount --bind "/proc/self/fd/$place_fd" "$1"
	exec {place_fd}<&-
	PREFIX=$1
	mount -o remount,bind,suid,exec,dev "$PREFIX"
	mkdir -p "$PREFIX"/{tmp,var}
	# On overlayfs (a container's disk) no whiteout can be made, and so no layer be stored.
	if ! mknod "$PREFIX/var/whiteout" c 0 0 2>/dev/null; then
		mount -t tmpfs -o mode=755 tmpfs "$PREFIX/var"
		mount -t tmpfs -o mode=755 tmpfs "$PREFIX/tmp"
	fi
	rm -f "$PREFIX/var/whiteout"
	mkdir -p "$PREFIX"/var/{boxes,locks}
	chmod 755 "$PREFIX" "$PREFIX"/{tmp,var} "$PREFIX/var/boxes"
	chmod 700 "$PREFIX/var/locks"
}

place_cgroups() {
	local name=$1 dir c
	CG2=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
	if awk '$1 == "memory" && $2 != 0 { ok = 1 } END { exit !ok }' /proc/cgroups; then
		CG=v1 CG_ROOT=v1:/$name
		while read -r dir; do
			CG_DIRS+=("$dir/$name")
		done < <(awk '$3 == "cgroup" { print $2 }' /proc/mounts)
	elif [[ $CG2 ]] && grep -qw memory "$CG2/cgroup.controllers"; then
		CG=v2 CG_ROOT=$CG2/$name
		CG_DIRS=("$CG_ROOT")
		# What limits and meters need; taken back at the end if nobody had it on.
		for c in cpuset cpu io memory pids; do
			if grep -qw "$c" "$CG2/cgroup.controllers" && ! grep -qw "$c" "$CG2/cgroup.subtree_control" &&
				echo "+$c" >"$CG2/cgroup.subtree_control" 2>/dev/null; then
				CG_ENABLED+=("$c")
			fi
		done
		mkdir "$CG_ROOT"
	fi
}

place_config() {
	cat >"$PREFIX/etc/isolate" <<-EOF
		# Written by tests/lib/place.bash.
		box_root = $PREFIX/var/boxes
		lock_root = $PREFIX/var/locks
		image_root = $PREFIX/var/images
		cg_root = $CG_ROOT
		first_uid = $BASE_UID
		first_gid = $BASE_UID
		num_boxes = 4500
		user_images = yes
	EOF
}

# Processes with one of our uids, or of a program of ours (told by its inode: a run elsewhere on the
# machine has the same paths), or in our cgroups.
place_processes() {
	local ours dir
	[[ $PREFIX ]] || return 0
	grep -sE '^(State|Uid):' /proc/[0-9]*/status |
		awk -v low="$BASE_UID" -v high="$((BASE_UID + 9999))" -F '[/:\t ]+' '
			$5 == "State" { zombie = $6 == "Z" }
			$5 == "Uid" && !zombie { for (i = 6; i <= 9; i++) if (low <= $i && $i <= high) {
				print $3; next } }'
	ours=$(stat -c %d:%i "$PREFIX" "$PREFIX"/bin/* 2>/dev/null || true)
	# A process may be gone by now, and a zombie or a kernel thread has no exe.
	stat -L -c '%d:%i %n' /proc/[0-9]*/exe 2>/dev/null |
		awk -v ours="$ours" 'BEGIN { n = split(ours, o) } { for (i = 1; i <= n; i++) if ($1 == o[i]) {
			split($2, p, "/"); print p[3] } }'
	for dir in "${CG_DIRS[@]}"; do
		[[ ! -d $dir ]] || find "$dir" -name cgroup.procs -exec cat {} + 2>/dev/null || true
	done
}

place_close() {
	local pid dir c tries=0
	[[ $PREFIX ]] || return 0
	while ((tries++ < 20)); do
		for pid in $(place_processes | sort -un); do kill -KILL "$pid" 2>/dev/null || true; done
		for dir in "${CG_DIRS[@]}"; do
			[[ ! -d $dir ]] || find "$dir" -depth -type d -exec rmdir {} + 2>/dev/null || true
			[[ ! -d $dir ]] || continue 2
		done
		break
	done
	for c in "${CG_ENABLED[@]}"; do echo "-$c" >"$CG2/cgroup.subtree_control" 2>/dev/null || true; done
	CG_DIRS=() CG_ENABLED=()
}
