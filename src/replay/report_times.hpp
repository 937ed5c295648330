// SPDX-License-Identifier: Apache-2.0
// Durations side by side: on the tape, and now.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "replay/replay.hpp"
#include "text/json_writer.hpp"

namespace p11tape::replay {

class replay_times {
 public:
  /// A call that was made, and how long it took on the tape (0: it did not return) and now.
  void add(const replay::step& s, tape::u64 now);

  /// The same for the tape alone, or for now alone.
  void add_recorded(const replay::step& s);
  void add_replayed(const replay::step& s, tape::u64 now);

  void append_table(std::string& out);
  void append_json(text::json_writer& json);

 private:
  struct both {
    std::vector<tape::u64> recorded, replayed;
  };
  std::map<cryptoki::function, both> functions_;
};

}  // namespace p11tape::replay
