// SPDX-License-Identifier: Apache-2.0
#include "query/formats.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "query/escape.hpp"

namespace p11tape::query {
namespace {

using kind = result_cell::kind;

void append_real(double n, std::string& out) {
  char text[40];
  std::snprintf(text, sizeof text, "%.15g", n);
  out += text;
}

class csv_writer : public result_writer {
 public:
  explicit csv_writer(text_output to) : to_(std::move(to)) {}

  void begin(const std::vector<std::string>& columns) override {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (i != 0) *to_.text += ',';
      append_csv_text(columns[i], *to_.text);
    }
    *to_.text += '\n';
  }
  bool row(const std::vector<result_cell>& cells) override {
    auto& out = *to_.text;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (i != 0) out += ',';
      const auto& c = cells[i];
      if (c.what == kind::integer) out += std::to_string(c.integer);
      if (c.what == kind::real) append_real(c.real, out);
      if (c.what == kind::text) append_csv_text(c.text, out);
    }
    out += '\n';
    return to_.write_if_full();
  }
  void end() override {}

 private:
  text_output to_;
};

class json_rows : public result_writer {
 public:
  explicit json_rows(text_output to) : to_(std::move(to)) {}

  void begin(const std::vector<std::string>& columns) override {
    for (const auto& c : columns) {
      names_.emplace_back();
      append_json_text(c, names_.back());
      names_.back() += ':';
    }
    *to_.text += '[';
  }
  bool row(const std::vector<result_cell>& cells) override {
    auto& out = *to_.text;
    out += first_ ? "{" : ",\n{";
    first_ = false;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (i != 0) out += ',';
      out += names_[i];
      const auto& c = cells[i];
      if (c.what == kind::null) out += "null";
      if (c.what == kind::integer) append_json_number(c.integer, out);
      if (c.what == kind::real && std::isfinite(c.real)) append_real(c.real, out);
      if (c.what == kind::real && !std::isfinite(c.real)) out += "null";
      if (c.what == kind::text) append_json_text(c.text, out);
    }
    out += '}';
    return to_.write_if_full();
  }
  void end() override { *to_.text += "]\n"; }

 private:
  text_output to_;
  std::vector<std::string> names_;
  bool first_ = true;
};

// Aligned by the first thousand rows; wider values later shift their own line only.
class table_writer : public result_writer {
 public:
  explicit table_writer(text_output to) : to_(std::move(to)) {}

  void begin(const std::vector<std::string>& columns) override {
    lines_.push_back(columns);
    right_.assign(columns.size(), true);
  }
  bool row(const std::vector<result_cell>& cells) override {
    std::vector<std::string> line;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      auto& text = line.emplace_back();
      const auto& c = cells[i];
      if (c.what == kind::integer) text = std::to_string(c.integer);
      if (c.what == kind::real) append_real(c.real, text);
      if (c.what == kind::text) {
        // As a JSON text without its quotes: nothing moves the cursor.
        append_json_text(c.text, text);
        text = text.substr(1, text.size() - 2);
        right_[i] = false;
      }
    }
    if (aligned_) {
      write(line);
    } else {
      lines_.push_back(std::move(line));
      if (lines_.size() > most_kept) align();
    }
    return to_.write_if_full();
  }
  void end() override {
    if (!aligned_) align();
  }

 private:
  static constexpr std::size_t most_kept = 1000;

  static std::size_t width_of(std::string_view text) noexcept {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
  }
  void align() {
    widths_.assign(right_.size(), 0);
    for (const auto& l : lines_)
      for (std::size_t i = 0; i < l.size(); ++i) widths_[i] = std::max(widths_[i], width_of(l[i]));
    for (const auto& l : lines_) write(l);
    lines_.clear();
    aligned_ = true;
  }
  void write(const std::vector<std::string>& line) {
    auto& out = *to_.text;
    for (std::size_t i = 0; i < line.size(); ++i) {
      const auto width = width_of(line[i]);
      const auto blanks = widths_[i] > width ? widths_[i] - width : 0;
      if (i != 0) out += "  ";
      if (right_[i]) out.append(blanks, ' ');
      out += line[i];
      if (!right_[i] && i + 1 < line.size()) out.append(blanks, ' ');
    }
    out += '\n';
  }

  text_output to_;
  std::vector<std::vector<std::string>> lines_;
  std::vector<bool> right_;
  std::vector<std::size_t> widths_;
  bool aligned_ = false;
};

}  // namespace

std::unique_ptr<result_writer> make_writer(result_format format, text_output to) {
  switch (format) {
    case result_format::csv:
      return std::make_unique<csv_writer>(std::move(to));
    case result_format::json:
      return std::make_unique<json_rows>(std::move(to));
    case result_format::table:
      break;
  }
  return std::make_unique<table_writer>(std::move(to));
}

}  // namespace p11tape::query
