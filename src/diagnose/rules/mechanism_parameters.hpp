// SPDX-License-Identifier: Apache-2.0
// Mechanism parameters: what the standard wants of them, and what modules are known to refuse.
#pragma once

#include <optional>
#include <string>

#include "diagnose/facts/failed_calls.hpp"

namespace p11tape::diagnose {

struct parameter_trouble {
  bool is_certain = false;  ///< the standard forbids it; else modules are known to refuse what the standard allows
  std::string say;          ///< what is wrong, for a headline: "CKM_AES_GCM has a parameter without ulIvBits"
  std::string seen;         ///< the same as evidence
  std::string cause;
  std::string advice;
};

/// What is wrong with the parameter of the call's mechanism, or may be; nothing where all is as it should be, or where
/// the tape does not have the parameter.
std::optional<parameter_trouble> check_parameter(cryptoki::function which, const sample& s);

/// "no parameter", or the parameter in words.
std::string describe_parameter(const sample& s);

}  // namespace p11tape::diagnose
