// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <exception>
#include <filesystem>
#include <mutex>
#include <thread>

#include "card/text.hpp"
#include "diagnose/facts/facts.hpp"
#include "model/call_stream.hpp"
#include "model/exchanges.hpp"
#include "model/fork_parent.hpp"

namespace p11tape::diagnose {
namespace {

constexpr std::uint32_t card_was_reset = 0x80100068;  // SCARD_W_RESET_CARD
constexpr u64 progress_every = 1 << 16;

std::string program_of(const tape::reader& tape) {
  const auto name = tape.property("name");
  return name.empty() ? std::filesystem::path(tape.property("program")).filename().string() : std::string(name);
}

// The windows are sorted by their beginning, as the calls are.
class window_filler {
 public:
  explicit window_filler(std::vector<window>& all) : all_(all) {}
  void see(const call_context& now) {
    const auto wall = now.call->start_wall();
    while (next_ < all_.size() && all_[next_].to < wall) ++next_;
    for (auto i = next_; i < all_.size() && all_[i].from <= wall; ++i) {
      auto& w = all_[i];
      if (wall > w.to) continue;
      ++w.calls;
      w.last = now.call->number;
      if (w.first == none) w.first = w.last;
      if (now.ok || !now.ended) continue;
      w.failed = w.last;
      w.failed_function = now.which;
      w.failed_value = now.value;
    }
  }

 private:
  std::vector<window>& all_;
  std::size_t next_ = 0;
};

// What went wrong on the card inside a call.
class card_listener {
 public:
  explicit card_listener(const tape::reader& tape) : tapes_{&tape}, exchanges_(tapes_) {}

  /// To be asked for every call, in order. "" where all went well, or nothing is known.
  const std::string& hear(const model::call& call) {
    if (exchanges_.none()) return line_;
    line_.clear();
    found_ = exchanges_.of(call);
    for (const auto& e : found_) {
      const auto told = narrator_.tell(e);
      if (!told.is_trouble()) continue;
      line_.clear();
      card::append_line(told, line_);
    }
    return line_;
  }

  /// Those of the call that was heard last.
  std::span<const tape::exchange_view> exchanges() const noexcept { return found_; }

 private:
  const tape::reader* tapes_[1];
  model::call_exchanges exchanges_;
  card::describer narrator_;
  std::span<const tape::exchange_view> found_;
  std::string line_;
};

}  // namespace

process_facts collect(const tape::reader& tape, std::size_t index, std::vector<window> windows,
                      progress_report progress, call_observer* watching) {
  process_facts d;
  d.tape = &tape;
  d.index = index;
  d.program = program_of(tape);
  d.module = tape.property("module");
  d.pid = tape.header().pid;
  d.filtered = (tape.header().features & tape::feature_filtered) != 0;
  d.imported = !tape.property("imported.from").empty();
  d.windows = std::move(windows);
  window_filler filler(d.windows);

  card_listener card(tape);
  model::call_stream calls(tape);
  model::state state(tape);
  u64 n = 0, bytes = 0;
  while (const auto* call = calls.next()) {
    const auto& now = state.take(*call);
    d.tally.see(now);
    const auto& on_card = card.hear(*call);
    for (const auto& e : card.exchanges())
      if (e.result == card_was_reset && d.card_resets++ == 0) d.card_reset_in = call->number;
    d.failed_calls.see(now, on_card);
    d.logins.see(now, on_card);
    d.objects.see(now);
    d.session_objects.see(now);
    d.certificates.see(now);
    d.oddities.see(now);
    d.interleaving.see(now);
    d.initialization.see(now);
    d.slot_queries.see(now);
    d.sessions.see(now);
    d.key_uses.see(now);
    d.concurrent_calls.see(now);
    d.unreturned.see(now);
    d.pace.see(now);
    d.start_times_of_last_calls.see(*call);
    if (!d.windows.empty()) filler.see(now);
    bytes += call->enter.stored + call->leave.stored;
    if (watching != nullptr) watching->see(now, card.exchanges());
    if (++n % progress_every == 0 && progress.tell != nullptr) {
      progress.tell(bytes, progress.context);
      bytes = 0;
    }
  }
  state.finish();
  const auto& in = *state.libraries().front();
  d.forked = in.forked;
  d.objects.finish(in);
  d.unreturned.finish(in);
  d.slots.insert(in.slots.begin(), in.slots.end());
  d.listed_slots = in.token_list.empty() ? in.slot_list : in.token_list;
  return d;
}

std::vector<process_facts> collect_all(std::span<const tape::reader* const> tapes, const std::vector<window>& windows,
                                       progress_report progress, std::span<call_observer* const> watching) {
  std::vector<process_facts> all(tapes.size());
  std::atomic<std::size_t> next{0};
  std::exception_ptr failure;
  std::mutex guard;
  const auto work = [&] {
    for (std::size_t i; (i = next++) < tapes.size();) try {
        all[i] = collect(*tapes[i], i, windows, progress, watching.empty() ? nullptr : watching[i]);
      } catch (...) {
        const std::lock_guard hold(guard);
        failure = std::current_exception();
      }
  };
  const auto workers = std::min<std::size_t>(tapes.size(), std::max(1u, std::thread::hardware_concurrency()));
  std::vector<std::thread> threads;
  for (std::size_t i = 1; i < workers; ++i) threads.emplace_back(work);
  work();
  for (auto& t : threads) t.join();
  if (failure) std::rethrow_exception(failure);

  for (std::size_t i = 0; i < all.size(); ++i) all[i].parent = model::fork_parent(tapes, i);
  // What the parent knew of slots when it forked is known in the child; a grandparent's list reaches as far.
  for (auto& d : all) {
    const auto* ancestor = &d;
    for (std::size_t steps = 0; ancestor->listed_slots.empty() && ancestor->parent && steps < all.size(); ++steps)
      ancestor = &all[*ancestor->parent];
    if (ancestor != &d && !ancestor->listed_slots.empty()) d.failed_calls.inherit_slots(ancestor->listed_slots);
  }
  return all;
}

std::vector<label::token> process_facts::tokens() const {
  std::vector<label::token> all;
  for (const auto& [id, s] : slots) {
    if (!s.token) continue;
    label::token t;
    t.slot = id.value();
    t.label = s.token->label;
    t.manufacturer = s.token->manufacturer;
    t.model = s.token->model;
    t.serial = s.token->serial;
    t.slot_description = s.description;
    t.flags = s.token->flags;
    t.flags_known = true;
    for (const auto& o : objects.known())
      if (o.slot == id && o.label && t.objects.size() < 1000) t.objects.push_back(*o.label);
    all.push_back(std::move(t));
  }
  return all;
}

bool process_facts::is_inspection_tool() const noexcept {
  for (const auto* name : {"pkcs11-tool", "p11tool", "p11-kit", "softhsm2-util", "pkcs15-tool", "modutil", "certutil"})
    if (program == name) return true;
  return false;
}

}  // namespace p11tape::diagnose
