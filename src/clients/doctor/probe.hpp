// SPDX-License-Identifier: Apache-2.0
// What a module says of its tokens, asked in a process of its own: a module may crash, hang, print, or leave threads
// behind, and none of that may reach this one. The child is this very program with a hidden command; it answers in
// JSON.
//
// It logs in only where a PIN is given, on one token, once. The PIN goes through a pipe, never through arguments.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "clients/secret_buffer.hpp"
#include "label/label.hpp"

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
  login_result login;
};

struct probe_request {
  std::string module;
  std::optional<std::uint64_t> login_slot;  ///< log in there
  const secret_buffer* pin = nullptr;
  std::chrono::milliseconds timeout{20000};
  std::string program;  ///< empty: /proc/self/exe
};

probe_result probe_module(const probe_request& request);

/// The child: loads the module and writes the answer to descriptor 1. Returns the exit status.
int answer_probe(const char* module, const char* login_slot);

}  // namespace p11tape::clients
