// SPDX-License-Identifier: Apache-2.0
// Tapes as tables of an SQL engine (SQLite), without importing them.
//
// Each table of the model is a virtual table. Rows of calls, logins, attributes and exchanges are made while the tapes
// are read; constraints on tape, host, time, function, return value, number and id are taken out of the statement and
// leave rows out early. The other tables are collected in one pass when they are first asked for, and kept.
//
// Statements can only read: the engine has no file, and an authorizer refuses everything but SELECT.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "query/sources/call_scan.hpp"

namespace p11tape::query {

/// The statement cannot be run. what() is a sentence for people.
class query_error : public std::runtime_error {
 public:
  query_error(const std::string& what, int place_in_statement) : std::runtime_error(what), place(place_in_statement) {}
  int place;  ///< offset in bytes, -1 if not known
};

/// A value of a result.
struct result_cell {
  enum class kind : std::uint8_t { null, integer, real, text };
  kind what = kind::null;
  std::int64_t integer = 0;
  double real = 0;
  std::string_view text;  ///< lives until the next row
};

class result_sink {
 public:
  virtual ~result_sink() = default;
  virtual void begin(const std::vector<std::string>& columns) = 0;
  /// False to end the statement.
  virtual bool row(const std::vector<result_cell>& cells) = 0;
};

class database {
 public:
  /// The readers must outlive the database.
  explicit database(tape_list tapes);
  ~database();
  database(const database&) = delete;
  database& operator=(const database&) = delete;

  /// Runs one statement. Throws query_error, or `interrupted` after stop().
  void run(const std::string& sql, result_sink& to);

  /// Ends the statement that is running. May be called from a signal handler.
  void stop() noexcept;

  struct parts;

 private:
  std::unique_ptr<parts> parts_;
};

}  // namespace p11tape::query
