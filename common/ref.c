/* SPDX-License-Identifier: MIT */
/* Image references: the grammar users type, normalised the way docker does. */
#include "common/ref.h"

#include <string.h>

#include "common/num.h"
#include "common/text.h"

#define DEFAULT_HOST "docker.io"
#define DEFAULT_TAG  "latest"
#define PORT_MAX     65535

static bool is_lower_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_alnum(char c)
{
	return is_lower_alnum(c) || is_upper(c);
}

static char to_lower(char c)
{
	return is_upper(c) ? (char)(c - 'A' + 'a') : c;
}

static int bad(const char *s, const char *why, struct err *e)
{
	return err_set(e, ERR_USAGE, "image reference '%s': %s", text_quote(s).s, why);
}

/* One component of a repository name: [a-z0-9]+((\.|_|__|-+)[a-z0-9]+)* */
static bool component_ok(const char *s, size_t len)
{
	size_t i = 0;

	for (;;) {
		size_t start = i;

		while (i < len && is_lower_alnum(s[i]))
			i++;
		if (i == start)
			return false;
		if (i == len)
			return true;
		start = i;
		if (s[i] == '-') {
			while (i < len && s[i] == '-')
				i++;
		} else if (s[i] == '_') {
			while (i < len && s[i] == '_' && i - start < 2)
				i++;
		} else if (s[i] == '.') {
			i++;
		} else {
			return false;
		}
	}
}

static bool repo_ok(const char *s)
{
	for (;;) {
		size_t len = strcspn(s, "/");

		if (!component_ok(s, len))
			return false;
		s += len;
		if (*s == '\0')
			return true;
		s++;
	}
}

static bool tag_ok(const char *s)
{
	size_t len = strlen(s);

	if (len == 0 || len > REF_TAG_MAX || *s == '.' || *s == '-')
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!is_alnum(s[i]) && !strchr("_.-", s[i]))
			return false;
	}
	return true;
}

static bool port_ok(const char *s)
{
	struct err ignored; /* the message is made for the whole reference */
	uint64_t port;

	return *s != '0' && num_parse_u64(s, 1, PORT_MAX, "port", &port, &ignored) == 0;
}

/* DNS name or IPv4 address, labels of letters, digits and inner dashes; or [IPv6 address]; then
 * perhaps :port. It becomes a directory name of the store: no slash, no leading dot. */
static bool host_ok(const char *s)
{
	size_t len;

	if (*s == '[') {
		len = strspn(s + 1, "0123456789abcdefABCDEF:.");
		if (len < 2 || !memchr(s + 1, ':', len) || s[1 + len] != ']')
			return false;
		s += len + 2;
		return *s == '\0' || (*s == ':' && port_ok(s + 1));
	}
	for (;;) {
		for (len = 0; is_alnum(s[len]) || s[len] == '-'; len++)
			;
		if (len == 0 || len > 63 || s[0] == '-' || s[len - 1] == '-')
			return false;
		s += len;
		if (*s != '.')
			break;
		s++;
	}
	return *s == '\0' || (*s == ':' && port_ok(s + 1));
}

static bool is_hex64(const char *s)
{
	return strlen(s) == DIGEST_HEX_LEN && strspn(s, "0123456789abcdef") == DIGEST_HEX_LEN;
}

/* The first component of name is a host by docker's rule. Host names know no case. */
static int split_host(const char *s, const char *name, struct ref *r, const char **rest,
		      struct err *e)
{
	size_t len = strcspn(name, "/");
	const char *host = DEFAULT_HOST;

	*rest = name;
	if (name[len] == '/' && (memchr(name, '.', len) || memchr(name, ':', len) ||
				 (len == 9 && memcmp(name, "localhost", 9) == 0))) {
		if (len > REF_HOST_MAX)
			return bad(s, "the registry's name is too long", e);
		for (size_t i = 0; i < len; i++)
			r->host[i] = to_lower(name[i]);
		r->host[len] = '\0';
		if (!host_ok(r->host))
			return bad(s, "the part before the first '/' is not a host[:port]", e);
		*rest = name + len + 1;
		if (strcmp(r->host, "index.docker.io") != 0 &&
		    strcmp(r->host, "registry-1.docker.io") != 0)
			return 0;
	}
	memcpy(r->host, host, strlen(host) + 1);
	return 0;
}

/* [HOST/]REPOSITORY[:TAG], the first len bytes of name; all is the whole reference, for messages.
 */
static int parse_name(const char *all, const char *text, size_t len, struct ref *r, struct err *e)
{
	char name[REF_HOST_MAX + 1 + REF_REPO_MAX + 1 + REF_TAG_MAX + 1];
	const char *rest, *slash, *tag = "";
	char *colon;

	if (len >= sizeof(name))
		return bad(all, "it is too long", e);
	memcpy(name, text, len);
	name[len] = '\0';

	slash = strrchr(name, '/');
	colon = strchr(slash ? slash : name, ':');
	if (colon) {
		*colon = '\0';
		tag = colon + 1;
		if (!tag_ok(tag))
			return bad(all, "what follows the last ':' is not a tag", e);
		r->tag_given = true;
	} else if (!r->has_digest) {
		tag = DEFAULT_TAG;
	}
	memcpy(r->tag, tag, strlen(tag) + 1);

	if (split_host(all, name, r, &rest, e) < 0)
		return -1;
	if (!repo_ok(rest))
		return bad(
			all,
			"a repository is made of lower-case letters, digits and single separators",
			e);
	if (is_hex64(name))
		return bad(all, "write sha256:<hex> for a stored image", e);
	if (text_format(r->repo, sizeof(r->repo), "%s%s",
			strcmp(r->host, DEFAULT_HOST) == 0 && !strchr(rest, '/') ? "library/" : "",
			rest) < 0)
		return bad(all, "the repository is too long", e);
	return 0;
}

static int parse_digest(const char *all, const char *text, struct ref *r, struct err *e)
{
	struct err why;

	if (digest_parse_any(text, &r->digest, &why) < 0)
		return bad(all, why.text, e);
	r->has_digest = true;
	return 0;
}

static int parse_registry(const char *s, struct ref *r, struct err *e)
{
	size_t len = strcspn(s, "@");

	if (s[len] == '@' && parse_digest(s, s + len + 1, r, e) < 0)
		return -1;
	return parse_name(s, s, len, r, e);
}

/* Turn the last component of dir into a repository name: what cannot be part of one becomes '-',
 * and separators stay only where they separate something. Length 0 when nothing is left. */
static size_t repo_from_dir(const char *dir, size_t dir_len, char repo[REF_REPO_MAX + 1])
{
	size_t start, out = 0;

	while (dir_len > 0 && dir[dir_len - 1] == '/')
		dir_len--;
	for (start = dir_len; start > 0 && dir[start - 1] != '/'; start--)
		;
	for (size_t i = start; i < dir_len && out < REF_REPO_MAX; i++) {
		char c = to_lower(dir[i]);

		if (is_lower_alnum(c))
			repo[out++] = c;
		else if (out == 0)
			continue;
		else if ((c == '.' || c == '_') && is_lower_alnum(repo[out - 1]) &&
			 i + 1 < dir_len && is_alnum(dir[i + 1]))
			repo[out++] = c;
		else if (is_lower_alnum(repo[out - 1]) || repo[out - 1] == '-')
			repo[out++] = '-';
	}
	while (out > 0 && !is_lower_alnum(repo[out - 1]))
		out--;
	repo[out] = '\0';
	return out;
}

/* Length of dir without the endings that archives have. */
static size_t strip_endings(const char *dir, size_t len)
{
	static const char *const endings[] = {".gz", ".zst", ".zstd", ".tar", ".tgz", ".oci"};
	bool again = true;

	/* First what it is compressed with, then what it is. */
	for (size_t i = 0; i < ARRAY_LEN(endings) && again; i++) {
		size_t n = strlen(endings[i]);

		if (len > n && memcmp(dir + len - n, endings[i], n) == 0) {
			len -= n;
			again = i < 3;
		}
	}
	return len;
}

/* The DIR or FILE of a local source, and the name that the store would derive from it. */
static int take_path(const char *all, const char *path, size_t len, struct ref *r, struct err *e)
{
	bool dir = r->kind == REF_OCI;

	if (len == 0)
		return bad(all, dir ? "there is no directory after 'oci:'" : "it names no file", e);
	if (len > REF_DIR_MAX)
		return bad(all, "it is too long", e);
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)path[i] < 0x20 || path[i] == 0x7f)
			return bad(all, "the path holds control characters", e);
	}
	memcpy(r->dir, path, len);
	r->dir[len] = '\0';
	if (repo_from_dir(path, dir ? len : strip_endings(path, len), r->repo) == 0)
		return bad(all, "the path's last component gives no name for the image", e);
	memcpy(r->host, "localhost", sizeof("localhost"));
	return 0;
}

/* A path may have '@' in it, but hardly "@sha256:", nor end with "@sha256", which as the canonical
 * text would get a tag behind it. */
static const char *find_digest(const char *s)
{
	const char *at = strrchr(s, '@');

	if (!at || (strncmp(at, "@sha256", 7) != 0 && strncmp(at, "@sha512", 7) != 0))
		return NULL;
	return at[7] == ':' || at[7] == '\0' ? at : NULL;
}

/* A tag that was given, or what none means. */
static int take_tag(const char *all, const char *tag, size_t len, struct ref *r, struct err *e)
{
	if (len <= REF_TAG_MAX)
		*(char *)mempcpy(r->tag, tag, len) = '\0';
	if (len > REF_TAG_MAX || !tag_ok(r->tag))
		return bad(all, "what follows the last ':' is not a tag", e);
	r->tag_given = true;
	return 0;
}

static void default_tag(struct ref *r)
{
	if (!r->has_digest)
		memcpy(r->tag, DEFAULT_TAG, sizeof(DEFAULT_TAG));
}

static int parse_oci(const char *s, const char *rest, struct ref *r, struct err *e)
{
	const char *at = find_digest(rest);
	size_t len = at ? (size_t)(at - rest) : strlen(rest), dir_len = len;
	const char *colon = memrchr(rest, ':', len);

	if (at && parse_digest(s, at + 1, r, e) < 0)
		return -1;
	default_tag(r);
	if (colon && !memchr(colon, '/', (size_t)(rest + len - colon))) {
		dir_len = (size_t)(colon - rest);
		if (take_tag(s, colon + 1, len - dir_len - 1, r, e) < 0)
			return -1;
	}
	return take_path(s, rest, dir_len, r, e);
}

/* Where in an archive: "@N" up to the end of the reference. */
static int take_place(const char *all, const char *text, struct ref *r, struct err *e)
{
	struct err ignored; /* the message is made for the whole reference */
	uint64_t place;

	if (num_parse_u64(text + 1, 0, UINT32_MAX, "place", &place, &ignored) < 0)
		return bad(all, "what follows ':@' is not the number of an image", e);
	r->has_place = true;
	r->place = (uint32_t)place;
	/* What the store calls an image that has no name: several may come from one archive. */
	return text_format(r->tag, sizeof(r->tag), "%u", r->place) < 0
		       ? err_set(e, ERR_BUG, "a number longer than a tag")
		       : 0;
}

static int parse_archive(const char *s, const char *rest, struct ref *r, struct err *e)
{
	const char *at = find_digest(rest);
	size_t len = at ? (size_t)(at - rest) : strlen(rest);
	size_t path_len = MIN(strcspn(rest, ":"), len);
	const char *name = rest + path_len + 1;
	size_t name_len = path_len < len ? len - path_len - 1 : 0;

	if (at && r->kind == REF_DOCKER_ARCHIVE)
		return bad(s, "images in such an archive are told apart by their names and places",
			   e);
	if (at && parse_digest(s, at + 1, r, e) < 0)
		return -1;
	default_tag(r);
	if (take_path(s, rest, path_len, r, e) < 0)
		return -1;
	if (path_len == len)
		return 0;
	if (r->kind == REF_DOCKER_ARCHIVE && name_len > 0 && *name == '@')
		return take_place(s, name, r, e);
	r->named = r->kind == REF_DOCKER_ARCHIVE || memchr(name, ':', name_len) ||
		   memchr(name, '/', name_len);
	return r->named ? parse_name(s, name, name_len, r, e) : take_tag(s, name, name_len, r, e);
}

bool ref_is_local(const struct ref *r)
{
	return r->kind == REF_OCI || r->kind == REF_OCI_ARCHIVE || r->kind == REF_DOCKER_ARCHIVE;
}

int ref_parse(const char *s, struct ref *out, struct err *e)
{
	struct ref r = {.kind = REF_REGISTRY};
	int rc;

	/* As a repository and a tag, "sha512:..." would go to Docker Hub: nobody means that. */
	if (strncmp(s, "sha256:", 7) == 0 || strncmp(s, "sha512:", 7) == 0) {
		r.kind = REF_DIGEST;
		r.has_digest = true;
		rc = digest_parse(s, &r.digest, e);
	} else if (strncmp(s, "oci:", 4) == 0) {
		r.kind = REF_OCI;
		rc = parse_oci(s, s + 4, &r, e);
	} else if (strncmp(s, "oci-archive:", 12) == 0) {
		r.kind = REF_OCI_ARCHIVE;
		rc = parse_archive(s, s + 12, &r, e);
	} else if (strncmp(s, "docker-archive:", 15) == 0) {
		r.kind = REF_DOCKER_ARCHIVE;
		rc = parse_archive(s, s + 15, &r, e);
	} else {
		rc = parse_registry(s, &r, e);
	}
	if (rc == 0)
		*out = r;
	return rc;
}

static void add_name(struct text *t, const struct ref *r)
{
	text_addf(t, "%s/%s%s%s", r->host, r->repo, r->tag[0] ? ":" : "", r->tag);
}

struct ref_name ref_name(const struct ref *r)
{
	struct ref_name out;
	struct text t = TEXT_OVER(out.s);

	add_name(&t, r);
	return out;
}

struct ref_text ref_text(const struct ref *r)
{
	struct ref_text out;
	struct text t = TEXT_OVER(out.s);

	switch (r->kind) {
	case REF_DIGEST:
		text_add(&t, digest_text(&r->digest).s);
		return out;
	case REF_OCI:
	case REF_OCI_ARCHIVE:
		text_addf(&t, "%s:%s", r->kind == REF_OCI ? "oci" : "oci-archive", r->dir);
		if (r->named) {
			text_add(&t, ":");
			add_name(&t, r);
		} else if (r->tag[0]) {
			text_addf(&t, ":%s", r->tag);
		}
		break;
	case REF_DOCKER_ARCHIVE:
		text_addf(&t, "docker-archive:%s%s", r->dir, r->named ? ":" : "");
		if (r->named)
			add_name(&t, r);
		else if (r->has_place)
			text_addf(&t, ":@%u", r->place);
		break;
	case REF_REGISTRY:
		add_name(&t, r);
		break;
	}
	if (r->has_digest)
		text_addf(&t, "@%s", digest_text(&r->digest).s);
	return out;
}
