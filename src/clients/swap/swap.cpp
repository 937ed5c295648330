// SPDX-License-Identifier: Apache-2.0
// Everything is worked out and checked before anything is written; what is written last is the configuration.
#include "clients/swap/swap.hpp"

#include <memory>
#include <optional>
#include <utility>

#include "clients/formats/mq_sslcryp.hpp"
#include "clients/formats/p11kit.hpp"
#include "clients/swap/backup.hpp"
#include "clients/swap/placement.hpp"
#include "clients/swap/shim_copy.hpp"
#include "clients/swap/swap_plan.hpp"
#include "clients/swap/tape_directory.hpp"

namespace p11tape::clients {
namespace {

swap_result refuse(std::string why) {
  swap_result r;
  r.what = outcome::refused;
  r.report.push_back(std::move(why));
  return r;
}

// The module's path as the recorder can load it; empty where it is relative to something that the recorder cannot know.
std::string loadable(client kind, const std::string& path) {
  if (kind == client::p11_kit) return p11_kit_module_path(path, exists);
  const bool expands = path.find("${") != std::string::npos;
  const bool relative = !path.starts_with('/') && path.find('/') != std::string::npos;
  return expands || relative || path.empty() ? "" : path;
}

// A backup of the file as it is without any recorder. One that is there already is kept if it is just that.
void keep_backup(const swap_request& request, const opened_file& file, std::string_view text, const reading& r,
                 placement& copy, undo_list& undo, swap_result& result, const before_step& step) {
  const auto& in = file.at.where;
  const std::string backup = backup_of(file.at.name);
  const auto note = [&](const file_id& id) { copy.note(file.at.path(), id, undo, step); };
  if (const auto there = in.look(backup)) {
    if (why_no_backup(file, *there, noted_backups(r, file.at.path())).empty() &&
        only_swapped(request.kind, read_whole(in.open_file(backup).get(), in.path_of(backup)).view(), text,
                     file.at.name))
      return note(id_of(*there));
    std::string aside;
    for (int n = 1; aside.empty() || in.has(aside); ++n) aside = backup + "." + std::to_string(n);
    undo.add([in, backup, aside, id = id_of(*there)] {
      const acting_as_owner owner(in);
      if (in.has(aside) && !in.has(backup)) rename_file(in, aside, id, backup, [](std::string_view) {});
    });
    rename_file(in, backup, id_of(*there), aside, step);
    result.report.push_back("Renamed an older backup to " + in.path_of(aside) + ".");
  }
  const auto made = std::make_shared<std::optional<file_id>>();
  undo.add([in, backup, made] {
    const acting_as_owner owner(in);
    if (*made && in.has(backup)) remove_file(in, backup, [](std::string_view) {});
  });
  back_up(
      file, backup,
      [&](const file_id& id) {
        note(id);
        *made = id;
      },
      step);
  result.report.push_back("Kept the original file as " + in.path_of(backup) + ".");
}

// What the swap will do, worked out before anything is touched.
struct plan {
  std::size_t index = 0;
  copy_settings settings;
  secret_buffer text;
};

std::string work_out(plan& p, const swap_request& request, const reading& r, std::string_view text,
                     const std::string& name, const shim_copy& copy) {
  const auto& place = r.modules[p.index];
  p.settings = {loadable(request.kind, place.path), place.path, request.tape_folder, {}};
  if (p.settings.module.empty())
    return "The module's path " + label::quoted(place.path) +
           " is relative or contains a variable. Write it in full first.";
  if (is_recorder(p.settings.module))
    return "The file already names the recorder, " + place.path +
           ", but not because of p11tape swap: there is no settings file beside it that names a module.";
  p.text = with_paths(text, r, {{p.index, copy.library}});
  return unlike_expected(r, read_as(request.kind, p.text.view(), name), p.index, copy.library);
}

}  // namespace

std::string backup_of(const std::string& file) { return file + ".before-p11tape"; }

swap_result swap_in(const swap_request& request, const before_step& step) {
  // A link stays a link: what it leads to is replaced.
  const file_location at = locate(request.file);
  placement copy(request, tag_of(request.kind, at.path(), request.only), at.where);
  const acting_as_owner owner(at.where);
  if (!request.dry_run) at.where.lock();
  const opened_file opened = open_to_change(at);
  const std::string file = at.path();
  const secret_buffer text = read_whole(opened.bytes.get(), file);
  const auto r = read_as(request.kind, text.view(), at.name);
  if (const auto why = reason_not_to(r); !why.empty()) return refuse(file + ": " + why);
  const auto [index, why_not] = choose_module(r, request.only);
  if (!index) return refuse(file + ": " + why_not);

  const std::string& configured = r.modules[*index].path;
  if (const auto there = read_copy_settings(settings_beside(configured)); there && is_recorder(configured)) {
    // What was asked for is obeyed, or refused: nobody shall look for tapes where there are none.
    if (!request.tape_folder.empty() && there->tape_folder != request.tape_folder)
      return refuse(file + ": the recorder " + configured + " is already in place, and its tapes go to " +
                    (there->tape_folder.empty() ? "the default directory" : there->tape_folder) + ", not to " +
                    request.tape_folder + " (edit `dir` in " + settings_beside(configured) + ", or restore first).");
    if (!request.into.empty() && folder_of(configured) != request.into)
      return refuse(file + ": the recorder " + configured + " is already in place, not in " + request.into +
                    " (restore first).");
    swap_result result;
    result.what = outcome::nothing_to_do;
    result.report.push_back(file + ": the recorder " + configured + " is already in place, for " + there->module + ".");
    return result;
  }
  plan p;
  p.index = *index;
  if (const auto why = work_out(p, request, r, text.view(), at.name, copy.copy()); !why.empty())
    return refuse(file + ": " + why);
  if (const auto why = copy.conflict(p.settings.module); !why.empty()) return refuse(why);
  if (const auto why = tape_directory_conflict(request); !why.empty()) return refuse(why);

  swap_result result;
  result.difference = difference(request.kind, text.view(), p.text.view(), at.name);
  result.restart = restart_advice(request.kind);
  if (request.dry_run) return result;
  if (!exists(p.settings.module) && p.settings.module.starts_with('/'))
    result.report.push_back("Note: the module " + p.settings.module + " does not exist.");
  undo_list undo;
  make_tape_directory(request, result, undo, step);
  copy.make(p.settings, result, undo, step);
  keep_backup(request, opened, text.view(), r, copy, undo, result, step);
  try {
    replace_file(opened, p.text.view(), step);
  } catch (const file_error&) {
    // Renamed already, but perhaps not on the disk yet: the configuration needs the copy.
    if (const auto now = at.where.look(at.name); !now || id_of(*now) != opened.id()) undo.keep();
    throw;
  }
  undo.keep();
  result.report.push_back("Put the recorder into " + file + ", line " + std::to_string(r.modules[*index].line) + ".");
  return result;
}

string_swap swap_string(std::string_view text, const swap_request& request, const before_step& step) {
  string_swap out;
  const auto r = read_pasted_mq_string(text);
  if (const auto why = reason_not_to(r); !why.empty()) {
    out.result = refuse(why);
    return out;
  }
  const copy_settings settings{
      loadable(client::mq_string, r.modules[0].path), r.modules[0].path, request.tape_folder, {}};
  if (settings.module.empty() || is_recorder(settings.module)) {
    out.result =
        refuse(settings.module.empty() ? "The driver's path is relative." : "The string already names the recorder.");
    return out;
  }
  placement copy(request, tag_of(client::mq_string, "", request.only), std::nullopt);
  if (const auto why = copy.conflict(settings.module); !why.empty()) {
    out.result = refuse(why);
    return out;
  }
  if (const auto why = tape_directory_conflict(request); !why.empty()) {
    out.result = refuse(why);
    return out;
  }
  const std::size_t old_path = r.modules[0].path.size(), new_path = copy.copy().library.size();
  if (r.string_length - old_path + new_path > mq_string_size) {
    out.result = refuse(
        "The string would be longer than the 256 bytes that MQ keeps. Name a directory with a shorter path (--into).");
    return out;
  }
  put_into_words(out, r, copy.copy().library);
  if (request.dry_run) return out;
  undo_list undo;
  make_tape_directory(request, out.result, undo, step);
  copy.make(settings, out.result, undo, step);
  undo.keep();
  return out;
}

}  // namespace p11tape::clients
