/* SPDX-License-Identifier: MIT */
/* Changes of auth.json that leave all other bytes alone: the text is cut and spliced, not printed
 * anew from what a parser made of it. */
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/text.h"
#include "imgfetch/authfile.h"
#include "imgfetch/authfile_impl.h"
#include "imgfetch/base64.h"
#include "imgfetch/json.h"
#include "imgfetch/secret.h"

/* --- where things are in a text that is known to be valid JSON ------------------------------- */

static const char *skip_space(const char *p)
{
	return p + strspn(p, " \t\r\n");
}

/* p: at a quote. */
static const char *skip_string(const char *p)
{
	for (p++; *p && *p != '"'; p++)
		if (*p == '\\' && p[1])
			p++;
	return *p ? p + 1 : p;
}

static const char *skip_value(const char *p)
{
	unsigned depth = 0;

	do {
		if (*p == '"') {
			p = skip_string(p);
			continue;
		}
		if (*p == '{' || *p == '[')
			depth++;
		else if (*p == '}' || *p == ']')
			depth--;
		p++;
	} while (*p && (depth > 0 || !strchr(",]} \t\r\n", *p)));
	return p;
}

/* One member of an object: "key" : value */
struct member {
	const char *key, *value, *end; /* of the text; end: behind the value */
};

/* The i-th member of the object that p is at; i must be below their number. */
static struct member member_at(const char *p, size_t i)
{
	struct member m = {.end = p};

	for (size_t n = 0; n <= i; n++) {
		/* Behind '{' or the ',' after the last one. */
		m.key = skip_space(skip_space(m.end) + 1);
		m.value = skip_space(skip_space(skip_string(m.key)) + 1);
		m.end = skip_value(m.value);
	}
	return m;
}

/* --- the document ---------------------------------------------------------------------------- */

/* A text and what a parser says of it: it numbers members as they stand in the text. */
struct doc {
	const char *text;
	const char *root;	/* its '{' */
	struct jv *tree;	/* to be wiped */
	const struct jv *auths; /* NULL if there is none */
	bool has_auths;		/* also when it is null */
	struct member at;	/* of auths */
};

static int doc_open(const char *text, struct doc *d, struct err *e)
{
	const char *key;

	*d = (struct doc){.text = text, .root = skip_space(text)};
	if (jv_parse(text, strlen(text), &d->tree, e) < 0)
		return err_set(e, ERR_CONFIG, "not valid JSON");
	if (!jv_is_object(d->tree) ||
	    jv_get_object(d->tree, "auths", JV_OPTIONAL, &d->auths, e) < 0) {
		jv_wipe(d->tree);
		return err_set(e, ERR_CONFIG, "it, or its 'auths', is not a JSON object");
	}
	for (size_t i = 0; (key = jv_key_at(d->tree, i)); i++)
		if (strcmp(key, "auths") == 0) {
			d->has_auths = true;
			d->at = member_at(d->root, i);
		}
	return 0;
}

/* The text with the bytes from `from` up to `to` replaced. */
static int splice(const char *text, const char *from, const char *to, const char *with, char **out,
		  struct err *e)
{
	if (asprintf(out, "%.*s%s%s", (int)(from - text), text, with, to) < 0) {
		*out = NULL;
		return err_sys(e, ERR_SYSTEM, "change the credentials file");
	}
	return 0;
}

static size_t count_members(const struct jv *obj)
{
	size_t n = 0;

	while (jv_key_at(obj, n))
		n++;
	return n;
}

/* Without the i-th of count members of the object at p, and without the comma that it needed. */
static int cut_member(const char *text, const char *p, size_t i, size_t count, char **out,
		      struct err *e)
{
	struct member m = member_at(p, i);

	if (i > 0)
		return splice(text, member_at(p, i - 1).end, m.end, "", out, e);
	if (count > 1)
		return splice(text, m.key, member_at(p, 1).key, "", out, e);
	return splice(text, p, skip_value(p), "{}", out, e);
}

/* One entry less. 1, 0 (there is none; no *out), -1. */
static int remove_one(const char *text, const char *key, char **out, struct err *e)
{
	struct doc d;
	const char *have;
	int r = 0;

	if (doc_open(text, &d, e) < 0)
		return -1;
	for (size_t i = 0; d.auths && (have = jv_key_at(d.auths, i)); i++) {
		if (!authfile_key_is(have, key))
			continue;
		r = cut_member(text, d.at.value, i, count_members(d.auths), out, e) < 0 ? -1 : 1;
		break;
	}
	jv_wipe(d.tree);
	return r;
}

static int remove_all(const char *text, char **out, size_t *count, struct err *e)
{
	struct doc d;
	int r = 0;

	if (doc_open(text, &d, e) < 0)
		return -1;
	*count = d.auths ? count_members(d.auths) : 0;
	if (*count > 0)
		r = splice(text, d.at.value, d.at.end, "{}", out, e);
	jv_wipe(d.tree);
	return r;
}

int authfile_remove(const char *text, const char *key, char **out, size_t *count, struct err *e)
{
	char *now = NULL, *next = NULL;
	size_t n = 0;
	int r;

	*out = NULL;
	if (!key)
		return remove_all(text, out, count, e);
	while ((r = remove_one(now ? now : text, key, &next, e)) > 0) {
		secret_free(now);
		now = take_ptr(next);
		n++;
	}
	if (r < 0) {
		secret_free(now);
		return -1;
	}
	*out = now;
	*count = n;
	return 0;
}

/* Put the member into a text that has none of that key. */
static int insert(const char *text, const char *entry, char **out, struct err *e)
{
	auto_secret with = NULL;
	struct doc d;
	size_t count;
	const char *at, *end;
	int r;

	if (!skip_space(text)[0])
		text = "{\n}\n";
	if (doc_open(text, &d, e) < 0)
		return -1;
	count = d.auths ? count_members(d.auths) : 0;
	if (count > 0) {
		at = end = member_at(d.at.value, count - 1).end;
		r = asprintf(&with, ",\n\t\t%s", entry);
	} else if (d.has_auths) {
		at = d.at.value;
		end = d.at.end;
		r = asprintf(&with, "{\n\t\t%s\n\t}", entry);
	} else {
		at = end = d.root + 1;
		r = asprintf(&with, "\n\t\"auths\": {\n\t\t%s\n\t}%s", entry,
			     jv_key_at(d.tree, 0) ? "," : "");
	}
	if (r < 0) {
		with = NULL;
		r = err_sys(e, ERR_SYSTEM, "change the credentials file");
	} else {
		r = splice(text, at, end, with, out, e);
	}
	jv_wipe(d.tree);
	return r;
}

int authfile_set(const char *text, const char *key, const char *user, const char *secret,
		 char **out, struct err *e)
{
	char plain[CREDENTIAL_USER_MAX + CREDENTIAL_SECRET_MAX + 2];
	char auth[BASE64_SIZE(sizeof(plain))], entry[sizeof(auth) + 600];
	char *without = NULL;
	size_t removed;
	int r = -1;

	*out = NULL;
	if (key[strcspn(key, "\"\\")] || strchr(user, ':') ||
	    text_format(plain, sizeof(plain), "%s:%s", user, secret) < 0)
		return err_set(e, ERR_CONFIG,
			       "the user name or password is too long, or malformed");
	base64_encode(plain, strlen(plain), auth);
	if (text_format(entry, sizeof(entry), "\"%s\": {\n\t\t\t\"auth\": \"%s\"\n\t\t}", key,
			auth) < 0)
		err_set(e, ERR_CONFIG, "the name '%s' is too long", text_quote(key).s);
	else if (!skip_space(text)[0] || authfile_remove(text, key, &without, &removed, e) == 0)
		r = insert(without ? without : text, entry, out, e);
	secret_free(without);
	explicit_bzero(plain, sizeof(plain));
	explicit_bzero(auth, sizeof(auth));
	explicit_bzero(entry, sizeof(entry));
	return r;
}
