// SPDX-License-Identifier: Apache-2.0
// Which calls `show` shows by what they are about: a session, an object, a login. Filters by what stands in the call
// itself are in filter.hpp.
//
// What belongs together is known only at the end: C_OpenSession does not know yet which number its session will have,
// and an object's label may be asked for after its first use. So the tapes are read once before they are shown.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/state.hpp"

namespace p11tape::cli {

class selection {
 public:
  std::uint64_t session = 0;  ///< number, as model::session::number counts; 0: any
  std::string object;         ///< a handle, or a label
  std::uint64_t login = 0;    ///< the how many-th call of C_Login or C_LoginUser; 0: any

  bool any() const noexcept { return session != 0 || !object.empty() || login != 0; }

  /// Reads the tapes. Answers what there is not, in a sentence, or "".
  std::string prepare(const std::vector<const tape::reader*>& tapes);

  bool lets(const model::call_context& now) const;

 private:
  struct span {
    std::size_t tape = 0;
    model::slot_id slot;
    model::call_number first, last;
  };

  void look_for_login(const model::call_context& now);
  bool of_login(const model::call_context& now) const;
  bool of_object(const model::call_context& now) const;
  bool is_object(const model::object& o) const;

  model::object_handle handle_;
  model::call_number opened_in_;  // the C_OpenSession of the session
  std::uint64_t logins_ = 0;      // so far
  model::call_number ender_;      // the last call that may have ended the login
  std::optional<span> login_;
  bool login_open_ = false;  // its end has not been seen yet
};

}  // namespace p11tape::cli
