// SPDX-License-Identifier: Apache-2.0
// The result of a statement as text: an aligned table, CSV with one header line, or a JSON array of objects.
#pragma once

#include <functional>
#include <memory>

#include "query/engine/database.hpp"

namespace p11tape::query {

/// Appends to a text, and has it written now and then.
struct text_output {
  std::string* text;
  std::function<bool()> write_if_full;  ///< false: nobody reads any more
};

enum class result_format : std::uint8_t { table, csv, json };

class result_writer : public result_sink {
 public:
  /// To be called after the last row.
  virtual void end() = 0;
};

std::unique_ptr<result_writer> make_writer(result_format format, text_output to);

}  // namespace p11tape::query
