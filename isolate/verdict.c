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
	if (cpu)
		say(v, RUN_TO, 1, "Time limit exceeded");
	else if (wall)
		say(v, RUN_TO, 1, "Time limit exceeded (wall clock)");
	return cpu || wall;
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
