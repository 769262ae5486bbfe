# SPDX-License-Identifier: MIT
# isolate with other configurations of control groups, for bats files that are about these. Loaded
# after common.

# without SCRIPT ARG...: isolate with these arguments, in a mount namespace where SCRIPT ran before.
# $CG_CONF in SCRIPT is a copy of the configuration that hides the real one.
without() {
	local script=$1
	shift
	own_conf
	CG_CONF=$T/conf unshare --mount --propagation private bash -euc \
		'mount --bind "$CG_CONF" "$1"; eval "$2"; shift 2; exec "$@"' _ "$CONF" "$script" \
		"${CALLER[@]}" "$TEST_PREFIX/bin/isolate" "$@"
}

own_conf() {
	cp "$CONF" "$T/conf"
	chown 0:0 "$T/conf"
	chmod 644 "$T/conf"
}

# Prints a script that sets cg_root and adds lines. In place: what is mounted over the configuration
# is this inode.
set_root() {
	local line
	echo "sed 's|^cg_root.*|cg_root = $1|' \"\$CG_CONF\" >\"\$CG_CONF.new\"
		cat \"\$CG_CONF.new\" >\"\$CG_CONF\";"
	shift
	for line; do echo "echo '$line' >>\"\$CG_CONF\";"; done
}

# Where cgroup v2 is mounted.
cg2_mount() { awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts; }

# remove_groups DIR: the group and all in it, once its processes are gone.
remove_groups() { wait_for 10 eval "find '$1' -depth -type d -exec rmdir {} + && [[ ! -e '$1' ]]"; }
