# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# For the checks in tests/lint/: TAP on stdout, exit status 1 when something is wrong.
# TEST_STRICT=1 turns a check that cannot run into a failure.

cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
O=${O:-build}
lint_count=0 lint_failed=0

# lint_result NAME [FINDING...]: one test, good when there is no finding; a finding may be several
# lines, empty ones do not count.
lint_result() {
	local name=$1 finding bad=
	shift
	for finding; do
		[[ -z $finding ]] || bad+=$finding$'\n'
	done
	lint_count=$((lint_count + 1))
	if [[ -z $bad ]]; then
		echo "ok $lint_count - $name"
	else
		lint_failed=$((lint_failed + 1))
		echo "not ok $lint_count - $name"
		sed 's/^/# /' <<<"${bad%$'\n'}"
	fi
}

lint_skip() {
	if [[ ${TEST_STRICT:-} == 1 ]]; then
		lint_result "$1" "cannot run: $2"
	else
		lint_count=$((lint_count + 1))
		echo "ok $lint_count - $1 # SKIP $2"
	fi
}

# Ends the script.
lint_done() {
	echo "1..$lint_count"
	((lint_failed == 0 && lint_count > 0))
	exit
}

# Tracked files, or what looks like it where there is no git (a release tarball): lint_files '*.c'
lint_files() {
	if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
		git ls-files --cached --others --exclude-standard -- "$@"
	else
		local args=() p
		for p; do
			args+=(-o -path "./$p")
		done
		find . \( -path ./.git -o -path ./build -o -path "./$O" \) -prune -o \
			-type f \( "${args[@]:1}" \) -print | sed 's|^\./||'
	fi
}
