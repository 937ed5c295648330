// SPDX-License-Identifier: Apache-2.0
// Draws the time lines: a canvas for each process, a row for each thread, one scale for all. Calls that share a pixel are
// drawn as one, in the colour of the longest of them.
#include "report/page.hpp"

namespace p11tape::report {

const std::string_view timeline_script = R"js(
'use strict';
(() => {
  const box = document.getElementById('time-line');
  const holder = box && box.querySelector('script');
  if (!holder) return;
  const data = JSON.parse(holder.textContent);
  const hint = box.querySelector('.hint'), views = [...box.querySelectorAll('canvas')];
  const top = 18, high = 22, whole = Math.max(data.end, 1);
  let from = 0, to = whole;
  const left = () => Math.min(130, views[0].clientWidth / 4);
  const words = us => us < 1e3 ? us.toFixed(1) + ' \u00b5s' : us < 1e6 ? (us / 1e3).toFixed(2) + ' ms' : (us / 1e6).toFixed(3) + ' s';
  const first = (all, at) => { let a = 0, b = all.length; while (a < b) { const m = (a + b) >> 1; all[m][0] + all[m][1] < at ? a = m + 1 : b = m; } return a; };
  function draw() {
    const style = getComputedStyle(document.documentElement), colour = name => style.getPropertyValue(name).trim();
    const groups = [0, 1, 2, 3, 4, 5, 6].map(i => colour('--c' + i)), ink = colour('--ink'), failed = colour('--failed');
    views.forEach((canvas, which) => {
      const threads = data.processes[which].threads, wide = canvas.clientWidth, ratio = window.devicePixelRatio || 1;
      const pen = canvas.getContext('2d'), edge = left(), tall = top + high * threads.length + 6;
      canvas.style.height = tall + 'px';
      canvas.width = wide * ratio; canvas.height = tall * ratio;
      pen.scale(ratio, ratio); pen.font = '11px sans-serif'; pen.fillStyle = ink;
      const scale = (wide - edge) / (to - from), last = words(to);
      pen.fillText(words(from), edge, 12);
      pen.fillText(last, wide - pen.measureText(last).width - 2, 12);
      threads.forEach((t, row) => {
        const y = top + row * high;
        pen.fillStyle = ink; pen.fillText(t.name, 4, y + 14, edge - 8);
        let pixel = -1;
        for (let i = first(t.s, from); i < t.s.length && t.s[i][0] <= to; i++) {
          const [start, length, calls, bad, f] = t.s[i];
          const x = Math.max(edge, edge + (start - from) * scale), end = Math.min(wide, edge + (start + length - from) * scale);
          if (end < pixel + 1 && !bad) continue;
          pixel = end;
          pen.fillStyle = groups[data.groups[f]]; pen.fillRect(x, y + 2, Math.max(1, end - x), high - 6);
          if (bad) { pen.fillStyle = failed; pen.fillRect(x, y + 2, Math.max(3, bad === calls ? end - x : Math.min(end - x, 6)), high - 2); }
        }
      });
    });
  }
  function show(a, b) {
    const width = Math.min(Math.max(b - a, 0.01), whole);
    from = Math.min(Math.max(a, 0), whole - width); to = from + width; draw();
  }
  const zoom = (at, by) => show(at - (at - from) * by, at + (to - at) * by);
  function stretch(canvas, which, e) {
    const t = data.processes[which].threads[Math.floor((e.offsetY - top) / high)];
    const edge = left(), at = from + (e.offsetX - edge) / (canvas.clientWidth - edge) * (to - from);
    const near = 2 * (to - from) / canvas.clientWidth, s = t && t.s[first(t.s, at - near)];
    return { at, t, s: s && s[0] <= at + near ? s : null };
  }
  views.forEach((canvas, which) => {
    let drag = null, moved = false;
    canvas.addEventListener('wheel', e => {
      if (!e.ctrlKey && !e.shiftKey && Math.abs(e.deltaX) < Math.abs(e.deltaY) && document.activeElement !== canvas) return;
      e.preventDefault(); zoom(stretch(canvas, which, e).at, e.deltaY < 0 ? 0.7 : 1 / 0.7);
    }, { passive: false });
    canvas.addEventListener('pointerdown', e => { drag = stretch(canvas, which, e).at; moved = false; canvas.setPointerCapture(e.pointerId); });
    canvas.addEventListener('pointerup', e => {
      drag = null;
      const { t, s } = stretch(canvas, which, e);
      if (s && !moved) document.dispatchEvent(new CustomEvent('p11tape-call', { detail: { tape: data.processes[which].tape, thread: t.n, at: s[0] } }));
    });
    canvas.addEventListener('dblclick', () => show(0, whole));
    canvas.addEventListener('pointermove', e => {
      const { at, t, s } = stretch(canvas, which, e);
      if (drag !== null) { const by = drag - at; if (Math.abs(by) > (to - from) / 200) { moved = true; show(from + by, to + by); } return; }
      hint.textContent = s ? data.processes[which].title + ', ' + t.name + ', ' + words(s[0]) + ': ' + (s[2] === 1 ? data.functions[s[4]] :
        s[2] + ' calls, the longest is ' + data.functions[s[4]]) + ', ' + words(s[1]) + (s[3] ? ', ' + s[3] + ' failed' : '') : '';
    });
    canvas.addEventListener('keydown', e => {
      const step = (to - from) / 5, middle = (from + to) / 2;
      if (e.key === 'ArrowLeft') show(from - step, to - step);
      else if (e.key === 'ArrowRight') show(from + step, to + step);
      else if (e.key === '+' || e.key === '=') zoom(middle, 0.7);
      else if (e.key === '-') zoom(middle, 1 / 0.7);
      else if (e.key === 'Home') show(0, whole);
      else return;
      e.preventDefault();
      hint.textContent = words(from) + ' to ' + words(to);
    });
  });
  window.addEventListener('resize', draw);
  window.addEventListener('beforeprint', draw);
  if (window.matchMedia) window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
  draw();
})();
)js";

}  // namespace p11tape::report
