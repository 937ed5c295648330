// SPDX-License-Identifier: Apache-2.0
// The list of calls: only the rows in the window exist, so 100,000 calls cost what 30 do. All text is set as text.
#include "report/page.hpp"

namespace p11tape::report {

const std::string_view calls_script = R"js(
'use strict';
(() => {
  const box = document.getElementById('calls');
  const holder = box && box.querySelector('script');
  if (!holder) return;
  const { calls, texts, functions, values, threads, marks, several, base, zone } = JSON.parse(holder.textContent);
  const TAPE = 0, NUMBER = 1, THREAD = 2, START = 3, TOOK = 4, FUNCTION = 5, VALUE = 6, TEXT = 7;
  const list = box.querySelector('.list'), all = list.querySelector('.all'), detail = box.querySelector('.detail');
  const count = box.querySelector('.count'), form = box.querySelector('form');
  const search = form.elements.text, high = 24;
  const marked = new Map(marks.map(([tape, number, ids]) => [tape + ':' + number, ids]));
  const key = c => c[TAPE] + 1 + ':' + c[NUMBER], name = c => several ? key(c) : String(c[NUMBER]);
  const idsOf = c => marked.get(c[TAPE] + ':' + c[NUMBER]) || '';
  const failed = c => c[VALUE] !== 0;
  const took = ns => ns < 0 ? '' : ns < 1e3 ? ns + ' ns' : ns < 1e6 ? (ns / 1e3).toPrecision(3) + ' \u00b5s' : ns < 1e9 ? (ns / 1e6).toPrecision(3) + ' ms' : (ns / 1e9).toPrecision(3) + ' s';
  function when(us, day) {
    const d = new Date(base + us / 1e3 + zone * 6e4), text = d.toISOString();
    const part = String(Math.floor((base * 1e3 + us) % 1e6)).padStart(6, '0');
    return (day ? text.slice(0, 10) + ' ' : '') + text.slice(11, 19) + '.' + part;
  }
  let found = calls.map((_, i) => i), chosen = -1, lower = null, printing = false;

  for (const [field, names] of [[form.elements.function, functions], [form.elements.value, values]]) {
    const used = new Set(calls.map(c => c[field.name === 'function' ? FUNCTION : VALUE]));
    names.map((n, i) => [n, i]).filter(([, i]) => used.has(i)).sort((a, b) => a[0] < b[0] ? -1 : 1).forEach(([n, i]) => field.add(new Option(n, i)));
  }
  threads.forEach((t, i) => form.elements.thread.add(new Option(t.name, i)));

  function matching() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    if (words.length && !lower) lower = [texts, functions, values, threads.map(t => t.name)].map(l => l.map(t => t.toLowerCase()));
    const hits = words.map(w => [w, ...lower.map(l => l.map(t => t.includes(w)))]);
    const f = form.elements, least = parseFloat(f.least.value) * 1e6 || 0;
    const is = (field, n) => field.value === '' || +field.value === n;
    found = [];
    calls.forEach((c, i) => {
      if (f.failed.checked && !failed(c) || f.marked.checked && !idsOf(c)) return;
      if (!is(f.function, c[FUNCTION]) || !is(f.value, c[VALUE]) || !is(f.thread, c[THREAD]) || c[TOOK] < least) return;
      for (const [w, x, n, v, t] of hits)
        if (!x[c[TEXT]] && !n[c[FUNCTION]] && !v[c[VALUE]] && !t[c[THREAD]] && name(c) !== w && idsOf(c).toLowerCase() !== w) return;
      found.push(i);
    });
  }
  function span(style, text) {
    const s = document.createElement('span');
    s.className = style; s.textContent = text; s.setAttribute('role', 'gridcell');
    return s;
  }
  function row(at) {
    const c = calls[found[at]], r = document.createElement('div');
    r.className = 'call' + (failed(c) ? ' failed' : '') + (idsOf(c) ? ' marked' : '') + (at === chosen ? ' chosen' : '');
    r.id = 'row-' + at; r.setAttribute('role', 'row'); r.setAttribute('aria-rowindex', at + 1); r.setAttribute('aria-selected', at === chosen);
    r.style.transform = 'translateY(' + at * high + 'px)';
    r.append(span('name', name(c)), span('when', when(c[START])), span('who', threads[c[THREAD]].name), span('function', functions[c[FUNCTION]]),
      span('value', values[c[VALUE]]), span('took', took(c[TOOK])), span('what', texts[c[TEXT]].replace(/\s*\n\s*/g, '; ').slice(0, 200)));
    r.addEventListener('click', () => choose(at));
    return r;
  }
  function draw() {
    const from = printing ? 0 : Math.max(0, Math.floor(list.scrollTop / high) - 5);
    const to = printing ? Math.min(found.length, 300) : Math.min(found.length, from + Math.ceil(list.clientHeight / high) + 10);
    const rows = [];
    for (let i = from; i < to; i++) rows.push(row(i));
    all.style.height = found.length * high + 'px';
    all.replaceChildren(...rows);
  }
  function filter() {
    const before = chosen < 0 ? -1 : found[chosen];
    matching();
    chosen = found.indexOf(before);
    list.setAttribute('aria-rowcount', found.length);
    const bad = found.reduce((n, i) => n + failed(calls[i]), 0);
    count.textContent = found.length + ' of ' + calls.length + ' calls, ' + bad + ' failed';
    list.scrollTop = chosen < 0 ? 0 : chosen * high - list.clientHeight / 2;
    draw();
  }
  function element(tag, text) { const e = document.createElement(tag); e.textContent = text; return e; }
  function choose(at) {
    if (at < 0 || at >= found.length) return;
    chosen = at;
    const c = calls[found[at]], y = at * high;
    if (y < list.scrollTop) list.scrollTop = y;
    if (y + high > list.scrollTop + list.clientHeight) list.scrollTop = y + high - list.clientHeight;
    draw();
    list.setAttribute('aria-activedescendant', 'row-' + at);
    const ids = idsOf(c), value = element('span', values[c[VALUE]]);
    if (failed(c)) value.className = 'bad';
    const line = element('p', threads[c[THREAD]].name + ', ' + when(c[START], true) + (c[TOOK] < 0 ? '' : ', ' + took(c[TOOK])) + ', ');
    line.append(value, ids ? '; see finding ' + ids : '');
    detail.replaceChildren(element('h3', name(c) + ': ' + functions[c[FUNCTION]]), line, element('pre', texts[c[TEXT]]));
  }
  function step(by, want) {
    let at = chosen;
    do at += by; while (at >= 0 && at < found.length && !want(calls[found[at]]));
    choose(at);
  }
  function find(test) {
    let at = found.findIndex(i => test(calls[i]));
    if (at < 0 && calls.some(test)) { form.reset(); filter(); at = found.findIndex(i => test(calls[i])); }
    if (at < 0) return;
    list.scrollTop = at * high - list.clientHeight / 2;
    choose(at); list.focus({ preventScroll: true }); box.scrollIntoView();
  }
  function follow() {
    const to = /^#call-(\d+:\d+)$/.exec(location.hash);
    if (to) find(c => key(c) === to[1]);
  }
  form.addEventListener('input', filter);
  form.addEventListener('reset', () => setTimeout(filter));
  form.addEventListener('submit', e => e.preventDefault());
  list.addEventListener('scroll', draw, { passive: true });
  list.addEventListener('keydown', e => {
    const page = Math.max(1, Math.floor(list.clientHeight / high) - 1), any = () => true;
    const to = { ArrowDown: chosen + 1, ArrowUp: chosen - 1, PageDown: Math.min(chosen + page, found.length - 1), PageUp: Math.max(chosen - page, 0), Home: 0, End: found.length - 1 }[e.key];
    if (e.ctrlKey || e.altKey || e.metaKey) return;
    if (to !== undefined) choose(Math.max(to, 0));
    else if (e.key === 'n') step(1, failed);
    else if (e.key === 'p') step(-1, failed);
    else return;
    e.preventDefault();
  });
  document.addEventListener('keydown', e => {
    if (e.key !== '/' || /INPUT|SELECT/.test(document.activeElement.tagName)) return;
    e.preventDefault(); search.focus();
  });
  document.addEventListener('p11tape-call', ({ detail: d }) => {
    const there = c => c[TAPE] === d.tape && (d.thread === 0 || threads[c[THREAD]].n === d.thread);
    let best = -1;
    calls.forEach((c, i) => { if (there(c) && (best < 0 || Math.abs(c[START] - d.at) < Math.abs(calls[best][START] - d.at))) best = i; });
    if (best >= 0) find(c => c === calls[best]);
  });
  window.addEventListener('hashchange', follow);
  window.addEventListener('resize', draw);
  window.addEventListener('beforeprint', () => { printing = true; document.querySelectorAll('details').forEach(d => { d.open = true; }); draw(); });
  window.addEventListener('afterprint', () => { printing = false; draw(); });
  filter();
  follow();
})();
)js";

}  // namespace p11tape::report
