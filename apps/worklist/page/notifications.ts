/** What other systems were told of results: state, last refusal, and dead letters that can be sent again. */
import { html } from 'htm/preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { api, clock, type DeadLetters, type Notification } from './model.ts';
import { Header, Lost, meChanged, useLive, useSoon } from './parts.ts';

type Filter = { state: string; kind: string; studyInstanceUid: string };
type Answer = { notifications: Notification[]; dead: DeadLetters[] };
/** What to send again: one; every dead one of a destination; every dead one (null). */
type Which = { id: number | null } | Pick<DeadLetters, 'kind' | 'destination'>;
type Resend = (which: Which) => Promise<void>;
const KINDS: Readonly<Record<string, string>> = { hl7: 'HL7', webhook: 'Webhook', mail: 'E-mail' };
const study = new URLSearchParams(location.search).get('study') ?? '';
const addressOf = (filter: Filter): string =>
  `/api/notifications?${new URLSearchParams(Object.entries(filter).filter(([, value]) => value !== ''))}`;

export function NotificationsPage() {
  const [filter, setFilter] = useState<Filter>({
    state: study === '' ? 'dead' : '',
    kind: '',
    studyInstanceUid: study,
  });
  const [answer, setAnswer] = useState<Answer | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [said, setSaid] = useState('');
  const current = useRef(filter);
  current.current = filter;
  const load = async (): Promise<void> => {
    try {
      const got = await api<Answer>(addressOf(filter));
      if (current.current !== filter) return;
      setAnswer(got);
      setProblem(null);
    } catch (error) {
      setProblem((error as Error).message);
    }
  };
  const resend: Resend = async (which) => {
    try {
      const { resent } = await api<{ resent: number }>('/api/notifications/resend', which);
      setSaid(resent === 1 ? 'It is due again.' : `${resent} are due again.`);
      meChanged();
      await load();
    } catch (error) {
      setProblem((error as Error).message);
    }
  };
  useEffect(() => void load(), [filter]);
  const soon = useSoon(() => {
    void load();
    meChanged();
  });
  const lostAt = useLive({ onStudy: soon, onResync: soon });
  return html`<${Header} title="Notifications" /><${Lost} at=${lostAt} retry=${load} />
    ${problem && html`<p class="lost" role="alert">${problem}</p>`}
    <main class="figures" tabindex="0"><section class="card span"><${Filters} filter=${filter} onChange=${setFilter} />
      ${answer && html`<${Dead} dead=${answer.dead} resend=${resend} />`}
      <p role="status">${said}</p>${answer && html`<${Table} rows=${answer.notifications} resend=${resend} />`}</section></main>`;
}

/** One button per destination with dead letters: after its repair all of them go out at once. */
function Dead({ dead, resend }: { dead: readonly DeadLetters[]; resend: Resend }) {
  const sum = dead.reduce((total, { count }) => total + count, 0);
  return html`<div class="tools">${dead.map(
    ({ kind, destination, count }) =>
      html`<button data-resend-to=${destination} onClick=${() => resend({ kind, destination })}>Send ${count} dead to ${KINDS[kind]} ${destination} again</button>`,
  )}${dead.length > 1 && html`<button id="resend-all" onClick=${() => resend({ id: null })}>Send all ${sum} dead ones again</button>`}</div>`;
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

function Table({ rows, resend }: { rows: readonly Notification[]; resend: Resend }) {
  if (rows.length === 0) return html`<p class="empty">No notifications here.</p>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Notifications"><table class="letters"><thead><tr>${['Made', 'To', 'Study', 'State', 'Last answer'].map((head) => html`<th scope="col">${head}</th>`)}</tr></thead>
    <tbody>${rows.map((one) => html`<${Row} key=${one.id} one=${one} resend=${resend} />`)}</tbody></table></div>`;
}

function Row({ one, resend }: { one: Notification; resend: Resend }) {
  return html`<tr><td>${clock(one.createdAt)}</td><td>${KINDS[one.kind]} <strong>${one.destination}</strong>${one.urgent && html` <span class="problem">positive</span>`}</td>
    <td><a href=${`/studies/${one.studyInstanceUid}`}>…${one.studyInstanceUid.slice(-16)}</a> revision ${one.revision}</td>
    <td><span class=${`light ${one.state === 'delivered' ? 'committed' : one.state}`}>${one.state}</span> ${attemptsOf(one)}
      ${one.deliveredAt && html`<br /><small>${clock(one.deliveredAt)}</small>`}
      ${one.state === 'dead' && (one.overtaken ? html`<br /><small>A later revision has arrived there.</small>` : html`<br /><button data-resend=${one.id} onClick=${() => resend({ id: one.id })}>Send again</button>`)}</td>
    <td>${one.error ?? '–'}</td></tr>`;
}
const attemptsOf = ({ attempts }: Notification): string =>
  attempts === 0 ? '' : `after ${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}`;
