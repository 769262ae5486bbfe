/* SPDX-License-Identifier: MIT */
/* Headers of HTTP answers: what of them a client of registries wants to know. */
#include <string.h>
#include <strings.h>

#include "common/num.h"
#include "imgfetch/http_impl.h"

#define RETRY_AFTER_SAID_MAX_S 86400

static bool name_is(const char *line, size_t len, const char *name, const char **value,
		    size_t *value_len)
{
	size_t n = strlen(name);

	if (len <= n || strncasecmp(line, name, n) != 0 || line[n] != ':')
		return false;
	line += n + 1;
	len -= n + 1;
	while (len > 0 && (*line == ' ' || *line == '\t'))
		line++, len--;
	while (len > 0 && (unsigned char)line[len - 1] <= ' ')
		len--;
	*value = line;
	*value_len = len;
	return true;
}

/* A value that does not fit is left out: half a header is worse than none. */
static void keep(char *out, size_t size, const char *value, size_t len)
{
	if (len >= size || memchr(value, '\0', len))
		return;
	memcpy(out, value, len);
	out[len] = '\0';
}

static void keep_number(const char *value, size_t len, uint64_t max, uint64_t *out, bool *has)
{
	char buf[24];
	struct err ignored;

	buf[0] = '\0';
	keep(buf, sizeof(buf), value, len);
	if (num_parse_u64(buf, 0, max, "header", out, &ignored) == 0)
		*has = true;
}

/* --- times --------------------------------------------------------------------------------- */

/* Days from 1970-01-01 to a date of the Gregorian calendar, from 1970 on. */
static int64_t days_before(int year, int month, int day)
{
	static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
	int y = year - 1;
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	int64_t days = (int64_t)y * 365 + y / 4 - y / 100 + y / 400;

	return days - 719162 + before[month] + (leap && month > 1) + day - 1;
}

static int two_digits(const char *s)
{
	return (s[0] - '0') * 10 + s[1] - '0';
}

bool http_parse_date(const char *s, int64_t *out)
{
	static const char form[] = "aaa, 00 aaa 0000 00:00:00 GMT";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	int day, month = 0, year, hour, minute, second;

	if (strlen(s) != sizeof(form) - 1)
		return false;
	for (size_t i = 0; form[i]; i++) {
		bool letter = (s[i] >= 'A' && s[i] <= 'Z') || (s[i] >= 'a' && s[i] <= 'z');
		bool digit = s[i] >= '0' && s[i] <= '9';

		if (form[i] == 'a' ? !letter : form[i] == '0' ? !digit : s[i] != form[i])
			return false;
	}
	while (month < 12 && memcmp(months + (size_t)month * 3, s + 8, 3) != 0)
		month++;
	day = two_digits(s + 5);
	year = two_digits(s + 12) * 100 + two_digits(s + 14);
	hour = two_digits(s + 17);
	minute = two_digits(s + 20);
	second = two_digits(s + 23);
	if (month == 12 || day < 1 || day > 31 || year < 1970 || hour > 23 || minute > 59 ||
	    second > 60)
		return false;
	*out = days_before(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
	return true;
}

static void take_date(struct http_response *r, const char *value, size_t len)
{
	char text[40] = "";
	int64_t when;

	keep(text, sizeof(text), value, len);
	if (!http_parse_date(text, &when))
		return;
	r->date_s = when;
	/* By the server's clock, where Retry-After came before it. */
	if (r->retry_at_s >= 0)
		r->retry_after_s = (long)MIN(MAX(r->retry_at_s - when, 0), RETRY_AFTER_SAID_MAX_S);
}

static bool is_digits(const char *value, size_t len)
{
	size_t n = 0;

	while (n < len && value[n] >= '0' && value[n] <= '9')
		n++;
	return len > 0 && n == len;
}

/* Seconds, or a date, which is compared with the server's own where it says what that is. */
static void take_retry_after(struct http_response *r, const char *value, size_t len, int64_t now_s)
{
	char text[40] = "";
	uint64_t s = 0;
	bool has = false;
	int64_t when;

	keep_number(value, len, UINT64_MAX, &s, &has);
	if (!has && is_digits(value, len)) { /* more than fits is long, not nothing */
		s = UINT64_MAX;
		has = true;
	}
	if (has) {
		r->retry_after_s = (long)MIN(s, (uint64_t)RETRY_AFTER_SAID_MAX_S);
		return;
	}
	keep(text, sizeof(text), value, len);
	if (!http_parse_date(text, &when))
		return;
	r->retry_at_s = when;
	when -= r->date_s >= 0 ? r->date_s : now_s;
	r->retry_after_s = (long)MIN(MAX(when, 0), RETRY_AFTER_SAID_MAX_S);
}

/* "100;w=21600" as Docker Hub says it; the window may be missing. */
static void take_rate(const char *value, size_t len, uint64_t *count, uint64_t *window_s, bool *has)
{
	const char *end = memchr(value, ';', len);
	size_t n = end ? (size_t)(end - value) : len;
	bool ignored = false;

	keep_number(value, n, UINT32_MAX, count, has);
	if (end && len - n > 3 && memcmp(end, ";w=", 3) == 0)
		keep_number(end + 3, len - n - 3, UINT32_MAX, window_s, &ignored);
}

/* --- lines --------------------------------------------------------------------------------- */

void http_headers_forget(struct http_response *r, struct http_location *l)
{
	l->given = l->too_long = false;
	r->content_type[0] = '\0';
	r->docker_digest[0] = '\0';
	r->www_authenticate[0] = '\0';
	r->retry_after_s = -1;
	r->retry_at_s = r->date_s = -1;
	r->has_rate_limit = r->has_rate_left = false;
	r->rate_window_s = 0;
	r->has_range = false;
	r->has_length = false;
	r->chunked = false;
	r->error_len = 0;
}

/* "HTTP/1.1 200 OK", "HTTP/2 200": 0 when it is neither. */
static long parse_status(const char *line, size_t len)
{
	const char *sp = memchr(line, ' ', len);
	uint64_t status = 0;
	bool has = false;

	if (sp && (size_t)(line + len - sp) > 3)
		keep_number(sp + 1, 3, 999, &status, &has);
	return (long)status;
}

void http_headers_take(struct http_response *r, struct http_location *l, const char *line,
		       size_t len, int64_t now_s)
{
	const char *v;
	size_t n;

	if (len >= 5 && memcmp(line, "HTTP/", 5) == 0) {
		http_headers_forget(r, l);
		r->status = parse_status(line, len);
	} else if (name_is(line, len, "content-type", &v, &n)) {
		keep(r->content_type, sizeof(r->content_type), v, n);
	} else if (name_is(line, len, "docker-content-digest", &v, &n)) {
		keep(r->docker_digest, sizeof(r->docker_digest), v, n);
	} else if (name_is(line, len, "location", &v, &n)) {
		l->given = true;
		l->too_long = n >= sizeof(l->text);
		l->text[0] = '\0';
		keep(l->text, sizeof(l->text), v, n);
	} else if (name_is(line, len, "www-authenticate", &v, &n)) {
		size_t have = strlen(r->www_authenticate);

		if (have > 0 && have + 2 + n < sizeof(r->www_authenticate)) {
			memcpy(r->www_authenticate + have, ", ", 3);
			have += 2;
		}
		keep(r->www_authenticate + have, sizeof(r->www_authenticate) - have, v, n);
	} else if (name_is(line, len, "retry-after", &v, &n)) {
		take_retry_after(r, v, n, now_s);
	} else if (name_is(line, len, "date", &v, &n)) {
		take_date(r, v, n);
	} else if (name_is(line, len, "ratelimit-limit", &v, &n)) {
		take_rate(v, n, &r->rate_limit, &r->rate_window_s, &r->has_rate_limit);
	} else if (name_is(line, len, "ratelimit-remaining", &v, &n)) {
		take_rate(v, n, &r->rate_left, &r->rate_window_s, &r->has_rate_left);
	} else if (name_is(line, len, "content-length", &v, &n)) {
		keep_number(v, n, UINT64_MAX, &r->length_bytes, &r->has_length);
	} else if (name_is(line, len, "transfer-encoding", &v, &n)) {
		r->chunked = n >= 7 && strncasecmp(v + n - 7, "chunked", 7) == 0;
	} else if (name_is(line, len, "content-range", &v, &n)) {
		if (n > 6 && strncasecmp(v, "bytes ", 6) == 0) {
			const char *dash = memchr(v, '-', n);

			if (dash)
				keep_number(v + 6, (size_t)(dash - v - 6), UINT64_MAX,
					    &r->range_start, &r->has_range);
		}
	}
}
