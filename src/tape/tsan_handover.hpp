// SPDX-License-Identifier: Apache-2.0
// What a thread has written is found by the one that takes its things over, because the kernel says that it has ended.
// ThreadSanitizer cannot see that, and is told. Nothing otherwise.
#pragma once

#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

namespace p11tape::tape {

inline void left_behind([[maybe_unused]] void* thing) noexcept {
#ifdef __SANITIZE_THREAD__
  if (thing != nullptr) __tsan_release(thing);
#endif
}

inline void taken_over([[maybe_unused]] void* thing) noexcept {
#ifdef __SANITIZE_THREAD__
  __tsan_acquire(thing);
#endif
}

}  // namespace p11tape::tape
