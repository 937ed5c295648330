// SPDX-License-Identifier: Apache-2.0
// One test for each sub-class of a label mismatch, and counter-examples on which the sub-class must not be named.
#include "label/token_label.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

using namespace p11tape::label;

namespace {

std::string padded(std::string text, char with = ' ') {
  text.resize(label_size, with);
  return text;
}

token shown(std::string label, std::uint64_t slot = 7) {
  token t;
  t.slot = slot;
  t.label = padded(std::move(label));
  t.manufacturer = padded("SoftHSM project");
  t.model = "SoftHSM v2      ";
  t.serial = "8f3a2b1c0d9e7f60";
  t.slot_description = "SoftHSM slot ID 0x7";
  return t;
}

verdict check_one(std::string_view configured, const token& t) { return check(configured, std::vector{t}); }

}  // namespace

TEST_CASE("equal labels match, padding aside") {
  CHECK(check_one("mytoken (UserPIN)", shown("mytoken (UserPIN)")).what == cause::match);
  const std::string whole(32, 'x');
  CHECK(check_one(whole, shown(whole)).what == cause::match);
  token short_label = shown("");
  short_label.label = "trimmed";
  CHECK(check_one("trimmed", short_label).what == cause::match);
}

TEST_CASE("the story of the blog: the old form of OpenSC's labels") {
  const auto v = check_one("UserPIN (mytoken)", shown("mytoken (UserPIN)"));
  CHECK(v.what == cause::g_order);
  CHECK(id_of(v.what) == "P9g");
  CHECK(v.configure == "mytoken (UserPIN)");
  CHECK(v.also.empty());
  CHECK(v.advice.find("Configure exactly \"mytoken (UserPIN)\"") != std::string::npos);
  CHECK(v.byte_diff.find("55 73 65 72 50 49 4E") != std::string::npos);
  CHECK(v.byte_diff.find("^^") != std::string::npos);
}

TEST_CASE("a: case") {
  const auto v = check_one("MyToken", shown("mytoken"));
  CHECK(v.what == cause::a_case);
  CHECK(v.configure == "mytoken");
  CHECK(check_one("SCHLÜSSEL", shown("schlüssel")).what == cause::a_case);
  CHECK(check_one("MyToken", shown("mytokens")).what != cause::a_case);
}

TEST_CASE("b: blanks") {
  for (const auto* configured : {" mytoken", "mytoken ", "\tmytoken", "mytoken\r", "mytoken\n", "mytoken\u00A0"}) {
    INFO(configured);
    CHECK(check_one(configured, shown("mytoken")).what == cause::b_blanks);
  }
  CHECK(check_one("my  token", shown("my token")).what == cause::b_blanks);
  CHECK(check_one("my token", shown("my  token")).what == cause::b_blanks);
  const auto justified = check_one("mytoken (UserPIN)", shown("               mytoken (UserPIN)"));
  CHECK(justified.what == cause::b_blanks);
  CHECK(justified.configure == "               mytoken (UserPIN)");
  CHECK(check_one("mytoken", shown("my token")).what == cause::misspelt);
}

TEST_CASE("c: quotes") {
  for (const auto* configured :
       {"\"mytoken\"", "'mytoken'", "`mytoken`", "\u201Cmytoken\u201D", "\"mytoken", " \"mytoken\" "}) {
    INFO(configured);
    CHECK(check_one(configured, shown("mytoken")).what == cause::c_quotes);
  }
  CHECK(check_one("mytoken", shown("\"mytoken\"")).what == cause::c_quotes);
  CHECK(check_one("\"mytoken\"", shown("\"mytoken\"")).what == cause::match);
  CHECK(check_one("bob's", shown("bobs")).what != cause::c_quotes);
}

TEST_CASE("d: more than 32 bytes") {
  const std::string configured = "production signing token of branch 12";
  const auto v = check_one(configured, shown(configured.substr(0, 32)));
  CHECK(v.what == cause::d_too_long);
  CHECK(v.configure == configured.substr(0, 32));
  CHECK(v.say.find("32 bytes") != std::string::npos);
  // Cut within a character, and at a blank that then looks like padding.
  const std::string accent = "0123456789012345678901234567890\u00E9";
  CHECK(check_one(accent, shown(accent.substr(0, 32))).what == cause::d_too_long);
  const std::string blank = "0123456789012345678901234567890 x";
  CHECK(check_one(blank, shown(blank.substr(0, 32))).what == cause::d_too_long);
  CHECK(check_one("production signing", shown("production")).what != cause::d_too_long);
}

TEST_CASE("e: the text is another field of the token") {
  const token t = shown("mytoken");
  CHECK(check_one("8f3a2b1c0d9e7f60", t).what == cause::e_other_field);
  CHECK(check_one("SoftHSM v2", t).what == cause::e_other_field);
  CHECK(check_one("SoftHSM project", t).what == cause::e_other_field);
  CHECK(check_one("SoftHSM slot ID 0x7", t).what == cause::e_other_field);
  CHECK(check_one("7", t).what == cause::e_other_field);
  const auto v = check_one("8F3A2B1C0D9E7F60", t);
  CHECK(v.what == cause::e_other_field);
  CHECK(v.configure == "mytoken");
  CHECK(v.say.find("serial number") != std::string::npos);
  CHECK(check_one("SoftHSM v3", t).what != cause::e_other_field);
}

TEST_CASE("f: the text is the name of something else") {
  token t = shown("mytoken");
  t.objects = {"my_key3"};
  const auto object = check_one("my_key3", t);
  CHECK(object.what == cause::f_other_name);
  CHECK(object.configure == "mytoken");
  CHECK(check_one("mytoken:my_key3", t).what == cause::f_other_name);
  const std::vector<other_name> others{{"the name of the Java provider", "SoftHSM2"}};
  const auto java = check("SoftHSM2", std::vector{t}, others);
  CHECK(java.what == cause::f_other_name);
  CHECK(java.say.find("Java provider") != std::string::npos);
  // An object that has the token's label does not turn a match into a mismatch.
  t.objects = {"mytoken"};
  CHECK(check_one("mytoken", t).what == cause::match);
}

TEST_CASE("g: order and brackets") {
  CHECK(check_one("UserPIN mytoken", shown("mytoken (UserPIN)")).what == cause::g_order);
  const auto justified = check_one("UserPIN (mytoken)", shown("               mytoken (UserPIN)"));
  CHECK(justified.what == cause::g_order);
  // Among several PINs of one card the one that was named is picked.
  const std::vector tokens{shown("mytoken (SignPIN)", 1), shown("mytoken (UserPIN)", 2)};
  const auto v = check("UserPIN (mytoken)", tokens);
  CHECK(v.what == cause::g_order);
  CHECK(v.nearest == 1);
  CHECK(check_one("UserPIN (other)", shown("mytoken (UserPIN)")).what != cause::g_order);
}

TEST_CASE("g: the new form no longer fits") {
  const std::string now = std::string("a rather long token name (UserPIN)").substr(0, 32);
  const auto v = check_one("UserPIN (a rather long token name)", shown(now));
  CHECK(v.what == cause::g_order);
  CHECK(v.configure == now);
}

TEST_CASE("h: the closing bracket is missing") {
  const auto v = check_one("User PIN (myCard)", shown("User PIN (myCard"));
  CHECK(v.what == cause::h_bracket);
  CHECK(v.configure == "User PIN (myCard");
  CHECK(check_one("User PIN (myCard", shown("User PIN (myCard)")).what == cause::h_bracket);
  const std::string whole = "a rather long token name (UserPIN)";
  const auto cut = check_one(whole, shown(whole.substr(0, 32)));
  CHECK(cut.what == cause::h_bracket);
  CHECK(cut.configure == whole.substr(0, 32));
  CHECK(check_one("User PIN (myCard)", shown("User PIN (other")).what != cause::h_bracket);
}

TEST_CASE("i: colons") {
  CHECK(check_one("HSM:prod:1", shown("HSM.prod.1")).what == cause::i_colon);
  CHECK(check_one("HSM:prod", shown("HSM_prod")).what == cause::i_colon);
  CHECK(check_one("HSM.prod", shown("HSM:prod")).what == cause::i_colon);
  CHECK(check_one("HSM.prod", shown("HSM_prod")).what != cause::i_colon);
}

TEST_CASE("j: the PIN's name") {
  const auto v = check_one("mytoken", shown("mytoken (UserPIN)"));
  CHECK(v.what == cause::j_pin_suffix);
  CHECK(v.configure == "mytoken (UserPIN)");
  CHECK(check_one("mytoken (UserPIN)", shown("mytoken")).what == cause::j_pin_suffix);
  CHECK(check_one("UserPIN (mytoken)", shown("mytoken")).what == cause::j_pin_suffix);
  CHECK(check_one("mytoken", shown("othertoken (UserPIN)")).what != cause::j_pin_suffix);
}

TEST_CASE("k: encodings") {
  CHECK(check_one("Schl\u00FCssel", shown("Schl\xFCssel")).what == cause::k_encoding);          // UTF-8, Latin-1
  CHECK(check_one("Schl\u00FCssel", shown("Schlu\u0308ssel")).what == cause::k_encoding);       // accent written apart
  CHECK(check_one("Schl\u00C3\u00BCssel", shown("Schl\u00FCssel")).what == cause::k_encoding);  // encoded twice
  CHECK(check_one("Schlussel", shown("Schl\u00FCssel")).what == cause::k_encoding);             // the mark was left out
  CHECK(check_one("Schl?ssel", shown("Schl\u00FCssel")).what == cause::k_encoding);             // lost in a conversion
  CHECK(check_one("Schl??ssel", shown("Schl\u00FCssel")).what == cause::k_encoding);            // one for each byte
  CHECK(check_one("Schl???ssel", shown("Schl\u00FCssel")).what != cause::k_encoding);
  CHECK(check_one("my\u2013token", shown("my-token")).what == cause::k_encoding);  // a dash
  CHECK(check_one("\uFEFFmytoken", shown("mytoken")).what == cause::k_encoding);   // byte order mark
  token ebcdic = shown("");
  ebcdic.label = std::string("\x94\xA8\xA3\x96\x92\x85\x95", 7) + std::string(25, '\x40');  // "mytoken", padded
  CHECK(check_one("mytoken", ebcdic).what == cause::k_encoding);
  CHECK(check_one("Schl\u00FCssel", shown("Schlitten")).what != cause::k_encoding);
}

TEST_CASE("l: the label is padded with NUL") {
  token t = shown("");
  t.label = padded("mytoken", '\0');
  const auto v = check_one("mytoken", t);
  CHECK(v.what == cause::l_nul);
  CHECK(v.configure.empty());
  CHECK(v.byte_diff.find("00") != std::string::npos);
  const auto both = check_one("MYTOKEN", t);
  CHECK(both.configure == "mytoken");
  CHECK((both.what == cause::l_nul || both.also == std::vector{cause::l_nul}));
  CHECK(check_one("mytoken", shown("mytoken")).what == cause::match);
}

TEST_CASE("several differences at once") {
  const auto v = check_one("\"userpin (mytoken)\"", shown("mytoken (UserPIN)"));
  CHECK(v.what == cause::g_order);
  CHECK(v.also.size() == 2);
  CHECK(v.configure == "mytoken (UserPIN)");
}

TEST_CASE("the nearest token, and none") {
  const std::vector tokens{shown("alpha", 1), shown("signing-token", 2), shown("beta", 3)};
  const auto typo = check("singing-token", tokens);
  CHECK(typo.what == cause::misspelt);
  CHECK(typo.nearest == 1);
  CHECK(check("nothing of the kind", tokens).what == cause::different);
  CHECK(check("x", {}).what == cause::no_tokens);
  CHECK(check("", tokens).what == cause::empty);
  CHECK(check("", tokens).say.find("\"alpha\" in slot 1") != std::string::npos);
}

TEST_CASE("an exact match wins over every explanation on another token") {
  const std::vector tokens{shown("MYTOKEN", 1), shown("mytoken", 2)};
  const auto v = check("mytoken", tokens);
  CHECK(v.what == cause::match);
  CHECK(v.nearest == 1);
}

TEST_CASE("the same label on two tokens is said") {
  const std::vector tokens{shown("mytoken", 1), shown("mytoken", 2)};
  const auto v = check("mytoken", tokens);
  CHECK(v.same.size() == 2);
  CHECK(v.say.find("first") != std::string::npos);
}

TEST_CASE("an uninitialised token is never the answer to a label") {
  token blank = shown("", 9);
  blank.flags_known = true;
  const std::vector tokens{blank, shown("mytoken", 2)};
  CHECK(check("mytokem", tokens).nearest == 1);
  CHECK(check_one("mytoken", blank).nearest == none);
}

TEST_CASE("any bytes are survived, and shown without control characters") {
  std::string all;
  for (int c = 0; c < 256; ++c) all.push_back(static_cast<char>(c));
  const auto v = check_one(all + all + all, shown(all.substr(128, 32)));
  for (const char c : v.byte_diff + v.say) CHECK((c == '\n' || static_cast<unsigned char>(c) >= 0x20));
}
