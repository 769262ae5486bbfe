# SPDX-License-Identifier: MIT
# Small images that really run, built once per tree into build/fixtures ($TEST_FIXTURES).
#
#   fixture busybox       makes sure that the OCI layout $TEST_FIXTURES/busybox is there
#   mklayout ...          tests/lib/mklayout: a layout out of folders, one per layer
#
# busybox:latest  4 layers, amd64, Debian's static busybox with its applets in /bin, and
#   /data/kept        "one" from layer 1           /data/replaced   "two" (layer 2 over layer 1)
#   /data/deleted     gone: whiteout in layer 2    /data/back       "four": deleted in 2, new in 4
#   /data/dir-to-file a file in 3, was a directory /data/file-to-dir/inner  a directory in 3
#   /data/opaque/new  only this: layer 3 hides what layer 1 had there
#   /data/link        a symlink to kept; Env PATH=/bin and GREETING=hello world
# busybox:zstd, :plain, :docker  the same layers, compressed otherwise, Docker's media types
#
# small                 as busybox, and in a folder of it, so that its name is that, too ($SMALL is the
#   layout), but /bin/busybox is 100 kB of text and there are no applets: for tests that do not run it,
#   as there each pull of the real one takes a second of an emulated processor

# together:v1           one layer, its /bin/true can be run
# together:v2           one small layer; :v3 that and one of 2 MB that do not compress

# debian          no layout, but a store that root owns and everybody reads, at isolate/images in it: image
#   localhost/debian:1 of the packages of this machine, in layers: essential, busybox, python3, gcc, JDK

# shellcheck disable=SC2034 # for bats files
SMALL=$TEST_FIXTURES/small/busybox

mklayout() { python3 -IS "$TESTS_DIR/lib/mklayout" "$@"; }

fixture() {
	local name=$1 dir lock
	exec {lock}>"$TEST_FIXTURES/.lock"
	flock "$lock"
	# A fixture is as old as this file at most: it is made again when its recipe changed.
	if [[ ! -d $TEST_FIXTURES/$name || $TEST_FIXTURES/$name/.made -ot $TESTS_DIR/lib/images.bash ]]; then
		rm -rf -- "${TEST_FIXTURES:?}/$name" "$TEST_FIXTURES/.new"
		dir=$TEST_FIXTURES/.new
		mkdir "$dir" "$dir/work"
		(set -e && umask 022 && "fixture_$name" "$dir" "$dir/work") || return
		rm -rf -- "${dir:?}/work"
		touch "$dir/.made"
		chmod -R a+rX "$dir"
		mv "$dir" "$TEST_FIXTURES/$name"
	fi
	exec {lock}>&-
}

fixture_busybox() {
	local out=$1 w=$2 applet d
	mkdir -p "$w"/1/{bin,etc,tmp,usr/bin,data/{dir-to-file,opaque}} "$w/2/data" \
		"$w"/3/data/{file-to-dir,opaque} "$w/4/data"
	if [[ ${3:-} ]]; then
		head -c 100000 /dev/zero | tr '\0' x >"$w/1/bin/busybox"
	else
		cp /bin/busybox "$w/1/bin/busybox"
		for applet in $(/bin/busybox --list); do
			[[ $applet == busybox ]] || ln -s busybox "$w/1/bin/$applet"
		done
	fi
	ln -s ../../bin/env "$w/1/usr/bin/env"
	printf 'root:x:0:0:root:/:/bin/sh\n' >"$w/1/etc/passwd"
	chmod 1777 "$w/1/tmp"
	d=data
	for name in kept replaced deleted back dir-to-file/inner file-to-dir opaque/old; do
		echo one >"$w/1/$d/$name"
	done
	ln -s kept "$w/1/$d/link"
	echo two >"$w/2/$d/replaced"
	: >"$w/2/$d/.wh.deleted"
	: >"$w/2/$d/.wh.back"
	echo three >"$w/3/$d/dir-to-file"
	echo three >"$w/3/$d/file-to-dir/inner"
	: >"$w/3/$d/opaque/.wh..wh..opq"
	echo three >"$w/3/$d/opaque/new"
	echo four >"$w/4/$d/back"
	set -- --env PATH=/bin --env 'GREETING=hello world' --workdir /data
	mklayout --tag latest "$@" "$out" "$w"/[1-4]
	mklayout --tag zstd --compress zstd "$@" "$out" "$w"/[1-4]
	mklayout --tag plain --compress none "$@" "$out" "$w"/[1-4]
	mklayout --tag docker --docker "$@" "$out" "$w"/[1-4]
}

fixture_small() { fixture_busybox "$1/busybox" "$2" small; }

fixture_together() {
	local out=$1 w=$2
	mkdir -p "$w/run/bin" "$w/other" "$w/large"
	cp /bin/busybox "$w/run/bin/true"
	echo 1 >"$w/other/file"
	head -c 2000000 /dev/urandom >"$w/large/noise"
	mklayout --tag v1 --compress none "$out" "$w/run"
	mklayout --tag v2 "$out" "$w/other"
	mklayout --tag v3 --compress none "$out" "$w/other" "$w/large"
}

fixture_debian() {
	local out=$1 w=$2 s=$1/isolate/images i hex image
	mkdir -p "$s/refs/localhost/debian" "$s/layers/sha256" "$s/tmp"
	"$TESTS_DIR/lib/debtree" "$w" essential busybox-static python3 gcc,libc6-dev openjdk-17-jdk-headless
	# These two are made when packages are installed, and so are the names of /etc/alternatives.
	cp "$w/1/usr/share/base-passwd/passwd.master" "$w/1/etc/passwd"
	cp "$w/1/usr/share/base-passwd/group.master" "$w/1/etc/group"
	printf -v image %064d 1
	mkdir -p "$s/images/sha256/$image"
	{
		echo "isolate-image 1"
		echo "digest sha256:$image"
		for i in 1 2 3 4 5; do
			printf -v hex %064x "$i"
			mv "$w/$i" "$s/layers/sha256/$hex"
			echo "layer sha256:$hex"
		done
		echo "env PATH=$(cd "$s" && echo layers/*/*5/usr/lib/jvm/java-17-openjdk-*/bin | sed 's/.*5\/usr/\/usr/'):/usr/bin:/bin"
		echo "end 8"
	} >"$s/images/sha256/$image/descriptor"
	echo "isolate-store 1" >"$s/version"
	: >"$s/lock"
	echo "sha256:$image" >"$s/refs/localhost/debian/:1"
}
