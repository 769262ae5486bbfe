/* SPDX-License-Identifier: MIT */
/* imgfetch/http_headers: dates, Retry-After, limits, and headers that are no such. */
#include "imgfetch/http_impl.h"
#include "tests/unit/tap.h"

#define NOW 1000000000 /* Sun, 09 Sep 2001 01:46:40 GMT */

static const struct {
	const char *text;
	int64_t want; /* -1: no date */
} dates[] = {
	{"Thu, 01 Jan 1970 00:00:00 GMT", 0},
	{"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
	{"Sun, 09 Sep 2001 01:46:40 GMT", NOW},
	{"Tue, 29 Feb 2000 23:59:60 GMT", 951868800},
	{"Wed, 01 Mar 2000 00:00:00 GMT", 951868800},
	{"Fri, 31 Dec 9999 23:59:59 GMT", 253402300799},
	{"Mon, 01 Mar 2100 00:00:00 GMT", 4107542400},
	{"Thu, 31 Dec 1969 23:59:59 GMT", -1},
	{"Sun, 06 Nov 1994 08:49:37 CET", -1},
	{"Sun, 06 Nov 1994 24:00:00 GMT", -1},
	{"Sun, 00 Nov 1994 08:49:37 GMT", -1},
	{"Sun, 06 Nox 1994 08:49:37 GMT", -1},
	{"Sun, 06 ovD 1994 08:49:37 GMT", -1},
	{"Sunday, 06-Nov-94 08:49:37 GMT", -1},
	{"Sun Nov  6 08:49:37 1994", -1},
	{"Sun, 06 Nov 1994 08:49:37 GMT ", -1},
	{"", -1},
};

/* Lines of an answer, and what is known then of waiting and of limits. */
static const struct {
	const char *lines;
	long after_s;
	const char *limits;
} rows[] = {
	{"HTTP/1.1 429 X\r\n", -1, ""},
	{"Retry-After: 7\r\n", 7, ""},
	{"retry-after:\t 0 \r\n", 0, ""},
	{"Retry-After: 99999999999\r\n", 86400, ""},
	{"Retry-After: 99999999999999999999\r\n", 86400, ""},
	{"Retry-After: -1\r\n", -1, ""},
	{"Retry-After: soon\r\n", -1, ""},
	{"Retry-After: Sun, 09 Sep 2001 01:46:50 GMT\r\n", 10, ""},
	{"Retry-After: Sun, 09 Sep 2001 01:46:30 GMT\r\n", 0, ""},
	{"Retry-After: Sun, 09 Sep 2601 01:46:30 GMT\r\n", 86400, ""},
	/* by the server's clock */
	{"Date: Sun, 09 Sep 2001 02:00:00 GMT\r\nRetry-After: Sun, 09 Sep 2001 02:00:05 GMT\r\n", 5,
	 ""},
	{"Retry-After: Sun, 09 Sep 2001 02:00:05 GMT\r\nDate: Sun, 09 Sep 2001 02:00:00 GMT\r\n", 5,
	 ""},
	{"RateLimit-Limit: 100;w=21600\r\nratelimit-remaining: 3;w=21600\r\n", -1, "3/100/21600"},
	{"RateLimit-Limit: 100\r\nratelimit-remaining: 0\r\n", -1, "0/100/0"},
	{"RateLimit-Limit: x;w=1\r\nratelimit-remaining: 0;x=1\r\n", -1, ""},
	/* of another answer */
	{"Retry-After: 7\r\nRateLimit-Limit: 1\r\nratelimit-remaining: 1\r\nHTTP/1.1 200 OK\r\n",
	 -1, ""},
};

int main(void)
{
	struct tap t = {0};
	static struct http_response r;
	static struct http_location l;
	static char line[10 + URL_TARGET_MAX + 2] = "Location: ";

	for (size_t i = 0; i < ARRAY_LEN(dates); i++) {
		int64_t got = -1;
		bool ok = http_parse_date(dates[i].text, &got);

		tap_ok(&t, ok == (dates[i].want >= 0) && got == dates[i].want, "date '%s': %lld",
		       dates[i].text, (long long)got);
	}
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char limits[64] = "";

		http_headers_forget(&r, &l);
		for (const char *p = rows[i].lines; *p;) {
			size_t len = strcspn(p, "\n") + 1;

			http_headers_take(&r, &l, p, len, NOW);
			p += len;
		}
		if (r.has_rate_limit && r.has_rate_left)
			snprintf(limits, sizeof(limits), "%llu/%llu/%llu",
				 (unsigned long long)r.rate_left, (unsigned long long)r.rate_limit,
				 (unsigned long long)r.rate_window_s);
		tap_int(&t, r.retry_after_s, rows[i].after_s, "row %zu: retry after", i);
		tap_str(&t, limits, rows[i].limits, "row %zu: limits", i);
	}
	http_headers_take(&r, &l, "HTTP/2 503\r\n", 12, NOW);
	tap_int(&t, r.status, 503, "status of HTTP/2");
	http_headers_take(&r, &l, "Content-Range: bytes 5-9/10\r\n", 29, NOW);
	tap_ok(&t, r.has_range && r.range_start == 5, "a range");
	http_headers_take(&r, &l, "Location: /a\r\n", 14, NOW);
	tap_ok(&t, l.given && strcmp(l.text, "/a") == 0, "a location");
	memset(line + 10, 'x', URL_TARGET_MAX + 1);
	http_headers_take(&r, &l, line, 10 + URL_TARGET_MAX, NOW);
	tap_ok(&t, !l.too_long && strlen(l.text) == URL_TARGET_MAX, "a long location");
	http_headers_take(&r, &l, line, 10 + URL_TARGET_MAX + 1, NOW);
	tap_ok(&t, l.given && l.too_long && !l.text[0], "a location that is too long");
	http_headers_take(&r, &l, "HTTP/2 302\r\n", 12, NOW);
	tap_ok(&t, !l.given && !l.too_long, "... is that of its own answer only");
	http_headers_take(&r, &l, "Transfer-Encoding: gzip, Chunked\r\n", 34, NOW);
	tap_ok(&t, r.chunked, "pieces that say where they end");
	http_headers_take(&r, &l, "Transfer-Encoding: gzip\r\n", 25, NOW);
	tap_ok(&t, !r.chunked, "... or do not");
	return tap_done(&t);
}
