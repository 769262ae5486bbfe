# SPDX-License-Identifier: MIT
# What an image may cost: --max-layer-size and the others, on the command line and in imgfetch.cf.
load ../lib/common
load ../lib/layout

# Layers: 100 kB and 400 kB of files; v1 is the first, v2 has both.
setup_file() {
	local d=$BATS_FILE_TMPDIR
	mkdir "$d/small" "$d/large"
	head -c 100000 /dev/zero >"$d/small/a"
	head -c 400000 /dev/zero >"$d/large/b"
	: >"$d/large/c"
	"$TESTS_DIR/lib/mklayout" --tag v1 "$d/layout" "$d/small" >/dev/null
	"$TESTS_DIR/lib/mklayout" --tag v2 "$d/layout" "$d/small" "$d/large" >/dev/null
	chmod -R a+rX "$d/layout"
}

pull() { imgfetch pull -q --no-sync --store="$T/store" "$@" "oci:$BATS_FILE_TMPDIR/layout:v2"; }

# The digest of the large layer, as messages show it.
large() {
	local d=$BATS_FILE_TMPDIR/layout/blobs/sha256 m
	m=$(jq -r '.manifests[] | select(.annotations[] == "v2").digest' "$BATS_FILE_TMPDIR/layout/index.json")
	jq -r '.layers[1].digest[:19]' "$d/${m#sha256:}"
}

# refused 'TEXT' OPTION...: for that, naming the second layer, and nothing but the first is left.
refused() {
	local text=$1
	shift
	expect 6 pull "$@"
	says "layer 2 of 2 ($(large)): "
	says "$text"
	one_line
	is "$(find "$T/store/images/sha256" "$T/store/tmp" "$T/store/refs" -mindepth 1)" ""
}

@test "pull: limits refuse a layer, and say which, why, and what the limit is called" {
	refused "larger than 307200 bytes" --max-layer-size=300K
	says "(max_layer_size)"
	refused "more than 1 entries (max_entries)" --max-entries=1
	expect 0 pull --max-layer-size=420K --max-entries=3 --max-ratio=250 --max-unpack-time=600
}

@test "pull: the limit of an image counts the layers that are there" {
	expect 0 imgfetch pull -q --store="$T/store" --max-image-size=100000 \
		"oci:$BATS_FILE_TMPDIR/layout:v1"
	expect 6 pull --max-image-size=450000
	says "layer 2 of 2 ($(large)): 'b' makes the image larger than 450000 bytes (max_image_size)"
	expect 0 pull --max-image-size=500000
	# All of them.
	rm -r "$T"/store/{images,refs}/*/*
	expect 6 pull --max-image-size=499999
	says "makes the image larger than 499999 bytes (max_image_size)"
	one_line
	expect 0 pull --max-image-size=500000
}

@test "pull: limits of imgfetch.cf hold, and options win over them" {
	printf 'max_layer_size = 300K\nmax_image_size = 1G\n' >"$T/conf"
	give_to_caller "$T/conf"
	refused "larger than 307200 bytes" --config="$T/conf"
	expect 0 pull --config="$T/conf" --max-layer-size=1M
	echo 'max_ratio = many' >"$T/conf"
	expect 1 pull --config="$T/conf"
	says "conf:1: max_ratio: 'many' is not"
	expect 2 pull --max-image-size=0
	expect 2 imgfetch list --max-ratio=2
	says "list has no option --max-..."
}

@test "pull: layers that lead hundreds of thousands of names through links are refused" {
	need python3
	local i deep
	deep=$(printf '/x%.0s' {1..248})
	{
		echo layer one
		for i in {1..900}; do echo "sym s$i to=d$i$deep"; done
		echo layer two
		for i in {1..900}; do echo "file s$i/f"; done
	} | "$TOOLS/layout" tars "$T"
	layout_tars "$T/links" "$T/one.tar" "$T/two.tar"
	expect 6 imgfetch pull -q --no-sync --store="$T/store" "oci:$T/links"
	says "its layers leave too much to each other: more than 200000 names"
	one_line
	is "$(find "$T/store/images/sha256" "$T/store/tmp" "$T/store/refs" -mindepth 1)" ""
	# Fewer, but long ones.
	deep=$(printf '/0123456789abcde%.0s' {1..240})
	{
		echo layer one
		echo "sym s to=$deep"
		echo layer two
		for i in {1..18000}; do echo "file s/$i"; done
	} | "$TOOLS/layout" tars "$T"
	layout_tars "$T/long" "$T/one.tar" "$T/two.tar"
	expect 6 imgfetch pull -q --no-sync --store="$T/store" "oci:$T/long"
	says "its layers leave too much to each other: it takes names of more than 64 MiB"
	is "$(find "$T/store/images/sha256" "$T/store/tmp" "$T/store/refs" -mindepth 1)" ""
}
