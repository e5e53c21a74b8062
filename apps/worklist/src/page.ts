/**
 * The plain page at `/`: what this is, the studies of the last two days, and where the API is. Rendered here; a small
 * script replaces the rows when something changes.
 */
import type { StudyView } from '@ichor/shared';

export const PAGE_HOURS = 48;
export const PAGE_ROWS = 200;

/** The whole page. @param studies in the order of the worklist */
export function renderPage(studies: readonly StudyView[]): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Ichor worklist</title><link rel="stylesheet" href="/page.css"><script src="/page.js" defer></script></head>
<body>
<header><h1>Ichor</h1><p>Triage of head CT for intracranial hemorrhage.</p>
<p class="notice" role="note"><strong>Not for diagnostic use.</strong> Ichor is not a medical device. The absence of a flag is not a negative read.</p></header>
<main>
<h2>Studies of the last ${PAGE_HOURS} hours <span id="live" aria-live="polite"></span></h2>
<table><thead><tr><th>State</th><th>Findings (score)</th><th>Accession number</th><th>Instances</th><th>Received</th><th>Delivery</th><th>Study Instance UID</th></tr></thead>
<tbody>
${studies.map(renderRow).join('\n')}
</tbody></table>
${studies.length === 0 ? '<p id="empty">No study has arrived.</p>' : ''}
</main>
<footer><p>API: <a href="/api/studies">/api/studies</a> (<code>state</code>, <code>limit</code>, <code>cursor</code>, <code>accessionNumber</code>, <code>withinHours</code>),
<code>/api/studies/{StudyInstanceUID}</code>, <a href="/api/schema">/api/schema</a>, <a href="/api/incidents">/api/incidents</a>, <a href="/api/events">/api/events</a> (server-sent events),
<a href="/healthz">/healthz</a>, <a href="/readyz">/readyz</a>, <a href="/metrics">/metrics</a></p></footer>
</body></html>
`;
}

function renderRow(study: StudyView): string {
  const cells = [
    `<span class="state ${study.state}">${study.state}</span>`,
    escapeHtml(explanation(study)),
    escapeHtml(study.accessionNumber ?? ''),
    String(study.receivedInstances),
    study.times.firstInstance === null
      ? ''
      : `<time datetime="${study.times.firstInstance}">${study.times.firstInstance.slice(0, 16).replace('T', ' ')} UTC</time>`,
    escapeHtml(deliverySummary(study)),
    `<a href="/api/studies/${escapeHtml(study.studyInstanceUid)}">${escapeHtml(study.studyInstanceUid)}</a>`,
  ];
  return `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
}

/** One line for a person: the findings with their scores, or why there are none. */
export function explanation(study: StudyView): string {
  if (study.reason !== null) return [study.reason.sentence, study.reason.detail].filter(Boolean).join(' ');
  if (study.state === 'failed') return study.error ?? '';
  if (study.findings === null) return '';
  const present = Object.entries(study.findings).filter(([name, finding]) => name !== 'any' && finding.present);
  const named = present.map(([name, finding]) => `${name} ${finding.score.toFixed(2)}`);
  return [`any ${study.findings.any.score.toFixed(2)}`, ...named].join(', ');
}

/** `HOSPPACS: SR committed, 12 SC stored`. */
export function deliverySummary(study: StudyView): string {
  const counts = new Map<string, Map<string, number>>();
  for (const { destination, object, state } of study.deliveries) {
    const kinds = counts.get(destination) ?? new Map<string, number>();
    counts.set(destination, kinds);
    kinds.set(`${object} ${state}`, (kinds.get(`${object} ${state}`) ?? 0) + 1);
  }
  return [...counts]
    .map(([destination, kinds]) => {
      const parts = [...kinds].map(([kind, count]) => (count === 1 ? kind : `${count} ${kind}`));
      return `${destination}: ${parts.join(', ')}`;
    })
    .join('; ');
}

const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

export const PAGE_CSS = `body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:80rem;padding:0 1rem;color:#1b1f24;background:#fff}
h1{margin-bottom:0}.notice{background:#fff3cd;border:1px solid #b8860b;padding:.5rem .75rem}
table{border-collapse:collapse;width:100%;font-size:14px}th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #d0d7de;vertical-align:top}
td:last-child{overflow-wrap:anywhere;min-width:14rem}.state{padding:.1rem .5rem;border-radius:.6rem;background:#e7ebef;white-space:nowrap}
.flagged{background:#b3261e;color:#fff;font-weight:600}.clear{background:#dff3e3}.not-analysed,.failed{background:#ffe2b8}
#live{font-size:13px;font-weight:400;color:#57606a}footer{margin-top:2rem;color:#57606a;font-size:14px}`;

export const PAGE_JS = `let timer;
async function refresh() {
  timer = undefined;
  const response = await fetch('/', { cache: 'no-store' });
  if (!response.ok) return;
  const fresh = new DOMParser().parseFromString(await response.text(), 'text/html');
  document.querySelector('main').replaceChildren(...fresh.querySelector('main').childNodes);
}
const soon = () => { timer ??= setTimeout(() => refresh().catch(() => {}), 500); };
const events = new EventSource('/api/events');
for (const name of ['study', 'resync', 'ready']) events.addEventListener(name, soon);
const show = (text) => { const at = document.getElementById('live'); if (at) at.textContent = text; };
events.addEventListener('error', () => show('(connection lost, retrying)'));
`;
