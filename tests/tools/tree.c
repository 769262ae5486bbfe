/* SPDX-License-Identifier: MIT */
/* Prints a tree, so that two can be compared: one line for each entry, in the order of their bytes,
 * with type, mode, owner, time of change, size, a digest of the contents, where a link leads, and
 * the attributes user.* (but for what umoci notes of owners that it cannot give).
 *
 *   tree [-dlost] DIR
 *
 * -d: without DIR itself; -l: with those names that are of one file; -o: without owners; -s:
 * without setuid and setgid bits; -t: without times of directories. Must be able to read all of it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

struct entry {
	char *path;
	struct stat st;
};

struct tree {
	struct entry *entries;
	size_t count, room;
};

struct flags {
	bool no_top, links, no_owners, no_setid, no_dir_times;
};

static _Noreturn void die(const char *what, const char *which)
{
	fprintf(stderr, "tree: %s '%s': %s\n", what, which, strerror(errno));
	exit(2);
}

static void collect(struct tree *t, const char *path)
{
	struct dirent *d;
	struct stat st;
	DIR *dir;

	if (lstat(path, &st) < 0)
		die("look at", path);
	if (t->count == t->room) {
		t->room = t->room * 2 + 64;
		t->entries = realloc(t->entries, t->room * sizeof(*t->entries));
	}
	if (!t->entries || !(t->entries[t->count].path = strdup(path)))
		die("memory for", path);
	t->entries[t->count++].st = st;
	if (!S_ISDIR(st.st_mode))
		return;
	dir = opendir(path);
	if (!dir)
		die("open", path);
	while ((d = readdir(dir))) {
		char *below;

		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		if (asprintf(&below, "%s/%s", path, d->d_name) < 0)
			die("memory for", path);
		collect(t, below);
		free(below);
	}
	closedir(dir);
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->path, ((const struct entry *)b)->path);
}

static void print_text(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c > ' ' && c < 127 && c != '\\')
			putchar(c);
		else
			printf("\\x%02x", c);
	}
}

/* Tells contents apart that nobody made to be the same. */
static uint64_t digest(const char *path)
{
	static unsigned char part[65536];
	uint64_t h = 0x9e3779b97f4a7c15, word;
	int fd = open(path, O_RDONLY | O_NOFOLLOW);
	ssize_t n;

	if (fd < 0)
		die("open", path);
	while ((n = read(fd, part, sizeof(part))) > 0) {
		memset(part + n, 0, (size_t)-n & 7);
		for (ssize_t i = 0; i < n; i += 8) {
			memcpy(&word, part + i, 8);
			h = (h ^ word) * 0xff51afd7ed558ccd;
			h ^= h >> 29;
		}
	}
	if (n < 0)
		die("read", path);
	close(fd);
	return h;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void print_attributes(const char *path)
{
	char list[4096], value[4096], *names[128];
	ssize_t len = llistxattr(path, list, sizeof(list)), n;
	size_t count = 0;

	for (char *name = list; len > 0 && name < list + len && count < 128;
	     name += strlen(name) + 1)
		if (strncmp(name, "user.", 5) == 0 && strncmp(name, "user.rootless", 13) != 0)
			names[count++] = name;
	qsort(names, count, sizeof(*names), by_name);
	for (size_t i = 0; i < count; i++) {
		n = lgetxattr(path, names[i], value, sizeof(value));
		if (n < 0)
			die("get an attribute of", path);
		putchar(' ');
		print_text(names[i], strlen(names[i]));
		putchar('=');
		print_text(value, (size_t)n);
	}
}

static void print_entry(const struct tree *t, const struct entry *e, size_t skip,
			const struct flags *f)
{
	const struct stat *st = &e->st;
	bool dir = S_ISDIR(st->st_mode);
	char to[4096];

	if (e->path[skip])
		print_text(e->path + skip + 1, strlen(e->path) - skip - 1);
	else
		putchar('.');
	printf(" %c", dir		      ? 'd'
		      : S_ISREG(st->st_mode)  ? 'f'
		      : S_ISLNK(st->st_mode)  ? 'l'
		      : S_ISFIFO(st->st_mode) ? 'p'
		      : S_ISCHR(st->st_mode)  ? 'c'
					      : '?');
	if (!S_ISLNK(st->st_mode))
		printf(" %o", st->st_mode & (f->no_setid ? 01777 : 07777));
	if (!f->no_owners)
		printf(" %u:%u", st->st_uid, st->st_gid);
	if (!dir || !f->no_dir_times)
		printf(" %lld.%09ld", (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
	if (S_ISREG(st->st_mode))
		printf(" %lld %016llx", (long long)st->st_size,
		       (unsigned long long)digest(e->path));
	if (S_ISCHR(st->st_mode))
		printf(" %llx", (unsigned long long)st->st_rdev);
	if (S_ISLNK(st->st_mode)) {
		ssize_t n = readlink(e->path, to, sizeof(to));

		if (n < 0)
			die("read", e->path);
		fputs(" -> ", stdout);
		print_text(to, (size_t)n);
	}
	if (f->links && S_ISREG(st->st_mode))
		for (const struct entry *first = t->entries; first < e; first++)
			if (first->st.st_ino == st->st_ino && first->st.st_dev == st->st_dev &&
			    S_ISREG(first->st.st_mode)) {
				fputs(" = ", stdout);
				print_text(first->path + skip + 1, strlen(first->path) - skip - 1);
				break;
			}
	print_attributes(e->path);
	putchar('\n');
}

int main(int argc, char **argv)
{
	struct flags f = {0};
	struct tree t = {0};
	int c;

	while ((c = getopt(argc, argv, "dlost")) >= 0) {
		switch (c) {
		case 'd':
			f.no_top = true;
			break;
		case 'l':
			f.links = true;
			break;
		case 'o':
			f.no_owners = true;
			break;
		case 's':
			f.no_setid = true;
			break;
		case 't':
			f.no_dir_times = true;
			break;
		default:
			return 2;
		}
	}
	if (optind + 1 != argc) {
		fprintf(stderr, "usage: tree [-dlost] DIR\n");
		return 2;
	}
	collect(&t, argv[optind]);
	qsort(t.entries, t.count, sizeof(*t.entries), by_path);
	for (size_t i = f.no_top; i < t.count; i++)
		print_entry(&t, &t.entries[i], strlen(argv[optind]), &f);
	return fflush(stdout) == 0 ? 0 : 2;
}
