/* SPDX-License-Identifier: MIT */
/* The network namespace of a box. */
#include "isolate/net.h"

#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "common/cleanup.h"

/* Runs as: root in the proxy. Trusts: the kernel. Must not: run in the host's namespace. */
int net_loopback_up(struct err *e)
{
	struct ifreq ifr = {.ifr_name = "lo"};
	auto_fd fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return err_sys(e, ERR_SYSTEM, "open a socket for the loopback interface");
	ifr.ifr_flags = IFF_UP | IFF_RUNNING;
	if (ioctl(fd, SIOCSIFFLAGS, &ifr) < 0)
		return err_sys(e, ERR_SYSTEM, "bring the loopback interface up");
	return 0;
}
