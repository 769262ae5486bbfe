/* SPDX-License-Identifier: MIT */
/* The meta file as a JSON object: every name is there whatever happened, null when not known. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "common/cleanup.h"
#include "common/jsonout.h"
#include "common/text.h"
#include "isolate/meta_impl.h"

/* Names are promises, and so is the unit at their end (isolate-meta(5)). */

static void put_null(struct jsonout *j, const char *key)
{
	jsonout_string(j, key, NULL);
}

static void put_number(struct jsonout *j, const char *key, bool known, uint64_t n)
{
	if (known)
		jsonout_number(j, key, n);
	else
		put_null(j, key);
}

static void put_figure(struct jsonout *j, const char *key, const struct figure *f)
{
	put_number(j, key, f && f->known, f ? f->n : 0);
}

static void put_bool(struct jsonout *j, const char *key, bool known, bool value)
{
	if (known)
		jsonout_bool(j, key, value);
	else
		put_null(j, key);
}

/* Real-time signals have no names of their own. */
static void put_signal(struct jsonout *j, int sig)
{
	const char *name = sig > 0 ? sigabbrev_np(sig) : NULL;
	char text[32];

	put_number(j, "exit_signal", sig > 0, (uint64_t)sig);
	if (sig <= 0 || (name ? text_format(text, sizeof(text), "SIG%s", name)
			      : text_format(text, sizeof(text), "SIG%d", sig)) < 0)
		put_null(j, "exit_signal_name");
	else
		jsonout_string(j, "exit_signal_name", text);
}

/* v: NULL after an error of the sandbox. */
static void put_end(struct jsonout *j, const struct verdict *v, const struct usage *u,
		    const char *message)
{
	const char *status = verdict_status_text(v ? v->status : RUN_XX);

	jsonout_string(j, "status", *status ? status : "OK");
	jsonout_string(j, "message", *message ? message : NULL);
	put_number(j, "exit_code", v && v->exit_code >= 0, v ? (uint64_t)v->exit_code : 0);
	put_signal(j, v ? v->exit_sig : 0);
	put_bool(j, "killed", v, v && v->killed);
	jsonout_string(j, "limit_hit", v ? verdict_limit_text(v->limit) : NULL);
	put_bool(j, "oom_killed", u && u->have_cg, u && u->cg_oom_killed);
}

static void put_pressure(struct jsonout *j, const struct usage *u)
{
	static const char *const names[PRESSURE_COUNT][2] = {
		[PRESSURE_CPU] = {"pressure_cpu_some_ns", "pressure_cpu_full_ns"},
		[PRESSURE_MEMORY] = {"pressure_memory_some_ns", "pressure_memory_full_ns"},
		[PRESSURE_IO] = {"pressure_io_some_ns", "pressure_io_full_ns"},
	};

	for (size_t i = 0; i < PRESSURE_COUNT; i++) {
		put_figure(j, names[i][0], u ? &u->pressure_some_ns[i] : NULL);
		put_figure(j, names[i][1], u ? &u->pressure_full_ns[i] : NULL);
	}
}

/* u: NULL after an error of the sandbox. */
static void put_usage(struct jsonout *j, const struct usage *u)
{
	bool told = u && u->told;

	put_number(j, "cpu_ns", u && u->cpu_known, u ? u->cpu_ns : 0);
	put_figure(j, "cpu_user_ns", u ? &u->cpu_user_ns : NULL);
	put_figure(j, "cpu_system_ns", u ? &u->cpu_system_ns : NULL);
	put_number(j, "wall_ns", u, u ? u->wall_ns : 0);
	put_number(j, "cg_mem_bytes", u && u->have_cg_mem, u ? u->cg_mem_bytes : 0);
	put_number(j, "max_rss_bytes", told, told ? u->max_rss_bytes : 0);
	put_number(j, "csw_voluntary", told, told ? u->csw_voluntary : 0);
	put_number(j, "csw_forced", told, told ? u->csw_forced : 0);
	put_number(j, "faults_minor", told, told ? u->faults_minor : 0);
	put_number(j, "faults_major", told, told ? u->faults_major : 0);
	put_figure(j, "io_read_bytes", u ? &u->io_read_bytes : NULL);
	put_figure(j, "io_written_bytes", u ? &u->io_written_bytes : NULL);
	put_figure(j, "processes_peak", u ? &u->processes_peak : NULL);
	put_pressure(j, u);
	put_figure(j, "box_bytes", u ? &u->box_bytes : NULL);
}

static void put_place(struct jsonout *j, const struct meta *m, const char *image_digest)
{
	struct utsname host;

	jsonout_string(j, "image", image_digest);
	put_number(j, "box_id", m->has_box, m->box_id);
	jsonout_string(j, "isolate_version", ISOLATE_OCI_VERSION);
	jsonout_string(j, "kernel_version", uname(&host) < 0 ? NULL : host.release);
}

/* o, v: NULL after an error of the sandbox. */
static int write_object(const struct meta *m, const struct outcome *o, const struct verdict *v,
			const char *image_digest, const char *message, struct err *e)
{
	const struct usage *u = o ? &o->usage : NULL;
	auto_free char *text = NULL;
	size_t len = 0;
	struct jsonout j = {.file = open_memstream(&text, &len)};
	bool failed;

	if (!j.file)
		return err_sys(e, ERR_SYSTEM, "allocate memory for the meta file");
	jsonout_open(&j, NULL, '{');
	put_end(&j, v, u, message);
	put_usage(&j, u);
	put_place(&j, m, image_digest);
	jsonout_close(&j, '}');
	failed = ferror(j.file);
	if (fclose(j.file) || failed)
		return err_sys(e, ERR_SYSTEM, "compose the meta file");
	return meta_put(m, text, len, e);
}

int meta_json_run(const struct meta *m, const struct outcome *o, const struct verdict *v,
		  const char *image_digest, struct err *e)
{
	return write_object(m, o, v, image_digest, v->message, e);
}

int meta_json_error(const struct meta *m, const struct err *why, struct err *e)
{
	return write_object(m, NULL, NULL, NULL, why->text, e);
}
