// SPDX-License-Identifier: Apache-2.0
// A test that skipped, and failed nothing, ends with 77: ctest's SKIP_RETURN_CODE.
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

#include "support.hpp"

int main(int argc, char** argv) {
  const int failed = Catch::Session().run(argc, argv);
  return failed == 0 && p11tape::contract::skipped() ? 77 : failed;
}

#ifdef P11TAPE_SANITIZED
// Hosts die of the signals that they would die of without a sanitizer, and go on in children of fork.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() {
  return "handle_segv=0:handle_abort=0:handle_sigbus=0:allow_user_segv_handler=1:detect_leaks=0:"
         "allocator_may_return_null=1";
}
extern "C" const char* __tsan_default_options();
extern "C" const char* __tsan_default_options() {
  return "handle_segv=0:handle_abort=0:handle_sigbus=0:die_after_fork=0";
}
#endif
