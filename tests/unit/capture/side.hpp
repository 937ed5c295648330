// SPDX-License-Identifier: Apache-2.0
// One of two encoders that are compared: all that it remembers, and what it has written.
#pragma once

#include <catch2/catch.hpp>

#include <memory>
#include <string>
#include <vector>

#include "capture/encode/encode.hpp"

namespace p11tape::capture {

struct side {
  side() {
    how.pins = pins.get();
    how.operations = operations;
    how.numbers = numbers.get();
    how.contents = contents.get();
    how.most_bytes = most_public_bytes;
    how.most_payload = 256;
    how.room_key[0] = 1234567;
    how.room_key[1] = 7654321;
  }

  template <class Write>
  std::string written(Write write) {
    encoder e(how, *pages, caps, *rooms, 0, room.get());
    sink out(bytes.data(), bytes.size());
    write(e, out);
    REQUIRE_FALSE(out.overflowed());
    return {reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(out.position() - bytes.data())};
  }

  std::unique_ptr<pin_memory> pins = std::make_unique<pin_memory>();
  std::unique_ptr<known_values> numbers = std::make_unique<known_values>(), contents = std::make_unique<known_values>();
  std::unique_ptr<known_pages> pages = std::make_unique<known_pages>();
  std::unique_ptr<output_rooms> rooms = std::make_unique<output_rooms>();
  std::unique_ptr<scratch> room = std::make_unique<scratch>();
  session_mechanisms operations[operation_count]{};
  encoding how{};
  capacities caps{};
  std::vector<tape::u8> bytes = std::vector<tape::u8>(1 << 20);
};

}  // namespace p11tape::capture
