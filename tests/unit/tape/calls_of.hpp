// SPDX-License-Identifier: Apache-2.0
// The calls of tapes as short strings, for tests: "1 C_Login returned 0".
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "model/call_stream.hpp"
#include "tape/tape_builder.hpp"

namespace p11tape::test {

inline std::string word_of(tape::call_state s) {
  switch (s) {
    case tape::call_state::returned:
      return "returned";
    case tape::call_state::in_flight:
      return "in flight";
    case tape::call_state::left:
      return "left";
    case tape::call_state::result_lost:
      return "result lost";
    case tape::call_state::result_only:
      return "result only";
  }
  return "?";
}

inline std::string short_form(const model::call& c) {
  std::string s = std::to_string(c.number.value()) + " " + std::string(c.function ? c.function->name : "?") + " " +
                  word_of(c.state);
  if (c.ended()) s += " " + std::to_string(c.return_value());
  if (c.outer != model::none) s += " in " + std::to_string(c.outer.value());
  return s;
}

inline std::vector<std::string> calls_of(std::vector<const tape::reader*> tapes) {
  model::call_stream stream(tapes);
  std::vector<std::string> all;
  while (const auto* c = stream.next()) all.push_back(short_form(*c));
  return all;
}

inline std::vector<std::string> calls_of(const tape::reader& tape) {
  return calls_of(std::vector<const tape::reader*>{&tape});
}

inline std::vector<std::string> calls_of(const tape_builder& tape) {
  temporary_folder folder;
  const tape::reader r(folder.write(tape.bytes()));
  return calls_of(r);
}

using lines = std::vector<std::string>;

}  // namespace p11tape::test
