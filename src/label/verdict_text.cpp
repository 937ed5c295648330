// SPDX-License-Identifier: Apache-2.0
// One row a cause, so that doctor, diagnose and the documentation use the same words.
#include "label/verdict_text.hpp"
#include "text/slot_number.hpp"

#include <algorithm>
#include <iterator>
#include <string>

namespace p11tape::label {
namespace {

struct row {
  cause what;
  std::string_view id;
  std::string_view title;
  std::string_view because;  ///< one sentence that follows "The configured label is on no token."
  std::string_view hint;     ///< what to do besides configuring the exact text; may be empty
};

constexpr row rows[] = {
    {cause::match, "", "the label matches", "", ""},
    {cause::no_tokens, "P9", "no token", "The module shows no token.",
     "Check the device, its service (pcscd, the HSM's client) and the permissions of the user that runs the program."},
    {cause::empty, "P9", "no label is configured", "The label field is empty.", ""},
    {cause::different, "P9", "the label is different", "No token has a similar label.",
     "If none of these is the right token, check the module and the user's permissions for the device."},
    {cause::misspelt, "P9", "the label is misspelt", "A few characters differ.", ""},
    {cause::a_case, "P9a", "upper and lower case differ",
     "Only upper and lower case differ; labels are compared byte by byte.", ""},
    {cause::b_blanks, "P9b", "spaces differ",
     "Only spaces differ: at one end, two in a row, or a tab, newline or no-break space instead of a space.",
     "A label taken from a file with Windows line endings ends with a carriage return."},
    {cause::c_quotes, "P9c", "quotes are part of the label",
     "The quotes are taken as part of the label; nothing removes them.", ""},
    {cause::d_too_long, "P9d", "longer than 32 bytes", "A token label has 32 bytes; a longer text can never match.",
     ""},
    {cause::e_other_field, "P9e", "the text is another field of the token", "", ""},
    {cause::f_other_name, "P9f", "the text is the name of something else", "", ""},
    {cause::g_order, "P9g", "the words are in a different order",
     "The words are the same, but in a different order or with different brackets. OpenSC up to 0.19 named a token "
     "\"UserPIN (mytoken)\"; OpenSC 0.20 and later name it \"mytoken (UserPIN)\".",
     "After a driver update, check all configured labels."},
    {cause::h_bracket, "P9h", "the closing bracket is missing",
     "One of the two was truncated and lost its closing bracket.",
     "Give the token a shorter label, or configure the truncated text."},
    {cause::i_colon, "P9i", "a colon was replaced",
     "One has a colon where the other has a dot or an underscore. OpenSC 0.24 and later replace colons in labels.", ""},
    {cause::j_pin_suffix, "P9j", "the PIN name is in brackets",
     "One of the two contains the name of a PIN in brackets. OpenSC adds it if a card has several PINs and so several "
     "slots; with one PIN (onepin-opensc-pkcs11.so) it does not.",
     "Make sure that the module is the one for which the label was configured."},
    {cause::k_encoding, "P9k", "a character is encoded differently",
     "The labels look alike, but a character has different bytes: another encoding (UTF-8, Latin-1, EBCDIC), a "
     "separate accent, a dash or space from a word processor, or a letter that a conversion lost.",
     "Type the label in the encoding that the token uses, or give the token a label of ASCII letters."},
    {cause::l_nul, "P9l", "the label is padded with NUL",
     "The token's label is padded with NUL bytes, but the standard requires spaces. Clients that compare the whole "
     "field find no match.",
     "Ask the vendor for a driver that pads with spaces, or give the token a new label with a newer tool."},
};

constexpr bool ordered() {
  for (std::size_t i = 0; i < std::size(rows); ++i)
    if (static_cast<std::size_t>(rows[i].what) != i) return false;
  return true;
}
static_assert(ordered() && std::size(rows) == static_cast<std::size_t>(cause::l_nul) + 1);

const row& row_of(cause c) noexcept { return rows[static_cast<std::size_t>(c)]; }

std::string where(const token& t) { return "in " + text::slot(t.slot); }

std::string list_of(std::span<const token> tokens) {
  constexpr std::size_t most = 8;
  std::string out;
  for (std::size_t i = 0; i < std::min(tokens.size(), most); ++i)
    out += (i == 0 ? "" : ", ") + quoted(unpadded(tokens[i].label)) + " " + where(tokens[i]);
  if (tokens.size() > most) out += " and " + std::to_string(tokens.size() - most) + " more";
  return out;
}

void say_match(verdict& v, std::span<const token> tokens) {
  const token& t = tokens[v.nearest];
  v.say = "The label matches the token " + quoted(unpadded(t.label)) + " " + where(t) + ".";
  if (v.same.size() > 1) {
    v.say += " " + std::to_string(v.same.size()) + " tokens have this label; clients use the first one that they find.";
    v.advice = "Give each token its own label.";
  }
  if (v.uninitialised) {
    v.say += " The token is not initialised.";
    v.advice += std::string(v.advice.empty() ? "" : " ") + "Initialise the token and its user PIN first.";
  }
}

}  // namespace

std::string_view id_of(cause c) noexcept { return row_of(c).id; }
std::string_view title_of(cause c) noexcept { return row_of(c).title; }

void put_into_words(verdict& v, std::string_view configured, std::span<const token> tokens,
                    std::string_view description) {
  if (v.what == cause::match) return say_match(v, tokens);
  const row& r = row_of(v.what);
  if (v.what == cause::no_tokens || v.what == cause::empty)
    v.say = r.because;
  else
    v.say = "No token has the configured label " + quoted(configured) + ". ";
  if (v.what == cause::e_other_field || v.what == cause::f_other_name)
    v.say += "That text is " + std::string(description) + ", not a token's label.";
  else if (v.what != cause::no_tokens && v.what != cause::empty)
    v.say += r.because;
  for (const cause c : v.also) v.say += " Besides, " + std::string(title_of(c)) + ".";

  if (v.what == cause::different || v.what == cause::empty || v.nearest == none) {
    if (!tokens.empty()) v.say += " The module shows " + list_of(tokens) + ".";
  } else {
    v.say += " The token is " + quoted(unpadded(tokens[v.nearest].label)) + " " + where(tokens[v.nearest]) + ".";
  }
  if (v.uninitialised) v.say += " It is not initialised.";

  if (!v.configure.empty()) v.advice = "Configure exactly " + quoted(v.configure) + ".";
  if (!r.hint.empty()) v.advice += std::string(v.advice.empty() ? "" : " ") + std::string(r.hint);
  if (v.configure.empty() && v.nearest != none && v.what != cause::l_nul)
    v.advice = "Configure the label of the token that holds the key, exactly as shown." +
               std::string(v.advice.empty() ? "" : " ") + v.advice;
  if (v.advice.empty()) v.advice = "Configure the label of one of the tokens shown.";
}

}  // namespace p11tape::label
