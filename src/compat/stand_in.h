// SPDX-License-Identifier: Apache-2.0
// A definition of ours in the place of the C library's. Nobody outside the file that it is linked into sees it.
#pragma once

#define STAND_IN __attribute__((visibility("hidden")))
