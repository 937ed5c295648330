// SPDX-License-Identifier: Apache-2.0
// The outputs of any function, from its row alone.
#include <algorithm>
#include <cstring>

#include "mock.hpp"

namespace p11tape::mock {
namespace {

using cryptoki::field;
using cryptoki::flow;
using cryptoki::redaction_class;
using cryptoki::shape;

// How long a byte output is: what the script says, or what the operation would give on a 2048-bit RSA and an AES key.
std::size_t natural_size(function f, const field& output, const word* words) {
  if (const auto scripted = mock_control[f].output_size.load(); scripted != 0) return scripted;
  switch (output.secret) {
    case redaction_class::signature:
      return 256;
    case redaction_class::digest:
      return 32;
    case redaction_class::state:
      return 64;
    case redaction_class::wrapped:
      return 40;
    default:
      break;
  }
  // Encryption and decryption give as much as they get.
  for (const auto& input : cryptoki::row(f).arguments)
    if (input.kind == shape::bytes && input.way == flow::in && input.count >= 0 &&
        input.secret != redaction_class::parameter)
      return words[input.count];
  return 16;
}

void fill_bytes(function f, unsigned char* at, std::size_t size) {
  const auto& script = mock_control[f];
  const auto given = std::min(script.output_size.load(), sizeof script.output);
  for (std::size_t i = 0; i < size; ++i)
    at[i] = given > 0 ? script.output[i % given] : static_cast<unsigned char>(0xA0 + i % 64);
}

// A byte output with a length of its own: the size query, CKR_BUFFER_TOO_SMALL, or the bytes (section 5.2).
CK_RV fill_sized(function f, const field& output, word target, word counter, const word* words) {
  auto* const length = pointer<CK_ULONG>(counter);
  if (length == nullptr) return CKR_ARGUMENTS_BAD;
  const auto needed = natural_size(f, output, words);
  const auto capacity = *length;
  write_count(f, length, needed);
  if (target == 0) return CKR_OK;
  if (capacity < needed) return CKR_BUFFER_TOO_SMALL;
  fill_bytes(f, pointer<unsigned char>(target), needed);
  return CKR_OK;
}

// The IV and the tag that a message operation writes into its parameter.
void write_back(word parameter, word length) {
  if (parameter == 0 || length != sizeof(CK_GCM_MESSAGE_PARAMS)) return;
  const auto* const gcm = pointer<CK_GCM_MESSAGE_PARAMS>(parameter);
  if (gcm->pIv != nullptr) std::memset(gcm->pIv, 0xA0, gcm->ulIvLen);
  if (gcm->pTag != nullptr) std::memset(gcm->pTag, 0xA0, gcm->ulTagBits / 8);
}

std::atomic<CK_ULONG> next_handle{1001};

}  // namespace

void reset_handles() { next_handle = 1001; }

void write_count(function f, CK_ULONG* at, CK_ULONG value) { *at = value + mock_control[f].lie; }

CK_RV fill_outputs(function f, const word* words) {
  const auto arguments = cryptoki::row(f).arguments;
  // First what must be there, so that nothing is half done: section 5.1.6 has CKR_ARGUMENTS_BAD for it.
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const auto& a = arguments[i];
    const bool counted = a.count >= 0 || a.fixed > 0;
    if (a.way != flow::none && a.way != flow::in && a.kind != shape::address && a.kind != shape::mechanism &&
        !counted && words[i] == 0)
      return CKR_ARGUMENTS_BAD;
  }
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const auto& a = arguments[i];
    if (a.target == "message_parameter" && cryptoki::row(f).does == cryptoki::effect::message)
      write_back(words[i], words[a.count]);
    if (a.way != flow::out) continue;
    if (a.kind == shape::bytes && a.count >= 0) {
      const auto counter = static_cast<std::size_t>(a.count);
      if (cryptoki::is_pointer(arguments[counter].kind)) {
        if (const auto rv = fill_sized(f, a, words[i], words[counter], words); rv != CKR_OK) return rv;
      } else if (words[i] != 0) {
        fill_bytes(f, pointer<unsigned char>(words[i]), words[counter]);
      }
    } else if (a.kind == shape::numbers && a.count < 0) {
      *pointer<CK_ULONG>(words[i]) = next_handle++;
    }
  }
  return CKR_OK;
}

}  // namespace p11tape::mock
