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

static int parse_registry(const char *s, struct ref *r, struct err *e)
{
	char name[REF_HOST_MAX + 1 + REF_REPO_MAX + 1 + REF_TAG_MAX + 1];
	size_t len = strcspn(s, "@");
	const char *rest, *slash, *tag = "";
	char *colon;

	if (s[len] == '@') {
		struct err why;

		if (digest_parse_any(s + len + 1, &r->digest, &why) < 0)
			return bad(s, why.text, e);
		r->has_digest = true;
	}
	if (len >= sizeof(name))
		return bad(s, "it is too long", e);
	memcpy(name, s, len);
	name[len] = '\0';

	slash = strrchr(name, '/');
	colon = strchr(slash ? slash : name, ':');
	if (colon) {
		*colon = '\0';
		tag = colon + 1;
		if (!tag_ok(tag))
			return bad(s, "what follows the last ':' is not a tag", e);
		r->tag_given = true;
	} else if (!r->has_digest) {
		tag = DEFAULT_TAG;
	}
	memcpy(r->tag, tag, strlen(tag) + 1);

	if (split_host(s, name, r, &rest, e) < 0)
		return -1;
	if (!repo_ok(rest))
		return bad(
			s,
			"a repository is made of lower-case letters, digits and single separators",
			e);
	if (is_hex64(name))
		return bad(s, "write sha256:<hex> for a stored image", e);
	if (text_format(r->repo, sizeof(r->repo), "%s%s",
			strcmp(r->host, DEFAULT_HOST) == 0 && !strchr(rest, '/') ? "library/" : "",
			rest) < 0)
		return bad(s, "the repository is too long", e);
	r->kind = REF_REGISTRY;
	return 0;
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

static int parse_oci(const char *s, const char *rest, struct ref *r, struct err *e)
{
	const char *colon = strrchr(rest, ':'), *tag = DEFAULT_TAG;
	size_t dir_len = strlen(rest);

	if (colon && !strchr(colon, '/')) {
		tag = colon + 1;
		dir_len = (size_t)(colon - rest);
		if (!tag_ok(tag))
			return bad(s, "what follows the last ':' is not a tag", e);
		r->tag_given = true;
	}
	if (dir_len == 0)
		return bad(s, "there is no directory after 'oci:'", e);
	if (dir_len > REF_DIR_MAX)
		return bad(s, "it is too long", e);
	for (size_t i = 0; i < dir_len; i++) {
		if ((unsigned char)rest[i] < 0x20 || rest[i] == 0x7f)
			return bad(s, "the directory's name holds control characters", e);
	}
	memcpy(r->dir, rest, dir_len);
	r->dir[dir_len] = '\0';
	if (repo_from_dir(rest, dir_len, r->repo) == 0)
		return bad(s, "the directory's last component gives no name for the image", e);
	memcpy(r->host, "localhost", sizeof("localhost"));
	memcpy(r->tag, tag, strlen(tag) + 1);
	r->kind = REF_OCI;
	return 0;
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
		rc = parse_oci(s, s + 4, &r, e);
	} else {
		rc = parse_registry(s, &r, e);
	}
	if (rc == 0)
		*out = r;
	return rc;
}

struct ref_text ref_text(const struct ref *r)
{
	struct ref_text out;
	struct text t = TEXT_OVER(out.s);

	switch (r->kind) {
	case REF_DIGEST:
		break;
	case REF_OCI:
		text_addf(&t, "oci:%s:%s", r->dir, r->tag);
		return out;
	case REF_REGISTRY:
		text_addf(&t, "%s/%s", r->host, r->repo);
		if (r->tag[0])
			text_addf(&t, ":%s", r->tag);
		if (r->has_digest)
			text_add(&t, "@");
		break;
	}
	if (r->has_digest)
		text_add(&t, digest_text(&r->digest).s);
	return out;
}
