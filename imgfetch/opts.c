/* SPDX-License-Identifier: MIT */
/* The command line of imgfetch. */
#include "imgfetch/opts.h"

#include <string.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/num.h"
#include "common/optab.h"
#include "common/text.h"

/* Options that make sense for some commands only. */
enum option_bit {
	OPT_PLAIN_HTTP = 1 << 0,
	OPT_PLATFORM = 1 << 1,
	OPT_JOBS = 1 << 2,
	OPT_NO_SYNC = 1 << 3,
	OPT_AUTHFILE = 1 << 4,
	OPT_TIMEOUT = 1 << 5,
	OPT_JSON = 1 << 6,
	OPT_PULL = 1 << 7,
	OPT_OFFLINE = 1 << 8,
	OPT_REMOVE = 1 << 9,
	OPT_LIMITS = 1 << 10,
	OPT_DRY_RUN = 1 << 11,
	OPT_IMAGES = 1 << 12,
	OPT_CA_FILE = 1 << 20,
	OPT_CERT_DIR = 1 << 21,
	OPT_USERNAME = 1 << 13,
	OPT_PASSWORD_STDIN = 1 << 14,
	OPT_ALL = 1 << 15,
	OPT_REMOVE_DAMAGED = 1 << 22,
	OPT_RETRIES = 1 << 24,
	OPT_MAX_TIME = 1 << 23,
};

static const struct {
	enum option_bit bit;
	const char *name;
} option_names[] = {
	{OPT_PLAIN_HTTP, "--plain-http"},
	{OPT_PLATFORM, "--platform"},
	{OPT_JOBS, "-j"},
	{OPT_NO_SYNC, "--no-sync"},
	{OPT_AUTHFILE, "--authfile"},
	{OPT_TIMEOUT, "--timeout"},
	{OPT_JSON, "--json"},
	{OPT_PULL, "--pull"},
	{OPT_OFFLINE, "--offline"},
	{OPT_REMOVE, "--remove"},
	{OPT_LIMITS, "--max-..."},
	{OPT_DRY_RUN, "--dry-run"},
	{OPT_IMAGES, "--images"},
	{OPT_CA_FILE, "--ca-file"},
	{OPT_CERT_DIR, "--cert-dir"},
	{OPT_USERNAME, "--username"},
	{OPT_PASSWORD_STDIN, "--password-stdin"},
	{OPT_ALL, "--all"},
	{OPT_REMOVE_DAMAGED, "--remove-damaged"},
	{OPT_RETRIES, "--retries"},
	{OPT_MAX_TIME, "--max-time"},
};

static const struct {
	const char *name;
	enum pull_policy policy;
} policies[] = {
	{"always", PULL_ALWAYS},
	{"missing", PULL_MISSING},
	{"newer", PULL_NEWER},
	{"never", PULL_NEVER},
};

static const struct {
	const char *name;
	enum command command;
	unsigned options;	   /* of enum option_bit */
	size_t refs_min, refs_max; /* operands */
	const char *help;
} commands[] = {
	{"pull", COMMAND_PULL,
	 OPT_PLAIN_HTTP | OPT_PLATFORM | OPT_JOBS | OPT_NO_SYNC | OPT_AUTHFILE | OPT_TIMEOUT |
		 OPT_JSON | OPT_PULL | OPT_OFFLINE | OPT_LIMITS | OPT_CA_FILE | OPT_CERT_DIR |
		 OPT_RETRIES | OPT_MAX_TIME,
	 1, 1, "pull REF       bring an image into the store, print its digest"},
	{"list", COMMAND_LIST, OPT_JSON, 0, 0, "list           show the images in the store"},
	{"inspect", COMMAND_INSPECT, OPT_JSON, 1, 1,
	 "inspect REF    show layers and settings of an image in the store"},
	{"flatten", COMMAND_FLATTEN, OPT_JSON | OPT_NO_SYNC | OPT_REMOVE, 1, 1,
	 "flatten REF    merge its layers into one tree, for faster roots"},
	{"tag", COMMAND_TAG, 0, 2, 2, "tag REF NEW    give an image in the store another name"},
	{"rm", COMMAND_RM, OPT_JSON, 1, SIZE_MAX,
	 "rm REF...      remove a name, and the image if that was its last"},
	{"gc", COMMAND_GC, OPT_JSON | OPT_DRY_RUN | OPT_IMAGES, 0, 0,
	 "gc             remove what nothing refers to"},
	{"verify", COMMAND_VERIFY, OPT_JSON | OPT_REMOVE_DAMAGED, 0, SIZE_MAX,
	 "verify REF...  find what has changed since it was pulled (default: in all)"},
	{"du", COMMAND_DU, OPT_JSON, 0, SIZE_MAX,
	 "du REF...      show how much room images take (default: all)"},
	{"login", COMMAND_LOGIN,
	 OPT_PLAIN_HTTP | OPT_AUTHFILE | OPT_TIMEOUT | OPT_USERNAME | OPT_PASSWORD_STDIN |
		 OPT_CA_FILE | OPT_CERT_DIR,
	 1, 1, "login HOST     try a user name and password, and keep them"},
	{"logout", COMMAND_LOGOUT, OPT_AUTHFILE | OPT_ALL, 0, 1, "logout HOST    forget them"},
};

static int on_store(void *ctx, const char *value, struct err *e)
{
	struct opts *o = ctx;

	if (!value[0])
		return err_set(e, ERR_USAGE, "--store: empty path");
	o->store = value;
	return 0;
}

static int on_config(void *ctx, const char *value, struct err *e)
{
	struct opts *o = ctx;

	if (!value[0])
		return err_set(e, ERR_USAGE, "--config: empty path");
	o->config_file = value;
	return 0;
}

static int on_quiet(void *ctx, const char *value, struct err *e)
{
	struct opts *o = ctx;

	(void)value, (void)e;
	o->quiet = true;
	return 0;
}

static int on_json(void *ctx, const char *value, struct err *e)
{
	struct opts *o = ctx;

	(void)value, (void)e;
	o->json = true;
	o->given |= OPT_JSON;
	return 0;
}

static int on_dry_run(void *ctx, const char *value, struct err *e)
{
	struct opts *o = ctx;

	(void)value, (void)e;
	o->dry_run = true;
	o->given |= OPT_DRY_RUN;
	return 0;
}

static int on_images(void *ctx, const char *value, struct err *e)
{
	struct opts *o = ctx;

	(void)value, (void)e;
	o->images = true;
	o->given |= OPT_IMAGES;
	return 0;
}

static int on_remove_damaged(void *ctx, const char *value, struct err *e)
{
	struct opts *o = ctx;

	(void)value, (void)e;
	o->remove_damaged = true;
	o->given |= OPT_REMOVE_DAMAGED;
	return 0;
}

static int on_plain_http(void *ctx, const char *value, struct err *e)
{
	struct opts *o = ctx;

	(void)value, (void)e;
	o->plain_http = true;
	o->given |= OPT_PLAIN_HTTP;
	return 0;
}

static int on_no_sync(void *ctx, const char *value, struct err *e)
{
	struct opts *o = ctx;

	(void)value, (void)e;
	o->no_sync = true;
	o->given |= OPT_NO_SYNC;
	return 0;
}

static int on_pull(void *ctx, const char *value, struct err *e)
{
	struct opts *o = ctx;

	for (size_t i = 0; i < ARRAY_LEN(policies); i++) {
		if (strcmp(policies[i].name, value) == 0) {
			o->policy = policies[i].policy;
			o->given |= OPT_PULL;
			return 0;
		}
	}
	return err_set(e, ERR_USAGE, "--pull: '%s' is not always, newer, missing or never",
		       text_quote(value).s);
}

static int on_offline(void *ctx, const char *value, struct err *e)
{
	struct opts *o = ctx;

	(void)value, (void)e;
	o->given |= OPT_OFFLINE;
	return 0;
}

static int on_platform(void *ctx, const char *value, struct err *e)
{
	struct opts *o = ctx;

	o->given |= OPT_PLATFORM;
	return platform_parse(value, &o->platform, e);
}

static int on_authfile(void *ctx, const char *value, struct err *e)
{
	struct opts *o = ctx;

	if (!value[0])
		return err_set(e, ERR_USAGE, "--authfile: empty path");
	o->authfile = value;
	o->given |= OPT_AUTHFILE;
	return 0;
}

static int on_ca_file(void *ctx, const char *value, struct err *e)
{
	struct opts *o = ctx;

	if (!value[0])
		return err_set(e, ERR_USAGE, "--ca-file: empty path");
	o->ca_file = value;
	o->given |= OPT_CA_FILE;
	return 0;
}

static int on_cert_dir(void *ctx, const char *value, struct err *e)
{
	struct opts *o = ctx;

	if (!value[0])
		return err_set(e, ERR_USAGE, "--cert-dir: empty path");
	o->cert_dir = value;
	o->given |= OPT_CERT_DIR;
	return 0;
}

static int on_jobs(void *ctx, const char *value, struct err *e)
{
	struct opts *o = ctx;
	int n = 0;

	if (num_parse_int(value, 1, 32, "-j", &n, e) < 0)
		return -1;
	o->jobs = (unsigned)n;
	o->given |= OPT_JOBS;
	return 0;
}

static int on_timeout(void *ctx, const char *value, struct err *e)
{
	struct opts *o = ctx;
	int n = 0;

	if (num_parse_int(value, 1, 3600, "--timeout", &n, e) < 0)
		return -1;
	o->timeout_s = (unsigned)n;
	o->given |= OPT_TIMEOUT;
	return 0;
}

static int on_remove(void *ctx, const char *value, struct err *e)
{
	struct opts *o = ctx;

	(void)value, (void)e;
	o->given |= OPT_REMOVE;
	o->remove = true;
	return 0;
}

static int set_limit(struct opts *o, const char *name, const char *value, struct err *e)
{
	o->given |= OPT_LIMITS;
	return limits_set(&o->limits, name, value, e) < 0 ? -1 : 0;
}

static int on_max_layer_size(void *ctx, const char *value, struct err *e)
{
	return set_limit(ctx, "--max-layer-size", value, e);
}

static int on_max_image_size(void *ctx, const char *value, struct err *e)
{
	return set_limit(ctx, "--max-image-size", value, e);
}

static int on_max_entries(void *ctx, const char *value, struct err *e)
{
	return set_limit(ctx, "--max-entries", value, e);
}

static int on_max_ratio(void *ctx, const char *value, struct err *e)
{
	return set_limit(ctx, "--max-ratio", value, e);
}

static int on_max_unpack_time(void *ctx, const char *value, struct err *e)
{
	return set_limit(ctx, "--max-unpack-time", value, e);
}

static int on_username(void *ctx, const char *value, struct err *e)
{
	struct opts *o = ctx;

	(void)e; /* command_login looks at it, as at one that was typed */
	o->username = value;
	o->given |= OPT_USERNAME;
	return 0;
}

static int on_password_stdin(void *ctx, const char *value, struct err *e)
{
	struct opts *o = ctx;

	(void)value, (void)e;
	o->password_stdin = true;
	o->given |= OPT_PASSWORD_STDIN;
	return 0;
}

static int on_all(void *ctx, const char *value, struct err *e)
{
	struct opts *o = ctx;

	(void)value, (void)e;
	o->all = true;
	o->given |= OPT_ALL;
	return 0;
}

static int on_max_time(void *ctx, const char *value, struct err *e)
{
	struct opts *o = ctx;
	int n = 0;

	if (num_parse_int(value, 1, 86400, "--max-time", &n, e) < 0)
		return -1;
	o->max_time_s = (unsigned)n;
	o->given |= OPT_MAX_TIME;
	return 0;
}

static int on_retries(void *ctx, const char *value, struct err *e)
{
	struct opts *o = ctx;
	int n = 0;

	if (num_parse_int(value, 0, 20, "--retries", &n, e) < 0)
		return -1;
	o->tries = (unsigned)n + 1;
	o->given |= OPT_RETRIES;
	return 0;
}

static int on_help(void *ctx, const char *value, struct err *e)
{
	struct opts *o = ctx;

	(void)value, (void)e;
	o->help = true;
	return 0;
}

static int on_version(void *ctx, const char *value, struct err *e)
{
	struct opts *o = ctx;

	(void)value, (void)e;
	o->version = true;
	return 0;
}

static const struct optab_row rows[] = {
	{NULL, 0, OPTAB_NONE, NULL, "Options:", NULL},
	{"store", 0, OPTAB_REQUIRED, "DIR", "the image store (default: yours, or root's)",
	 on_store},
	{"config", 0, OPTAB_REQUIRED, "FILE", "configuration, instead of the usual files",
	 on_config},
	{"json", 0, OPTAB_NONE, NULL, "print JSON (not tag, login, logout)", on_json},
	{"dry-run", 0, OPTAB_NONE, NULL, "gc: only say what would go", on_dry_run},
	{"images", 0, OPTAB_NONE, NULL, "gc: images without a name, too", on_images},
	{"remove-damaged", 0, OPTAB_NONE, NULL, "verify: take away what is", on_remove_damaged},
	{"pull", 0, OPTAB_REQUIRED, "always|newer|missing|never",
	 "when to ask the registry (default: always)", on_pull},
	{"offline", 0, OPTAB_NONE, NULL, "never touch the network", on_offline},
	{"platform", 0, OPTAB_REQUIRED, "OS/ARCH", "pull for another platform", on_platform},
	{"plain-http", 0, OPTAB_NONE, NULL, "no TLS for this registry", on_plain_http},
	{"authfile", 0, OPTAB_REQUIRED, "FILE", "credentials (default: podman's, docker's)",
	 on_authfile},
	{"ca-file", 0, OPTAB_REQUIRED, "FILE", "more authorities to believe, in PEM", on_ca_file},
	{"cert-dir", 0, OPTAB_REQUIRED, "DIR", "certificates (default: those in certs.d)",
	 on_cert_dir},
	{"jobs", 'j', OPTAB_REQUIRED, "N", "layers downloaded at a time (default: 4)", on_jobs},
	{"timeout", 0, OPTAB_REQUIRED, "SECONDS", "give up when nothing moves (default: 20)",
	 on_timeout},
	{"max-time", 0, OPTAB_REQUIRED, "SECONDS", "give up when it takes longer", on_max_time},
	{"retries", 0, OPTAB_REQUIRED, "N", "try a request again so often (default: 2)",
	 on_retries},
	{"max-layer-size", 0, OPTAB_REQUIRED, "SIZE", "of a layer, uncompressed (default: 64G)",
	 on_max_layer_size},
	{"max-image-size", 0, OPTAB_REQUIRED, "SIZE", "of all files of an image (default: 256G)",
	 on_max_image_size},
	{"max-entries", 0, OPTAB_REQUIRED, "N", "files and others in a layer (default: 2000000)",
	 on_max_entries},
	{"max-ratio", 0, OPTAB_REQUIRED, "N", "a layer, uncompressed : compressed (default: 250)",
	 on_max_ratio},
	{"max-unpack-time", 0, OPTAB_REQUIRED, "SECONDS", "for a layer's files (default: 3600)",
	 on_max_unpack_time},
	{"no-sync", 0, OPTAB_NONE, NULL, "do not wait for the disk", on_no_sync},
	{"remove", 0, OPTAB_NONE, NULL, "flatten: take the tree away again", on_remove},
	{"username", 0, OPTAB_REQUIRED, "NAME", "login: as this user", on_username},
	{"password-stdin", 0, OPTAB_NONE, NULL, "login: read the password from a pipe or file",
	 on_password_stdin},
	{"all", 0, OPTAB_NONE, NULL, "logout: of all hosts", on_all},
	{"quiet", 'q', OPTAB_NONE, NULL, "no progress", on_quiet},
	{"help", 'h', OPTAB_NONE, NULL, "show this help", on_help},
	{"version", 0, OPTAB_NONE, NULL, "show the version", on_version},
};

/* Options may stand anywhere: parse, take an operand, go on. Operands are gathered at the begin of
 * argv, where what stood was read before. */
static int parse_words(int argc, char **argv, struct opts *o, size_t *count, struct err *e)
{
	int at = 0;

	*count = 0;
	for (;;) {
		int first = 0;
		bool ended;

		/* optab skips the word before the first option, as it does the program's name */
		if (optab_parse(rows, ARRAY_LEN(rows), argc - at, argv + at, o, &first, e) < 0)
			return -1;
		ended = first > 1 && strcmp(argv[at + first - 1], "--") == 0;
		at += first;
		do {
			if (at >= argc)
				return 0;
			argv[(*count)++] = argv[at++];
		} while (ended);
		at--; /* the operand stands where the program's name was */
	}
}

/* Offline, what is on this machine may be read as ever. */
static int check_policy(struct opts *o, struct err *e)
{
	if (!(o->given & OPT_OFFLINE))
		return 0;
	if (o->given & OPT_PULL && (o->policy == PULL_ALWAYS || o->policy == PULL_NEWER) &&
	    o->ref.kind == REF_REGISTRY)
		return err_set(e, ERR_USAGE, "--offline and --pull=%s exclude each other",
			       o->policy == PULL_ALWAYS ? "always" : "newer");
	if (o->ref.kind == REF_REGISTRY)
		o->policy = PULL_NEVER;
	return 0;
}

static int check_operands(struct opts *o, const char *command, size_t min, size_t max,
			  struct err *e)
{
	if (o->word_count > max && max == 0)
		return err_set(e, ERR_USAGE, "%s takes no operand", command);
	if (o->word_count < min)
		return err_set(e, ERR_USAGE, "%s needs the reference of an image%s", command,
			       min > 1 ? " and a new one" : "");
	if (o->word_count > max)
		return err_set(e, ERR_USAGE, "superfluous operand '%s'",
			       text_quote(o->words[max]).s);
	for (size_t i = 0; i < o->word_count; i++) {
		struct ref ref;

		if (ref_parse(o->words[i], &ref, e) < 0)
			return -1;
		if (i == 0)
			o->ref = ref;
	}
	return 0;
}

/* HOST[:PORT][/PREFIX]: a host as in a reference. Names are as strict as there, so that they can be
 * keys of a file and parts of a URL. */
static int parse_host(const char *s, struct opts *o, struct err *e)
{
	const char *slash = strchrnul(s, '/');
	char text[REF_HOST_MAX + REF_REPO_MAX + 8];

	/* Behind two more names the rest cannot become anything but part of the repository. */
	if (text_format(text, sizeof(text), "%.*s/x/x%s", (int)(slash - s), s, slash) < 0 ||
	    ref_parse(text, &o->ref, e) < 0 || o->ref.kind != REF_REGISTRY || o->ref.tag_given ||
	    o->ref.has_digest || strncmp(o->ref.repo, "x/x", 3) != 0 ||
	    (slash[0] && strcmp(o->ref.repo + 3, slash) != 0))
		return err_set(
			e, ERR_USAGE,
			"'%s' is not HOST[:PORT][/PREFIX]; a host has a dot or a port, or is "
			"localhost",
			text_quote(s).s);
	if (slash[0])
		strcpy(o->prefix, o->ref.repo + 4); /* the arrays are of one size */
	o->ref.repo[0] = '\0';
	return 0;
}

static int check_host(struct opts *o, const char *command, struct err *e)
{
	if (o->all)
		return o->word_count == 0 ? 0
					  : err_set(e, ERR_USAGE, "logout --all takes no operand");
	if (o->word_count == 0)
		return err_set(e, ERR_USAGE, "%s needs a host", command);
	if (o->word_count > 1)
		return err_set(e, ERR_USAGE, "superfluous operand '%s'", text_quote(o->words[1]).s);
	return parse_host(o->words[0], o, e);
}

static int check(struct opts *o, char **operands, size_t count, struct err *e)
{
	size_t i = 0;

	if (count == 0)
		return err_set(e, ERR_USAGE, "no command; see imgfetch --help");
	while (i < ARRAY_LEN(commands) && strcmp(commands[i].name, operands[0]) != 0)
		i++;
	if (i == ARRAY_LEN(commands))
		return err_set(e, ERR_USAGE, "unknown command '%s'; see imgfetch --help",
			       text_quote(operands[0]).s);
	for (size_t j = 0; j < ARRAY_LEN(option_names); j++)
		if (o->given & ~commands[i].options & option_names[j].bit)
			return err_set(e, ERR_USAGE, "%s has no option %s", commands[i].name,
				       option_names[j].name);
	o->command = commands[i].command;
	o->words = operands + 1;
	o->word_count = count - 1;
	if (o->command == COMMAND_LOGIN || o->command == COMMAND_LOGOUT)
		return check_host(o, commands[i].name, e);
	if (check_operands(o, commands[i].name, commands[i].refs_min, commands[i].refs_max, e) < 0)
		return -1;
	if (o->command == COMMAND_PULL && o->ref.kind == REF_DIGEST)
		return err_set(e, ERR_USAGE, "pull needs to know where from: host/repository@%s",
			       digest_text(&o->ref.digest).s);
	return check_policy(o, e);
}

int opts_parse(int argc, char **argv, struct opts *out, struct err *e)
{
	struct opts o = {.platform = platform_own()};
	size_t count = 0;

	if (parse_words(argc, argv, &o, &count, e) < 0)
		return -1;
	if (!o.help && !o.version && check(&o, argv, count, e) < 0)
		return -1;
	*out = o;
	return 0;
}

int opts_print_help(void)
{
	char buf[2048];
	struct text t = TEXT_OVER(buf);

	text_add(&t, "Usage: imgfetch COMMAND [OPTION...] [REF...|HOST]\n\nCommands:\n");
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		text_addf(&t, "  %s\n", commands[i].help);
	text_add(&t, "\nREF is [HOST[:PORT]/]REPOSITORY[:TAG][@sha256:DIGEST], oci:DIR[:TAG],\n"
		     "oci-archive:FILE[:TAG], docker-archive:FILE[:IMAGE|:@N], or (not for pull)\n"
		     "sha256:DIGEST. HOST is HOST[:PORT][/PREFIX-OF-REPOSITORIES].\n\n");
	if (fdio_write_all(STDOUT_FILENO, t.buf, t.len) < 0)
		return -1;
	return optab_print_help(rows, ARRAY_LEN(rows));
}
