/* SPDX-License-Identifier: MIT */
/* --check: the table of checks, and what they come to. */
#include "isolate/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/jsonout.h"
#include "common/text.h"
#include "isolate/check_impl.h"

/* Kinds of runs. A check that one of them needs and that finds something missing makes runs of this
 * kind impossible; each kind needs what the plain one needs. */
enum kind { RUN, CG, IMAGE, QUOTA, KINDS };

static const struct {
	const char *name, *label;
} kinds[KINDS] = {
	[RUN] = {"run", "without options"},
	[CG] = {"cg", "with --cg"},
	[IMAGE] = {"image", "with --image"},
	[QUOTA] = {"quota", "with --quota"},
};

/* What a check can work with. */
enum need { NEED_PRIV = 1, NEED_CONFIG = 2, AS_ROOT = 4, ROOT_CONFIG = 7, CALLER_CONFIG = 3 };

static const struct row {
	const char *name;
	void (*look)(const struct check *c, struct finding *f);
	enum kind kind; /* KINDS: nobody needs it */
	unsigned need;
	bool image_given; /* only with --image=REF */
} rows[] = {
	{"config", check_conf, RUN, NEED_PRIV, false},
	{"privileges", check_privileges, RUN, 0, false},
	{"kernel", check_calls, RUN, NEED_PRIV | AS_ROOT, false},
	{"namespaces", check_namespaces, RUN, NEED_PRIV | AS_ROOT, false},
	{"mounts", check_mounts, RUN, NEED_PRIV | AS_ROOT, false},
	{"filter", check_filter, RUN, NEED_PRIV | AS_ROOT, false},
	{"userns", check_userns, RUN, NEED_PRIV | AS_ROOT, false},
	{"box_root", check_box_root, RUN, ROOT_CONFIG, false},
	{"lock_root", check_lock_root, RUN, ROOT_CONFIG, false},
	{"ids", check_ids, KINDS, CALLER_CONFIG, false},
	{"idmap", check_idmap, KINDS, ROOT_CONFIG, false},
	{"counter", check_counter, KINDS, NEED_PRIV | AS_ROOT, false},
	{"cgroup", check_cgroup, CG, ROOT_CONFIG, false},
	{"controllers", check_controllers, KINDS, ROOT_CONFIG, false},
	{"overlay", check_overlay, IMAGE, ROOT_CONFIG, false},
	{"image_root", check_image_root, IMAGE, ROOT_CONFIG, false},
	{"user_store", check_user_store, KINDS, CALLER_CONFIG, false},
	{"image", check_image, IMAGE, CALLER_CONFIG, true},
	{"quotas", check_quotas, QUOTA, ROOT_CONFIG, false},
	{"swap", check_swap, KINDS, 0, false},
	{"smt", check_smt, KINDS, 0, false},
	{"governor", check_governor, KINDS, 0, false},
	{"boost", check_boost, KINDS, 0, false},
	{"cores", check_cores, KINDS, 0, false},
	{"aslr", check_aslr, KINDS, 0, false},
	{"hugepages", check_hugepages, KINDS, 0, false},
	{"core_pattern", check_core_pattern, KINDS, 0, false},
	{"hardlinks", check_hardlinks, KINDS, 0, false},
};

/* --- the looking ----------------------------------------------------------------------------- */

struct results {
	bool looked[ARRAY_LEN(rows)];
	struct finding found[ARRAY_LEN(rows)];
};

static int look_as_root(const struct check *c, const struct row *r, struct finding *f,
			struct err *e)
{
	if (priv_as_root(c->priv, e) < 0)
		return -1;
	r->look(c, f);
	return priv_as_caller(c->priv, e);
}

static int look_at_all(const struct check *c, struct results *all, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];
		struct finding *f = &all->found[i];

		if (((r->need & NEED_PRIV) && !c->priv) ||
		    ((r->need & NEED_CONFIG) && !c->config) || (r->image_given && !c->ask->image))
			continue;
		all->looked[i] = true;
		if (!(r->need & AS_ROOT))
			r->look(c, f);
		else if (look_as_root(c, r, f, e) < 0)
			return -1;
	}
	return 0;
}

/* Names of what keeps runs of this kind from working into *t. Without privilege or configuration
 * nothing works. */
static bool kind_works(const struct check *c, const struct results *all, enum kind kind,
		       struct text *t)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (all->looked[i] && all->found[i].state == CHECK_MISSING &&
		    (rows[i].kind == kind || rows[i].kind == RUN))
			text_addf(t, "%s%s", t->len > 0 ? ", " : "", rows[i].name);
	}
	return c->priv && c->config && t->len == 0;
}

static bool asked_for(const struct check_ask *ask, enum kind kind)
{
	return kind == RUN || (kind == CG && ask->cg) || (kind == IMAGE && ask->image) ||
	       (kind == QUOTA && ask->quota);
}

/* --- the telling ----------------------------------------------------------------------------- */

static const char *const state_names[] = {"ok", "warning", "missing"};

#define WIDTH	 80
#define TEXT_COL 23

/* Words from column col on; further lines begin at column `indent`. */
static void print_wrapped(const char *words, size_t col, size_t indent)
{
	bool first = true;

	while (*words) {
		size_t len = strcspn(words, " ");

		if (!first && col + 1 + len > WIDTH) {
			printf("\n%*s", (int)indent, "");
			col = indent;
		} else if (!first) {
			putchar(' ');
			col++;
		}
		(void)fwrite(words, 1, len, stdout); /* looked at in the end */
		col += len;
		first = false;
		words += len;
		words += strspn(words, " ");
	}
	putchar('\n');
}

static void print_text(const struct check *c, const struct results *all)
{
	unsigned warnings = 0;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct finding *f = &all->found[i];

		if (!all->looked[i])
			continue;
		warnings += f->state == CHECK_WARNING;
		printf("%-8s %-13s ", state_names[f->state], rows[i].name);
		print_wrapped(f->text, TEXT_COL, TEXT_COL);
		if (!*f->mend)
			continue;
		printf("%*s-> ", TEXT_COL, "");
		print_wrapped(f->mend, TEXT_COL + 3, TEXT_COL + 3);
	}
	printf("\n%u warning%s\n", warnings, warnings == 1 ? "" : "s");
	for (enum kind k = 0; k < KINDS; k++) {
		char lacking[512];
		struct text t = TEXT_OVER(lacking);
		bool works = kind_works(c, all, k, &t);

		printf("runs %-15s ", kinds[k].label);
		if (works)
			printf("work\n");
		else
			printf("do not work%s%s\n", t.len > 0 ? ": " : "", lacking);
	}
}

static void print_json(const struct check *c, const struct results *all)
{
	struct jsonout j = {.file = stdout};
	unsigned count[3] = {0};

	jsonout_open(&j, NULL, '{');
	jsonout_open(&j, "checks", '[');
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct finding *f = &all->found[i];

		if (!all->looked[i])
			continue;
		count[f->state]++;
		jsonout_open(&j, NULL, '{');
		jsonout_string(&j, "name", rows[i].name);
		jsonout_string(&j, "state", state_names[f->state]);
		jsonout_string(&j, "needed_for",
			       rows[i].kind < KINDS ? kinds[rows[i].kind].name : NULL);
		jsonout_string(&j, "text", f->text);
		jsonout_string(&j, "mend", *f->mend ? f->mend : NULL);
		jsonout_close(&j, '}');
	}
	jsonout_close(&j, ']');
	jsonout_open(&j, "summary", '{');
	for (size_t s = 0; s < ARRAY_LEN(count); s++)
		jsonout_number(&j, state_names[s], count[s]);
	jsonout_open(&j, "works", '{');
	for (enum kind k = 0; k < KINDS; k++) {
		char lacking[512];
		struct text t = TEXT_OVER(lacking);

		jsonout_bool(&j, kinds[k].name, kind_works(c, all, k, &t));
	}
	jsonout_close(&j, '}');
	jsonout_close(&j, '}');
	jsonout_close(&j, '}');
}

/* --- the command ----------------------------------------------------------------------------- */

/* As root in between. -1 only when we cannot return to the caller. */
static int read_config(struct check *c, struct config *config, struct err *why, struct err *e)
{
	int rc;

	if (priv_as_root(c->priv, e) < 0)
		return -1;
	rc = config_read(config, why);
	if (rc == 0)
		c->config = config;
	else
		c->why = why;
	return priv_as_caller(c->priv, e);
}

int check_machine(const struct check_ask *ask, const struct priv *p, const struct err *why,
		  bool *fit, struct err *e)
{
	auto_free struct results *all = calloc(1, sizeof(*all));
	auto_fd root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct check c = {.ask = ask, .priv = p, .why = why, .root_fd = root_fd};
	struct config config = {0};
	struct err config_err;
	int rc = -1;

	if (!all)
		return err_sys(e, ERR_SYSTEM, "allocate findings");
	if (root_fd < 0)
		return err_sys(e, ERR_SYSTEM, "open '/'");
	if ((!p || read_config(&c, &config, &config_err, e) == 0) && look_at_all(&c, all, e) == 0)
		rc = 0;
	config_fini(&config); /* from here on only whether there was one matters */
	if (rc < 0)
		return -1;
	*fit = true;
	for (enum kind k = 0; k < KINDS; k++) {
		char lacking[512];
		struct text t = TEXT_OVER(lacking);

		if (asked_for(ask, k) && !kind_works(&c, all, k, &t))
			*fit = false;
	}
	if (ask->json)
		print_json(&c, all);
	else
		print_text(&c, all);
	if (fflush(stdout) != 0 || ferror(stdout))
		return err_sys(e, ERR_SYSTEM, "write to standard output");
	return 0;
}
