/* SPDX-License-Identifier: MIT */
/* The list of what unpacking a layer made, layers/sha256/<diffid>.files: its lines, see
 * isolate-image(5). Pure. listwriter.h writes a list, filetree.h makes a tree of one. */
#ifndef IMGFETCH_FILELIST_H
#define IMGFETCH_FILELIST_H

#include <sys/types.h>

#include "common/defs.h"
#include "common/digest.h"
#include "common/err.h"
#include "common/text.h"

#define FILELIST_FIRST_LINE "isolate-files 1"

/* Values are the letters that begin the lines. */
enum file_type {
	FILE_REGULAR = 'f',
	FILE_DIR = 'd',
	FILE_SYMLINK = 'l',
	FILE_FIFO = 'p',
	FILE_LINK = 'h', /* another name of the file that `target` is by then */
	FILE_WHITEOUT = 'w',
	FILE_NOTHING = 'n', /* what there was is gone: a device was to take its place */
};

/* One line. Which members count is told by the type: whiteouts, links and nothing have names only,
 * symbolic links no mode. */
struct file_entry {
	enum file_type type;
	mode_t mode; /* permissions, with setuid and the like */
	bool has_owner;
	uid_t uid;
	gid_t gid;
	int64_t mtime_s;
	uint32_t mtime_ns;
	uint64_t size;	       /* of a file */
	struct digest content; /* of a file, see filehash.h */
	bool has_xattrs;       /* of a file or directory */
	struct digest xattrs;
	const char *target; /* of a symbolic link, or the path of the other name; borrowed */
	const char *path;   /* "" is the layer's root; borrowed */
};

/* Two names of 4095 bytes, every one of them escaped, and 256 for the rest. */
#define FILELIST_LINE_MAX (2 * 4 * 4096 + 256)

/* Append the line with its newline. The entry must be one that filelist_parse would take. */
void filelist_format(const struct file_entry *f, struct text *out);

/* Parse one line without its newline, of a text that anybody may have written; it is cut up in
 * place and out->path and out->target point into it. Only what filelist_format writes is taken.
 * ERR_VERIFY. */
int filelist_parse(char *line, struct file_entry *out, struct err *e) NODISCARD;

#endif
