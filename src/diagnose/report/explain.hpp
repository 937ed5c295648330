// SPDX-License-Identifier: Apache-2.0
// What a word means that a message, a log or a tape showed: return values, messages of MQ and GSKit, status words,
// mechanisms, attributes, functions, rules.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "diagnose/rules/rules.hpp"

namespace p11tape::diagnose {

struct explanation {
  std::string word;                                        ///< "CKR_PIN_INCORRECT"
  std::string kind;                                        ///< "return value of PKCS#11"
  std::string value;                                       ///< "0xA0 (160)"; may be empty
  std::string what;                                        ///< what it says
  std::string why;                                         ///< what usually causes it; may be empty
  std::string cure;                                        ///< what to do; may be empty
  bool hint = false;                                       ///< the text is not the vendor's
  std::vector<const rule*> rules;                          ///< that find it on a tape
  std::string command;                                     ///< that helps; may be empty
  std::vector<std::pair<std::string, std::string>> facts;  ///< further ones: "parameter", "CK_RSA_PKCS_PSS_PARAMS"
};

/// All that the word can mean: a number means several things. Empty where it means nothing that is known here.
std::vector<explanation> explain(std::string_view word);

/// The known code or name that the word may have been meant to be; "" if none is near.
std::string nearest_word(std::string_view word);

/// Ids, names and codes that can be explained: for suggestions, and for completion.
std::vector<std::string> known_words();

void append_text(const explanation& e, std::string& out);
void append_json(const std::vector<explanation>& all, std::string_view word, std::string& out);

}  // namespace p11tape::diagnose
