// SPDX-License-Identifier: Apache-2.0
#include "import/tapes.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <unordered_map>

#include "capture/encode/exchange.hpp"
#include "p11tape/tape.hpp"
#include "tape/exchange_order.hpp"

namespace p11tape::import {

namespace {

constexpr std::size_t most_open = 64;       // tapes at a time
constexpr std::size_t most_threads = 4096;  // of a process
constexpr std::size_t most_tapes = 4096;

struct thread_of {
  u64 number = 0;
  u32 call = 0, ordinal = 0;
};

// A call whose end stands above the line where another begins had ended by then. Times do not always say so: many logs
// count in milliseconds or seconds and do not show when calls end, and readers of tapes go by time.
class line_order {
 public:
  /// A call has ended on that line, and its end got that time.
  void ended(u64 line, u64 time) {
    if (!ends_.empty()) {
      line = std::max(line, ends_.back().line);
      time = std::max(time, ends_.back().time);
    }
    ends_.push_back({line, time});
    if (ends_.size() <= most) return;
    before_all_ = ends_.front().time;
    ends_.pop_front();
  }
  /// The latest end of what had ended above the line; 0 for nothing.
  u64 latest_above(u64 line) const noexcept {
    const auto i = std::lower_bound(ends_.begin(), ends_.end(), line, [](const end& e, u64 l) { return e.line < l; });
    return i == ends_.begin() ? before_all_ : std::prev(i)->time;
  }

 private:
  struct end {
    u64 line, time;
  };
  static constexpr std::size_t most = 1024;
  std::deque<end> ends_;  // both grow
  u64 before_all_ = 0;
};

}  // namespace

struct tapes::process {
  process(const std::string& path, const std::string& properties, u64 word_size)
      : file(path, properties, cryptoki::schema_text()), encode(word_size) {}
  tape::offline_writer file;
  encoder encode;
  std::optional<u64> id;
  std::unordered_map<u64, thread_of> threads;  // by the log's thread id, or by lane
  line_order order;                            // of the calls whose end got a time here
  u64 first_time = 0, last_time = 0;
  u64 used = 0;  // when it was last written to
  bool exchanges = false;
  body room;
};

tapes::tapes(log_source from) : from_(std::move(from)) {}
tapes::~tapes() = default;

void tapes::begin_process(const process_start& p) {
  next_ = p;
  pending_ = true;
  if (!p.process) current_ = nullptr;
  if (!p.error.empty()) {
    open(p);
    pending_ = false;
  }
}

tapes::process& tapes::open(const process_start& p) {
  if (open_.size() >= most_open) close_oldest();
  std::string properties =
      "imported.from=" + std::string(from_.kind->name) + "\nimported.file=" + tape::escape_property(from_.file) + "\n";
  if (!p.module.empty()) properties += "module=" + tape::escape_property(p.module) + "\n";
  if (!p.error.empty()) properties += "module.error=" + tape::escape_property(p.error) + "\n";
  const auto name = from_.stem + "." + std::to_string(p.process.value_or(++opened_));
  std::string path;
  for (unsigned again = 1;; ++again) {
    path = from_.directory + "/" + name + (again > 1 ? "." + std::to_string(again) : "") + ".p11tape";
    if (access(path.c_str(), F_OK) != 0) break;
  }
  auto made = std::make_unique<process>(path, properties, from_.word_size);
  made->id = p.process;
  paths_.push_back(path);
  open_.push_back(std::move(made));
  current_ = open_.back().get();
  current_->used = ++clock_;
  return *current_;
}

tapes::process& tapes::of(const call& c) {
  if (c.process) {
    for (auto& p : open_)
      if (p->id == c.process) {
        p->used = ++clock_;
        return *p;
      }
    process_start p = pending_ ? next_ : process_start{};
    p.process = c.process;
    pending_ = false;
    return open(p);
  }
  if (current_ == nullptr || pending_) {
    const auto p = pending_ ? next_ : process_start{};
    pending_ = false;
    return open(p);
  }
  current_->used = ++clock_;
  return *current_;
}

void tapes::add(call& c) {
  if (paths_.size() >= most_tapes && current_ == nullptr) {
    ++left_out_;
    return;
  }
  auto& p = of(c);
  const u64 key = c.thread ? *c.thread : u64{c.lane} + 1;
  if (!p.threads.contains(key) && p.threads.size() >= most_threads) {
    ++left_out_;
    return;
  }
  auto& t = p.threads[key];
  if (t.number == 0) t.number = p.threads.size();
  ++calls_;
  if (c.start && p.first_time == 0) p.first_time = *c.start;

  tape::offline_writer::record r;
  r.kind = tape::record_kind::enter;
  r.function = static_cast<u16>(c.function);
  r.call = ++t.call;
  r.ordinal = ++t.ordinal;
  r.flags = c.start ? 0 : tape::record_no_start;
  r.time = std::max(c.start.value_or(p.last_time), p.order.latest_above(c.line));
  r.wall = c.start.value_or(r.time);
  const u64 start = r.time;
  const u64 thread_id = c.thread.value_or(0);
  p.encode.enter(c, p.room);
  p.file.add(t.number, thread_id, r, p.room);
  p.last_time = std::max(p.last_time, r.time) + 1;

  for (const auto& e : c.exchanges) {
    capture::exchange x{};
    x.facts.function = static_cast<u8>(tape::card_call::transmit);
    if (!e.command.empty()) capture::take_command(x, reinterpret_cast<const u8*>(e.command.data()), e.command.size());
    if (e.response.size() >= 2)
      capture::take_response(x, reinterpret_cast<const u8*>(e.response.data()), e.response.size());
    body b(sizeof x.facts + x.facts.data_size);
    const auto facts = tape::in_file_order(x.facts);
    std::memcpy(b.data(), &facts, sizeof facts);
    std::memcpy(b.data() + sizeof facts, x.data, x.facts.data_size);
    r.kind = tape::record_kind::exchange;
    r.flags = e.time ? 0 : tape::record_no_start | tape::record_no_end;
    r.time = r.wall = e.time.value_or(p.last_time);
    r.ordinal = ++t.ordinal;
    p.file.add(t.number, thread_id, r, b);
    p.last_time = std::max(p.last_time, r.time);
    p.exchanges = true;
  }

  if (c.result || c.result_lost) {
    r.kind = tape::record_kind::leave;
    r.ordinal = ++t.ordinal;
    r.time = std::max(c.end.value_or(p.last_time), start);
    r.wall = c.end.value_or(r.time);
    if (!c.end) p.order.ended(c.end_line, r.time);
    r.flags = static_cast<u8>((c.end ? 0 : tape::record_no_end) |
                              (c.result ? 0 : tape::record_no_result | tape::record_no_outputs));
    p.encode.leave(c, p.room);
    p.file.add(t.number, thread_id, r, p.room);
    p.last_time = std::max(p.last_time, r.time);
  }
  c = call{};
}

void tapes::complete(process& p) {
  auto& h = p.file.header;
  h.word_size = static_cast<u32>(facts_.word_size != 0 ? facts_.word_size : from_.word_size);
  h.profile = static_cast<u32>(tape::profile::standard);
  h.pid = p.id.value_or(0);
  h.monotonic = h.wall = p.first_time;
  h.features = tape::feature_imported;
  u64 lacking = from_.kind->lacking;
  if (!facts_.times) lacking |= tape::lacks_start_times;
  if (!facts_.end_times) lacking |= tape::lacks_end_times;
  if (!facts_.threads) lacking |= tape::lacks_threads;
  if (!p.id) lacking |= tape::lacks_process_id;
  if (facts_.gaps) lacking |= tape::lacks_calls;
  if (facts_.gaps) h.features |= tape::feature_filtered;
  h.source_lacks = lacking;
  p.file.finish();
}

void tapes::close_oldest() {
  const auto oldest =
      std::min_element(open_.begin(), open_.end(), [](const auto& a, const auto& b) { return a->used < b->used; });
  complete(**oldest);
  if (current_ == oldest->get()) current_ = nullptr;
  open_.erase(oldest);
}

void tapes::finish(const log_facts& facts) {
  facts_ = facts;
  for (auto& p : open_) complete(*p);
  open_.clear();
  current_ = nullptr;
}

}  // namespace p11tape::import
