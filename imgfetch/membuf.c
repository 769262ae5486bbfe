/* SPDX-License-Identifier: MIT */
/* A growing buffer with a cap, filled through a blob_sink: for documents that are parsed whole. */
#include "imgfetch/membuf.h"

#include <string.h>

int membuf_add(void *arg, const void *data, size_t len, struct err *e)
{
	struct membuf *m = arg;

	if (len > m->len_max - m->len)
		return err_set(e, ERR_VERIFY, "the document is larger than %zu bytes", m->len_max);
	if (m->len + len + 1 > m->room) {
		size_t room = MAX(m->len + len + 1, MIN(2 * m->room, m->len_max + 1));
		char *p = realloc(m->data, MAX(room, 4096));

		if (!p)
			return err_sys(e, ERR_SYSTEM, "keep %zu bytes", room);
		m->data = p;
		m->room = MAX(room, 4096);
	}
	if (len > 0)
		memcpy(m->data + m->len, data, len);
	m->len += len;
	m->data[m->len] = '\0';
	return 0;
}
