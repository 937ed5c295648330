// SPDX-License-Identifier: Apache-2.0
// How the page looks. Red means "failed" and nothing else.
#include "report/page.hpp"

namespace p11tape::report {

const std::string_view page_style = R"css(
:root{--ink:#1b1f24;--soft:#56606a;--line:#d0d6dc;--back:#fff;--bar:#2f6fc0;--failed:#c62828;--card:#f4f6f8;--mark:#fff3c4;--focus:#1a5fb4;
--c0:#7a828c;--c1:#2a8f9d;--c2:#7b5cc4;--c3:#2f6fc0;--c4:#3f9142;--c5:#b58900;--c6:#8a6d4b}
@media(prefers-color-scheme:dark){:root{--ink:#e6eaee;--soft:#a2acb6;--line:#3a434c;--back:#161a1e;--bar:#6ba3ea;--failed:#ff7369;--card:#1f252b;--mark:#4a3f14;--focus:#8ab8ff;
--c0:#99a2ac;--c1:#5cc0cd;--c2:#ab92ea;--c3:#6ba3ea;--c4:#74c477;--c5:#d8b13d;--c6:#bb9d79}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:82rem;padding:0 1rem 3rem;color:var(--ink);background:var(--back);font:14px/1.5 system-ui,"Segoe UI",Roboto,sans-serif}
h1{font-size:1.5rem;margin:1.2rem 0 .2rem}h2{font-size:1.2rem;margin:2.2rem 0 .6rem;border-bottom:1px solid var(--line)}h3{font-size:1rem;margin:1.2rem 0 .3rem}
h1,h2,h3,p,dd,summary{overflow-wrap:anywhere}
a{color:var(--bar)}:focus-visible{outline:2px solid var(--focus);outline-offset:2px}
.skip{position:absolute;left:-100rem}.skip:focus{left:1rem;top:.3rem;background:var(--back);padding:.3rem}
nav{display:flex;flex-wrap:wrap;gap:.2rem 1rem;margin:.6rem 0}
.lead{font-size:1.1rem;margin:.2rem 0}.soft{color:var(--soft)}.bad{color:var(--failed);font-weight:600}
.verdict{background:var(--card);border-left:4px solid var(--bar);padding:.6rem 1rem}.verdict p{margin:.2rem 0}.verdict p:first-child{font-size:1.05rem;font-weight:600}
dl{display:grid;grid-template-columns:minmax(7rem,max-content) minmax(0,1fr);gap:.15rem 1rem;margin:.4rem 0}dt{color:var(--soft)}dd{margin:0}
pre{margin:.2rem 0;padding:.4rem .6rem;background:var(--back);border:1px solid var(--line);overflow-x:auto;font:12.5px/1.45 ui-monospace,Consolas,monospace}
.finding{background:var(--card);border-left:4px solid var(--line);padding:.4rem .9rem;margin:.7rem 0}.finding.error{border-left-color:var(--ink)}.finding.warning{border-left-style:double}
.finding h3{margin:.2rem 0}.level{font-size:.75rem;letter-spacing:.05em;border:1px solid currentColor;border-radius:3px;padding:0 .35em;margin-right:.5em}
.wide{overflow-x:auto;margin-bottom:1rem}table{border-collapse:collapse;width:100%}
th,td{padding:.15rem .5rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}th{color:var(--soft);font-weight:500}
th:first-child,td:first-child{text-align:left;white-space:normal;overflow-wrap:anywhere;min-width:9rem}td.text,th.text{text-align:left;white-space:normal;min-width:9rem}
.meter{width:5rem;height:.6rem;margin-left:.4rem;background:var(--line)}.meter rect{fill:var(--bar)}
.way{width:100%;height:1.6rem;display:block}.p0{fill:var(--c0)}.p1{fill:var(--c1)}.p2{fill:var(--c2)}.p3{fill:var(--c3)}.p4{fill:var(--c4)}.p5{fill:var(--c5)}
figure{margin:.8rem 0}figcaption{color:var(--soft);overflow-wrap:anywhere}
canvas{width:100%;display:block;border:1px solid var(--line);touch-action:pan-y;cursor:crosshair}.hint{min-height:1.5em;color:var(--soft);margin:.2rem 0}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.1rem 1.1rem;padding:0;margin:.3rem 0}.legend i{display:inline-block;width:.9rem;height:.9rem;margin-right:.35rem;vertical-align:-.1rem}
.l0{background:var(--c0)}.l1{background:var(--c1)}.l2{background:var(--c2)}.l3{background:var(--c3)}.l4{background:var(--c4)}.l5{background:var(--c5)}.l6{background:var(--c6)}.lf{background:var(--failed)}
.histograms{display:flex;flex-wrap:wrap;gap:1rem}.histograms figure{margin:0;width:24rem;max-width:100%}.histograms svg{width:100%}
.histograms rect{fill:var(--bar)}.histograms line{stroke:var(--ink)}.histograms text{fill:var(--soft);font-size:11px}
summary{cursor:pointer;font-weight:600;padding:.3rem 0}
.choose{display:flex;flex-wrap:wrap;gap:.4rem .8rem;align-items:end;margin:.4rem 0}.choose label{display:flex;flex-direction:column;color:var(--soft);font-size:12px}
.choose label.tick{flex-direction:row;align-items:center;gap:.3rem;padding-bottom:.3rem}
input,select,button{font:inherit;color:var(--ink);background:var(--back);border:1px solid var(--line);border-radius:3px;padding:.2rem .4rem;max-width:100%}input[type=search]{width:18rem}
.list{position:relative;height:28rem;max-height:70vh;overflow:auto;border:1px solid var(--line)}.list .all{position:relative;min-width:100%}
.call{position:absolute;left:0;right:0;height:24px;display:grid;grid-template-columns:5.5rem 8rem 9rem 13rem 13rem 5.5rem minmax(8rem,1fr);gap:.5rem;padding:0 .5rem;align-items:center;font-size:13px;cursor:default}
.call>span{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}.call .took{text-align:right}.call:nth-child(even){background:var(--card)}
.call.failed .value{color:var(--failed);font-weight:600}.call.chosen{outline:2px solid var(--focus);outline-offset:-2px}.call.marked .name{background:var(--mark);color:var(--ink)}
.detail{border:1px solid var(--line);border-top:0;padding:.4rem .8rem;min-height:4rem}.detail h3{margin:.2rem 0}
@media(max-width:800px){.call{grid-template-columns:4rem 1fr 1fr 4.5rem}.call .when,.call .who,.call .what{display:none}}
@media(max-width:500px){body{padding:0 .6rem 2rem}dl{grid-template-columns:minmax(0,1fr)}dt{margin-top:.3rem}input[type=search]{width:100%}.choose label{flex:1 1 9rem}}
@media print{:root{--ink:#000;--back:#fff;--card:#fff}body{max-width:none;font-size:10pt}nav,.choose,.hint,.skip,.keys{display:none}.finding,figure,tr{break-inside:avoid}
.list{height:auto;max-height:none;overflow:visible}.list .all{height:auto!important}.call{position:static;transform:none!important}.wide{overflow:visible}}
)css";

}  // namespace p11tape::report
