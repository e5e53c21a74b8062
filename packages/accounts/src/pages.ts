/** The pages of sign-in, account and audit: plain HTML that works without script, in the reader's light or dark theme. */

import { ACTS } from '@ichor/shared/acts';
import { escapeHtml } from '@ichor/shared/escapeHtml';
import type { AuditQuery, AuditRow } from '@ichor/store/rows/audit';
import { ADD_FIRST_USER } from './accounts.ts';
import type { User } from './identity.ts';

const NOTICE =
  '<p class="notice" role="note"><strong>Not for diagnostic use.</strong> Ichor is not a medical device. The absence of a flag is not a negative read.</p>';

function page(title: string, body: string, { head = '', wide = false } = {}): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)} · Ichor</title><link rel="icon" href="/assets/icon.svg" type="image/svg+xml"><link rel="stylesheet" href="/sign-in.css">${head}</head>
<body${wide ? ' class="wide"' : ''}><header><p class="brand">Ichor</p>${NOTICE}</header>
<main><h1>${escapeHtml(title)}</h1>
${body}
</main></body></html>
`;
}

const alert = (problem: string | null): string =>
  problem === null ? '' : `<p class="problem" role="alert" id="problem">${escapeHtml(problem)}</p>`;
const notice = (text: string | null): string =>
  text === null ? '' : `<p class="done" role="status">${escapeHtml(text)}</p>`;

export type SignInPage = {
  readonly returnTo: string;
  readonly name: string;
  readonly problem: string | null;
  /** Nobody can sign in yet: say how the first one is made. */
  readonly empty: boolean;
  /** Null: single sign-on is not set up. */
  readonly oidc: { readonly problem: string | null } | null;
};

export function signInPage({ returnTo, name, problem, empty, oidc }: SignInPage): string {
  const described = problem === null ? '' : ' aria-describedby="problem" aria-invalid="true"';
  return page(
    'Sign in',
    `${alert(problem)}${empty ? FIRST_USER : ''}
<form method="post" action="/sign-in">
<input type="hidden" name="to" value="${escapeHtml(returnTo)}">
<label for="name">User name</label>
<input id="name" name="name" value="${escapeHtml(name)}" autocomplete="username" autocapitalize="none" spellcheck="false" required${name === '' ? ' autofocus' : ''}${described}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required${name === '' ? '' : ' autofocus'}${described}>
<button>Sign in</button>
</form>
${oidc === null ? '' : singleSignOn(oidc.problem, returnTo)}`,
  );
}

const FIRST_USER = `<div class="notice"><p>There is no user yet. Make the first one where the worklist runs, with its settings:</p>
${ADD_FIRST_USER.map((command) => `<p><code>${command}</code></p>`).join('<p>or</p>')}</div>`;

function singleSignOn(problem: string | null, returnTo: string): string {
  if (problem === null)
    return `<p class="or">or</p><p><a class="button" href="/sign-in/oidc?to=${encodeURIComponent(returnTo)}">Single sign-on</a></p>`;
  return `<p class="or">or</p><p><a class="button away" role="link" aria-disabled="true">Single sign-on</a></p>
<p class="problem">Single sign-on does not answer right now. Reload this page to try again, or sign in with a user of Ichor.</p>`;
}

/** @param elsewhere where to sign out at the provider too; the browser goes there by itself */
export function signedOutPage(elsewhere: string | null): string {
  const head = elsewhere === null ? '' : `<meta http-equiv="refresh" content="0;url=${escapeHtml(elsewhere)}">`;
  const there =
    elsewhere === null ? '' : `<p><a href="${escapeHtml(elsewhere)}">Sign out of single sign-on too</a></p>`;
  return page('Signed out', `<p>You are signed out of Ichor.</p>${there}<p><a href="/sign-in">Sign in again</a></p>`, {
    head,
  });
}

export function accountPage(user: User, local: boolean, problem: string | null, done: string | null): string {
  const form = `<h2>Change the password</h2>
${alert(problem)}${notice(done)}
<form method="post" action="/account/password">
<input type="text" name="name" value="${escapeHtml(user.name)}" autocomplete="username" hidden>
<label for="current">Present password</label>
<input id="current" name="current" type="password" autocomplete="current-password" required>
<label for="next">New password (at least 12 characters)</label>
<input id="next" name="next" type="password" autocomplete="new-password" minlength="12" required>
<label for="again">New password again</label>
<input id="again" name="again" type="password" autocomplete="new-password" minlength="12" required>
<button>Change the password</button>
</form>`;
  return page(
    'Account',
    `<dl><dt>Name</dt><dd>${escapeHtml(user.displayName)} (${escapeHtml(user.name)})</dd><dt>Role</dt><dd>${user.role}</dd></dl>
<p><a href="/">Worklist</a>${user.role === 'administrator' ? ' · <a href="/audit">Audit trail</a>' : ''}</p>
${local ? form : '<p>The password of this account is kept elsewhere.</p>'}
${user.kind === 'person' ? '<form method="post" action="/sign-out"><button class="quiet">Sign out</button></form>' : ''}`,
  );
}

export function auditPage(rows: readonly AuditRow[], query: AuditQuery): string {
  const value = (text: string | null): string => escapeHtml(text ?? '');
  const more =
    rows.length < query.limit ? '' : `<p><a href="${escapeHtml(earlier(rows, query))}">Earlier entries</a></p>`;
  return page(
    'Audit trail',
    `<p><a href="/">Worklist</a></p>
<form method="get" action="/audit" class="filter">
<label for="actor">User</label><input id="actor" name="actor" value="${value(query.actor)}" autocapitalize="none">
<label for="study">Study Instance UID</label><input id="study" name="studyInstanceUid" value="${value(query.studyInstanceUid)}">
<button>Show</button> <a href="/audit">Everything</a></form>
<div class="scroll" tabindex="0" role="region" aria-label="Entries"><table><thead><tr><th scope="col">When (UTC)</th><th scope="col">Who</th><th scope="col">Role</th><th scope="col">Did</th><th scope="col">Study</th><th scope="col">Address</th></tr></thead>
<tbody>
${rows.map(auditRow).join('\n')}
</tbody></table></div>
${rows.length === 0 ? '<p>No entries.</p>' : ''}${more}`,
    { wide: true },
  );
}

function auditRow(row: AuditRow): string {
  const who = `${escapeHtml(row.actor)}${row.actorKind === 'person' ? '' : ` (${row.actorKind})`}`;
  const what = `${row.succeeded ? '' : '<strong>Failed:</strong> '}${ACTS[row.act] ?? escapeHtml(row.act)}${row.detail === null ? '' : `: ${escapeHtml(row.detail)}`}`;
  const cells = [row.at.replace('T', ' ').replace(/\.\d+Z$/, ''), who, row.role ?? '', what];
  return `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}<td class="uid">${escapeHtml(row.studyInstanceUid ?? '')}</td><td>${escapeHtml(row.address ?? '')}</td></tr>`;
}

function earlier(rows: readonly AuditRow[], query: AuditQuery): string {
  const parameters = new URLSearchParams({ before: rows.at(-1)!.auditId });
  if (query.actor !== null) parameters.set('actor', query.actor);
  if (query.studyInstanceUid !== null) parameters.set('studyInstanceUid', query.studyInstanceUid);
  return `/audit?${parameters}`;
}

/** Contrast is at least 4.5 : 1 for text and 3 : 1 for edges of controls in both themes (WCAG 2.2 AA). */
export const SIGN_IN_CSS = `
:root { color-scheme: light dark; --back: #f4f6f8; --card: #fff; --text: #17212b; --soft: #4a5a6a; --edge: #76889a; --act: #0b5cad; --on-act: #fff;
  --warn-back: #fff4d6; --warn: #5c4300; --bad-back: #fde8e8; --bad: #8f1414; --good-back: #e3f5e8; --good: #125c2b; }
@media (prefers-color-scheme: dark) { :root { --back: #0d1217; --card: #161d24; --text: #e3e9ef; --soft: #a9b7c4; --edge: #718497; --act: #7ab8f5; --on-act: #06223d;
  --warn-back: #332a10; --warn: #f2d68a; --bad-back: #3a1717; --bad: #ffb4b4; --good-back: #12301d; --good: #a5e3b9; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem; max-width: 26rem; background: var(--back); color: var(--text); font: 1rem/1.5 system-ui, sans-serif; }
body.wide { max-width: 90rem; }
.brand { margin: 0; font-size: 1.6rem; font-weight: 700; letter-spacing: .02em; }
h1 { font-size: 1.3rem; margin: 0 0 1rem; } h2 { font-size: 1.1rem; }
main { background: var(--card); border-radius: .75rem; padding: 1.5rem; box-shadow: 0 1px 4px #0003; }
.notice, .problem, .done { border-radius: .5rem; padding: .6rem .8rem; margin: .6rem 0 1rem; }
.notice { background: var(--warn-back); color: var(--warn); font-size: .9rem; }
.problem { background: var(--bad-back); color: var(--bad); } .done { background: var(--good-back); color: var(--good); }
label { display: block; margin: .8rem 0 .25rem; font-weight: 600; }
input { width: 100%; padding: .6rem; font: inherit; color: inherit; background: transparent; border: 1px solid var(--edge); border-radius: .4rem; }
button, .button { display: block; width: 100%; margin-top: 1.2rem; padding: .65rem 1rem; font: inherit; font-weight: 600; text-align: center; text-decoration: none; cursor: pointer;
  color: var(--on-act); background: var(--act); border: 1px solid var(--act); border-radius: .4rem; }
.quiet, a.button { color: var(--act); background: transparent; }
.away { color: var(--soft) !important; border-color: var(--edge); cursor: not-allowed; }
a { color: var(--act); } :focus-visible { outline: 3px solid var(--act); outline-offset: 2px; }
.or { text-align: center; color: var(--soft); margin: 1rem 0 0; } p .button { margin-top: .4rem; }
dl { display: grid; grid-template-columns: auto 1fr; gap: .2rem 1rem; } dt { color: var(--soft); } dd { margin: 0; }
.filter { display: flex; flex-wrap: wrap; gap: .6rem; align-items: end; } .filter label { margin: 0; align-self: center; } .filter input { width: auto; flex: 1 1 12rem; } .filter button { width: auto; margin: 0; }
.scroll { overflow-x: auto; margin-top: 1rem; } table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; padding: .4rem .6rem; border-bottom: 1px solid color-mix(in srgb, var(--edge) 40%, transparent); vertical-align: top; } .uid { word-break: break-all; min-width: 14rem; } td:first-child { white-space: nowrap; }
`;
