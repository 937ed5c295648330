// SPDX-License-Identifier: Apache-2.0
// What a module says of its tokens, asked in a process of its own: a module may crash, hang, print, or leave threads
// behind, and none of that may reach this one. The child is this very program with a hidden command; it answers in
// JSON.
//
// It logs in only if a PIN is given, on one token, once, and not if the token's flags have come to say that wrong PINs were
// given. The PIN goes through a pipe, never through arguments. With a PIN the child leaves no core.
//
// The child runs as the user of the client, if this process may become that user: so it reads the configuration, and has
// the permissions, that the client has.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "clients/formats/module_file.hpp"
#include "clients/secret_buffer.hpp"
#include "label/token_label.hpp"

namespace p11tape::clients {

inline constexpr const char* probe_command = "probe-module";  ///< hidden: p11tape probe-module PATH

enum class probe_end : std::uint8_t {
  answered,
  not_loaded,   ///< `trouble`: the loader's words
  not_started,  ///< `trouble`: function and return value
  crashed,      ///< `trouble`: the signal
  timed_out,
  no_answer,  ///< the child could not be run, or said something else
};

/// A certificate on the token.
struct probed_certificate {
  std::size_t token = 0;  ///< index
  std::string label, subject;
  std::string not_before, not_after;  ///< as decode::certificate writes them
  std::int64_t from = 0, until = 0;   ///< s since 1970
};

struct login_result {
  bool tried = false;
  std::string answer;  ///< "CKR_OK", "CKR_PIN_INCORRECT", ...
};

struct probe_result {
  probe_end end = probe_end::no_answer;
  std::string trouble;
  std::string library;    ///< manufacturer, description, version as C_GetInfo says
  std::size_t slots = 0;  ///< with and without a token
  std::vector<label::token> tokens;
  std::vector<std::uint64_t> min_pin;  ///< of each token
  std::vector<std::uint64_t> max_pin;
  std::vector<probed_certificate> certificates;
  login_result login;
};

struct probe_request {
  std::string module;
  std::optional<std::uint64_t> login_slot;  ///< log in there
  const secret_buffer* pin = nullptr;
  std::chrono::milliseconds timeout{20000};
  std::string program;                   ///< empty: /proc/self/exe
  bool yes_final_try = false;            ///< log in even if wrong PINs were given before
  std::optional<file_user> run_as;       ///< become this user first
  std::vector<std::string> environment;  ///< of the child; empty: this process's own
};

/// Whether this process can become that user.
bool can_become(const file_user& user) noexcept;

probe_result probe_module(const probe_request& request);

/// The child: loads the module and writes the answer to descriptor 1. Returns the exit status.
int answer_probe(const char* module, const char* login_slot, bool yes_final_try);

}  // namespace p11tape::clients
