// SPDX-License-Identifier: Apache-2.0
// Settings as text: config/p11tape.yaml, and what `p11tape settings` prints.
#pragma once

#include <string>
#include <vector>

#include "capture/settings/settings.hpp"
#include "p11tape/tape.hpp"

namespace p11tape::cli {

/// The text of config/p11tape.yaml: every setting with its default and what it does.
std::string settings_example();

struct shown_setting {
  std::string key, value, from;
};

std::vector<shown_setting> shown(const capture::settings& s);

/// The settings that a tape's recorder had read.
std::vector<shown_setting> shown(const tape::reader& tape);

/// A line each: key, value, where it came from.
void append_settings(const std::vector<shown_setting>& all, std::string& out);

/// The sentences, a line each, indented.
void append_problems(std::string_view problems, std::string& out);

}  // namespace p11tape::cli
