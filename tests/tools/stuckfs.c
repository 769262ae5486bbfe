/* SPDX-License-Identifier: MIT */
/* A FUSE file system, an empty directory, that takes requests to look up names and never answers:
 * whoever makes one cannot be killed (fs/fuse/dev.c, request_wait_answer: "Either request is
 * already in userspace") until this program ends.
 *
 *   stuckfs DIR    mounts itself on DIR, as root; says "mounted" on stdout; ends with a signal
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static int answer(int fd, uint64_t unique, int error, const void *body, size_t size)
{
	char out[sizeof(struct fuse_out_header) + 256];
	struct fuse_out_header head = {
		.len = (uint32_t)(sizeof(head) + size), .error = error, .unique = unique};

	memcpy(out, &head, sizeof(head));
	memcpy(out + sizeof(head), body, size);
	return write(fd, out, head.len) == (ssize_t)head.len ? 0 : -1;
}

static int answer_init(int fd, const struct fuse_in_header *head, const struct fuse_init_in *in)
{
	const struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION,
		.minor = in->minor < FUSE_KERNEL_MINOR_VERSION ? in->minor
							       : FUSE_KERNEL_MINOR_VERSION,
		.max_write = 4096,
	};

	return answer(fd, head->unique, 0, &out, sizeof(out));
}

/* The root directory is all there is. */
static int answer_getattr(int fd, const struct fuse_in_header *head)
{
	const struct fuse_attr_out out = {
		.attr_valid = 1000,
		.attr = {.ino = 1, .mode = S_IFDIR | 0777, .nlink = 2, .blksize = 4096},
	};

	return answer(fd, head->unique, 0, &out, sizeof(out));
}

int main(int argc, char **argv)
{
	static _Alignas(struct fuse_in_header) char in[1 << 17];
	char options[64];
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (argc != 2 || fd < 0) {
		fprintf(stderr, "usage: stuckfs DIR; /dev/fuse: %s\n", strerror(errno));
		return 2;
	}
	(void)snprintf(options, sizeof(options),
		       "fd=%d,rootmode=40000,user_id=0,group_id=0,"
		       "allow_other",
		       fd);
	if (mount("stuckfs", argv[1], "fuse", MS_NOSUID | MS_NODEV, options) < 0) {
		perror("stuckfs: mount");
		return 2;
	}
	puts("mounted");
	(void)fflush(stdout);
	for (;;) {
		const struct fuse_in_header *head = (const void *)in;
		int rc = 0;

		if (read(fd, in, sizeof(in)) < (ssize_t)sizeof(*head))
			return 1; /* unmounted */
		switch (head->opcode) {
		case FUSE_INIT:
			rc = answer_init(fd, head, (const void *)(in + sizeof(*head)));
			break;
		case FUSE_GETATTR:
			rc = answer_getattr(fd, head);
			break;
		case FUSE_LOOKUP:
		case FUSE_FORGET:
		case FUSE_INTERRUPT:
			break;
		default:
			rc = answer(fd, head->unique, -ENOSYS, "", 0);
		}
		if (rc < 0)
			return 1;
	}
}
