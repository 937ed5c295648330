// What the recorder is told from outside, and by whom.
//
// Plain memory without destructors: it is read for the first time before main may have begun, and for the last time
// after static destructors have run.
#pragma once

#include <cstddef>

#include "tape/layout.hpp"

namespace p11tape::capture {

using tape::u32;
using tape::u64;

/// A setting's text and where it came from, for the tape's header.
struct setting_text {
  char value[1024];
  char from[512];  ///< "P11TAPE_MODULE", or a file and line; empty: the default
};

struct settings {
  setting_text module;  ///< path of the real module
  setting_text folder;  ///< of the tapes; empty: /var/tmp/p11tape-<uid>
  setting_text profile_text;
  setting_text record_text;
  tape::profile profile;
  bool record;          ///< false: forward only
  u64 limit;            ///< bytes of one tape
  u32 keep;             ///< tapes kept in a folder
  bool ring;            ///< when_full: ring, or stop
  u64 most_payload;     ///< bytes of one payload value
  char problems[2048];  ///< what was wrong with the settings, a sentence a line; for people and for the tape
};

/// Reads them, once a process. `shim` is the path of this shared object.
void read_settings(settings& s, const char* shim) noexcept;

}  // namespace p11tape::capture
