// SPDX-License-Identifier: Apache-2.0
#include "profile/formats/page.hpp"

#include <openssl/evp.h>

#include <array>

namespace p11tape::profile {

const std::string_view page_style = R"css(
:root{--ink:#1b1f24;--soft:#5c6670;--line:#d7dce1;--back:#fff;--bar:#3b76c4;--bad:#c0392b;--card:#f5f7f9}
@media(prefers-color-scheme:dark){:root{--ink:#e4e8ec;--soft:#98a2ad;--line:#38414a;--back:#171b1f;--bar:#6ba3ea;--bad:#ff7b6b;--card:#20262c}}
body{margin:1.5rem auto;max-width:76rem;padding:0 1rem;color:var(--ink);background:var(--back);font:14px/1.45 system-ui,sans-serif}
h1{font-size:1.4rem}h2{font-size:1.15rem;margin-top:2.2rem;border-bottom:1px solid var(--line)}h3{font-size:1rem;margin:1.2rem 0 .3rem}
.verdict{background:var(--card);border-left:4px solid var(--bar);padding:.6rem 1rem}.verdict p{margin:.2rem 0}.verdict p:first-child{font-size:1.1rem;font-weight:600}
table{border-collapse:collapse;width:100%;margin-bottom:1rem}th,td{padding:.15rem .5rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th{color:var(--soft);font-weight:500}th:first-child,td:first-child{text-align:left;white-space:normal;overflow-wrap:anywhere}td.text,th.text{text-align:left;white-space:normal}
.meter{display:inline-block;width:6rem;height:.6rem;background:var(--line);margin-left:.4rem}.meter i{display:block;height:100%;background:var(--bar)}
.soft{color:var(--soft)}.bad{color:var(--bad)}.way{display:flex;height:1.6rem;margin:.3rem 0}.way i{display:block;min-width:1px;border-right:1px solid var(--back)}
canvas{width:100%;display:block;border:1px solid var(--line);touch-action:none;cursor:crosshair}.hint{min-height:1.5em;color:var(--soft)}
.histograms{display:flex;flex-wrap:wrap;gap:1rem}.histograms figure{margin:0;width:24rem}figcaption{color:var(--soft)}svg rect{fill:var(--bar)}svg line{stroke:var(--bad)}svg text{fill:var(--soft);font-size:11px}
.finding{background:var(--card);padding:.4rem .8rem;margin:.5rem 0;border-left:4px solid var(--line)}.finding.error{border-color:var(--bad)}.finding.warning{border-color:#d9a400}.finding p{margin:.2rem 0}
)css";

// Stretches that share a pixel are drawn as one, in the colour of the longest call among them.
const std::string_view page_script = R"js(
'use strict';
for (const box of document.querySelectorAll('.timeline')) {
  const data = JSON.parse(box.querySelector('script').textContent);
  const canvas = box.querySelector('canvas'), hint = box.querySelector('.hint'), pen = canvas.getContext('2d');
  const left = 150, top = 18, high = 22, whole = Math.max(data.end, 1);
  let from = 0, to = whole, drag = null;
  const hue = f => 'hsl(' + (f * 137.508) % 360 + ' 55% 52%)';
  const words = us => us < 1e3 ? us.toFixed(1) + ' \u00b5s' : us < 1e6 ? (us / 1e3).toFixed(2) + ' ms' : (us / 1e6).toFixed(3) + ' s';
  const first = (all, at) => { let a = 0, b = all.length; while (a < b) { const m = (a + b) >> 1; all[m][0] + all[m][1] < at ? a = m + 1 : b = m; } return a; };
  function draw() {
    const wide = canvas.clientWidth, ratio = window.devicePixelRatio || 1, ink = getComputedStyle(document.body).color;
    canvas.style.height = top + high * data.threads.length + 6 + 'px';
    canvas.width = wide * ratio; canvas.height = (top + high * data.threads.length + 6) * ratio;
    pen.scale(ratio, ratio); pen.font = '11px sans-serif'; pen.fillStyle = ink;
    const scale = (wide - left) / (to - from);
    pen.fillText(words(from), left, 12);
    const last = words(to); pen.fillText(last, wide - pen.measureText(last).width - 2, 12);
    data.threads.forEach((t, row) => {
      const y = top + row * high;
      pen.fillStyle = ink; pen.fillText(t.name, 4, y + 14, left - 8);
      let pixel = -1;
      for (let i = first(t.s, from); i < t.s.length && t.s[i][0] <= to; i++) {
        const [start, length, calls, failed, f] = t.s[i];
        const x = Math.max(left, left + (start - from) * scale), end = left + (start + length - from) * scale;
        if (end < pixel + 1 && !failed) continue;
        pixel = end;
        pen.fillStyle = hue(f); pen.fillRect(x, y + 2, Math.max(1, end - x), high - 6);
        if (failed) { pen.fillStyle = '#e02020'; pen.fillRect(x, y + high - 5, Math.max(2, end - x), 3); }
      }
    });
  }
  const time = e => from + (e.offsetX - left) / (canvas.clientWidth - left) * (to - from);
  canvas.addEventListener('wheel', e => {
    e.preventDefault();
    const at = time(e), by = e.deltaY < 0 ? 0.7 : 1 / 0.7;
    from = Math.max(0, at - (at - from) * by); to = Math.min(whole, Math.max(from + 0.01, at + (to - at) * by)); draw();
  }, { passive: false });
  canvas.addEventListener('pointerdown', e => { drag = { at: time(e) }; canvas.setPointerCapture(e.pointerId); });
  canvas.addEventListener('pointerup', () => { drag = null; });
  canvas.addEventListener('dblclick', () => { from = 0; to = whole; draw(); });
  canvas.addEventListener('pointermove', e => {
    const at = time(e);
    if (drag) {
      const by = Math.min(Math.max(drag.at - at, -from), whole - to);
      from += by; to += by; draw(); return;
    }
    const t = data.threads[Math.floor((e.offsetY - top) / high)];
    const near = 2 * (to - from) / canvas.clientWidth, s = t && t.s[first(t.s, at - near)];
    hint.textContent = s && s[0] <= at + near ? t.name + ', ' + words(s[0]) + ': ' + (s[2] === 1 ? data.names[s[4]] :
      s[2] + ' calls, the longest is ' + data.names[s[4]]) + ', ' + words(s[1]) + (s[3] ? ', ' + s[3] + ' failed' : '') : '';
  });
  window.addEventListener('resize', draw);
  draw();
}
)js";

namespace {

// As Content-Security-Policy names a script: sha256 of its text, in base 64.
std::string hash_of(std::string_view text) {
  std::array<unsigned char, 32> digest{};
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1) return {};
  std::array<unsigned char, 48> encoded{};
  EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(digest.size()));
  return reinterpret_cast<const char*>(encoded.data());
}

}  // namespace

std::string page_head(std::string_view title) {
  std::string out = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n";
  out +=
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
      "script-src 'sha256-";
  out += hash_of(page_script);
  out += "'\">\n<meta name=\"viewport\" content=\"width=device-width\">\n<title>";
  out += escaped(title);
  out += "</title>\n<style>";
  out += page_style;
  out += "</style></head><body>\n";
  return out;
}

std::string page_end() { return "<script>" + std::string(page_script) + "</script>\n</body></html>\n"; }

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  return out;
}

}  // namespace p11tape::profile
