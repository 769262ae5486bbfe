# SPDX-License-Identifier: MIT
# A crash in a box starts nothing outside.

load ../lib/common

setup() {
	common_setup
	# The pattern belongs to the whole machine: only where it is ours alone.
	[[ $TEST_WHERE == vm* ]] || skip "part: changes the machine, so only in the virtual one"
	pattern=$(cat /proc/sys/kernel/core_pattern)
	cat >"$T/handler" <<-END
		#!/bin/sh
		echo "\$1" >>"$T/cores"
	END
	chmod 755 "$T/handler"
	echo "|$T/handler %u" >/proc/sys/kernel/core_pattern
}
teardown() {
	[[ -z ${pattern-} ]] || echo "$pattern" >/proc/sys/kernel/core_pattern
	common_teardown
}

handled() { grep -qx "$1" "$T/cores" 2>/dev/null; }
handled_twice() { (($(grep -cx "$1" "$T/cores") >= 2)); }

@test "core: a core_pattern that is a pipe is not started for a program in a box" {
	local uid
	isolate -b "$BOX" --init >/dev/null
	uid=$(isolate -s -b "$BOX" --run -- /usr/bin/id -u)
	# It works for others: the handler is not just broken.
	bash -c 'ulimit -c unlimited; kill -SEGV $$' || true
	wait_for 10 handled 0
	local lower
	for lower in '' 'ulimit -c 0;'; do
		expect 1 isolate -b "$BOX" "$M" --run -- /bin/sh -c "$lower kill -SEGV \$\$"
		meta_is exitsig 11
	done
	# A handler for those would have been started before the one for this.
	bash -c 'ulimit -c unlimited; kill -SEGV $$' || true
	wait_for 10 handled_twice 0
	! handled "$uid" || fail "the handler ran for the box's user"
}
