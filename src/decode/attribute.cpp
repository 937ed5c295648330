// SPDX-License-Identifier: Apache-2.0
// Which decoder belongs to which attribute: told by the form in the attribute's row.
#include "cryptoki/tables.hpp"
#include "decode/decode.hpp"

namespace p11tape::decode {
namespace {

using cryptoki::form;

std::string wrong_size(std::string_view type, std::size_t wanted, std::size_t size) {
  return "a " + std::string{type} + " has " + std::to_string(wanted) + (wanted == 1 ? " byte" : " bytes") +
         ", this one has " + std::to_string(size);
}

meaning flag(bytes value) {
  if (value.size() != 1) return {{}, {}, wrong_size("CK_BBOOL", 1, value.size())};
  if (value[0] <= 1) return {value[0] == 1 ? "CK_TRUE" : "CK_FALSE", {}, {}};
  return {"CK_TRUE, written as " + std::to_string(value[0]), {}, {}};
}

meaning version(bytes value) {
  if (value.size() != 2) return {{}, {}, wrong_size("CK_VERSION", 2, value.size())};
  return {std::to_string(value[0]) + "." + std::to_string(value[1]), {}, {}};
}

// A number is decoded when the tape is read, by whoever knows the recorded process's word size; it comes here as bytes
// only where its length does not fit.
meaning number(bytes value) {
  if (value.size() == 4 || value.size() == 8) return {};
  return {{}, {}, "a CK_ULONG has 4 or 8 bytes, this one has " + std::to_string(value.size())};
}

}  // namespace

meaning attribute(std::uint64_t type, bytes value) {
  // The recorder keeps 8 KiB of a value. Decoding takes more than linear time, and a forged tape can hold anything.
  constexpr std::size_t largest_value = 16 * 1024;
  const auto* row = cryptoki::find_attribute(type);
  if (row == nullptr || value.size() > largest_value) return {};
  if (value.empty()) return row->kind == form::date ? date(value) : meaning{};
  if (type == CKA_EC_POINT) return point(value);
  if (type == CKA_PUBLIC_KEY_INFO) return public_key(value);
  switch (row->kind) {
    case form::flag:
      return flag(value);
    case form::number:
      return number(value);
    case form::date:
      return date(value);
    case form::text:
      return text(value);
    case form::big:
      return big(value);
    case form::name:
      return name(value);
    case form::integer:
      return integer(value);
    case form::oid:
      return oid(value);
    case form::curve:
      return curve(value);
    case form::version:
      return version(value);
    case form::value: {
      auto decoded = certificate(value);
      return decoded ? decoded : meaning{};
    }
    case form::numbers:
    case form::mechanisms:
    case form::template_:
    case form::bytes:
    case form::check:
      return {};
  }
  return {};
}

}  // namespace p11tape::decode
