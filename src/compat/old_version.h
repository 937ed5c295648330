// SPDX-License-Identifier: Apache-2.0
// How the stand-ins of this directory reach the C library's own function in the version that glibc 2.17 has.
//
// OLD(name) declares nothing: it binds the symbol old_NAME to NAME at the version that the build found in the C library
// of the target (old_versions.h, made by floor.cmake: the highest one that is not newer than the floor).
//
// For objects that are linked as such: mold (1.10) binds such a symbol wrongly where it comes out of an archive.
#pragma once

#include "old_versions.h"
#include "stand_in.h"

#define OLD(name) __asm__(".symver old_" #name "," #name "@" P11TAPE_OLD_##name)
