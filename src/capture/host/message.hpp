// SPDX-License-Identifier: Apache-2.0
// What the recorder has to say to people: rarely, once, and never where it could hurt.
#pragma once

namespace p11tape::capture {

/// Says a sentence on stderr, where that is a terminal, a pipe or a regular file (in a daemon it may be anything), and
/// to syslog as one datagram that does not wait. A message that was said before in this process is not said again.
/// Keeps errno.
__attribute__((format(printf, 1, 2))) void say(const char* format, ...) noexcept;

}  // namespace p11tape::capture
