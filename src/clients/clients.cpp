// SPDX-License-Identifier: Apache-2.0
// The rows of clients.def as a table, and the one switch over the kinds.
#include "clients/clients.hpp"

#include <cstddef>
#include <iterator>

#include "clients/formats/ams.hpp"
#include "clients/formats/ccdt.hpp"
#include "clients/formats/java.hpp"
#include "clients/formats/mq_ini.hpp"
#include "clients/formats/mq_sslcryp.hpp"
#include "clients/formats/nss.hpp"
#include "clients/formats/openssl.hpp"
#include "clients/formats/p11kit.hpp"
#include "clients/formats/servers.hpp"
#include "clients/formats/ssh.hpp"

namespace p11tape::clients {
namespace {

enum class on_swap { swappable, checked };

constexpr client_row rows[] = {
#define CLIENT(kind, name, option, argument, help, reader, tag, user, swap, restart) \
  {client::kind, name, option, argument, help, tag, runs_as::user, on_swap::swap == on_swap::swappable, restart},
#include "clients/clients.def"
#undef CLIENT
};
static_assert(std::size(rows) == client_count);

}  // namespace

std::span<const client_row> client_rows() noexcept { return rows; }
const client_row& row(client kind) noexcept { return rows[static_cast<std::size_t>(kind)]; }

reading read_as(client kind, std::string_view text, [[maybe_unused]] std::string_view file_name) {
  switch (kind) {
#define CLIENT(kind, name, option, argument, help, reader, tag, user, swap, restart) \
  case client::kind:                                                                 \
    return reader;
#include "clients/clients.def"
#undef CLIENT
  }
  return {};
}

std::string_view name_of(client kind) noexcept { return row(kind).name; }

std::optional<client> client_named(std::string_view name) noexcept {
  for (const auto& r : rows)
    if (r.name == name) return r.kind;
  return std::nullopt;
}

}  // namespace p11tape::clients
