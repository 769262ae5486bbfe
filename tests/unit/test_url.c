/* SPDX-License-Identifier: MIT */
/* imgfetch/url, imgfetch/netaddr, imgfetch/proxyenv: where a redirect leads, whether we may go
 * there, and through which proxy. */
#include "imgfetch/url.h"

#include <stdlib.h>

#include "imgfetch/netaddr.h"
#include "imgfetch/proxyenv.h"
#include "tests/unit/tap.h"

static const struct parse_row {
	const char *s, *want; /* want NULL: refused */
} parse_rows[] = {
	{"https://Registry.Example", "https://registry.example/"},
	{"http://h:80/a", "http://h/a"},
	{"http://h:443/a", "http://h:443/a"},
	{"https://h:443/a?b=c&d=%20#frag", "https://h/a?b=c&d=%20"},
	{"HTTPS://h?x", "https://h/?x"},
	{"http://[::1]:5000/v2/", "http://[::1]:5000/v2/"},
	{"http://h:/x", "http://h/x"},
	{"file:///etc/passwd", NULL},
	{"gopher://h/", NULL},
	{"scp://h/x", NULL},
	{"//h/x", NULL},
	{"http:/h", NULL},
	{"http://", NULL},
	{"http:///x", NULL},
	{"http://user@h/", NULL},
	{"http://user:pw@h/", NULL},
	{"http://good.example@evil.example/", NULL},
	{"http://h\\@evil/", NULL},
	{"http://h/a b", NULL},
	{"http://h/a\nHost: x", NULL},
	{"http://h/\xc3\xa9", NULL},
	{"http://h:0/", NULL},
	{"http://h:65536/", NULL},
	{"http://h:80x/", NULL},
	{"http://h:123456789/", NULL},
	{"http://[::1/", NULL},
	{"http://[]/", NULL},
	{"http://-h/", NULL},
	{"http://%31%32/", NULL},
};

static const struct resolve_row {
	const char *base, *location, *want;
} resolve_rows[] = {
	{"https://h:444/a/b?q", "/x", "https://h:444/x"},
	{"https://h/a/b?q", "c", "https://h/a/c"},
	{"https://h/a/b?q", "?z", "https://h/a/b?z"},
	{"https://h/a/b?q/r", "c?y", "https://h/a/c?y"},
	{"https://h/", "x/y", "https://h/x/y"},
	{"https://h/a", "//other:5/z", "https://other:5/z"},
	{"http://h/a", "https://other/z", "https://other/z"},
	{"http://[::1]:5/a", "/b", "http://[::1]:5/b"},
	{"https://h/a", "file:///etc/passwd", NULL},
	{"https://h/a", "javascript:x", NULL},
	{"https://h/a", "ftp://h/x", NULL},
	{"https://h/a", "", NULL},
	{"https://h/a", "http://u:p@other/", NULL},
	{"https://h/a", "/a b", NULL},
};

static void test_parse(struct tap *t)
{
	for (size_t i = 0; i < ARRAY_LEN(parse_rows); i++) {
		struct url u;
		struct err e = {0};
		int r = url_parse(parse_rows[i].s, &u, &e);

		if (parse_rows[i].want)
			tap_str(t, r == 0 ? url_text(&u).s : e.text, parse_rows[i].want, "parse %s",
				parse_rows[i].s);
		else
			tap_int(t, r, -1, "refuse %s", parse_rows[i].s);
		/* Neither a password nor a query gets into a message. */
		if (r < 0)
			tap_ok(t, !strstr(e.text, "pw") && !strstr(e.text, "?"), "message of %s",
			       parse_rows[i].s);
	}
}

static void test_resolve(struct tap *t)
{
	for (size_t i = 0; i < ARRAY_LEN(resolve_rows); i++) {
		const struct resolve_row *row = &resolve_rows[i];
		struct url base, u;
		struct err e = {0};
		int r;

		if (url_parse(row->base, &base, &e) < 0)
			abort();
		r = url_resolve(&base, row->location, &u, &e);
		if (row->want)
			tap_str(t, r == 0 ? url_text(&u).s : e.text, row->want, "%s -> %s",
				row->base, row->location);
		else
			tap_int(t, r, -1, "refuse %s -> %s", row->base, row->location);
	}
}

static void test_origin(struct tap *t)
{
	static const struct {
		const char *a, *b;
		bool same;
	} rows[] = {
		{"https://h/a", "https://H:443/b", true},
		{"https://h/a", "http://h/a", false},
		{"https://h/a", "https://h:444/a", false},
		{"https://h/a", "https://h.evil/a", false},
		{"http://h:443/a", "https://h/a", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct url a, b;
		struct err e = {0};

		if (url_parse(rows[i].a, &a, &e) < 0 || url_parse(rows[i].b, &b, &e) < 0)
			abort();
		tap_int(t, url_same_origin(&a, &b), rows[i].same, "origin of %s and %s", rows[i].a,
			rows[i].b);
	}
	struct url u;
	struct err e = {0};
	if (url_parse("http://h.example:5000/x?token=secret", &u, &e) < 0)
		abort();
	tap_ok(t, url_is_at(&u, "H.example:5000"), "is at its host and port");
	tap_ok(t, !url_is_at(&u, "h.example"), "is not at the default port");
	tap_ok(t, !url_is_at(&u, "h.example:5000/x"), "a path names no host");
	tap_str(t, url_show(&u).s, "http://h.example:5000/x", "shown without query");
	tap_int(t, url_add_query(&u, "scope", "repository:a/b:pull x&y", &e), 0, "add a query");
	tap_str(t, url_text(&u).s,
		"http://h.example:5000/x?token=secret&scope=repository:a/b:pull%20x%26y",
		"query is encoded");
}

static void test_netaddr(struct tap *t)
{
	static const struct {
		const char *s;
		enum net_class want;
	} rows[] = {
		{"127.0.0.1", NET_LOOPBACK},
		{"127.255.1.2", NET_LOOPBACK},
		{"0.0.0.0", NET_LOOPBACK},
		{"[::1]", NET_LOOPBACK},
		{"::", NET_LOOPBACK},
		{"::ffff:127.0.0.1", NET_LOOPBACK},
		{"169.254.169.254", NET_LINKLOCAL},
		{"2852039166", NET_LINKLOCAL},
		{"0xa9.0376.43518", NET_LINKLOCAL},
		{"127.1", NET_LOOPBACK},
		{"127.1.example", NET_UNKNOWN},
		{"fe80::1", NET_LINKLOCAL},
		{"::ffff:169.254.169.254", NET_LINKLOCAL},
		{"10.1.2.3", NET_PRIVATE},
		{"172.16.0.1", NET_PRIVATE},
		{"172.31.255.255", NET_PRIVATE},
		{"172.32.0.1", NET_PUBLIC},
		{"192.168.0.1", NET_PRIVATE},
		{"100.64.0.1", NET_PRIVATE},
		{"100.127.255.255", NET_PRIVATE},
		{"100.128.0.1", NET_PUBLIC},
		{"fd00::1", NET_PRIVATE},
		{"fc00::1", NET_PRIVATE},
		{"192.0.0.192", NET_LINKLOCAL},
		{"192.0.1.1", NET_PUBLIC},
		{"198.19.0.1", NET_PRIVATE},
		{"198.20.0.1", NET_PUBLIC},
		{"64:ff9b::169.254.169.254", NET_LINKLOCAL},
		{"64:ff9b::1.1.1.1", NET_PUBLIC},
		{"64:ff9b:1::1.1.1.1", NET_PRIVATE},
		{"2002:7f00:1::", NET_LOOPBACK},
		{"2002:101:101::", NET_PUBLIC},
		{"1.1.1.1", NET_PUBLIC},
		{"2606:4700::1111", NET_PUBLIC},
		{"h.example", NET_UNKNOWN},
		{"", NET_UNKNOWN},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		tap_int(t, netaddr_class_text(rows[i].s), rows[i].want, "class of '%s'", rows[i].s);
	tap_ok(t, netaddr_host_is_loopback("localhost:5000"), "localhost is loopback");
	tap_ok(t, netaddr_host_is_loopback("127.0.0.2"), "127.0.0.2 is loopback");
	tap_ok(t, netaddr_host_is_loopback("[::1]:1"), "[::1] is loopback");
	tap_ok(t, !netaddr_host_is_loopback("localhost.evil.example"), "only the whole name");
	tap_ok(t, !netaddr_host_is_loopback("127.0.0.1.evil.example:80"), "only addresses");
	tap_ok(t, !netaddr_host_is_loopback("0.0.0.0"), "0.0.0.0 is no name of loopback");
	tap_ok(t, !netaddr_may_follow(NET_PUBLIC, NET_LINKLOCAL), "no way to metadata");
	tap_ok(t, !netaddr_may_follow(NET_PUBLIC, NET_LOOPBACK), "no way to this machine");
	tap_ok(t, !netaddr_may_follow(NET_PUBLIC, NET_PRIVATE), "no way to the own network");
	tap_ok(t, !netaddr_may_follow(NET_PRIVATE, NET_LOOPBACK), "not from a private network");
	tap_ok(t, !netaddr_may_follow(NET_LOOPBACK, NET_LINKLOCAL), "nobody sends to metadata");
	tap_ok(t, netaddr_may_follow(NET_PRIVATE, NET_PRIVATE), "within the own network");
	tap_ok(t, netaddr_may_follow(NET_UNKNOWN, NET_LINKLOCAL), "the user may");
	tap_ok(t, netaddr_may_follow(NET_LOOPBACK, NET_PUBLIC), "to the Internet");
}

/* Where none is needed. */
static const struct proxy_row {
	const char *none, *url;
	bool direct;
} proxy_rows[] = {
	{NULL, "https://h/", false},
	{"", "https://h/", false},
	{"*", "https://h/", true},
	{"a, *", "https://h/", true},
	{"h", "https://h/", true},
	{"H.", "https://h./", true},
	{"a,b c\th", "https://h/", true},
	{"a,h.b", "https://h/", false},
	{"example.com", "https://example.com/", true},
	{"example.com", "https://r.example.com/", true},
	{".example.com", "https://r.example.com/", true},
	{".example.com", "https://example.com/", true},
	{"*.example.com", "https://r.example.com/", true},
	{"example.com", "https://badexample.com/", false},
	{"r.example.com", "https://example.com/", false},
	{".", "https://h/", false},
	{"h:443", "https://h/", true},
	{"h:443", "https://h:5000/", false},
	{"h:5000", "https://r.h:5000/", true},
	{"h:", "https://h/", false},
	{"h:x", "https://h/", false},
	{"h:65536", "https://h/", false},
	{":443", "https://h/", false},
	{":", "https://h/", false},
	{"10.0.0.1", "http://10.0.0.1/", true},
	{"10.0.0.1:80", "http://10.0.0.1/", true},
	{"10.0.0.1:81", "http://10.0.0.1/", false},
	{"0.0.1", "http://10.0.0.1/", false},
	{"10.0.0.0/8", "http://10.255.0.1/", true},
	{"10.0.0.0/8", "http://11.0.0.1/", false},
	{"10.0.0.0/7", "http://11.0.0.1/", true},
	{"10.128.0.0/9", "http://10.127.0.1/", false},
	{"0.0.0.0/0", "http://11.0.0.1/", true},
	{"10.0.0.0/33", "http://10.0.0.0/", false},
	{"10.0.0.0/", "http://10.0.0.0/", false},
	{"10.0.0.0/8", "http://h.10.0.0.0.example/", false},
	{"2001:db8::1", "http://[2001:db8::1]/", true},
	{"[2001:db8::1]", "http://[2001:db8::1]:5000/", true},
	{"[2001:db8::1]:5000", "http://[2001:db8::1]:5000/", true},
	{"[2001:db8::1]:5001", "http://[2001:db8::1]:5000/", false},
	{"2001:db8::/32", "http://[2001:db8:1::1]/", true},
	{"2001:db8::/129", "http://[2001:db8::1]/", false},
	{"::/0", "http://10.0.0.1/", false},
	{"[", "http://[2001:db8::1]/", false},
	{NULL, "http://localhost:5000/", true},
	{NULL, "http://127.0.0.1/", true},
};

static void test_proxy(struct tap *t)
{
	struct proxyenv p = {.http = "a", .https = "b"};
	struct url u;
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(proxy_rows); i++) {
		const struct proxy_row *row = &proxy_rows[i];

		p.none = row->none;
		if (url_parse(row->url, &u, &e) < 0)
			abort();
		tap_int(t, !proxyenv_find(&p, &u), row->direct, "no_proxy '%s': %s",
			row->none ? row->none : "", row->url);
	}
	p = (struct proxyenv){.http = "a", .https = "", .all = "c"};
	if (url_parse("http://h/", &u, &e) < 0)
		abort();
	tap_str(t, proxyenv_find(&p, &u), "a", "http_proxy is for http");
	if (url_parse("https://h/", &u, &e) < 0)
		abort();
	tap_str(t, proxyenv_find(&p, &u), "c", "all_proxy where the other is empty");
}

int main(void)
{
	struct tap t = {0};

	test_parse(&t);
	test_resolve(&t);
	test_origin(&t);
	test_netaddr(&t);
	test_proxy(&t);
	return tap_done(&t);
}
