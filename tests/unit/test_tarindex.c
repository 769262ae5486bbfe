/* SPDX-License-Identifier: MIT */
/* imgfetch/tarindex: where files are in an archive, and archives that lie about it. */
#include "imgfetch/tarindex.h"

#include "tests/unit/tap.h"
#include "tests/unit/tarmake.h"

static int read_memory(void *arg, uint64_t offset, void *buf, size_t len, struct err *e)
{
	const struct tarmake *m = arg;

	(void)e;
	if (offset > m->len || len > m->len - offset)
		abort(); /* the contract */
	memcpy(buf, m->data + offset, len);
	return 0;
}

static struct tarindex *index_of(struct tarmake *m, struct err *e)
{
	return tarindex_new(read_memory, m, m->len, e);
}

static void add(struct tarmake *m, char type, const char *name, const char *link, const char *data)
{
	const struct tarent ent = {.type = type, .name = name, .link = link};

	tarmake_add(m, &ent, data, data ? strlen(data) : 0);
}

/* name has these contents in the archive; NULL: there is none. */
static void finds(struct tap *t, struct tarmake *m, const struct tarindex *ix, const char *name,
		  const char *want)
{
	struct err e = {0};
	uint64_t offset = 0, size = 0;
	int r = tarindex_find(ix, name, &offset, &size, &e);
	char got[64] = "";

	if (r == 1 && size < sizeof(got) && offset + size <= m->len)
		memcpy(got, m->data + offset, (size_t)size);
	tap_int(t, r, want ? 1 : 0, "find '%s'", name);
	tap_str(t, r < 0 ? e.text : got, want ? want : "", "find '%s': contents", name);
}

static void fails(struct tap *t, const struct tarindex *ix, const char *name, const char *why)
{
	struct err e = {0};
	uint64_t offset, size;

	tap_int(t, tarindex_find(ix, name, &offset, &size, &e), -1, "find '%s' fails", name);
	tap_has(t, e.text, why, "find '%s': why", name);
	tap_int(t, e.kind, ERR_VERIFY, "find '%s': kind", name);
}

static void test_names(struct tap *t)
{
	static struct tarrecords records;
	static char long_name[300];
	struct tarmake m = {0};
	struct err e = {0};

	memset(long_name, 'n', 250);
	long_name[200] = '/';
	add(&m, '5', "d/", NULL, NULL);
	add(&m, '0', "./d//file", NULL, "one");
	add(&m, '0', "/abs", NULL, "two");
	add(&m, '0', "twice", NULL, "first");
	add(&m, '0', "empty", NULL, NULL);
	add(&m, '0', "twice", NULL, "second");
	add(&m, '0', long_name, NULL, "long");
	add(&m, '\0', "old", NULL, "old style");
	add(&m, '7', "contiguous", NULL, "seven");
	add(&m, '3', "device", NULL, NULL);
	add(&m, 'Z', "unknown", NULL, "passed over");
	tarmake_record(&records, "path", "pax/name", 8);
	tarmake_record(&records, "mtime", "1.5", 3);
	tarmake_pax(&m, 'x', records.data, records.len);
	add(&m, '0', "short", NULL, "pax");
	records.len = 0;
	tarmake_record(&records, "comment", "all of them", 11);
	tarmake_pax(&m, 'g', records.data, records.len);
	add(&m, '0', "after", NULL, "global");
	add(&m, '2', "link", "d/file", NULL);
	add(&m, '2', "d/up", "../abs", NULL);
	add(&m, '2', "chain", "./link", NULL);
	add(&m, '1', "hard", "d/up", NULL);
	add(&m, '2', "d/out", "../../etc/passwd", NULL);
	add(&m, '2', "absolute", "/etc/passwd", NULL);
	add(&m, '2', "loop", "pool", NULL);
	add(&m, '2', "pool", "loop", NULL);
	add(&m, '2', "self", "self", NULL);
	add(&m, '1', "hard-out", "../x", NULL);
	add(&m, '2', "dangling", "nowhere", NULL);
	add(&m, '2', "to-root", "d/..", NULL);
	tarmake_end(&m);
	tarmake_bytes(&m, "garbage behind the end", 22);

	struct tarindex *ix = index_of(&m, &e);
	if (!tap_ok(t, ix != NULL, "names: it is taken")) {
		tap_note("%s", e.text);
		return;
	}
	finds(t, &m, ix, "d/file", "one");
	finds(t, &m, ix, "./d/file", "one");
	finds(t, &m, ix, "abs", "two");
	finds(t, &m, ix, "twice", "second");
	finds(t, &m, ix, "empty", "");
	finds(t, &m, ix, long_name, "long");
	finds(t, &m, ix, "old", "old style");
	finds(t, &m, ix, "contiguous", "seven");
	finds(t, &m, ix, "pax/name", "pax");
	finds(t, &m, ix, "after", "global");
	finds(t, &m, ix, "link", "one");
	finds(t, &m, ix, "d/up", "two");
	finds(t, &m, ix, "chain", "one");
	finds(t, &m, ix, "hard", "two");
	finds(t, &m, ix, "short", NULL);
	finds(t, &m, ix, "d", NULL);
	finds(t, &m, ix, "device", NULL);
	finds(t, &m, ix, "unknown", NULL);
	finds(t, &m, ix, "dangling", NULL);
	finds(t, &m, ix, "zzz", NULL);
	finds(t, &m, ix, "aaa", NULL);
	fails(t, ix, "d/out", "leads out of the archive");
	fails(t, ix, "absolute", "leads out of the archive");
	fails(t, ix, "loop", "too many steps");
	fails(t, ix, "self", "too many steps");
	fails(t, ix, "hard-out", "'..'");
	fails(t, ix, "to-root", "without a name");
	fails(t, ix, "d/../abs", "'..'");
	fails(t, ix, "", "without a name");
	tarindex_free(ix);
	tarmake_free(&m);
}

/* An archive that is refused as a whole; takes m's contents. */
static void refused(struct tap *t, const char *what, struct tarmake *m, const char *why)
{
	struct err e = {0};
	struct tarindex *ix = index_of(m, &e);

	tap_ok(t, !ix, "refused: %s", what);
	tap_has(t, e.text, why, "refused: %s: why", what);
	tap_int(t, e.kind, ERR_VERIFY, "refused: %s: kind", what);
	tarindex_free(ix);
	tarmake_free(m);
}

static void refuse_pax(struct tap *t, const char *what, char type, const char *key,
		       const char *value, const char *why)
{
	static struct tarrecords records;
	struct tarmake m = {0};

	records.len = 0;
	tarmake_record(&records, key, value, strlen(value));
	tarmake_pax(&m, type, records.data, records.len);
	add(&m, '0', "file", NULL, "x");
	tarmake_end(&m);
	refused(t, what, &m, why);
}

static void refuse_raw_pax(struct tap *t, const char *text)
{
	struct tarmake m = {0};

	tarmake_pax(&m, 'x', text, strlen(text));
	add(&m, '0', "file", NULL, "x");
	tarmake_end(&m);
	refused(t, text, &m, "pax record");
}

static void test_refused(struct tap *t)
{
	struct tarmake m = {0};
	struct tarent ent = {.type = '0', .name = "huge", .size_claim = UINT64_MAX / 2};

	refused(t, "nothing", &m, "not a tar archive");
	tarmake_bytes(&m, "<html>", 6);
	refused(t, "a few bytes", &m, "not a tar archive");
	for (size_t i = 0; i < 600; i++)
		tarmake_bytes(&m, "x", 1);
	refused(t, "no header", &m, "not a tar archive, or a broken one");
	add(&m, '0', "a", NULL, "x");
	refused(t, "no end", &m, "there is no end");
	add(&m, '0', "a", NULL, "x");
	m.len -= 512;
	refused(t, "data cut off", &m, "cut short");
	add(&m, '0', "a", NULL, "x");
	m.len -= 1;
	refused(t, "cut in the padding", &m, "there is no end");
	tarmake_add(&m, &ent, "x", 1);
	tarmake_end(&m);
	refused(t, "a size beyond the end", &m, "the size of an entry is wrong");
	ent.size_claim = 0;
	tarmake_add(&m, &ent, "x", 1);
	memset(m.data + 124, 0xff, 12); /* base 256, negative */
	refused(t, "a negative size", &m, "checksum");
	add(&m, '0', "a", NULL, "x");
	m.data[0] = 'b';
	refused(t, "a wrong checksum", &m, "checksum");
	add(&m, '0', "../a", NULL, "x");
	tarmake_end(&m);
	refused(t, "a name that climbs", &m, "'..'");
	add(&m, '0', "a/../../b", NULL, "x");
	tarmake_end(&m);
	refused(t, "a name that climbs inside", &m, "'..'");
	add(&m, '0', "", NULL, "x");
	tarmake_end(&m);
	refused(t, "no name", &m, "without a name");
	add(&m, '2', "l", "x", "data");
	tarmake_end(&m);
	refused(t, "a link with data", &m, "link or directory with data");
	add(&m, 'S', "sparse", NULL, "x");
	tarmake_end(&m);
	refused(t, "GNU sparse", &m, "sparse");
	refuse_pax(t, "pax sparse", 'x', "GNU.sparse.major", "1", "sparse");
	refuse_pax(t, "a global path", 'g', "path", "all", "all entries one path");
	refuse_pax(t, "a global size", 'g', "size", "1", "all entries one size");
	refuse_pax(t, "a pax size beyond the end", 'x', "size", "999999", "size of an entry");
	refuse_pax(t, "a pax size below 0", 'x', "size", "-1", "size");
	refuse_pax(t, "a pax size over all", 'x', "size", "99999999999999999999999999", "size");
	refuse_pax(t, "a pax path that climbs", 'x', "path", "x/../../y", "'..'");
	refuse_raw_pax(t, "x");
	refuse_raw_pax(t, "5 a=b");
	refuse_raw_pax(t, "99 path=b\n");
	refuse_raw_pax(t, "3 \n");
	refuse_raw_pax(t, "0 a=b\n");
	refuse_raw_pax(t, "6 path\n");
	refuse_raw_pax(t, "6 =abc\n");
}

static void test_many(struct tap *t)
{
	struct tarmake m = {0};
	struct err e = {0};

	unsigned char header[512];

	add(&m, '0', "a", NULL, NULL);
	memcpy(header, m.data, sizeof(header));
	for (size_t i = 1; i < TARINDEX_ENTRIES_MAX; i++)
		tarmake_bytes(&m, header, sizeof(header));
	tarmake_end(&m);
	struct tarindex *ix = index_of(&m, &e);
	tap_ok(t, ix != NULL, "as many entries as there may be");
	tarindex_free(ix);
	m.len -= 1024;
	tarmake_bytes(&m, header, sizeof(header));
	tarmake_end(&m);
	refused(t, "one more", &m, "more than 200000 entries");
}

int main(void)
{
	struct tap t = {0};

	test_names(&t);
	test_refused(&t);
	test_many(&t);
	return tap_done(&t);
}
