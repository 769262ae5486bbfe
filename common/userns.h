/* SPDX-License-Identifier: MIT */
/* A user namespace for the calling process alone, in which its modes do not shut it out. */
#ifndef COMMON_USERNS_H
#define COMMON_USERNS_H

#include "common/defs.h"

/* For an ordinary user's process of one thread: layers have files and directories that not even
 * their owner may read (Fedora's /etc/shadow is 0000, its sudo 0111), and his store keeps those
 * modes. In a user namespace of his own he has CAP_DAC_OVERRIDE over what is his, and over nothing
 * else. Where there is none to be had, or none with ids, the process stays where it is, and the
 * open that fails says which file it is. Root is left as he is. */
void userns_override_modes(void);

#endif
