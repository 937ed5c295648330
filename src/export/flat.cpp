// SPDX-License-Identifier: Apache-2.0
// The formats jsonl and csv: rows of the data model.
#include "export/flat.hpp"

#include <stdexcept>

namespace p11tape::exporting {
namespace {

constexpr std::size_t full = 256 * 1024;

class file_receiver : public row_receiver {
 public:
  explicit file_receiver(std::FILE* to) : to_(to) {}
  bool row(query::table, const std::string& line) override {
    text += line;
    return text.size() < full || flush();
  }
  bool flush() {
    good_ = good_ && std::fwrite(text.data(), 1, text.size(), to_) == text.size();
    text.clear();
    return good_;
  }
  std::string text;

 private:
  std::FILE* to_;
  bool good_ = true;
};

}  // namespace

bool write_rows(query::tape_list tapes, row_format format, const format_options& o, std::FILE* to) {
  const auto wanted = parse_tables(o.tables);
  if (format == row_format::csv && wanted.size() != 1)
    throw std::runtime_error("CSV takes one table (use jsonl for several)");
  std::map<query::table, line_maker> lines;
  for (const auto t : wanted)
    lines.try_emplace(t, t, line_options{.format = format, .moments = true, .name_table = wanted.size() > 1});
  auto all = o.state_file.empty() ? progress_map() : read_progress(o.state_file);
  file_receiver receiver(to);
  // A file that goes on has its header already.
  if (format == row_format::csv && all.empty()) lines.at(*wanted.begin()).append_header(receiver.text);
  for (const auto* tape : tapes) {
    query::symbols pool;
    auto& progress = all[std::string(query::words_of(*tape, pool).id)];
    if (!export_tape(*tape, pool, wanted, lines, progress, receiver)) return false;
  }
  if (!receiver.flush() || std::fflush(to) != 0) return false;
  if (!o.state_file.empty()) write_progress(o.state_file, all);
  return true;
}

}  // namespace p11tape::exporting
