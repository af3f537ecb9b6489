//! The style sheet, for light and for dark rooms.
//!
//! Blue, orange and their neighbours are those of Okabe and Ito, which people who see colours
//! otherwise can tell apart; what matters is told by form as well.

pub(super) const STYLE: &str = "\
:root{color-scheme:light dark;--paper:#fff;--card:#f6f8fa;--ink:#1b1f24;--soft:#57606a;--rule:#d5dbe1;\
--hit:#0072b2;--found:#9fcbe6;--miss:#c44900;--false:#6e3f8f;--late:#8a6d00;--calm:#7d8a97;\
--low:#c77800;--middle:#0072b2;--high:#00785a;--band:#0072b222;--regime:#e6ab0230;\
--heat:0,114,178}\
@media (prefers-color-scheme:dark){:root{--paper:#0f1419;--card:#171d24;--ink:#e6eaee;--soft:#9aa5b1;--rule:#303a44;\
--hit:#56b4e9;--found:#2a5d7c;--miss:#ff8a4c;--false:#c99be6;--late:#e6c229;--calm:#8b98a5;\
--low:#f0a638;--middle:#56b4e9;--high:#2fcf9f;--band:#56b4e92b;--regime:#e6c22926;--heat:86,180,233}}\
*{box-sizing:border-box}\
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.55 system-ui,-apple-system,'Segoe UI',sans-serif}\
main{max-width:1040px;margin:0 auto;padding:2rem 1.2rem 4rem}\
h1{font-size:1.7rem;margin:0 0 .2rem}h2{font-size:1.2rem;margin:2.6rem 0 .3rem}h3{font-size:.95rem;margin:.2rem 0}\
p{margin:.3rem 0 .8rem;max-width:75ch}.soft,figcaption{color:var(--soft)}figcaption,.small{font-size:.86rem}\
figure{margin:0}svg{display:block;max-width:100%;height:auto}\
.warning{border-left:4px solid var(--late);padding:.3rem .8rem;margin:.5rem 0;background:var(--card)}\
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(185px,1fr));gap:.8rem;margin:1.4rem 0}\
.card{background:var(--card);border:1px solid var(--rule);border-radius:8px;padding:.8rem 1rem}\
.card b{display:block;font-size:1.75rem;line-height:1.25;font-variant-numeric:tabular-nums}\
.card span{display:block;color:var(--soft);font-size:.84rem;line-height:1.4}.card .name{color:var(--ink);font-size:.9rem}\
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(300px,1fr));gap:.8rem}\
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.88rem;font-variant-numeric:tabular-nums}\
th,td{text-align:left;padding:.28rem .7rem .28rem 0;border-bottom:1px solid var(--rule);vertical-align:top}\
th{font-weight:600;color:var(--soft);vertical-align:bottom}.figure{text-align:right;white-space:nowrap}\
table.heat td,table.heat th{padding:.3rem .6rem;border:1px solid var(--paper)}table.heat th{vertical-align:middle}table.heat tbody th{color:var(--ink);font-weight:400}table.heat td.cell{text-align:center;min-width:8.5rem}\
table.heat td.cell i{display:block;font-style:normal;font-size:.76rem;opacity:.85}\
table.heat td.dark{color:#fff}table.heat td.none{color:var(--soft)}\
@media (prefers-color-scheme:dark){table.heat td.dark{color:#06121b}}\
details{margin:.6rem 0}summary{cursor:pointer;color:var(--hit)}\
.legend{display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;font-size:.86rem;color:var(--soft);margin:.3rem 0 .5rem}\
.legend span{display:inline-flex;align-items:center;gap:.35rem}\
text{fill:var(--ink);font:12px system-ui,-apple-system,'Segoe UI',sans-serif}text.soft{fill:var(--soft)}text.tiny{font-size:11px;fill:var(--soft)}\
.axis{stroke:var(--soft);stroke-width:1}.rule{stroke:var(--rule);stroke-width:1}.mark{stroke:var(--ink);stroke-width:1.5}\
.dash{stroke:var(--soft);stroke-width:1;stroke-dasharray:4 3}\
.hit{fill:var(--hit)}.found{fill:var(--found)}.miss{fill:none;stroke:var(--miss);stroke-width:2}\
.false{fill:var(--false)}.late{fill:none;stroke:var(--late);stroke-width:1.8}.calm{fill:var(--calm)}.nuisance{fill:none;stroke:var(--calm);stroke-width:1.5}\
.regime{fill:var(--regime)}.band{fill:var(--band)}\
.lane{fill:var(--card)}\
.low{fill:var(--low)}.middle{fill:var(--middle)}.high{fill:var(--high)}.all{fill:var(--ink)}\
path.curve{fill:none;stroke-width:2.2;stroke-linejoin:round}\
.curve.low{stroke:var(--low)}.curve.middle{stroke:var(--middle)}.curve.high{stroke:var(--high)}.curve.all{stroke:var(--ink);stroke-width:3}\
.w0{--w:var(--hit)}.w1{--w:var(--miss)}.w2{--w:var(--high)}.w3{--w:var(--false)}.w4{--w:var(--late)}.w5{--w:var(--calm)}\
path.w0,path.w1,path.w2,path.w3,path.w4,path.w5{stroke:var(--w)}\
circle.w0,circle.w1,circle.w2,circle.w3,circle.w4,circle.w5,rect.w0,rect.w1,rect.w2,rect.w3,rect.w4,rect.w5,\
text.w0,text.w1,text.w2,text.w3,text.w4,text.w5{fill:var(--w)}\
@media print{main{max-width:none}.card{break-inside:avoid}figure{break-inside:avoid}}";
