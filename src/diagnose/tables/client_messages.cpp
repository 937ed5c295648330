// SPDX-License-Identifier: Apache-2.0
#include "diagnose/tables/client_messages.hpp"

#include <iterator>

namespace p11tape::diagnose {
namespace {

constexpr bool sure = false, hint = true;

constexpr word_row rows[] = {
#define WORD(about, by, certainty, code, text) {topic::about, speaker::by, code, text, certainty},
#include "diagnose/tables/client_messages.def"
#undef WORD
};

struct program_row {
  std::string_view begins;
  speaker by;
};

// By the beginning of the program's file name.
constexpr program_row programs[] = {
    {"runmqakm", speaker::runmqakm},
    {"runmqckm", speaker::runmqakm},
    {"gskcapicmd", speaker::runmqakm},
    {"gsk8capicmd", speaker::runmqakm},
    {"gskcmd", speaker::runmqakm},
    {"amq", speaker::mq},
    {"runmq", speaker::mq},
    {"strmq", speaker::mq},
    {"java", speaker::java},
    {"keytool", speaker::java},
    {"jarsigner", speaker::java},
    {"openssl", speaker::openssl},
    {"nginx", speaker::openssl},
    {"httpd", speaker::openssl},
    {"apache2", speaker::openssl},
    {"stunnel", speaker::openssl},
    {"curl", speaker::openssl},
    {"ssh", speaker::openssh},
    {"p11tool", speaker::gnutls},
    {"gnutls", speaker::gnutls},
    {"firefox", speaker::nss},
    {"chrom", speaker::nss},
    {"certutil", speaker::nss},
    {"modutil", speaker::nss},
    {"cmsutil", speaker::nss},
    {"pk12util", speaker::nss},
    {"signtool", speaker::nss},
};

}  // namespace

std::span<const word_row> words() noexcept { return rows; }

std::string_view name_of(speaker s) noexcept {
  constexpr std::string_view names[] = {"IBM MQ", "runmqakm", "GSKit", "Java", "OpenSSL", "NSS", "OpenSSH", "GnuTLS"};
  static_assert(std::size(names) == static_cast<std::size_t>(speaker::gnutls) + 1);
  return names[static_cast<std::size_t>(s)];
}

std::optional<speaker> speaker_of(std::string_view program) noexcept {
  for (const auto& p : programs)
    if (program.starts_with(p.begins)) return p.by;
  return std::nullopt;
}

}  // namespace p11tape::diagnose
