/** What other systems were told of results: state, last refusal, and dead letters that can be sent again. */
import { html } from 'htm/preact';
import { useEffect, useState } from 'preact/hooks';
import { api, clock, type Notification } from './model.ts';
import { Header, Lost, useLive } from './parts.ts';

type Filter = { state: string; kind: string; studyInstanceUid: string };
type Answer = { notifications: Notification[]; dead: number };
const KINDS: Readonly<Record<string, string>> = { hl7: 'HL7', webhook: 'Webhook', mail: 'E-mail' };
const study = new URLSearchParams(location.search).get('study') ?? '';

export function NotificationsPage() {
  const [filter, setFilter] = useState<Filter>({
    state: study === '' ? 'dead' : '',
    kind: '',
    studyInstanceUid: study,
  });
  const [answer, setAnswer] = useState<Answer | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [said, setSaid] = useState('');
  const load = (): Promise<void> =>
    api<Answer>(
      `/api/notifications?${new URLSearchParams(Object.entries(filter).filter(([, value]) => value !== ''))}`,
    ).then(
      (got) => {
        setAnswer(got);
        setProblem(null);
      },
      (error: Error) => setProblem(error.message),
    );
  const resend = async (id: number | null): Promise<void> => {
    try {
      const { resent } = await api<{ resent: number }>('/api/notifications/resend', { id });
      setSaid(resent === 1 ? 'It is due again.' : `${resent} are due again.`);
      await load();
    } catch (error) {
      setProblem((error as Error).message);
    }
  };
  useEffect(() => void load(), [filter]);
  const lostAt = useLive({ onStudy: () => void load(), onResync: () => void load() });
  return html`<${Header} title="Notifications" /><${Lost} at=${lostAt} retry=${load} />
    ${problem && html`<p class="lost" role="alert">${problem}</p>`}
    <main class="figures" tabindex="0"><section class="card span"><${Filters} filter=${filter} onChange=${setFilter} />
      ${answer && answer.dead > 0 && html`<p><button id="resend-all" onClick=${() => resend(null)}>Send all ${answer.dead} dead ones again</button></p>`}
      <p role="status">${said}</p>${answer && html`<${Table} rows=${answer.notifications} resend=${resend} />`}</section></main>`;
}

function Filters({ filter, onChange }: { filter: Filter; onChange: (filter: Filter) => void }) {
  const choice = (name: keyof Filter, label: string, options: readonly (readonly [string, string])[]) =>
    html`<label>${label}<select id=${name} value=${filter[name]} onChange=${(event: Event) => onChange({ ...filter, [name]: (event.target as HTMLSelectElement).value })}>${options.map(([value, text]) => html`<option value=${value}>${text}</option>`)}</select></label>`;
  return html`<form class="filters" onSubmit=${(event: Event) => event.preventDefault()}>
    ${choice('state', 'State', [
      ['', 'All'],
      ['dead', 'Dead'],
      ['pending', 'Pending'],
      ['delivered', 'Delivered'],
    ])}
    ${choice('kind', 'By', [['', 'All'], ...Object.entries(KINDS)])}
    <label class="wide">Study Instance UID<input type="search" value=${filter.studyInstanceUid} onChange=${(event: Event) => onChange({ ...filter, studyInstanceUid: (event.target as HTMLInputElement).value.trim() })} /></label></form>`;
}

function Table({ rows, resend }: { rows: readonly Notification[]; resend: (id: number) => Promise<void> }) {
  if (rows.length === 0) return html`<p class="empty">No notifications here.</p>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Notifications"><table class="wide"><thead><tr>${['Made', 'To', 'Study', 'State', 'Attempts', 'Last answer', ''].map((head) => html`<th scope="col">${head}</th>`)}</tr></thead>
    <tbody>${rows.map(
      (
        one,
      ) => html`<tr key=${one.id}><td>${clock(one.createdAt)}</td><td>${KINDS[one.kind]} <strong>${one.destination}</strong>${one.urgent && html` <span class="problem">positive</span>`}</td>
        <td><a href=${`/studies/${one.studyInstanceUid}`}>…${one.studyInstanceUid.slice(-16)}</a> revision ${one.revision}</td>
        <td><span class=${`light ${one.state === 'delivered' ? 'committed' : one.state}`}>${one.state}</span>${one.deliveredAt && html`<br /><small>${clock(one.deliveredAt)}</small>`}</td>
        <td>${one.attempts}</td><td>${one.error ?? '–'}</td>
        <td>${one.state === 'dead' && html`<button data-resend=${one.id} onClick=${() => resend(one.id)}>Send again</button>`}</td></tr>`,
    )}</tbody></table></div>`;
}
