// SPDX-License-Identifier: Apache-2.0
// The verdict of the label check in sentences.
#pragma once

#include <span>
#include <string_view>

#include "label/token_label.hpp"

namespace p11tape::label {

/// Fills `say` and `advice`. `description`: what the configured text is the name of, for the causes e and f.
void put_into_words(verdict& v, std::string_view configured, std::span<const token> tokens,
                    std::string_view description);

}  // namespace p11tape::label
