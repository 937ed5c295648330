// SPDX-License-Identifier: Apache-2.0
// What the tests of exchanges stand on: a host with a virtual card behind PC/SC, and the calls of its tape with the
// exchanges under them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "../contract/support.hpp"
#include "card/description.hpp"
#include "pcsc_library.hpp"

namespace p11tape::card_tests {

using contract::scratch;
using contract::setup;

inline constexpr const char* pcsc_path = P11TAPE_CARD_DIR "/virtual-pcsc.so";

/// The first of these that is installed; "" where none is.
std::string opensc();
std::string ykcs11();
std::string p11_kit_proxy();

/// The path of a module of ours: module.cpp, built in the way that the name says.
std::string module_of_ours(const std::string& flavour);

/// A host's surroundings: a module, a card in the reader, and a folder for the tape.
setup surroundings(const std::string& module, const char* card, const std::filesystem::path& dir);

/// In the host: brings the virtual reader in, before anything asks for PC/SC. The library stays loaded.
virtual_card::reader& bring_reader();

/// An exchange on a tape. `raw.data` is gone; `data` has it.
struct exchange : card::described {
  explicit exchange(const card::described& d);
  std::vector<std::byte> data;
  std::string sw() const { return card::status_hex(raw.status()); }
};

struct call {
  std::string function;
  tape::u64 rv = 0;
  tape::u64 thread = 0;
  std::vector<exchange> exchanges;
  /// The status words of those exchanges that are of this instruction: "63C2 63C1".
  std::string words(std::uint8_t ins) const;
};

/// The calls of the only tape of the folder. Fails the test where there is none, or where it is damaged.
std::vector<call> calls_in(const std::filesystem::path& dir);

/// Those of one function.
std::vector<call> named(const std::vector<call>& calls, const std::string& function);

/// How many exchanges of SCardTransmit there are in all.
std::size_t transmitted(const std::vector<call>& calls);

/// The property `apdu` of the only tape of the folder.
std::string apdu_property(const std::filesystem::path& dir);

// ---- In the host ----

/// A session with the token in the first slot.
struct session {
  explicit session(CK_FUNCTION_LIST* functions);
  CK_RV login(const std::string& pin, CK_USER_TYPE user = CKU_USER) const;
  CK_RV set_pin(const std::string& old_pin, const std::string& new_pin) const;

  CK_FUNCTION_LIST* list;
  CK_SLOT_ID slot = 0;
  CK_SESSION_HANDLE handle = 0;
};

inline CK_UTF8CHAR* utf8(const std::string& s) { return reinterpret_cast<CK_UTF8CHAR*>(const_cast<char*>(s.data())); }

}  // namespace p11tape::card_tests
