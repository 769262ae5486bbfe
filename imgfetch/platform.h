/* SPDX-License-Identifier: MIT */
/* Operating system, architecture, variant: parse, name, compare. Pure but for platform_own. */
#ifndef IMGFETCH_PLATFORM_H
#define IMGFETCH_PLATFORM_H

#include "common/defs.h"
#include "common/err.h"

/* GOOS/GOARCH names as images use them; variant may be empty. */
struct platform {
	char os[24];
	char arch[24];
	char variant[16];
};

/* The platform this program was built for; on 32-bit ARM the variant is what the kernel says, on
 * x86-64 the level that the processor and the kernel offer, from v2 on. */
struct platform platform_own(void);

/* What CPUID and XCR0 tell of an x86-64 processor. */
struct x86_features {
	uint32_t leaf1_ecx, leaf7_ebx, leaf80000001_ecx;
	uint64_t xcr0; /* 0 without OSXSAVE */
};

/* Level 1 to 4 of the x86-64 psABI ("Micro-Architecture Levels"). */
unsigned platform_x86_level(const struct x86_features *f);

/* "os/arch[/variant]", lower-case letters and digits. kind ERR_USAGE. */
int platform_parse(const char *s, struct platform *out, struct err *e) NODISCARD;

struct platform_text {
	char s[72];
};
struct platform_text platform_text(const struct platform *p);

/* How well `have` serves somebody who wants `want`: 0 not at all, else higher is better. The same
 * variant is best, then older ones a newer processor still runs (arm v8 to v5, amd64 v4 to v1); no
 * variant means the oldest, and v8 for arm64. */
unsigned platform_rank(const struct platform *want, const struct platform *have);

#endif
