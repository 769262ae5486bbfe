/* SPDX-License-Identifier: MIT */
/* Image layouts for tests, in one process where a shell needs twenty: an emulated processor would
 * spend most of a test on them.
 *
 *   layout tars DIR <DESCRIPTION                   archives DIR/NAME.tar
 *   layout image DIR TAR...                        the OCI layout DIR with these layers, bottom
 * first layout both DIR OUT NAME... <DESCRIPTION       tars DIR, and an image OUT of
 * DIR/NAME.tar...
 *
 * Archives may be such as no tar program would write. Their description has a line for each entry,
 * in the order of the archive: layer NAME [KEY=VALUE]...  what follows goes into DIR/NAME.tar; pax
 * records for all of it raw NAME                   the same, but the archive is GNU's, without pax
 * records dir|file|sym|hard|fifo|char|block PATH [KEY=VALUE]... Keys: mode (octal), uid, gid, mtime
 * (seconds, may have a fraction), data, to (of sym and hard), rdev (MAJOR:MINOR), pax.NAME (any
 * record, such as pax.SCHILY.xattr.user.x). Paths and values take the escapes \xNN, \n and \\.
 * Without keys: 0644 or 0755, 0:0, mtime 1000000000.
 *
 * Layers are gzip files of stored blocks. For each the digits of DiffID and of the blob are
 * printed.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define BLOCK	   512
#define RECORD	   10240
#define WORDS_MAX  32
#define LAYERS_MAX 64

struct bytes {
	unsigned char *p;
	size_t len, room;
};

static _Noreturn void die(const char *what, const char *which)
{
	fprintf(stderr, "layout: %s '%s': %s\n", what, which, strerror(errno));
	exit(2);
}

static void add(struct bytes *b, const void *p, size_t len)
{
	if (b->len + len > b->room) {
		b->room = (b->len + len) * 2 + 4096;
		b->p = realloc(b->p, b->room);
		if (!b->p)
			die("memory for", "bytes");
	}
	if (len > 0)
		memcpy(b->p + b->len, p, len);
	b->len += len;
}

static void add_zeros(struct bytes *b, size_t len)
{
	static const unsigned char zeros[RECORD];

	for (; len > sizeof(zeros); len -= sizeof(zeros))
		add(b, zeros, sizeof(zeros));
	add(b, zeros, len);
}

static void pad(struct bytes *b, size_t unit)
{
	add_zeros(b, (unit - b->len % unit) % unit);
}

__attribute__((format(printf, 2, 3))) static void add_text(struct bytes *b, const char *form, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, form);
	add(b, text, (size_t)vsnprintf(text, sizeof(text), form, ap));
	va_end(ap);
}

static void write_file(const char *path, const struct bytes *b)
{
	FILE *f = fopen(path, "wb");

	if (!f || fwrite(b->p, 1, b->len, f) != b->len || fclose(f) != 0)
		die("write", path);
}

static struct bytes read_file(const char *path)
{
	struct bytes b = {0};
	unsigned char part[65536];
	FILE *f = fopen(path, "rb");
	size_t n;

	if (!f)
		die("open", path);
	while ((n = fread(part, 1, sizeof(part), f)) > 0)
		add(&b, part, n);
	if (ferror(f) || fclose(f) != 0)
		die("read", path);
	return b;
}

/* ---- SHA-256 (FIPS 180-4), CRC-32 ------------------------------------------------------------ */

static uint32_t turn(uint32_t x, int n)
{
	return x >> n | x << (32 - n);
}

static uint32_t big_endian(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void sha256_block(uint32_t h[8], const uint32_t k[64], const unsigned char *p)
{
	uint32_t w[64], s[8];

	for (int i = 0; i < 16; i++)
		w[i] = big_endian(p + 4 * i);
	for (int i = 16; i < 64; i++)
		w[i] = w[i - 16] + w[i - 7] +
		       (turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ w[i - 15] >> 3) +
		       (turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ w[i - 2] >> 10);
	memcpy(s, h, sizeof(s));
	for (int i = 0; i < 64; i++) {
		uint32_t t1 = s[7] + (turn(s[4], 6) ^ turn(s[4], 11) ^ turn(s[4], 25)) +
			      ((s[4] & s[5]) ^ (~s[4] & s[6])) + k[i] + w[i];
		uint32_t t2 = (turn(s[0], 2) ^ turn(s[0], 13) ^ turn(s[0], 22)) +
			      ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));

		memmove(s + 1, s, 7 * sizeof(*s));
		s[4] += t1;
		s[0] = t1 + t2;
	}
	for (int i = 0; i < 8; i++)
		h[i] += s[i];
}

/* The first 32 bits of the fractional part of the third or square root of a prime. */
static uint32_t root_bits(unsigned prime, int degree)
{
	unsigned __int128 target = (unsigned __int128)prime << (32 * degree);
	uint64_t low = 0, high = (uint64_t)1 << 37;

	while (high - low > 1) {
		uint64_t mid = (low + high) / 2;
		unsigned __int128 power = (unsigned __int128)mid * mid;

		if (degree == 3)
			power *= mid;
		*(power <= target ? &low : &high) = mid;
	}
	return (uint32_t)low;
}

static void sha256_hex(const struct bytes *b, char hex[65])
{
	struct bytes m = {0};
	uint32_t h[8], k[64];
	unsigned prime = 1;

	for (int n = 0; n < 64; n++) {
		bool is_prime;

		do {
			prime++;
			is_prime = true;
			for (unsigned d = 2; d * d <= prime; d++)
				is_prime = is_prime && prime % d != 0;
		} while (!is_prime);
		k[n] = root_bits(prime, 3);
		if (n < 8)
			h[n] = root_bits(prime, 2);
	}
	add(&m, b->p, b->len);
	add(&m, "\x80", 1);
	add_zeros(&m, (64 + 56 - m.len % 64) % 64);
	for (int i = 56; i >= 0; i -= 8) {
		unsigned char byte = (unsigned char)((uint64_t)b->len * 8 >> i);

		add(&m, &byte, 1);
	}
	for (size_t i = 0; i < m.len; i += 64)
		sha256_block(h, k, m.p + i);
	for (int i = 0; i < 8; i++)
		snprintf(hex + 8 * i, 9, "%08x", h[i]);
	free(m.p);
}

static uint32_t crc32_of(const struct bytes *b)
{
	uint32_t table[256], c;

	for (uint32_t i = 0; i < 256; i++) {
		c = i;
		for (int bit = 0; bit < 8; bit++)
			c = c & 1 ? c >> 1 ^ 0xedb88320 : c >> 1;
		table[i] = c;
	}
	c = 0xffffffff;
	for (size_t i = 0; i < b->len; i++)
		c = table[(c ^ b->p[i]) & 255] ^ c >> 8;
	return ~c;
}

/* ---- archives -------------------------------------------------------------------------------- */

struct entry {
	char type;
	const char *name, *to, *mtime;
	struct bytes data;
	unsigned long mode, major, minor;
	long long uid, gid;
	struct bytes records; /* pax */
	bool binary;	      /* a record that is no UTF-8 */
	bool has_path;
};

/* Well formed as far as bytes go, which is what matters to readers here. */
static bool is_utf8(const char *s)
{
	while (*s) {
		unsigned char c = (unsigned char)*s++;
		int more = c < 0x80		   ? 0
			   : c >= 0xc2 && c < 0xe0 ? 1
			   : c >= 0xe0 && c < 0xf0 ? 2
			   : c >= 0xf0 && c < 0xf5 ? 3
						   : -1;

		if (more < 0)
			return false;
		for (; more > 0; more--)
			if (((unsigned char)*s++ & 0xc0) != 0x80)
				return false;
	}
	return true;
}

static bool is_ascii(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s >= 0x80)
			return false;
	return true;
}

/* "LENGTH KEY=VALUE\n", the length being that of the whole record. */
static void add_record(struct bytes *b, const char *key, const char *value)
{
	size_t rest = strlen(key) + strlen(value) + 3, len = rest, digits;

	for (;;) {
		char number[24];

		digits = (size_t)snprintf(number, sizeof(number), "%zu", len);
		if (rest + digits == len)
			break;
		len = rest + digits;
	}
	add_text(b, "%zu ", len);
	add(b, key, strlen(key));
	add(b, "=", 1);
	add(b, value, strlen(value));
	add(b, "\n", 1);
}

static void pax(struct entry *e, const char *key, const char *value)
{
	add_record(&e->records, key, value);
	e->binary = e->binary || !is_utf8(value);
	e->has_path = e->has_path || strcmp(key, "path") == 0;
}

static void put_octal(unsigned char *field, int digits, unsigned long long n)
{
	char text[32];

	snprintf(text, sizeof(text), "%0*llo", digits, n);
	memcpy(field, text, strlen(text) + 1);
}

static void add_header(struct bytes *b, const struct entry *e, const char *magic, size_t size)
{
	unsigned char h[BLOCK] = {0};
	unsigned sum = 0;
	long long mtime = strchr(e->mtime, '.') ? 0 : strtoll(e->mtime, NULL, 10);

	memcpy(h, e->name, strnlen(e->name, 100));
	put_octal(h + 100, 7, e->mode & 07777);
	put_octal(h + 108, 7, e->uid < 0 || e->uid > 07777777 ? 0 : (unsigned long long)e->uid);
	put_octal(h + 116, 7, e->gid < 0 || e->gid > 07777777 ? 0 : (unsigned long long)e->gid);
	put_octal(h + 124, 11, size);
	put_octal(h + 136, 11, mtime < 0 || mtime > 077777777777 ? 0 : (unsigned long long)mtime);
	h[156] = (unsigned char)e->type;
	memcpy(h + 157, e->to, strnlen(e->to, 100));
	memcpy(h + 257, magic, 8);
	put_octal(h + 329, 7, e->major);
	put_octal(h + 337, 7, e->minor);
	memset(h + 148, ' ', 8);
	for (int i = 0; i < BLOCK; i++)
		sum += h[i];
	put_octal(h + 148, 6, sum);
	add(b, h, sizeof(h));
}

/* An entry that says something of the next: its data are text. */
static void add_note(struct bytes *b, char type, const char *name, const char *magic,
		     const void *text, size_t len)
{
	struct entry e = {.type = type, .name = name, .to = "", .mtime = "0"};

	add_header(b, &e, magic, len);
	add(b, text, len);
	pad(b, BLOCK);
}

static void add_entry(struct bytes *b, struct entry *e, bool gnu)
{
	static const char ustar[8] = {'u', 's', 't', 'a', 'r', 0, '0', '0'};
	const char *magic = gnu ? "ustar  " : ustar;
	struct bytes all = {0};

	if (gnu) {
		if (strlen(e->name) > 100)
			add_note(b, 'L', "././@LongLink", magic, e->name, strlen(e->name) + 1);
		if (strlen(e->to) > 100)
			add_note(b, 'K', "././@LongLink", magic, e->to, strlen(e->to) + 1);
	} else {
		char id[32];

		if (!e->has_path && (strlen(e->name) > 100 || !is_ascii(e->name)))
			pax(e, "path", e->name);
		if (strlen(e->to) > 100 || !is_ascii(e->to))
			pax(e, "linkpath", e->to);
		if (strchr(e->mtime, '.') || e->mtime[0] == '-' ||
		    strtoll(e->mtime, NULL, 10) > 077777777777)
			pax(e, "mtime", e->mtime);
		snprintf(id, sizeof(id), "%lld", e->uid);
		if (e->uid > 07777777)
			pax(e, "uid", id);
		snprintf(id, sizeof(id), "%lld", e->gid);
		if (e->gid > 07777777)
			pax(e, "gid", id);
		if (e->binary)
			add_record(&all, "hdrcharset", "BINARY");
		add(&all, e->records.p, e->records.len);
		if (all.len > 0)
			add_note(b, 'x', "././@PaxHeader", magic, all.p, all.len);
	}
	add_header(b, e, magic, e->data.len);
	add(b, e->data.p, e->data.len);
	pad(b, BLOCK);
	free(all.p);
	free(e->records.p);
}

/* Replaces the escapes of a word; the word stays in its place. */
static char *plain(char *word)
{
	char *to = word;

	for (const char *s = word; *s; s++) {
		if (*s != '\\') {
			*to++ = *s;
		} else if (s[1] == 'x' && s[2] && s[3]) {
			char hex[3] = {s[2], s[3], 0};

			*to++ = (char)strtoul(hex, NULL, 16);
			s += 3;
		} else {
			s++;
			*to++ = *s == 'n' ? '\n' : *s;
		}
	}
	*to = 0;
	return word;
}

static void take_key(struct entry *e, char *word)
{
	char *value = strchr(word, '=');

	if (strncmp(word, "pax.", 4) == 0) {
		/* Values may have an equals sign, names not. */
		*value = 0;
		pax(e, word + 4, plain(value + 1));
		return;
	}
	if (!value)
		die("not a key", word);
	*value++ = 0;
	if (strcmp(word, "mode") == 0) {
		e->mode = strtoul(value, NULL, 8);
	} else if (strcmp(word, "uid") == 0) {
		e->uid = strtoll(value, NULL, 10);
	} else if (strcmp(word, "gid") == 0) {
		e->gid = strtoll(value, NULL, 10);
	} else if (strcmp(word, "mtime") == 0) {
		e->mtime = value;
	} else if (strcmp(word, "to") == 0) {
		e->to = plain(value);
	} else if (strcmp(word, "data") == 0) {
		e->data.p = (unsigned char *)plain(value);
		e->data.len = strlen(value);
	} else if (strcmp(word, "rdev") == 0) {
		if (sscanf(value, "%lu:%lu", &e->major, &e->minor) != 2)
			die("not MAJOR:MINOR", value);
	} else {
		die("unknown key", word);
	}
}

static void take_entry(struct bytes *b, char **words, int count, bool gnu)
{
	static const struct {
		const char *word;
		char type;
	} types[] = {{"file", '0'},  {"hard", '1'}, {"sym", '2'}, {"char", '3'},
		     {"block", '4'}, {"dir", '5'},  {"fifo", '6'}};
	struct entry e = {.to = "", .mtime = "1000000000", .mode = 0644};
	char *name;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(words[0], types[i].word) == 0)
			e.type = types[i].type;
	if (!e.type || count < 2)
		die("not an entry", words[0]);
	name = plain(words[1]);
	if (e.type == '5') {
		e.mode = 0755;
		if (asprintf(&name, "%s/", name) < 0)
			die("memory for", "a name");
	}
	e.name = name;
	for (int i = 2; i < count; i++)
		take_key(&e, words[i]);
	add_entry(b, &e, gnu);
	if (e.type == '5')
		free(name);
}

static void end_archive(const char *dir, const char *name, struct bytes *b)
{
	char path[4096];

	if (!*name)
		return;
	add_zeros(b, (size_t)2 * BLOCK);
	pad(b, RECORD);
	snprintf(path, sizeof(path), "%s/%s.tar", dir, name);
	write_file(path, b);
	b->len = 0;
}

/* The description on standard input. */
static void make_tars(const char *dir)
{
	struct bytes b = {0};
	char name[256] = "", *line = NULL, *words[WORDS_MAX];
	size_t room = 0;
	bool gnu = false;

	while (getline(&line, &room, stdin) >= 0) {
		int count = 0;

		for (char *w = strtok(line, " \t\n"); w && count < WORDS_MAX;
		     w = strtok(NULL, " \t\n"))
			words[count++] = w;
		if (count == 0 || words[0][0] == '#')
			continue;
		if (strcmp(words[0], "layer") != 0 && strcmp(words[0], "raw") != 0) {
			take_entry(&b, words, count, gnu);
			continue;
		}
		end_archive(dir, name, &b);
		gnu = words[0][0] == 'r';
		snprintf(name, sizeof(name), "%s", count > 1 ? words[1] : "");
		if (count > 2) {
			struct entry all = {0};

			for (int i = 2; i < count; i++) {
				char *value = strchr(words[i], '=');

				if (!value)
					die("not a record", words[i]);
				*value = 0;
				pax(&all, words[i], plain(value + 1));
			}
			add_note(&b, 'g', "././@PaxHeader",
				 "ustar\0"
				 "00",
				 all.records.p, all.records.len);
			free(all.records.p);
		}
	}
	end_archive(dir, name, &b);
	free(line);
	free(b.p);
}

/* ---- images ---------------------------------------------------------------------------------- */

static void little_endian(struct bytes *b, uint32_t n)
{
	for (int i = 0; i < 4; i++, n >>= 8) {
		unsigned char byte = (unsigned char)n;

		add(b, &byte, 1);
	}
}

static struct bytes gzip_of(const struct bytes *b)
{
	struct bytes out = {0};
	size_t at = 0, n;

	add(&out, "\x1f\x8b\x08\0\0\0\0\0\0\x03", 10);
	do {
		n = b->len - at < 65535 ? b->len - at : 65535;
		unsigned char head[5] = {at + n == b->len, (unsigned char)n,
					 (unsigned char)(n >> 8), (unsigned char)~n,
					 (unsigned char)(~n >> 8)};

		add(&out, head, sizeof(head));
		add(&out, b->p + at, n);
		at += n;
	} while (at < b->len);
	little_endian(&out, crc32_of(b));
	little_endian(&out, (uint32_t)b->len);
	return out;
}

static void put_blob(const char *dir, const struct bytes *b, char hex[65])
{
	char path[4096];

	sha256_hex(b, hex);
	snprintf(path, sizeof(path), "%s/blobs/sha256/%s", dir, hex);
	write_file(path, b);
}

static void make_dir(const char *dir, const char *below)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s%s", dir, below);
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		die("make", path);
}

static void put_text(const char *dir, const char *name, const struct bytes *b)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	write_file(path, b);
}

static void make_image(const char *dir, const char *tars, char **names, int count)
{
	struct bytes config = {0}, manifest = {0}, index = {0}, mark = {0}, layers = {0};
	char hex[65], path[4096];
	struct utsname host;

	if (uname(&host) < 0 || count > LAYERS_MAX)
		die("not this many", "layers");
	make_dir(dir, "");
	make_dir(dir, "/blobs");
	make_dir(dir, "/blobs/sha256");
	add_text(
		&config,
		"{\"architecture\":\"%s\",\"os\":\"linux\",\"config\":{},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[",
		strcmp(host.machine, "aarch64") == 0 ? "arm64" : "amd64");
	for (int i = 0; i < count; i++) {
		struct bytes tar, blob;

		if (tars)
			snprintf(path, sizeof(path), "%s/%s.tar", tars, names[i]);
		else
			snprintf(path, sizeof(path), "%s", names[i]);
		tar = read_file(path);
		sha256_hex(&tar, hex);
		add_text(&config, "%s\"sha256:%s\"", i ? "," : "", hex);
		printf("%s ", hex);
		blob = gzip_of(&tar);
		put_blob(dir, &blob, hex);
		add_text(
			&layers,
			"%s{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\",\"digest\":\"sha256:%s\",\"size\":%zu}",
			i ? "," : "", hex, blob.len);
		printf("%s\n", hex);
		free(tar.p);
		free(blob.p);
	}
	add_text(&config, "]}}");
	put_blob(dir, &config, hex);
	add_text(
		&manifest,
		"{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"config\":{\"mediaType\":"
		"\"application/vnd.oci.image.config.v1+json\",\"digest\":\"sha256:%s\",\"size\":%zu},\"layers\":[",
		hex, config.len);
	add(&manifest, layers.p, layers.len);
	add_text(&manifest, "]}");
	put_blob(dir, &manifest, hex);
	add_text(
		&index,
		"{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":"
		"\"sha256:%s\",\"size\":%zu,\"annotations\":{\"org.opencontainers.image.ref.name\":\"latest\"}}]}",
		hex, manifest.len);
	put_text(dir, "index.json", &index);
	add_text(&mark, "{\"imageLayoutVersion\":\"1.0.0\"}\n");
	put_text(dir, "oci-layout", &mark);
	free(config.p);
	free(manifest.p);
	free(index.p);
	free(mark.p);
	free(layers.p);
}

int main(int argc, char **argv)
{
	(void)umask(022);
	if (argc == 3 && strcmp(argv[1], "tars") == 0) {
		make_tars(argv[2]);
	} else if (argc > 3 && strcmp(argv[1], "image") == 0) {
		make_image(argv[2], NULL, argv + 3, argc - 3);
	} else if (argc > 4 && strcmp(argv[1], "both") == 0) {
		make_tars(argv[2]);
		make_image(argv[3], argv[2], argv + 4, argc - 4);
	} else {
		fprintf(stderr,
			"usage: layout tars DIR | image DIR TAR... | both DIR OUT NAME...\n");
		return 2;
	}
	return fflush(stdout) == 0 ? 0 : 2;
}
