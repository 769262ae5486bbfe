/* SPDX-License-Identifier: MIT */
/* Which proxy a request goes through, by what the environment says. */
#include "imgfetch/proxyenv.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "common/num.h"
#include "imgfetch/netaddr.h"

#define SEPARATORS " \t,"

/* A host, or an address in binary. */
struct place {
	int family; /* AF_INET, AF_INET6; 0: a name */
	unsigned char address[sizeof(struct in6_addr)];
	char name[256]; /* without a dot at its end */
};

static bool parse_place(const char *s, size_t len, struct place *out)
{
	*out = (struct place){0};
	if (len > 0 && s[0] == '[' && s[len - 1] == ']') {
		s++;
		len -= 2;
	}
	if (len == 0 || len >= sizeof(out->name))
		return false;
	memcpy(out->name, s, len);
	if (inet_pton(AF_INET, out->name, out->address) == 1)
		out->family = AF_INET;
	else if (inet_pton(AF_INET6, out->name, out->address) == 1)
		out->family = AF_INET6;
	else if (out->name[len - 1] == '.')
		out->name[len - 1] = '\0';
	return true;
}

static bool parse_number(const char *s, size_t len, int max, int *out)
{
	char text[8] = "";
	struct err ignored;

	if (len == 0 || len >= sizeof(text))
		return false;
	memcpy(text, s, len);
	return num_parse_int(text, 0, max, "number", out, &ignored) == 0;
}

static bool same_bits(const struct place *a, const struct place *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	return a->family == b->family && memcmp(a->address, b->address, whole) == 0 &&
	       (rest == 0 || (a->address[whole] ^ b->address[whole]) >> (8 - rest) == 0);
}

/* A network: 10.0.0.0/8 */
static bool is_in_network(const struct place *host, const char *s, size_t len, const char *slash)
{
	struct place net;
	int bits = 0;

	return host->family && parse_place(s, (size_t)(slash - s), &net) &&
	       parse_number(slash + 1, (size_t)(s + len - slash) - 1,
			    host->family == AF_INET ? 32 : 128, &bits) &&
	       same_bits(host, &net, (unsigned)bits);
}

/* A domain is its own and that of all below it. */
static bool is_in_domain(const struct place *host, const struct place *domain)
{
	const char *name = domain->name;
	size_t len, host_len = strlen(host->name);

	name += name[0] == '*' && name[1] == '.';
	name += name[0] == '.';
	len = strlen(name);
	if (len == 0 || len > host_len || strcasecmp(host->name + host_len - len, name) != 0)
		return false;
	return len == host_len || host->name[host_len - len - 1] == '.';
}

/* One entry of the list. */
static bool names_host(const char *s, size_t len, const struct place *host, unsigned port)
{
	const char *slash = memchr(s, '/', len), *colon = memrchr(s, ':', len);
	struct place p;
	int only = 0;

	if (len == 1 && *s == '*')
		return true;
	if (slash)
		return is_in_network(host, s, len, slash);
	/* A colon is that of a port behind "]", or if it is the only one. */
	if (colon && (colon[-(colon > s)] == ']' || memchr(s, ':', len) == colon)) {
		if (!parse_number(colon + 1, (size_t)(s + len - colon) - 1, 65535, &only) ||
		    (unsigned)only != port)
			return false;
		len = (size_t)(colon - s);
	}
	if (!parse_place(s, len, &p))
		return false;
	if (p.family || host->family)
		return same_bits(host, &p, p.family == AF_INET ? 32 : 128);
	return is_in_domain(host, &p);
}

static bool needs_none(const char *list, const struct url *u)
{
	struct place host;

	if (!list || !parse_place(u->host, strlen(u->host), &host))
		return false;
	for (const char *s = list + strspn(list, SEPARATORS); *s; s += strspn(s, SEPARATORS)) {
		size_t len = strcspn(s, SEPARATORS);

		if (names_host(s, len, &host, u->port))
			return true;
		s += len;
	}
	return false;
}

const char *proxyenv_find(const struct proxyenv *p, const struct url *u)
{
	const char *proxy = u->https ? p->https : p->http;

	if (!proxy || !proxy[0])
		proxy = p->all;
	if (!proxy || !proxy[0] || netaddr_host_is_loopback(u->host) || needs_none(p->none, u))
		return NULL;
	return proxy;
}
