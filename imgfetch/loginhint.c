/* SPDX-License-Identifier: MIT */
/* What 401 and 403 may come from, in words for people. Pure. */
#include "imgfetch/loginhint.h"

#include <string.h>

#include "common/text.h"

struct loginhint loginhint_make(const struct credentials *creds, const char *host, bool repo)
{
	struct loginhint h;
	struct text t = TEXT_OVER(h.s);

	if (creds->kind == CREDENTIAL_NONE)
		text_addf(&t, "no login was sent; if it wants one, 'imgfetch login %s' keeps it",
			  host);
	else if (creds->origin[0])
		text_addf(&t, "the login from %s was sent; 'imgfetch login %s' changes it",
			  creds->origin, host);
	else
		text_add(&t, "it refuses this user name or password");
	if (repo && strcmp(host, "docker.io") == 0)
		text_add(&t, "; Docker Hub says this, too, of what does not exist");
	return h;
}
