// SPDX-License-Identifier: Apache-2.0
#include "cli/support/manual.hpp"

namespace p11tape::cli {

std::vector<const CLI::App*> visible_commands(const CLI::App& app) {
  std::vector<const CLI::App*> shown;
  for (const auto* c : app.get_subcommands({}))
    if (!c->get_group().empty()) shown.push_back(c);
  return shown;
}

namespace {

std::vector<const CLI::Option*> options_of(const CLI::App& app) {
  std::vector<const CLI::Option*> shown;
  for (const auto* o : app.get_options({}))
    if (!o->get_group().empty()) shown.push_back(o);
  return shown;
}

// Text as troff shows it: a backslash, a dash and a control character at a line's start are its own.
std::string troff(std::string_view text) {
  std::string out;
  bool line_start = true;
  for (const char c : text) {
    if (line_start && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
    line_start = c == '\n';
  }
  return out;
}

// "-C,--context N"
std::string spelled(const CLI::Option& o) {
  std::string names;
  if (o.get_positional()) {
    names = o.get_name(true);
  } else {
    for (const auto& s : o.get_snames()) names += (names.empty() ? "-" : ", -") + s;
    for (const auto& l : o.get_lnames()) names += (names.empty() ? "--" : ", --") + l;
  }
  if (!o.get_positional() && o.get_expected_max() > 0 && !o.get_type_name().empty()) names += " " + o.get_type_name();
  return names;
}

void append_options(const CLI::App& of, std::string& out) {
  const auto all = options_of(of);
  if (all.empty()) return;
  out += ".SH OPTIONS\n";
  for (const auto* o : all) out += ".TP\n.B " + troff(spelled(*o)) + "\n" + troff(o->get_description()) + "\n";
}

// The footer as it stands: it has examples, whose lines must not be joined.
void append_footer(const CLI::App& of, std::string& out) {
  const auto footer = of.get_footer();
  if (!footer.empty()) out += ".SH NOTES\n.nf\n" + troff(footer) + "\n.fi\n";
}

// Between single quotes.
std::string shell_quoted(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c == '\n' ? ' ' : c;
    }
  }
  return out;
}

std::string long_options(const CLI::App& of) {
  std::string out;
  for (const auto* o : options_of(of))
    for (const auto& l : o->get_lnames()) out += (out.empty() ? "--" : " --") + l;
  return out;
}

}  // namespace

std::string manual_page(const CLI::App& app, const CLI::App* command, const std::string& version) {
  const std::string name = command == nullptr ? "p11tape" : "p11tape-" + command->get_name();
  const CLI::App& of = command == nullptr ? app : *command;
  std::string upper = name;
  for (auto& c : upper)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  std::string out = ".TH \"" + upper + "\" 1 \"\" \"p11tape " + version + "\" \"p11tape\"\n";
  out += ".SH NAME\n" + troff(name) + " \\- " + troff(of.get_description()) + "\n.SH SYNOPSIS\n.B p11tape\n";
  if (command == nullptr) {
    out += ".I COMMAND\n[OPTION...]\n.SH COMMANDS\n";
    for (const auto* c : visible_commands(app))
      out += ".TP\n.BR p11tape\\-" + troff(c->get_name()) + " (1)\n" + troff(c->get_description()) + "\n";
  } else {
    out += ".B " + troff(command->get_name()) + "\n[OPTION...]\n";
    for (const auto* o : options_of(*command))
      if (o->get_positional()) out += ".RI [ " + troff(o->get_name(true)) + " ...]\n";
  }
  append_options(of, out);
  append_footer(of, out);
  out += ".SH SEE ALSO\n";
  out += command == nullptr ? ".BR pkcs11\\-tool (1),\n.BR p11\\-kit (8)\n" : ".BR p11tape (1)\n";
  return out;
}

std::string bash_completion(const CLI::App& app) {
  std::string names, cases;
  for (const auto* c : visible_commands(app)) {
    names += (names.empty() ? "" : " ") + c->get_name();
    cases += "    " + c->get_name() + ") options=\"" + long_options(*c) + "\" ;;\n";
  }
  return "# Completion of p11tape for bash.\n"
         "_p11tape() {\n"
         "  local word=${COMP_WORDS[COMP_CWORD]} options=\n"
         "  COMPREPLY=()\n"
         "  if ((COMP_CWORD == 1)); then\n"
         "    mapfile -t COMPREPLY < <(compgen -W \"" +
         names +
         " help\" -- \"$word\")\n"
         "    return\n"
         "  fi\n"
         "  case ${COMP_WORDS[1]} in\n" +
         cases + "    help) mapfile -t COMPREPLY < <(compgen -W \"" + names +
         "\" -- \"$word\"); return ;;\n"
         "  esac\n"
         "  if [[ $word == -* ]]; then\n"
         "    mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$word\")\n"
         "  else\n"
         "    mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
         "  fi\n"
         "}\n"
         "complete -o filenames -F _p11tape p11tape\n";
}

std::string zsh_completion(const CLI::App& app) {
  std::string names, cases;
  for (const auto* c : visible_commands(app)) {
    names += "    '" + c->get_name() + ":" + shell_quoted(c->get_description()) + "'\n";
    cases += "    " + c->get_name() + ")\n      _arguments";
    for (const auto* o : options_of(*c)) {
      const bool value = o->get_expected_max() > 0;
      for (const auto& l : o->get_lnames()) {
        std::string help = shell_quoted(o->get_description());
        for (std::size_t i = 0; (i = help.find_first_of("[]:", i)) != std::string::npos; i += 2) help.insert(i, "\\");
        cases += " \\\n        '--" + l + "[" + help + "]" + (value ? ":value:_files" : "") + "'";
      }
    }
    cases += " \\\n        '*:file:_files' ;;\n";
  }
  return "#compdef p11tape\n"
         "# Completion of p11tape for zsh.\n"
         "local -a commands\n"
         "commands=(\n" +
         names +
         ")\n"
         "if ((CURRENT == 2)); then\n"
         "  _describe command commands\n"
         "else\n"
         "  local command=$words[2]\n"
         "  shift words\n"
         "  ((CURRENT--))\n"
         "  case $command in\n" +
         cases +
         "  esac\n"
         "fi\n";
}

std::string fish_completion(const CLI::App& app) {
  std::string out = "# Completion of p11tape for fish.\n";
  for (const auto* c : visible_commands(app)) {
    out += "complete -c p11tape -n __fish_use_subcommand -a " + c->get_name() + " -d '" +
           shell_quoted(c->get_description()) + "'\n";
    for (const auto* o : options_of(*c))
      for (const auto& l : o->get_lnames())
        out += "complete -c p11tape -n '__fish_seen_subcommand_from " + c->get_name() + "' -l " + l +
               (o->get_expected_max() > 0 ? " -r" : "") + " -d '" + shell_quoted(o->get_description()) + "'\n";
  }
  return out;
}

}  // namespace p11tape::cli
