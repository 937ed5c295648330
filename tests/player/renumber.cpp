// SPDX-License-Identifier: Apache-2.0
// Records of a tape whose structs have other numbers than ours.
#include <catch2/catch.hpp>
#include <cstring>

#include "player/struct_remap.hpp"
#include "reencode/encode_as_recorder_would.hpp"

using namespace p11tape;

TEST_CASE("structs are found again by their names") {
  CHECK(player::our_numbers(tape::schema::built_in()).empty());

  // A mechanism whose parameter is a struct, as the recorder has it.
  const reencode::encoding_room room{reencode::recorder_profile{}};
  reencode::encoded_call encoder(room);
  CK_RSA_PKCS_OAEP_PARAMS oaep{CKM_SHA_1, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, nullptr, 0};
  CK_MECHANISM m{CKM_RSA_PKCS_OAEP, &oaep, sizeof oaep};
  const tape::u64 words[] = {1, reinterpret_cast<std::uintptr_t>(&m), 2};
  const auto f = cryptoki::function::C_EncryptInit;
  const auto number_in = [&](const tape::record_view& r) {
    tape::item_view item;
    tape::mechanism_view mechanism;
    tape::nested_view nested;
    REQUIRE(tape::fields_view(cryptoki::row(f).arguments, r.body).find(1, item));
    REQUIRE(tape::mechanism_view::parse(item.payload, mechanism));
    REQUIRE(mechanism.parameter.form == tape::item_form::record);
    REQUIRE(tape::nested_view::parse(mechanism.parameter.payload, nested));
    return nested.record;
  };
  encoder.enter(f, words);
  tape::record_view ours;
  ours.body = encoder.entered();
  const auto oaep_number = static_cast<tape::u32>(cryptoki::record::CK_RSA_PKCS_OAEP_PARAMS);
  CHECK(number_in(ours) == oaep_number);

  // As if all of the tape's structs were numbered one lower than ours.
  std::vector<tape::u32> numbers;
  for (tape::u32 i = 0; i + 1 < cryptoki::record_count; ++i) numbers.push_back(i + 1);
  auto changed = ours;
  player::remap_structs(changed, 3, numbers);
  CHECK(number_in(changed) == oaep_number + 1);
  CHECK(number_in(ours) == oaep_number);
  numbers[oaep_number] = player::no_struct;
  changed = ours;
  player::remap_structs(changed, 3, numbers);
  CHECK(number_in(changed) == player::no_struct);

  // Whatever is cut or damaged stays within its bytes.
  for (std::size_t size = 0; size < ours.body.size(); ++size) {
    auto cut = ours;
    cut.body = ours.body.first(size);
    player::remap_structs(cut, 3, numbers);
    CHECK(cut.body.size() == size);
  }
}
