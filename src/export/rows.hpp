// SPDX-License-Identifier: Apache-2.0
// Flat rows of the data model as lines: JSON objects or CSV, made in one pass over a tape.
//
// Each row has the key that its table says, which stays the same wherever and however often the tape is read: so
// sending a row twice changes nothing. A call is a row when it has ended, or when it cannot end any more.
#pragma once

#include <map>
#include <set>
#include <string>

#include "model/numbers.hpp"
#include "query/escape.hpp"
#include "query/model.hpp"
#include "query/sources/call_scan.hpp"

namespace p11tape::exporting {

using query::u64;

enum class row_format : std::uint8_t { jsonl, csv };

/// How rows become lines.
struct line_options {
  row_format format = row_format::jsonl;
  bool moments = false;     ///< with the columns that repeat a time as text
  bool name_table = false;  ///< JSON objects say their table
};

/// Lines of one table.
class line_maker {
 public:
  line_maker(query::table which, const line_options& how);

  /// CSV's header line, with its newline; nothing in JSON.
  void append_header(std::string& out) const;

  /// `at(column)` gives the cells. Empty values are left out of JSON.
  template <class At>
  void append(At at, std::string& out) const {
    bool first = true;
    if (format_ == row_format::jsonl) out += start_;
    for (const auto& c : columns_) {
      const query::cell value = at(c.index);
      if (format_ == row_format::csv) {
        if (!first) out += ',';
        append_csv(value, out);
      } else {
        if (value.what == query::cell::kind::null || (value.is_text() && value.text.empty())) continue;
        if (!first || !start_is_empty_) out += ',';
        out += c.key;
        append_json(value, out);
      }
      first = false;
    }
    out += format_ == row_format::csv ? "\n" : "}\n";
  }

 private:
  static void append_csv(const query::cell& value, std::string& out) {
    if (value.what == query::cell::kind::number) query::append_number(value.number, out);
    if (value.is_text()) query::append_csv_text(value.text, out);
  }
  static void append_json(const query::cell& value, std::string& out) {
    if (value.what == query::cell::kind::number) return query::append_json_number(value.number, out);
    query::append_json_text(value.text, out);
  }

  struct column {
    unsigned index;
    std::string key;  // "name":
  };
  row_format format_;
  std::vector<column> columns_;
  std::string header_, start_ = "{";
  bool start_is_empty_ = true;
};

/// What has been exported of a tape: of each thread the calls up to a count, and of the whole the calls that the rows
/// of its other tables were made with.
struct tape_progress {
  std::map<model::thread_number, u64> threads;
  u64 revision = 0;
  bool operator==(const tape_progress&) const = default;
};

/// By the tape's identifier.
using progress_map = std::map<std::string, tape_progress, std::less<>>;

/// Reads a state file. Throws std::runtime_error if it is there and is none; without a file nothing has been exported.
progress_map read_progress(const std::string& path);
/// Writes it by a rename, on the disk when it returns. Throws std::runtime_error.
void write_progress(const std::string& path, const progress_map& all);

class row_receiver {
 public:
  virtual ~row_receiver() = default;
  /// Takes a row. False to end.
  virtual bool row(query::table t, const std::string& line) = 0;
  /// All rows of a call have been given; `progress` has them. False to end.
  virtual bool call_done(const tape_progress& progress) {
    (void)progress;
    return true;
  }
};

/// The rows of one tape that `progress` does not have yet, which it has afterwards. Returns false if `to` did.
bool export_tape(const tape::reader& tape, query::symbols& pool, const std::set<query::table>& wanted,
                 const std::map<query::table, line_maker>& lines, tape_progress& progress, row_receiver& to);

/// True if the process may still write to the tape: the recorder holds its lock, or the process is there.
bool is_growing(const tape::reader& tape);

/// "calls,logins" or "all". Throws std::runtime_error for an unknown name.
std::set<query::table> parse_tables(const std::string& names);

}  // namespace p11tape::exporting
