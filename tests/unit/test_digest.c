/* SPDX-License-Identifier: MIT */
/* common/digest: exactly one spelling is a digest. */
#include "common/digest.h"

#include "tests/unit/tap.h"

#define HEX62 "00112233445566778899aabbccddeeff00112233445566778899aabbccddee"

static const struct row {
	const char *s;
	int rc;
} rows[] = {
	{"sha256:" HEX62 "ff", 0},
	{"sha256:" HEX62 "00", 0},
	{"", -1},
	{"sha256", -1},
	{"sha256:", -1},
	{"sha256:" HEX62 "f", -1},
	{"sha256:" HEX62 "fff", -1},
	{"sha256:" HEX62 "FF", -1},
	{"sha256:" HEX62 "fg", -1},
	{"sha256:" HEX62 "/.", -1},
	{"sha256:" HEX62 "..", -1},
	{"sha256:../../../../../../../../../../../../../../../../../../etc/pass", -1},
	{"SHA256:" HEX62 "ff", -1},
	{"sha512:" HEX62 "ff", -1},
	{"sha256-" HEX62 "ff", -1},
	{" sha256:" HEX62 "ff", -1},
	{"sha256:" HEX62 "ff ", -1},
	{"sha256:" HEX62 "ff\n", -1},
	{HEX62 "ff", -1},
	{"sha256:sha256:" HEX62 "ff", -1},
};

int main(void)
{
	static const unsigned char bytes[32] = {0x00, 0x01, 0x0f, 0x10, 0x7f, 0x80, 0xff, 0xa5};
	static const unsigned char bytes64[64] = {[63] = 0xab};
	struct tap t = {0};
	struct digest d, other, longer;
	struct err e = {0};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		memset(&d, 'u', sizeof(d));
		tap_int(&t, digest_parse(rows[i].s, &d, &e), rows[i].rc, "parse: '%s'", rows[i].s);
		if (rows[i].rc == 0) {
			tap_str(&t, digest_text(&d).s, rows[i].s, "parse: '%s' and back",
				rows[i].s);
		} else {
			tap_ok(&t, d.hex[0] == 'u' && d.hex[DIGEST_HEX_LEN] == 'u',
			       "parse: '%s' leaves the output alone", rows[i].s);
			tap_int(&t, e.kind, ERR_USAGE, "parse: '%s' kind", rows[i].s);
		}
	}
	digest_from_bytes(bytes, sizeof(bytes), &d);
	tap_str(&t, d.hex, "00010f107f80ffa5000000000000000000000000000000000000000000000000",
		"from bytes");
	other = d;
	tap_ok(&t, digest_equal(&d, &other), "equal: the same");
	other.hex[DIGEST_HEX_LEN - 1] = '1';
	tap_ok(&t, !digest_equal(&d, &other), "equal: the last digit differs");
	tap_ok(&t, !digest_is_sha512(&d), "sha512: 64 digits are none");
	tap_int(&t, digest_parse_any("sha256:" HEX62 "ff", &d, &e), 0, "any: sha256");
	tap_int(&t, digest_parse_any("sha512:" HEX62 "ff" HEX62 "00", &longer, &e), 0,
		"any: sha512");
	tap_ok(&t, digest_is_sha512(&longer), "any: it is one");
	tap_str(&t, digest_text(&longer).s, "sha512:" HEX62 "ff" HEX62 "00", "any: and back");
	tap_ok(&t, !digest_equal(&d, &longer) && !digest_equal(&longer, &d),
	       "equal: the first half is not the whole");
	tap_int(&t, digest_parse_any("sha512:" HEX62 "ff", &d, &e), -1, "any: sha512 of 64 digits");
	tap_int(&t, digest_parse_any("sha256:" HEX62 "ff" HEX62 "00", &d, &e), -1,
		"any: sha256 of 128 digits");
	tap_int(&t, digest_parse_any("sha512:" HEX62 "ff" HEX62 "000", &d, &e), -1,
		"any: one digit more");
	tap_int(&t, digest_parse("sha512:" HEX62 "ff" HEX62 "00", &d, &e), -1,
		"parse: a real sha512 is for others");
	digest_from_bytes(bytes64, sizeof(bytes64), &longer);
	tap_ok(&t, digest_is_sha512(&longer) && longer.hex[127] == 'b' && !longer.hex[128],
	       "from bytes: 64 of them");
	return tap_done(&t);
}
