/* SPDX-License-Identifier: MIT */
/* The image store on disk: find it, check who may write it, find images and layers in it.
 *
 *   version                        "isolate-store 1\n"
 *   lock                           for moments: see imgfetch/claim.h and imgfetch/gc.h
 *   layers/                        mode 0700, since images hold world-writable directories
 *   layers/sha256/<diffid>/        one unpacked layer: whiteouts are 0:0 character devices, opaque
 *                                  directories carry user.overlay.opaque=y (for userxattr)
 *   layers/sha256/<diffid>.info    what unpacking dropped or noted; see isolate-image(5)
 *   layers/sha256/<diffid>.facts   what images have to settle with the layers below it
 *   images/sha256/<manifest>/      descriptor, manifest.json, config.json, and perhaps
 *   images/sha256/<manifest>/fixup/tree  the image's own layer above the others; fixup/ is 0700
 *   images/sha256/<manifest>/flat/tree   its layers merged, if somebody asked for it; likewise
 *   refs/<host>/<repo>/:<tag>      one line: digest of the manifest the tag meant at the last pull
 *   refs/<host>/<repo>/@<hex>      the same for an index that was asked for by digest
 *   refs/<host>/<repo>/@sha512-<hex>  the same for whatever was asked for by a SHA-512
 *   tmp/                           whatever is not finished
 * The ':' and '@' keep tag "b" of repository "a" apart from repository "a/b".
 *
 * Locks are fcntl(2) locks of the open file description (F_OFD_SETLK, Linux 3.15): an exclusive one
 * needs a descriptor open for writing, so that a user who may only read the store cannot hold up
 * others, as flock(2) would let him. They belong to the descriptor and pass through fork and exec.
 */
#ifndef COMMON_STORE_H
#define COMMON_STORE_H

#include <sys/types.h>

#include "common/defs.h"
#include "common/digest.h"
#include "common/err.h"
#include "common/imgdesc.h"
#include "common/ref.h"

struct store {
	int fd;		 /* O_PATH directory of the store */
	uid_t owner;	 /* who may write it */
	char path[4096]; /* as given to store_open; for messages and records, never to be opened
			    again */
};

/* Open an existing store. Its root directory must belong to root or `owner` and be writable by
 * nobody else, as must everything up to / (so that it cannot be swapped) unless owner is the
 * caller itself and the open happens with the caller's ids: pass caller_view = true then, and only
 * the store directory is checked. A missing store is ERR_NOTFOUND, and so is one that somebody
 * makes just now, or began to make; an unsafe one ERR_CONFIG, one of another version ERR_CONFIG.
 * Privileges: those of the effective ids; switches nothing. */
int store_open(const char *path, uid_t owner, bool caller_view, struct store *out,
	       struct err *e) NODISCARD;

/* Create (mode 0755 for root, 0700 otherwise) and/or open for writing, as the caller. Directories
 * that are missing above it are made too. An existing directory becomes a store only if it is
 * empty. Failing for want of room or write access is ERR_DISK; else kinds are as in store_open. */
int store_create(const char *path, struct store *out, struct err *e) NODISCARD;

void store_close(struct store *s);

/* Is the caller the machine's root, and not only that of a user namespace (/proc/self/uid_map)?
 * Such a one owns what an ordinary user owns, and sees / as a stranger's. */
bool store_caller_is_root(void);

/* Path of the calling user's own store: $XDG_DATA_HOME/isolate/images or
 * $HOME/.local/share/isolate/images, both given by the caller of this function (isolate passes what
 * it saved of the environment; values are paths to be opened with the caller's rights). -1 with
 * ERR_CONFIG when neither is usable (not absolute, too long). */
int store_user_path(const char *xdg_data_home, const char *home, char *out, size_t size,
		    struct err *e) NODISCARD;

/* Digest of the manifest that ref means here. ERR_NOTFOUND when it was never pulled. */
int store_resolve(const struct store *s, const struct ref *ref, struct digest *out,
		  struct err *e) NODISCARD;

/* Name of the file below the store that says what ref means (refs/...), for whoever writes it.
 * ERR_USAGE when ref is a bare digest, which needs none. */
#define STORE_REF_FILE_MAX MAX(REF_TAG_MAX, DIGEST_TEXT_MAX) /* without its first character */
struct store_ref_path {
	char s[5 + REF_HOST_MAX + 1 + REF_REPO_MAX + 2 + STORE_REF_FILE_MAX + 1];
};
int store_ref_path(const struct ref *ref, struct store_ref_path *out, struct err *e) NODISCARD;

/* Read and parse the descriptor of an image. With lock_fd not NULL the descriptor file stays open
 * in *lock_fd with a shared lock: as long as it is held, store_lock_image fails. The digest inside
 * must be the one asked for (ERR_VERIFY). ERR_NOTFOUND: not in the store; ERR_BUSY: being removed;
 * ERR_CONFIG: the file is of a foreign owner, or others may write it. */
int store_read_image(const struct store *s, const struct digest *manifest, struct imgdesc *out,
		     int *lock_fd, struct err *e) NODISCARD;

/* Exclusive lock on an image, for its removal: no run and no pull holds it, and none can take it
 * until the fd that is returned is closed. -1 with ERR_BUSY while somebody does, ERR_NOTFOUND.
 * Needs write access to the descriptor. Mounts made by imgmount hold no lock: see
 * common/imgmounts.h. */
int store_lock_image(const struct store *s, const struct digest *manifest, struct err *e);

/* Open the directory layers/sha256 (O_PATH). fd or -1. */
int store_open_layer_dir(const struct store *s, struct err *e);

/* Open one layer as O_PATH | O_DIRECTORY, owner checked (root or s->owner). dir_fd is of
 * store_open_layer_dir: many layers, one walk. fd or -1: ERR_NOTFOUND, ERR_CONFIG (a link or file
 * in its place, a foreign owner), ERR_DENIED, ERR_SYSTEM. */
int store_open_layer(const struct store *s, int dir_fd, const struct digest *diffid, struct err *e);

/* Open the fix-up layer of an image, checked and with errors as store_open_layer. */
int store_open_fixup(const struct store *s, const struct digest *manifest, struct err *e);

/* The merged tree of an image, images/sha256/<manifest>/flat/tree, as the fix-up layer is opened.
 * ERR_NOTFOUND: it has none, which is how an image comes. Whether it stays depends on the lock of
 * store_read_image. */
int store_open_flat(const struct store *s, const struct digest *manifest, struct err *e);

/* Shared or exclusive lock on <store>/lock; fd (close-on-exec; closing unlocks) or -1. Waits unless
 * nonblock, then ERR_BUSY. Exclusive needs write access to the store, and the file is closed to
 * others. */
int store_lock(const struct store *s, bool exclusive, bool nonblock, struct err *e);

#endif
