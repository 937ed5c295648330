// SPDX-License-Identifier: Apache-2.0
#include "tapes.hpp"

#include <algorithm>

#include "support.hpp"

namespace p11tape::contract {

std::vector<recorded_call> calls_of(const std::filesystem::path& path) {
  const tape::reader reader(path.string());
  model::call_stream stream(reader);
  std::vector<recorded_call> calls;
  while (const auto* const c = stream.next()) {
    recorded_call made{.function = c->function != nullptr ? std::string(c->function->name) : "?",
                       .depth = c->depth,
                       .state = c->state,
                       .rv = c->return_value(),
                       .thread = c->thread.id,
                       .outputs = {}};
    for (const auto& item : c->result().items()) made.outputs.push_back(item.field);
    calls.push_back(std::move(made));
  }
  INFO(path);
  CHECK(!reader.damage().any());
  return calls;
}

std::vector<recorded_call> calls_in(const std::filesystem::path& dir) {
  std::vector<recorded_call> all;
  for (const auto& path : tapes(dir)) {
    const auto calls = calls_of(path);
    all.insert(all.end(), calls.begin(), calls.end());
  }
  return all;
}

std::string property(const std::filesystem::path& path, const std::string& key) {
  return std::string(tape::reader(path.string()).property(key));
}

std::size_t count(const std::vector<recorded_call>& calls, const std::string& name) {
  return static_cast<std::size_t>(
      std::count_if(calls.begin(), calls.end(), [&](const auto& c) { return c.function == name; }));
}

}  // namespace p11tape::contract
