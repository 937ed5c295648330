// SPDX-License-Identifier: Apache-2.0
#include "export/rows.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <ctime>

#include "query/sources/collector.hpp"
#include "query/sources/findings.hpp"
#include "query/sources/scan_sources.hpp"
#include "tape/liveness.hpp"
#include "tape/owner.hpp"

namespace p11tape::exporting {
namespace {

using query::table;

// ns without a newer call, after which a tape is taken as ended if nothing shows whether its process still runs: the
// tape is a copy, or its process is of another container that has closed its descriptors, or of another host.
constexpr u64 quiet_after = u64{600} * 1000000000;

// By the recorder's lock on the tape, and by what the tape's header says of the process.
tape::owner_state owner_of(const tape::reader& tape) {
  if ((tape.header().features & tape::feature_imported) != 0) return tape::owner_state::ended;
  const int fd = ::open(tape.path().c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return tape::owner_state::unknown;
  tape::file_header ours{};
  tape::describe_process(ours);
  constexpr bool local = false;  // whether another host has mounted the directory is not known
  const auto state = tape::state_of_owner(fd, tape.header(), ours, local);
  ::close(fd);
  return state;
}

// Whether rows of a thread are held back: it is inside a call that may still end.
class held_back {
 public:
  explicit held_back(bool growing) : growing_(growing) {}
  bool is(const model::call& c) {
    if (!growing_) return false;
    if (c.state == tape::call_state::in_flight) threads_.insert(c.thread.number);
    return threads_.contains(c.thread.number);
  }

 private:
  bool growing_;
  std::set<model::thread_number> threads_;
};

class tape_export {
 public:
  tape_export(const tape::reader& tape, const std::set<table>& wanted, const std::map<table, line_maker>& lines,
              row_receiver& to)
      : tape_(&tape), exchanges_(std::span(&tape_, 1)), wanted_(wanted), lines_(lines), to_(to) {}

  template <class At>
  bool give(table which, At at) {
    line_.clear();
    lines_.at(which).append(at, line_);
    return to_.row(which, line_);
  }

  bool give_call(query::call_scan& scan, std::span<const tape::exchange_view> exchanges) {
    const auto& c = scan.call();
    auto& cells = scan.cells();
    const auto& role = cells.role(c);
    if (wanted_.contains(table::calls) &&
        !give(table::calls, [&](unsigned i) { return scan.at(static_cast<query::calls_column>(i)); }))
      return false;
    if (wanted_.contains(table::logins) && query::is_login(role) && !give(table::logins, [&](unsigned i) {
          return query::login_cell(static_cast<query::logins_column>(i), cells, c, scan.now());
        }))
      return false;
    if (wanted_.contains(table::attributes)) {
      attributes_.read(c, role);
      for (std::size_t n = 0; n < attributes_.size(); ++n)
        if (!give(table::attributes,
                  [&](unsigned i) { return attributes_.at(static_cast<query::attributes_column>(i), n, cells, c); }))
          return false;
    }
    for (std::size_t n = 0; n < exchanges.size(); ++n) {
      const auto told = describer_.tell(exchanges[n]);
      if (!give(table::exchanges, [&](unsigned i) {
            return query::exchange_cell(static_cast<query::exchanges_column>(i), told, n, cells, c);
          }))
        return false;
    }
    return true;
  }

  bool give_stored(table which, query::stored_table& rows) {
    if (!wanted_.contains(which)) return true;
    for (std::size_t r = 0; r < rows.size(); ++r)
      if (!give(which, [&](unsigned i) { return rows.at(r, i); })) return false;
    return true;
  }

  std::span<const tape::exchange_view> exchanges_of(const model::call& c) {
    if (!wanted_.contains(table::exchanges) || exchanges_.none()) return {};
    return exchanges_.of(c);
  }

 private:
  const tape::reader* tape_;
  model::call_exchanges exchanges_;
  card::describer describer_;
  query::call_attributes attributes_;
  const std::set<table>& wanted_;
  const std::map<table, line_maker>& lines_;
  row_receiver& to_;
  std::string line_;
};

}  // namespace

line_maker::line_maker(table which, const line_options& how) : format_(how.format) {
  const auto& t = query::row(which);
  if (how.name_table && how.format == row_format::jsonl) {
    start_ = "{\"table\":\"" + std::string(t.name) + "\"";
    start_is_empty_ = false;
  }
  for (unsigned i = 0; i < t.columns.size(); ++i) {
    if (t.columns[i].type == query::column_type::moment && !how.moments) continue;
    columns_.push_back({i, "\"" + std::string(t.columns[i].name) + "\":"});
    (header_ += header_.empty() ? "" : ",") += t.columns[i].name;
  }
}

void line_maker::append_header(std::string& out) const {
  if (format_ == row_format::csv) out += header_ + "\n";
}

bool is_growing(const tape::reader& tape) {
  if (const auto owner = owner_of(tape); owner != tape::owner_state::unknown)
    return owner == tape::owner_state::running;
  u64 newest = tape.header().wall;
  for (std::size_t t = 0; t < tape.threads().size(); ++t) {
    tape::record_view record;
    auto cursor = tape.records(t);
    while (cursor.next(record)) newest = std::max(newest, record.wall);
  }
  const auto now = static_cast<u64>(std::time(nullptr)) * 1000000000;
  return newest + quiet_after > now;
}

bool export_tape(const tape::reader& tape, query::symbols& pool, const std::set<table>& wanted,
                 const std::map<table, line_maker>& lines, tape_progress& progress, row_receiver& to) {
  const tape::reader* one = &tape;
  query::call_scan scan(std::span(&one, 1), pool, {});
  tape_export out(tape, wanted, lines, to);
  query::collected_tables collected;
  std::unique_ptr<query::tape_collector> collector;
  query::call_cells none(tape, pool);  // for a tape without calls
  held_back held(is_growing(tape));
  u64 seen = 0;  // grows when a call begins, and when one ends
  while (scan.next()) {
    const auto& c = scan.call();
    if (!collector) collector = std::make_unique<query::tape_collector>(tape, scan.cells(), collected);
    collector->see(*scan.now());
    seen += c.ended() ? 2 : 1;
    const auto exchanges = out.exchanges_of(c);
    const auto id = query::id_of(c);
    if (held.is(c)) continue;
    auto& last = progress.threads[c.thread.number];
    if (const auto count = id & 0xffffffff; count > last) {
      if (!out.give_call(scan, exchanges)) return false;
      last = count;
      if (!to.call_done(progress)) return false;
    }
  }
  if (!collector) collector = std::make_unique<query::tape_collector>(tape, none, collected);
  collector->finish();
  if (seen == progress.revision && seen != 0) return true;
  for (const auto& [which, rows] :
       {std::pair{table::tapes, &collected.tapes}, std::pair{table::sessions, &collected.sessions},
        std::pair{table::objects, &collected.objects}})
    if (!out.give_stored(which, *rows)) return false;
  if (wanted.contains(table::findings)) {
    query::stored_table findings(table::findings);
    query::collect_findings(std::span(&one, 1), pool, findings);
    if (!out.give_stored(table::findings, findings)) return false;
  }
  progress.revision = seen;
  return true;
}

std::set<table> parse_tables(const std::string& names) {
  std::set<table> all;
  for (std::size_t from = 0; from <= names.size();) {
    const auto to = std::min(names.find(',', from), names.size());
    const auto name = names.substr(from, to - from);
    from = to + 1;
    if (name == "all") {
      for (const auto& t : query::tables()) all.insert(query::id_of(t));
      continue;
    }
    const auto* t = query::find_table(name);
    if (t == nullptr) {
      std::string known;
      for (const auto& k : query::tables()) (known += known.empty() ? "" : ", ") += k.name;
      throw std::runtime_error("there is no table " + name + " (known: " + known + ", all)");
    }
    all.insert(query::id_of(*t));
  }
  return all;
}

}  // namespace p11tape::exporting
