/* SPDX-License-Identifier: MIT */
/* The meta file: opened, written as text, put in its place. */
#include "isolate/meta.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/text.h"
#include "common/utf8.h"
#include "isolate/meta_impl.h"

/* Longest text: a dozen short lines and one quoted message of ERR_TEXT_MAX bytes. */
#define META_BYTES_MAX (5 * ERR_TEXT_MAX)

int meta_open(struct meta *m, const char *path, bool json, struct err *e)
{
	auto_fd fd = -1;

	if (!strcmp(path, "-")) {
		fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
		if (fd < 0)
			return err_sys(e, ERR_SYSTEM, "duplicate standard output for --meta");
		*m = (struct meta){.fd = take_fd(&fd), .json = json};
		return 0;
	}
	/* Without O_CREAT first: a file that somebody prepared in a sticky directory may not be
	 * opened with it (fs.protected_regular, Linux 4.19). */
	fd = open(path, O_WRONLY | O_TRUNC | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY | O_CLOEXEC, 0666);
	if (fd < 0)
		return err_sys(e, ERR_USAGE, "open meta file '%s'", text_quote(path).s);
	*m = (struct meta){.fd = take_fd(&fd), .own_file = true, .json = json};
	return 0;
}

static void add_seconds(struct text *t, const char *key, uint64_t ns)
{
	text_addf(t, "%s:%" PRIu64 ".%03" PRIu64 "\n", key, ns / NSEC_PER_SEC,
		  ns / NSEC_PER_MSEC % 1000);
}

static void add_number(struct text *t, const char *key, uint64_t value)
{
	text_addf(t, "%s:%" PRIu64 "\n", key, value);
}

/* A value is one line whatever it holds. Not text_add_quoted: messages are quoted already, and
 * their backslashes would be doubled. */
static void add_text(struct text *t, const char *key, const char *value)
{
	const unsigned char *p = (const unsigned char *)value;
	size_t len = strlen(value);

	text_addf(t, "%s:", key);
	while (len) {
		size_t n = utf8_safe_len(p, len);

		if (n)
			text_add_bytes(t, p, n);
		else
			text_addf(t, "\\x%02x", *p);
		p += n ? n : 1;
		len -= n ? n : 1;
	}
	text_add(t, "\n");
}

/* Waits where fdio_write_all fails: standard output is the program's, too, who may have filled it
 * and made it non-blocking. */
static int write_all(int fd, const char *text, size_t len)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && (errno == EINTR || (errno == EAGAIN && poll(&p, 1, -1) >= 0)))
			continue;
		if (n <= 0)
			return -1;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

/* The whole text replaces what is in our file: an error after a run takes the place of its figures.
 * Standard output is not ours to cut, even where it is a file. */
int meta_put(const struct meta *m, const char *text, size_t len, struct err *e)
{
	struct stat st = {0};

	if (m->own_file && fstat(m->fd, &st))
		return err_sys(e, ERR_SYSTEM, "look at meta file");
	if (S_ISREG(st.st_mode) && (ftruncate(m->fd, 0) || lseek(m->fd, 0, SEEK_SET) < 0))
		return err_sys(e, ERR_SYSTEM, "truncate meta file");
	if (write_all(m->fd, text, len))
		return err_sys(e, ERR_SYSTEM, "write meta file");
	return 0;
}

static int put(const struct meta *m, const struct text *t, struct err *e)
{
	if (t->full)
		return err_set(e, ERR_BUG, "meta file: text is too long");
	return meta_put(m, t->buf, t->len, e);
}

int meta_write_run(const struct meta *m, const struct outcome *o, const struct verdict *v,
		   const char *image_digest, struct err *e)
{
	const struct usage *u = &o->usage;
	char buf[META_BYTES_MAX];
	struct text t = TEXT_OVER(buf);

	if (m->fd < 0)
		return 0;
	if (m->json)
		return meta_json_run(m, o, v, image_digest, e);
	if (!u->cpu_missed)
		add_seconds(&t, "time", u->cpu_ns);
	add_seconds(&t, "time-wall", u->wall_ns);
	add_number(&t, "max-rss", u->max_rss_bytes / 1024);
	add_number(&t, "csw-voluntary", u->csw_voluntary);
	add_number(&t, "csw-forced", u->csw_forced);
	if (u->have_cg_mem)
		add_number(&t, "cg-mem", u->cg_mem_bytes / 1024);
	if (u->cg_oom_killed)
		text_add(&t, "cg-oom-killed:1\n");
	/* Over its time a program failed, however it ended. Clients that ask for the exit status
	 * first would take one that ended with 0 for good. */
	if (v->exit_code >= 0 && v->status != RUN_TO)
		add_number(&t, "exitcode", (uint64_t)v->exit_code);
	if (v->exit_sig > 0 && v->status != RUN_TO)
		add_number(&t, "exitsig", (uint64_t)v->exit_sig);
	if (v->killed)
		text_add(&t, "killed:1\n");
	if (v->status != RUN_OK)
		add_text(&t, "status", verdict_status_text(v->status));
	if (v->message[0])
		add_text(&t, "message", v->message);
	if (image_digest)
		add_text(&t, "image", image_digest);
	return put(m, &t, e);
}

int meta_write_error(const struct meta *m, const struct err *why, struct err *e)
{
	char buf[META_BYTES_MAX];
	struct text t = TEXT_OVER(buf);

	if (m->fd < 0)
		return 0;
	if (m->json)
		return meta_json_error(m, why, e);
	add_text(&t, "status", verdict_status_text(RUN_XX));
	add_text(&t, "message", why->text);
	return put(m, &t, e);
}

void meta_close(struct meta *m)
{
	cleanup_fd(&m->fd);
}
