// SPDX-License-Identifier: Apache-2.0
// A call as a flat list of its values: what render::walk() tells, kept so that two calls can be laid side by side.
#pragma once

#include <string>
#include <vector>

#include "render/visitor.hpp"

namespace p11tape::diff {

/// A value, or a group of values. A group is followed by its members, whose groups are followed by theirs.
struct node {
  render::way side = render::way::in;
  bool is_group = false;
  bool is_attribute = false;
  std::uint64_t attribute = 0;  ///< its type
  std::string_view name;        ///< of the argument or field; empty for attributes and in lists
  std::string_view meaning;     ///< of arguments and fields; "session", "object", "slot" for handles everywhere
  std::string_view structure;   ///< the struct that it is a field of
  int argument = -1;            ///< index of the argument that it belongs to
  std::size_t end = 0;          ///< index behind it and all that is inside
  render::group_kind group{};   ///< of a group
  render::value_kind value{};   ///< of a value
  std::uint32_t marks = 0;
  std::uint64_t number = 0;  ///< the value, or the mechanism of the group
  std::uint64_t length = 0;  ///< in bytes where `has_length`, or the count of a group
  bool has_length = false;
  tape::byte_view bytes;
  std::uint32_t pin_anomalies = 0;
  std::uint32_t pin_number = 0;
  std::string words;  ///< where they were asked for
};

/// Reused from call to call: its memory stays.
class flat_values : public render::visitor {
 public:
  /// Fills `nodes` with the arguments or the outputs. `with_words`: also how each value would be shown.
  void take(const render::call_view& call, render::way side, bool with_words);

  const std::vector<node>& nodes() const noexcept { return nodes_; }

  void begin(const render::call_view&) override {}
  void section(render::way direction) override { now_ = direction; }
  void leaf(const render::label& which, const render::value& what) override;
  void open(const render::label& which, const render::group& what) override;
  void close() override;
  void end(const render::call_view&) override {}

 private:
  node& add(const render::label& which);

  const render::call_view* call_ = nullptr;
  render::way wanted_ = render::way::in, now_ = render::way::in;
  bool words_ = false;
  std::vector<node> nodes_;
  std::vector<std::size_t> open_;             // groups
  std::vector<std::string_view> structures_;  // of the open groups
};

}  // namespace p11tape::diff
