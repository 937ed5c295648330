// SPDX-License-Identifier: Apache-2.0
// A tape in short: of each call what is needed to align it with a call of another tape, thread by thread.
//
// One pass of the model over the tape. Handles are meaningless outside their process, so a call is known by what it
// asks for: its function, its mechanism, who logs in, what is searched for. What its handles mean is kept beside it, as
// numbers into tables of tokens and objects that hold all that the whole tape tells of them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "diff/align.hpp"
#include "model/state.hpp"

namespace p11tape::diff {

using tape::u32;
using tape::u64;

/// A call of a thread.
struct line {
  element key;
  model::call_number number;       ///< as `show` counts
  u64 mechanism = model::unknown;  ///< of the call, or of the operation that it goes on with
  model::slot_id slot;
  model::object_number object;  ///< the key or object
  u64 value = 0;                ///< the return value
  bool ended = false;
  bool harmless = false;  ///< a query or a poll that went well: it changes nothing
  bool fresh = false;     ///< its object is a key that this process generated
};

struct digest {
  std::vector<std::size_t> threads;      ///< indexes into the tape's threads, without those of a replayer's look-ups
  std::vector<std::vector<line>> lines;  ///< by the same order
  u64 calls = 0;                         ///< that were looked at
  u64 lookups = 0;                       ///< calls of a replayer's own, left out
  u64 time_in_module = 0;                ///< ns
  bool cut = false;                      ///< the tape has more calls than were to be looked at
  std::map<model::slot_id, std::string> tokens;                     ///< labels
  std::unordered_map<model::object_number, model::object> objects;  ///< as last known
  std::shared_ptr<model::state> end;                                ///< the state at the end, for descriptions
};

/// At most `most` calls are looked at. `seen` is told of bytes that were read, for a progress bar.
digest digest_of(const tape::reader& tape, u64 most, const std::function<void(u64)>& seen);

}  // namespace p11tape::diff
