# SPDX-License-Identifier: MIT
# Boxes on a file system with project quotas, for bats files about --disk and --quota. Load it after
# common.bash; setup() calls quota_setup after common_setup, teardown() quota_teardown at its end.

quota_setup() { IMAGE=''; }
quota_teardown() { [[ ! $IMAGE ]] || umount "$IMAGE.d"; }

# quota_place [OPTION]: boxes are on an ext4 with quotas of projects from here on, mounted with this.
quota_place() {
	IMAGE=$TEST_PREFIX/var/quota-$BOX
	mkdir -p "$IMAGE.d"
	truncate -s 64M "$IMAGE"
	mkfs.ext4 -q -F -O quota,project,^has_journal -E quotatype=prjquota "$IMAGE"
	modprobe -q loop || true
	if ! mount -o "loop,${1:-prjquota}" "$IMAGE" "$IMAGE.d" 2>"$T/mount.err"; then
		rm "$IMAGE"
		IMAGE=''
		skip "part: this kernel has no disk quotas"
	fi
	rm "$IMAGE" # the loop device holds it
	sed "s|^box_root.*|box_root = $IMAGE.d/boxes|" "$CONF" >"$T/conf"
	chown 0:0 "$T/conf"
	chmod 644 "$T/conf"
	BOXES=$IMAGE.d/boxes
}

# isolate with that configuration, once there is one.
isolate() {
	[[ $IMAGE ]] || { as_caller "$TEST_PREFIX/bin/isolate" "$@"; return; }
	with_own_conf "$TEST_PREFIX/bin/isolate" "$@"
}
