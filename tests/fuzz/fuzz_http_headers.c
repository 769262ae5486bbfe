/* SPDX-License-Identifier: MIT */
/* Fuzz target: headers of answers, line by line. */
#include "imgfetch/http_impl.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "http_headers";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_response *r = calloc(1, sizeof(*r));
	struct http_location *l = calloc(1, sizeof(*l));

	FUZZ_MUST(r && l);
	http_headers_forget(r, l);
	while (size > 0) {
		const uint8_t *end = memchr(data, '\n', size);
		size_t len = end ? (size_t)(end - data) + 1 : size;
		/* exactly as long as it is, so that ASan sees each byte too many */
		char *line = malloc(len);

		FUZZ_MUST(line);
		memcpy(line, data, len);
		http_headers_take(r, l, line, len, 1000000000);
		free(line);
		data += len;
		size -= len;
		FUZZ_MUST(r->status >= 0 && r->status <= 999);
		FUZZ_MUST(r->retry_after_s >= -1 && r->retry_after_s <= 86400);
		FUZZ_MUST(memchr(r->content_type, '\0', sizeof(r->content_type)) &&
			  memchr(r->docker_digest, '\0', sizeof(r->docker_digest)) &&
			  memchr(r->www_authenticate, '\0', sizeof(r->www_authenticate)) &&
			  memchr(l->text, '\0', sizeof(l->text)));
	}
	free(r);
	free(l);
	return 0;
}
