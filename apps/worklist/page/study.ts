/** One study: slices with scores and heat maps, findings and what readers say of them, report, deliveries, history. */
import { html } from 'htm/preact';
import { useEffect, useState } from 'preact/hooks';
import { State } from './list.ts';
import { api, clock, type Detail, missingOf, patientName, reasonOf, type Study, targetOf } from './model.ts';
import { Header, Lost, useLive, useMe } from './parts.ts';
import { Viewer } from './viewer.ts';

export function StudyPage({ uid }: { uid: string }) {
  const [study, setStudy] = useState<Study | null>(null);
  const [detail, setDetail] = useState<Detail | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const me = useMe();
  const judges = me !== null && me.role !== 'viewer';
  const load = async (): Promise<void> => {
    try {
      const [one, more] = await Promise.all([
        api<Study>(`/api/studies/${uid}`),
        api<Detail>(`/api/studies/${uid}/detail`),
      ]);
      setStudy(one);
      setDetail(more);
      setProblem(null);
    } catch (error) {
      setProblem((error as Error).message);
    }
  };
  useEffect(() => void load(), []);
  const lostAt = useLive({
    onStudy: (changed) => changed.studyInstanceUid === uid && void load(),
    onResync: () => void load(),
  });
  const act = async (path: string, body: unknown): Promise<void> => {
    try {
      await api(`/api/studies/${uid}/${path}`, body);
      await load();
    } catch (error) {
      setProblem((error as Error).message);
    }
  };
  return html`<${Header} title=${study ? `Study ${study.accessionNumber ?? ''}` : 'Study'} /><${Lost} at=${lostAt} retry=${load} />
    ${problem && html`<p class="lost" role="alert">${problem}</p>`}
    <main class="study" tabindex="0">${
      study &&
      detail &&
      html`
      <section class="card span"><${Summary} study=${study} viewerUrl=${detail.viewerUrl} /></section>
      ${detail.slices.length > 0 && html`<section class="card"><${Viewer} key=${study.revision} study=${study} slices=${detail.slices} /></section>`}
      <section class="card"><${Findings} study=${study} feedback=${detail.feedback} judges=${judges} act=${act} /></section>
      <section class="card"><h2>Deliveries</h2><${Deliveries} study=${study} judges=${judges} act=${act} />
        ${me !== null && me.deadNotifications !== null && html`<p><a href=${`/notifications?study=${uid}`}>Notifications of this study</a></p>`}</section>
      <section class="card"><h2>Series</h2><${Series} study=${study} /></section>
      <section class="card"><h2>Report</h2><div class="report scroll" tabindex="0" role="region" aria-label="Text of the report">${detail.report.map((line) => html`<p style=${{ paddingLeft: `${line.depth * 14}px` }}>${line.name}${line.value && html`: <strong>${line.value}</strong>`}</p>`)}</div></section>
      <section class="card"><h2>Times and revisions</h2><${History} study=${study} detail=${detail} /></section>`
    }</main>`;
}

function Summary({ study, viewerUrl }: { study: Study; viewerUrl: string | null }) {
  return html`<div class="tools"><${State} state=${study.state} /><strong>${patientName(study)}</strong><span>${study.patient?.id ?? ''}</span>
    ${viewerUrl && html`<a id="viewer" href=${viewerUrl} target="_blank" rel="noreferrer">Open in the viewer</a>`}</div>
    <p>${reasonOf(study)}</p>${study.incomplete && html`<p class="problem">${missingOf(study)}</p>`}<small>${study.studyInstanceUid}${study.model && ` · ${study.model.name} ${study.model.version}`}</small>`;
}

function Findings({
  study,
  feedback,
  judges,
  act,
}: {
  study: Study;
  feedback: Detail['feedback'];
  /** Whether the one who looks may give a verdict. */
  judges: boolean;
  act: (path: string, body: unknown) => Promise<void>;
}) {
  const [comments, setComments] = useState<Record<string, string>>({});
  if (study.findings === null)
    return html`<h2>Findings</h2><p>None: ${reasonOf(study) || 'the analysis is under way'}.</p>`;
  const { findings } = study;
  const { classes, decides } = targetOf(study);
  const names = classes.map(({ name }) => name).reverse();
  names.sort((one, other) => Number(other === decides) - Number(one === decides));
  const say = (finding: string, verdict: string) =>
    act('feedback', { finding, verdict, comment: comments[finding] ?? '' });
  return html`<h2>Findings</h2><div class="scroll" tabindex="0" role="region" aria-label="Findings"><table><thead><tr><th scope="col">Finding</th><th scope="col">Score</th><th scope="col">${judges ? 'Your verdict' : 'Verdicts'}</th></tr></thead><tbody>
    ${names.map((name) => {
      const finding = findings[name]!;
      return html`<tr><th scope="row">${name}${finding.present ? html` <span class="problem">present</span>` : findings[decides]!.present && html` <small>undetermined</small>`}</th><td>${finding.score.toFixed(2)}<br /><small>from ${finding.threshold.toFixed(2)}</small></td>
      <td>${
        judges &&
        html`<div class="verdicts">${['agree', 'disagree', 'unsure'].map((verdict) => html`<button data-verdict=${`${name}-${verdict}`} onClick=${() => say(name, verdict)}>${verdict}</button>`)}
      <input aria-label=${`Comment on ${name}`} placeholder="Comment" maxlength="2000" onInput=${(event: Event) => setComments({ ...comments, [name]: (event.target as HTMLInputElement).value })} /></div>`
      }
      ${feedback.filter((one) => one.finding === name).map((one) => html`<div class="said"><strong>${one.readerName}</strong>: ${one.verdict}${one.comment && ` – ${one.comment}`} <small>${clock(one.at)}</small></div>`)}</td></tr>`;
    })}</tbody></table></div>`;
}

function Deliveries({
  study,
  judges,
  act,
}: {
  study: Study;
  judges: boolean;
  act: (path: string, body: unknown) => Promise<void>;
}) {
  const dead = study.deliveries.filter(({ state }) => state === 'dead').length;
  return html`${dead > 0 && judges && html`<p><button onClick=${() => act('resend', {})}>Send ${dead} again</button></p>`}
    <div class="scroll" tabindex="0" role="region" aria-label="Deliveries"><table><thead><tr><th scope="col">To</th><th scope="col">Object</th><th scope="col">State</th><th scope="col">Attempts</th></tr></thead><tbody>
    ${study.deliveries.map((one) => html`<tr><td>${one.destination}</td><td>${one.object}</td><td>${one.state} ${one.error ?? ''}</td><td>${one.attempts}</td></tr>`)}</tbody></table></div>
    ${study.deliveries.length === 0 && html`<p>${NOTHING_YET[study.report ?? 'written']}</p>`}`;
}
const NOTHING_YET = {
  pending: 'Report and heat maps are still being written; the result stands.',
  failed: 'Report and heat maps could not be written; the result stands. The incidents say why.',
  written: 'Nothing has to be delivered.',
} as const;
const Series = ({ study }: { study: Study }) =>
  html`<ul>${study.series.map((one) => html`<li><strong>${one.description ?? one.seriesInstanceUid}</strong> (${one.instances}): ${one.reason === null ? 'analysed' : [one.reason.sentence, one.reason.detail].filter(Boolean).join(' ')}${(one.leftOut ?? []).map(({ instances, why }) => `; left out: ${instances}, ${why}`)}</li>`)}</ul>`;
function History({ study, detail }: { study: Study; detail: Detail }) {
  const times = [
    ['First instance', 'firstInstance'],
    ['Last instance', 'lastInstance'],
    ['Complete', 'complete'],
    ['Flagged', 'flagged'],
    ['Delivered', 'delivered'],
  ] as const;
  return html`<dl>${times.map(([text, name]) => html`<dt>${text}</dt><dd>${clock(study.times[name])}</dd>`)}
    ${detail.revisions.map((one) => html`<dt>Revision ${one.revision}</dt><dd>${one.state} ${one.score === null ? '' : one.score.toFixed(2)} · ${clock(one.createdAt)} · ${one.model} ${one.reason ?? ''}</dd>`)}</dl>`;
}
