// SPDX-License-Identifier: Apache-2.0
// Asks a question of tapes and has the answer as one text: a line a row, values separated by '|'.
#pragma once

#include <memory>

#include "diagnose/synthetic.hpp"
#include "query/engine/database.hpp"

namespace p11tape::test {

class lines_sink : public query::result_sink {
 public:
  void begin(const std::vector<std::string>&) override {}
  bool row(const std::vector<query::result_cell>& cells) override {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      using kind = query::result_cell::kind;
      if (i != 0) text += '|';
      const auto& c = cells[i];
      text += c.what == kind::null      ? "NULL"
              : c.what == kind::integer ? std::to_string(c.integer)
              : c.what == kind::real    ? std::to_string(c.real)
                                        : std::string(c.text);
    }
    text += '\n';
    return true;
  }
  std::string text;
};

class asked_tapes {
 public:
  explicit asked_tapes(std::vector<tape_story*> stories) {
    for (auto* s : stories)
      readers_.push_back(
          std::make_unique<tape::reader>(s->write("story" + std::to_string(readers_.size()) + ".p11tape")));
    for (const auto& r : readers_) views_.push_back(r.get());
    database_ = std::make_unique<query::database>(views_);
  }
  std::string ask(const std::string& sql) {
    lines_sink sink;
    database_->run(sql, sink);
    return sink.text;
  }
  /// What is said of a statement that cannot be run.
  std::string refusal(const std::string& sql) {
    try {
      return "ran: " + ask(sql);
    } catch (const query::query_error& e) {
      return e.what();
    }
  }
  query::database& database() { return *database_; }

 private:
  std::vector<std::unique_ptr<tape::reader>> readers_;
  std::vector<const tape::reader*> views_;
  std::unique_ptr<query::database> database_;
};

}  // namespace p11tape::test
