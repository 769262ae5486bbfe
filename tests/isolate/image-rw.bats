# SPDX-License-Identifier: MIT
# --image-rw: what a program writes to an image is in memory, bounded, and gone with the box.

load ../lib/common
load ../lib/store

setup() {
	common_setup
	need overlay busybox
	STORE=$T/home/.local/share/isolate/images
	as_caller mkdir -p "${STORE%/*}"
	store_new "$STORE" 2>/dev/null
	chmod 755 "$T" "$T/home"
	image
}

# image: localhost/i:1 with a shell, a directory for everybody, and one with a file for everybody.
image() {
	local a d=$T/l
	mkdir -p "$d"/{bin,etc,usr/lib} && mkdir -m 1777 "$d/work" && mkdir -m 755 "$d/data"
	ln -s usr/lib "$d/lib"
	cp "$(command -v busybox)" "$d/bin/busybox"
	for a in sh cat ls touch mkdir rm mv head chmod chown ln stat rmdir id wc true; do ln -s busybox "$d/bin/$a"; done
	echo old >"$d/data/file"
	echo old >"$d/work/file"
	chmod 666 "$d/data/file"
	chmod 1777 "$d/work"
	LAYER=$(store_layer "$STORE" "$d")
	store_image "$STORE" localhost/i:1 "$LAYER" >/dev/null
	before=$(tree)
}
tree() { (cd "$STORE" && find . -printf '%p %y %m %U %s %T@\n' | sort | sha256sum); }
once() { isolate -s -p --once --image=localhost/i:1 "$@"; }
rw() { isolate -s -p -b "$BOX" "$M" --run "$@"; }
hit() { jget limit_hit <"$T/json"; }

@test "image-rw: new names and open files can be written, the image's stay as they are" {
	expect 0 once --image-rw=1M -- /bin/sh -c '
		echo new >/mine && mkdir /dir && echo new >/dir/f && echo new >/work/x && echo more >>/data/file &&
		rm /mine && echo again >/mine && cat /mine /dir/f /work/x /data/file /lib/../../dir/f
		for f in /bin/busybox /etc/new /data/new /usr/new; do (echo x >$f) 2>/dev/null && echo "wrote $f"; done
		for f in /bin /lib /data /proc /box /tmp; do
			rm -rf $f 2>/dev/null; mv $f /moved 2>/dev/null && echo "moved $f"; [ -e $f ] || echo "no $f"; done
		chmod 777 /data /bin/busybox 2>/dev/null && echo chmod; echo box >/box/f && echo tmp >/tmp/f && echo done'
	is "$output" $'again\nnew\nnew\nold\nmore\nnew\ndone'
	is "$(tree)" "$before"
	expect 1 once -- /bin/touch /mine
	says "Read-only file system"
}

@test "image-rw: it is for as long as the box, and for nobody else's" {
	expect 0 isolate -b "$BOX" --image=localhost/i:1 --image-rw=1M,200 --init
	is "$(stat -c '%u %a %F' "$BOXES/$BOX/rw")" "0 700 directory"
	expect 0 rw -- /bin/sh -c 'echo one >/a; echo one >>/data/file; cat /data/file'
	expect 0 rw --image-rw=1M,200 -- /bin/sh -c 'cat /a /data/file; mv /a /work/b'
	is "$output" $'one\nold\none'
	expect 0 rw --image=localhost/i:1 -- /bin/sh -c 'cat /work/b; ls /a 2>/dev/null || true'
	expect 0 isolate -b "$((BOX + 1))" --image=localhost/i:1 --image-rw=1M --init
	expect 1 isolate -s -b "$((BOX + 1))" --run -- /bin/cat /work/b
	expect 0 isolate -b "$BOX" --image=localhost/i:1 --image-rw=1M --init
	expect 0 rw -- /bin/cat /data/file
	is "$output" old
	expect 0 isolate -b "$BOX" --cleanup
	[[ ! -e $BOXES/$BOX ]] || fail "the box is still there"
	not grep " $BOXES/$BOX/" /proc/self/mountinfo
	is "$(tree)" "$before"
}

@test "image-rw: the size and the number of files are bounds, and told" {
	expect 0 once --image-rw=1M,100 --meta="$T/json" --meta-format=json -- /bin/sh -c '
		head -c 2000000 /dev/zero >/big; stat -c %s /big'
	between 900000 "$output" 1048576
	is "$(hit)" disk
	expect 0 once --image-rw=1M,100 --meta="$T/json" --meta-format=json -- /bin/sh -c '
		i=0; while (: >/work/$i) 2>/dev/null; do i=$((i + 1)); done; echo $i'
	between 80 "$output" 100
	is "$(hit)" disk
	expect 0 once --image-rw=1M --meta="$T/json" --meta-format=json -- /bin/sh -c 'head -c 500000 /dev/zero >/big'
	is "$(hit)" null
	isolate -b "$BOX" --image=localhost/i:1 --image-rw=1M,100 --init >/dev/null
	expect 0 isolate -s -p -b "$BOX" --meta="$T/json" --meta-format=json --run -- /bin/sh -c 'head -c 2000000 /dev/zero >/big; true'
	is "$(hit)" disk
	expect 1 rw -- /bin/sh -c 'echo x >/work/more'
	expect 0 rw -- /bin/sh -c 'rm /big; echo x >/work/more'
}

@test "image-rw: a program that leaves no inode fails none but itself" {
	local fill='i=0; while (: >/work/$1$i) 2>/dev/null; do i=$((i + 1)); done; echo $i'
	expect 0 isolate -b "$BOX" --image=localhost/i:1 --image-rw=1M,64 --init
	expect 0 rw -- /bin/sh -c "$fill" sh a
	between 50 "$output" 64
	expect 0 rw -- /bin/sh -c "$fill" sh b
	is "$output" 0
	expect 0 rw -- /bin/sh -c 'rm /work/a1; echo x >/work/more; cat /work/more'
	is "$output" x
	expect 0 rw -- /bin/sh -c "$fill" sh c
	is "$output" 0
}

@test "image-rw: counts as memory of the run that writes" {
	need cgroup
	expect 1 once --cg --cg-mem=8192 --image-rw=64M "$M" -- /bin/sh -c 'head -c 40000000 /dev/zero >/big'
	meta_is cg-oom-killed 1
	expect 0 once --cg --image-rw=64M "$M" -- /bin/sh -c 'head -c 10000000 /dev/zero >/big'
	between 9765 "$(meta cg-mem)" 1000000
}

@test "image-rw: what does not go together or is too much is refused" {
	expect 2 isolate --once --image-rw=1M -- /bin/true
	says "--image-rw needs --image"
	expect 2 isolate -b "$BOX" --image-rw=1M --init
	expect 2 once --image-rw=1K -- /bin/true
	says "less than 16K"
	expect 2 once --image-rw=lots -- /bin/true
	local size
	for size in 1T 16K,1000000000; do
		expect 2 once --image-rw=$size -- /bin/true
		says "--image-rw: more than tmp_size"
		expect 2 isolate -b "$BOX" --image=localhost/i:1 --image-rw=$size --init
		says "--image-rw: more than tmp_size"
	done
	[[ ! -e $BOXES/$BOX ]] || fail "a box was made"
	isolate -b "$BOX" --image=localhost/i:1 --init >/dev/null
	expect 2 rw --image-rw=1M -- /bin/true
	says "box $BOX was initialised without --image-rw: give it to --init, with --image"
	isolate -b "$BOX" --image=localhost/i:1 --image-rw=1M --init >/dev/null
	expect 2 rw --image-rw=2M -- /bin/true
	says "with another --image-rw"
	umount "$BOXES/$BOX/rw"
	expect 2 rw -- /bin/true
	one_line
	says "(--image-rw) is not mounted here"
}
