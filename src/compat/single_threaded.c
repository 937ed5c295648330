// SPDX-License-Identifier: Apache-2.0
// glibc 2.32 tells libstdc++ in this variable whether it may count references without atomic instructions. 0: it may
// not. The variable is our own in every build: Debian's libyaml-cpp.a is not compiled for shared libraries, and the
// linker would have to copy glibc's variable into one.
// Needed in sanitizer builds too, which have no old versions.
#include "stand_in.h"

STAND_IN char __libc_single_threaded = 0;
