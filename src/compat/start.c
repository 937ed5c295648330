// SPDX-License-Identifier: Apache-2.0
// The start of a program. Since glibc 2.34 the C library itself runs the program's constructors. Before, the program
// brought a function for that, which newer toolchains no longer link: here it is again. Every version of the C library
// takes it from a program that was linked against an old one.
#include <stddef.h>

#include "old_version.h"

typedef void constructor(int, char**, char**);
extern constructor* __init_array_start[] __attribute__((visibility("hidden")));
extern constructor* __init_array_end[] __attribute__((visibility("hidden")));
extern void _init(void);

static void run_constructors(int count, char** arguments, char** environment) {
  _init();
  const size_t constructors = (size_t)(__init_array_end - __init_array_start);
  for (size_t i = 0; i < constructors; ++i) __init_array_start[i](count, arguments, environment);
}

OLD(__libc_start_main);

#if defined(__powerpc64__)

// What _start hands over; the first member is of no use in 64-bit programs.
struct start_functions {
  void* unused;
  int (*main)(int, char**, char**, void*);
  int (*init)(int, char**, char**, void*);
  void (*fini)(void);
};

extern int old___libc_start_main(int, char**, char**, void*, void (*)(void), struct start_functions*, char**);

static int initialise(int count, char** arguments, char** environment, void* vector) {
  (void)vector;
  run_constructors(count, arguments, environment);
  return 0;
}

STAND_IN int __libc_start_main(int count, char** arguments, char** environment, void* vector, void (*loader_fini)(void),
                               struct start_functions* functions, char** stack) {
  static struct start_functions ours;
  ours.main = functions->main;
  ours.init = initialise;
  return old___libc_start_main(count, arguments, environment, vector, loader_fini, &ours, stack);
}

#else

typedef int main_function(int, char**, char**);

extern int old___libc_start_main(main_function*, int, char**, constructor*, void (*)(void), void (*)(void), void*);

STAND_IN int __libc_start_main(main_function* main, int count, char** arguments, constructor* init, void (*fini)(void),
                               void (*loader_fini)(void), void* stack) {
  (void)init;
  return old___libc_start_main(main, count, arguments, run_constructors, fini, loader_fini, stack);
}

#endif
