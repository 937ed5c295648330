// SPDX-License-Identifier: Apache-2.0
// Everything is worked out and checked before anything is written; what is written last is the configuration.
#include "clients/swap/swap.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "clients/formats/mq_sslcryp.hpp"
#include "clients/formats/p11kit.hpp"
#include "clients/swap/shim_copy.hpp"
#include "clients/swap/swap_plan.hpp"

namespace p11tape::clients {
namespace {

constexpr std::size_t largest_library = 256 * 1024 * 1024;

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

// The copy of the recorder with its settings, made or found.
class placement {
 public:
  placement(const swap_request& request, std::string_view tag)
      : request_(request), copy_(copy_for(request.into.empty() ? folder_of(request.shim) : request.into, tag)) {}

  const shim_copy& copy() const noexcept { return copy_; }

  /// Why this place cannot be taken for that module; empty where it can.
  std::string conflict(const std::string& module) const {
    if (!is_recorder(request_.shim)) return request_.shim + ": not the recorder p11tape.so (name it with --shim).";
    if (!copy_.library.starts_with('/')) return "The directory of the copy must be an absolute path.";
    const auto settings = read_copy_settings(copy_.settings);
    if (exists(copy_.settings) && !settings)
      return copy_.settings + ": exists, but names no module (remove it, or name another directory with --into).";
    if (settings && settings->module != module)
      return copy_.library + ": already records another module, " + settings->module +
             " (name another directory with --into, or restore that client first).";
    if (!settings && exists(copy_.library) && !is_recorder(copy_.library))
      return copy_.library + ": exists, but is not the recorder.";
    return "";
  }

  void make(const copy_settings& settings, swap_result& result, const before_step& step) const {
    make_folder(step);
    const secret_buffer recorder = read_whole(request_.shim, largest_library);
    const bool there = exists(copy_.library);
    const bool same = there && read_whole(copy_.library, largest_library).view() == recorder.view();
    if (!same) {
      // Mode 0755: other users' programs load it. The rename leaves running programs the file that they have mapped.
      write_file(copy_.library, recorder.view(), 0755, step);
      result.report.push_back((there ? "Updated the copy of the recorder " : "Copied the recorder to ") +
                              copy_.library + ".");
    }
    if (!exists(copy_.settings)) {
      write_file(copy_.settings, compose_settings(settings, name_of(request_.kind)), 0644, step);
      result.report.push_back("Wrote its settings " + copy_.settings + ": module " + settings.module + ".");
      return;
    }
    // What a user wrote there stays; but whoever names a folder now must not look for the tapes in vain.
    const auto kept = read_copy_settings(copy_.settings);
    if (!kept || settings.tape_folder.empty() || kept->tape_folder == settings.tape_folder) return;
    result.report.push_back("Kept the settings " + copy_.settings + ": tapes go to " +
                            (kept->tape_folder.empty() ? "the default directory" : kept->tape_folder) + ", not to " +
                            settings.tape_folder + ". To change that, edit `dir` there.");
  }

 private:
  void make_folder(const before_step& step) const {
    const std::string folder = folder_of(copy_.library);
    if (exists(folder)) return;
    step("create the directory");
    if (mkdir(folder.c_str(), 0755) != 0) {
      const char* why = strerrordesc_np(errno);
      throw file_error(folder + ": cannot create the directory: " + (why != nullptr ? why : "unknown error"));
    }
  }

  const swap_request& request_;
  shim_copy copy_;
};

// A backup of the file as it is without any recorder. One that is there already is kept where it is just that.
void keep_backup(const swap_request& request, const std::string& file, std::string_view text, swap_result& result,
                 const before_step& step) {
  const std::string backup = backup_of(file);
  if (exists(backup)) {
    if (only_swapped(request.kind, read_whole(backup).view(), text, file_of(file))) return;
    std::string aside;
    for (int n = 1; aside.empty() || exists(aside); ++n) aside = backup + "." + std::to_string(n);
    move_file(backup, aside, step);
    result.report.push_back("Renamed an older backup to " + aside + ".");
  }
  back_up(file, backup, step);
  result.report.push_back("Kept the original file as " + backup + ".");
}

// What the swap will do, worked out before anything is touched.
struct plan {
  std::size_t index = 0;
  copy_settings settings;
  secret_buffer text;
};

std::string work_out(plan& p, const swap_request& request, const reading& r, std::string_view text,
                     const std::string& file, const shim_copy& copy) {
  const auto& place = r.modules[p.index];
  p.settings = {loadable(request.kind, place.path), place.path, request.tape_folder};
  if (p.settings.module.empty())
    return "The module's path " + label::quoted(place.path) +
           " is relative or contains a variable. Write it in full first.";
  if (is_recorder(p.settings.module))
    return "The file already names the recorder, " + place.path +
           ", but not because of p11tape swap: there is no settings file beside it that names a module.";
  p.text = with_paths(text, r, {{p.index, copy.library}});
  return unlike_expected(r, read_as(request.kind, p.text.view(), file_of(file)), p.index, copy.library);
}

}  // namespace

std::string backup_of(const std::string& file) { return file + ".before-p11tape"; }

swap_result swap_in(const swap_request& request, const before_step& step) {
  // A link stays a link: what it leads to is replaced.
  const std::string file = real_path(request.file);
  const secret_buffer text = read_whole(file);
  const auto r = read_as(request.kind, text.view(), file_of(file));
  if (const auto why = reason_not_to(r); !why.empty()) return refuse(file + ": " + why);
  const auto [index, why_not] = choose_module(r, request.only);
  if (!index) return refuse(file + ": " + why_not);

  const std::string& configured = r.modules[*index].path;
  if (const auto there = read_copy_settings(settings_beside(configured)); there && is_recorder(configured)) {
    swap_result result;
    result.what = outcome::nothing_to_do;
    result.report.push_back(file + ": the recorder " + configured + " is already in place, for " + there->module + ".");
    return result;
  }
  const placement place(request, tag_of(request.kind, file, request.only));
  plan p;
  p.index = *index;
  if (const auto why = work_out(p, request, r, text.view(), file, place.copy()); !why.empty())
    return refuse(file + ": " + why);
  if (const auto why = place.conflict(p.settings.module); !why.empty()) return refuse(why);

  swap_result result;
  result.difference = difference(request.kind, text.view(), p.text.view(), file_of(file));
  result.restart = restart_advice(request.kind);
  if (request.dry_run) return result;
  if (!exists(p.settings.module) && p.settings.module.starts_with('/'))
    result.report.push_back("Note: the module " + p.settings.module + " does not exist.");
  place.make(p.settings, result, step);
  keep_backup(request, file, text.view(), result, step);
  replace_file(file, p.text.view(), step);
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
  const copy_settings settings{loadable(client::mq_string, r.modules[0].path), r.modules[0].path, request.tape_folder};
  if (settings.module.empty() || is_recorder(settings.module)) {
    out.result =
        refuse(settings.module.empty() ? "The driver's path is relative." : "The string already names the recorder.");
    return out;
  }
  const placement place(request, tag_of(client::mq_string, "", request.only));
  if (const auto why = place.conflict(settings.module); !why.empty()) {
    out.result = refuse(why);
    return out;
  }
  const std::size_t old_path = r.modules[0].path.size(), new_path = place.copy().library.size();
  if (r.string_length - old_path + new_path > mq_string_size) {
    out.result = refuse(
        "The string would be longer than the 256 bytes that MQ keeps. Name a directory with a shorter path (--into).");
    return out;
  }
  put_into_words(out, r, place.copy().library);
  if (!request.dry_run) place.make(settings, out.result, step);
  return out;
}

}  // namespace p11tape::clients
