/** What every page has: header, theme, live connection. */
import { html } from 'htm/preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { api, type Me, type Study } from './model.ts';

export function Header({ title }: { title: string }) {
  const [, again] = useState(0);
  const me = useMe();
  const dark = document.documentElement.dataset['theme'] === 'dark';
  const toggle = () => {
    const theme = dark ? 'light' : 'dark';
    localStorage.setItem('ichor-theme', theme);
    document.documentElement.dataset['theme'] = theme;
    again((count) => count + 1);
  };
  return html`<header class="top"><a class="brand" href="/">Ichor</a><h1>${title}</h1>
    <nav aria-label="Pages"><a href="/">Worklist</a><a href="/figures">Figures</a>${me !== null && me.deadNotifications !== null && html`<a href="/notifications">Notifications${me.deadNotifications > 0 && html` <span class="badge">${me.deadNotifications} dead</span>`}</a>`}<a href="/account">Account</a></nav>
    <button class="plain" onClick=${toggle}>${dark ? 'Light theme' : 'Dark theme'}</button></header>`;
}

/** Who looks; null until that is known. */
export function useMe(): Me | null {
  const [me, setMe] = useState<Me | null>(null);
  useEffect(() => {
    const ask = () => void api<Me>('/api/me').then(setMe, () => {});
    ask();
    addEventListener(ME_CHANGED, ask);
    return () => removeEventListener(ME_CHANGED, ask);
  }, []);
  return me;
}
const ME_CHANGED = 'ichor-me';
/** Tells every header to ask again: something died, or was sent again. */
export const meChanged = (): boolean => dispatchEvent(new Event(ME_CHANGED));

const SOON_MS = 500;
/** @returns asks for a run; however often it is asked, there is one per half second, of the newest function given */
export function useSoon(run: () => void): () => void {
  const newest = useRef(run);
  newest.current = run;
  const timer = useRef(0);
  return () => {
    timer.current ||= window.setTimeout(() => {
      timer.current = 0;
      newest.current();
    }, SOON_MS);
  };
}

type Listener = { onStudy: (study: Study) => void; onResync: () => void };
/** The stream of changes. @returns since when it is lost (ms), null while connected */
export function useLive({ onStudy, onResync }: Listener): number | null {
  const [lostAt, setLostAt] = useState<number | null>(null);
  const askMe = useSoon(meChanged);
  useEffect(() => {
    let events: EventSource;
    let timer = 0;
    let first = true;
    const open = () => {
      events = new EventSource('/api/events');
      events.addEventListener('study', (event) => onStudy(JSON.parse(event.data)));
      events.addEventListener('incident', askMe);
      const everything = () => {
        onResync();
        askMe();
      };
      events.addEventListener('resync', everything);
      events.addEventListener('ready', () => {
        setLostAt(null);
        if (!first) everything();
        first = false;
      });
      events.onerror = () => {
        setLostAt((at) => at ?? Date.now());
        if (events.readyState !== EventSource.CLOSED) return;
        timer = window.setTimeout(open, 3000);
      };
    };
    open();
    return () => {
      clearTimeout(timer);
      events.close();
    };
  }, []);
  return lostAt;
}

export function Lost({ at, retry }: { at: number | null; retry: () => void }) {
  if (at === null) return null;
  return html`<div class="lost" role="alert">Connection lost. What you see is from ${new Date(at).toLocaleTimeString()}. Trying again…
    <button onClick=${retry}>Try now</button></div>`;
}

/** The time, every second. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
