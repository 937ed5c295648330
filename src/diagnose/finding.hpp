// SPDX-License-Identifier: Apache-2.0
// A finding: one thing that went wrong, with its evidence and what to do about it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "diagnose/tables/client_messages.hpp"
#include "model/numbers.hpp"

namespace p11tape::diagnose {

using model::call_number;
using model::none;
using u64 = std::uint64_t;

enum class severity : std::uint8_t { info, warning, error };

/// "info", "warning", "error"
std::string_view name_of(severity s) noexcept;

/// Whose fault it is. `undecidable`: the tape does not tell.
enum class fault : std::uint8_t { undecidable, client, configuration, module, token, device, environment };

/// "client", "configuration" ...
std::string_view name_of(fault f) noexcept;
/// The same for people: "the client program".
std::string_view describe(fault f) noexcept;

/// Something on the tape that shows it: calls, and what is to be seen there. Calls that are `none` are left out where
/// the evidence is told.
struct evidence {
  std::vector<call_number> calls;
  std::string text;
};

/// Both texts of a label mismatch. Bytes as they are; to be escaped where they are printed.
struct label_pair {
  std::string configured, token, configure;
  std::string setting;  ///< the whole line to configure, with the right label, and <password> for the PIN; may be empty
  std::string byte_diff;
};

struct rule;

struct finding {
  const rule* by = nullptr;
  std::string_view id;    ///< "P9g"
  std::string_view slug;  ///< "word-order"
  severity level = severity::info;
  std::size_t tape = 0;              ///< index
  std::vector<std::size_t> also_in;  ///< further tapes that show the same: see join.hpp
  u64 wall = 0;                      ///< when it showed: ns since 1970, 0 where that is not known (finding_times.hpp)
  std::string say;                   ///< what happened, in one sentence of plain words
  diagnose::fault fault = diagnose::fault::undecidable;
  bool harmless = false;                 ///< known not to hurt: stays as mild as it is
  std::string cause;                     ///< what is inferred from it, in a sentence; may be empty
  std::vector<std::string> first_lines;  ///< what has to stand right below it
  std::vector<evidence> shown;
  std::vector<label_pair> labels;  ///< none or one
  topic about = topic::no_topic;   ///< what clients report of it
  std::string advice;
  std::vector<std::string> commands;
  std::vector<finding> consequences;  ///< what it explains

  /// The first call of its evidence.
  call_number first_call() const noexcept;

  finding& show(std::vector<call_number> calls, std::string text) {
    shown.push_back({std::move(calls), std::move(text)});
    return *this;
  }
};

}  // namespace p11tape::diagnose
