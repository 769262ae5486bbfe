# SPDX-License-Identifier: MIT
# A real registry (Debian's docker-registry) on a free port of 127.0.0.1, for tests and the demo.
#
#   registry_start DIR [HTPASSWD]
#                         start one with its data in the new folder DIR and wait until it answers;
#                         sets REGISTRY=127.0.0.1:PORT and REGISTRY_PID. Fails with its log. With
#                         a file of user names and bcrypt hashes it wants a login (Basic).
#   registry_stop         end that one and wait for it; nothing happens if there is none
#   registry_push LAYOUT:TAG REPO:TAG [SKOPEO OPTION...]
#                         copy an image from an OCI layout into it
#
# In a bats file: registry_start "$BATS_FILE_TMPDIR/registry" in setup_file, registry_stop in
# teardown_file, with `export REGISTRY REGISTRY_PID` between.

registry_start() {
	local dir=$1 tries=0
	mkdir -p "$dir/data"
	# Port 0: the kernel picks a free one, and the log says which. No telemetry, no other listener.
	cat >"$dir/config.yml" <<-EOF
		version: 0.1
		log:
		  level: info
		  formatter: json
		storage:
		  filesystem:
		    rootdirectory: $dir/data
		  delete:
		    enabled: true
		http:
		  addr: 127.0.0.1:0
		  headers:
		    X-Content-Type-Options: [nosniff]
	EOF
	[[ -z ${2:-} ]] || printf 'auth:\n  htpasswd:\n    realm: test\n    path: %s\n' "$2" \
		>>"$dir/config.yml"
	: >"$dir/log"
	docker-registry serve "$dir/config.yml" >"$dir/log" 2>&1 </dev/null 3>&- &
	REGISTRY_PID=$!
	REGISTRY=
	until [[ $REGISTRY ]]; do
		REGISTRY=$(sed -n 's/.*listening on \(127\.0\.0\.1:[0-9]*\).*/\1/p' "$dir/log")
		if ((++tries > 50 * 30)) || ! kill -0 "$REGISTRY_PID" 2>/dev/null; then
			echo "docker-registry does not start:" >&2
			tail -n 20 "$dir/log" >&2
			registry_stop
			return 1
		fi
		[[ $REGISTRY ]] || read -r -t 0.02 <><(:) || true
	done
}

registry_stop() {
	[[ ${REGISTRY_PID:-} ]] || return 0
	kill "$REGISTRY_PID" 2>/dev/null || true
	# It may be the child of another shell (setup_file's): then wait knows nothing of it.
	if ! wait "$REGISTRY_PID" 2>/dev/null; then
		while kill -0 "$REGISTRY_PID" 2>/dev/null; do read -r -t 0.02 <><(:) || true; done
	fi
	REGISTRY_PID=
}

registry_push() {
	local from=$1 to=$2
	shift 2
	# A home of its own: skopeo writes a cache of blob locations there.
	HOME=${BATS_RUN_TMPDIR:-${TMPDIR:-/tmp}} skopeo --insecure-policy copy --quiet \
		--dest-tls-verify=false "$@" "oci:$from" "docker://$REGISTRY/$to"
}
