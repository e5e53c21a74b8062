/** The worklist: pages of the server joined as the reader scrolls, only the rows in sight in the document. */
import { html } from 'htm/preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import {
  api,
  before,
  elapsed,
  type FoundStudy,
  missingOf,
  namesOf,
  patientName,
  reasonOf,
  type Study,
  targetOf,
} from './model.ts';
import { Header, Lost, useLive, useNow } from './parts.ts';

/** The first page is small, to be there at once; those behind it come while the reader looks. */
const FIRST_ROWS = 50;
const PAGE_ROWS = 200;
/** Rows beyond those in sight, above and below. */
const MARGIN = 5;
/** A picture is asked for where its row has stayed this long: not for what only flies past. */
const SETTLED_MS = 120;
type Page = { studies: Study[]; next: string | null };
type Filter = { state: string; finding: string; search: string; withinHours: string };
const NONE: Filter = { state: '', finding: '', search: '', withinHours: '' };
const rowHeight = (): number => (innerWidth < 700 ? 176 : 84);

const stepped = (value: number, step: number): number => Math.floor(value / step) * step;
/** A study that a live change brought before its page came is there already. */
function joined(known: readonly Study[], more: readonly Study[]): Study[] {
  const uids = new Set(known.map((study) => study.studyInstanceUid));
  return [...known, ...more.filter((study) => !uids.has(study.studyInstanceUid))];
}

function addressOf(filter: Filter, cursor: string | null): string {
  const query = new URLSearchParams({ limit: String(cursor === null ? FIRST_ROWS : PAGE_ROWS) });
  for (const [name, value] of Object.entries(filter)) if (value !== '') query.set(name, value);
  if (cursor !== null) query.set('cursor', cursor);
  return `/api/studies?${query}`;
}

export function ListPage() {
  const [filter, setFilter] = useState(NONE);
  const [{ studies, next }, setPage] = useState<Page>({ studies: [], next: null });
  const [problem, setProblem] = useState<string | null>(null);
  const [loaded, setLoaded] = useState(false);
  const [selected, setSelected] = useState(0);
  const [top, setTop] = useState(0);
  const loading = useRef<unknown>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const current = useRef(filter);
  current.current = filter;

  const load = async (cursor: string | null = null): Promise<void> => {
    const mine = {};
    loading.current = mine;
    try {
      const page = await api<Page>(addressOf(current.current, cursor));
      if (loading.current !== mine) return;
      setPage((old) => (cursor === null ? page : { studies: joined(old.studies, page.studies), next: page.next }));
      setProblem(null);
    } catch (error) {
      setProblem((error as Error).message);
    }
    loading.current = null;
    setLoaded(true);
  };
  useEffect(() => void load(), [filter]);
  const plain = Object.values(filter).every((value) => value === '');
  const lostAt = useLive({
    onStudy(study) {
      if (Object.values(current.current).some((value) => value !== '')) return void load();
      setPage((old) => {
        const others = old.studies.filter((one) => one.studyInstanceUid !== study.studyInstanceUid);
        const place = others.findIndex((one) => before(study, one) < 0);
        if (place < 0 && old.next !== null) return { ...old, studies: others };
        return { ...old, studies: others.toSpliced(place < 0 ? others.length : place, 0, study) };
      });
    },
    onResync: () => void load(),
  });

  const height = rowHeight();
  const inSight = Math.ceil((scroller.current?.clientHeight ?? innerHeight) / height);
  const first = Math.max(0, Math.floor(top / height) - MARGIN);
  const rows = studies.slice(first, first + inSight + 2 * MARGIN);
  useEffect(() => {
    if (next !== null && loading.current === null && first + inSight + 60 > studies.length) void load(next);
  }, [first, next, studies.length]);

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement) {
        if (event.key === 'Escape') event.target.blur();
        return;
      }
      const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
      if (step !== undefined) {
        event.preventDefault();
        const row = Math.min(studies.length - 1, Math.max(0, selected + step));
        setSelected(row);
        const box = scroller.current!;
        if (row * height < box.scrollTop) box.scrollTop = row * height;
        if ((row + 1) * height > box.scrollTop + box.clientHeight)
          box.scrollTop = (row + 1) * height - box.clientHeight;
      }
      if (event.key === 'Enter' && studies[selected] && event.target === document.body)
        location.assign(`/studies/${studies[selected].studyInstanceUid}`);
      if (event.key === '/') {
        event.preventDefault();
        document.getElementById('search')?.focus();
      }
      if (event.key === '?') document.querySelector<HTMLDialogElement>('#keys')?.showModal();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [studies, selected]);

  return html`<${Header} title="Worklist" /><${Lost} at=${lostAt} retry=${() => load()} />
    <main class="list"><${Filters} filter=${filter} names=${namesOf(studies)} onChange=${setFilter} />
    ${problem && html`<p class="lost" role="alert">${problem}</p>`}
    ${loaded && studies.length === 0 && !problem && html`<p class="empty">${plain ? 'No study has arrived yet. Send head CT to Ichor and it appears here by itself.' : 'No study matches these filters.'}</p>`}
    <div class="scroller" ref=${scroller} tabindex="0" role="region" aria-label="Studies" onScroll=${(event: Event) => setTop(stepped((event.target as HTMLElement).scrollTop, height))}>
      <ul class="rows" style=${{ height: `${studies.length * height}px` }}>
      ${rows.map((study, index) => html`<${Row} key=${study.studyInstanceUid} study=${study} top=${(first + index) * height} height=${height} chosen=${first + index === selected} />`)}
      </ul></div>
    <p class="count" aria-live="polite">${studies.length}${next ? '+' : ''} studies · <button class="plain" onClick=${() => document.querySelector<HTMLDialogElement>('#keys')?.showModal()}>Keys (?)</button></p></main>
    <dialog id="keys" aria-label="Keys"><dl><dt>j k</dt><dd>next, previous study</dd><dt>Enter</dt><dd>open it</dd><dt>/</dt><dd>search</dd><dt>Esc</dt><dd>leave the search</dd></dl><form method="dialog"><button>Close</button></form></dialog>`;
}

function Filters(of: { filter: Filter; names: readonly string[]; onChange: (filter: Filter) => void }) {
  const { filter, names, onChange } = of;
  const timer = useRef(0);
  /** A filter leaves studies out of sight, not what they may show. */
  const known = useRef(new Set<string>());
  for (const name of names) known.current.add(name);
  const set = (name: keyof Filter) => (event: Event) => {
    const value = (event.target as HTMLInputElement).value;
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => onChange({ ...filter, [name]: value }), name === 'search' ? 250 : 0);
  };
  const choice = (name: keyof Filter, label: string, options: readonly (readonly [string, string])[]) =>
    html`<label>${label}<select value=${filter[name]} onChange=${set(name)}>${options.map(([value, text]) => html`<option value=${value}>${text}</option>`)}</select></label>`;
  return html`<form class="filters" role="search" onSubmit=${(event: Event) => event.preventDefault()}>
    <label class="wide">Search<input id="search" type="search" placeholder="Accession, patient or UID" onInput=${set('search')} /></label>
    ${choice('state', 'State', [
      ['', 'All'],
      ['flagged', 'Positive'],
      ['not-analysed,failed', 'Not analysed'],
      ['receiving,queued,analysing', 'Under way'],
      ['clear', 'No finding'],
    ])}
    ${choice('finding', 'Finding', [['', 'All'], ...[...known.current].map((name) => [name, name] as const)])}
    ${choice('withinHours', 'Arrived', [
      ['', 'Any time'],
      ['4', 'Last 4 hours'],
      ['24', 'Last day'],
      ['168', 'Last week'],
    ])}</form>`;
}

const STATE_WORDS: Record<Study['state'], string> = {
  flagged: 'Positive',
  'not-analysed': 'Not analysed',
  failed: 'Failed',
  clear: 'No finding',
  receiving: 'Receiving',
  queued: 'Queued',
  analysing: 'Analysing',
};
export const State = ({ state }: { state: Study['state'] }) =>
  html`<span class=${`state ${state}`}>${STATE_WORDS[state]}</span>`;

/** While another row moves into sight this one is not compared again. */
function Row({ study, top, height, chosen }: { study: Study; top: number; height: number; chosen: boolean }) {
  return useMemo(
    () => html`<li class=${`row ${study.state} ${chosen ? 'chosen' : ''}`} style=${{ top: `${top}px`, height: `${height}px` }}>
    <span class="thumb">${study.state === 'flagged' && html`<${Thumb} study=${study} />`}</span>
    <span class="who"><a href=${`/studies/${study.studyInstanceUid}`}>${study.accessionNumber || `…${study.studyInstanceUid.slice(-16)}`}</a><span>${patientName(study)}</span><${Since} since=${study.times.firstInstance} /></span>
    <span class="what"><${State} state=${study.state} /><span class="reason">${reasonOf(study) || missingOf(study) || (study.findings ? presentClasses(study) : `${study.receivedInstances} instances`)}</span></span>
    <${Bars} study=${study} /><${Lights} study=${study} /></li>`,
    [study, top, height, chosen],
  );
}
function Thumb({ study }: { study: Study }) {
  const [settled, setSettled] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(true), SETTLED_MS);
    return () => clearTimeout(timer);
  }, []);
  if (!settled) return null;
  return html`<img src=${`/api/studies/${study.studyInstanceUid}/thumbnail.png?r=${study.revision}`} alt="" width="68" height="68" onError=${(event: Event) => (event.target as HTMLElement).remove()} />`;
}
const Since = ({ since }: { since: string | null }) => html`<span class="since">${elapsed(since, useNow())}</span>`;
function presentClasses(study: FoundStudy): string {
  const { findings } = study;
  const { classes, decides, general } = targetOf(study);
  const kinds = classes.filter(({ name }) => name !== decides && findings[name]!.present);
  if (kinds.length > 0) return kinds.map(({ name }) => name).join(', ');
  if (!findings[decides]!.present) return '';
  return classes.length > 1 ? `${general}, kind undetermined` : general;
}

function Bars({ study }: { study: Study }) {
  const { findings } = study;
  if (findings === null) return html`<span class="bars"></span>`;
  const { classes } = targetOf(study);
  const text = classes.map(({ name }) => `${name} ${findings[name]!.score.toFixed(2)}`).join(', ');
  return html`<span class="bars" role="img" aria-label=${`Scores: ${text}`} title=${text}>${classes.map(
    ({ name, abbreviation }) => {
      const { score, present } = findings[name]!;
      return html`<span class=${present ? 'bar on' : 'bar'}><span style=${{ height: `${Math.max(2, score * 36)}px` }}></span><small>${abbreviation}</small></span>`;
    },
  )}</span>`;
}

/** A light per destination: the worst of what it is owed. */
function Lights({ study }: { study: Study }) {
  const order = ['dead', 'pending', 'stored', 'committed'];
  const worst = new Map<string, string>();
  for (const { destination, state } of study.deliveries)
    if (order.indexOf(state) < order.indexOf(worst.get(destination) ?? 'committed') || !worst.has(destination))
      worst.set(destination, state);
  return html`<span class="lights">${[...worst].map(([destination, state]) => html`<span class=${`light ${state}`}>${destination} <small>${state}</small></span>`)}</span>`;
}
