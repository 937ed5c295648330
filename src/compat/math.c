// SPDX-License-Identifier: Apache-2.0
// These got a new version in glibc 2.29, which no longer reports errors through matherr: nobody here asks for that.
#include <math.h>

#include "old_version.h"

OLD(exp);
OLD(log);
OLD(log2);
OLD(pow);

extern double old_exp(double);
extern double old_log(double);
extern double old_log2(double);
extern double old_pow(double, double);

STAND_IN double exp(double x) { return old_exp(x); }
STAND_IN double log(double x) { return old_log(x); }
STAND_IN double log2(double x) { return old_log2(x); }
STAND_IN double pow(double x, double y) { return old_pow(x, y); }
