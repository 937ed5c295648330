// SPDX-License-Identifier: Apache-2.0
// All that one pass over one tape gathers for the rules. Bounded: counts, first and last, a few samples of each kind.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "diagnose/facts/certificates.hpp"
#include "diagnose/facts/concurrent_calls.hpp"
#include "diagnose/facts/failed_calls.hpp"
#include "diagnose/facts/initialization.hpp"
#include "diagnose/facts/interleaved_operations.hpp"
#include "diagnose/facts/key_uses.hpp"
#include "diagnose/facts/logins.hpp"
#include "diagnose/facts/module_conformance.hpp"
#include "diagnose/facts/objects.hpp"
#include "diagnose/facts/session_counts.hpp"
#include "diagnose/facts/session_objects.hpp"
#include "diagnose/facts/slot_queries.hpp"
#include "diagnose/facts/start_times_of_last_calls.hpp"
#include "diagnose/facts/timing.hpp"
#include "diagnose/facts/unreturned_calls.hpp"
#include "label/token_label.hpp"
#include "model/tally.hpp"
#include "p11tape/exchange.hpp"
#include "p11tape/tape.hpp"

namespace p11tape::diagnose {

/// The calls of a stretch of time, by the wall clock.
struct window {
  u64 from = 0, to = 0;  ///< ns since 1970
  u64 calls = 0;
  call_number first, last;
  call_number failed;  ///< the last call in it that failed
  cryptoki::function failed_function = model::unknown_function;
  u64 failed_value = 0;
};

struct process_facts {
  const tape::reader* tape = nullptr;
  std::size_t index = 0;  ///< among the tapes that are read together
  std::string program, module;
  u64 pid = 0;
  bool filtered = false;  ///< calls were left out: rules that need every call stay silent
  bool forked = false;
  bool imported = false;              ///< from the log of another tool: no durations, and perhaps no end
  std::optional<std::size_t> parent;  ///< index of the parent's tape, if that is read too

  model::tally tally;
  diagnose::failed_calls failed_calls;
  diagnose::logins logins;
  diagnose::objects objects;
  diagnose::session_objects session_objects;
  diagnose::certificates certificates;
  diagnose::oddities oddities;
  diagnose::interleaving interleaving;
  diagnose::initialization initialization;
  diagnose::slot_queries slot_queries;
  diagnose::session_counts sessions;
  diagnose::key_uses key_uses;
  diagnose::concurrent_calls concurrent_calls;
  diagnose::unreturned_calls unreturned;
  diagnose::pace pace;
  diagnose::start_times_of_last_calls start_times_of_last_calls;
  std::map<slot_id, model::slot> slots;  ///< as last seen
  std::vector<slot_id> listed_slots;     ///< as C_GetSlotList last returned them
  u64 card_resets = 0;                   ///< how often PC/SC said that another program had reset the card
  call_number card_reset_in;             ///< the first call in which it did
  std::vector<window> windows;           ///< that were asked for, in order

  const model::slot* slot(slot_id id) const noexcept {
    const auto i = slots.find(id);
    return i == slots.end() ? nullptr : &i->second;
  }

  /// Whether a call of that function succeeded after this one.
  bool succeeded_after(cryptoki::function f, call_number call) const noexcept { return tally.of(f).last_ok > call; }

  /// The tokens as the label check wants them.
  std::vector<label::token> tokens() const;

  /// True for programs that only show what there is: that they use no token is no fault.
  bool is_inspection_tool() const noexcept;
};

/// Is shown every call of the pass that gathers: for those who want to know more of a tape than a dossier has.
class call_observer {
 public:
  virtual ~call_observer() = default;
  /// `exchanges`: those with a card in this very call. Both are good until the next call of see().
  virtual void see(const call_context& now, std::span<const tape::exchange_view> exchanges) = 0;
};

/// Is told now and then how many bytes of records were read since; may be called from any thread.
struct progress_report {
  void (*tell)(u64 bytes, void* context) = nullptr;
  void* context = nullptr;
};

/// Reads the whole tape. `windows` are filled in and come back in the dossier.
process_facts collect(const tape::reader& tape, std::size_t index, std::vector<window> windows,
                      progress_report progress = {}, call_observer* watching = nullptr);

/// Tapes side by side, on as many threads as the machine has processors. Sets `parent`. `watching`: one for each tape,
/// or none.
std::vector<process_facts> collect_all(std::span<const tape::reader* const> tapes, const std::vector<window>& windows,
                                       progress_report progress = {}, std::span<call_observer* const> watching = {});

}  // namespace p11tape::diagnose
