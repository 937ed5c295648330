// SPDX-License-Identifier: Apache-2.0
// What the module did that the standard forbids, seen while the calls go by.
#pragma once

#include <unordered_map>
#include <vector>

#include "model/state.hpp"

namespace p11tape::diagnose {

enum class oddity_kind : std::uint8_t {
  null_interface,      ///< CKR_OK with a NULL interface
  small_for_query,     ///< CKR_BUFFER_TOO_SMALL for a call without a buffer
  small_for_own_size,  ///< CKR_BUFFER_TOO_SMALL for the size that the module itself had asked for
  unavailable_length,  ///< CKR_OK, and a length is CK_UNAVAILABLE_INFORMATION
  signature_length,    ///< a signature of a length that its key and mechanism cannot have
  unlisted_answer,     ///< a return value that the standard does not list for the function
};

struct oddity {
  oddity_kind what{};
  cryptoki::function which = model::unknown_function;
  model::call_number call, last_call;
  model::u64 count = 0;
  model::u64 value = 0;              ///< the return value
  model::u64 given = 0, wanted = 0;  ///< lengths, in bytes
  model::u64 mechanism = model::unknown;
  std::string key;  ///< the key's name
};

class oddities {
 public:
  void see(const model::call_context& now) {
    if (!now.ok)
      see_failure(now);
    else if (now.which == cryptoki::function::C_GetAttributeValue)
      see_attributes(now);
    else if (now.which == cryptoki::function::C_GetInterface)
      see_interface(now);
    else if (now.role->output_length >= 0)
      see_output(now);
  }
  const std::vector<oddity>& all() const noexcept { return all_; }

 private:
  static constexpr std::size_t most = 64;
  static constexpr std::size_t most_asked = 4096;

  void see_failure(const model::call_context& now);
  void see_output(const model::call_context& now);
  void see_attributes(const model::call_context& now);
  void see_interface(const model::call_context& now);
  oddity* note(oddity_kind what, const model::call_context& now);

  std::vector<oddity> all_;
  std::unordered_map<model::u64, model::u64> asked_;  // session and function -> the size that it asked for
};

/// Bytes of a signature in this mechanism with this key; 0 where that is not fixed or not known.
model::u64 signature_size(model::u64 mechanism, const model::object& key);

}  // namespace p11tape::diagnose
