/** Which page the address names. */
import { html } from 'htm/preact';
import { render } from 'preact';
import { FiguresPage } from './figures.ts';
import { ListPage } from './list.ts';
import { NotificationsPage } from './notifications.ts';
import { StudyPage } from './study.ts';

const [, uid] = /^\/studies\/([\d.]+)$/.exec(location.pathname) ?? [];
const page =
  uid !== undefined
    ? html`<${StudyPage} uid=${uid} />`
    : location.pathname === '/figures'
      ? html`<${FiguresPage} />`
      : location.pathname === '/notifications'
        ? html`<${NotificationsPage} />`
        : html`<${ListPage} />`;
const app = document.getElementById('app')!;
app.replaceChildren();
render(page, app);
