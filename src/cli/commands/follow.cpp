// SPDX-License-Identifier: Apache-2.0
// p11tape follow: calls as they happen, read from the growing tapes of others.
//
// The recorded process does not notice: nothing is asked of it. Several times a second the tapes are looked at again,
// and what ENTER and LEAVE records have come is paired here. (The model's own pairing is for tapes that do not grow.)
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <map>
#include <set>

#include "cli/support/commands.hpp"
#include "cli/support/filter.hpp"
#include "cli/support/output.hpp"
#include "cli/support/processes.hpp"
#include "cli/support/show_report.hpp"
#include "cli/support/tapes.hpp"
#include "decode/decode.hpp"
#include "render/render.hpp"
#include "render/words.hpp"
#include "text/exit_codes.hpp"
#include "text/numbers.hpp"
#include "text/parse_time.hpp"
#include "text/times.hpp"
#include "view/view_of_call.hpp"

namespace p11tape::cli {
namespace {

namespace fs = std::filesystem;

constexpr int pause_ms = 200;
constexpr int passes_until_new_tapes = 5;
constexpr tape::u64 long_time = 2000000000;  // ns after which a call in flight is told of

struct follow_options {
  std::string target;
  bool json = false, all = false;
  std::string slower_than;
  call_filter filter;
};

struct open_call {
  model::call call;
  bool told = false;
  bool in_slot = false;  // a filter may still leave it out
};

struct followed_thread {
  tape::cursor cursor;
  tape::thread_info info;
  std::vector<open_call> open;
};

struct followed_tape {
  std::unique_ptr<tape::reader> reader;
  std::string program;
  std::size_t index = 0;
  tape::u64 count = 0;  // of calls so far
  std::vector<followed_thread> threads;
};

tape::u64 monotonic_now() {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<tape::u64>(t.tv_sec) * 1000000000 + static_cast<tape::u64>(t.tv_nsec);
}

class follower {
 public:
  /// `several`: tapes may be added later, so every call is named with its tape and its process from the beginning.
  follower(const follow_options& o, bool several) : o_(o), several_(several) {
    how_.decoder = decode::attribute;
    how_.name_process = several;
  }

  /// Takes a tape up. `from_start`: with the calls that it has already.
  void add(std::unique_ptr<tape::reader> reader, bool from_start) {
    auto t = std::make_unique<followed_tape>();
    t->program = program_of(*reader);
    t->reader = std::move(reader);
    t->index = tapes_.size();
    tapes_.push_back(std::move(t));
    const auto& reader_now = *tapes_.back()->reader;
    const std::size_t number = tapes_.size();
    o_.json ? append_tape_json(reader_now, number, out_.text())
            : append_tape_text(reader_now, several_ ? number : 0, out_.text());
    flush();
    std::vector<const tape::reader*> readers;
    for (const auto& each : tapes_) readers.push_back(each->reader.get());
    o_.filter.prepare(readers);
    quiet_ = !from_start;
    read(*tapes_.back());
    quiet_ = false;
  }

  bool empty() const { return tapes_.empty(); }
  bool has(const fs::path& path) const {
    std::error_code e;
    return std::any_of(tapes_.begin(), tapes_.end(),
                       [&](const auto& t) { return fs::equivalent(t->reader->path(), path, e); });
  }

  /// Looks at all tapes once.
  void look() {
    for (const auto& t : tapes_) {
      try {
        t->reader->refresh();
        read(*t);
      } catch (const tape::tape_error&) {
        // Deleted by the recorder's `keep`, or by hand: what was read is all there will be.
      }
    }
    flush();
  }

  /// True while a process that writes to one of the tapes is there.
  bool any_alive() const {
    return std::any_of(tapes_.begin(), tapes_.end(),
                       [](const auto& t) { return is_running(static_cast<int>(t->reader->header().pid)); });
  }

  bool closed() const { return out_.closed(); }

 private:
  void read(followed_tape& t) {
    const auto all = t.reader->threads();
    while (t.threads.size() < all.size())
      t.threads.push_back({t.reader->records(t.threads.size()), all[t.threads.size()], {}});
    tape::record_view r;
    for (auto& thread : t.threads) {
      while (thread.cursor.next(r)) take(t, thread, r);
      if (thread.cursor.next_in_flight(r)) take(t, thread, r, true);
      tell_of_long_calls(thread, t);
    }
    write_sorted();
  }

  void take(followed_tape& t, followed_thread& thread, const tape::record_view& r, bool in_slot = false) {
    auto& open = thread.open;
    if (r.kind == tape::record_kind::enter) {
      if (!open.empty() && open.back().in_slot && open.back().call.enter.call == r.call) {  // seen in the slot before
        open.back().call.enter = r;
        open.back().in_slot = false;
        return;
      }
      while (!open.empty() && open.back().call.depth >= r.depth) finish(t, open, tape::call_state::left);
      model::call c;
      c.number = model::call_number(++t.count);
      c.outer = open.empty() ? model::none : open.back().call.number;
      c.tape = t.reader.get();
      c.tape_index = t.index;
      c.thread = {model::thread_number(thread.info.number), thread.info.id};
      c.depth = r.depth;
      c.function_number = r.function;
      c.function = t.reader->rows().function(r.function);
      c.enter = r;
      open.push_back({std::move(c), false, in_slot});
    } else if (r.kind == tape::record_kind::leave) {
      while (!open.empty() && open.back().call.enter.call != r.call && open.back().call.depth > r.depth)
        finish(t, open, tape::call_state::left);
      if (open.empty() || open.back().call.enter.call != r.call) return;  // it began before we looked
      open.back().call.leave = r;
      finish(t, open, tape::call_state::returned);
    }
  }

  void finish(followed_tape& t, std::vector<open_call>& open, tape::call_state state) {
    auto& c = open.back().call;
    c.state = state;
    const bool left_out = open.back().in_slot && state == tape::call_state::left;
    if (!left_out && !quiet_ && o_.filter.lets(c)) {
      std::string text;
      const auto view = view::view_of(c, t.program, several_);
      o_.json ? render::append_json(view, how_, text) : render::append_text(view, how_, text);
      pending_.emplace(c.start(), std::move(text));
    }
    open.pop_back();
  }

  // A call that does not come back is worth a line: it may be what one is looking for.
  void tell_of_long_calls(followed_thread& thread, const followed_tape& t) {
    if (o_.json) return;
    const auto now = monotonic_now();
    for (auto& o : thread.open) {
      if (o.told || now < o.call.start() + long_time || !o_.filter.lets(o.call)) continue;
      o.told = true;
      std::string text;
      const auto view = view::view_of(o.call, t.program, several_);
      render::append_heading(view, text);
      text += " has been running for ";
      text::append_duration(now - o.call.start(), text);
      text += " (" + t.program + "[" + std::to_string(t.reader->header().pid) + "] ";
      render::append_thread_name(view, text);
      text += ", since ";
      text::append_local_time(o.call.start_wall(), text);
      text += ")\n\n";
      pending_.emplace(now, std::move(text));
    }
  }

  // What came in one look, of all threads, in the order of time.
  void write_sorted() {
    for (auto& [time, text] : pending_) {
      out_.text() += text;
      out_.flush_if_full();
    }
    pending_.clear();
  }

  void flush() { out_.flush(); }

  follow_options o_;
  render::options how_;
  output out_;
  std::vector<std::unique_ptr<followed_tape>> tapes_;
  std::multimap<tape::u64, std::string> pending_;
  bool several_;
  bool quiet_ = false;
};

// Sleeps; false when nobody reads our output any more.
bool wait_a_little() {
  pollfd out{STDOUT_FILENO, 0, 0};
  ::poll(&out, 1, pause_ms);
  return (out.revents & (POLLERR | POLLHUP)) == 0;
}

bool is_number(const std::string& text) {
  return !text.empty() && text.size() < 10 && text.find_first_not_of("0123456789") == std::string::npos;
}

// Takes up the tapes that are not in `known` yet.
void take_up_folder(follower& f, const fs::path& folder, std::set<fs::path>& known, bool from_start) {
  std::error_code e;
  for (const auto& entry : fs::directory_iterator(folder, e)) {
    if (entry.path().extension() != ".p11tape" || known.contains(entry.path())) continue;
    try {
      auto reader = std::make_unique<tape::reader>(entry.path().string());
      known.insert(entry.path());
      // Of the tapes that are there already, those of ended programs have nothing more to say.
      if (from_start || is_running(static_cast<int>(reader->header().pid))) f.add(std::move(reader), from_start);
    } catch (const tape::tape_error&) {
      // It is being made just now, or is none: then it is looked at again.
    }
  }
}

int follow_folder(follower& f, const follow_options& o) {
  std::set<fs::path> known;
  take_up_folder(f, o.target, known, o.all);
  for (int pass = 1; wait_a_little() && !f.closed(); ++pass) {
    if (pass % passes_until_new_tapes == 0) take_up_folder(f, o.target, known, true);
    f.look();
  }
  return exit_fine;
}

int follow_process(follower& f, const follow_options& o) {
  const int pid = std::stoi(o.target);
  bool denied = false;
  if (program_path(pid, denied).empty()) {
    std::fprintf(stderr, "p11tape: process %d %s\n", pid,
                 denied ? "belongs to another user (run as root)" : "does not exist");
    return exit_unusable;
  }
  bool from_start = o.all;
  for (int pass = 0; !f.closed(); ++pass) {
    if (pass % passes_until_new_tapes == 0)
      for (auto& t : written_tapes(pid))
        if (!f.has(t.reader->path())) f.add(std::move(t.reader), from_start);
    if (pass == 0 && f.empty())
      std::fprintf(stderr,
                   "p11tape: process %d is not writing a tape yet; waiting (p11tape settings --pid %d shows why)\n",
                   pid, pid);
    from_start = true;
    const bool alive = is_running(pid);
    f.look();
    if (!alive || !wait_a_little()) break;
  }
  return exit_fine;
}

int follow_tape(follower& f, const follow_options& o) {
  try {
    f.add(std::make_unique<tape::reader>(o.target), o.all);
  } catch (const tape::tape_error& e) {
    std::fprintf(stderr, "p11tape: %s\n", e.what());
    return exit_unusable;
  }
  for (bool alive = true; alive && !f.closed();) {
    alive = f.any_alive() && wait_a_little();
    f.look();
  }
  return exit_fine;
}

int follow(follow_options o) {
  if (!o.slower_than.empty()) {
    const auto ns = text::parse_duration(o.slower_than);
    if (!ns) {
      std::fprintf(stderr, "p11tape: --slower-than %s is not a duration (write 5ms, 2.5s, 100us or 1min)\n",
                   o.slower_than.c_str());
      return exit_usage;
    }
    o.filter.slower_than = *ns;
  }
  if (o.target.empty()) o.target = "/var/tmp/p11tape-" + std::to_string(::geteuid());
  std::error_code e;
  const bool process = is_number(o.target) && !fs::exists(o.target, e), folder = fs::is_directory(o.target, e);
  follower f(o, process || folder);
  return process ? follow_process(f, o) : folder ? follow_folder(f, o) : follow_tape(f, o);
}

}  // namespace

void add_follow(CLI::App& app, status& result) {
  auto* command = app.add_subcommand("follow", "Show calls as they happen, without affecting the recorded program");
  auto o = std::make_shared<follow_options>();
  command->add_option("WHAT", o->target, "Tape, directory of tapes, or process ID (default: /var/tmp/p11tape-UID)");
  command->add_flag("--json", o->json, "Output as one JSON object per line");
  command->add_flag("--all", o->all, "Also show the calls that are already on the tapes");
  o->filter.add_to(*command);
  command->add_option("--slower-than", o->slower_than, "Only calls that took longer (5ms, 2.5s)");
  command->footer(
      "A call is shown when it returns; a call still running after 2 s is reported. Following a process or a tape "
      "ends with\n"
      "the process; following a directory ends with Ctrl-C.\n"
      "Examples:\n"
      "  p11tape follow /var/tmp/p11tape-1000\n"
      "  p11tape follow --errors 4711\n"
      "Exit status: 0 done; 2 the tape or the process cannot be read; 64 usage error.");
  command->callback([o, &result] { result = follow(*o); });
}

}  // namespace p11tape::cli
