/* SPDX-License-Identifier: MIT */
/* isolate/opts: command lines of clients old and new, and those that are refused. */
#include "isolate/opts.h"

#include "tests/unit/tap.h"

#define ARGS_MAX 20

struct line {
	const char *args[ARGS_MAX]; /* without argv[0] */
};

static int parse(const struct line *l, struct opts *o, struct err *e)
{
	static char program[] = "isolate";
	char *argv[ARGS_MAX + 2] = {program};
	int argc = 1;

	for (; argc <= ARGS_MAX && l->args[argc - 1]; argc++)
		argv[argc] = (char *)(uintptr_t)l->args[argc - 1];
	return opts_parse(argc, argv, o, e);
}

static const struct line good[] = {
	{{"--init"}},
	{{"-b", "3", "--init"}},
	{{"--cg", "-b7", "--init"}},
	{{"--cg", "--box-id=auto", "--init"}},
	{{"--list", "--json"}},
	{{"--once", "--copy-in=a.py", "--copy-in", "b=c", "--copy-out=out", "x"}},
	{{"--once", "-i", "in", "-o", "out", "--stderr-to-stdout", "--", "x"}},
	{{"--once", "-b", "auto", "--cg", "--cg-mem=5", "x"}},
	{{"--cleanup"}},
	{{"--help"}},
	{{"--version"}},
	{{"--print-cg-root"}},
	{{"--check"}},
	{{"--cg", "--image=python:3.12", "--json", "--check"}},
	{{"--check-config"}},
	{{"--run", "--", "/bin/true"}},
	{{"--run", "/bin/true", "--", "-x", "--init"}},
	{{"-E", "", "--run", "--", "x"}},
	{{"-E", "A=B", "-E", "PATH", "-E", "X=", "--run", "--", "x"}},
	{{"-p", "--run", "--", "x"}},
	{{"-p60", "--run", "--", "x"}},
	{{"--processes=60", "--run", "--", "x"}},
	{{"--cg", "--cg-timing", "--cg-mem=0", "--run", "--", "x"}},
	{{"--disk=16K", "--init"}},
	{{"--disk=1g,8", "--init"}},
	{{"-q", "0,0", "--init"}},
	{{"--quota=1000,50", "--run", "--", "x"}},
	{{"--cg", "--cpus=0.5", "--run", "--", "x"}},
	{{"--cpus=0", "--run", "--", "x"}},
	{{"--cg", "--no-cg-timing", "--run", "--", "x"}},
	{{"-t", "0.5", "-w", "1.5", "-x", ".25", "--run", "--", "x"}},
	{{"--dir=/etc:noexec", "-d", "/data=/srv/x:rw:maybe", "--dir=tmp=", "--run", "--", "x"}},
	{{"-D", "--dir=box=./box:rw", "--run", "--", "x"}},
	{{"--as-uid=1000", "--as-gid=1000", "--init"}},
	{{"--stderr-to-stdout", "-o", "out", "-i", "in", "--run", "--", "x"}},
	{{"--image=python:3.12", "--no-image-env", "--run", "--", "x"}},
	{{"--syscalls=0", "--run", "--", "x"}},
	{{"--syscalls=65535", "--run", "--", "x"}},
	{{"--meta=-", "--meta-format=json", "--run", "--", "x"}},
	{{"--meta-format=text", "--run", "--", "x"}},
	{{"-s", "-v", "-v", "--wait", "--share-net", "--inherit-fds", "--special-files", "--run",
	  "x"}},
};

static const struct bad_row {
	struct line line;
	const char *says;
} bad[] = {
	{{{NULL}}, "nothing to do"},
	{{{"--"}}, "nothing to do"},
	{{{"x"}}, "nothing to do"},
	{{{"--init", "--run", "--", "x"}}, "only one of"},
	{{{"--init", "--cleanup"}}, "only one of"},
	{{{"--init", "x"}}, "only --run and --once take a command"},
	{{{"--run"}}, "needs a command"},
	{{{"--run", "--"}}, "needs a command"},
	{{{"--run", "--bogus", "--", "x"}}, "unknown option"},
	{{{"--init", "-b"}}, "needs an argument"},
	{{{"--init", "-b", ""}}, "--box-id"},
	{{{"--init", "-b", "-1"}}, "--box-id"},
	{{{"--init", "-b", "2147483647"}}, "--box-id"},
	{{{"--init", "-b", "1x"}}, "--box-id"},
	{{{"--cleanup", "-b", "auto"}}, "--box-id=auto is for --init"},
	{{{"--init", "--copy-in=x"}}, "are for --run and --once"},
	{{{"--list", "x"}}, "only --run and --once"},
	{{{"--once"}}, "--once needs a command"},
	{{{"--once", "-b", "0", "--", "x"}}, "any free box"},
	{{{"--once", "--wait", "--", "x"}}, "--wait"},
	{{{"--once", "--quota=9,9", "--", "x"}}, "--once takes --disk"},
	{{{"--once", "--run", "--", "x"}}, "only one of"},
	{{{"-b", "auto", "--wait", "--init"}}, "--wait"},
	{{{"-t", "abc", "--run", "--", "x"}}, "--time"},
	{{{"-t", "-1", "--run", "--", "x"}}, "--time"},
	{{{"-w", "inf", "--run", "--", "x"}}, "--wall-time"},
	{{{"-m", "18014398509481984", "--run", "--", "x"}}, "--mem"},
	{{{"-p0x10", "--run", "--", "x"}}, "--processes"},
	{{{"--processes=", "--run", "--", "x"}}, "--processes"},
	{{{"--cg-mem=5", "--run", "--", "x"}}, "--cg-mem needs --cg"},
	{{{"--cg-mem=0", "--run", "--", "x"}}, "--cg-mem needs --cg"},
	{{{"--disk=0", "--init"}}, "--disk"},
	{{{"--disk=1K", "--init"}}, "--disk"},
	{{{"--disk=5x", "--init"}}, "--disk"},
	{{{"--disk=", "--init"}}, "--disk"},
	{{{"--disk=-1", "--init"}}, "--disk"},
	{{{"--disk=9999T", "--init"}}, "--disk"},
	{{{"--disk=1M,", "--init"}}, "--disk"},
	{{{"--disk=1M,x", "--init"}}, "--disk"},
	{{{"--disk=1M,7", "--init"}}, "--disk"},
	{{{"--disk=1M,50,6", "--init"}}, "--disk"},
	{{{"--disk=11111111111111111111111111111111M", "--init"}}, "--disk"},
	{{{"--quota=5", "--init"}}, "--quota needs KIB,N"},
	{{{"--quota=5,", "--init"}}, "--quota"},
	{{{"--quota=,5", "--init"}}, "--quota"},
	{{{"--quota=1M,5", "--init"}}, "--quota"},
	{{{"--quota=1,2,3", "--init"}}, "--quota"},
	{{{"--quota=1,2", "--disk=1M", "--init"}}, "exclude each other"},
	{{{"--cpus=2", "--run", "--", "x"}}, "--cpus needs --cg"},
	{{{"--cg", "--cpus=0.001", "--run", "--", "x"}}, "--cpus: the least"},
	{{{"--cg", "--cpus=1001", "--run", "--", "x"}}, "--cpus"},
	{{{"--as-uid=1", "--init"}}, "together"},
	{{{"--as-gid=1", "--init"}}, "together"},
	{{{"--as-uid=4294967295", "--as-gid=1", "--init"}}, "--as-uid"},
	{{{"-r", "e", "--stderr-to-stdout", "--run", "--", "x"}}, "exclude each other"},
	{{{"--stdin=", "--run", "--", "x"}}, "--stdin"},
	{{{"--meta=", "--run", "--", "x"}}, "--meta"},
	{{{"--meta-format=json", "--run", "--", "x"}}, "needs --meta"},
	{{{"--meta=m", "--meta-format=xml", "--run", "--", "x"}}, "neither text nor json"},
	{{{"--meta=m", "--meta-format=", "--run", "--", "x"}}, "neither text nor json"},
	{{{"--json", "--init"}}, "--json goes with --check"},
	{{{"--check", "--check-config"}}, "only one of"},
	{{{"--check", "x"}}, "only --run and --once take a command"},
	{{{"--syscalls=65536", "--run", "--", "x"}}, "--syscalls"},
	{{{"--env==x", "--run", "--", "x"}}, "--env"},
	{{{"--dir=../x", "--run", "--", "x"}}, "--dir"},
	{{{"--dir=x=y:bogus", "--run", "--", "x"}}, "--dir"},
	{{{"--image=UPPER", "--run", "--", "x"}}, "--image"},
	{{{"--image=", "--init"}}, "--image"},
	{{{"--run=1", "--", "x"}}, "--run"},
	{{{"--run", "x", "--bogus"}}, "unknown option"},
	{{{"--run", "x", "--time", "abc"}}, "--time"},
};

static void test_values(struct tap *t)
{
	const struct line l = {{"-b12", "-t1.5", "-w2", "-x.5", "-m1000", "-k64", "-f10", "-n0",
				"--core=1", "--cg", "--cg-mem=4096", "-p3", "--run", "a", "-ckid",
				"b", "--", "-b"}};
	struct opts o;
	struct err e;

	if (!tap_int(t, parse(&l, &o, &e), 0, "values: parsed")) {
		tap_note("%s", e.text);
		return;
	}
	tap_int(t, o.mode, MODE_RUN, "values: mode");
	tap_u64(t, o.box_id, 12, "values: box id");
	tap_u64(t, o.limits.cpu_ns, UINT64_C(1500000000), "values: time");
	tap_u64(t, o.limits.wall_ns, UINT64_C(2000000000), "values: wall-time");
	tap_u64(t, o.limits.extra_ns, UINT64_C(500000000), "values: extra-time");
	tap_u64(t, o.limits.as_bytes, 1024000, "values: mem");
	tap_u64(t, o.limits.stack_bytes, 65536, "values: stack");
	tap_u64(t, o.limits.fsize_bytes, 10240, "values: fsize");
	tap_u64(t, o.limits.core_bytes, 1024, "values: core");
	tap_u64(t, o.limits.cg_mem_bytes, 4194304, "values: cg-mem");
	tap_u64(t, o.limits.processes, 3, "values: processes");
	tap_u64(t, o.limits.open_files, 0, "values: open-files");
	tap_str(t, o.chdir, "kid", "values: chdir");
	tap_str(t, o.command[0], "a", "values: command");
	tap_str(t, o.command[1], "b", "values: an option behind the command is ours");
	tap_str(t, o.command[2], "-b", "values: one behind -- is the command's");
	tap_ok(t, !o.command[3], "values: end of the command");
	opts_fini(&o);
}

static void test_defaults(struct tap *t)
{
	const struct line l = {{"--run", "--", "x"}};
	struct dirrules rules;
	struct opts o;
	struct err e;

	if (!tap_int(t, parse(&l, &o, &e), 0, "defaults: parsed"))
		return;
	tap_u64(t, o.limits.processes, 1, "defaults: one process");
	tap_u64(t, o.limits.open_files, 1024, "defaults: open files");
	tap_u64(t, o.limits.core_bytes, 0, "defaults: no core");
	tap_u64(t, o.limits.cpu_ns + o.limits.wall_ns + o.limits.as_bytes + o.limits.stack_bytes, 0,
		"defaults: no other limit");
	tap_ok(t, !o.limits.cg && !o.share_net && !o.inherit_fds && !o.special_files && !o.env.full,
	       "defaults: nothing is shared");
	if (tap_int(t, opts_dirrules(&o, false, &rules, &e), 0, "defaults: rules"))
		dirrules_fini(&rules);
	opts_fini(&o);
}

static void test_rules(struct tap *t)
{
	const struct line l = {{"-D", "-d", "a=/x", "-d", "b=/y", "-d", "/a=/z:rw", "--run", "x"}};
	struct dirrules rules;
	struct opts o;
	struct err e;

	if (!tap_int(t, parse(&l, &o, &e), 0, "rules: parsed"))
		return;
	if (tap_int(t, opts_dirrules(&o, true, &rules, &e), 0, "rules: made")) {
		tap_u64(t, rules.count, 2, "rules: only those given");
		tap_str(t, rules.rules[0].out, "/z", "rules: a later one takes the place");
		tap_str(t, rules.rules[1].in, "b", "rules: in order");
		dirrules_fini(&rules);
	}
	opts_fini(&o);
}

int main(void)
{
	struct tap t = {0};

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct opts o;
		struct err e;

		if (!tap_int(&t, parse(&good[i], &o, &e), 0, "good %zu: %s", i, good[i].args[0]))
			tap_note("%s", e.text);
		opts_fini(&o);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct opts o;
		struct err e = {0};

		tap_int(&t, parse(&bad[i].line, &o, &e), -1, "bad %zu: refused", i);
		tap_int(&t, e.kind, ERR_USAGE, "bad %zu: as wrong usage", i);
		tap_has(&t, e.text, bad[i].says, "bad %zu: says why", i);
		opts_fini(&o);
	}
	test_values(&t);
	test_defaults(&t);
	test_rules(&t);
	return tap_done(&t);
}
