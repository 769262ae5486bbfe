/* SPDX-License-Identifier: MIT */
/* What kind of network an address is in, so that no registry can send us to its user's own. Pure.
 */
#include "imgfetch/netaddr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static enum net_class class_v4(uint32_t a)
{
	if (a >> 24 == 127 || a >> 24 == 0)
		return NET_LOOPBACK;
	/* 169.254/16, and 192.0.0/24, which is for protocols (RFC 6890) and a cloud's metadata */
	if (a >> 16 == 0xa9fe || a >> 8 == 0xc00000)
		return NET_LINKLOCAL;
	if (a >> 24 == 10 || a >> 20 == 0xac1 || a >> 16 == 0xc0a8 || a >> 22 == 0x6440 >> 6 ||
	    a >> 17 == 0xc612 >> 1)
		return NET_PRIVATE; /* 10/8, 172.16/12, 192.168/16, 100.64/10, 198.18/15 */
	return NET_PUBLIC;
}

/* Four bytes of an IPv6 address that are one of IPv4. */
static enum net_class class_inside(const struct in6_addr *a, size_t at)
{
	uint32_t v4;

	memcpy(&v4, a->s6_addr + at, sizeof(v4));
	return class_v4(ntohl(v4));
}

static enum net_class class_v6(const struct in6_addr *a)
{
	/* RFC 6052 and 8215: what a NAT64 translates to the IPv4 address at the end */
	static const uint8_t nat64[12] = {0, 0x64, 0xff, 0x9b},
			     nat64_own[6] = {0, 0x64, 0xff, 0x9b, 0, 1};

	if (IN6_IS_ADDR_LOOPBACK(a) || IN6_IS_ADDR_UNSPECIFIED(a))
		return NET_LOOPBACK;
	if (IN6_IS_ADDR_V4MAPPED(a) || IN6_IS_ADDR_V4COMPAT(a) ||
	    memcmp(a->s6_addr, nat64, sizeof(nat64)) == 0)
		return class_inside(a, 12);
	if (memcmp(a->s6_addr, nat64_own, sizeof(nat64_own)) == 0)
		return NET_PRIVATE;
	if (a->s6_addr[0] == 0x20 && a->s6_addr[1] == 0x02) /* 6to4, RFC 3056 */
		return class_inside(a, 2);
	if (IN6_IS_ADDR_LINKLOCAL(a))
		return NET_LINKLOCAL;
	if ((a->s6_addr[0] & 0xfe) == 0xfc || IN6_IS_ADDR_SITELOCAL(a))
		return NET_PRIVATE;
	return NET_PUBLIC;
}

enum net_class netaddr_class(const struct sockaddr *sa)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	switch (sa->sa_family) {
	case AF_INET:
		memcpy(&v4, sa, sizeof(v4));
		return class_v4(ntohl(v4.sin_addr.s_addr));
	case AF_INET6:
		memcpy(&v6, sa, sizeof(v6));
		return class_v6(&v6.sin6_addr);
	default:
		return NET_UNKNOWN;
	}
}

enum net_class netaddr_class_text(const char *s)
{
	char buf[256];
	struct in_addr v4;
	struct in6_addr v6;
	size_t len = strlen(s);

	if (len >= 2 && s[0] == '[' && s[len - 1] == ']') {
		s++;
		len -= 2;
	}
	if (len >= sizeof(buf))
		return NET_UNKNOWN;
	memcpy(buf, s, len);
	buf[len] = '\0';
	/* As curl reads them: "127.1", "0x7f000001" and "2130706433" are 127.0.0.1, too. */
	if (buf[0] && inet_aton(buf, &v4) == 1)
		return class_v4(ntohl(v4.s_addr));
	if (inet_pton(AF_INET6, buf, &v6) == 1)
		return class_v6(&v6);
	return NET_UNKNOWN;
}

bool netaddr_host_is_loopback(const char *host_port)
{
	char host[256];
	size_t len = host_port[0] == '[' ? strcspn(host_port, "]") + 1 : strcspn(host_port, ":");

	if (len >= sizeof(host) || len > strlen(host_port))
		return false;
	memcpy(host, host_port, len);
	host[len] = '\0';
	/* 0.0.0.0 is of the class, but it is nobody's name. */
	return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
	       (netaddr_class_text(host) == NET_LOOPBACK && strncmp(host, "127.", 4) == 0);
}

bool netaddr_may_follow(enum net_class from, enum net_class to)
{
	if (from == NET_UNKNOWN || to == NET_PUBLIC || from == to)
		return true;
	return from == NET_LOOPBACK && to == NET_PRIVATE;
}

const char *netaddr_class_name(enum net_class c)
{
	switch (c) {
	case NET_PRIVATE:
		return "a private network";
	case NET_LINKLOCAL:
		return "the local link";
	case NET_LOOPBACK:
		return "this machine";
	case NET_PUBLIC:
		return "the Internet";
	default:
		return "an unknown network";
	}
}
