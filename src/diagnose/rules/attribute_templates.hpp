// SPDX-License-Identifier: Apache-2.0
// Templates held against the standard: what is missing, forbidden, given twice, of the wrong form, or contradicts
// itself.
#pragma once

#include <string>
#include <vector>

#include "diagnose/facts/failed_calls.hpp"

namespace p11tape::diagnose {

struct template_trouble {
  enum kind : std::uint8_t { duplicate, wrong_form, contradiction, missing, forbidden, curve, rights } what{};
  bool is_certain = false;  ///< the standard forbids it; else modules are known to refuse it
  std::string say;          ///< what is wrong, behind "C_GenerateKeyPair failed: "
  std::string seen;
  std::string cause;
  std::string advice;
};

/// All that is wrong with the call's templates, or may be.
std::vector<template_trouble> check_templates(cryptoki::function which, const sample& s);

/// The one that explains the return value best; nullptr where none does.
const template_trouble* cause_among(const std::vector<template_trouble>& all, u64 value) noexcept;

/// "CKA_LABEL" or "attribute 0x80000001"
std::string attribute_name(u64 type);

}  // namespace p11tape::diagnose
