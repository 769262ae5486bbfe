/* SPDX-License-Identifier: MIT */
/* What kind of network an address is in, so that no registry can send us to its user's own. Pure.
 */
#ifndef IMGFETCH_NETADDR_H
#define IMGFETCH_NETADDR_H

#include <sys/socket.h>

#include "common/defs.h"

/* From far to near. */
enum net_class {
	NET_UNKNOWN = 0,
	NET_PUBLIC,
	NET_PRIVATE,   /* RFC 1918, 6598, 4193, 2544 */
	NET_LINKLOCAL, /* among them the metadata services of clouds */
	NET_LOOPBACK,  /* and the unspecified address */
};

enum net_class netaddr_class(const struct sockaddr *sa);

/* The same for an address as text ("10.1.2.3", "fe80::1", "[::1]"); NET_UNKNOWN for names. */
enum net_class netaddr_class_text(const char *s);

/* "localhost", 127.0.0.0/8 or [::1], with or without a port. */
bool netaddr_host_is_loopback(const char *host_port);

/* May a server that we reach at `from` (NET_UNKNOWN: nobody sent us, the user named it) make us
 * connect to `to`? Only to a network that it has itself shown to be in, or a public one; who is on
 * this machine may send us to private networks as well. */
bool netaddr_may_follow(enum net_class from, enum net_class to);

const char *netaddr_class_name(enum net_class c);

#endif
