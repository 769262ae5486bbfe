/* SPDX-License-Identifier: MIT */
/* Fuzz target: the command line of isolate; the input's lines are the arguments. */
#include "isolate/opts.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "opts";

#define ARGS_MAX 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_string(data, size), *argv[ARGS_MAX + 1], *rest = text, *word;
	char *words[ARGS_MAX]; /* opts_parse moves those of argv about */
	int argc = 0;
	struct opts o = {0};
	struct err e = {0};

	while (argc < ARGS_MAX && (word = strsep(&rest, "\n"))) {
		words[argc] = argv[argc] = strdup(word); /* apart, so that ASan sees its end */
		argc++;
	}
	argv[argc] = NULL;
	if (opts_parse(argc, argv, &o, &e) < 0) {
		FUZZ_MUST(e.kind == ERR_USAGE && e.text[0]);
	} else {
		FUZZ_MUST(o.mode != MODE_NONE);
		FUZZ_MUST(!opts_runs(&o) || (o.command && o.command[0]));
		FUZZ_MUST(o.mode != MODE_ONCE || o.box_auto);
		FUZZ_MUST(o.copies.count <= COPYRULES_MAX && (!o.copies.count || opts_runs(&o)));
		FUZZ_MUST(o.as_uid_given == o.as_gid_given);
	}
	opts_fini(&o);
	for (int i = 0; i < argc; i++)
		free(words[i]);
	free(text);
	return 0;
}
