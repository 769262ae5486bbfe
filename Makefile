# isolate-oci: build, install, check. See CONTRIBUTING.md.
#
#   make                     build/isolate build/imgfetch build/imgmount build/isolate-cg-keeper
#   make install             honours DESTDIR, PREFIX, ISOLATE_MODE, ISOLATE_GROUP, CONFIG_FILE,
#                            IMGFETCH_CONFIG_FILE, SYSTEMD_UNITS
#   make uninstall           with the same variables; leaves the configuration, boxes and images
#   sudo make check          unit tests and bats, natively and in a virtual machine (tests/run)
#   sudo make demo           the whole way once (tests/demo/run)
# Variables: CC, CFLAGS, LDFLAGS, O (output folder), WERROR=1, SAN=1 (ASan + UBSan).

O       ?= build
PREFIX  ?= /usr/local
CC      ?= cc
CFLAGS  ?= -O2 -g
LDFLAGS ?=
INSTALL ?= install
PKG_CONFIG ?= pkg-config

# Mode and group of the setuid binary: 4750 and a group of callers where not everybody may run it.
ISOLATE_MODE  ?= 4755
ISOLATE_GROUP ?= root

CONFIG_FILE ?= $(PREFIX)/etc/isolate
# $(PREFIX)/etc/imgfetch.cf, or beside the other one where that was put elsewhere
IMGFETCH_CONFIG_FILE ?= $(dir $(CONFIG_FILE))imgfetch.cf

# Units of systemd; on a machine without it they are files that nobody reads.
SYSTEMD_UNITS ?= $(PREFIX)/lib/systemd/system

# Where bash looks for what completes a command's words, by the command's name.
completions := $(PREFIX)/share/bash-completion/completions

warn_flags := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 \
	-Wno-unused-command-line-argument
ifeq ($(shell $(CC) --version 2>/dev/null | grep -c clang),0)
warn_flags := $(filter-out -Wno-unused-command-line-argument,$(warn_flags))
endif
ifdef WERROR
warn_flags += -Werror
endif

# Hardening as advised by the OpenSSF "Compiler Options Hardening Guide for C and C++" and by
# Debian's dpkg-buildflags(1) hardening=+all; each is probed, since clang and gcc differ.
try_flag = $(shell $(CC) -Werror $(1) -S -o /dev/null -x c /dev/null >/dev/null 2>&1 && echo '$(1)')
ifdef SAN
hard_flags := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
hard_ldflags := -fsanitize=address,undefined
else
hard_flags := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 $(call try_flag,-fstack-protector-strong) \
	$(call try_flag,-fstack-clash-protection) $(call try_flag,-fcf-protection=full) \
	$(call try_flag,-fno-delete-null-pointer-checks) $(call try_flag,-ftrivial-auto-var-init=zero)
hard_ldflags := -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack
endif
hard_flags += -fPIE
hard_ldflags += -pie -Wl,--as-needed

# ISA-L undoes gzip four times faster than zlib, where it exists. `make ISAL=` builds without.
ISAL ?= $(shell printf '\043include <isa-l/igzip_lib.h>\n' | \
	$(CC) $(CPPFLAGS) -E -x c -o /dev/null - 2>/dev/null && echo 1)

all_cppflags := -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 $(if $(ISAL),-DHAVE_ISAL) -I. -DCONFIG_FILE='"$(CONFIG_FILE)"' \
	-DIMGFETCH_CONFIG_FILE='"$(IMGFETCH_CONFIG_FILE)"' $(CPPFLAGS)
all_cflags   := -std=gnu17 $(warn_flags) $(hard_flags) -fno-strict-aliasing $(CFLAGS)
all_ldflags  := $(hard_ldflags) $(LDFLAGS)

# --- sources -----------------------------------------------------------------------------------
common_src := common/digest.c common/err.c common/exact.c common/fdio.c common/imgdesc.c common/imgmounts.c common/jsonout.c \
	common/lineconf.c common/num.c common/optab.c common/path.c common/ref.c common/remove.c \
	common/store.c common/store_create.c common/storepath.c common/sys.c common/text.c common/userns.c
mount_src := mount/copy.c mount/layers.c mount/mnt.c mount/overlay.c mount/unpack.c
imgmount_src := mount/main.c
# net: names, protocols, orchestration; data: bytes, layers, the store
imgfetch_net_src :=
imgfetch_net_src += imgfetch/ask.c
imgfetch_net_src += imgfetch/auth.c
imgfetch_net_src += imgfetch/authfile.c
imgfetch_net_src += imgfetch/authfile_edit.c
imgfetch_net_src += imgfetch/base64.c
imgfetch_net_src += imgfetch/bundle.c
imgfetch_net_src += imgfetch/challenge.c
imgfetch_net_src += imgfetch/claim.c
imgfetch_net_src += imgfetch/command_care.c
imgfetch_net_src += imgfetch/command_login.c
imgfetch_net_src += imgfetch/command_net.c
imgfetch_net_src += imgfetch/command_pull.c
imgfetch_net_src += imgfetch/command_store.c
imgfetch_net_src += imgfetch/conffile.c
imgfetch_net_src += imgfetch/config.c
imgfetch_net_src += imgfetch/credentials.c
imgfetch_net_src += imgfetch/helper.c
imgfetch_net_src += imgfetch/hostrules.c
imgfetch_net_src += imgfetch/flatcheck.c
imgfetch_net_src += imgfetch/flatten.c
imgfetch_net_src += imgfetch/gc.c
imgfetch_net_src += imgfetch/grave.c
imgfetch_net_src += imgfetch/dockerarchive.c
imgfetch_net_src += imgfetch/dockersave.c
imgfetch_net_src += imgfetch/http.c
imgfetch_net_src += imgfetch/http_headers.c
imgfetch_net_src += imgfetch/imgconfig.c
imgfetch_net_src += imgfetch/json.c
imgfetch_net_src += imgfetch/du.c
imgfetch_net_src += imgfetch/filetree.c
imgfetch_net_src += imgfetch/layercheck.c
imgfetch_net_src += imgfetch/layout.c
imgfetch_net_src += imgfetch/local.c
imgfetch_net_src += imgfetch/main.c
imgfetch_net_src += imgfetch/limits.c
imgfetch_net_src += imgfetch/loginhint.c
imgfetch_net_src += imgfetch/logins.c
imgfetch_net_src += imgfetch/manifest.c
imgfetch_net_src += imgfetch/manifest_index.c
imgfetch_net_src += imgfetch/membuf.c
imgfetch_net_src += imgfetch/mirrors.c
imgfetch_net_src += imgfetch/needed.c
imgfetch_net_src += imgfetch/netaddr.c
imgfetch_net_src += imgfetch/opts.c
imgfetch_net_src += imgfetch/platform.c
imgfetch_net_src += imgfetch/proxyenv.c
imgfetch_net_src += imgfetch/pull.c
imgfetch_net_src += imgfetch/refs.c
imgfetch_net_src += imgfetch/regerror.c
imgfetch_net_src += imgfetch/registriesconf.c
imgfetch_net_src += imgfetch/registriesconf_load.c
imgfetch_net_src += imgfetch/registry.c
imgfetch_net_src += imgfetch/remove.c
imgfetch_net_src += imgfetch/report.c
imgfetch_net_src += imgfetch/sizetext.c
imgfetch_net_src += imgfetch/source.c
imgfetch_net_src += imgfetch/stored.c
imgfetch_net_src += imgfetch/tlsfiles.c
imgfetch_net_src += imgfetch/token.c
imgfetch_net_src += imgfetch/url.c
imgfetch_net_src += imgfetch/usage.c
imgfetch_net_src += imgfetch/users.c
imgfetch_net_src += imgfetch/verify.c
imgfetch_net_src += imgfetch/verify_mend.c
imgfetch_net_src += imgfetch/verify_trees.c

imgfetch_data_src :=
imgfetch_data_src += imgfetch/alike.c
imgfetch_data_src += imgfetch/bar.c
imgfetch_data_src += imgfetch/commit.c
imgfetch_data_src += imgfetch/compress.c
imgfetch_data_src += imgfetch/confine.c
imgfetch_data_src += imgfetch/filehash.c
imgfetch_data_src += imgfetch/filelist.c
imgfetch_data_src += imgfetch/facts.c
imgfetch_data_src += imgfetch/fixup.c
imgfetch_data_src += imgfetch/fixup_check.c
imgfetch_data_src += imgfetch/fixup_child.c
imgfetch_data_src += imgfetch/fixup_settle.c
imgfetch_data_src += imgfetch/fixup_tree.c
imgfetch_data_src += imgfetch/fixup_write.c
imgfetch_data_src += imgfetch/gziphead.c
imgfetch_data_src += imgfetch/inflate.c
imgfetch_data_src += imgfetch/layer.c
imgfetch_data_src += imgfetch/layerdir.c
imgfetch_data_src += imgfetch/layerdir_finish.c
imgfetch_data_src += imgfetch/layerdir_link.c
imgfetch_data_src += imgfetch/layerdir_resolve.c
imgfetch_data_src += imgfetch/layerinfo.c
imgfetch_data_src += imgfetch/listwriter.c
imgfetch_data_src += imgfetch/partial.c
imgfetch_data_src += imgfetch/progress.c
imgfetch_data_src += imgfetch/ring.c
imgfetch_data_src += imgfetch/sha256.c
imgfetch_data_src += imgfetch/tarindex.c
imgfetch_data_src += imgfetch/tmpdir.c
imgfetch_data_src += imgfetch/treewalk.c
imgfetch_data_src += imgfetch/rawheader.c
imgfetch_data_src += imgfetch/unpack.c
imgfetch_data_src += imgfetch/whiteout.c
imgfetch_data_src += imgfetch/worker.c

imgfetch_src := $(imgfetch_net_src) $(imgfetch_data_src)
# What unpacking a layer needs, for tests.
unpack_src := imgfetch/facts.c imgfetch/layerdir.c imgfetch/layerdir_finish.c imgfetch/layerdir_link.c \
	imgfetch/layerdir_resolve.c imgfetch/rawheader.c imgfetch/unpack.c imgfetch/whiteout.c \
	imgfetch/compress.c imgfetch/filehash.c imgfetch/filelist.c imgfetch/listwriter.c imgfetch/sha256.c
unpack_libs := -larchive -lzstd -lcrypto
isolate_src := isolate/main.c isolate/main_run.c isolate/box.c isolate/boxtree.c isolate/cpumeter.c \
	isolate/entry.c isolate/idmap.c isolate/image.c isolate/inside.c isolate/keeper.c isolate/limits.c \
	isolate/lock.c isolate/net.c isolate/opts.c isolate/priv.c isolate/proxy.c isolate/redirect.c \
	isolate/report.c isolate/sweep.c isolate/tty.c
isolate_src += isolate/box_disk.c isolate/quota.c
isolate_cgroup_src := isolate/cgroup.c isolate/cgroup_cpu.c isolate/cgroup_figures.c \
	isolate/cgroup_mounts.c isolate/cgroup_move.c isolate/cgroup_place.c isolate/cgroup_v1.c \
	isolate/cgroup_v2.c isolate/cpulist.c
cgkeeper_src := isolate/cgkeeper.c isolate/cgroup_hold.c $(isolate_cgroup_src)
isolate_seccomp_src := isolate/seccomp.c isolate/seccomp_compat.c isolate/seccomp_native.c
isolate_boxes_src := isolate/copyio.c isolate/copyrules.c isolate/list.c isolate/slots.c
isolate_check_src := isolate/check.c isolate/check_config.c isolate/check_finding.c \
	isolate/check_kernel.c isolate/check_places.c isolate/check_timing.c
isolate_config_src := isolate/config.c isolate/config_ids.c isolate/idfiles.c
isolate_rootfs_src := isolate/rootfs.c isolate/rootfs_fs.c isolate/rootfs_ids.c isolate/rootfs_skeleton.c \
	isolate/rootfs_sources.c
isolate_src += $(isolate_boxes_src) isolate/dirrules.c isolate/envrules.c isolate/meta.c isolate/meta_json.c isolate/verdict.c \
	$(isolate_cgroup_src) $(isolate_check_src) $(isolate_config_src) $(isolate_rootfs_src) $(isolate_seccomp_src)

isolate_libs  := -lcap
isal_libs := $(if $(ISAL),-lisal)
imgfetch_libs := -lcurl -ljansson -larchive -lzstd $(isal_libs) -lz -lcrypto -lpthread

config_src := imgfetch/conffile.c imgfetch/config.c imgfetch/hostrules.c imgfetch/limits.c \
	imgfetch/registriesconf.c imgfetch/registriesconf_load.c imgfetch/url.c

# One line a test, so that lines can be added side by side.
unit_tests :=
unit_tests += test_json
unit_objs_test_json := imgfetch/json.c
unit_libs_test_json := -ljansson
unit_tests += test_fetchconfig
unit_objs_test_fetchconfig := $(config_src)
unit_tests += test_registriesconf
unit_objs_test_registriesconf := $(config_src)
unit_tests += test_tlsfiles
unit_objs_test_tlsfiles := imgfetch/conffile.c imgfetch/tlsfiles.c imgfetch/url.c
unit_libs_test_tlsfiles := -lpthread
unit_tests += test_http_headers
unit_objs_test_http_headers := imgfetch/http_headers.c
unit_tests += test_hostrules
unit_objs_test_hostrules := imgfetch/hostrules.c imgfetch/url.c
unit_tests += test_url
unit_objs_test_url := imgfetch/netaddr.c imgfetch/proxyenv.c imgfetch/url.c
unit_tests += test_auth
unit_objs_test_auth := imgfetch/ask.c imgfetch/authfile.c imgfetch/base64.c imgfetch/challenge.c imgfetch/json.c imgfetch/loginhint.c imgfetch/token.c
unit_libs_test_auth := -ljansson
unit_tests += test_authedit
unit_objs_test_authedit := imgfetch/authfile.c imgfetch/authfile_edit.c imgfetch/base64.c imgfetch/json.c
unit_libs_test_authedit := -ljansson
unit_tests += test_helper
unit_objs_test_helper := imgfetch/authfile.c imgfetch/base64.c imgfetch/credentials.c imgfetch/helper.c imgfetch/json.c
unit_libs_test_helper := -ljansson
unit_tests += test_manifest
unit_objs_test_manifest := imgfetch/imgconfig.c imgfetch/json.c imgfetch/manifest.c imgfetch/manifest_index.c imgfetch/platform.c
unit_libs_test_manifest := -ljansson
unit_tests += test_digest
unit_tests += test_err
unit_tests += test_imgdesc
unit_tests += test_num
unit_tests += test_lineconf
unit_tests += test_optab
unit_tests += test_ref
unit_tests += test_path
unit_tests += test_remove
unit_tests += test_fdio
unit_tests += test_boxtree
unit_objs_test_boxtree := isolate/boxtree.c
unit_tests += test_lock
unit_objs_test_lock := isolate/lock.c
unit_tests += test_sweep
unit_objs_test_sweep := isolate/sweep.c
unit_tests += test_text
unit_tests += test_cpulist
unit_objs_test_cpulist := isolate/cpulist.c
unit_tests += test_cgroup
unit_objs_test_cgroup := isolate/cgroup_hold.c $(isolate_cgroup_src)
unit_tests += test_seccomp
unit_objs_test_seccomp := $(isolate_seccomp_src)
unit_tests += test_dirrules
unit_objs_test_dirrules := isolate/dirrules.c
unit_tests += test_envrules
unit_objs_test_envrules := isolate/envrules.c
unit_tests += test_meta
unit_objs_test_meta := isolate/meta.c isolate/meta_json.c isolate/verdict.c
unit_tests += test_meta_json
unit_objs_test_meta_json := isolate/meta.c isolate/meta_json.c isolate/verdict.c
unit_tests += test_verdict
unit_objs_test_verdict := isolate/verdict.c
unit_tests += test_rootfs
unit_objs_test_rootfs := $(isolate_rootfs_src) isolate/dirrules.c isolate/idfiles.c
unit_tests += test_store
unit_tests += test_opts
unit_tests += test_copyrules
unit_objs_test_copyrules := isolate/copyrules.c
unit_objs_test_opts := isolate/opts.c isolate/copyrules.c isolate/dirrules.c isolate/envrules.c
unit_tests += test_config
unit_objs_test_config := $(isolate_config_src) isolate/cpulist.c
unit_tests += test_check
unit_objs_test_check := isolate/check_finding.c isolate/check_timing.c
unit_tests += test_idfiles
unit_objs_test_idfiles := isolate/idfiles.c
unit_tests += test_storepath
unit_tests += test_imgmounts
unit_tests += test_overlay
unit_tests += test_facts
unit_objs_test_facts := imgfetch/facts.c imgfetch/whiteout.c
unit_tests += test_whiteout
unit_objs_test_whiteout := imgfetch/whiteout.c
unit_tests += test_inflate
unit_objs_test_inflate := imgfetch/gziphead.c imgfetch/inflate.c
unit_libs_test_inflate := $(isal_libs) -lz -lzstd
unit_tests += test_filelist
unit_objs_test_filelist := imgfetch/filehash.c imgfetch/filelist.c imgfetch/filetree.c imgfetch/sha256.c imgfetch/whiteout.c
unit_libs_test_filelist := -lcrypto
unit_tests += test_unpack
unit_objs_test_unpack := $(unpack_src) tests/unit/tarmake.c
unit_libs_test_unpack := $(unpack_libs)
unit_tests += test_tarindex
unit_objs_test_tarindex := imgfetch/tarindex.c imgfetch/whiteout.c tests/unit/tarmake.c
unit_tests += test_dockersave
unit_objs_test_dockersave := imgfetch/dockersave.c imgfetch/json.c
unit_libs_test_dockersave := -ljansson
unit_tests += test_confine
unit_objs_test_confine := imgfetch/confine.c
unit_libs_test_confine := -lpthread
unit_tests += test_bar
unit_objs_test_bar := imgfetch/bar.c
unit_tests += test_partial
unit_objs_test_partial := imgfetch/partial.c
unit_tests += test_limits
unit_objs_test_limits := imgfetch/limits.c
unit_tests += test_worker
unit_objs_test_worker := $(imgfetch_data_src) tests/unit/tarmake.c
unit_libs_test_worker := -larchive -lzstd $(isal_libs) -lz -lcrypto -lpthread

# Fuzz targets: tests/fuzz/fuzz_X.c with corpus/X. In `make check` each replays its corpus like a unit
# test; `make fuzz` builds them with libFuzzer, as build/fuzz/X, to be run by hand.
fuzz_targets := challenge config dirrules envrules idfiles imgdesc lineconf manifest num opts ref url
fuzz_targets += entries inflate unpack
fuzz_targets += dockersave tarindex
fuzz_src_dockersave := imgfetch/dockersave.c imgfetch/json.c
fuzz_libs_dockersave := -ljansson
fuzz_src_tarindex := imgfetch/tarindex.c imgfetch/whiteout.c
fuzz_targets += facts
fuzz_src_facts := imgfetch/facts.c imgfetch/whiteout.c
fuzz_targets += fetchconfig
fuzz_targets += filelist
fuzz_src_filelist := imgfetch/filelist.c imgfetch/filetree.c imgfetch/whiteout.c
fuzz_src_entries := $(unpack_src) tests/unit/tarmake.c
fuzz_libs_entries := $(unpack_libs)
fuzz_src_fetchconfig := $(config_src)
fuzz_targets += http_headers
fuzz_src_http_headers := imgfetch/http_headers.c
fuzz_targets += registriesconf
fuzz_src_registriesconf := $(config_src)
fuzz_src_inflate := imgfetch/gziphead.c imgfetch/inflate.c
fuzz_libs_inflate := $(isal_libs) -lz -lzstd
fuzz_src_unpack := $(unpack_src)
fuzz_libs_unpack := $(unpack_libs)
fuzz_targets += authfile token
fuzz_src_authfile := imgfetch/authfile.c imgfetch/authfile_edit.c imgfetch/base64.c imgfetch/json.c
fuzz_libs_authfile := -ljansson
fuzz_src_token := imgfetch/json.c imgfetch/token.c
fuzz_libs_token := -ljansson
fuzz_src_challenge := imgfetch/challenge.c
fuzz_src_config := $(isolate_config_src) isolate/cpulist.c
fuzz_src_idfiles := isolate/idfiles.c
fuzz_src_dirrules := isolate/dirrules.c
fuzz_src_envrules := isolate/envrules.c
fuzz_src_manifest := imgfetch/imgconfig.c imgfetch/json.c imgfetch/manifest.c imgfetch/manifest_index.c imgfetch/platform.c
fuzz_libs_manifest := -ljansson
fuzz_src_opts := isolate/opts.c isolate/copyrules.c isolate/dirrules.c isolate/envrules.c $(isolate_seccomp_src)
fuzz_src_url := imgfetch/netaddr.c imgfetch/url.c
fuzz_targets += proxyenv
fuzz_src_proxyenv := imgfetch/netaddr.c imgfetch/proxyenv.c imgfetch/url.c

programs := $(O)/isolate $(O)/imgfetch $(O)/imgmount $(O)/isolate-cg-keeper
man_pages := $(sort $(wildcard man/*.[0-9]))

# --- rules -------------------------------------------------------------------------------------
all: $(programs)

obj = $(patsubst %.c,$(O)/obj/%.o,$(1))

$(O)/libcommon.a: $(call obj,$(common_src))
$(O)/libimgmount.a: $(call obj,$(mount_src))
$(O)/%.a:
	@rm -f $@
	$(AR) rcs $@ $^

$(O)/isolate: $(call obj,$(isolate_src)) $(O)/libimgmount.a $(O)/libcommon.a
	$(CC) $(all_cflags) $(all_ldflags) -o $@ $^ $(isolate_libs)
$(O)/imgfetch: $(call obj,$(imgfetch_src)) $(O)/libimgmount.a $(O)/libcommon.a
	$(CC) $(all_cflags) $(all_ldflags) -o $@ $^ $(imgfetch_libs)
$(O)/imgmount: $(call obj,$(imgmount_src)) $(O)/libimgmount.a $(O)/libcommon.a
	$(CC) $(all_cflags) $(all_ldflags) -o $@ $^

$(O)/isolate-cg-keeper: $(call obj,$(cgkeeper_src)) $(O)/libcommon.a
	$(CC) $(all_cflags) $(all_ldflags) -o $@ $^

# Flags are part of an object's identity: it is rebuilt when they change.
flags_line := $(CC) $(all_cppflags) $(all_cflags) $(all_ldflags)
$(O)/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(flags_line))' | cmp -s - $@ || \
		printf '%s\n' '$(subst ','\'',$(flags_line))' > $@

$(O)/obj/%.o: %.c $(O)/flags
	@mkdir -p $(@D)
	$(CC) $(all_cppflags) $(all_cflags) -MMD -MP -c -o $@ $<

# A unit test is tests/unit/test_X.c linked with everything that is not a main(); its extra objects
# are named by unit_objs_test_X, its libraries by unit_libs_test_X.
unit_bins := $(patsubst %,$(O)/unit/%,$(unit_tests)) $(patsubst %,$(O)/unit/fuzz_%,$(fuzz_targets))
unit: $(unit_bins)
.SECONDEXPANSION:
$(O)/unit/%: $(O)/obj/tests/unit/%.o $$(call obj,$$(unit_objs_$$*)) $(O)/libimgmount.a $(O)/libcommon.a
	@mkdir -p $(@D)
	$(CC) $(all_cflags) $(all_ldflags) -o $@ $^ $(unit_libs_$*)

# What bats tests put into boxes: static, so that it runs in any root.
test_tools := probe burn stuckfs
test_tools += killat meter
test_tools += deny as layout tree json
tool_bins := $(patsubst %,$(O)/tools/%,$(test_tools))
tools: $(tool_bins)
$(O)/tools/%: tests/tools/%.c $(O)/flags
	@mkdir -p $(@D)
	$(CC) $(all_cppflags) -std=gnu17 $(warn_flags) -O2 -static -o $@ $<

$(O)/obj/tests/fuzz/replay.o: all_cppflags += -DCORPUS_DIR='"$(CURDIR)/tests/fuzz/corpus"'
$(O)/unit/fuzz_%: $(O)/obj/tests/fuzz/fuzz_%.o $(O)/obj/tests/fuzz/replay.o \
		$$(call obj,$$(fuzz_src_$$*)) $(O)/libcommon.a
	@mkdir -p $(@D)
	$(CC) $(all_cflags) $(all_ldflags) -o $@ $^ $(fuzz_libs_$*)

FUZZ_CC ?= clang
fuzz: $(patsubst %,$(O)/fuzz/%,$(fuzz_targets))
$(O)/fuzz/%: tests/fuzz/fuzz_%.c tests/fuzz/fuzz.h $$(fuzz_src_$$*) $(common_src)
	@mkdir -p $(@D)
	$(FUZZ_CC) $(all_cppflags) -std=gnu17 -O1 -g -fno-omit-frame-pointer \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
		-o $@ $(filter %.c,$^) $(fuzz_libs_$*)

# tests/run looks into the build: which unit tests exist, and where.
print-unit-tests:
	@echo $(unit_bins)

install: all
	$(INSTALL) -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/sbin \
		$(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man5 \
		$(DESTDIR)$(PREFIX)/share/man/man8 $(DESTDIR)$(SYSTEMD_UNITS)
	$(INSTALL) -m 755 $(O)/imgfetch $(O)/imgmount $(DESTDIR)$(PREFIX)/bin
	$(INSTALL) -o root -g $(ISOLATE_GROUP) -m $(ISOLATE_MODE) $(O)/isolate $(DESTDIR)$(PREFIX)/bin
	$(INSTALL) -m 755 $(O)/isolate-cg-keeper $(DESTDIR)$(PREFIX)/sbin
	sed 's|@SBINDIR@|$(PREFIX)/sbin|' systemd/isolate.service.in >$(O)/isolate.service
	$(INSTALL) -m 644 $(O)/isolate.service systemd/isolate.slice $(DESTDIR)$(SYSTEMD_UNITS)
	$(INSTALL) -d $(DESTDIR)$(completions)
	$(INSTALL) -m 644 completion/isolate-oci.bash $(DESTDIR)$(completions)/isolate
	for p in imgfetch imgmount; do ln -sf isolate $(DESTDIR)$(completions)/$$p || exit 1; done
	for p in $(man_pages); do \
		$(INSTALL) -m 644 $$p $(DESTDIR)$(PREFIX)/share/man/man$${p##*.} || exit 1; done
	test -e $(DESTDIR)$(CONFIG_FILE) || { $(INSTALL) -d $(DESTDIR)$(dir $(CONFIG_FILE)) && \
		$(INSTALL) -m 644 default.cf $(DESTDIR)$(CONFIG_FILE); }
	test -e $(DESTDIR)$(IMGFETCH_CONFIG_FILE) || { \
		$(INSTALL) -d $(DESTDIR)$(dir $(IMGFETCH_CONFIG_FILE)) && \
		$(INSTALL) -m 644 imgfetch.cf $(DESTDIR)$(IMGFETCH_CONFIG_FILE); }

# Takes the same variables as install. What people have written or pulled stays.
uninstall:
	rm -f -- $(addprefix $(DESTDIR)$(PREFIX)/bin/,imgfetch imgmount isolate) \
		$(DESTDIR)$(PREFIX)/sbin/isolate-cg-keeper \
		$(addprefix $(DESTDIR)$(SYSTEMD_UNITS)/,isolate.service isolate.slice) \
		$(addprefix $(DESTDIR)$(completions)/,imgfetch imgmount isolate) \
		$(foreach p,$(man_pages),$(DESTDIR)$(PREFIX)/share/man/man$(subst .,,$(suffix $(p)))/$(notdir $(p)))

check:
	tests/run

demo:
	tests/demo/run

clean:
	$(if $(strip $(O)),rm -rf -- '$(O)/obj' '$(O)/unit' '$(O)/tools' $(programs) '$(O)/libcommon.a' '$(O)/libimgmount.a' '$(O)/isolate.service' '$(O)/flags')

.PHONY: all unit tools fuzz install uninstall check demo clean print-unit-tests FORCE
.DELETE_ON_ERROR:
FORCE:

-include $(shell find $(O)/obj -name '*.d' 2>/dev/null)
