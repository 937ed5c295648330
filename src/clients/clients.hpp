// SPDX-License-Identifier: Apache-2.0
// The kinds of clients, a row of clients.def each, and their readers under one roof.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "clients/reading.hpp"

namespace p11tape::clients {

enum class runs_as : std::uint8_t { mqm, caller };

struct client_row {
  client kind;
  std::string_view name;
  const char* option;
  const char* argument;  ///< of the option
  const char* help;
  std::string_view tag;
  runs_as user;
  bool swappable;            ///< false: doctor checks it, swap and restore do not know it
  std::string_view restart;  ///< lines
};

std::span<const client_row> client_rows() noexcept;
const client_row& row(client kind) noexcept;

/// Reads `text` as the configuration of a client. `file_name`: last part of the path, some formats depend on it.
reading read_as(client kind, std::string_view text, std::string_view file_name);

std::string_view name_of(client kind) noexcept;
std::optional<client> client_named(std::string_view name) noexcept;

}  // namespace p11tape::clients
