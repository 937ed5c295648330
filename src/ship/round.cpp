// SPDX-License-Identifier: Apache-2.0
#include "ship/round.hpp"

#include "export/otlp.hpp"
#include "export/rows.hpp"

namespace p11tape::ship {
namespace {

using query::table;

constexpr std::size_t most_bytes = 8u << 20;  // of a batch before it is compressed

struct open_batch {
  std::string lines;
  std::uint64_t rows = 0;
};

// Exports tapes into the spool. What the state file says is exported is in the spool, whole.
class exporter : exporting::row_receiver {
 public:
  exporter(const options& o, spool& box)
      : box_(box), most_rows_(o.batch_rows), wanted_(exporting::parse_tables(o.tables)) {
    for (const auto t : wanted_) lines_.try_emplace(t, t, exporting::line_options{});
  }

  /// False if the spool is full.
  bool run(const std::vector<std::string>& paths, const std::atomic<bool>& stop, round_result& result) {
    auto all = exporting::read_progress(box_.state_file());
    bool room = true;
    for (const auto& path : paths) {
      if (!room || stop.load()) break;
      try {
        const tape::reader tape(path);
        query::symbols pool;
        auto& known = all[std::string(query::words_of(tape, pool).id)];
        auto progress = checkpoint_ = known;
        room = exporting::export_tape(tape, pool, wanted_, lines_, progress, *this) && flush_all();
        if (room) checkpoint_ = std::move(progress);
        if (checkpoint_ == known) continue;
        known = checkpoint_;
        exporting::write_progress(box_.state_file(), all);
      } catch (const tape::tape_error& e) {
        result.bad_tapes.emplace_back(e.what());
      }
    }
    return room;
  }

 private:
  bool row(table t, const std::string& line) override {
    auto& b = open_[t];
    b.lines += line;
    is_full_ |= ++b.rows >= most_rows_ || b.lines.size() >= most_bytes;
    return true;
  }
  bool call_done(const exporting::tape_progress& progress) override {
    if (!is_full_) return true;
    if (!flush_all()) return false;
    checkpoint_ = progress;
    return true;
  }
  // Rows that do not get into the spool are forgotten here: they are exported again.
  bool flush_all() {
    bool added = true;
    for (auto& [t, b] : open_) {
      if (b.rows != 0) added = added && box_.add(std::string(query::row(t).name), b.rows, b.lines);
      b = {};
    }
    is_full_ = false;
    return added;
  }

  spool& box_;
  std::uint64_t most_rows_;
  std::set<table> wanted_;
  std::map<table, exporting::line_maker> lines_;
  std::map<table, open_batch> open_;
  exporting::tape_progress checkpoint_;
  bool is_full_ = false;
};

// The spans of tapes whose process has ended: a span is sent once, when it has its end.
class span_exporter {
 public:
  explicit span_exporter(spool& box) : box_(box) {}

  /// False if the spool is full.
  bool run(const std::vector<std::string>& paths, const std::atomic<bool>& stop, round_result& result) {
    const auto state = box_.state_file() + "-otlp";
    auto all = exporting::read_progress(state);
    for (const auto& path : paths) {
      if (stop.load()) break;
      try {
        const tape::reader tape(path);
        query::symbols pool;
        auto& progress = all[std::string(query::words_of(tape, pool).id)];
        if (progress.revision != 0 || exporting::is_growing(tape)) continue;
        const bool room = exporting::give_otlp(tape, most_bytes, [&](const std::string& line, std::uint64_t spans) {
          return box_.add(spans_table, spans, line);
        });
        if (!room) return false;
        progress.revision = 1;
        exporting::write_progress(state, all);
      } catch (const tape::tape_error& e) {
        result.bad_tapes.emplace_back(e.what());
      }
    }
    return true;
  }

 private:
  static constexpr std::size_t most_bytes = 4u << 20;  // of a request before it is compressed
  spool& box_;
};

void add(round_result& to, const outcome& sent) {
  to.batches += sent.batches;
  to.rows += sent.rows;
  to.trouble = sent.trouble;
}

}  // namespace

round_result run_round(const options& o, spool& box, sender& to, const std::atomic<bool>& stop) {
  round_result result;
  result.trouble = to.check();
  if (result.trouble.empty()) add(result, to.send(box));
  exporter rows(o, box);
  span_exporter spans(box);
  const auto paths = tapes_below(o.paths);
  // A spool that was full has room again when its batches are sent.
  for (bool room = false; !room && !stop.load();) {
    result.bad_tapes.clear();
    room = o.spans ? spans.run(paths, stop, result) : rows.run(paths, stop, result);
    result.spool_full = !room;
    if (!result.trouble.empty()) break;
    const auto sent = to.send(box);
    add(result, sent);
    if (!room && sent.batches == 0) break;
  }
  result.waiting = box.waiting().size();
  return result;
}

}  // namespace p11tape::ship
