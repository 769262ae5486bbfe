/* SPDX-License-Identifier: MIT */
/* What happened to a run, in the words of the meta file. */
#include "isolate/verdict.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

/* Clients match these texts and numbers: they are promises (isolate(1), META FILE). */

static void say(struct verdict *v, enum run_status status, int rc, const char *text)
{
	v->status = status;
	v->rc = rc;
	(void)snprintf(v->message, sizeof(v->message), "%s", text); /* texts here are short */
}

static void say_number(struct verdict *v, enum run_status status, int rc, const char *text, int n)
{
	v->status = status;
	v->rc = rc;
	(void)snprintf(v->message, sizeof(v->message), "%s %d", text, n);
}

/* Somebody who ends isolate politely ends the run; anything else that hits the keeper (abort,
 * segmentation fault) is a fault of the sandbox. */
static void judge_interrupt(int sig, struct verdict *v)
{
	switch (sig) {
	case SIGHUP:
	case SIGINT:
	case SIGQUIT:
	case SIGTERM:
		v->exit_sig = sig;
		say(v, RUN_SG, 1, "Interrupted");
		break;
	default:
		say_number(v, RUN_XX, 2, "Sandbox keeper received fatal signal", sig);
	}
}

/* A program may also end by itself past its limit: between two looks of the keeper, within its
 * extra time, or because the last of its CPU time is only counted at its end. */
static bool judge_times(const struct outcome *o, const struct limits *l, struct verdict *v)
{
	bool wall = o->killed == KILL_WALL || (l->wall_ns && o->usage.wall_ns > l->wall_ns);
	bool cpu = o->killed == KILL_CPU || (l->cpu_ns && o->usage.cpu_ns > l->cpu_ns);

	/* Whoever killed decides; for the rest CPU comes first, as the limit people ask about. */
	if (o->killed == KILL_WALL)
		cpu = false;
	if (cpu) {
		say(v, RUN_TO, 1, "Time limit exceeded");
		v->limit = LIMIT_TIME;
	} else if (wall) {
		say(v, RUN_TO, 1, "Time limit exceeded (wall clock)");
		v->limit = LIMIT_WALL_TIME;
	}
	return cpu || wall;
}

/* The harder it hits, the earlier: what is out of memory is dead, who cannot fork may do without. A
 * program that catches SIGXFSZ is told EFBIG, of which nobody hears. */
static enum limit_hit other_limit(const struct outcome *o, const struct limits *l,
				  const struct verdict *v)
{
	if (o->usage.cg_oom_killed)
		return LIMIT_MEMORY;
	if (o->disk_hit)
		return LIMIT_DISK;
	if (l->fsize_bytes && v->exit_sig == SIGXFSZ)
		return LIMIT_OUTPUT;
	return o->usage.cg_fork_refused ? LIMIT_PROCESSES : LIMIT_NONE;
}

void verdict_judge(const struct outcome *o, const struct limits *l, struct verdict *out)
{
	struct verdict v = {.exit_code = -1, .killed = o->killed != KILL_NONE};
	bool over;

	/* How the program ended by itself; our own SIGKILL is not its doing. */
	if (!v.killed) {
		if (o->exec_failed)
			v.exit_code = 127;
		else if (WIFEXITED(o->wait_status))
			v.exit_code = WEXITSTATUS(o->wait_status);
		else
			v.exit_sig = WTERMSIG(o->wait_status);
	}
	v.limit = other_limit(o, l, &v);
	if (o->killed == KILL_SIGNAL) {
		judge_interrupt(o->interrupt_signal, &v);
		*out = v;
		return;
	}
	over = judge_times(o, l, &v);
	if (over)
		;
	else if (v.exit_sig)
		say_number(&v, RUN_SG, 1, "Caught fatal signal", v.exit_sig);
	else if (v.exit_code)
		say_number(&v, RUN_RE, 1, "Exited with error status", v.exit_code);
	*out = v;
}

const char *verdict_status_text(enum run_status s)
{
	switch (s) {
	case RUN_OK:
		return "";
	case RUN_RE:
		return "RE";
	case RUN_SG:
		return "SG";
	case RUN_TO:
		return "TO";
	case RUN_XX:
		break;
	}
	return "XX";
}

const char *verdict_limit_text(enum limit_hit l)
{
	switch (l) {
	case LIMIT_TIME:
		return "time";
	case LIMIT_WALL_TIME:
		return "wall-time";
	case LIMIT_MEMORY:
		return "memory";
	case LIMIT_DISK:
		return "disk";
	case LIMIT_OUTPUT:
		return "output";
	case LIMIT_PROCESSES:
		return "processes";
	case LIMIT_NONE:
		break;
	}
	return NULL;
}
