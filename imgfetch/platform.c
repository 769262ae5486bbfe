/* SPDX-License-Identifier: MIT */
/* Operating system, architecture, variant: parse, name, compare. Pure but for platform_own. */
#include "imgfetch/platform.h"

#include <string.h>
#include <sys/utsname.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif

#include "common/text.h"

#if defined(__x86_64__)
#define OWN_ARCH "amd64"
#elif defined(__aarch64__)
#define OWN_ARCH "arm64"
#elif defined(__arm__)
#define OWN_ARCH "arm"
#elif defined(__i386__)
#define OWN_ARCH "386"
#elif defined(__riscv) && __riscv_xlen == 64
#define OWN_ARCH "riscv64"
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
#define OWN_ARCH "ppc64le"
#elif defined(__s390x__)
#define OWN_ARCH "s390x"
#elif defined(__loongarch64)
#define OWN_ARCH "loong64"
#elif defined(__mips64) && defined(__MIPSEL__)
#define OWN_ARCH "mips64le"
#else
#error "imgfetch does not know what image builders call this architecture"
#endif

#define BIT(n) (UINT32_C(1) << (n))

unsigned platform_x86_level(const struct x86_features *f)
{
	/* SSE3, SSSE3, CMPXCHG16B, SSE4.1, SSE4.2, POPCNT; LAHF */
	const uint32_t v2_1 = BIT(0) | BIT(9) | BIT(13) | BIT(19) | BIT(20) | BIT(23);
	const uint32_t v2_ext = BIT(0);
	/* FMA, MOVBE, OSXSAVE, AVX, F16C; BMI1, AVX2, BMI2; LZCNT */
	const uint32_t v3_1 = BIT(12) | BIT(22) | BIT(27) | BIT(28) | BIT(29);
	const uint32_t v3_7 = BIT(3) | BIT(5) | BIT(8);
	const uint32_t v3_ext = BIT(5);
	/* AVX512F, DQ, CD, BW, VL */
	const uint32_t v4_7 = BIT(16) | BIT(17) | BIT(28) | BIT(30) | BIT(31);
	/* Registers that the kernel saves: XMM and YMM; mask and ZMM. */
	const uint64_t avx = 0x06, avx512 = 0xe6;

	if ((f->leaf1_ecx & v2_1) != v2_1 || (f->leaf80000001_ecx & v2_ext) != v2_ext)
		return 1;
	if ((f->leaf1_ecx & v3_1) != v3_1 || (f->leaf7_ebx & v3_7) != v3_7 ||
	    (f->leaf80000001_ecx & v3_ext) != v3_ext || (f->xcr0 & avx) != avx)
		return 2;
	return (f->leaf7_ebx & v4_7) == v4_7 && (f->xcr0 & avx512) == avx512 ? 4 : 3;
}

#ifdef __x86_64__
static unsigned own_x86_level(void)
{
	struct x86_features f = {0};
	unsigned a, b, c, d;

	if (__get_cpuid(1, &a, &b, &c, &d))
		f.leaf1_ecx = c;
	if (__get_cpuid_count(7, 0, &a, &b, &c, &d))
		f.leaf7_ebx = b;
	if (__get_cpuid(0x80000001, &a, &b, &c, &d))
		f.leaf80000001_ecx = c;
	if (f.leaf1_ecx & BIT(27)) {
		__asm__("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
		f.xcr0 = (uint64_t)d << 32 | a;
	}
	return platform_x86_level(&f);
}
#endif

struct platform platform_own(void)
{
	struct platform p = {.os = "linux", .arch = OWN_ARCH};
	struct utsname u;

#ifdef __x86_64__
	unsigned level = own_x86_level();

	if (level > 1) {
		p.variant[0] = 'v';
		p.variant[1] = (char)('0' + level);
	}
#endif
	if (strcmp(p.arch, "arm") != 0)
		return p;
	/* armv7l, armv6l, armv5tel; a 64-bit kernel says aarch64 or armv8l. */
	if (uname(&u) == 0 && strncmp(u.machine, "armv", 4) == 0 && u.machine[4] >= '5' &&
	    u.machine[4] <= '8') {
		p.variant[0] = 'v';
		p.variant[1] = u.machine[4];
	} else {
		strcpy(p.variant, "v7");
	}
	return p;
}

/* One component: [a-z0-9.]+, up to '/' or the end. Moves *s past it. */
static int take_part(const char **s, char *out, size_t size)
{
	size_t n = strspn(*s, "abcdefghijklmnopqrstuvwxyz0123456789.");

	if (n == 0 || n >= size || ((*s)[n] != '/' && (*s)[n] != '\0'))
		return -1;
	memcpy(out, *s, n);
	out[n] = '\0';
	*s += n;
	return 0;
}

int platform_parse(const char *s, struct platform *out, struct err *e)
{
	struct platform p = {0};
	const char *pos = s;

	if (take_part(&pos, p.os, sizeof(p.os)) < 0 || *pos++ != '/' ||
	    take_part(&pos, p.arch, sizeof(p.arch)) < 0)
		goto bad;
	if (*pos == '/') {
		pos++;
		if (take_part(&pos, p.variant, sizeof(p.variant)) < 0)
			goto bad;
	}
	if (*pos)
		goto bad;
	*out = p;
	return 0;
bad:
	return err_set(e, ERR_USAGE, "platform '%s': expected os/arch[/variant], as in linux/arm64",
		       text_quote(s).s);
}

struct platform_text platform_text(const struct platform *p)
{
	struct platform_text t;
	struct text b = TEXT_OVER(t.s);

	text_addf(&b, "%s/%s%s%s", p->os[0] ? p->os : "?", p->arch[0] ? p->arch : "?",
		  p->variant[0] ? "/" : "", p->variant);
	return t;
}

/* "v8" is 8; no variant is what its architecture means by that; 0 for anything else. */
static unsigned variant_number(const struct platform *p)
{
	const char *v = p->variant;

	if (!v[0]) {
		if (strcmp(p->arch, "arm64") == 0)
			return 8;
		if (strcmp(p->arch, "arm") == 0)
			return 7; /* what the builders' default is */
		return 1;
	}
	if (v[0] == 'v' && v[1] >= '1' && v[1] <= '9' && !v[2])
		return (unsigned)(v[1] - '0');
	return 0;
}

unsigned platform_rank(const struct platform *want, const struct platform *have)
{
	unsigned w, h;

	if (strcmp(want->os, have->os) != 0 || strcmp(want->arch, have->arch) != 0)
		return 0;
	if (strcmp(want->variant, have->variant) == 0)
		return 100;
	w = variant_number(want);
	h = variant_number(have);
	if (w == 0 || h == 0 || h > w)
		return 0;
	return 99 - (w - h); /* both are single digits */
}
